//! The operator: controllers, their HTTP side, metrics, leader election.

pub mod authority;
pub mod back_off;
pub mod bucket;
pub mod caches;
pub mod config;
pub mod context;
pub mod create_failures;
pub mod events;
pub mod files_of_jobs;
pub mod http;
pub mod leader;
pub mod leader_flag;
pub mod live_reads;
pub mod metrics;
pub mod namespaced_name;
pub mod progress;
pub mod provideraccount;
pub mod reconcile;
pub mod restoring;
pub mod run;
pub mod storagepolicy;
pub mod traces;
pub mod usage_deltas;
pub mod videojob;
