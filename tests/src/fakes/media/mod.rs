//! Real media of every sort, so that clients can decode what they fetch: clips, pictures, speech.

mod clip;
mod picture;
mod speech;

use std::io::Cursor;

use bytes::Bytes;

pub(crate) use clip::{RATIOS, clip};
pub(crate) use picture::picture;
pub(crate) use speech::{SAMPLE_RATE, spans, speech};

use super::accounts::Work;
use super::call::Product;

/// What a submission made: its type and its bytes.
pub(crate) fn of(work: &Work) -> (&'static str, Bytes) {
    match &work.ask.product {
        Product::Clip { seconds, ratio, .. } => ("video/mp4", clip(*seconds, ratio, &work.id).into()),
        Product::Picture { width, height } => {
            ("image/png", picture(*width, *height, &work.ask.digest).into())
        }
        Product::Speech => ("audio/wav", wav(&speech(&work.ask.prompt)).into()),
        Product::Nothing => ("application/octet-stream", Bytes::new()),
    }
}

/// A sound file of such samples.
pub(crate) fn wav(samples: &[i16]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let written = hound::WavWriter::new(&mut file, spec).and_then(|mut writer| {
        for sample in samples {
            writer.write_sample(*sample)?;
        }
        writer.finalize()
    });
    // Memory takes everything but more than 4 GiB.
    drop(written);
    file.into_inner()
}

/// Pixels across and down of a picture in a ratio `W:H` that has as many as a square of this side, about; both are
/// multiples of 16.
pub(crate) fn frame(ratio: &str, side: u32) -> (u32, u32) {
    let parsed = ratio.split_once(':').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (w, h): (u32, u32) = parsed.filter(|(w, h)| *w > 0 && *h > 0).unwrap_or((1, 1));
    let length = |one: u32, other: u32| {
        let exact = f64::from(side) * (f64::from(one) / f64::from(other)).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sides are positive and small"
        )]
        let sixteenths = (exact / 16.0).round() as u32;
        sixteenths.max(1) * 16
    };
    (length(w, h), length(h, w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_ratio_about() {
        assert_eq!(frame("16:9", 1024), (1360, 768));
        assert_eq!(frame("2:3", 1024), (832, 1248));
        assert_eq!(frame("auto", 1024), (1024, 1024));
    }

    #[test]
    fn a_sound_file_reads_back() {
        let samples = speech("One two.");
        let file = wav(&samples);
        let read = hound::WavReader::new(Cursor::new(file)).unwrap();
        assert_eq!(read.into_samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), samples);
    }
}
