//! Sound files as models make them: WAV of any depth, and bare samples.

use crate::capability::{Speech, TimingLevel};
use crate::error::ProviderError;
use crate::http::{shown, sniff};
use crate::wav::{self, Sound};

/// The files that may be fetched; those that are not read are distinguished from what is no sound at all.
pub(crate) const KINDS: [&str; 4] = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg"];
/// Rates outside this range are mistakes.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// The sound in `bytes`, mixed to one channel. `content_type` says what bare samples are, with their rate.
pub(crate) fn decode(
    provider: &'static str,
    content_type: &str,
    bytes: &[u8],
) -> Result<Speech, ProviderError> {
    let sound = match sniff(bytes) {
        Some("audio/wav") => wav::read(bytes),
        None => bare(content_type, bytes),
        Some(_) => None,
    };
    let Some(Sound { samples, rate: sample_rate }) = sound else {
        let kind = sniff(bytes).map_or_else(|| shown(content_type), str::to_owned);
        let message = format!(
            "the model speaks {kind:?}, which is not read; WAV and bare samples (audio/L16 with a rate) are: \
             choose another model, or another format among its parameters"
        );
        return Err(ProviderError::Configuration { provider, message });
    };
    if samples.is_empty() || !RATES.contains(&sample_rate) {
        let message =
            format!("it took the request, but sent {} samples at {sample_rate} a second", samples.len());
        return Err(ProviderError::Unexpected { provider, message });
    }
    Ok(Speech { samples, sample_rate, words: Vec::new(), level: TimingLevel::Estimated })
}

/// Little-endian samples of 16 bits, whose type says so.
fn bare(content_type: &str, bytes: &[u8]) -> Option<Sound> {
    let kind = content_type.to_ascii_lowercase();
    let parameter =
        |name: &str| kind.split(';').find_map(|item| item.trim().strip_prefix(name)?.strip_prefix('='));
    let is_bare = ["audio/l16", "audio/pcm", "audio/raw"].iter().any(|name| kind.starts_with(name));
    if !is_bare || !matches!(parameter("channels"), None | Some("1")) {
        return None;
    }
    let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(Sound { samples, rate: parameter("rate")?.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(content_type: &str, bytes: &[u8]) -> Vec<i16> {
        decode("A service", content_type, bytes).unwrap().samples
    }

    #[test]
    fn a_wav_file_is_read_whatever_its_type_says() {
        for kind in ["audio/wav", "audio/L16;rate=8000", ""] {
            let speech = decode("A service", kind, &wav::write(&[1, -1], 24_000)).unwrap();
            assert_eq!((speech.samples, speech.sample_rate), (vec![1, -1], 24_000), "{kind}");
            assert_eq!((speech.level, speech.words.len()), (TimingLevel::Estimated, 0));
        }
    }

    #[test]
    fn bare_samples_are_known_by_their_type() {
        assert_eq!(samples("audio/L16; rate=16000", &[1, 0, 0xff, 0xff]), [1, -1]);
        for odd in ["audio/L16", "audio/L16;rate=16000;channels=2", "application/json", ""] {
            assert!(
                matches!(decode("A service", odd, &[1, 0]), Err(ProviderError::Configuration { .. })),
                "{odd}"
            );
        }
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, kind) in
            [(&b"ID3\x04rest"[..], "audio/mpeg"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg")]
        {
            let error = decode("A service", "audio/x", bytes).unwrap_err();
            assert!(
                matches!(&error, ProviderError::Configuration { message, .. } if message.contains(kind)),
                "{error}"
            );
        }
        assert!(matches!(
            decode("A service", "audio/wav", &wav::write(&[], 24_000)),
            Err(ProviderError::Unexpected { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_an_error(
            kind in "audio/(l16|pcm|wav)(;rate=[0-9]{0,12})?", bytes: Vec<u8>,
        ) {
            let _ = decode("A service", &kind, &bytes);
        }
    }
}
