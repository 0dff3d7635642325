//! Sound files as models make them: WAV of any depth, and bare samples.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::{configuration, unexpected};
use crate::capability::{Speech, TimingLevel};
use crate::error::ProviderError;
use crate::http::{shown, sniff};

/// The files that may be fetched; those that are not read are told apart from what is no sound at all.
pub(super) const KINDS: [&str; 4] = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg"];
/// Rates outside this range are mistakes.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// The sound in `bytes`, mixed to one channel. `content_type` says what bare samples are, with their rate.
pub(super) fn decode(content_type: &str, bytes: &[u8]) -> Result<Speech, ProviderError> {
    let sound = match sniff(bytes) {
        Some("audio/wav") => wav(bytes),
        None => bare(content_type, bytes),
        Some(_) => None,
    };
    let Some((samples, sample_rate)) = sound else {
        let kind = sniff(bytes).map_or_else(|| shown(content_type), str::to_owned);
        return Err(configuration(format!(
            "the model speaks {kind:?}, which is not read; WAV and bare samples (audio/L16 with a rate) are: \
             choose another model, or another format among its parameters"
        )));
    };
    if samples.is_empty() || !RATES.contains(&sample_rate) {
        return Err(unexpected(format!(
            "it took the request, but sent {} samples at {sample_rate} a second",
            samples.len()
        )));
    }
    Ok(Speech { samples, sample_rate, words: Vec::new(), level: TimingLevel::Estimated })
}

/// A WAV file, as far as it goes: those that are streamed promise more than they hold.
fn wav(bytes: &[u8]) -> Option<(Vec<i16>, u32)> {
    let mut reader = WavReader::new(Cursor::new(bytes)).ok()?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    if channels == 0 {
        return None;
    }
    let all: Vec<f32> = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => reader.samples::<f32>().map_while(Result::ok).collect(),
        (SampleFormat::Int, bits @ 8..=32) => {
            let largest = 2f32.powi(i32::from(bits) - 1);
            #[expect(clippy::cast_precision_loss, reason = "16 bits are kept")]
            let scaled = reader.samples::<i32>().map_while(Result::ok).map(|sample| sample as f32 / largest);
            scaled.collect()
        }
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "few channels")]
    let mixed = all.chunks_exact(channels).map(|frame| quantise(frame.iter().sum::<f32>() / channels as f32));
    Some((mixed.collect(), spec.sample_rate))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the type's range; what is no number is silence"
)]
fn quantise(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// Little-endian samples of 16 bits, whose type says so.
fn bare(content_type: &str, bytes: &[u8]) -> Option<(Vec<i16>, u32)> {
    let kind = content_type.to_ascii_lowercase();
    let parameter =
        |name: &str| kind.split(';').find_map(|item| item.trim().strip_prefix(name)?.strip_prefix('='));
    let is_bare = ["audio/l16", "audio/pcm", "audio/raw"].iter().any(|name| kind.starts_with(name));
    if !is_bare || !matches!(parameter("channels"), None | Some("1")) {
        return None;
    }
    let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Some((samples, parameter("rate")?.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use hound::{WavSpec, WavWriter};
    use proptest::prelude::*;

    use super::*;

    fn file<S: hound::Sample + Copy>(
        channels: u16,
        bits: u16,
        format: SampleFormat,
        samples: &[S],
    ) -> Vec<u8> {
        let spec = WavSpec { channels, sample_rate: 24_000, bits_per_sample: bits, sample_format: format };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn samples(content_type: &str, bytes: &[u8]) -> Vec<i16> {
        decode(content_type, bytes).unwrap().samples
    }

    #[test]
    fn wav_of_any_depth_becomes_16_bits_on_one_channel() {
        let int = SampleFormat::Int;
        assert_eq!(
            samples("audio/wav", &file(1, 16, int, &[0i16, 1, -1, i16::MAX, i16::MIN])),
            [0, 1, -1, 32_767, -32_768]
        );
        assert_eq!(samples("", &file(2, 16, int, &[100i16, 300, -4, -8])), [200, -6]);
        assert_eq!(samples("", &file(1, 24, int, &[256i32, -512])), [1, -2]);
        assert_eq!(
            samples("", &file(1, 32, SampleFormat::Float, &[0.5f32, -1.0, 2.0])),
            [16_384, -32_768, 32_767]
        );
        let speech = decode("audio/wav", &file(1, 16, int, &[1i16])).unwrap();
        assert_eq!(
            (speech.sample_rate, speech.level, speech.words.len()),
            (24_000, TimingLevel::Estimated, 0)
        );
    }

    #[test]
    fn a_file_that_promises_more_than_it_holds_is_read_to_its_end() {
        let mut wav = file(1, 16, SampleFormat::Int, &[1i16, 2, 3]);
        wav[40..44].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert_eq!(samples("audio/wav", &wav), [1, 2, 3]);
    }

    #[test]
    fn bare_samples_are_known_by_their_type() {
        assert_eq!(samples("audio/L16; rate=16000", &[1, 0, 0xff, 0xff]), [1, -1]);
        for odd in ["audio/L16", "audio/L16;rate=16000;channels=2", "application/json", ""] {
            assert!(matches!(decode(odd, &[1, 0]), Err(ProviderError::Configuration { .. })), "{odd}");
        }
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, kind) in
            [(&b"ID3\x04rest"[..], "audio/mpeg"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg")]
        {
            let error = decode("audio/x", bytes).unwrap_err();
            assert!(
                matches!(&error, ProviderError::Configuration { message, .. } if message.contains(kind)),
                "{error}"
            );
        }
        let silent = file::<i16>(1, 16, SampleFormat::Int, &[]);
        assert!(matches!(decode("audio/wav", &silent), Err(ProviderError::Unexpected { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_an_error(
            kind in "audio/(l16|pcm|wav)(;rate=[0-9]{0,12})?", bytes: Vec<u8>, at in 0usize..44, byte: u8,
        ) {
            let _ = decode(&kind, &bytes);
            let _ = decode(&kind, &[b"RIFF\0\0\0\0WAVE", bytes.as_slice()].concat());
            let mut wav = file(1, 16, SampleFormat::Int, &[1i16, 2, 3]);
            wav[at] = byte;
            let _ = decode(&kind, &wav);
        }
    }
}
