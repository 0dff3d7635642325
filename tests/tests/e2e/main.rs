//! Whole films on a whole cluster, and everything that may go wrong on the way.
//!
//! Tests whose names begin with `alone_` disturb the operator, the node or what is measured, and run by themselves,
//! after the others; those that also need the instance of `cluster/` are called `alone_local_`.

mod accounts;
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
mod many;
mod node;
mod outside;
mod paid;
mod pruned;
mod quota;
mod refusals;
mod requests;
mod restore;
mod settled;
mod storage;
mod traces;
mod ttl;
mod waits;
mod walkthrough;
