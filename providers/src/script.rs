//! Scripts of language models: how one is asked for, and whether what came is one.

mod prompt;

use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::prompt::prompt;

use crate::capability::{Script, ScriptRequest, ScriptScene};
use crate::error::ProviderError;
use crate::json;

/// Nobody says a letter faster than this, in seconds; a Chinese character counts as several.
const HURRIED_LETTER_SECONDS: f64 = 0.05;
/// How many letters a Chinese character counts as.
const LETTERS_OF_A_CHARACTER: u32 = 2;
/// Up to so many scenes, the schema itself says how many; more make it too large for the service.
const MAX_COUNTED_BY_SCHEMA: usize = 50;
/// Longest title of a film in characters, whoever writes it.
pub const MAX_TITLE_CHARACTERS: usize = 100;
/// Longest tag in characters.
const MAX_TAG_CHARACTERS: usize = 30;
/// Most tags.
const MAX_TAGS: usize = 15;

/// The JSON schema of the answer.
pub(crate) fn schema(scene_count: usize) -> Value {
    let text = |what: &str| json!({"type": "string", "description": what});
    let mut schema = json!({
        "type": "object",
        "properties": {
            "title": text("the video's title"),
            "description": text("a few lines for the page that the video is shown on"),
            "tags": {"type": "array", "items": {"type": "string"}},
            "scenes": {
                "type": "array",
                "description": format!("exactly {scene_count} scenes"),
                "items": {
                    "type": "object",
                    "properties": {
                        "narration": text("what is said"),
                        "imagePrompt": text("what is seen, in English"),
                        "motionPrompt": text("what moves, in English"),
                    },
                    "required": ["narration", "imagePrompt", "motionPrompt"],
                },
            },
        },
        "required": ["title", "description", "tags", "scenes"],
    });
    if scene_count <= MAX_COUNTED_BY_SCHEMA {
        schema["properties"]["scenes"]["minItems"] = json!(scene_count);
        schema["properties"]["scenes"]["maxItems"] = json!(scene_count);
    }
    schema
}

