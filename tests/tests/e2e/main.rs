//! Whole films on a whole cluster, and everything that may go wrong on the way.
//!
//! Labels at the beginning of a test's name say how `tests/run` may run it, as `[Serial]` and `[Disruptive]` do in
//! Kubernetes' own end-to-end tests (decision 37):
//!
//! | Label | The test |
//! |---|---|
//! | `timed_` | fails if something takes too long, and accepts nothing beside it; these run first, one by one |
//! | none | disturbs nobody; these run next, several at once |
//! | `disruptive_` | disturbs the operator or the node, and accepts that others do the same; these run next, several at once |
//! | `serial_` | disturbs the operator, the node or what is counted, and accepts no other test; these run next, one by one |
//! | `last_` | judges what all others have done; these run at the end |
//!
//! Beside `serial_` and `last_`, `tests/run` tries the Helm chart on another cluster of this machine, and `make test` runs the
//! tests that need no cluster. They touch nothing of theirs, but make everything slower: what they wait for may take minutes.
//!
//! A second label says what the test needs: `local_` the instance of `cluster/`, as in `serial_local_`; `networkpolicy_` a
//! network that follows NetworkPolicies, as kind's does, and as the instance of `cluster/` does while these tests run, after
//! those without a label. `tests/run` says which of them it leaves out. It runs only when asked to, and one by one with
//! nothing beside them: `bench_` (measurements, `MEASURE=1`) and `chaos_local_` (minutes of trouble, `CHAOS=1`).

mod accounts;
mod admission;
mod api;
mod backoff;
mod channel;
mod chaos;
mod clients;
mod dashboard;
mod docs;
mod edits;
mod embedded_storage;
mod faults;
mod fencing_token;
mod gitops;
mod handover;
mod isolation;
mod killed;
mod leading;
mod lighthouse;
mod live;
mod many;
mod metrics;
mod namespaced;
mod network;
mod node;
mod outside;
mod own_servers;
mod paid;
mod plugin;
mod preview;
mod pruned;
mod quota;
mod refusals;
mod requests;
mod restore;
mod rights;
mod settled;
mod stop_all;
mod storage;
mod stream;
mod traces;
mod ttl;
mod waits;
mod walkthrough;
