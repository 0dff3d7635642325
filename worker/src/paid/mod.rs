//! Paid requests to outside services, each accepted at most once. A submission takes a numbered slot in the bucket,
//! which is written once; only the creator of the slot submits, and only as long as no later attempt has begun. After a
//! crash the next attempt reads from the slots what was accepted, what was rejected, and what is unknown.

mod account;
mod cancel;
mod clock;
mod deliver;
mod fencing_token;
mod polling;
mod probe;
mod question;
mod remaining;
mod request;
mod session;
mod slots;
mod store;
mod submit;
mod submit_permits;
mod usage;

pub use account::Account;
pub use clock::Clock;
pub use question::{FailedSubmissions, Question, Why};
pub use request::{Answer, PaidRequest};
pub use session::{SessionConfig, SubmissionSession};
pub use store::WriteOnceStore;
pub use usage::UsageRecorder;
