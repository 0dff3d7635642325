//! Faults that a test orders: what goes wrong, for which keys and methods, how often.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::Context;
use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::locked;
use super::operation::Operation;

/// One order. All of its conditions must hold for it to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub effect: Effect,
    /// Only for keys (with the bucket's prefix) that match this glob; `*` stays within a segment, `**` does not.
    /// Absent: every request, also those to no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Only for operations of these S3 names, such as `PutObject`. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// How many requests it lets pass before it applies. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How many requests it then applies to before it is over. Absent: until faults are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// 503, and the request does not reach the server.
    Unavailable,
    /// 429, and the request does not reach the server.
    TooManyRequests,
    /// 507 for everything that takes space.
    OutOfSpace,
    /// 404, and the request does not reach the server: an object that was just written is not seen everywhere.
    NotFound,
    /// The connection is closed without an answer, and the request does not reach the server.
    RefuseConnections,
    /// The request reaches the server, its answer is thrown away and the connection closed.
    LoseAnswer,
    /// `If-Match` and `If-None-Match` of writes are taken off.
    IgnorePreconditions,
    /// Batch deletes without a Content-MD5 are refused, as by servers of S3's first years.
    DemandContentMd5,
    /// Batch deletes answer `AccessDenied` for keys that match `keys`, and delete the others.
    DenyKeys,
    /// Batch deletes answer `InternalError` for keys that match `keys`, and delete the others.
    FailKeys,
    /// Pages of listings come in the opposite order.
    ReverseListings,
    /// Pages of listings name each key twice.
    RepeatKeys,
    /// Each page of a listing says that it is followed by another, at the same place for ever.
    RepeatPages,
    /// The request waits until faults are replaced by others that do not hold it; then its connection is closed. It never
    /// reaches the server, because its client may be long dead: a living one asks again.
    Hold,
    /// The request reaches the server, and its answer waits until faults are replaced by others that do not hold it; then
    /// the connection is closed.
    HoldAnswer,
    /// The request waits before it is forwarded.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
}

impl Fault {
    /// A fault for every request, without end.
    #[must_use]
    pub fn always(effect: Effect) -> Self {
        Self { effect, keys: None, operations: Vec::new(), after: None, times: None }
    }

    /// Only for keys that match a glob.
    #[must_use]
    pub fn for_keys(mut self, glob: impl Into<String>) -> Self {
        self.keys = Some(glob.into());
        self
    }

    /// Only for one kind of operation.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operations.push(operation.into());
        self
    }

    /// Only once so many requests have passed.
    #[must_use]
    pub fn after(mut self, after: u64) -> Self {
        self.after = Some(after);
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct FaultBox {
    armed: Mutex<Vec<Armed>>,
    /// Notified of every replacement, for the requests that are held.
    replaced: watch::Sender<()>,
    /// The keys of the requests that are held now.
    held: Mutex<Vec<String>>,
}

/// A request that is held, as long as this lives: a client that goes away takes it back.
struct Held<'a>(&'a FaultBox, &'a str);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = locked(&self.0.held);
        if let Some(place) = held.iter().position(|key| key == self.1) {
            held.remove(place);
        }
    }
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    keys: Option<GlobMatcher>,
    /// How many requests met its conditions.
    seen: u64,
}

impl FaultBox {
    /// Makes these the faults in force. One that is in force already keeps its count: another test's order changes
    /// nothing of it.
    pub(crate) fn replace(&self, faults: Vec<Fault>) -> anyhow::Result<()> {
        let mut new = faults.into_iter().map(arm).collect::<anyhow::Result<Vec<_>>>()?;
        let mut armed = locked(&self.armed);
        for fault in &mut new {
            let before = armed.iter().find(|old| old.fault == fault.fault);
            fault.seen = before.map_or(0, |old| old.seen);
        }
        *armed = new;
        drop(armed);
        self.replaced.send_replace(());
        Ok(())
    }

    /// The faults that may still apply.
    pub(crate) fn list(&self) -> Vec<Fault> {
        let armed = locked(&self.armed);
        armed.iter().filter(|armed| !armed.is_over()).map(|armed| armed.fault.clone()).collect()
    }

