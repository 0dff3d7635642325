//! `install generate`: the manifests that install Video Factory.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use videofactory_crds::generate;
use videofactory_crds::yaml::quote_for_old_readers;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::operator::DEFAULT_NAMESPACE;

/// The operator's manifests, in the order in which they are applied: those that manifests/operator/kustomization.yaml
/// names.
const OPERATOR: [(&str, &str); 7] = [
    ("namespace.yaml", include_str!("../../../manifests/operator/namespace.yaml")),
    ("rbac.yaml", include_str!("../../../manifests/operator/rbac.yaml")),
    ("roles.yaml", include_str!("../../../manifests/operator/roles.yaml")),
    ("deployment.yaml", include_str!("../../../manifests/operator/deployment.yaml")),
    ("poddisruptionbudget.yaml", include_str!("../../../manifests/operator/poddisruptionbudget.yaml")),
    ("service.yaml", include_str!("../../../manifests/operator/service.yaml")),
    ("networkpolicy.yaml", include_str!("../../../manifests/operator/networkpolicy.yaml")),
];
/// Labels that all of them get.
const LABELS: [(&str, &str); 2] =
    [("app.kubernetes.io/name", "videofactory"), ("app.kubernetes.io/component", "operator")];
/// The registry of the images, where whoever built the plugin said so.
const REGISTRY: Option<&str> = option_env!("VIDEOFACTORY_REGISTRY");
/// The environment variable that holds the worker's image.
const WORKER_IMAGE: &str = "VIDEOFACTORY_WORKER_IMAGE";

/// Print the manifests that install Video Factory
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory install generate | kubectl apply --server-side -f -")]
pub struct InstallArgs {
    #[command(subcommand)]
    what: Install,
}

/// What of the installation.
#[derive(Debug, Subcommand)]
enum Install {
    Generate(GenerateArgs),
}

/// Print definitions and operator as one stream of YAML
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory install generate | kubectl apply --server-side -f -
  kubectl videofactory install generate --registry ghcr.io/owner --only-crds")]
struct GenerateArgs {
    /// The registry and folder that the images are in, such as ghcr.io/owner. Default: images on the nodes themselves
    #[arg(long)]
    registry: Option<String>,
    /// The tag of the images. Default: the plugin's version, and dev without a registry
    #[arg(long)]
    tag: Option<String>,
    /// The operator's image, whole
    #[arg(long, value_name = "IMAGE")]
    operator_image: Option<String>,
    /// The workers' image, whole
    #[arg(long, value_name = "IMAGE")]
    worker_image: Option<String>,
    /// Only the definitions (CRDs)
    #[arg(long, conflicts_with = "no_crds")]
    only_crds: bool,
    /// Without the definitions
    #[arg(long)]
    no_crds: bool,
}

/// Prints manifests.
pub fn run(args: &InstallArgs, context: &mut Context) -> Result<Exit, Error> {
    let Install::Generate(args) = &args.what;
    let mut documents = Vec::new();
    if !args.no_crds {
        let definitions = generate::manifests().map_err(|error| Error::new(error.to_string()))?;
        documents.extend(definitions.into_iter().map(|manifest| manifest.yaml));
    }
    if !args.only_crds {
        let namespace = context.cluster.operator_namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        documents.extend(operator(args, namespace)?);
    }
    context.data(&documents.join("---\n"))?;
    Ok(Exit::Done)
}

fn operator(args: &GenerateArgs, namespace: &str) -> Result<Vec<String>, Error> {
    let images = Images {
        operator: image(args, "operator", args.operator_image.as_ref()),
        worker: image(args, "worker", args.worker_image.as_ref()),
    };
    let mut documents = Vec::new();
    for (file, text) in OPERATOR {
        let bad = |error: &dyn std::fmt::Display| Error::new(format!("{file} cannot be read: {error}"));
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let object: Value = serde::Deserialize::deserialize(document)
                .map_err(|error: serde_yaml_ng::Error| bad(&error))?;
            let object = place(object, namespace, &images);
            let yaml = serde_yaml_ng::to_string(&object).map_err(|error| bad(&error))?;
            documents.push(quote_for_old_readers(&yaml));
        }
    }
    Ok(documents)
}

struct Images {
    operator: String,
    worker: String,
}

