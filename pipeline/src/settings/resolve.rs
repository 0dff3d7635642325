//! How the job's settings lie over the channel's and the built-in ones, and what must hold of the result.

use serde_json::{Map, Value};
use videofactory_crds::settings::{MusicSource, Resolution, ThumbnailSource, VideoSettings};

use super::{Provider, QUICK_VOICE, Settings, lines};

/// The job's and the channel's settings do not make sense together.
#[derive(Debug, thiserror::Error)]
#[error("failed to join the settings of job and channel: {0}; correct the field it names")]
pub struct ResolveSettings(String);

impl Settings {
    /// The job's settings over the channel's over the built-in ones. Objects are merged field by
    /// field; lists, providers of one capability and budgets are taken whole, for half of one
    /// account's provider and half of another's is nobody's.
    ///
    /// With `draft`: the quick embedded voice, embedded pictures, still motion, 360p, nothing published; only the
    /// script may cost.
    pub fn resolve(
        job: &VideoSettings,
        channel: Option<&VideoSettings>,
        draft: bool,
    ) -> Result<Self, ResolveSettings> {
        let json = |settings: &VideoSettings| {
            serde_json::to_value(settings).map_err(|error| ResolveSettings(error.to_string()))
        };
        let mut merged = channel.map(json).transpose()?.unwrap_or_else(|| Value::Object(Map::new()));
        lay_over(&mut merged, json(job)?, 0);
        let limited = merged.pointer("/length/max").is_some();
        let targeted = merged.pointer("/length/target").is_some();
        let values = serde_json::from_value(merged).map_err(|error| ResolveSettings(error.to_string()))?;
        let mut settings = Self(values);
        if !limited {
            // Whoever asks for a longer film than the built-in limit means it, and no writer hits a length exactly.
            settings.length.allow_target();
        } else if !targeted {
            // Whoever says only what is too long aims at no more than that.
            settings.length.target = settings.length.target.min(settings.length.max);
        }
        settings.check()?;
        if draft {
            settings.make_draft();
        }
        Ok(settings)
    }

    /// What the schema can only check within one object.
    fn check(&self) -> Result<(), ResolveSettings> {
        let length = &self.length;
        if length.target > length.max {
            let problem = format!("length.target {} is above length.max {}", length.target, length.max);
            return Err(ResolveSettings(problem));
        }
        if self.audio.music.origin() == MusicSource::Asset && self.audio.music.key.is_empty() {
            return Err(ResolveSettings("audio.music.source Asset needs audio.music.key".to_owned()));
        }
        if self.thumbnail.origin() == ThumbnailSource::Asset && self.thumbnail.key.is_empty() {
            return Err(ResolveSettings("thumbnail.source Asset needs thumbnail.key".to_owned()));
        }
        Ok(())
    }

    fn make_draft(&mut self) {
        // Sizes are given for the film that the draft is a draft of.
        if self.captions.style.size > 0 {
            let (size, from) =
                (i64::from(self.captions.style.size), i64::from(lines(self.format.resolution)));
            let scaled = (size * i64::from(lines(Resolution::P360)) + from / 2) / from;
            self.captions.style.size = i32::try_from(scaled).unwrap_or(i32::MAX).max(1);
        }
        self.providers.images = None;
        self.providers.animation = None;
        self.providers.narration = Some(Provider { voice: QUICK_VOICE.to_owned(), ..Provider::default() });
        for character in &mut self.characters {
            character.voice = None;
        }
        self.format.resolution = Resolution::P360;
        self.publish.targets.clear();
    }
}

/// Objects down to this depth are merged field by field, except those named in [`WHOLE`].
fn lay_over(base: &mut Value, over: Value, depth: usize) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                let whole = depth == 0 && WHOLE.contains(&name.as_str());
                let providers = depth == 1 && PROVIDERS.contains(&name.as_str());
                match base.get_mut(&name) {
                    Some(present) if !whole && !providers => lay_over(present, value, depth + 1),
                    _ => {
                        base.insert(name, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

const WHOLE: [&str; 3] = ["review", "publish", "budget"];
const PROVIDERS: [&str; 4] = ["script", "images", "animation", "narration"];
