//! What the page of `/docs` shows, read from the OpenAPI document. Pure.

use askama::Template;
use serde_json::{Map, Value};

use crate::PORT;

/// The page.
#[derive(Template)]
#[template(path = "docs.html")]
pub struct Page<'a> {
    style: &'a str,
    title: &'a str,
    version: &'a str,
    description: &'a str,
    groups: Vec<Group<'a>>,
    schemas: Vec<SchemaView<'a>>,
}

struct Group<'a> {
    name: &'a str,
    description: &'a str,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    id: &'a str,
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    parameters: Vec<Parameter<'a>>,
    body: Option<Form>,
    answers: Vec<Answer<'a>>,
    curl: String,
}

struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    required: bool,
    form: Form,
    description: &'a str,
}

struct Answer<'a> {
    status: &'a str,
    description: &'a str,
    contents: Vec<(&'a str, Form)>,
}

struct SchemaView<'a> {
    name: &'a str,
    description: &'a str,
    form: Form,
    fields: Vec<Parameter<'a>>,
}

/// What a value looks like: in words, and the schema that says more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Form {
    words: String,
    schema: Option<String>,
}

impl<'a> Page<'a> {
    /// The page of a document.
    pub fn of(document: &'a Value, style: &'a str) -> Self {
        let schemas = &document["components"]["schemas"];
        let mut operations: Vec<(&str, Operation<'a>)> = Vec::new();
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item) {
                let tag = operation["tags"][0].as_str().unwrap_or_default();
                operations.push((tag, Operation::of(method, path, operation, schemas)));
            }
        }
        let mut groups = Vec::new();
        for tag in document["tags"].as_array().into_iter().flatten() {
            let name = text(&tag["name"]);
            let (mine, others) = operations.into_iter().partition(|(tag, _)| *tag == name);
            operations = others;
            let mine: Vec<(&str, Operation<'a>)> = mine;
            let operations = mine.into_iter().map(|(_, operation)| operation).collect();
            groups.push(Group { name, description: text(&tag["description"]), operations });
        }
        Self {
            style,
            title: text(&document["info"]["title"]),
            version: text(&document["info"]["version"]),
            description: text(&document["info"]["description"]),
            groups,
            schemas: members(schemas).map(|(name, schema)| SchemaView::of(name, schema)).collect(),
        }
    }
}

impl<'a> Operation<'a> {
    fn of(method: &str, path: &'a str, operation: &'a Value, schemas: &'a Value) -> Self {
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path,
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            parameters: parameters.iter().map(Parameter::of).collect(),
            body: (!body.is_null()).then(|| Form::of(body)),
            answers: members(&operation["responses"])
                .map(|(status, answer)| Answer::of(status, answer))
                .collect(),
            curl: curl(method, path, operation, schemas),
        }
    }
}

impl<'a> Parameter<'a> {
    fn of(parameter: &'a Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            required: parameter["required"].as_bool().unwrap_or_default(),
            form: Form::of(&parameter["schema"]),
            description: text(&parameter["description"]),
        }
    }
}

impl<'a> Answer<'a> {
    fn of(status: &'a str, answer: &'a Value) -> Self {
        let contents =
            members(&answer["content"]).map(|(media, content)| (media, Form::of(&content["schema"])));
        Self { status, description: text(&answer["description"]), contents: contents.collect() }
    }
}

impl<'a> SchemaView<'a> {
    fn of(name: &'a str, schema: &'a Value) -> Self {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let field = |(name, schema): (&'a str, &'a Value)| Parameter {
            name,
            place: "",
            required: required.iter().any(|required| required == name),
            form: Form::of(schema),
            description: described(schema),
        };
        Self {
            name,
            description: text(&schema["description"]),
            form: Form::of(schema),
            fields: members(&schema["properties"]).map(field).collect(),
        }
    }
}

