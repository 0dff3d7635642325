//! The names of a video's steps, as they stand in manifests, labels, keys and messages.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of the pipeline; kebab-case on the wire (`write-script`). Ordered as the film is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = crate::schema::plain_enum)]
pub enum StepName {
    /// Turns topic or given scenes into the storyboard.
    WriteScript,
    /// Draws each scene's picture.
    GenerateImages,
    /// Speaks each scene's narration.
    NarrateScenes,
    /// Moves each scene's picture.
    AnimateScenes,
    /// Cuts, mixes, captions and checks the film.
    AssembleVideo,
    /// Uploads the film to its targets.
    PublishVideo,
}

impl StepName {
    /// All steps, in the order in which the film is made.
    pub const ALL: [Self; 6] = [
        Self::WriteScript,
        Self::GenerateImages,
        Self::NarrateScenes,
        Self::AnimateScenes,
        Self::AssembleVideo,
        Self::PublishVideo,
    ];

    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WriteScript => "write-script",
            Self::GenerateImages => "generate-images",
            Self::NarrateScenes => "narrate-scenes",
            Self::AnimateScenes => "animate-scenes",
            Self::AssembleVideo => "assemble-video",
            Self::PublishVideo => "publish-video",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no step is called {0:?}: the steps are write-script, generate-images, narrate-scenes, animate-scenes, \
     assemble-video and publish-video"
)]
pub struct ParseStepNameError(String);

impl FromStr for StepName {
    type Err = ParseStepNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| ParseStepNameError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_reads_back_from_its_wire_name() {
        for step in StepName::ALL {
            assert_eq!(step.to_string().parse(), Ok(step));
            assert_eq!(serde_json::to_value(step).unwrap(), step.as_str());
        }
        assert_eq!("WriteScript".parse::<StepName>(), Err(ParseStepNameError("WriteScript".to_owned())));
    }
}
