//! English by flite. The engine prints every phone with the time at which it ends; which word a phone
//! belongs to is found by having each word pronounced alone and aligning the two strings of phones. The
//! times are the engine's own, so the level is `Exact`.

use std::path::Path;

use videofactory_providers::error::ProviderError;
use videofactory_providers::wav::Sound;
use videofactory_providers::words::Word;

use super::engine::{configuration, run, sound, unexpected};
use crate::signs::without_pictographs;

/// The program.
const FLITE: &str = "flite";
/// What flite calls silence.
const PAUSE: &str = "pau";

/// A phone in the finished sound, in seconds.
#[derive(Debug, Clone, PartialEq)]
struct Phone {
    name: String,
    start: f64,
    end: f64,
}

/// The voices that speak any text, as installed.
pub(super) async fn voices() -> Result<Vec<String>, ProviderError> {
    let listed = run(FLITE, &["-lv"], b"").await?;
    // awb_time can only tell the time of day.
    Ok(String::from_utf8_lossy(&listed)
        .split_once(':')
        .map_or("", |(_, names)| names)
        .split_whitespace()
        .filter(|name| *name != "awb_time")
        .map(str::to_owned)
        .collect())
}

/// Speaks `words` and tells for each the seconds between which it is heard.
pub(super) async fn speak(
    words: &[Word],
    voice: &str,
    speed: f64,
) -> Result<(Sound, Vec<(f64, f64)>), ProviderError> {
    require_latin(words, voice)?;
    let folder =
        tempfile::tempdir().map_err(|error| unexpected(format!("making a folder for flite: {error}")))?;
    let text: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    let sound_file = folder.path().join("speech.wav");
    let report = speak_file(folder.path(), &text.join(" "), voice, speed, &sound_file).await?;
    let bytes = tokio::fs::read(&sound_file)
        .await
        .map_err(|error| unexpected(format!("flite wrote no sound for voice {voice}: {error}")))?;
    let sound = sound(FLITE, &bytes)?;
    let seconds = sound.samples.len() as f64 / f64::from(sound.rate);
    let phones = place(&report, seconds);
    let alone = pronounce_alone(folder.path(), &text).await?;
    let times = assign(&alone, &phones, seconds);
    Ok((sound, times))
}

/// What is mostly in other letters would be spelt out by their English names, or be silent.
fn require_latin(words: &[Word], voice: &str) -> Result<(), ProviderError> {
    let letters = || words.iter().flat_map(|word| word.text.chars()).filter(|letter| letter.is_alphabetic());
    let foreign = letters().filter(|letter| !is_latin(*letter)).count();
    if foreign * 2 <= letters().count() {
        return Ok(());
    }
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    Err(configuration(format!(
        "the voice {voice} speaks English only, and most letters of \"{}\" are not Latin; set `language` to the narration's own, or name an account that narrates",
        text.join(" ")
    )))
}

fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'
            | '\u{fb00}'..='\u{fb06}' | '\u{ff21}'..='\u{ff5a}')
}

async fn speak_file(
    folder: &Path,
    text: &str,
    voice: &str,
    speed: f64,
    sound: &Path,
) -> Result<String, ProviderError> {
    let file = folder.join("text.txt");
    tokio::fs::write(&file, format!("{text}\n"))
        .await
        .map_err(|error| unexpected(format!("writing the text for flite: {error}")))?;
    let stretch = format!("duration_stretch={:.4}", 1.0 / speed);
    let arguments = [
        "-voice".as_ref(),
        voice.as_ref(),
        "--setf".as_ref(),
        stretch.as_ref(),
        "-psdur".as_ref(),
        "-f".as_ref(),
        file.as_os_str(),
        "-o".as_ref(),
        sound.as_os_str(),
    ];
    Ok(String::from_utf8_lossy(&run(FLITE, &arguments, b"").await?).into_owned())
}

/// The phones of each word pronounced alone: one run with each word as an utterance of its own, and, if
/// flite saw another number of utterances in that, one run a word.
async fn pronounce_alone(folder: &Path, words: &[String]) -> Result<Vec<Vec<String>>, ProviderError> {
    let bare: Vec<&str> = words.iter().map(|word| bare(word)).collect();
    let together = phones_of(folder, &bare.join("\n\n")).await?;
    if together.len() == words.len() {
        return Ok(together);
    }
    let mut alone = Vec::with_capacity(words.len());
    for word in bare {
        alone.push(phones_of(folder, word).await?.concat());
    }
    Ok(alone)
}

