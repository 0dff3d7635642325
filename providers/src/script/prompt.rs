//! What a writer is asked for: the film's length, how it is to be told, what the parts of a script are, and, if it writes
//! again, what was wrong before.

use std::fmt::Write as _;

use super::{MAX_TAGS, MAX_TITLE_CHARACTERS};
use crate::capability::{Revision, ScriptRequest};
use crate::speech_pace::{Pace, SCENE_PAUSE};

/// Words that a narrator says in a second, in English.
const WORDS_A_SECOND: f64 = 2.4;
/// A sentence of so many letters, and what its signs take: for the letters that fit into a time.
const USUAL_SENTENCE: &str =
    "A sentence of the usual length has a comma, and after it some more of its words.";

/// What the writer is asked for.
pub(crate) fn prompt(request: &ScriptRequest) -> String {
    let mut prompt = format!(
        "Write the script of a short video about the topic between the lines.\n---\n{}\n---\n",
        request.topic.trim()
    );
    prompt.push_str(&length(request));
    prompt.push_str(
        "How it is told:\n\
         - Hook: the first sentence has at most twelve words and makes people stay: a surprising fact, a contradiction, or a \
         question that the film answers. No greeting, no \"in this video\", no list of what will come.\n\
         - Pace: one thought a scene, in short sentences that can be said in one breath, and each scene makes people want \
         the next. No sentence comes twice, nothing is said again in other words, and nothing only fills the time.\n\
         - Ending: the last scene answers the hook in one or two sentences and leads back to it. No thanks for watching, no \
         call to like or subscribe.\n\
         - Truth: only what you are sure of; figures, names and quotations only where you know them.\n",
    );
    parts(&mut prompt, request);
    if let Some(revision) = &request.revision {
        rewrite(&mut prompt, revision);
    }
    prompt
}

/// How long it is to be, in what the writer can count.
fn length(request: &ScriptRequest) -> String {
    let target = request.target.min(request.max).as_secs_f64();
    let most = request.max.as_secs_f64();
    let count = request.scene_count;
    #[expect(clippy::cast_precision_loss, reason = "scenes of a film")]
    let scenes = count as f64;
    let each = target / scenes;
    let words = (target * WORDS_A_SECOND).round().max(1.0);
    let english = request.language.to_ascii_lowercase().starts_with("en");
    let counted = match Pace::of(&request.language) {
        Some(_) if english => format!("that is about {words:.0} words in all"),
        Some(pace) => {
            let letters = letters(pace, SCENE_PAUSE.mul_add(-scenes, target));
            format!("that is about {letters:.0} letters in all, spaces not counted")
        }
        None => {
            format!(
                "in English that is about {words:.0} words in all, and in other languages whatever takes as long"
            )
        }
    };
    format!(
        "It has exactly {count} scenes. The narration of all scenes together is to take about {target:.0} seconds to say, \
         and at most {most:.0}: {counted}, and {each:.0} seconds for each scene.\n"
    )
}

/// Letters that take so many seconds to say, with as many signs between them as is usual.
fn letters(pace: Pace, seconds: f64) -> f64 {
    let letters = USUAL_SENTENCE.chars().filter(|letter| letter.is_alphabetic()).count();
    #[expect(clippy::cast_precision_loss, reason = "letters of a sentence")]
    let a_second = letters as f64 / pace.seconds(USUAL_SENTENCE);
    (seconds * a_second).round().max(1.0)
}

fn parts(prompt: &mut String, request: &ScriptRequest) {
    let _ = write!(
        prompt,
        "Its parts:\n\
         - narration: what the narrator says, in the language with the BCP-47 tag \"{}\". Only words to be spoken: no \
         directions, headings, speakers' names, emoji, links or markup.\n\
         - imagePrompt: what is seen while it is said, in English whatever the language: one still picture with subject, \
         place, light and framing. No text in the picture, no trademarks, no living people by name.\n\
         - motionPrompt: what moves in that picture and how the camera moves, in English, in one sentence.\n\
         - title: at most {MAX_TITLE_CHARACTERS} characters; description: two or three sentences; both in the language of \
         the narration. tags: 5 to {MAX_TAGS} search words.\n",
        request.language,
    );
    if !request.style.trim().is_empty() {
        prompt.push_str("All pictures share this look, which is added to each imagePrompt later: ");
        prompt.push_str(request.style.trim());
        prompt.push('\n');
    }
    for character in &request.characters {
        prompt.push_str("A character who may appear, in imagePrompt always by this very name: ");
        prompt.push_str(&format_character(&character.name, &character.description));
        prompt.push('\n');
    }
}

