//! Whether a script can be spoken as it is: it lasts about as long as it is to, by the voice's pace, has nothing in it that
//! nobody can say, and says no sentence twice.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use videofactory_pipeline::text;
use videofactory_providers::speech_pace::Pace;
use videofactory_providers::words;

/// A script may miss its target by this part of it …
const TOLERANCE: f64 = 0.15;
/// … and by so many seconds, because the shortest films have only a few words.
const MIN_TOLERANCE: f64 = 1.5;
/// A sentence of fewer letters may come again: "Why?"
const SHORT_SENTENCE: usize = 12;
/// Signs and beginnings of links that are left only of mark-up.
const UNSPEAKABLE: [&str; 10] = ["{", "}", "[", "]", "|", "`", "~", "http://", "https://", "www."];
/// Most characters of a text that a fault names.
const MAX_NAMED: usize = 80;

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// It is too long or too short, in seconds.
    Length { seconds: f64, target: f64 },
    /// This sentence comes again.
    Repeated(String),
    /// The scene with this number, from 1, has mark-up or a link.
    Unspeakable { scene: usize, sign: String },
    /// The scene with this number, from 1, has nothing to say.
    Silent { scene: usize },
}

impl Fault {
    /// How much worse than another it is.
    fn weight(&self) -> f64 {
        match self {
            Self::Length { seconds, target } => (seconds / target - 1.0).abs(),
            Self::Repeated(_) | Self::Unspeakable { .. } => 0.1,
            Self::Silent { .. } => 1.0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { seconds, target } => {
                let off = if seconds > target { "long" } else { "short" };
                write!(
                    f,
                    "the script is too {off}: it lasts about {seconds:.0} s, and {target:.0} s are asked for"
                )
            }
            Self::Repeated(sentence) => write!(f, "this sentence comes more than once: {sentence}"),
            Self::Unspeakable { scene, sign } => {
                write!(f, "the narration of scene {scene} has {sign} in it, which nobody can say")
            }
            Self::Silent { scene } => write!(f, "scene {scene} has no words that are to be spoken"),
        }
    }
}

/// What is wrong with these narrations, a scene each, as they are to be spoken. Where the language has no known pace,
/// their length is not judged.
pub(super) fn faults(narrations: &[&str], language: &str, target: Duration) -> Vec<Fault> {
    let mut faults: Vec<Fault> = length(narrations, language, target.as_secs_f64()).into_iter().collect();
    let mut said = BTreeSet::new();
    for (narration, scene) in narrations.iter().zip(1..) {
        if !narration.chars().any(char::is_alphanumeric) {
            faults.push(Fault::Silent { scene });
        }
        if let Some(sign) = unspeakable(narration) {
            faults.push(Fault::Unspeakable { scene, sign });
        }
        for sentence in sentences(narration) {
            let letters: String =
                sentence.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
            if letters.chars().count() >= SHORT_SENTENCE && !said.insert(letters) {
                faults.push(Fault::Repeated(text::shorten(&sentence, MAX_NAMED)));
            }
        }
    }
    faults
}

/// How much is wrong in all.
pub(super) fn weight(faults: &[Fault]) -> f64 {
    faults.iter().map(Fault::weight).sum()
}

fn length(narrations: &[&str], language: &str, target: f64) -> Option<Fault> {
    let seconds = Pace::of(language)?.film_seconds(narrations.iter().copied());
    let is_off = (seconds - target).abs() > (target * TOLERANCE).max(MIN_TOLERANCE);
    is_off.then_some(Fault::Length { seconds, target })
}

/// What nobody can say, although it was cleaned.
fn unspeakable(narration: &str) -> Option<String> {
    let sign = UNSPEAKABLE.iter().find(|sign| narration.contains(**sign)).map(|sign| (*sign).to_owned());
    sign.or_else(|| text::of_a_person(narration).1.into_iter().next())
}

fn sentences(narration: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for word in words::split(narration) {
        if !open.is_empty() && !word.joins_previous {
            open.push(' ');
        }
        open.push_str(&word.text);
        if words::ends_sentence(&word.text) {
            all.push(std::mem::take(&mut open));
        }
    }
    if !open.is_empty() {
        all.push(open);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 12.2 s in English, and what a scene lasts beyond its voice.
    const SPOKEN: &str = "Today we talk about something that everybody knows and hardly anybody understands. Most people \
        walk past it every single day. And yet it hides an astonishing story. Stay with me, the best comes at the end.";

    fn judged(narrations: &[&str], language: &str, seconds: u64) -> Vec<Fault> {
        faults(narrations, language, Duration::from_secs(seconds))
    }

    #[test]
    fn a_script_within_fifteen_per_cent_of_its_target_is_long_enough() {
        for seconds in [12, 13, 14, 15] {
            assert!(judged(&[SPOKEN], "en", seconds).is_empty(), "{seconds} s");
        }
        for (seconds, wanted) in [(10, "too long"), (20, "too short")] {
            let found = judged(&[SPOKEN], "en-US", seconds);
            assert!(matches!(found[..], [Fault::Length { .. }]), "{found:?}");
            let message = found[0].to_string();
            assert!(
                message.contains(wanted) && message.contains(&format!("{seconds} s are asked for")),
                "{message}"
            );
        }
        assert!(judged(&[SPOKEN], "tlh", 300).is_empty(), "the pace of this language is not known");
    }

    #[test]
    fn a_sentence_that_comes_again_is_named_once_a_time_and_an_exclamation_is_not() {
        let twice = "But it is not a fish at all.";
        let scenes = ["Look! But it is not a fish, at all!", "Look! It is an animal of its own kind.", twice];
        let found = judged(&scenes, "tlh", 10);
        assert_eq!(found, [Fault::Repeated(twice.to_owned())]);
        let chinese = ["它根本不是一种鱼类它生活在海里。", "它根本不是一种鱼类它生活在海里。"];
        assert_eq!(judged(&chinese, "zh", 10).len(), 1);
    }

    #[test]
    fn what_nobody_can_say_is_named_with_its_scene() {
        let scenes = ["It is dark.", "Read on at https://example.com today.", "Some **glow**.", " … "];
        let found = judged(&scenes, "tlh", 10);
        let sign = |sign: &str, scene| Fault::Unspeakable { scene, sign: sign.to_owned() };
        assert_eq!(found, [sign("https://", 2), sign("**", 3), Fault::Silent { scene: 4 }]);
        assert!(judged(&["3 * 4 is 12, and #1 is at 10:30 a < b."], "tlh", 10).is_empty());
    }

    #[test]
    fn silence_is_worse_than_any_length_and_a_length_the_worse_the_further_off() {
        let off = |seconds| vec![Fault::Length { seconds, target: 45.0 }];
        assert!(weight(&[]) < weight(&off(53.0)) && weight(&off(53.0)) < weight(&off(20.0)));
        assert!(weight(&off(20.0)) < weight(&[Fault::Silent { scene: 1 }]));
    }
}
