//! The labels and names by which the operator and its steps' Jobs and pods are found, which are a stable interface; and
//! kubectl's annotation that repeats an object.

/// UID of the `VideoJob`, on Jobs and pods of its steps.
pub const UID: &str = "videofactory.dev/uid";
/// Its run.
pub const RUN: &str = "videofactory.dev/run";
/// The step.
pub const STEP: &str = "videofactory.dev/step";
/// The attempt.
pub const ATTEMPT: &str = "videofactory.dev/attempt";
/// Name of the `VideoJob`.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Selects all Jobs and pods of steps.
pub const STEPS: &str = UID;
/// The container of a step's pod that does its work.
pub const WORKER: &str = "worker";

/// Selects the operator's pods.
pub const OPERATOR: &str = "app.kubernetes.io/name=videofactory,app.kubernetes.io/component=operator";
/// The container of the operator's pods.
pub const OPERATOR_CONTAINER: &str = "operator";
/// The operator's Lease, and how it names itself, unless another name is configured.
pub const OPERATOR_NAME: &str = "videofactory-operator";
/// The operator's namespace, unless it is installed elsewhere.
pub const OPERATOR_NAMESPACE: &str = "videofactory-system";

/// Annotation in which `kubectl apply` without `--server-side` keeps a copy of the object: whatever is removed from an
/// object must be removed from here, too.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_have_the_same_names() {
        let deployment = include_str!("../../manifests/operator/deployment.yaml");
        for label in OPERATOR.split(',') {
            let line = format!("        {}\n", label.replace('=', ": "));
            assert!(deployment.contains(&line), "{line}");
        }
        assert!(deployment.contains(&format!("      - name: {OPERATOR_CONTAINER}\n")));
        let namespace = include_str!("../../manifests/operator/namespace.yaml");
        assert!(namespace.contains(&format!("  name: {OPERATOR_NAMESPACE}\n")));
    }
}
