//! Several watches of one kind, each of a namespace, merged into one: a first list that is complete once all are, and then
//! changes alone.
//!
//! A watch that lists again reports what differs from what it had reported. So nobody behind it takes the objects of the
//! other namespaces for gone.

use std::collections::HashMap;

use kube::ResourceExt;
use kube::runtime::watcher::Event;

/// The watches, and what each of them has reported.
#[derive(Debug)]
pub struct Merge<K> {
    watches: Vec<WatchState<K>>,
    /// Whether the first lists were reported.
    reported: bool,
}

/// One watch: objects by name.
#[derive(Debug)]
struct WatchState<K> {
    known: HashMap<String, K>,
    /// The list under way.
    listed: Option<HashMap<String, K>>,
    complete: bool,
}

impl<K: ResourceExt + Clone> Merge<K> {
    /// So many watches.
    #[must_use]
    pub fn of(watches: usize) -> Self {
        let place = || WatchState { known: HashMap::new(), listed: None, complete: false };
        Self { watches: (0..watches).map(|_| place()).collect(), reported: false }
    }

    /// Takes an event of a watch, by its place; returns what is reported of it.
    pub fn take(&mut self, watch: usize, event: Event<K>) -> Vec<Event<K>> {
        // A single one needs no memory.
        if self.watches.len() == 1 {
            return vec![event];
        }
        let reported = self.reported;
        let Some(place) = self.watches.get_mut(watch) else { return Vec::new() };
        match event {
            Event::Init => {
                place.listed = Some(HashMap::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                place.listed.get_or_insert_default().insert(object.name_any(), object);
                Vec::new()
            }
            Event::InitDone => {
                let changes = place.has_listed();
                if reported {
                    return changes;
                }
                self.reported = self.watches.iter().all(|place| place.complete);
                if self.reported { self.first_list() } else { Vec::new() }
            }
            Event::Apply(object) => {
                place.known.insert(object.name_any(), object.clone());
                if reported { vec![Event::Apply(object)] } else { Vec::new() }
            }
            Event::Delete(object) => {
                place.known.remove(&object.name_any());
                if reported { vec![Event::Delete(object)] } else { Vec::new() }
            }
        }
    }

    fn first_list(&self) -> Vec<Event<K>> {
        let all = self.watches.iter().flat_map(|place| place.known.values());
        let all = all.map(|object| Event::InitApply(object.clone()));
        [Event::Init].into_iter().chain(all).chain([Event::InitDone]).collect()
    }
}

impl<K: ResourceExt + Clone> WatchState<K> {
    /// Its list is complete; in what it differs from what was known.
    fn has_listed(&mut self) -> Vec<Event<K>> {
        self.complete = true;
        let listed = self.listed.take().unwrap_or_default();
        let before = std::mem::replace(&mut self.known, listed);
        // Another object of the same name is not the one that was known.
        let is_gone =
            |(name, old): &(&String, &K)| self.known.get(*name).is_none_or(|new| new.uid() != old.uid());
        let gone = before.iter().filter(is_gone).map(|(_, old)| Event::Delete(old.clone()));
        let is_new = |(name, new): &(&String, &K)| {
            before.get(*name).is_none_or(|old| old.resource_version() != new.resource_version())
        };
        let new = self.known.iter().filter(is_new).map(|(_, new)| Event::Apply(new.clone()));
        gone.chain(new).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use kube::api::ObjectMeta;

    use super::*;

    fn pod(namespace: &str, name: &str, version: &str) -> Pod {
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            uid: Some(format!("uid-{namespace}-{name}")),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        Pod { metadata, ..Pod::default() }
    }

    /// What is reported of events, as short words, those between two ends of a list in the order of their names.
    fn reported(merge: &mut Merge<Pod>, watch: usize, events: Vec<Event<Pod>>) -> Vec<String> {
        let word = |event: Event<Pod>| match event {
            Event::Init => "begin".to_owned(),
            Event::InitApply(pod) => format!("has {}", pod.name_any()),
            Event::InitDone => "end".to_owned(),
            Event::Apply(pod) => format!("{} is {}", pod.name_any(), pod.resource_version().unwrap()),
            Event::Delete(pod) => format!("{} is gone", pod.name_any()),
        };
        let mut words: Vec<String> =
            events.into_iter().flat_map(|event| merge.take(watch, event)).map(word).collect();
        let inner = match &words[..] {
            [first, .., last] if first == "begin" && last == "end" => 1..words.len() - 1,
            _ => 0..words.len(),
        };
        words[inner].sort_unstable();
        words
    }

    fn list(pods: Vec<Pod>) -> Vec<Event<Pod>> {
        let pods = pods.into_iter().map(Event::InitApply);
        [Event::Init].into_iter().chain(pods).chain([Event::InitDone]).collect()
    }

    #[test]
    fn the_first_list_is_sent_once_all_are_complete_with_what_has_changed_meanwhile() {
        let mut merge = Merge::of(2);
        let none: [&str; 0] = [];
        assert_eq!(reported(&mut merge, 0, list(vec![pod("a", "one", "1"), pod("a", "two", "2")])), none);
        let meanwhile = vec![Event::Delete(pod("a", "two", "3")), Event::Apply(pod("a", "three", "4"))];
        assert_eq!(reported(&mut merge, 0, meanwhile), none);
        let complete = reported(&mut merge, 1, list(vec![pod("b", "four", "5")]));
        assert_eq!(complete, ["begin", "has four", "has one", "has three", "end"]);
        assert_eq!(reported(&mut merge, 1, vec![Event::Apply(pod("b", "four", "6"))]), ["four is 6"]);
        assert_eq!(reported(&mut merge, 0, vec![Event::Delete(pod("a", "one", "7"))]), ["one is gone"]);
    }

    #[test]
    fn a_list_that_breaks_off_counts_for_nothing() {
        let mut merge = Merge::of(2);
        reported(&mut merge, 1, list(Vec::new()));
        reported(&mut merge, 0, vec![Event::Init, Event::InitApply(pod("a", "one", "1"))]);
        assert_eq!(reported(&mut merge, 0, list(vec![pod("a", "two", "2")])), ["begin", "has two", "end"]);
    }

    #[test]
    fn another_list_of_one_sends_what_differs_and_nothing_of_the_others() {
        let mut merge = Merge::of(2);
        reported(
            &mut merge,
            0,
            list(vec![pod("a", "gone", "1"), pod("a", "same", "2"), pod("a", "other", "3")]),
        );
        reported(&mut merge, 1, list(vec![pod("b", "far", "4")]));
        let mut reborn = pod("a", "other", "9");
        reborn.metadata.uid = Some("another".to_owned());
        let again = list(vec![pod("a", "same", "2"), reborn, pod("a", "new", "8")]);
        let words = reported(&mut merge, 0, again);
        assert_eq!(words, ["gone is gone", "new is 8", "other is 9", "other is gone"]);
        assert_eq!(
            reported(&mut merge, 0, list(Vec::new())),
            ["new is gone", "other is gone", "same is gone"]
        );
    }

    #[test]
    fn of_one_watch_all_is_sent_as_it_comes() {
        let mut merge = Merge::of(1);
        assert_eq!(reported(&mut merge, 0, list(vec![pod("a", "one", "1")])), ["begin", "has one", "end"]);
        assert_eq!(reported(&mut merge, 0, list(Vec::new())), ["begin", "end"]);
    }
}
