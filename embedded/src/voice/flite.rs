//! English by flite. The engine prints every phone with the time at which it ends; which word a phone
//! belongs to is found by having each word pronounced alone and aligning the two strings of phones. The
//! times are the engine's own, so the level is `Exact`.

use std::path::Path;

use videofactory_providers::error::ProviderError;
use videofactory_providers::wav::Sound;
use videofactory_providers::words::Word;

use super::engine::{run, sound, unexpected};
use super::letters::require_latin;
use super::phones::{align, fill};
use crate::signs::without_pictographs;

/// The program.
const FLITE: &str = "flite";
/// The voice of the English narration when none is chosen.
pub(super) const DEFAULT_VOICE: &str = "slt";
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
    // awb_time can only say the time of day.
    Ok(String::from_utf8_lossy(&listed)
        .split_once(':')
        .map_or("", |(_, names)| names)
        .split_whitespace()
        .filter(|name| *name != "awb_time")
        .map(str::to_owned)
        .collect())
}

/// Speaks `words` and returns for each the seconds between which it is heard.
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
    let names: Vec<&str> = spoken.iter().map(|phone| phone.name.as_str()).collect();
    for (expected_at, spoken_at) in align(&expected, &names) {
        let phone = &spoken[spoken_at];
        let span = &mut spans[expected[expected_at].0];
        *span = Some(span.map_or((phone.start, phone.end), |(start, _)| (start, phone.end)));
    }
    fill(&spans, seconds)
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
    fn utterances_follow_each_other_and_end_with_the_sound() {
        let report = "pau:0.2 ax:0.5 pau:1.0 \npau:0.2 b:0.6 pau:1.0 \n";
        let placed = place(report, 1.8);
        assert!((placed[1].start - 1.1).abs() < 1e-9, "{placed:?}");
        assert!((placed[1].end - 1.5).abs() < 1e-9, "{placed:?}");
    }
}
