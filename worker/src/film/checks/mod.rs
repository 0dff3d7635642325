//! The finished film, looked at and listened to: what a viewer would complain of is found here, in the
//! file itself, and judged against what the timeline expects at that place.

mod captions;
mod file;
mod picture;
mod sound;

use std::path::Path;

use videofactory_pipeline::timeline::{Interval, Timeline};

use super::captions::Captions;
use super::error::FilmError;
use super::render::Sources;
use super::request::{CheckLevel, CheckName, CheckOutcome, CheckResult, FilmRequest};

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
    /// For files that a check needs.
    pub work: &'a Path,
}

/// What a check found: whether it is as it should be, the deciding figure, and a sentence.
struct Finding {
    good: bool,
    value: f64,
    message: String,
}

/// Looks at the film in `path` in every way that is not off.
pub async fn check(plan: &Plan<'_>, path: &Path) -> Result<Vec<CheckResult>, FilmError> {
    let levels = plan.request.checks;
    let mut results = vec![result(CheckName::File, CheckLevel::Fail, file::check(plan, path).await?)];
    let mut add = |name, level, finding: Option<Finding>| {
        if let (Some(finding), true) = (finding, level != CheckLevel::Off) {
            results.push(result(name, level, finding));
        }
    };
    if levels.black_frames != CheckLevel::Off || levels.freeze != CheckLevel::Off {
        let seen = picture::scan(plan, path).await?;
        add(CheckName::BlackFrames, levels.black_frames, Some(picture::black(plan, &seen).await?));
        add(CheckName::Freeze, levels.freeze, Some(picture::freeze(plan, &seen).await?));
    }
    if levels.silence != CheckLevel::Off || levels.loudness != CheckLevel::Off {
        let heard = sound::listen(plan, path).await?;
        add(CheckName::Silence, levels.silence, sound::silence(plan, &heard));
        add(CheckName::Loudness, levels.loudness, sound::loudness(plan, &heard));
    }
    if levels.captions != CheckLevel::Off {
        add(CheckName::Captions, levels.captions, captions::check(plan).await?);
    }
    Ok(results)
}

fn result(name: CheckName, level: CheckLevel, finding: Finding) -> CheckResult {
    let outcome = match (finding.good, level) {
        (true, _) => CheckOutcome::Passed,
        (false, CheckLevel::Fail) => CheckOutcome::Failed,
        (false, _) => CheckOutcome::Warned,
    };
    CheckResult { name, outcome, value: finding.value, message: finding.message }
}
