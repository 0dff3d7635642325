//! Whole films on a whole cluster, and everything that may go wrong on the way.
//!
//! Tests whose names begin with `alone_` disturb the operator, the node or what is measured, and run by themselves,
//! after the others; those that also need the instance of `cluster/` are called `alone_local_`. What judges the whole run
//! is called `last_local_`.

mod accounts;
mod admission;
mod api;
mod backoff;
mod clients;
mod docs;
mod edits;
mod embedded_storage;
mod faults;
mod fence;
mod handover;
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
