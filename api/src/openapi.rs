//! The OpenAPI 3.1 document: what the routes say of themselves, with what holds for all of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::access::public_paths::is_public;
use crate::problem::{MEDIA_TYPE, ProblemDetails};
use crate::schemas;

/// What does not come from routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Video Factory",
        description = "Jobs that make films, the accounts that pay for them, and the buckets that hold them. Callers need a \
                       bearer token of the cluster, and the cluster's own rules decide what they may see and do. Through \
                       `kubectl videofactory proxy` no token is needed.",
    ),
    servers((url = "/")),
    security(("bearer" = [])),
    modifiers(&Bearer),
    components(schemas(ProblemDetails)),
    tags(
        (name = "jobs", description = "Jobs: create, follow, stop and retry them"),
        (name = "storage", description = "Buckets: how full they are, what was deleted, and backups"),
        (name = "accounts", description = "Accounts of services: quotas, steps that wait, money"),
        (name = "health", description = "Whether all is well"),
        (name = "docs", description = "This document"),
    )
)]
pub struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the cluster, such as `kubectl create token` prints"))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document as the routes have it, completed.
#[must_use]
pub fn complete(of_routes: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(of_routes).unwrap_or_default();
    for (name, schema) in schemas::of_crd() {
        document["components"]["schemas"][name] = schema;
    }
    flatten(&mut document["components"]["schemas"]);
    let asked = asked(&document);
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        tidy(schema, asked.contains(name.as_str()));
    }
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if method == "head" {
                // It shares its handler with GET; an id must be one operation's alone.
                operation["operationId"] =
                    json!(format!("{}_head", operation["operationId"].as_str().unwrap_or_default()));
            }
            refuse(path, method, operation);
            spare_body(&schemas, operation);
        }
    }
    document
}

/// Makes one object of each that is put together of several: of a part nothing else may be said, of the whole all parts.
fn flatten(schemas: &mut Value) {
    let all = schemas.clone();
    for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(Value::Array(parts)) = schema.get("allOf").cloned() else { continue };
        let mut whole =
            json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
        if let Some(description) = schema.get("description") {
            whole["description"] = description.clone();
        }
        for part in &parts {
            let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let part = name.map_or(part, |name| &all[name]);
            let fields = part["properties"].as_object().cloned().unwrap_or_default();
            whole["properties"].as_object_mut().into_iter().for_each(|whole| whole.extend(fields.clone()));
            let required = part["required"].as_array().cloned().unwrap_or_default();
            whole["required"].as_array_mut().into_iter().for_each(|whole| whole.extend(required.clone()));
        }
        *schema = whole;
    }
}

/// The schemas of what callers send.
fn asked(document: &Value) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let mut open: Vec<&Value> = operations.map(|(_, operation)| &operation["requestBody"]).collect();
    let mut asked = BTreeSet::new();
    while let Some(value) = open.pop() {
        if let Some(name) = value["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
            && asked.insert(name.to_owned())
        {
            open.push(&document["components"]["schemas"][name]);
        }
        open.extend(value.as_object().into_iter().flat_map(Map::values));
        open.extend(value.as_array().into_iter().flatten());
    }
    asked
}

/// Takes out of an object's schema what the derive macros say too much: defaults that say nothing, and, where we answer,
/// null, because what there is not is left out.
fn tidy(schema: &mut Value, may_be_null: bool) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, field) in fields.into_iter().flatten() {
        let Some(object) = field.as_object_mut() else { continue };
        let is_required = required.iter().any(|required| required == name);
        let says_nothing = |value: &Value| value.is_null() || value.is_object() || value.is_array();
        if is_required || object.get("default").is_some_and(says_nothing) {
            object.remove("default");
        }
        if may_be_null {
            continue;
        }
        let kinds = object.get("type").and_then(Value::as_array);
        if let Some(kind) = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned() {
            object.insert("type".to_owned(), kind);
        }
        let alternatives = object.get("oneOf").and_then(Value::as_array);
        if let Some(one) = alternatives.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
            *field = one.clone();
        }
    }
}

/// Says that a body may be left out where nothing has to stand in it.
fn spare_body(schemas: &Value, operation: &mut Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let reference = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
    let name = reference.rsplit('/').next().unwrap_or_default();
    body["required"] = json!(schemas[name].get("required").is_some());
}

/// Adds to an operation what every one of its kind may answer.
fn refuse(path: &str, method: &str, operation: &mut Value) {
    let mut common = vec![];
    if !is_public(path) {
        common.extend([
            (401, "There is no token, or the cluster does not know it"),
            (403, "The owner of the token does not have the permission"),
            (429, "The caller asks too often"),
            (500, "Internal error; the operator's log says more"),
            (503, "Not possible now; try again later"),
        ]);
    }
    if operation["parameters"].as_array().is_some_and(|parameters| !parameters.is_empty()) {
        common.push((400, "A parameter cannot be read, or the API server refuses the request"));
    }
    if matches!(method, "post" | "put" | "delete") {
        common.push((400, "The API server refuses the request"));
        common.push((404, "The API server does not find it"));
        common.push((502, "The API server failed"));
    }
    if matches!(method, "post" | "put") {
        common.push((409, "Somebody else changed it meanwhile"));
        common.push((413, "The body is too large"));
        common.push((415, "The body is not JSON"));
        common.push((422, "The body is not a request that can be served"));
    }
    let responses = &mut operation["responses"];
    for (status, description) in common {
        let status = status.to_string();
        if responses.get(&status).is_none() {
            responses[status] = json!({"description": description});
        }
    }
    let answers = responses.as_object_mut().into_iter().flatten();
    for (_, response) in answers.filter(|(status, _)| status.starts_with(['4', '5'])) {
        response["content"][MEDIA_TYPE] = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    }
}
