//! The settings in force: the job's over the channel's over the built-in ones.
//!
//! `Settings::default()` *is* the built-in values; there is no other list of them. What equals them
//! is left out of digests and of step inputs, so that a new field makes nothing stale.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use videofactory_crds::settings::{
    AspectRatio, Budget, Grouping, MusicSource, OnRateLimit, Parameters, PublishTarget, Resolution,
    ThumbnailSource,
};
use videofactory_crds::units::Duration;
use videofactory_crds::{LocalRef, StepName};

mod resolve;

pub use resolve::ResolveSettings;
pub use videofactory_crds::settings::{
    AudioSource, CaptionHighlight, CaptionMode, CaptionPosition, Character, CheckAction, ClipFit,
    TransitionKind,
};
pub use videofactory_crds::{Corner, WatermarkLook};

use crate::digest::without_defaults;

/// The embedded voice that needs no model: a draft is spoken by it.
pub const QUICK_VOICE: &str = "quick";

macro_rules! settings {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

settings! {
    /// Every setting of a video, resolved. On the wire only what differs from the built-in values.
    Values {
        /// BCP-47.
        language: String = "en".to_owned(),
        /// How long the film is to be.
        length: Length = Length::default(),
        /// Scenes, when the script is written for the user.
        scene_count: i32 = 6,
        /// Shape, size and rate.
        format: Format = Format::default(),
        /// Look.
        style: Style = Style::default(),
        /// The characters of the film.
        characters: Vec<Character> = Vec::new(),
        /// Who makes it.
        providers: Providers = Providers::default(),
        /// How what is said is shown.
        captions: Captions = Captions::default(),
        /// What is heard.
        audio: Audio = Audio::default(),
        /// From scene to scene.
        transition: Transition = Transition::default(),
        /// The still image that stands for the film.
        thumbnail: Thumbnail = Thumbnail::default(),
        /// Checks of the finished film.
        checks: Checks = Checks::default(),
        /// Steps after which a person looks.
        review: Review = Review::default(),
        /// Where the film goes.
        publish: Publish = Publish::default(),
        /// The most it may cost.
        budget: Option<Budget> = None,
    }
}

settings! {
    /// Length of the film.
    Length {
        /// Aimed at.
        target: Duration = Duration::from_secs(45),
        /// Never more.
        max: Duration = Duration::from_secs(180),
    }
}

impl Length {
    /// Raises a limit that is below the target to a fourth above it.
    fn allow_target(&mut self) {
        if self.max < self.target {
            self.max = Duration::from_secs(self.target.as_secs() + self.target.as_secs() / 4);
        }
    }
}

settings! {
    /// Shape, size and rate of the picture.
    Format {
        /// Width to height.
        aspect_ratio: AspectRatio = AspectRatio::Portrait9x16,
        /// Pixels of the shorter side.
        resolution: Resolution = Resolution::P720,
        /// Frames a second.
        fps: i32 = 30,
    }
}

settings! {
    /// Look of the pictures.
    Style {
        /// Added to every image prompt.
        suffix: String = String::new(),
    }
}

settings! {
    /// Who makes what. Absent = the embedded, offline provider.
    Providers {
        /// Writes.
        script: Option<Provider> = None,
        /// Draws.
        images: Option<Provider> = None,
        /// Animates.
        animation: Option<Provider> = None,
        /// Speaks.
        narration: Option<Provider> = None,
    }
}

settings! {
    /// One capability's provider. Fields that a capability does not have keep their default.
    Provider {
        /// The account that pays; absent = embedded.
        account_ref: Option<LocalRef> = None,
        /// The model; empty = the account's default.
        model: String = String::new(),
        /// Given to the model as they are.
        parameters: Parameters = Parameters::new(),
        /// Animation: what to do without quota.
        on_rate_limit: OnRateLimit = OnRateLimit::Wait,
        /// Animation: what to do with a clip that is too short.
        fit: ClipFit = ClipFit::Slow,
        /// Narration: the voice; empty = the language's default.
        voice: String = String::new(),
        /// Narration: times the voice's own speed.
        speed: f64 = 1.0,
        /// Narration: one request for the film or one a scene.
        grouping: Grouping = Grouping::Film,
    }
}

settings! {
    /// How what is said is shown.
    Captions {
        /// In the picture, beside it, or not at all.
        mode: CaptionMode = CaptionMode::Burned,
        /// How they look.
        style: CaptionStyle = CaptionStyle::default(),
    }
}

settings! {
    /// How burned captions look. Empty or zero = chosen by script and frame.
    CaptionStyle {
        /// Font family.
        font: String = String::new(),
        /// Height in pixels of the frame.
        size: i32 = 0,
        /// `#rrggbb`.
        color: String = String::new(),
        /// `#rrggbb`.
        outline: String = String::new(),
        /// Within the safe area.
        position: CaptionPosition = CaptionPosition::Bottom,
        /// Words shown at once.
        max_words: i32 = 0,
        /// Lines shown at once.
        max_lines: i32 = 2,
        /// In capitals.
        uppercase: bool = false,
        /// What is being spoken stands out.
        highlight: CaptionHighlight = CaptionHighlight::Word,
    }
}

settings! {
    /// What is heard.
    Audio {
        /// The voice, or the clips' own sound.
        source: AudioSource = AudioSource::Narration,
        /// Music under it.
        music: Music = Music::default(),
        /// Integrated loudness in LUFS.
        loudness: f64 = -14.0,
        /// True peak in dBTP.
        true_peak: f64 = -1.0,
    }
}

settings! {
    /// Music under the voice.
    Music {
        /// Where it comes from; absent = a key's asset, else generated.
        source: Option<MusicSource> = None,
        /// A key under `assets/`.
        key: String = String::new(),
        /// LU relative to the voice.
        bed: f64 = -18.0,
        /// LU further down while somebody speaks.
        duck: f64 = 8.0,
    }
}

impl Music {
    /// Where the music comes from.
    #[must_use]
    pub fn origin(&self) -> MusicSource {
        self.source.unwrap_or(if self.key.is_empty() { MusicSource::Generated } else { MusicSource::Asset })
    }
}

settings! {
    /// From scene to scene.
    Transition {
        /// The kind of transition.
        kind: TransitionKind = TransitionKind::Crossfade,
        /// Its length in seconds.
        seconds: f64 = 0.4,
    }
}

settings! {
    /// The still image that stands for the film.
    Thumbnail {
        /// Where it comes from; absent = a key's asset, else a frame.
        source: Option<ThumbnailSource> = None,
        /// A key under `assets/`, for source Asset.
        key: String = String::new(),
        /// Written across it.
        text: String = String::new(),
    }
}

impl Thumbnail {
    /// Where the thumbnail comes from.
    #[must_use]
    pub fn origin(&self) -> ThumbnailSource {
        let unless_named = if self.key.is_empty() { ThumbnailSource::Frame } else { ThumbnailSource::Asset };
        self.source.unwrap_or(unless_named)
    }
}

settings! {
    /// What is checked on the finished film, and what a failure means.
    Checks {
        /// Black where the pictures are not.
        black_frames: CheckAction = CheckAction::Fail,
        /// Still where something should move.
        freeze: CheckAction = CheckAction::Warn,
        /// Silent where somebody should speak.
        silence: CheckAction = CheckAction::Fail,
        /// Loudness and true peak.
        loudness: CheckAction = CheckAction::Fail,
        /// Place and time of captions.
        captions: CheckAction = CheckAction::Fail,
    }
}

settings! {
    /// Where a person looks.
    Review {
        /// After these steps.
        after: Vec<StepName> = Vec::new(),
    }
}

settings! {
    /// Where the film goes.
    Publish {
        /// One publication a run and target.
        targets: Vec<PublishTarget> = Vec::new(),
    }
}

/// [`Values`], written without what equals the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(Values);

impl std::ops::Deref for Settings {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.0
    }
}

