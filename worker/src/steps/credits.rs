//! Whom a film owes thanks: the makers of stock that a library has given, as it said when it was chosen. That stands in
//! the slots of what was submitted; the step's document keeps it, because slots are not kept for ever.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use serde::Deserialize;
use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{Clips, Images};
use videofactory_pipeline::keys::SlotPart;
use videofactory_pipeline::storyboard::Scene;
use videofactory_providers::stock;

use crate::context::Context;
use crate::outcome::StepError;

/// A submission that was taken, as far as it matters here.
#[derive(Deserialize)]
struct Taken {
    id: String,
}

/// The credits of this step's scenes, by their ids. `made`: each scene with what its picture or clip was made from.
pub(super) async fn of_scenes(
    context: &Context,
    made: Vec<(String, Digest)>,
) -> Result<BTreeMap<String, String>, StepError> {
    let (keys, step, mut credits) = (&context.keys, context.input.step, BTreeMap::new());
    for (scene, digest) in made {
        let slots: Vec<String> = context
            .bucket
            .list(&keys.slots_of(step, &digest))
            .map_ok(|object| object.key)
            .try_collect()
            .await?;
        let taken = slots.iter().filter_map(|key| match keys.read_slot(step, key)? {
            (_, number, SlotPart::Id) => Some(number),
            _ => None,
        });
        let Some(last) = taken.max() else { continue };
        let Some(Taken { id }) = context.bucket.get_json(&keys.slot_id(step, &digest, last)).await? else {
            continue;
        };
        if let Some(credit) = stock::credit(&id) {
            credits.insert(scene, credit);
        }
    }
    Ok(credits)
}

/// The credits of what a film shows, each once, in the order of its scenes: a scene with a clip does not show its picture.
pub(super) fn of_film(scenes: &[Scene], images: &Images, clips: &Clips) -> Vec<String> {
    let mut credits: Vec<String> = Vec::new();
    for scene in scenes {
        let has_clip = clips.scenes.iter().any(|clip| clip.id == scene.id && !clip.key.is_empty());
        let of = if has_clip { &clips.credits } else { &images.credits };
        if let Some(credit) = of.get(&scene.id).filter(|credit| !credits.contains(credit)) {
            credits.push(credit.clone());
        }
    }
    credits
}

/// A description with the credits behind it.
pub(super) fn below(description: String, credits: &[String]) -> String {
    if credits.is_empty() {
        return description;
    }
    [description.trim_end(), &credits.join("\n")].join("\n\n").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use videofactory_pipeline::documents::SceneClip;

    use super::*;

    fn credits(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(id, credit)| ((*id).to_owned(), (*credit).to_owned())).collect()
    }

    #[test]
    fn a_film_thanks_for_what_it_shows_and_for_each_once() {
        let scene = |id: &str| Scene { id: id.to_owned(), ..Scene::default() };
        let scenes = [scene("s1"), scene("s2"), scene("s3")];
        let images = Images { credits: credits(&[("s1", "Ada"), ("s2", "Bo")]), ..Images::default() };
        let clip = SceneClip { id: "s2".to_owned(), digest: Digest::of_bytes(b"c"), key: "k".to_owned() };
        let clips = Clips { scenes: vec![clip], credits: credits(&[("s2", "Cy"), ("s1", "unseen")]) };
        assert_eq!(of_film(&scenes, &images, &clips), ["Ada", "Cy"]);
        let same = Images { credits: credits(&[("s1", "Ada"), ("s3", "Ada")]), ..Images::default() };
        assert_eq!(of_film(&scenes, &same, &Clips::default()), ["Ada"]);
    }

    #[test]
    fn credits_are_below_the_description() {
        let thanks = ["Video by Ada".to_owned(), "Photo by Bo".to_owned()];
        assert_eq!(
            below("About whales.\n".to_owned(), &thanks),
            "About whales.\n\nVideo by Ada\nPhoto by Bo"
        );
        assert_eq!(below(String::new(), &thanks[..1]), "Video by Ada");
        assert_eq!(below("About whales.\n".to_owned(), &[]), "About whales.\n");
    }
}
