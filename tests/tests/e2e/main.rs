//! Whole films on a whole cluster, and everything that may go wrong on the way.
//!
//! The beginning of a test's name says beside which others `tests/run` runs it:
//!
//! | Beginning | The test |
//! |---|---|
//! | any other | disturbs nobody; these run first, several at once |
//! | `struck_` | strikes the operator or the node, and accepts that others do the same; these run next, several at once |
//! | `timed_` | fails if something takes too long, and accepts nothing beside it; these run next, one by one |
//! | `alone_` | disturbs the operator, the node or what is counted, and accepts no other test; these run next, one by one |
//! | `last_` | judges what all others have done; these run at the end |
//!
//! Beside `alone_` and `last_`, `tests/run` tries the Helm chart on another cluster of this machine. It touches nothing of
//! theirs, but makes everything slower: what they wait for may take minutes.
//!
//! A test that also needs the instance of `cluster/` is called `struck_local_`, `timed_local_`, `alone_local_` or
//! `last_local_`; one that needs a network that follows policies, as kind's does, is called `networkpolicy_`. `tests/run`
//! says which of them it leaves out. What it runs only when it is asked to begins with `bench_` (measurements, `MEASURE=1`)
//! or `chaos_local_` (minutes of trouble, `CHAOS=1`), and runs one by one with nothing beside it.

mod accounts;
mod admission;
mod api;
mod backoff;
mod chaos;
mod clients;
mod docs;
mod edits;
mod embedded_storage;
mod faults;
mod fence;
mod gitops;
mod handover;
mod isolation;
mod killed;
mod leading;
mod many;
mod metrics;
mod namespaced;
mod network;
mod node;
mod outside;
mod paid;
mod plugin;
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
