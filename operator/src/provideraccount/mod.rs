//! The `ProviderAccount` controller: the one place where a service's limits are spent.
//!
//! Steps ask in their `VideoJob`'s status, this controller alone answers, in the account's: it observes who asks and what
//! has become of those who were granted something, decides purely, and writes once.

mod book;
mod calendar;
mod closing;
mod conditions;
mod controller;
mod credentials;
mod decide;
mod demand;
mod grant;
mod health;
mod holders;
mod ledger;
mod line;
mod model;
mod observe;
mod openings;
mod outlook;
mod remember;
mod room;
mod turns;
mod window;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use closing::{BEGIN_WITHIN, Word, has_expired, word};
pub use controller::run;
pub use credentials::{allowed_host, keys};
pub use demand::{
    Attempt, Claim, ClaimState, Demand, Settlement, Standing, attempt, claims, claims_by_account, operation,
    standing,
};
pub use grant::{Turn, grant};
pub use ledger::{Ledger, Tally, is_unopened};
pub use openings::{MOST_OPENINGS, START_UP};
pub use outlook::{Limit, Outlook, outlook};
pub use window::{Capacity, Entry, Kind, Reserved, Window};

#[cfg(test)]
pub use decide::Decision;
