//! Speech: how it is asked for, and how sound is read out of the answer's parts.

use serde_json::{Value, json};

use super::reply::Data;
use super::{PROVIDER, unexpected};
use crate::capability::{NarrationRequest, Speech, TimingLevel};
use crate::error::ProviderError;

/// The voice of those who choose none.
const DEFAULT_VOICE: &str = "Kore";
/// The rate of sound whose type does not say it.
const DEFAULT_RATE: u32 = 24_000;
/// Rates outside this range are mistakes.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Speeds nearer to 1 than this are not worth an instruction.
const SPEED_TOLERANCE: f64 = 0.01;

/// Refuses what cannot be spoken.
pub(super) fn check(request: &NarrationRequest) -> Result<(), ProviderError> {
    let configuration = |message: String| Err(ProviderError::Configuration { provider: PROVIDER, message });
    if !(0.5..=2.0).contains(&request.speed) {
        return configuration(format!("a speed of {} is not between 0.5 and 2.0", request.speed));
    }
    let silent = request.texts.iter().position(|text| !text.chars().any(char::is_alphanumeric));
    match silent {
        Some(index) => {
            let (place, count) = (index + 1, request.texts.len());
            configuration(format!(
                "text {place} of {count} has no word to speak; give the scene a narration with words"
            ))
        }
        None if request.texts.is_empty() => configuration("there is no text to speak".to_owned()),
        None => Ok(()),
    }
}

/// The `contents` of the request. One request speaks all texts: a voice that begins again for each of them
/// sounds like several people.
pub(super) fn contents(model: &str, request: &NarrationRequest) -> Value {
    let text = request.texts.iter().map(|text| text.trim()).collect::<Vec<_>>().join("\n\n");
    let style = style(request);
    let part = match style {
        None => json!({"text": text}),
        Some(style) if takes_instructions_in_text(model) => {
            json!({"text": format!("Read the following aloud, word for word. {style}:\n\n{text}")})
        }
        Some(style) => json!({"text": text, "speechMetadata": {"style": style}}),
    };
    json!([{"role": "user", "parts": [part]}])
}

/// Whether the model takes directions before the text. Later ones would say them aloud.
fn takes_instructions_in_text(model: &str) -> bool {
    ["gemini-2.", "gemini-3.1-"].iter().any(|family| model.starts_with(family))
}

/// How it is to be said, beyond the words. The service knows no number for the pace.
fn style(request: &NarrationRequest) -> Option<String> {
    let mut wishes = Vec::new();
    if (request.speed - 1.0).abs() > SPEED_TOLERANCE {
        wishes.push(format!("Speak {}, at {} times the usual pace", pace(request.speed), request.speed));
    }
    if request.texts.len() > 1 {
        wishes.push("Pause for about a second between paragraphs".to_owned());
    }
    (!wishes.is_empty()).then(|| wishes.join(". "))
}

fn pace(speed: f64) -> &'static str {
    match speed {
        slow if slow < 0.8 => "very slowly",
        slow if slow < 1.0 => "a little slowly",
        fast if fast <= 1.25 => "a little fast",
        _ => "very fast",
    }
}

/// The `generationConfig` of the request.
pub(super) fn configuration(voice: &str) -> Value {
    let voice = if voice.is_empty() { DEFAULT_VOICE } else { voice };
    // Voices that were designed or replicated have ids instead of names.
    let is_own = voice.starts_with("voice_") || voice.starts_with("voicekey_");
    let voice =
        if is_own { json!({"voice": voice}) } else { json!({"prebuiltVoiceConfig": {"voiceName": voice}}) };
    json!({"responseModalities": ["AUDIO"], "speechConfig": {"voiceConfig": voice}})
}

/// The sound of all parts in a row.
pub(super) fn read(parts: &[Data]) -> Result<Speech, ProviderError> {
    let mut speech: Option<Speech> = None;
    for part in parts {
        let (samples, sample_rate) = decode(part)?;
        match &mut speech {
            None => {
                let level = TimingLevel::Estimated;
                speech = Some(Speech { samples, sample_rate, words: Vec::new(), level });
            }
            Some(speech) if speech.sample_rate == sample_rate => speech.samples.extend(samples),
            Some(speech) => {
                let first = speech.sample_rate;
                return Err(unexpected(format!(
                    "the sound changes from {first} to {sample_rate} samples a second"
                )));
            }
        }
    }
    speech
        .filter(|speech| !speech.samples.is_empty())
        .ok_or_else(|| unexpected("the answer holds no sound".to_owned()))
}

