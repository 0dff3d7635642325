//! A reading by espeak-ng of several texts in a row, with the time of every word, in two runs. Both speak the same
//! at the same times; in the second the words have five loudnesses in turn, so that comparing the two shows at every
//! moment which word is being spoken.

use std::fmt::Write as _;

use videofactory_providers::capability::{Speech, TimingLevel};
use videofactory_providers::error::ProviderError;
use videofactory_providers::words::{self, Word, ends_sentence};

use super::espeak::{self, ESPEAK, escape, in_order, spans, synthesise};
use super::{configuration, engine::unexpected, spelling};

/// The loudnesses as espeak-ng is asked for them. None is its usual one, 50: asking for that is no request, and the
/// timing would differ.
const LOUDNESS: [&str; 5] = ["0", "25", "45", "65", "85"];
/// Which of them all words have in the first run.
const PLAIN: usize = 3;
/// How loud the words come out, beside those of the first run.
const HEARD: [f64; 5] = [0.0, 0.35, 0.69, 1.0, 1.32];
/// A loudness that is heard for fewer windows of 5 ms is a joint between words.
const SHORTEST: usize = 3;
/// What is softer on average than this, of 32,767, is silence.
const QUIET: f64 = 30.0;
/// So many of a hundred words must be distinguished; espeak-ng speaks a few, such as "of the", as one.
const FEWEST: usize = 80;

/// Reads texts aloud.
pub(crate) async fn read(texts: &[String], language: &str) -> Result<Speech, ProviderError> {
    let voice = espeak::language(language).await?;
    let (mut all, mut ends) = (Vec::new(), Vec::new());
    for text in texts {
        let words = words::split(text);
        let last = words.len().saturating_sub(1);
        ends.extend(words.iter().enumerate().map(|(at, word)| at == last || ends_sentence(&word.text)));
        all.extend(words);
    }
    if all.is_empty() {
        return Err(configuration("there is no word to read".to_owned()));
    }
    let said = spelling(&all, &voice).await?;
    let plain = synthesise(&markup(&all, &said, &ends, |_| PLAIN), true, &voice, 1.0).await?;
    let marked =
        synthesise(&markup(&all, &said, &ends, |word| word % LOUDNESS.len()), true, &voice, 1.0).await?;
    let window = (plain.rate as usize / 200).max(1);
    let found = starts(&plain.samples, &marked.samples, window, all.len());
    let count = found.iter().flatten().count();
    if count * 100 < all.len() * FEWEST {
        return Err(unexpected(format!(
            "{ESPEAK} lets only {count} of {} words be distinguished",
            all.len()
        )));
    }
    let heard = |sample: &i16| f64::from(*sample).abs() > QUIET;
    let end = plain.samples.iter().rposition(heard).map_or(0, |last| last + 1);
    let (starts, _) = in_order(&found, &said, end, plain.rate as usize);
    let seconds = |at: usize| at as f64 / f64::from(plain.rate);
    let times: Vec<(f64, f64)> =
        spans(&plain.samples, &starts).iter().map(|(start, end)| (seconds(*start), seconds(*end))).collect();
    let words = super::timings(&all, &times, &plain);
    Ok(Speech { samples: plain.samples, sample_rate: plain.rate, words, level: TimingLevel::Exact })
}

/// The words with a loudness each, sentence by sentence.
fn markup(words: &[Word], said: &[String], ends: &[bool], loudness: impl Fn(usize) -> usize) -> String {
    let mut text = String::from("<speak>");
    let mut begins = true;
    for (at, word) in words.iter().enumerate() {
        if begins {
            text.push_str("<s>");
        } else if !word.joins_previous {
            text.push(' ');
        }
        let volume = LOUDNESS[loudness(at)];
        // Writing to a String cannot fail.
        let _ = write!(text, "<prosody volume=\"{volume}\">{}</prosody>", escape(&said[at]));
        begins = ends[at];
        if begins {
            text.push_str("</s> ");
        }
    }
    text + "</speak>"
}

