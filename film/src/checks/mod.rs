//! The finished film, looked at and listened to: what a viewer would complain of is found here, in the
//! file itself, and judged against what the timeline expects at that place.

mod black_and_frozen;
mod captions;
mod file;
mod sound;

use std::path::Path;

use videofactory_pipeline::timeline::{Interval, Timeline};

use super::captions::Captions;
use super::error::FilmError;
use super::render::Sources;
use super::request::{CheckAction, CheckName, CheckOutcome, CheckResult, FilmRequest};
use super::sound::heard::Heard;
use super::watch::Watch;
use super::watermark::Place;

/// Everything that a check may compare the film with.
pub struct Plan<'a> {
    /// What was asked for.
    pub request: &'a FilmRequest,
    /// When everything happens.
    pub timeline: &'a Timeline,
    /// What is in the pictures.
    pub sources: &'a Sources,
    /// For each scene, where in its voice somebody speaks, in seconds.
    pub speech: &'a [Vec<Interval>],
    /// The captions, if any.
    pub captions: Option<&'a Captions>,
    /// Where a watermark stands, if there is one.
    pub watermark: Option<Place>,
    /// For files that a check needs.
    pub work: &'a Path,
}

/// What a check found: whether it is as it should be, the deciding figure, and a sentence.
struct Finding {
    good: bool,
    value: f64,
    message: String,
}

/// Judges the film in `path`, of which this was seen and heard, in every way that is not off.
pub async fn check(
    plan: &Plan<'_>,
    path: &Path,
    seen: &Watch,
    heard: &Heard,
) -> Result<Vec<CheckResult>, FilmError> {
    let levels = &plan.request.checks;
    let mut results = vec![result(CheckName::File, CheckAction::Fail, file::check(plan, path, seen).await?)];
    let mut add = |name, level, finding: Finding| {
        if level != CheckAction::Off {
            results.push(result(name, level, finding));
        }
    };
    add(CheckName::BlackFrames, levels.black_frames, black_and_frozen::black(plan, seen).await?);
    add(CheckName::Freeze, levels.freeze, black_and_frozen::freeze(plan, seen).await?);
    results.extend(rehearsed(plan, heard).await?);
    Ok(results)
}

/// What was heard, and the captions, in every way that is not off.
pub async fn rehearsed(plan: &Plan<'_>, heard: &Heard) -> Result<Vec<CheckResult>, FilmError> {
    let levels = &plan.request.checks;
    let captions = match levels.captions {
        CheckAction::Off => None,
        CheckAction::Fail | CheckAction::Warn => captions::check(plan).await?,
    };
    let findings = [
        (CheckName::Silence, levels.silence, sound::silence(plan, heard)),
        (CheckName::Loudness, levels.loudness, sound::loudness(plan, heard)),
        (CheckName::Captions, levels.captions, captions),
    ];
    let looked_at = findings.into_iter().filter(|(_, level, _)| *level != CheckAction::Off);
    Ok(looked_at.filter_map(|(name, level, finding)| Some(result(name, level, finding?))).collect())
}

fn result(name: CheckName, level: CheckAction, finding: Finding) -> CheckResult {
    let outcome = match (finding.good, level) {
        (true, _) => CheckOutcome::Passed,
        (false, CheckAction::Fail) => CheckOutcome::Failed,
        (false, _) => CheckOutcome::Warned,
    };
    CheckResult { name, outcome, value: finding.value, message: finding.message }
}
