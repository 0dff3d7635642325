//! Speech with the time of each word, as Kokoro-FastAPI reports it beside OpenAI's protocol. That path is declared
//! unstable: where it is missing or answers in another way, there is speech without times, and nothing is asked for twice.

use reqwest::header::ALLOW;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PROVIDER, fault};
use crate::capability::{Speech, TimingLevel, WordTiming};
use crate::error::ProviderError;
use crate::http::{Answer, taken};
use crate::request::from_base64;
use crate::{sound, words};

/// The path beside `/v1`.
const PATH: &str = "/dev/captioned_speech";

/// Where it would be; nothing for a server whose paths do not lie below `/v1`.
pub(super) fn url(base: &str) -> Option<String> {
    Some(format!("{}{PATH}", base.strip_suffix("/v1")?))
}

/// Whether the answer to a request of another method than the path's own shows that it is there.
pub(super) fn is_there(answer: &Answer) -> bool {
    let allows = answer.headers.get(ALLOW).and_then(|methods| methods.to_str().ok());
    answer.status.as_u16() == 405 && allows.is_some_and(|methods| methods.contains("POST"))
}

/// Whether there is no such path after all, so that nothing was taken.
pub(super) fn is_missing(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 404 | 405 | 422 | 501)
}

/// The body of a request, made of one for speech. Words that the server rewrites before it speaks could not be found
/// again.
pub(super) fn body(speech: &Value) -> Value {
    let mut body = speech.clone();
    body["stream"] = json!(false);
    if body["normalization_options"].is_null() {
        body["normalization_options"] = json!({"normalize": false});
    }
    body
}

/// A piece of text and when it is heard, in seconds.
#[derive(Debug, Deserialize)]
struct Stamp {
    word: String,
    start_time: f64,
    end_time: f64,
}

/// The speech in an answer. Its words are those of all texts in a row, or none if the times do not fit them.
pub(super) fn read(answer: &Answer, texts: &[String]) -> Result<Speech, ProviderError> {
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let audio = value["audio"].as_str().and_then(from_base64);
    let Some(audio) = audio.filter(|bytes| !bytes.is_empty()) else {
        return Err(fault::stray(answer, &value));
    };
    let speech = sound::decode(PROVIDER, "", &audio)?;
    let stamps: Vec<Stamp> = serde_json::from_value(value["timestamps"].clone()).unwrap_or_default();
    Ok(match timed(texts, &stamps, &speech) {
        Some(words) => Speech { words, level: TimingLevel::Exact, ..speech },
        None => speech,
    })
}

/// The times of the texts' words. The server cuts texts in another way, so that letters are compared and not words: if
/// they are not the same in the same order, nothing is known.
fn timed(texts: &[String], stamps: &[Stamp], speech: &Speech) -> Option<Vec<WordTiming>> {
    let mut heard = stamps.iter().flat_map(|stamp| letters(&stamp.word).map(move |letter| (letter, stamp)));
    let length = speech.samples.len() as u64;
    let mut timed: Vec<WordTiming> = Vec::new();
    for word in texts.iter().flat_map(|text| words::split(text)) {
        let mut place: Option<(f64, f64)> = None;
        for letter in letters(&word.text) {
            let (_, stamp) = heard.next().filter(|(heard, _)| *heard == letter)?;
            place = Some((place.map_or(stamp.start_time, |(start, _)| start), stamp.end_time));
        }
        let (start, end) = place?;
        let after = timed.last().map_or(0, |word| word.end);
        let start = sample(start, speech.sample_rate)?.max(after);
        let end = sample(end, speech.sample_rate)?.min(length);
        if start >= end {
            return None;
        }
        timed.push(WordTiming { text: word.text, joins_previous: word.joins_previous, start, end });
    }
    (heard.next().is_none() && !timed.is_empty()).then_some(timed)
}

/// What of a text can be compared.
fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// The sample at this second; nothing for what is no time.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and some hours")]
fn sample(seconds: f64, rate: u32) -> Option<u64> {
    (0.0..=100_000.0).contains(&seconds).then(|| (seconds * f64::from(rate)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(list: &[(&str, f64, f64)]) -> Vec<Stamp> {
        let stamp = |(word, start_time, end_time): &(&str, f64, f64)| Stamp {
            word: (*word).to_owned(),
            start_time: *start_time,
            end_time: *end_time,
        };
        list.iter().map(stamp).collect()
    }

    fn found(texts: &[&str], list: &[(&str, f64, f64)]) -> Option<Vec<(String, u64, u64)>> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let (samples, level) = (vec![0; 3_000], TimingLevel::Estimated);
        let speech = Speech { samples, sample_rate: 1_000, words: Vec::new(), level };
        let words = timed(&texts, &stamps(list), &speech)?;
        Some(words.into_iter().map(|word| (word.text, word.start, word.end)).collect())
    }

    #[test]
    fn words_are_found_although_the_server_cuts_the_text_in_another_way() {
        let list = [
            ("Do", 0.1, 0.2),
            ("n't", 0.2, 0.3),
            ("stop", 0.3, 0.6),
            ("!", 0.6, 0.7),
            ("Wellknown", 1.0, 1.5),
            ("facts", 1.5, 9.0),
            (".", 9.0, 9.1),
        ];
        let words = found(&["Don't stop!", "Well-known facts."], &list).unwrap();
        let expected = [
            ("Don't", 100, 300),
            ("stop!", 300, 600),
            ("Well-known", 1_000, 1_500),
            ("facts.", 1_500, 3_000),
        ];
        assert_eq!(words, expected.map(|(word, start, end)| (word.to_owned(), start, end)));
    }

    #[test]
    fn times_of_other_words_are_no_times() {
        for list in [
            &[][..],
            &[("one", 0.0, 1.0)],
            &[("one", 0.0, 1.0), ("two", 1.0, 2.0), ("three", 2.0, 3.0)],
            &[("1", 0.0, 1.0), ("two", 1.0, 2.0)],
            &[("one", 0.0, 1.0), ("two", -1.0, 2.0)],
            &[("one", 0.0, 1.0), ("two", 0.5, 1.0)],
            &[("one", 0.0, 1.0), ("two", 7.0, 9.0)],
        ] {
            assert_eq!(found(&["One two."], list), None, "{list:?}");
        }
    }

    #[test]
    fn only_a_server_below_v1_has_such_a_path() {
        assert_eq!(
            url("http://kokoro.ai.svc:8880/v1").unwrap(),
            "http://kokoro.ai.svc:8880/dev/captioned_speech"
        );
        assert_eq!(url("http://kokoro.ai.svc:8880/api"), None);
    }
}