fn image(args: &GenerateArgs, name: &str, whole: Option<&String>) -> String {
    if let Some(whole) = whole {
        return whole.clone();
    }
    let registry = args.registry.as_deref().or(REGISTRY);
    let released = concat!("v", env!("CARGO_PKG_VERSION"));
    let usual = if registry.is_some() { released } else { "dev" };
    let tag = args.tag.as_deref().unwrap_or(usual);
    format!("{}/videofactory-{name}:{tag}", registry.unwrap_or("localhost").trim_end_matches('/'))
}

/// An object with its labels and images, in this namespace.
fn place(mut object: Value, namespace: &str, images: &Images) -> Value {
    move_to(&mut object, namespace);
    label(&mut object["metadata"]);
    if object["kind"] == "Deployment" {
        let pod = &mut object["spec"]["template"];
        label(&mut pod["metadata"]);
        for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
            container["image"] = json!(images.operator);
            for variable in container["env"].as_array_mut().into_iter().flatten() {
                if variable["name"] == WORKER_IMAGE {
                    variable["value"] = json!(images.worker);
                }
            }
        }
    }
    object
}

fn label(metadata: &mut Value) {
    for (name, value) in LABELS {
        if metadata["labels"][name].is_null() {
            metadata["labels"][name] = json!(value);
        }
    }
}

/// Puts another namespace in the place of the usual one, wherever it is named.
fn move_to(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text == DEFAULT_NAMESPACE => namespace.clone_into(text),
        Value::String(text) => {
            // Addresses of Services.
            *text = text.replace(&format!(".{DEFAULT_NAMESPACE}.svc"), &format!(".{namespace}.svc"));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_to(item, namespace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| move_to(field, namespace)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{Fake, run};

    async fn generated(flags: &str) -> BTreeMap<String, Value> {
        let ended = run(&Fake::default(), &format!("install generate {flags}"), None).await;
        assert_eq!((ended.exit, ended.err.as_str()), (Exit::Done, ""));
        let documents = serde_yaml_ng::Deserializer::from_str(&ended.out);
        documents
            .map(|document| {
                let object: Value = serde::Deserialize::deserialize(document).unwrap();
                let name = |field: &Value| field.as_str().unwrap().to_owned();
                (format!("{}/{}", name(&object["kind"]), name(&object["metadata"]["name"])), object)
            })
            .collect()
    }

    #[tokio::test]
    async fn definitions_and_operator_are_one_stream() {
        let objects = generated("").await;
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        for name in [
            "CustomResourceDefinition/videojobs.videofactory.dev",
            "Deployment/videofactory-operator",
            "Namespace/videofactory-system",
        ] {
            assert!(names.contains(&name), "{names:?}");
        }
        let deployment = &objects["Deployment/videofactory-operator"];
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "localhost/videofactory-operator:dev");
        assert_eq!(deployment["metadata"]["labels"]["app.kubernetes.io/name"], "videofactory");
        assert!(generated("--only-crds").await.keys().all(|name| name.starts_with("CustomResource")));
        assert!(generated("--no-crds").await.keys().all(|name| !name.starts_with("CustomResource")));
    }

    #[tokio::test]
    async fn images_and_namespace_can_be_chosen() {
        let objects = generated("--registry ghcr.io/owner/ --tag v9.9.9").await;
        let container =
            &objects["Deployment/videofactory-operator"]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "ghcr.io/owner/videofactory-operator:v9.9.9");
        let worker =
            container["env"].as_array().unwrap().iter().find(|one| one["name"] == WORKER_IMAGE).unwrap();
        assert_eq!(worker["value"], "ghcr.io/owner/videofactory-worker:v9.9.9");
        let images = Images { operator: String::new(), worker: String::new() };
        let moved = place(
            json!({"metadata": {"namespace": DEFAULT_NAMESPACE}, "url": "http://a.videofactory-system.svc:8000"}),
            "films",
            &images,
        );
        assert_eq!(
            (&moved["metadata"]["namespace"], &moved["url"]),
            (&json!("films"), &json!("http://a.films.svc:8000"))
        );
    }

    #[test]
    fn every_manifest_of_the_operator_is_in_it() {
        let kustomization = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/operator/kustomization.yaml");
        let text = std::fs::read_to_string(kustomization).unwrap();
        let named: Value = serde_yaml_ng::from_str(&text).unwrap();
        let named: Vec<&str> =
            named["resources"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let mut ours: Vec<&str> = OPERATOR.iter().map(|(file, _)| *file).collect();
        assert_eq!(
            {
                ours.sort_unstable();
                ours
            },
            {
                let mut named = named;
                named.sort_unstable();
                named
            }
        );
    }
}
