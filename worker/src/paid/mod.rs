//! What is bought from outside services, at most once. A submission takes a numbered, write-once slot in the
//! bucket; only who creates the slot submits, and only as long as no later attempt has begun. Whatever dies
//! in between, the next attempt reads in the slots what was taken, what was not, and what nobody can tell.

mod account;
mod clock;
mod deliver;
mod fence;
mod pace;
mod polling;
mod probe;
mod question;
mod remaining;
mod request;
mod session;
mod slots;
mod store;
mod submit;
mod usage;

pub use account::Account;
pub use clock::Clock;
pub use question::{FailedSubmissions, Question, Why};
pub use request::{Answer, PaidRequest};
pub use session::{SessionConfig, SubmissionSession};
pub use store::WriteOnceStore;
pub use usage::UsageRecorder;
