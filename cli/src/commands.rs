//! The commands that people are shown: pasted, they act on the cluster that this one acts on, and as the same person. Pure.

use crate::cluster::ClusterFlags;

const KUBECTL: &str = "kubectl ";
const PLUGIN: &str = "videofactory ";
/// Verbs of the plugin that ask no cluster.
const WITHOUT_CLUSTER: [&str; 2] = ["install", "completion"];
/// How commands of kubectl begin that are shown. What else follows the word is prose.
const OF_KUBECTL: [&str; 7] = ["-n ", "annotate ", "apply ", "delete ", "edit ", "explain ", "version"];

/// The flags that commands are shown with.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    kubectl: String,
    plugin: String,
}

impl Commands {
    /// Those that were given.
    #[must_use]
    pub fn of(flags: &ClusterFlags) -> Self {
        let kubeconfig = flags.kubeconfig.as_ref().map(|path| path.display().to_string());
        let named = [
            ("kubeconfig", kubeconfig.as_ref()),
            ("context", flags.context.as_ref()),
            ("cluster", flags.cluster.as_ref()),
            ("user", flags.user.as_ref()),
            ("as", flags.impersonate.as_ref()),
        ];
        let groups = flags.impersonate_groups.iter().map(|group| ("as-group", group));
        let given = named.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(groups);
        let kubectl: String = given.map(|(name, value)| flag(name, value)).collect();
        let operator = flags.operator_namespace.as_ref().map(|name| flag("operator-namespace", name));
        Self { plugin: kubectl.clone() + &operator.unwrap_or_default(), kubectl }
    }

    /// The text with the flags in each of its commands.
    #[must_use]
    pub fn complete(&self, text: &str) -> String {
        let begins = |rest: &str, words: &[&str]| words.iter().any(|word| rest.starts_with(word));
        let mut parts = text.split(KUBECTL);
        let mut complete = parts.next().unwrap_or_default().to_owned();
        for rest in parts {
            let (program, flags, rest) = match rest.strip_prefix(PLUGIN) {
                Some(rest) if begins(rest, &WITHOUT_CLUSTER) => (PLUGIN, "", rest),
                Some(rest) => (PLUGIN, self.plugin.as_str(), rest),
                None if begins(rest, &OF_KUBECTL) => ("", self.kubectl.as_str(), rest),
                None => ("", "", rest),
            };
            complete.extend([KUBECTL, program, flags, rest]);
        }
        complete
    }
}

/// A flag as a shell takes it, with a blank after it.
fn flag(name: &str, value: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    if !value.is_empty() && value.chars().all(is_plain) {
        format!("--{name} {value} ")
    } else {
        format!("--{name} '{}' ", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, job, path, run};

    #[test]
    fn commands_have_the_flags_that_name_the_cluster_and_prose_has_none() {
        let flags = ClusterFlags {
            context: Some("staging".to_owned()),
            impersonate_groups: vec!["it's us".to_owned()],
            operator_namespace: Some("factory".to_owned()),
            ..ClusterFlags::default()
        };
        let commands = Commands::of(&flags);
        for (before, after) in [
            (
                "`kubectl videofactory retry ocean -n films`",
                r"`kubectl videofactory --context staging --as-group 'it'\''s us' --operator-namespace factory retry ocean -n films`",
            ),
            ("`kubectl edit vj ocean`", r"`kubectl --context staging --as-group 'it'\''s us' edit vj ocean`"),
            (
                "kubectl videofactory install generate | kubectl apply -f -",
                r"kubectl videofactory install generate | kubectl --context staging --as-group 'it'\''s us' apply -f -",
            ),
            ("does kubectl itself work?", "does kubectl itself work?"),
            ("`kubectl config get-contexts`", "`kubectl config get-contexts`"),
        ] {
            assert_eq!(commands.complete(before), after);
            assert_eq!(Commands::default().complete(before), before);
        }
    }

    #[tokio::test]
    async fn what_is_shown_acts_on_the_same_cluster() {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let held = job("ocean", json!({"observedGeneration": 1, "phase": "Suspended"}));
        let fake = Fake::default().on(&what, held);
        let resume = "`kubectl videofactory --context staging resume ocean -n films`";
        let shown = run(&fake, "status ocean --context staging", None).await;
        assert!(shown.out.ends_with(&format!("Next: resume it: {resume}\n")), "{}", shown.out);
        let refused = run(&fake, "download ocean --context staging", None).await;
        assert!(refused.err.ends_with(&format!("next: resume it: {resume}\n")), "{}", refused.err);
        let document = run(&fake, "status ocean --context staging -o yaml", None).await;
        assert!(!document.out.contains("staging"), "{}", document.out);
        let checked = run(&Fake::default(), "doctor --kubeconfig it -o json", None).await;
        let list = "kubectl videofactory --kubeconfig it list -A";
        assert!(checked.out.contains(list), "{}", checked.out);
    }
}
