//! write-script: the storyboard, from the scenes of the spec or from a script writer, with overrides
//! laid over it. What the writer returned is stored before anything else, so that an override never
//! asks it again.

use std::time::Duration;

use videofactory_embedded::Embedded;
use videofactory_pipeline::contract::{GivenScenes, with_remark};
use videofactory_pipeline::inputs::{FilmInputs, script_digest};
use videofactory_pipeline::storyboard::{Scene, Storyboard, default_id, overlay};
use videofactory_pipeline::{documents, text};
use videofactory_providers::{
    Character, MAX_TITLE_CHARACTERS, Script, ScriptRequest, ScriptScene, ScriptWriter, Sold,
};

use super::external_client::{self, EMBEDDED_MODEL, ExternalClient};
use super::script_review::{self, Fault};
use super::spoken::{self, Omitted};
use super::{find_own_document, keep_document, preflight, script_versions};
use crate::context::Context;
use crate::outcome::{Made, StepError};

/// The speeds that a narration may have.
const SPEEDS: (f64, f64) = (0.5, 2.0);
/// Writers miss their target by a tenth and more: aimed so far below the limit, a film stays within it.
const AIMED_AT: f64 = 0.85;
/// What is said of a script that has nothing to do with its topic.
const KNOWS_NOTHING: &str = "the embedded writer has nothing to say about this topic, so its text would fit any other: for a \
    real script, name an account that writes in providers.script.accountRef, or give the scenes yourself in spec.scenes";

/// Makes the storyboard.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let external = external_client::script_writer(context).await?;
    let model = external
        .as_ref()
        .map_or_else(|| EMBEDDED_MODEL.to_owned(), |external| external.model_name(context, Sold::Script));
    let mut omitted = Omitted::default();
    let (storyboard, output) = if let Some(storyboard) = find_own_document::<Storyboard>(context).await? {
        let output = documents::digest_of(&storyboard);
        (storyboard, output)
    } else {
        preflight::settings(context).await?;
        let request = script_request(context).await?;
        let storyboard = make(context, external.as_ref(), &request, &mut omitted).await?;
        keep_document(context, storyboard, false).await?
    };
    preflight::storyboard(context, &storyboard).await?;
    let scenes = storyboard.scenes.len();
    // That no submission is left for this script must not be taken for what another one needs.
    context.progress.begin_scenes(u32::try_from(scenes).unwrap_or(u32::MAX));
    let remark = remark(context, external.is_some(), &storyboard).await?;
    Ok(Made {
        output: Some(output),
        model,
        message: with_remark(&format!("the storyboard has {scenes} scenes"), remark.as_deref()),
        note: omitted.sentence(),
        ..Made::default()
    })
}

async fn make(
    context: &Context,
    external: Option<&ExternalClient<dyn ScriptWriter>>,
    request: &ScriptRequest,
    omitted: &mut Omitted,
) -> Result<Storyboard, StepError> {
    let given = spoken::given(context.paths.given_scenes()?, omitted);
    let storyboard = if given.scenes.is_empty() {
        from_script(context, written_script(context, &given, external, request).await?, omitted)
    } else {
        from_spec(context, &given)
    };
    Ok(overlay(storyboard, &given.overrides, &context.input.takes)?)
}

/// The script that was written for these inputs before, or else is written now.
async fn written_script(
    context: &Context,
    given: &GivenScenes,
    external: Option<&ExternalClient<dyn ScriptWriter>>,
    request: &ScriptRequest,
) -> Result<Script, StepError> {
    let input = &context.input;
    let film = FilmInputs {
        run: input.job.run,
        topic: &input.topic,
        given,
        takes: &input.takes,
        settings: &input.settings,
        brand: &input.brand,
    };
    let digest = script_digest(&film);
    let key = context.keys.script(&digest);
    if let Some(script) = context.bucket.get_json(&key).await? {
        return Ok(script);
    }
    if input.topic.trim().is_empty() {
        return Err(StepError::FollowSettings(
            "failed to write a script: there is neither a topic nor a scene; set spec.topic or spec.scenes"
                .to_owned(),
        ));
    }
    context.progress.say(0.1, "writing the script");
    let Some(external) = external else {
        let script = Embedded.write(request).await?;
        return script_versions::store(context, &key, &script).await;
    };
    let script = script_versions::buy_best(context, external, &digest, request).await?;
    script_versions::store(context, &key, &script).await
}

