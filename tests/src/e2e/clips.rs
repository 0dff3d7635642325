//! Films of clips that are paid for.

use serde_json::json;

use super::film::NewFilm;
use crate::fakes::{Effect, Fault, Operation, Service};

/// A film that the account `grok` animates, and nobody publishes.
#[must_use]
pub fn animated(scenes: usize) -> NewFilm {
    NewFilm::of(scenes)
        .with(json!({"providers": {"animation": {"accountRef": {"name": "grok"}}}, "publish": null}))
}

/// The same, and not assembled either: what happens after its clips does not matter.
#[must_use]
pub fn clips_alone(scenes: usize) -> NewFilm {
    animated(scenes).with(json!({"review": {"after": ["animate-scenes"]}}))
}

/// Clips of [`gulls`].
pub const CLIPS: usize = 3;

/// A film of clips, of which the first comes at once and the others when the fault of [`gulls_rest`] is taken back.
#[must_use]
pub fn gulls() -> NewFilm {
    let scene = |id: &str, motion: &str| {
        let picture = format!("{id} by the sea");
        json!({"id": id, "narration": "The sea.", "imagePrompt": picture, "motionPrompt": motion})
    };
    let scenes = json!([scene("s1", "slow waves"), scene("s2", "a gull flies"), scene("s3", "a gull dives")]);
    animated(CLIPS).named("animated").with(json!({"scenes": scenes}))
}

/// Holds back all clips of [`gulls`] but the first.
#[must_use]
pub fn gulls_rest() -> Fault {
    Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll).saying("gull")
}
