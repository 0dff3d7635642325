//! All other languages by espeak-ng. Its command line reports no times, but it speaks the same text the
//! same way every time: spoken again with everything from word k on at volume zero, the sound breaks off
//! where word k begins. One run a word (some 10 ms) gives every boundary by the engine itself.

use videofactory_providers::capability::TimingLevel;
use videofactory_providers::error::ProviderError;
use videofactory_providers::wav::Sound;
use videofactory_providers::words::{Word, ends_sentence};

use super::engine::{configuration, run, sound};

/// The program.
pub(super) const ESPEAK: &str = "espeak-ng";
/// Its natural pace in words a minute; the built-in 175 is hurried.
const WORDS_A_MINUTE: f64 = 160.0;
/// Softer than this is silence, of 32,767.
const QUIET: i32 = 40;
/// The colours of its voice that are offered, beside its own.
pub(super) const VARIANTS: [&str; 12] =
    ["f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];

/// Every language that it speaks, by the engine's own names.
pub(crate) async fn languages() -> Result<Vec<String>, ProviderError> {
    let table = run(ESPEAK, &["--voices"], b"").await?;
    Ok(String::from_utf8_lossy(&table).lines().skip(1).filter_map(name_in).map(str::to_owned).collect())
}

/// The name that the engine knows a voice of its table by. It ignores case by making what it is asked for lower-case, and so
/// never finds a voice whose own name has capitals (Cherokee, `chr-US-Qaaa-x-west`); by the name of its file it does.
fn name_in(line: &str) -> Option<&str> {
    let mut columns = line.split_whitespace().skip(1);
    let name = columns.next()?;
    if name.chars().any(char::is_uppercase) { columns.nth(2)?.rsplit('/').next() } else { Some(name) }
}

/// The engine's own name for the language of a BCP-47 tag, for example `pt-br` or `cmn`.
pub(super) async fn language(tag: &str) -> Result<String, ProviderError> {
    let known = languages().await?;
    let mut wanted = tag.to_ascii_lowercase().replace('_', "-");
    for (alias, name) in
        [("zh-hk", "yue"), ("zh", "cmn"), ("no", "nb"), ("iw", "he"), ("en", "en-us"), ("fr", "fr-fr")]
    {
        if wanted == alias || (alias == "zh" && wanted.starts_with("zh-")) {
            name.clone_into(&mut wanted);
        }
    }
    let mut candidate = wanted.as_str();
    loop {
        if known.iter().any(|name| name == candidate) {
            return Ok(candidate.to_owned());
        }
        let Some((shorter, _)) = candidate.rsplit_once('-') else { break };
        candidate = shorter;
    }
    // A bare language that is known only with a region, such as "fr" as "fr-fr".
    let region = format!("{candidate}-");
    known.iter().find(|name| name.starts_with(&region)).cloned().ok_or_else(|| {
        configuration(format!(
            "there is no voice for the language \"{tag}\"; it speaks {}. Choose one of these, or name an account that narrates",
            known.join(", ")
        ))
    })
}

/// Speaks `words`, of which `said` holds the form to pronounce, sentence by sentence.
pub(super) async fn speak(
    words: &[Word],
    said: &[String],
    voice: &str,
    speed: f64,
) -> Result<(Sound, Vec<(f64, f64)>, TimingLevel), ProviderError> {
    let mut whole = Sound { samples: Vec::new(), rate: 22_050 };
    let mut times = Vec::with_capacity(words.len());
    let mut level = TimingLevel::Exact;
    let mut from = 0;
    while from < words.len() {
        let to = (from..words.len()).find(|i| ends_sentence(&words[*i].text)).map_or(words.len(), |i| i + 1);
        let (sound, starts, found) = speak_sentence(&said[from..to], voice, speed).await?;
        if !found {
            level = TimingLevel::Estimated;
        }
        whole.rate = sound.rate;
        let offset = whole.samples.len();
        times.extend(spans(&sound.samples, &starts).into_iter().map(|(start, end)| {
            let seconds = |at: usize| (offset + at) as f64 / f64::from(sound.rate);
            (seconds(start), seconds(end))
        }));
        whole.samples.extend_from_slice(&sound.samples);
        from = to;
    }
    Ok((whole, times, level))
}

/// The sound of one sentence, the sample at which each word starts, and whether all starts were found.
async fn speak_sentence(
    words: &[String],
    voice: &str,
    speed: f64,
) -> Result<(Sound, Vec<usize>, bool), ProviderError> {
    let sound = synthesise(&words.join(" "), false, voice, speed).await?;
    let first = onset(&sound.samples, 0);
    let mut starts = vec![Some(first)];
    for k in 1..words.len() {
        let (head, tail) = (escape(&words[..k].join(" ")), escape(&words[k..].join(" ")));
        let text = format!("<speak>{head} <prosody volume=\"silent\">{tail}</prosody></speak>");
        let muted = synthesise(&text, true, voice, speed).await?;
        starts.push(boundary(&sound.samples, &muted.samples));
    }
    let end = voice_end(&sound.samples, 0, sound.samples.len());
    let (starts, found) = in_order(&starts, words, end, sound.rate as usize);
    Ok((sound, starts, found))
}

/// Where the word begins in `plain` from which on `muted` is silent: where the two part, or where `muted`
/// ends, whichever is first (a liaison or a joint "of the" is spoken otherwise once it is cut); then on to
/// the first sound. None if the muting did not take.
fn boundary(plain: &[i16], muted: &[i16]) -> Option<usize> {
    let parted = plain.iter().zip(muted).position(|(one, other)| one != other)?;
    let last = muted.iter().rposition(|sample| i32::from(*sample).abs() > QUIET)?;
    let heard = voice_end(plain, 0, plain.len());
    (last < heard && parted > 0).then(|| onset(plain, parted.min(last + 1)))
}

/// Makes the starts rise strictly: one that is missing or out of order is put between its neighbours in
/// proportion to the letters there.
pub(super) fn in_order(
    reported: &[Option<usize>],
    words: &[String],
    end: usize,
    rate: usize,
) -> (Vec<usize>, bool) {
    let shortest = rate / 50;
    let mut kept: Vec<Option<usize>> = Vec::with_capacity(reported.len());
    let mut last = None::<usize>;
    for candidate in reported {
        let fits = candidate.filter(|at| last.is_none_or(|last| *at >= last + shortest) && *at < end);
        last = fits.or(last);
        kept.push(fits);
    }
    let found = kept.iter().all(Option::is_some);
    let mut result = Vec::with_capacity(kept.len());
    let mut from = (0, 0);
    for at in 0..kept.len() {
        let start = kept[at].unwrap_or_else(|| {
            let next = (at + 1..kept.len()).find(|i| kept[*i].is_some());
            let (until, stop) = next.map_or((kept.len(), end), |i| (i, kept[i].unwrap_or(end)));
            let weight = |range: std::ops::Range<usize>| -> usize {
                words[range].iter().map(|word| word.chars().count().max(1)).sum()
            };
            from.1 + (stop.max(from.1) - from.1) * weight(from.0..at) / weight(from.0..until).max(1)
        });
        if kept[at].is_some() {
            from = (at, start);
        }
        result.push(start);
    }
    (result, found)
}

/// Each word lasts until its own sound ends, at the latest where the next begins.
pub(super) fn spans(samples: &[i16], starts: &[usize]) -> Vec<(usize, usize)> {
    (0..starts.len())
        .map(|i| {
            let limit = starts.get(i + 1).copied().unwrap_or(samples.len());
            (starts[i], voice_end(samples, starts[i], limit).max((starts[i] + 1).min(limit)))
        })
        .collect()
}

/// The first sample from `from` on that is heard; `from` itself if none is.
fn onset(samples: &[i16], from: usize) -> usize {
    samples[from..]
        .iter()
        .position(|sample| i32::from(*sample).abs() > 4 * QUIET)
        .map_or(from, |at| from + at)
}

/// One past the last sample in the range that is heard.
fn voice_end(samples: &[i16], from: usize, to: usize) -> usize {
    samples[from..to]
        .iter()
        .rposition(|sample| i32::from(*sample).abs() > QUIET)
        .map_or(from, |at| from + at + 1)
}

pub(super) async fn synthesise(
    text: &str,
    markup: bool,
    voice: &str,
    speed: f64,
) -> Result<Sound, ProviderError> {
    let pace = format!("{:.0}", (WORDS_A_MINUTE * speed).clamp(80.0, 450.0));
    let mut arguments = vec!["-v", voice, "-s", &pace, "-b", "1", "--stdin", "--stdout"];
    if markup {
        arguments.push("-m");
    }
    sound(ESPEAK, &run(ESPEAK, &arguments, text.as_bytes()).await?)
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_was_not_found_lies_between_its_neighbours() {
        let words: Vec<String> = ["aa", "bb", "cc"].map(str::to_owned).to_vec();
        let (starts, found) = in_order(&[Some(0), None, Some(4_000)], &words, 8_000, 22_050);
        assert_eq!((starts, found), (vec![0, 2_000, 4_000], false));
        let (starts, found) = in_order(&[Some(0), Some(3_000), Some(2_000)], &words, 9_000, 22_050);
        assert_eq!((starts, found), (vec![0, 3_000, 6_000], false));
    }

    #[test]
    fn a_muting_that_did_not_take_is_noticed() {
        assert_eq!(boundary(&[0, 900, 900, 0], &[0, 900, 900, 0]), None);
        assert_eq!(boundary(&[0, 900, 900, 0, 900, 0], &[0, 900, 900, 0, 0, 0]), Some(4));
    }

    #[test]
    fn markup_in_the_text_is_only_text() {
        assert_eq!(escape("a<b & c>d"), "a&lt;b &amp; c&gt;d");
    }
}
