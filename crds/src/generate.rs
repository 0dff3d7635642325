//! The manifests that are applied to a cluster, generated from the Rust types.
//!
//! They differ from what kube derives, so `all()` is the one source: no field is `nullable` (an explicit null
//! then means "left out", to CEL too), status carries no rules, and a new object's status says that nobody
//! has looked at it yet.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::limits;
use crate::yaml::quote_for_old_readers;
use crate::{Channel, ProviderAccount, StoragePolicy, VideoJob};

const HEADER: &str = "# Generated from crds/src by `make generate`; do not edit.\n";

/// Why a manifest could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The definition is no YAML; a bug.
    #[error("cannot write the definition of {name} as YAML: {source}")]
    WriteYaml {
        /// Name of the definition.
        name: String,
        /// What the serializer said.
        source: serde_yaml_ng::Error,
    },
}

/// One file of `manifests/crds/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the file, such as `videojobs.yaml`.
    pub file: String,
    /// Its content, ending with a newline.
    pub yaml: String,
}

/// The four definitions, as they are to be applied.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    [VideoJob::crd(), Channel::crd(), ProviderAccount::crd(), StoragePolicy::crd()].map(finish).into()
}

/// The files of `manifests/crds/`.
pub fn manifests() -> Result<Vec<Manifest>, GenerateError> {
    all()
        .into_iter()
        .map(|crd| {
            let body = serde_yaml_ng::to_string(&crd)
                .map_err(|source| GenerateError::WriteYaml { name: crd.spec.names.plural.clone(), source })?;
            let yaml = format!("{HEADER}{}", quote_for_old_readers(&body));
            Ok(Manifest { file: format!("{}.yaml", crd.spec.names.plural), yaml })
        })
        .collect()
}

fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        finish_schema(schema);
        if let Some(status) = schema.properties.as_mut().and_then(|fields| fields.get_mut("status")) {
            // An object without status looks healthy to tools that judge by conditions.
            drop_rules(status);
            limits::bound(status);
            status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
        }
    }
    crd
}

/// Only the operator writes status: rules there find nothing, and in its lists they cost more than is allowed.
fn drop_rules(schema: &mut JSONSchemaProps) {
    schema.x_kubernetes_validations = None;
    each_child(schema, drop_rules);
}

fn finish_schema(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    schema.description =
        schema.description.take().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    each_child(schema, finish_schema);
}

fn each_child(schema: &mut JSONSchemaProps, change: fn(&mut JSONSchemaProps)) {
    schema.properties.iter_mut().flatten().for_each(|(_, property)| change(property));
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => change(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(change),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        change(values);
    }
}
