//! What the end-to-end tests stand on: a namespace a test, films of a few seconds, waits that watch instead of
//! sleeping, and what is checked beyond a single reconcile (all pods, the audit log, the bucket).
//!
//! `tests/run` brings the cluster and says by environment where things are; see [`site`].

pub mod api;
pub mod audit;
pub mod batch;
pub mod bucket;
pub mod clients;
pub mod clips;
pub mod clocks;
pub mod events;
pub mod faults;
pub mod ffprobe;
pub mod film;
pub mod finally;
pub mod half_drawn;
pub mod kubectl;
pub mod leader_terms;
pub mod live_page;
pub mod login_proxy;
pub mod metrics;
pub mod operator;
pub mod paid;
pub mod partition;
pub mod plugin;
pub mod pods;
pub mod policy;
pub mod reader;
pub mod site;
pub mod test_env;
pub mod wait;