async fn phones_of(folder: &Path, text: &str) -> Result<Vec<Vec<String>>, ProviderError> {
    let file = folder.join("words.txt");
    tokio::fs::write(&file, format!("{text}\n\n"))
        .await
        .map_err(|error| unexpected(format!("writing the words for flite: {error}")))?;
    // All voices share one lexicon; kal, the plainest, is the fastest to ask.
    let arguments = [
        "-voice".as_ref(),
        "kal".as_ref(),
        "-ps".as_ref(),
        "-f".as_ref(),
        file.as_os_str(),
        "-o".as_ref(),
        "none".as_ref(),
    ];
    let report = run(FLITE, &arguments, b"").await?;
    Ok(String::from_utf8_lossy(&report)
        .lines()
        .map(|line| line.split_whitespace().filter(|name| *name != PAUSE).map(str::to_owned).collect())
        .collect())
}

/// Lays the utterances of a `-psdur` report, each timed from its own start, one after the other over
/// `seconds` of sound. Diphone voices cut each utterance's last pause by a constant; what the report is
/// longer than the sound is therefore taken from the end of each utterance in equal parts.
fn place(report: &str, seconds: f64) -> Vec<Phone> {
    let utterances: Vec<Vec<(&str, f64)>> = report
        .lines()
        .map(|line| {
            line.split_whitespace()
                .filter_map(|item| item.rsplit_once(':'))
                .filter_map(|(name, end)| Some((name, end.parse().ok()?)))
                .collect::<Vec<_>>()
        })
        .filter(|utterance| !utterance.is_empty())
        .collect();
    let length = |utterance: &[(&str, f64)]| utterance.last().map_or(0.0, |(_, end)| *end);
    let reported: f64 = utterances.iter().map(|utterance| length(utterance)).sum();
    let excess = (reported - seconds) / utterances.len().max(1) as f64;
    let mut phones = Vec::new();
    let mut offset = 0.0_f64;
    for utterance in &utterances {
        let mut start = 0.0_f64;
        for (name, end) in utterance {
            if *name != PAUSE {
                phones.push(Phone {
                    name: (*name).to_owned(),
                    start: (offset + start).min(seconds),
                    end: (offset + end).min(seconds),
                });
            }
            start = *end;
        }
        offset += length(utterance) - excess;
    }
    phones
}

/// Gives each spoken phone to a word: the cheapest alignment of the words' phones with the spoken ones.
fn assign(alone: &[Vec<String>], spoken: &[Phone], seconds: f64) -> Vec<(f64, f64)> {
    let expected: Vec<(usize, &str)> = alone
        .iter()
        .enumerate()
        .flat_map(|(word, phones)| phones.iter().map(move |phone| (word, phone.as_str())))
        .collect();
    let mut spans: Vec<Option<(f64, f64)>> = vec![None; alone.len()];
    for (expected_at, spoken_at) in align(&expected, spoken) {
        let phone = &spoken[spoken_at];
        let span = &mut spans[expected[expected_at].0];
        *span = Some(span.map_or((phone.start, phone.end), |(start, _)| (start, phone.end)));
    }
    fill(&spans, seconds)
}

/// Pairs (expected, spoken) in order, each spoken phone once, by edit distance.
fn align(expected: &[(usize, &str)], spoken: &[Phone]) -> Vec<(usize, usize)> {
    let (rows, columns) = (expected.len(), spoken.len());
    if rows == 0 {
        return Vec::new();
    }
    let width = columns + 1;
    let mut cost = vec![0u32; (rows + 1) * width];
    for row in 0..=rows {
        for column in 0..=columns {
            cost[row * width + column] = if row == 0 || column == 0 {
                2 * (row + column) as u32
            } else {
                let differs = substitution(expected[row - 1].1, &spoken[column - 1].name);
                (cost[(row - 1) * width + column - 1] + differs)
                    .min(cost[(row - 1) * width + column] + 2)
                    .min(cost[row * width + column - 1] + 2)
            };
        }
    }
    let (mut row, mut column) = (rows, columns);
    let mut pairs = Vec::with_capacity(columns);
    while column > 0 {
        let here = cost[row * width + column];
        if row > 0
            && here
                == cost[(row - 1) * width + column - 1]
                    + substitution(expected[row - 1].1, &spoken[column - 1].name)
        {
            (row, column) = (row - 1, column - 1);
            pairs.push((row, column));
        } else if row > 0 && here == cost[(row - 1) * width + column] + 2 {
            row -= 1;
        } else {
            column -= 1;
            pairs.push((row.saturating_sub(1), column));
        }
    }
    pairs.reverse();
    pairs
}

/// Vowels turn into vowels and consonants into consonants when words meet; the other way costs more.
fn substitution(one: &str, other: &str) -> u32 {
    let vowel = |name: &str| name.starts_with(['a', 'e', 'i', 'o', 'u']);
    match (one == other, vowel(one) == vowel(other)) {
        (true, _) => 0,
        (_, true) => 2,
        (_, false) => 3,
    }
}