/// The sample at which each word starts. A word that is not found was spoken together with its neighbour.
fn starts(plain: &[i16], marked: &[i16], window: usize, words: usize) -> Vec<Option<usize>> {
    let mut starts = vec![None; words];
    // The word being spoken, counted from 1.
    let mut word = 0;
    // A loudness that has just set in: where, and for how many windows.
    let mut coming = (usize::MAX, 0, 0);
    for (at, (plain, marked)) in plain.chunks(window).zip(marked.chunks(window)).enumerate() {
        let Some(loudness) = loudness(plain, marked) else { continue };
        if word > 0 && (word - 1) % LOUDNESS.len() == loudness {
            coming.2 = 0;
            continue;
        }
        coming = if coming.0 == loudness && coming.2 > 0 {
            (loudness, coming.1, coming.2 + 1)
        } else {
            (loudness, at, 1)
        };
        if coming.2 == SHORTEST {
            word += 1;
            while (word - 1) % LOUDNESS.len() != loudness {
                word += 1;
            }
            if let Some(start) = starts.get_mut(word - 1) {
                *start = Some(coming.1 * window);
            }
            coming.2 = 0;
        }
    }
    starts
}

/// Which loudness a moment has; none in silence, or where the two runs differ by more than loudness.
fn loudness(plain: &[i16], marked: &[i16]) -> Option<usize> {
    let product = |one: &[i16], other: &[i16]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    let power = product(plain, plain);
    if power < QUIET * QUIET * plain.len() as f64 {
        return None;
    }
    let ratio = product(plain, marked) / power;
    let rest = product(marked, marked) - ratio * ratio * power;
    if rest > power / 10.0 {
        return None;
    }
    let far = |loudness: &usize| (HEARD[*loudness] - ratio).abs();
    (0..HEARD.len()).min_by(|one, other| far(one).total_cmp(&far(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reading_of_several_texts_gives_the_time_of_every_word() {
        for (language, texts) in [
            (
                "en",
                [
                    "The end of the story is near. In 1960, Dr. Smith — a fish",
                    "Some hide <behind> it; few do!",
                ],
            ),
            ("de", ["Der tiefe Ozean ist dunkel, kalt und voller Leben.", "Wer hätte das gedacht?"]),
            (
                "fr-CA",
                ["Les amis ont un grand océan.", "C'est l'histoire d'un homme, qui n'a jamais eu peur"],
            ),
            ("ru", ["Глубокий океан тёмный и холодный.", "В нём живут удивительные существа."]),
            ("zh", ["深海很黑，也很冷。", "光到不了那里。"]),
            ("ja", ["ふかい うみは、とても くらい。", "ひかりは とどきません。"]),
        ] {
            let texts = texts.map(str::to_owned);
            let speech = read(&texts, language).await.unwrap();
            let expected: Vec<Word> = texts.iter().flat_map(|text| words::split(text)).collect();
            assert_eq!(speech.words.len(), expected.len(), "{language}");
            let mut last = 0;
            for (word, expected) in speech.words.iter().zip(&expected) {
                assert_eq!(word.text, expected.text);
                assert!(word.start >= last && word.end > word.start, "{language}: {:?}", speech.words);
                last = word.end;
            }
            // The same words spoken one text at a time, each word's start found by a run of its own.
            let request = videofactory_providers::NarrationRequest {
                model: videofactory_providers::Model::default(),
                texts: texts.to_vec(),
                language: language.to_owned(),
                voice: "espeak-ng".to_owned(),
                speed: 1.0,
            };
            let apart = super::super::narrate(&request).await.unwrap();
            let lengths: Vec<u64> = apart
                .iter()
                .flat_map(|speech| speech.words.windows(2).map(|pair| pair[1].start - pair[0].start))
                .collect();
            let own: Vec<u64> = speech.words.windows(2).map(|pair| pair[1].start - pair[0].start).collect();
            let first = apart[0].words.len() - 1;
            let off = own
                .iter()
                .take(first)
                .zip(&lengths)
                .filter(|(one, other)| one.abs_diff(**other) > u64::from(speech.sample_rate) / 10)
                .count();
            assert!(off * 5 <= first, "{language}: {off} of {first} words are more than 100 ms off");
        }
    }

    #[tokio::test]
    async fn what_it_cannot_read_is_reported() {
        let text = ["Hello.".to_owned()];
        assert!(read(&text, "tlh").await.unwrap_err().to_string().contains("there is no voice"));
        assert!(read(&[" … ".to_owned()], "en").await.is_err());
    }
}