/// Samples and rate of one part: a WAV file, or bare samples whose type says the rate. They are
/// little-endian, though the type is called L16, whose standard says otherwise.
fn decode(part: &Data) -> Result<(Vec<i16>, u32), ProviderError> {
    let unreadable =
        || unexpected(format!("the sound of type {:?} is not mono with 16 bits", part.media_type));
    if part.bytes.starts_with(b"RIFF") {
        let sound = crate::wav::read(&part.bytes).ok_or_else(unreadable)?;
        return Ok((sound.samples, checked(sound.rate)?));
    }
    let kind = part.media_type.to_ascii_lowercase();
    let parameter =
        |name: &str| kind.split(';').find_map(|item| item.trim().strip_prefix(name)?.strip_prefix('='));
    let bare = ["audio/l16", "audio/pcm", "audio/raw"].iter().any(|name| kind.starts_with(name));
    if !bare || !matches!(parameter("channels"), None | Some("1")) {
        return Err(unreadable());
    }
    let rate = parameter("rate").map_or(Ok(DEFAULT_RATE), str::parse).map_err(|_| unreadable())?;
    let samples = part.bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Ok((samples, checked(rate)?))
}

fn checked(rate: u32) -> Result<u32, ProviderError> {
    if RATES.contains(&rate) {
        Ok(rate)
    } else {
        Err(unexpected(format!("{rate} samples a second are no speech")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capability::Model;

    fn request(texts: &[&str], speed: f64) -> NarrationRequest {
        NarrationRequest {
            model: Model::default(),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            language: "en".to_owned(),
            voice: String::new(),
            speed,
        }
    }

    fn data(media_type: &str, bytes: &[u8]) -> Data {
        Data { media_type: media_type.to_owned(), bytes: bytes.to_vec() }
    }

    #[test]
    fn what_has_no_words_or_an_odd_pace_is_not_sent() {
        for request in [request(&[], 1.0), request(&["One.", " … "], 1.0), request(&["One."], 3.0)] {
            assert!(matches!(check(&request), Err(ProviderError::Configuration { .. })), "{request:?}");
        }
        check(&request(&["One."], 2.0)).unwrap();
    }

    #[test]
    fn voices_have_names_or_ids() {
        let named = |voice: &str| configuration(voice)["speechConfig"]["voiceConfig"].clone();
        assert_eq!(named(""), json!({"prebuiltVoiceConfig": {"voiceName": "Kore"}}));
        assert_eq!(named("voice_abc"), json!({"voice": "voice_abc"}));
    }

    #[test]
    fn one_text_at_the_usual_pace_is_sent_as_it_is() {
        let contents = contents("gemini-3.8-flash-tts", &request(&[" Hello there. "], 1.0));
        assert_eq!(contents, json!([{"role": "user", "parts": [{"text": "Hello there."}]}]));
    }

    #[test]
    fn pace_and_pauses_are_given_beside_the_text_or_before_it() {
        let request = request(&["One.", "Two."], 1.2);
        let new = contents("gemini-3.8-flash-tts", &request);
        let part = &new[0]["parts"][0];
        assert_eq!(part["text"], "One.\n\nTwo.");
        let style = part["speechMetadata"]["style"].as_str().unwrap();
        assert!(style.contains("1.2 times") && style.contains("Pause"), "{style}");
        let old = contents("gemini-2.5-flash-preview-tts", &request);
        let text = old[0]["parts"][0]["text"].as_str().unwrap();
        assert!(text.contains("1.2 times") && text.ends_with(":\n\nOne.\n\nTwo."), "{text}");
    }

    #[test]
    fn bare_samples_are_little_endian_at_the_rate_of_their_type() {
        let part = data("audio/L16;codec=pcm;rate=16000", &[1, 0, 0xff, 0xff, 0, 0x80]);
        let speech = read(&[part.clone(), part]).unwrap();
        assert_eq!(speech.samples, [1, -1, -32_768, 1, -1, -32_768]);
        assert_eq!(
            (speech.sample_rate, speech.level, speech.words.len()),
            (16_000, TimingLevel::Estimated, 0)
        );
        assert_eq!(read(&[data("audio/pcm", &[1, 0])]).unwrap().sample_rate, 24_000);
    }

    #[test]
    fn a_wav_file_is_read_whatever_its_type_says() {
        let speech = read(&[data("audio/L16;rate=24000", &[1, 0, 2, 0])]).unwrap();
        let again = read(&[data("audio/wav", &speech.to_wav())]).unwrap();
        assert_eq!(again, speech);
    }

    #[test]
    fn other_sound_and_none_are_reported() {
        let silent: [&[Data]; 6] = [
            &[],
            &[data("audio/L16;rate=24000", &[])],
            &[data("audio/mpeg", b"ID3")],
            &[data("audio/L16;rate=24000;channels=2", &[0, 0, 0, 0])],
            &[data("audio/L16;rate=1", &[0, 0])],
            &[data("audio/L16;rate=16000", &[0, 0]), data("audio/L16;rate=24000", &[0, 0])],
        ];
        for parts in silent {
            assert!(matches!(read(parts), Err(ProviderError::Unexpected { .. })), "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_an_error(kind in "(audio/[a-zA-Z0-9]{1,4}(;[a-z]{1,8}=[0-9]{0,12}){0,2})|\\PC{0,20}", bytes: Vec<u8>) {
            let _ = read(&[data(&kind, &bytes)]);
            let _ = read(&[data(&kind, &[b"RIFF", bytes.as_slice()].concat())]);
        }
    }
}
