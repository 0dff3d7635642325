//! Which rights a person needs, and what to make of those that are missing. Pure.

use videofactory_crds::GROUP;

use super::Check;
use crate::operator::PORT_FORWARD;

/// What a person needs for what, but for `report`, which leaves out what it may not read, and `restore`, which has a role
/// of its own. Nobody can do without the first.
pub const OF_VERBS: [Need; 17] = [
    ("list", GROUP, "videojobs", "list, and retry to stop-all of many"),
    ("get", GROUP, "videojobs", "all that names a job"),
    ("watch", GROUP, "videojobs", "create --wait, status --watch and logs -f"),
    ("create", GROUP, "videojobs", "create"),
    ("patch", GROUP, "videojobs", "retry, restart, suspend, resume, and create of many"),
    ("delete", GROUP, "videojobs", "create of many, where one of them is refused"),
    ("approve", GROUP, "videojobs", "approve and reject"),
    ("list", GROUP, "channels", "backup -o"),
    ("list", GROUP, "provideraccounts", "accounts and backup -o"),
    ("get", GROUP, "provideraccounts", "accounts of one name"),
    ("list", GROUP, "storagepolicies", "storage, cleanup and backup"),
    ("get", GROUP, "storagepolicies", "storage, cleanup and backup of one name"),
    ("watch", GROUP, "storagepolicies", "backup and cleanup --wait"),
    ("patch", GROUP, "storagepolicies", "cleanup and backup"),
    ("list", "", "pods", "logs"),
    ("watch", "", "pods", "logs -f"),
    ("get", "", "pods/log", "logs"),
];
/// What a person needs in the operator's namespace. A port is forwarded by GET, to which newer API servers add create.
pub const IN_NAMESPACE_OF_OPERATOR: [Need; 3] = [
    ("list", "", "pods", "download, proxy and logs of pods that are gone"),
    ("get", "", "pods/portforward", "the same"),
    ("create", "", "pods/portforward", "the same"),
];
/// Verb, group and resource, and what for.
pub type Need = (&'static str, &'static str, &'static str, &'static str);

/// A right that the person has not.
#[derive(Clone, Copy, Debug)]
pub struct Missing<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    /// What it is for.
    pub what: &'a str,
}

/// What the person may do.
pub fn rights(missing: &[Missing<'_>], namespace: Option<&str>) -> Check {
    let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
    if missing.is_empty() {
        return Check::ok(
            "your rights",
            format!("all that the verbs need, but for report and restore, in {place}"),
        );
    }
    let found = may_not(missing, &place);
    let hint = "ask for the ClusterRole edit in that namespace, or for view and videofactory-edit";
    let (verb, _, resource, _) = OF_VERBS[0];
    if missing.iter().any(|one| one.resource == resource && one.verb == verb) {
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
    use super::*;
    use crate::health::State;

    #[test]
    fn a_right_that_all_need_is_an_error_and_another_a_warning() {
        let missing = |verb, resource| Missing { verb, group: GROUP, resource, what: "list" };
        let list = rights(&[missing("list", "videojobs")], Some("films"));
        assert!(list.state == State::Error && list.message.contains("namespace films"), "{list:?}");
        assert_eq!(rights(&[missing("approve", "videojobs")], None).state, State::Warning);
        let well = rights(&[], None);
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