impl Form {
    fn of(schema: &Value) -> Self {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            return Self { words: String::new(), schema: Some(name.to_owned()) };
        }
        // A value or null: null is what is left out.
        for alternatives in ["oneOf", "anyOf"] {
            let mut all = schema[alternatives].as_array().into_iter().flatten();
            if let Some(first) = all.find(|one| one["type"] != "null") {
                return Self::of(first);
            }
        }
        let kind = kind(schema);
        if kind == "array" {
            let items = Self::of(&schema["items"]);
            return Self { words: format!("array of {}", items.words).trim_end().to_owned(), ..items };
        }
        let mut words = vec![kind.to_owned()];
        if let Some(values) = schema["enum"].as_array() {
            words = vec![values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ")];
        }
        words.extend(schema["format"].as_str().map(str::to_owned));
        words.extend(bounds(schema, "minimum", "maximum", ""));
        words.extend(bounds(schema, "minLength", "maxLength", " characters"));
        words.extend(schema["pattern"].as_str().map(str::to_owned));
        Self { words: words.join(", "), schema: None }
    }
}

fn kind(schema: &Value) -> &str {
    let kinds = schema["type"].as_array();
    let of_several = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
    of_several.unwrap_or(&schema["type"]).as_str().unwrap_or("any")
}

fn bounds(schema: &Value, least: &str, most: &str, unit: &str) -> Option<String> {
    match (number(&schema[least]), number(&schema[most])) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    }
}

/// A number as people write it: a whole one without a fraction.
fn number(value: &Value) -> Option<String> {
    value.as_f64().map(|number| number.to_string())
}

/// A line that asks for this through the proxy.
fn curl(method: &str, path: &str, operation: &Value, schemas: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let example = text(&parameter["example"]);
            path = path.replace(&format!("{{{}}}", text(&parameter["name"])), example);
        }
    }
    let how = match method {
        "get" if operation["responses"]["206"].is_object() => "curl -OJ".to_owned(),
        "get" if operation["responses"]["200"]["content"]["text/event-stream"].is_object() => {
            "curl -N".to_owned()
        }
        "get" => "curl".to_owned(),
        "head" => "curl -I".to_owned(),
        other => format!("curl -X {}", other.to_uppercase()),
    };
    let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let name = body.as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    // Where the proxy serves the API on a person's machine.
    let url = format!("http://localhost:{PORT}{path}");
    match schemas[name].get("example") {
        Some(example) => format!("{how} -H 'content-type: application/json' -d '{example}' {url}"),
        None => format!("{how} {url}"),
    }
}

/// What a field's schema says of it; of a value or null, the value's says it.
fn described(schema: &Value) -> &str {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let mut all = std::iter::once(schema).chain(alternatives);
    all.find_map(|one| one["description"].as_str()).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_described_in_words() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 1, "maximum": 500}), "integer, 1 to 500"),
            (json!({"type": ["string", "null"], "format": "date-time"}), "string, date-time"),
            (json!({"type": "string", "enum": ["a", "b"]}), "a | b"),
            (
                json!({"type": "array", "items": {"type": "string", "maxLength": 9}}),
                "array of string, at most 9 characters",
            ),
            (json!({}), "any"),
        ] {
            assert_eq!(Form::of(&schema), Form { words: words.to_owned(), schema: None }, "{schema}");
        }
        let optional = json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Usd"}]});
        assert_eq!(Form::of(&optional).schema.as_deref(), Some("Usd"));
        let list = Form::of(&json!({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}));
        assert_eq!(list, Form { words: "array of".to_owned(), schema: Some("Job".to_owned()) });
    }

    #[test]
    fn what_is_in_the_document_is_text_and_nothing_else() {
        let document = json!({
            "info": {"title": "<b>"}, "tags": [{"name": "t"}], "components": {"schemas": {}},
            "paths": {"/x": {"get": {"tags": ["t"], "summary": "<script>alert(1)</script> `code`"}}},
        });
        let html = Page::of(&document, "").render().unwrap();
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("alert(1)") && html.contains("<code>code</code>"), "{html}");
    }
}
