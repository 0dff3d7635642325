//! Schemas of what the API passes on as Kubernetes has it: words of closed sets, and the parts of a `VideoJob`. Each type
//! here stands for another one in the OpenAPI document, and is never made.

mod answers;

use schemars::SchemaGenerator;
use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use videofactory_client::backup::Kind;
use videofactory_client::job_ref::MAX_LABEL;
use videofactory_client::scene_edit::ScenePart;
use videofactory_client::{JobAction, Outcome, restore};
use videofactory_crds as crds;
use videofactory_pipeline::keys::MAX_NAME;

pub use self::answers::{BackupStats, BulkAnswer, CleanupAnswer, RestoreAnswer, RunStats, SceneEdit};
use crate::limits::{MAX_REASON, MAX_SELECTOR};

/// The words that a type of the custom resources knows, from the schema of its own.
fn words<T: schemars::JsonSchema>() -> Object {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let words = schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
    one_of(words.iter().filter_map(Value::as_str))
}

/// What a DNS label looks like, whose length is limited apart.
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

fn name(description: &str, longest: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(format!("^{LABEL}$")))
        .min_length(Some(1))
        .max_length(Some(longest))
        .build()
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

fn text(description: &str, pattern: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .build()
}

/// Any text that is not too long.
fn prose(description: &str, longest: usize, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .max_length(Some(longest))
        .examples([example])
        .build()
}

/// Types that stand for a schema in the document, and all of these by name.
macro_rules! stand_ins {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::Object($schema))
                }
            }

            impl ToSchema for $name {}
        )+

        #[cfg(test)]
        fn all() -> Vec<(&'static str, Object)> {
            vec![$((stringify!($name), $schema)),+]
        }
    };
}

stand_ins! {
    /// Where a job stands.
    Phase = words::<crds::Phase>();
    /// Where a step stands.
    StepState = words::<crds::StepState>();
    /// A step.
    StepName = words::<crds::StepName>();
    /// Why something is as it is.
    Reason = words::<crds::VideoJobReason>();
    /// How full a bucket is.
    StorageLevel = words::<crds::storagepolicy::StorageLevel>();
    /// A kind of file.
    ObjectKind = words::<crds::storagepolicy::ObjectKind>();
    /// Why a prune run took place.
    PruneCause = words::<crds::storagepolicy::PruneCause>();
    /// How a prune run ended.
    PruneOutcome = words::<crds::storagepolicy::PruneOutcome>();
    /// How a backup ended.
    BackupOutcome = words::<crds::storagepolicy::BackupOutcome>();
    /// An outside service.
    Provider = words::<crds::provideraccount::Provider>();
    /// What a quota counts.
    QuotaUnit = words::<crds::provideraccount::QuotaUnit>();
    /// How a quota's window moves.
    QuotaWindow = words::<crds::provideraccount::Window>();
    /// What can be asked of a job.
    Action = one_of(JobAction::ALL.iter().map(|action| action.as_str()));
    /// What can be asked of many jobs at once.
    BulkAction = bulk_actions();
    /// A part of a scene.
    ScenePartName = one_of(ScenePart::ALL.iter().map(|part| part.as_str()));
    /// What became of a request.
    RequestOutcome = outcomes([
        Outcome::Requested,
        Outcome::WouldRequest,
        Outcome::Unchanged,
        Outcome::Refused,
        Outcome::Failed,
    ]);
    /// A kind of object in a backup.
    BackupKind = one_of(Kind::ALL.map(Kind::as_str));
    /// What became of an object of a backup.
    RestoreOutcome = outcomes(restore::Outcome::ALL);
    /// How a job is named.
    JobId = text("A job, as <namespace>/<name>", &format!("^{LABEL}/{LABEL}$"), "demo/ocean-facts");
    /// A name of a namespace, or of an object in one.
    ObjectName = name("Lower-case letters, digits and hyphens", MAX_LABEL);
    /// A name that a job can be given.
    JobName = name("Lower-case letters, digits and hyphens; pods are named after it", MAX_NAME);
    /// Which labels jobs have.
    LabelSelector = prose("Label selector, as Kubernetes writes it", MAX_SELECTOR, "team=films,!draft");
    /// Why a job is suspended.
    SuspensionReason = prose("Why jobs are suspended", MAX_REASON, "the bill");
    /// Bytes.
    Binary = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .build();
    /// An amount of money.
    Usd = text("US dollars", "^[0-9]+([.][0-9]{1,6})?$", "2.50");
}

