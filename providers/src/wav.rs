//! WAV files (RIFF, PCM) of speech. Programs that stream one leave the sizes in its header open: what the file really
//! holds counts, not what the header promises.

use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Samples of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Signed, 16 bits.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub rate: u32,
}

/// The sound in a WAV file of any depth, its channels mixed to one; of anything else, nothing.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Sound> {
    let file = fixed(bytes);
    let mut reader = WavReader::new(file.as_slice()).ok()?;
    let spec = reader.spec();
    let samples = match (spec.sample_format, spec.bits_per_sample, spec.channels) {
        // As speech mostly is. hound takes samples one by one, which is slow for the many files of a reading.
        (SampleFormat::Int, 16, 1) => {
            let most = reader.len() as usize;
            let data = reader.into_inner().as_chunks().0;
            data.iter().take(most).map(|sample| i16::from_le_bytes(*sample)).collect()
        }
        (SampleFormat::Float, 32, channels) => mixed(reader.samples::<f32>().map_while(Result::ok), channels),
        (SampleFormat::Int, bits @ 8..=32, channels) => {
            let largest = 2f32.powi(i32::from(bits) - 1);
            #[expect(clippy::cast_precision_loss, reason = "16 bits are kept")]
            let scaled = reader.samples::<i32>().map_while(Result::ok).map(|sample| sample as f32 / largest);
            mixed(scaled, channels)
        }
        _ => return None,
    };
    Some(Sound { samples, rate: spec.sample_rate })
}

/// A WAV file of one channel with 16 bits.
#[must_use]
pub fn write(samples: &[i16], rate: u32) -> Vec<u8> {
    let spec =
        WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let written = WavWriter::new(&mut file, spec).and_then(|mut writer| {
        for sample in samples {
            writer.write_sample(*sample)?;
        }
        writer.finalize()
    });
    // Memory takes everything but more than 4 GiB.
    drop(written);
    file.into_inner()
}

/// The file with a header that hound believes. Programs that write into a pipe leave the size of the samples open, and flite
/// states a wrong number of bytes a second for some voices.
fn fixed(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    // Of what is no WAV file, hound says so.
    let _ = fix(&mut file);
    file
}

/// Nothing where the file ends before its samples.
fn fix(file: &mut [u8]) -> Option<()> {
    // Behind "RIFF", a size and "WAVE".
    let (mut at, mut frame) = (12, 0);
    loop {
        let (name, size, body) = (file.get(at..at + 4)?, number(file, at + 4)?, at + 8);
        match name {
            b"fmt " => {
                // The bytes of a sample on all channels, a number of 16 bits.
                frame = number(file, body + 12)? & 0xffff;
                let bytes_a_second = number(file, body + 4)?.wrapping_mul(frame);
                file[body + 8..body + 12].copy_from_slice(&bytes_a_second.to_le_bytes());
            }
            b"data" => {
                let there = u32::try_from(file.len() - body).unwrap_or(u32::MAX).min(size);
                let whole = there - there.checked_rem(frame)?;
                file[at + 4..body].copy_from_slice(&whole.to_le_bytes());
                return Some(());
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = body + usize::try_from(size).ok()?.next_multiple_of(2);
    }
}

fn number(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

/// The mean of the channels of each frame, as 16 bits.
fn mixed(samples: impl Iterator<Item = f32>, channels: u16) -> Vec<i16> {
    let all: Vec<f32> = samples.collect();
    let frames = all.chunks_exact(usize::from(channels).max(1));
    frames.map(|frame| quantised(frame.iter().sum::<f32>() / f32::from(channels.max(1)))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the type's range; what is no number is silence"
)]
fn quantised(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLES: [i16; 5] = [0, 1, -1, i16::MAX, i16::MIN];

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

    fn samples(bytes: &[u8]) -> Vec<i16> {
        read(bytes).unwrap().samples
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = write(&SAMPLES, 16_000);
        assert_eq!((file.len(), &file[..4], &file[36..40]), (54, &b"RIFF"[..], &b"data"[..]));
        assert_eq!(read(&file), Some(Sound { samples: SAMPLES.to_vec(), rate: 16_000 }));
    }

    #[test]
    fn any_depth_becomes_16_bits_on_one_channel() {
        let int = SampleFormat::Int;
        assert_eq!(samples(&file(2, 16, int, &[100i16, 300, -4, -8])), [200, -6]);
        assert_eq!(samples(&file(1, 24, int, &[256i32, -512])), [1, -2]);
        assert_eq!(
            samples(&file(1, 32, SampleFormat::Float, &[0.5f32, -1.0, 2.0])),
            [16_384, -32_768, 32_767]
        );
    }

    #[test]
    fn a_streamed_file_with_an_open_size_is_read_to_its_end() {
        for size in [0x7fff_f000u32, u32::MAX] {
            let mut wav = write(&SAMPLES, 16_000);
            wav[40..44].copy_from_slice(&size.to_le_bytes());
            assert_eq!(samples(&wav), SAMPLES, "{size:x}");
            wav.pop();
            assert_eq!(samples(&wav), SAMPLES[..4], "{size:x}");
        }
    }

    #[test]
    fn a_size_that_is_no_whole_number_of_samples_is_rounded_down() {
        let mut wav = file(2, 16, SampleFormat::Int, &[100i16, 300, -4, -8]);
        wav[40..44].copy_from_slice(&7u32.to_le_bytes());
        assert_eq!(samples(&wav), [200]);
    }

    /// As flite writes it for its voice kal.
    #[test]
    fn a_wrong_number_of_bytes_a_second_is_no_reason_to_refuse() {
        let mut wav = write(&SAMPLES, 8_000);
        wav[28..32].copy_from_slice(&32_000u32.to_le_bytes());
        assert_eq!(read(&wav), Some(Sound { samples: SAMPLES.to_vec(), rate: 8_000 }));
    }

    #[test]
    fn what_follows_the_samples_is_no_sound() {
        let file = [&write(&SAMPLES, 16_000)[..], b"LIST\x04\0\0\0INFO"].concat();
        assert_eq!(samples(&file), SAMPLES);
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b""[..], b"RIFF", &write(&SAMPLES, 16_000)[..30], b"ID3\x04rest"] {
            assert_eq!(read(bytes), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_nothing(bytes: Vec<u8>, at in 0usize..44, byte: u8) {
            let _ = read(&[b"RIFF\0\0\0\0WAVE", bytes.as_slice()].concat());
            let mut wav = write(&SAMPLES, 16_000);
            wav[at] = byte;
            let _ = read(&wav);
        }
    }
}