fn rewrite(prompt: &mut String, revision: &Revision) {
    let script = serde_json::to_string(&revision.script).unwrap_or_default();
    let _ = write!(prompt, "You have written this before:\n{script}\nIt cannot be used as it is:\n");
    for fault in &revision.faults {
        let _ = writeln!(prompt, "- {fault}");
    }
    prompt.push_str("Write the whole script again so that this is right, and keep what was good.\n");
}

fn format_character(name: &str, description: &str) -> String {
    if description.trim().is_empty() { name.to_owned() } else { format!("{name}: {}", description.trim()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::request;
    use super::*;
    use crate::capability::{Script, ScriptScene};

    #[test]
    fn the_writer_is_given_all_that_was_asked_for() {
        let prompt = prompt(&request());
        for part in [
            "deep ocean",
            "exactly 6 scenes",
            "about 45 seconds to say, and at most 180",
            "8 seconds for each scene",
            "\"pt-BR\"",
            "cinematic",
            "Captain Lund: an old sailor",
        ] {
            assert!(prompt.contains(part), "{part} is not in {prompt}");
        }
        assert!(!prompt.contains("written this before"), "{prompt}");
    }

    #[test]
    fn hook_pace_and_ending_are_asked_for() {
        let prompt = prompt(&request());
        for part in [
            "- Hook: the first sentence",
            "- Pace: one thought a scene",
            "- Ending: the last scene answers the hook",
        ] {
            assert!(prompt.contains(part), "{part} is not in {prompt}");
        }
    }

    #[test]
    fn the_length_is_given_in_what_can_be_counted_in_the_language() {
        let asked = |language: &str, seconds: u64| {
            let target = Duration::from_secs(seconds);
            length(&ScriptRequest { language: language.to_owned(), target, ..request() })
        };
        assert!(asked("en-GB", 45).contains("that is about 108 words in all"), "{}", asked("en-GB", 45));
        assert!(asked("tlh", 45).contains("in English that is about 108 words"), "{}", asked("tlh", 45));
        let letters = |language: &str, seconds: u64| -> f64 {
            let asked = asked(language, seconds);
            asked.rsplit("about ").next().unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        // A film that lasts twice as long has a little more than twice the letters: its scenes are as many.
        let (short, long) = (letters("de", 45), letters("de", 90));
        assert!((2.0..2.2).contains(&(long / short)), "{short} and {long}");
        assert!((450.0..650.0).contains(&short), "{short}");
        assert!(letters("ja", 45) < short * 0.65);
    }

    #[test]
    fn a_target_above_the_longest_length_gives_way_to_it() {
        let request = ScriptRequest { target: Duration::from_mins(5), ..request() };
        assert!(
            length(&request).contains("about 180 seconds to say, and at most 180"),
            "{}",
            length(&request)
        );
    }

    #[test]
    fn who_writes_again_is_given_what_was_written_and_what_was_wrong_with_it() {
        let scene = ScriptScene { narration: "It is dark.".to_owned(), ..ScriptScene::default() };
        let script = Script {
            title: "The deep".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            scenes: vec![scene],
        };
        let revision = Revision { script, faults: vec!["It takes 90 s, not 45.".to_owned()] };
        let prompt = prompt(&ScriptRequest { revision: Some(revision), ..request() });
        for part in
            ["\"narration\":\"It is dark.\"", "\n- It takes 90 s, not 45.\n", "Write the whole script again"]
        {
            assert!(prompt.contains(part), "{part} is not in {prompt}");
        }
    }
}
