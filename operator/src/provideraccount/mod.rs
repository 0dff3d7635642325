//! The `ProviderAccount` controller: the one place where a service's limits are spent.
//!
//! Steps ask in their `VideoJob`'s status, this controller alone answers, in the account's: it observes who asks and what
//! has become of those who were granted something, decides purely, and writes once.

mod calendar;
mod close_grants;
mod conditions;
mod controller;
mod credentials;
mod decide;
mod demand;
mod forecast;
mod grant;
mod health;
mod holders;
mod last_turns;
mod ledger;
mod model;
mod object_size;
mod observe;
mod open_grants;
mod openings;
mod reclaim;
mod refusal_pause;
mod remember_turns;
mod wait_queue;
mod window;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use controller::run;
pub use credentials::{allowed_host, keys};
pub use demand::{
    Attempt, Claim, ClaimState, Demand, HolderState, Settlement, attempt, claims, claims_by_account,
    holder_state,
};
pub use forecast::{Forecast, Limit, forecast};
pub use grant::{GrantBatch, grant};
pub use ledger::{Ledger, Tally, is_unopened};
pub use openings::{MAX_OPENINGS, START_UP};
pub use reclaim::{BEGIN_WITHIN, GrantCheck, check_grant, has_expired};
pub use window::{Capacity, Entry, Kind, Reserved, Window};

#[cfg(test)]
pub use decide::Decision;
