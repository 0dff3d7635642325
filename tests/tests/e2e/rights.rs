//! The operator's rights, beside what it did in the whole run of these tests, by the API server's own log: none is missing,
//! and none is there that nothing needs.
//!
//! It comes last, because it judges what the others did: in a run of some tests alone it finds rights that none used.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Api;
use videofactory_tests::e2e::{audit, site};

/// Roles of the operator, as manifests/operator/rbac.yaml has them.
const CLUSTER_ROLES: [&str; 3] =
    ["videofactory-operator-read", "videofactory-operator", "videofactory-operator-callers"];
const ROLE: &str = "videofactory-operator";

/// Rights that a run of these tests need not show to be used, each with why it is there.
const NOT_SHOWN: [(&str, &str); 3] = [
    (
        "update videofactory.dev/videojobs/finalizers",
        "asked by an admission plugin that most clusters do not run",
    ),
    ("get /configmaps", "certificates of a caRef; operator/src/authority.rs tests it"),
    ("get batch/jobs", "whether a Job is there whose creation was refused; not in every run is one refused"),
];

/// What rules allow, as `verb group/resource`.
fn allowed(rules: Option<Vec<PolicyRule>>) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for rule in rules.unwrap_or_default() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                rights.extend(rule.verbs.iter().map(|verb| format!("{verb} {group}/{resource}")));
            }
        }
    }
    rights
}

#[tokio::test]
async fn last_local_the_operator_has_the_rights_that_it_uses_and_no_other() -> anyhow::Result<()> {
    let client = site::client().await?;
    let mut rights = BTreeSet::new();
    for name in CLUSTER_ROLES {
        let role = Api::<ClusterRole>::all(client.clone()).get(name).await;
        rights.extend(allowed(role.with_context(|| format!("ClusterRole {name}"))?.rules));
    }
    rights.extend(allowed(Api::<Role>::namespaced(client.clone(), site::SYSTEM).get(ROLE).await?.rules));
    ensure!(rights.iter().all(|right| !right.contains('*')), "a right to everything: {rights:?}");
    let (mut refused, mut used) = (BTreeSet::new(), BTreeSet::new());
    audit::each(&client, |entry| {
        if entry.by_operator() && entry.lacked_a_right() && entry.namespace() != site::FORBIDDEN {
            refused.insert(format!("{} of {}/{}", entry.right(), entry.namespace(), entry.name()));
        } else if entry.by_operator() {
            // Also what was not found: a right was needed to learn that.
            used.insert(entry.right());
        }
    })
    .await?;
    ensure!(refused.is_empty(), "the operator was refused: {refused:#?}");
    let not_shown: BTreeSet<String> = NOT_SHOWN.iter().map(|(right, _)| (*right).to_owned()).collect();
    let unused: Vec<&String> = rights.difference(&used).filter(|right| !not_shown.contains(*right)).collect();
    ensure!(unused.is_empty(), "nothing used these rights: {unused:#?}");
    let stale: Vec<&String> = not_shown.difference(&rights).collect();
    ensure!(stale.is_empty(), "these are no rights; strike them: {stale:#?}");
    Ok(())
}
