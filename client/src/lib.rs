//! The way to the API server, with a deadline for every call, and what people ask of objects there.
//!
//! What people ask (retry, hold, approve, prune now) is an annotation that the controllers read. This crate makes the
//! patch of it, purely, and says where asking makes no sense; the HTTP API and the kubectl plugin send it. Backups are
//! written and read here, and restored. What films would cost is calculated here, too.

pub mod access;
pub mod backup;
pub mod batch;
pub mod bulk;
pub mod call;
pub mod estimate;
pub mod filter;
pub mod job_action;
pub mod job_advice;
pub mod job_hint;
pub mod job_ref;
pub mod json;
mod lean;
pub mod new_job;
pub mod policy_run;
pub mod price;
pub mod quota_need;
pub mod restore;
pub mod results;
pub mod right;
pub mod scene_edit;
pub mod selector;
pub mod storage_action;

pub use access::may;
pub use bulk::{ItemResult, Outcome, RequestError};
pub use call::{CallError, connect, list, list_all, within};
pub use estimate::Estimate;
pub use filter::JobFilter;
pub use job_action::{Action, JobAction, Request};
pub use job_ref::JobRef;
pub use quota_need::QuotaNeed;
pub use results::{ItemOutcome, Results};
pub use right::Right;