/// A word for which no phone was found shares the time of the word before it (or after it, at the start).
fn fill(spans: &[Option<(f64, f64)>], seconds: f64) -> Vec<(f64, f64)> {
    let mut times = Vec::with_capacity(spans.len());
    let mut at = 0;
    while at < spans.len() {
        let first = if spans[at].is_some() {
            at
        } else {
            (at..spans.len()).find(|i| spans[*i].is_some()).unwrap_or(at)
        };
        let after = (first + 1..spans.len()).find(|i| spans[*i].is_some()).unwrap_or(spans.len());
        let (start, end) = spans[first].unwrap_or((0.0, seconds));
        let share = (end - start) / (after - at) as f64;
        times.extend((0..after - at).map(|i| (start + share * i as f64, start + share * (i + 1) as f64)));
        at = after;
    }
    times
}

/// Flite reads ASCII only: typographic signs and accented letters become their plain counterparts. Pictures would become
/// their names.
fn plain(word: &str) -> String {
    let plain = deunicode::deunicode(&without_pictographs(word));
    plain.split_whitespace().collect::<Vec<_>>().join("-")
}

/// A word without the punctuation around it, which would start another utterance.
fn bare(word: &str) -> &str {
    let bare = word
        .trim_start_matches(|sign: char| !sign.is_alphanumeric() && !matches!(sign, '$' | '#' | '@'))
        .trim_end_matches(|sign: char| !sign.is_alphanumeric() && !matches!(sign, '%' | '+'));
    if bare.is_empty() { word } else { bare }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(names: &str) -> Vec<Phone> {
        names
            .split(' ')
            .enumerate()
            .map(|(i, name)| Phone { name: name.to_owned(), start: i as f64, end: (i + 1) as f64 })
            .collect()
    }

    fn alone(words: &[&str]) -> Vec<Vec<String>> {
        words.iter().map(|word| word.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn phones_that_change_between_words_stay_with_their_word() {
        // "the end" is spoken "dh iy eh n d" although "the" alone is "dh ax".
        let times = assign(&alone(&["dh ax", "eh n d"]), &phones("dh iy eh n d"), 5.0);
        assert_eq!(times, [(0.0, 2.0), (2.0, 5.0)]);
    }

    #[test]
    fn a_word_read_otherwise_in_its_sentence_does_not_shift_its_neighbours() {
        // "Dr." alone is "drive"; before a name it is "doctor".
        let times =
            assign(&alone(&["ax", "d r ay v", "s m ih th"]), &phones("ax d aa k t er s m ih th"), 10.0);
        assert_eq!(times, [(0.0, 1.0), (1.0, 6.0), (6.0, 10.0)]);
    }

    #[test]
    fn pictures_are_not_called_by_their_names() {
        assert_eq!(plain("world! 🎉🚀"), "world!");
        assert_eq!(plain("café it’s"), "cafe-it's");
    }

    #[test]
    fn a_narration_in_other_letters_is_refused_with_what_to_set() {
        let words = |text: &str| videofactory_providers::words::split(text);
        for text in ["Hello, dear Москва!", "Ünïcödé über", "3.5 % in 2026", "The word 深海 means deep sea."]
        {
            assert!(require_latin(&words(text), "slt").is_ok(), "{text}");
        }
        for text in ["深海はとても暗い。", "Глубокий океан, NASA", "समुद्र"]
        {
            let error = require_latin(&words(text), "slt").unwrap_err();
            assert!(matches!(error, ProviderError::Configuration { .. }), "{error:?}");
            assert!(error.to_string().contains("set `language`"), "{error}");
        }
    }

    #[test]
    fn a_word_without_a_phone_shares_the_time_of_its_neighbour() {
        assert_eq!(
            fill(&[Some((0.0, 2.0)), None, Some((2.0, 3.0))], 3.0),
            [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
        );
        assert_eq!(fill(&[None, Some((1.0, 3.0))], 3.0), [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(fill(&[None, None], 3.0), [(0.0, 1.5), (1.5, 3.0)]);
    }

    #[test]
    fn utterances_follow_each_other_and_end_with_the_sound() {
        let report = "pau:0.2 ax:0.5 pau:1.0 \npau:0.2 b:0.6 pau:1.0 \n";
        let placed = place(report, 1.8);
        assert!((placed[1].start - 1.1).abs() < 1e-9, "{placed:?}");
        assert!((placed[1].end - 1.5).abs() < 1e-9, "{placed:?}");
    }
}
