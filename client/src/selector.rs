//! Label selectors as Kubernetes writes them: `team=films,tier!=draft,stage in (a,b),keep,!draft`. kube matches them, but
//! reads none. Pure.

use kube::core::{Expression, Selector};

/// Most characters of a label's name or value.
const MAX_NAME: usize = 63;
/// Most characters of the domain before a name.
const MAX_PREFIX: usize = 253;

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no label selector: write such as team=films,stage in (draft,final),!keep")]
pub struct ReadSelectorError(String);

/// Reads a selector; an empty text selects all.
pub fn read(text: &str) -> Result<Selector, ReadSelectorError> {
    if text.trim().is_empty() {
        return Ok(Selector::default());
    }
    requirements(text).map(requirement).collect()
}

/// The parts between the commas that stand in no parentheses.
fn requirements(text: &str) -> impl Iterator<Item = &str> {
    let mut open = false;
    text.split(move |letter: char| {
        open = (open || letter == '(') && letter != ')';
        letter == ',' && !open
    })
}

fn requirement(text: &str) -> Result<Expression, ReadSelectorError> {
    let text = text.trim();
    let refuse = || ReadSelectorError(text.to_owned());
    let key = |key: &str| Some(key.trim()).filter(|key| is_key(key)).map(str::to_owned).ok_or_else(refuse);
    let value = |value: &str| {
        Some(value.trim()).filter(|value| is_value(value)).map(str::to_owned).ok_or_else(refuse)
    };
    if let Some(absent) = text.strip_prefix('!') {
        return Ok(Expression::DoesNotExist(key(absent)?));
    }
    if let Some((head, list)) = text.split_once('(') {
        let values =
            list.strip_suffix(')').ok_or_else(refuse)?.split(',').map(value).collect::<Result<_, _>>()?;
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "in"] => Ok(Expression::In(key(name)?, values)),
            [name, "notin"] => Ok(Expression::NotIn(key(name)?, values)),
            _ => Err(refuse()),
        };
    }
    if let Some((name, wanted)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(key(name)?, value(wanted)?));
    }
    match text.split_once("==").or_else(|| text.split_once('=')) {
        Some((name, wanted)) => Ok(Expression::Equal(key(name)?, value(wanted)?)),
        None => Ok(Expression::Exists(key(text)?)),
    }
}

/// Whether it can be a label's key: a name, perhaps after a domain and a slash.
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_domain = |domain: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        domain.len() <= MAX_PREFIX
            && domain.split('.').all(|part| !part.is_empty() && part.bytes().all(inner))
    };
    !name.is_empty() && is_value(name) && prefix.is_none_or(is_domain)
}

/// Whether it can be a label's value; an empty one can.
fn is_value(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    let mut bytes = text.bytes();
    text.len() <= MAX_NAME
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && ends(bytes.next())
        && ends(bytes.next_back())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;
    use proptest::prelude::*;

    use super::*;

    fn takes(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(selector).unwrap().matches(&labels)
    }

    #[test]
    fn a_selector_takes_what_kubernetes_would() {
        let film = [("team", "films"), ("videofactory.dev/stage", "draft"), ("empty", "")];
        for selector in [
            "",
            " ",
            "team=films",
            "team==films",
            "team = films",
            "team!=news",
            "absent!=x",
            "team",
            "!absent",
            "team in (news, films)",
            "team in(films)",
            "team notin (news)",
            "absent notin (a)",
            "empty=",
            "empty in (,a)",
            "team=films,videofactory.dev/stage in (draft,final),!absent",
        ] {
            assert!(takes(selector, &film), "{selector}");
        }
        for selector in [
            "team=news",
            "team!=films",
            "absent",
            "!team",
            "team in (news)",
            "team notin (films,news)",
            "absent=x",
            "team=films,absent",
            "absent in (a)",
            "team=",
        ] {
            assert!(!takes(selector, &film), "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_by_its_part() {
        for text in [
            ",",
            "a,",
            "=a",
            "a=b=c",
            "a b",
            "a in b",
            "a in (b",
            "a on (b)",
            "in (b)",
            "a=(b)",
            "!",
            "a=é",
            "-a",
            "a/b/c",
            "A.b/c",
            "a>1",
            "(a)",
            "a in (b)c",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("ok=1,a b").unwrap_err().to_string().starts_with("\"a b\" is no label selector"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            key in "[a-z]{1,5}(/[a-z]{1,5})?",
            values in proptest::collection::btree_set("[A-Za-z0-9]{0,4}", 1..4),
            which in 0..6,
        ) {
            let one = values.first().cloned().unwrap_or_default();
            let expression = match which {
                0 => Expression::In(key, values),
                1 => Expression::NotIn(key, values),
                2 => Expression::Equal(key, one),
                3 => Expression::NotEqual(key, one),
                4 => Expression::Exists(key),
                _ => Expression::DoesNotExist(key),
            };
            let selector: Selector = [expression.clone(), expression].into_iter().collect();
            prop_assert_eq!(read(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,60}") {
            drop(read(&text));
        }
    }
}
