//! Pages of a list: ordered by namespace and name, so that a page begins right after the one before it, whatever came or
//! went meanwhile. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use videofactory_client::JobRef;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// Items of a page, unless the caller says how many. The dashboard's list has pages of its own: `dashboard/jobs/mod.rs`.
pub const DEFAULT_LIMIT: usize = 100;
/// Most items of a page.
pub const MAX_LIMIT: usize = 500;
/// Longest token that is read: names are short.
pub const MAX_TOKEN: usize = 512;

/// Where an item stands in the order: its namespace, then its name.
pub type Place<'a> = (&'a str, &'a str);

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items, in order.
    pub items: Vec<T>,
    /// How many come after it.
    pub remaining: usize,
}

/// The first `limit` items after a place, or of all. What comes after them is not sorted.
pub fn take<T>(
    items: impl IntoIterator<Item = T>,
    place: impl for<'a> Fn(&'a T) -> Place<'a>,
    after: Option<Place<'_>>,
    limit: usize,
) -> Page<T> {
    let mut items: Vec<T> =
        items.into_iter().filter(|item| after.is_none_or(|after| place(item) > after)).collect();
    let remaining = items.len().saturating_sub(limit);
    if remaining > 0 {
        items.select_nth_unstable_by(limit, |one, other| place(one).cmp(&place(other)));
        items.truncate(limit);
    }
    items.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
    Page { items, remaining }
}

/// What a token holds; callers need not know.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    after: JobRef,
    filter: Digest,
}

/// The token that continues a list after this item, with the filter that has this digest.
pub fn token(after: JobRef, filter: &Digest) -> Result<String, Problem> {
    let token = serde_json::to_vec(&Token { after, filter: filter.clone() });
    let bytes = token.map_err(|error| Problem::internal("the continue token cannot be written", &error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The item after which a token continues. It is refused with another filter: the pages would not fit together.
pub fn read(token: &str, filter: &Digest) -> Result<JobRef, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    let Ok(read) = serde_json::from_slice::<Token>(&bytes) else {
        let detail = "continue is not a token of this list";
        return Err(
            Problem::bad_request(detail).hint("take the continue of the page before, or leave it out")
        );
    };
    if read.filter == *filter {
        return Ok(read.after);
    }
    let detail = "continue belongs to a list with other filters";
    Err(Problem::bad_request(detail).hint("ask with the filters of the first page, or leave continue out"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    type Item = (String, String);

    fn place(item: &Item) -> Place<'_> {
        (&item.0, &item.1)
    }

    fn filter(text: &str) -> Digest {
        Digest::of_bytes(text.as_bytes())
    }

    fn items(few: std::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<Item>> {
        // Few letters, so that names meet and namespaces are prefixes of each other.
        proptest::collection::btree_set(("[a-b]{1,2}", "[a-c-]{1,3}"), few)
    }

    proptest! {
        #[test]
        fn pages_hold_what_stays_once_whatever_comes_and_goes(
            stays in items(0..30),
            changes in proptest::collection::vec(items(0..10), 0..12),
            limit in 1_usize..6,
        ) {
            let mut seen: Vec<Item> = Vec::new();
            let mut changes = changes.into_iter();
            loop {
                // What there is when this page is asked for: in no order, as a map gives it.
                let passing = changes.next().unwrap_or_default();
                let mut now: Vec<Item> = stays.union(&passing).cloned().collect();
                now.reverse();
                let after = seen.last().map(place);
                let after_token = after
                    .map(|(namespace, name)| JobRef { namespace: namespace.into(), name: name.into() })
                    .map(|last| token(last, &filter("all")).unwrap());
                prop_assert!(after_token.is_none_or(|token| token.len() < MAX_TOKEN));
                let page = take(now, place, after, limit);
                prop_assert!(page.items.len() <= limit);
                seen.extend(page.items);
                if page.remaining == 0 {
                    break;
                }
            }
            prop_assert!(seen.is_sorted_by(|one, other| one < other), "in order, nothing twice: {seen:?}");
            let seen: BTreeSet<Item> = seen.into_iter().collect();
            prop_assert!(stays.is_subset(&seen));
        }

        #[test]
        fn a_page_is_the_start_of_what_comes_after_a_place(all in items(0..40), at in ("[a-b]{1,2}", "[a-c-]{1,3}"), limit in 1_usize..9) {
            let after: Vec<Item> = all.iter().filter(|item| **item > at).cloned().collect();
            let page = take(all.iter().rev().cloned(), place, Some(place(&at)), limit);
            prop_assert_eq!(&page.items[..], &after[..after.len().min(limit)]);
            prop_assert_eq!(page.remaining, after.len().saturating_sub(limit));
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_filter_alone() {
        let last: JobRef = "films/ocean".parse().unwrap();
        let given = token(last.clone(), &filter("failed")).unwrap();
        assert!(
            given.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
            "{given}"
        );
        assert_eq!(read(&given, &filter("failed")), Ok(last));
        assert_eq!(read(&given, &filter("all")).unwrap_err().status, StatusCode::BAD_REQUEST);
        for token in ["", "a", "????", "e30", &given[1..]] {
            assert_eq!(
                read(token, &filter("failed")).unwrap_err().status,
                StatusCode::BAD_REQUEST,
                "{token}"
            );
        }
    }
}
