//! What is bought from outside services, at most once. A submission takes a numbered, write-once slot in the
//! bucket; only who creates the slot submits, and only as long as no later attempt has begun. Whatever dies
//! in between, the next attempt reads in the slots what was taken, what was not, and what nobody can tell.

mod account;
mod books;
mod buy;
mod clock;
mod deliver;
mod desk;
mod fence;
mod left;
mod order;
mod pace;
mod probe;
mod question;
mod shelf;
mod slots;
mod watch;

pub use account::Account;
pub use books::Books;
pub use clock::Clock;
pub use desk::{Desk, Terms};
pub use order::{Answer, Order};
pub use question::{Fruitless, Question, Why};
pub use shelf::Shelf;