#[derive(Debug, Deserialize)]
struct Written {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    scenes: Vec<WrittenScene>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenScene {
    narration: String,
    #[serde(alias = "image_prompt")]
    image_prompt: String,
    #[serde(default, alias = "motion_prompt")]
    motion_prompt: String,
}

/// Reads the script out of the text of `provider`'s answer.
pub(crate) fn read(
    provider: &'static str,
    text: &str,
    request: &ScriptRequest,
) -> Result<Script, ProviderError> {
    let unexpected = |message: String| ProviderError::Unexpected { provider, message };
    let scene_count = request.scene_count;
    let written: Written = json::read(unwrapped(text).as_bytes())
        .map_err(|error| unexpected(format!("failed to read the script as JSON: {error}")))?;
    if written.scenes.len() != scene_count {
        let came = written.scenes.len();
        return Err(unexpected(format!("{came} scenes came where {scene_count} were asked for")));
    }
    let mut scenes = Vec::with_capacity(scene_count);
    for (place, scene) in written.scenes.into_iter().enumerate() {
        if !scene.narration.chars().any(char::is_alphanumeric) || scene.image_prompt.trim().is_empty() {
            return Err(unexpected(format!("scene {} came without narration or picture", place + 1)));
        }
        scenes.push(ScriptScene {
            narration: scene.narration.trim().to_owned(),
            image_prompt: scene.image_prompt.trim().to_owned(),
            motion_prompt: scene.motion_prompt.trim().to_owned(),
            ..ScriptScene::default()
        });
    }
    let seconds: f64 = scenes.iter().map(|scene| least_seconds(&scene.narration)).sum();
    let most = request.max.as_secs_f64();
    if seconds > most {
        return Err(unexpected(format!(
            "the script takes at least {seconds:.0} s to say, and {most:.0} s is the longest that is allowed; if this \
             comes again, raise spec.length.max or lower spec.sceneCount"
        )));
    }
    Ok(Script {
        title: shortened(written.title.trim(), MAX_TITLE_CHARACTERS),
        description: written.description.trim().to_owned(),
        tags: tidy(written.tags),
        scenes,
    })
}

/// How long the text takes in a hurry, whatever its language.
fn least_seconds(text: &str) -> f64 {
    let letters: u32 = text
        .chars()
        .map(|c| match c {
            '\u{4e00}'..='\u{9fff}' => LETTERS_OF_A_CHARACTER,
            c => u32::from(c.is_alphanumeric()),
        })
        .sum();
    f64::from(letters) * HURRIED_LETTER_SECONDS
}

/// The JSON object in a text: models that were instructed otherwise still think aloud before it, wrap it into a code block,
/// or speak before and after it.
fn unwrapped(text: &str) -> &str {
    let text = text.rsplit_once("</think>").map_or(text, |(_, said)| said).trim();
    match (text.find('{'), text.rfind('}')) {
        (Some(from), Some(to)) if from < to => &text[from..=to],
        _ => text,
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn tidy(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim().trim_start_matches('#').trim().to_owned();
        let fits = (1..=MAX_TAG_CHARACTERS).contains(&tag.chars().count());
        if fits && !kept.contains(&tag) && kept.len() < MAX_TAGS {
            kept.push(tag);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::capability::{Character, Model};

    pub(super) fn request() -> ScriptRequest {
        ScriptRequest {
            model: Model::default(),
            topic: "Three facts about the deep ocean".to_owned(),
            language: "pt-BR".to_owned(),
            target: Duration::from_secs(45),
            max: Duration::from_mins(3),
            scene_count: 6,
            style: "cinematic".to_owned(),
            characters: vec![Character {
                name: "Captain Lund".to_owned(),
                description: "an old sailor".to_owned(),
                ..Character::default()
            }],
            revision: None,
        }
    }

    fn of(scene_count: usize) -> ScriptRequest {
        ScriptRequest { scene_count, ..request() }
    }

    fn written(scenes: usize) -> String {
        let scene =
            json!({"narration": " Está escuro. ", "imagePrompt": "a dark sea", "motionPrompt": "waves"});
        json!({"title": "T".repeat(120), "description": "d", "tags": ["#mar", "mar", "", "x".repeat(31)],
            "scenes": vec![scene; scenes]})
        .to_string()
    }

    #[test]
    fn the_schema_counts_the_scenes_unless_there_are_too_many_for_the_service() {
        assert_eq!(schema(6)["properties"]["scenes"]["maxItems"], 6);
        assert!(schema(200)["properties"]["scenes"].get("maxItems").is_none());
    }

    #[test]
    fn a_script_is_read_and_tidied() {
        let whole = written(2);
        for text in [
            whole.clone(),
            format!("```json\n{whole}\n```"),
            format!("<think>A {{script}}?</think>\nHere it is:\n{whole}\nEnjoy!"),
            whole.replace("imagePrompt", "image_prompt"),
        ] {
            let script = read("A service", &text, &of(2)).unwrap();
            assert_eq!(script.scenes.len(), 2);
            assert_eq!(script.scenes[0].narration, "Está escuro.");
            assert_eq!(script.title.chars().count(), 100);
            assert_eq!(script.tags, ["mar"]);
        }
    }

    #[test]
    fn half_a_letter_and_a_line_end_in_a_string_cost_no_script() {
        let text = written(1).replace("Está escuro.", "Está\nescuro\\ud83d.");
        assert_eq!(read("A service", &text, &of(1)).unwrap().scenes[0].narration, "Está\nescuro.");
    }

    #[test]
    fn a_wrong_number_of_scenes_and_cut_off_json_are_tried_again() {
        let whole = written(3);
        for text in [whole.as_str(), &whole[..whole.len() / 2], "", "null"] {
            assert!(
                matches!(read("A service", text, &of(2)), Err(ProviderError::Unexpected { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_script_that_nobody_can_say_in_the_longest_time_is_tried_again() {
        let text = written(6);
        read("A service", &text, &of(6)).unwrap();
        let short = ScriptRequest { max: Duration::from_secs(2), ..of(6) };
        let error = read("A service", &text, &short).unwrap_err();
        assert!(
            matches!(&error, ProviderError::Unexpected { message, .. } if message.contains("at least 3 s")),
            "{error}"
        );
    }

    #[test]
    fn a_scene_without_words_or_picture_is_no_scene() {
        for broken in ["\"narration\":\" … \"", "\"imagePrompt\":\"\""] {
            let (name, _) = broken.split_once(':').unwrap();
            let mut whole: Value = serde_json::from_str(&written(1)).unwrap();
            let patch: Value = serde_json::from_str(&format!("{{{broken}}}")).unwrap();
            whole["scenes"][0][name.trim_matches('"')] = patch[name.trim_matches('"')].clone();
            assert!(matches!(
                read("A service", &whole.to_string(), &of(1)),
                Err(ProviderError::Unexpected { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_error_and_no_panic(text: String) {
            prop_assert!(read("A service", &text, &of(1)).is_err());
        }
    }
}