fn bulk_actions() -> Object {
    let of_many = |action: &JobAction| !matches!(action, JobAction::Approve | JobAction::Reject);
    one_of(JobAction::ALL.iter().filter(|action| of_many(action)).map(|action| action.as_str()))
}

/// The words of outcomes, as they are written.
fn outcomes<T: serde::Serialize, const N: usize>(all: [T; N]) -> Object {
    let words = all.map(|outcome| serde_json::to_value(outcome).unwrap_or_default());
    one_of(words.iter().filter_map(Value::as_str))
}

/// `spec` of a `VideoJob`; the document has it from the definition that is applied to clusters.
#[derive(Debug)]
pub enum VideoJobSpec {}

/// `status` of a `VideoJob`.
#[derive(Debug)]
pub enum VideoJobStatus {}

/// A place for what [`of_crd`] gives.
fn open_object() -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(Type::Object).build()))
}

impl PartialSchema for VideoJobSpec {
    fn schema() -> RefOr<Schema> {
        open_object()
    }
}

impl ToSchema for VideoJobSpec {}

impl PartialSchema for VideoJobStatus {
    fn schema() -> RefOr<Schema> {
        open_object()
    }
}

impl ToSchema for VideoJobStatus {}

/// The schemas of spec and status by their names in the document, from the definition that is applied to clusters.
#[must_use]
pub fn of_crd() -> [(String, Value); 2] {
    let plural = <crds::VideoJob as kube::Resource>::plural(&());
    let definitions = crds::generate::all();
    let schema = definitions
        .iter()
        .filter(|definition| definition.spec.names.plural == plural)
        .find_map(|definition| definition.spec.versions.first()?.schema.as_ref()?.open_api_v3_schema.as_ref())
        .and_then(|schema| serde_json::to_value(schema).ok())
        .unwrap_or_default();
    let part = |field: &str| schema["properties"][field].clone();
    [(VideoJobSpec::name().into_owned(), part("spec")), (VideoJobStatus::name().into_owned(), part("status"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_set_has_its_words() {
        let schemas: std::collections::BTreeMap<&str, Value> =
            all().into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect();
        for (name, schema) in &schemas {
            let is_closed = schema["enum"].as_array().is_some_and(|words| words.len() > 1);
            let is_limited = schema["pattern"].is_string() || schema["maxLength"].is_number();
            assert!(is_closed || is_limited || *name == "Binary", "{name}: {schema}");
        }
        assert_eq!(schemas["Phase"]["enum"][0], "Pending");
        assert_eq!(schemas["StepName"]["enum"][5], "publish-video");
        assert_eq!(schemas["Action"]["enum"][5], "reject");
        assert_eq!(schemas["BulkAction"]["enum"].as_array().unwrap().len(), 4);
        assert_eq!(schemas["RequestOutcome"]["enum"][1], "would_request");
        assert_eq!(schemas["RestoreOutcome"]["enum"][1], "would_restore");
        assert_eq!(JobId::name(), "JobId");
        assert_eq!(schemas["ObjectName"]["maxLength"], 63);
        assert_eq!(schemas["JobName"]["maxLength"], 52);
    }

    #[test]
    fn spec_and_status_are_those_of_the_definition() {
        let [(_, spec), (_, status)] = of_crd();
        assert!(spec["properties"]["topic"].is_object());
        assert!(status["properties"]["steps"]["items"]["properties"]["attempt"].is_object());
    }
}