    /// The effects that a request meets, each counted.
    pub(crate) fn met_by(&self, operation: &Operation) -> Vec<Effect> {
        let mut armed = locked(&self.armed);
        armed.iter_mut().filter(|armed| armed.matches(operation)).filter_map(Armed::count).collect()
    }

    /// The keys of the requests that are held now, or whose answers are.
    pub(crate) fn held(&self) -> Vec<String> {
        locked(&self.held).clone()
    }

    /// The keys of a batch delete that are to fail, and how.
    pub(crate) fn failing(
        &self,
        effects: &[Effect],
        keys: impl Iterator<Item = String>,
    ) -> BTreeMap<String, Effect> {
        let armed = locked(&self.armed);
        let ordered = |effect: Effect| effects.contains(&effect) && is_by_key(effect);
        let effect_on = |key: &str| {
            let mut faults = armed.iter().filter(|armed| ordered(armed.fault.effect));
            let hit = faults.find(|armed| armed.keys.as_ref().is_none_or(|keys| keys.is_match(key)));
            hit.map(|armed| armed.fault.effect)
        };
        keys.filter_map(|key| effect_on(&key).map(|effect| (key, effect))).collect()
    }

    /// Returns once no fault holds such a request.
    pub(crate) async fn let_go(&self, operation: &Operation) {
        locked(&self.held).push(operation.key.clone());
        let _held = Held(self, &operation.key);
        let mut replaced = self.replaced.subscribe();
        while self.holds(operation) && replaced.changed().await.is_ok() {}
    }

    fn holds(&self, operation: &Operation) -> bool {
        let armed = locked(&self.armed);
        let holding = |effect| matches!(effect, Effect::Hold | Effect::HoldAnswer);
        armed.iter().any(|armed| holding(armed.fault.effect) && armed.matches(operation))
    }
}

impl Armed {
    fn matches(&self, operation: &Operation) -> bool {
        let operations = &self.fault.operations;
        (operations.is_empty() || operations.iter().any(|name| name == operation.name))
            && (is_by_key(self.fault.effect)
                || self.keys.as_ref().is_none_or(|keys| keys.is_match(&operation.key)))
            && (self.fault.effect != Effect::OutOfSpace || operation.takes_space())
            && (self.fault.effect != Effect::IgnorePreconditions || operation.writes_key())
            && (self.fault.effect != Effect::DemandContentMd5 || operation.name == "DeleteObjects")
            && (!is_by_key(self.fault.effect) || operation.name == "DeleteObjects")
    }

    /// Counts one more request; the effect, if it meets it.
    fn count(&mut self) -> Option<Effect> {
        let applies = !self.is_over() && self.seen >= self.fault.after.unwrap_or_default();
        self.seen += 1;
        applies.then_some(self.fault.effect)
    }

    fn is_over(&self) -> bool {
        let last = self.fault.times.map(|times| times.saturating_add(self.fault.after.unwrap_or_default()));
        last.is_some_and(|last| self.seen >= last)
    }
}

/// Whether `keys` speaks of the keys in the request's body.
fn is_by_key(effect: Effect) -> bool {
    matches!(effect, Effect::DenyKeys | Effect::FailKeys)
}