/// What a person should know of a script that was written for them, if anything.
async fn remark(
    context: &Context,
    is_bought: bool,
    storyboard: &Storyboard,
) -> Result<Option<String>, StepError> {
    if !context.paths.given_scenes()?.scenes.is_empty() {
        return Ok(None);
    }
    let (topic, language) = (&context.input.topic, &context.input.settings.language);
    if !is_bought {
        return Ok((!Embedded::knows(topic, language)).then(|| KNOWS_NOTHING.to_owned()));
    }
    let narrations: Vec<&str> = storyboard.scenes.iter().map(|scene| scene.narration.as_str()).collect();
    let faults = script_review::faults(&narrations, language, script_request(context).await?.target);
    // A scene may be silent because somebody wants it so.
    let reported: Vec<String> = faults
        .iter()
        .filter(|fault| !matches!(fault, Fault::Silent { .. }))
        .map(ToString::to_string)
        .collect();
    Ok((!reported.is_empty()).then(|| reported.join(", ")))
}

async fn script_request(context: &Context) -> Result<ScriptRequest, StepError> {
    let settings = &context.input.settings;
    let (limit, clips) = (Duration::from(settings.length.max), preflight::channel_clips(context).await?);
    if clips >= limit && !limit.is_zero() {
        return Err(StepError::FollowSettings(format!(
            "failed to lay out the film: the Channel's intro and outro last {:.1} s, and length.max is {:.1} s; shorten them or \
             raise length.max",
            clips.as_secs_f64(),
            limit.as_secs_f64()
        )));
    }
    // The script's digest leaves the speed out: a voice that is made faster later must not cost every picture.
    let speed = settings.providers.narration.as_ref().map_or(1.0, |provider| provider.speed);
    let max = at_usual_speed(limit.saturating_sub(clips), speed);
    let target = at_usual_speed(settings.length.target.into(), speed).min(max.mul_f64(AIMED_AT));
    Ok(ScriptRequest {
        model: videofactory_providers::Model::default(),
        topic: context.input.topic.clone(),
        language: settings.language.clone(),
        target,
        max,
        scene_count: usize::try_from(settings.scene_count).unwrap_or(1).max(1),
        style: settings.style.suffix.clone(),
        characters: settings
            .characters
            .iter()
            .map(|character| Character {
                name: character.name.clone(),
                description: character.description.clone().unwrap_or_default(),
                references: Vec::new(),
            })
            .collect(),
        revision: None,
    })
}

/// How long a text that fills this time at this speed lasts at the voice's usual one, which writers reckon with.
fn at_usual_speed(length: Duration, speed: f64) -> Duration {
    length.mul_f64(speed.clamp(SPEEDS.0, SPEEDS.1))
}

fn from_script(context: &Context, script: Script, omitted: &mut Omitted) -> Storyboard {
    let names = spoken::cast(&context.input.settings);
    let script = spoken::script(script, &names, omitted);
    let mut scenes: Vec<Scene> = Vec::with_capacity(script.scenes.len());
    for (place, written) in script.scenes.into_iter().enumerate() {
        let id = written.id.clone().filter(|id| !id.is_empty() && scenes.iter().all(|scene| scene.id != *id));
        scenes.push(from_written(id.unwrap_or_else(|| default_id(place)), &names, written));
    }
    Storyboard {
        title: text::shorten(&script.title, MAX_TITLE_CHARACTERS),
        description: script.description,
        tags: script.tags,
        language: context.input.settings.language.clone(),
        scenes,
    }
}

fn from_written(id: String, names: &[&str], written: ScriptScene) -> Scene {
    // Whoever the picture speaks of appears in it.
    let appears = |name: &&&str| written.image_prompt.contains(**name);
    let characters = names.iter().filter(appears).map(|name| (*name).to_owned()).collect();
    Scene {
        id,
        narration: written.narration,
        image_prompt: written.image_prompt,
        motion_prompt: written.motion_prompt,
        characters,
        min_seconds: written.min_seconds.unwrap_or_default(),
        ..Scene::default()
    }
}

/// The scenes of the spec. A scene that says nothing of its picture shows what it tells of, or what
/// the film is about; this is settled before overrides, so that another narration keeps the picture.
fn from_spec(context: &Context, given: &GivenScenes) -> Storyboard {
    let job = &context.input.job;
    let topic = context.input.topic.trim();
    let title = if topic.is_empty() { job.name.replace('-', " ") } else { text::line(topic) };
    let mut scenes: Vec<Scene> = given.scenes.iter().map(Scene::given).collect();
    for scene in scenes.iter_mut().filter(|scene| scene.image_prompt.trim().is_empty()) {
        let subject = if scene.narration.trim().is_empty() { &title } else { &scene.narration };
        scene.image_prompt.clone_from(subject);
    }
    Storyboard {
        title: text::shorten(&title, MAX_TITLE_CHARACTERS),
        description: topic.to_owned(),
        tags: Vec::new(),
        language: context.input.settings.language.clone(),
        scenes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_voice_is_given_more_to_say() {
        let minute = Duration::from_mins(1);
        assert_eq!(at_usual_speed(minute, 1.0), minute);
        assert_eq!(at_usual_speed(minute, 1.5), Duration::from_secs(90));
        assert_eq!(at_usual_speed(minute, 0.5), Duration::from_secs(30));
    }
}
