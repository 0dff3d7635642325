//! One speech of several texts in a row, taken apart: where each text begins and ends in the sound, and when each of
//! its words is heard. Where the speech is like a reading of the same texts, whose words are known, the words are
//! those of the reading (`Aligned`); where it is not, they are guessed by pauses and syllables (`Estimated`). An engine
//! that reports the words' times with the sound needs neither (`Exact`).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "samples, moments and seconds of sounds that last minutes are converted all over"
)]

mod activity;
mod align;
mod estimate;
mod features;
mod part_bounds;
mod reported;
mod sentences;
mod syllables;
mod trust;
mod warp;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use videofactory_embedded::Embedded;
use videofactory_providers::{Speech, TimingLevel, WordTiming};

use self::activity::{Activity, Stretch};
use self::part_bounds::Shape;
pub use self::part_bounds::cut;
pub use self::reported::reported;
use self::sentences::Sentence;
pub use self::trust::{Doubt, Evidence};

/// The longest that the reading may take; it is read some hundred times faster than spoken.
const READING_LIMIT: Duration = Duration::from_mins(2);
/// Longer speeches are not compared: beyond any that is asked for, it would take too much memory.
const MAX_SECONDS: u64 = 15 * 60;

/// Speeches that are listened to at once: one of eight minutes takes some 150 MiB.
static LISTENERS: Semaphore = Semaphore::const_new(2);

/// What is heard in a speech, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    /// How far the times can be trusted.
    pub level: TimingLevel,
    /// One for each text.
    pub parts: Vec<Part>,
}

/// A text's place in the speech.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The first sample, with a little silence before the first word.
    pub from: u64,
    /// One past the last sample.
    pub to: u64,
    /// The text's words, in samples of the whole speech.
    pub words: Vec<WordTiming>,
}

/// About how long a text takes to say.
#[must_use]
pub fn expected_seconds(text: &str) -> f64 {
    sentences::expected_seconds(text)
}

/// Where `speech` speaks each of `texts`, in their order. Never fails: what cannot be found is estimated.
pub async fn listen(speech: &Arc<Speech>, texts: &[String], language: &str) -> Heard {
    // Never closed: with it or without, it is listened to.
    let _turn = LISTENERS.acquire().await;
    let reading = read(speech, texts, language).await;
    let (shared, owned) = (Arc::clone(speech), texts.to_vec());
    let work = tokio::task::spawn_blocking(move || compare(&shared, &owned, reading.as_ref()));
    work.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "word times are estimated: the comparison failed");
        compare(speech, texts, None)
    })
}

/// A reading of the same texts; none where the language is not spoken here, or nothing can be compared.
async fn read(speech: &Speech, texts: &[String], language: &str) -> Option<Speech> {
    if speech.duration().as_secs() > MAX_SECONDS {
        return None;
    }
    match tokio::time::timeout(READING_LIMIT, Embedded::read(texts, language)).await {
        Ok(Ok(reading)) => Some(reading),
        Ok(Err(error)) => {
            tracing::info!(%error, "word times are estimated: the text could not be read aloud");
            None
        }
        Err(_) => {
            tracing::warn!(
                limit_seconds = READING_LIMIT.as_secs(),
                "word times are estimated: reading took too long"
            );
            None
        }
    }
}

/// The one place that decides between aligned and estimated times.
fn compare(speech: &Speech, texts: &[String], reading: Option<&Speech>) -> Heard {
    let activity = Activity::of(&speech.samples, speech.sample_rate);
    let sentences = sentences::of(texts);
    let aligned = reading.and_then(|reading| aligned(speech, &activity, &sentences, reading));
    let (level, places) = match aligned {
        Some(places) => (TimingLevel::Aligned, places),
        None => (TimingLevel::Estimated, estimate::places(&activity, &sentences)),
    };
    let mut parts = vec![Shape::default(); texts.len()];
    for (sentence, place) in sentences.iter().zip(places) {
        parts[sentence.text].add(&activity, sentence, place);
    }
    Heard { level, parts: parts.into_iter().map(|part| part.finish(speech.sample_rate)).collect() }
}

/// A sentence's place in the speech: of the sentence with the pauses around it, and of each word.
struct Place {
    whole: Stretch,
    words: Vec<(u64, u64)>,
}

fn aligned(
    speech: &Speech,
    activity: &Activity,
    sentences: &[Sentence],
    reading: &Speech,
) -> Option<Vec<Place>> {
    let mut count = 0;
    let ends: Vec<usize> = sentences
        .iter()
        .map(|sentence| {
            count += sentence.words.len();
            count - 1
        })
        .collect();
    if count == 0 || count != reading.words.len() {
        return None;
    }
    let found = align::compare(speech, activity, reading, &ends)?;
    if let Err(doubt) = found.evidence.weigh() {
        tracing::info!(%doubt, "word times are estimated: the comparison is in doubt");
        return None;
    }
    tracing::debug!(?found.evidence, "word times are aligned");
    Some(align::sentences(activity, &ends, &found.words))
}

#[cfg(test)]
mod tests;
