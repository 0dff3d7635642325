//! A value that a JSON schema allows, as a model would write one.

use serde_json::{Map, Value, json};

/// How deep a schema is followed; one that refers to itself ends here.
const DEEPEST: usize = 24;
/// Entries of a list of which the schema does not say how many it wants.
const USUAL_ENTRIES: u64 = 3;

/// What the sentences are made of; each has its number, so that no two are equal, and is short, so that speech is.
const SENTENCES: [&str; 6] = [
    "cold water rises along the coast",
    "one drop of it is full of life",
    "at night the deep comes up to eat",
    "sound is four times as fast in the sea",
    "a storm carries sand across the sea",
    "old maps show islands that never were",
];

/// A value for the schema; lists of scenes are as long as the prompt says (`12 scenes`), where the schema allows it.
pub(super) fn example(schema: &Value, prompt: &str) -> Value {
    Author { schema, scenes: scenes_in(prompt), written: 0 }.write(schema, "", 0)
}

struct Author<'a> {
    schema: &'a Value,
    scenes: Option<u64>,
    /// Texts so far.
    written: usize,
}

impl Author<'_> {
    fn write(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(target) =
            schema["$ref"].as_str().and_then(|path| self.schema.pointer(path.trim_start_matches('#')))
        {
            return self.write(&target.clone(), name, depth + 1);
        }
        if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            let all = schema[choice].as_array().into_iter().flatten();
            if let Some(one) = all.into_iter().find(|one| kind(one) != "null") {
                return self.write(one, name, depth + 1);
            }
        }
        match kind(schema).as_str() {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "string" => self.text(schema, name).into(),
            "integer" | "number" => number(schema),
            "boolean" => json!(true),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            object.insert(name.clone(), self.write(property, name, depth + 1));
        }
        object.into()
    }

    fn array(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let bound = |name: &str| size(&schema[name]);
        let least = bound("minItems").unwrap_or(0);
        let most = bound("maxItems").unwrap_or(u64::MAX).max(least);
        let wanted = self.scenes.filter(|_| name.to_lowercase().contains("scene"));
        let usual = if least > 0 { least } else { USUAL_ENTRIES };
        let count = wanted.unwrap_or(usual).clamp(least, most);
        (0..count).map(|_| self.write(&schema["items"], name.trim_end_matches('s'), depth + 1)).collect()
    }

    fn text(&mut self, schema: &Value, name: &str) -> String {
        self.written += 1;
        let number = self.written;
        let text = match (schema["format"].as_str().unwrap_or_default(), name) {
            ("date-time", _) => "2026-01-01T00:00:00Z".to_owned(),
            ("uri", _) => "https://example.com/".to_owned(),
            (_, "id") => format!("scene-{number}"),
            (_, "title") => format!("What the sea does at night, part {number}"),
            (_, "tag" | "hashtag" | "keyword") => format!("sea {number}"),
            (_, "language" | "lang") => "en".to_owned(),
            _ => format!("Number {number} is this, {}.", SENTENCES[number % SENTENCES.len()]),
        };
        let least = usize::try_from(size(&schema["minLength"]).unwrap_or(0)).unwrap_or(0);
        let most =
            size(&schema["maxLength"]).and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let padded = format!("{text}{}", ".".repeat(least.saturating_sub(text.chars().count()).min(10_000)));
        padded.chars().take(most).collect()
    }
}

/// The schema's type in lower case; of several, the first that is not null.
fn kind(schema: &Value) -> String {
    let given = match &schema["type"] {
        Value::Array(all) => {
            all.iter().filter_map(Value::as_str).find(|one| !one.eq_ignore_ascii_case("null"))
        }
        one => one.as_str(),
    };
    let implied = || {
        let has = |name: &str| schema.get(name).is_some();
        if has("properties") {
            "object"
        } else if has("items") {
            "array"
        } else {
            "null"
        }
    };
    given.unwrap_or_else(implied).to_lowercase()
}

/// A number of things; Google's own schemas write it as a text.
fn size(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn number(schema: &Value) -> Value {
    let bound = |name: &str| schema[name].as_f64();
    let whole = kind(schema) == "integer";
    let step = if whole { 1.0 } else { 0.5 };
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|least| least + step)).unwrap_or(f64::MIN);
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|most| most - step)).unwrap_or(f64::MAX);
    let number = if least > most { least } else { 6.0_f64.clamp(least, most) };
    if whole {
        #[expect(clippy::cast_possible_truncation, reason = "bounds of schemas are small")]
        let number = number.ceil() as i64;
        return json!(number);
    }
    json!(number)
}

/// The number before the word scenes.
fn scenes_in(prompt: &str) -> Option<u64> {
    let words: Vec<&str> =
        prompt.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let counted = words.windows(2).filter(|pair| pair[1].to_lowercase().starts_with("scene"));
    counted.map(|pair| pair[0].parse()).find_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 12},
                "scenes": {"type": "array", "minItems": 2, "maxItems": 5, "items": {"$ref": "#/$defs/scene"}},
            },
            "required": ["title", "scenes"],
            "$defs": {"scene": {"type": "object", "properties": {
                "id": {"type": "string"},
                "narration": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 200}]},
                "seconds": {"type": "integer", "minimum": 8, "maximum": 9},
                "motion": {"type": ["string", "null"], "enum": ["pan", "zoom"]},
                "loud": {"type": "boolean"},
            }}},
        })
    }

    #[test]
    fn a_value_keeps_to_its_schema() {
        let value = example(&schema(), "about the sea");
        assert_eq!(value["title"].as_str().unwrap().chars().count(), 12);
        let scenes = value["scenes"].as_array().unwrap();
        assert_eq!(scenes.len(), 2);
        assert!(scenes[0]["narration"].as_str().unwrap().len() >= 200);
        assert_eq!((&scenes[0]["seconds"], &scenes[0]["motion"]), (&json!(8), &json!("pan")));
        assert_ne!(scenes[0]["id"], scenes[1]["id"]);
        assert_ne!(scenes[0]["narration"], scenes[1]["narration"]);
    }

    #[test]
    fn lists_of_scenes_are_as_long_as_the_prompt_says() {
        let count = |prompt: &str| example(&schema(), prompt)["scenes"].as_array().unwrap().len();
        assert_eq!((count("Write 4 scenes."), count("exactly 12 scenes"), count("the scenes")), (4, 5, 2));
    }

    #[test]
    fn schemas_in_googles_own_manner_are_read_too() {
        let schema =
            json!({"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER", "exclusiveMaximum": 2}});
        assert_eq!(example(&schema, ""), json!([1.5, 1.5]));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(example(&schema, "").is_object());
    }
}
