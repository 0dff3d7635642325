//! What R2 would have charged for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::locked;
use super::operation::{Class, Operation};

/// Counts since the start or the last reset. Refused requests are charged like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Charged as class A: changes and listings.
    pub class_a: u64,
    /// Charged as class B: reads.
    pub class_b: u64,
    /// Not charged: deletes and aborts.
    pub free: u64,
    /// Requests by operation.
    pub operations: BTreeMap<String, u64>,
    /// Successful writes by key (with the bucket's prefix, without its name).
    pub writes: BTreeMap<String, u64>,
    /// Requests that broke a rule, by code.
    pub refused: BTreeMap<String, u64>,
}

/// The proxy's own copy.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Counters>);

impl Ledger {
    pub(crate) fn request(&self, operation: &Operation) {
        let mut counters = locked(&self.0);
        match operation.class {
            Class::A => counters.class_a += 1,
            Class::B => counters.class_b += 1,
            Class::Free => counters.free += 1,
        }
        *counters.operations.entry(operation.name.to_owned()).or_default() += 1;
    }

    pub(crate) fn write(&self, key: &str) {
        *locked(&self.0).writes.entry(key.to_owned()).or_default() += 1;
    }

    pub(crate) fn refusal(&self, refusal: Refusal) {
        *locked(&self.0).refused.entry(refusal.code.to_owned()).or_default() += 1;
    }

    pub(crate) fn read(&self) -> Counters {
        locked(&self.0).clone()
    }

    pub(crate) fn reset(&self) {
        *locked(&self.0) = Counters::default();
    }
}