fn arm(fault: Fault) -> anyhow::Result<Armed> {
    anyhow::ensure!(fault.times != Some(0), "a fault that applies 0 times never applies: leave it out");
    let keys = fault.keys.as_deref().map(|glob| {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        built.map(|glob| glob.compile_matcher()).with_context(|| format!("{glob:?} is not a glob"))
    });
    Ok(Armed { keys: keys.transpose()?, fault, seen: 0 })
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method};

    use super::*;

    fn request(method: &Method, path: &str) -> Operation {
        Operation::of(method, path, None, &HeaderMap::new())
    }

    #[test]
    fn a_fault_is_over_after_its_times() {
        let faults = FaultBox::default();
        faults.replace(vec![Fault::always(Effect::Unavailable).times(2)]).unwrap();
        let get = request(&Method::GET, "/films/a");
        assert_eq!(faults.met_by(&get), [Effect::Unavailable]);
        assert_eq!(faults.met_by(&get), [Effect::Unavailable]);
        assert_eq!(faults.met_by(&get), []);
        assert_eq!(faults.list(), []);
    }

    #[test]
    fn a_fault_that_is_ordered_again_beside_another_keeps_counting() {
        let faults = FaultBox::default();
        let first = Fault::always(Effect::Unavailable).after(1).times(1);
        faults.replace(vec![first.clone()]).unwrap();
        let get = request(&Method::GET, "/films/a");
        assert_eq!(faults.met_by(&get), []);
        let other = Fault::always(Effect::OutOfSpace).for_keys("elsewhere/**");
        faults.replace(vec![first, other.clone()]).unwrap();
        assert_eq!(faults.met_by(&get), [Effect::Unavailable]);
        assert_eq!(faults.met_by(&get), []);
        assert_eq!(faults.list(), [other]);
    }

    #[tokio::test]
    async fn a_held_request_is_let_go_when_its_fault_is_taken_back_and_not_before() {
        let faults = FaultBox::default();
        let fault = Fault::always(Effect::Hold).for_keys("a");
        faults.replace(vec![fault.clone()]).unwrap();
        let get = request(&Method::GET, "/films/a");
        assert_eq!(faults.met_by(&get), [Effect::Hold]);
        let mut held = std::pin::pin!(faults.let_go(&get));
        assert!(futures::poll!(held.as_mut()).is_pending());
        faults.replace(vec![fault, Fault::always(Effect::OutOfSpace)]).unwrap();
        assert!(futures::poll!(held.as_mut()).is_pending());
        assert_eq!(faults.held(), ["a"]);
        faults.replace(Vec::new()).unwrap();
        held.await;
        assert!(faults.held().is_empty());
    }

    #[tokio::test]
    async fn a_client_that_goes_away_is_held_no_more() {
        let faults = FaultBox::default();
        faults.replace(vec![Fault::always(Effect::HoldAnswer)]).unwrap();
        let put = request(&Method::PUT, "/films/a");
        let mut held = Box::pin(faults.let_go(&put));
        assert!(futures::poll!(held.as_mut()).is_pending());
        drop(held);
        assert!(faults.held().is_empty());
    }

    #[test]
    fn a_fault_spares_other_keys_and_operations() {
        let faults = FaultBox::default();
        faults.replace(vec![Fault::always(Effect::LoseAnswer).for_keys("work/*/a").on("PutObject")]).unwrap();
        assert_eq!(faults.met_by(&request(&Method::PUT, "/films/work/x/a")), [Effect::LoseAnswer]);
        assert_eq!(faults.met_by(&request(&Method::PUT, "/films/work/x/y/a")), []);
        assert_eq!(faults.met_by(&request(&Method::GET, "/films/work/x/a")), []);
    }

    #[test]
    fn no_space_still_lets_read_and_delete() {
        let faults = FaultBox::default();
        faults.replace(vec![Fault::always(Effect::OutOfSpace)]).unwrap();
        assert_eq!(faults.met_by(&request(&Method::GET, "/films/a")), []);
        assert_eq!(faults.met_by(&request(&Method::DELETE, "/films/a")), []);
        assert_eq!(faults.met_by(&request(&Method::PUT, "/films/a")), [Effect::OutOfSpace]);
    }

    #[test]
    fn faults_read_from_json_and_reject_what_they_do_not_know() {
        let read: Vec<Fault> = serde_json::from_str(
            r#"[{"effect": {"latency": {"ms": 50}}}, {"effect": "out-of-space", "keys": "clips/**", "times": 3}]"#,
        )
        .unwrap();
        assert_eq!(read[0].effect, Effect::Latency { ms: 50 });
        assert_eq!(read[1], Fault::always(Effect::OutOfSpace).for_keys("clips/**").times(3));
        assert!(serde_json::from_str::<Vec<Fault>>(r#"[{"effect": "out-of-space", "key": "a"}]"#).is_err());
    }
}
