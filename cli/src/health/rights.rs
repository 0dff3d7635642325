//! What to make of what the person may do. Pure.

use super::Check;
use crate::operator::PORT_FORWARD;

/// A right that the person has not.
#[derive(Clone, Copy, Debug)]
pub struct Missing<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    /// What it is for.
    pub what: &'a str,
}

/// What the person may do. `first`: the resource without which nothing can be done.
pub fn rights(missing: &[Missing<'_>], namespace: Option<&str>, first: &str) -> Check {
    let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
    if missing.is_empty() {
        return Check::ok(
            "your rights",
            format!("all that the verbs need, but for report and restore, in {place}"),
        );
    }
    let found = may_not(missing, &place);
    let hint = "ask for the ClusterRole edit in that namespace, or for view and videofactory-edit";
    if missing.iter().any(|one| one.resource == first && one.verb == "list") {
        Check::error("your rights", found, hint)
    } else {
        Check::warning("your rights", found, hint)
    }
}

/// Whether the person reaches the operator's own routes.
pub fn way(missing: &[Missing<'_>], namespace: &str) -> Check {
    let name = "way to the operator";
    if missing.is_empty() {
        return Check::ok(name, format!("you may forward a port in namespace {namespace}"));
    }
    let hint = format!("ask for the Role {PORT_FORWARD} in namespace {namespace}");
    Check::warning(name, may_not(missing, &format!("namespace {namespace}")), hint)
}

fn may_not(missing: &[Missing<'_>], place: &str) -> String {
    let list = |one: &Missing<'_>| {
        let group = if one.group.is_empty() { String::new() } else { format!(".{}", one.group) };
        format!("{} {}{group} (for {})", one.verb, one.resource, one.what)
    };
    format!("you may not, in {place}: {}", missing.iter().map(list).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use videofactory_crds::GROUP;

    use super::*;
    use crate::health::State;

    #[test]
    fn a_right_that_all_need_is_an_error_and_another_a_warning() {
        let missing = |verb, resource| Missing { verb, group: GROUP, resource, what: "list" };
        let list = rights(&[missing("list", "videojobs")], Some("films"), "videojobs");
        assert!(list.state == State::Error && list.message.contains("namespace films"), "{list:?}");
        assert_eq!(rights(&[missing("approve", "videojobs")], None, "videojobs").state, State::Warning);
        let well = rights(&[], None, "videojobs");
        assert!(well.state == State::Ok && well.message.contains("but for report and restore"), "{well:?}");
        let forward = Missing { verb: "get", group: "", resource: "pods/portforward", what: "download" };
        let way = way(&[forward], "videofactory-system");
        assert_eq!(
            way.message,
            "you may not, in namespace videofactory-system: get pods/portforward (for download)"
        );
        assert!(way.hint.unwrap().contains("videofactory-port-forward"));
    }
}