impl std::ops::DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut Values {
        &mut self.0
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.chosen().serialize(serializer)
    }
}

impl Settings {
    /// What differs from the built-in values, as JSON.
    #[must_use]
    pub fn chosen(&self) -> Value {
        let json = |values: &Values| serde_json::to_value(values).unwrap_or_default();
        without_defaults(&json(&self.0), &json(&Values::default()))
    }

    /// Width and height of the frame in pixels: the shorter side is the resolution's; both even.
    #[must_use]
    pub fn frame(&self) -> (u32, u32) {
        let short = lines(self.format.resolution);
        let even = |long: u32, by: u32, of: u32| (long * by / of).next_multiple_of(2);
        match self.format.aspect_ratio {
            AspectRatio::Portrait9x16 => (short, even(short, 16, 9)),
            AspectRatio::Landscape16x9 => (even(short, 16, 9), short),
            AspectRatio::Square => (short, short),
            AspectRatio::Landscape4x3 => (even(short, 4, 3), short),
            AspectRatio::Portrait3x4 => (short, even(short, 4, 3)),
            AspectRatio::Portrait4x5 => (short, even(short, 5, 4)),
        }
    }
}

/// Pixels of the shorter side.
fn lines(resolution: Resolution) -> u32 {
    match resolution {
        Resolution::P360 => 360,
        Resolution::P480 => 480,
        Resolution::P720 => 720,
        Resolution::P1080 => 1080,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_crds::settings::VideoSettings;

    use super::*;

    fn settings(value: Value) -> VideoSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn job_beats_channel_beats_built_in() {
        let channel = settings(json!({"language": "de", "format": {"fps": 25, "resolution": "1080p"}}));
        let job = settings(json!({"format": {"fps": 24}}));
        let resolved = Settings::resolve(&job, Some(&channel), false).unwrap();
        assert_eq!(resolved.language, "de");
        assert_eq!((resolved.format.fps, resolved.format.resolution), (24, Resolution::P1080));
        assert_eq!(resolved.format.aspect_ratio, AspectRatio::Portrait9x16);
        assert_eq!(resolved.frame(), (1080, 1920));
    }

    #[test]
    fn the_frame_has_the_shape_that_is_asked_for() {
        for (ratio, frame) in [
            ("9:16", (720, 1280)),
            ("16:9", (1280, 720)),
            ("1:1", (720, 720)),
            ("4:3", (960, 720)),
            ("3:4", (720, 960)),
            ("4:5", (720, 900)),
        ] {
            let job = settings(json!({"format": {"aspectRatio": ratio}}));
            assert_eq!(Settings::resolve(&job, None, false).unwrap().frame(), frame, "{ratio}");
        }
    }

    #[test]
    fn a_longer_target_raises_the_limit_that_nobody_chose() {
        let resolved =
            Settings::resolve(&settings(json!({"length": {"target": "5m"}})), None, false).unwrap();
        assert_eq!((resolved.length.target.as_secs(), resolved.length.max.as_secs()), (300, 375));
        let channel = settings(json!({"length": {"max": "60s"}}));
        let job = settings(json!({"length": {"target": "90s"}}));
        assert!(Settings::resolve(&job, Some(&channel), false).is_err());
    }

    #[test]
    fn a_limit_alone_lowers_the_target_that_nobody_chose() {
        let resolved = Settings::resolve(&settings(json!({"length": {"max": "30s"}})), None, false).unwrap();
        assert_eq!((resolved.length.target.as_secs(), resolved.length.max.as_secs()), (30, 30));
    }

    #[test]
    fn a_key_alone_makes_the_asset_the_thumbnail() {
        let resolved =
            Settings::resolve(&settings(json!({"thumbnail": {"key": "assets/x.png"}})), None, false).unwrap();
        assert_eq!(resolved.thumbnail.origin(), ThumbnailSource::Asset);
        assert_eq!(Settings::default().thumbnail.origin(), ThumbnailSource::Frame);
    }

    #[test]
    fn a_provider_is_taken_whole() {
        let channel = settings(json!({"providers": {"images": {"accountRef": {"name": "a"}, "model": "m"}}}));
        let job = settings(json!({"providers": {"images": {"accountRef": {"name": "b"}}}}));
        let resolved = Settings::resolve(&job, Some(&channel), false).unwrap();
        let images = resolved.providers.images.as_ref().unwrap();
        assert_eq!((images.account_ref.as_ref().unwrap().name.as_str(), images.model.as_str()), ("b", ""));
    }

    #[test]
    fn only_what_was_chosen_is_written_and_all_is_read_back() {
        let job = settings(json!({"format": {"fps": 24}, "captions": {"mode": "None"}, "language": "en"}));
        let resolved = Settings::resolve(&job, None, false).unwrap();
        let text = serde_json::to_value(&resolved).unwrap();
        assert_eq!(text, json!({"format": {"fps": 24}, "captions": {"mode": "None"}}));
        assert_eq!(serde_json::from_value::<Settings>(text).unwrap(), resolved);
    }

    #[test]
    fn sizes_of_a_draft_are_those_of_the_film_made_smaller() {
        for (resolution, size, scaled) in
            [("1080p", 130, 43), ("720p", 130, 65), ("360p", 130, 130), ("1080p", 0, 0), ("1080p", 1, 1)]
        {
            let job = settings(json!({
                "format": {"resolution": resolution}, "captions": {"style": {"size": size}}
            }));
            let of = |draft| Settings::resolve(&job, None, draft).unwrap().captions.style.size;
            assert_eq!((of(false), of(true)), (size, scaled), "{resolution}");
        }
    }

    #[test]
    fn a_draft_costs_nothing_but_the_script_and_is_not_published() {
        let job = settings(json!({
            "providers": {"script": {"model": "s"}, "animation": {"accountRef": {"name": "grok"}}},
            "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
        }));
        let draft = Settings::resolve(&job, None, true).unwrap();
        assert!(draft.providers.script.is_some() && draft.providers.animation.is_none());
        assert!(draft.publish.targets.is_empty());
        assert_eq!(draft.frame(), (360, 640));
    }

    #[test]
    fn a_draft_is_spoken_by_the_quick_voice_whoever_speaks_the_film() {
        let job = settings(json!({
            "providers": {"narration": {"accountRef": {"name": "grok"}, "voice": "Kore"}},
            "characters": [{"name": "Ann", "voice": "Puck"}]
        }));
        let draft = Settings::resolve(&job, None, true).unwrap();
        let narration = draft.providers.narration.as_ref().unwrap();
        assert_eq!((narration.voice.as_str(), &narration.account_ref), (QUICK_VOICE, &None));
        assert_eq!(draft.characters[0].voice, None);
    }
}
