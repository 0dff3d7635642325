//! Whether a run may begin: then it has an id, the channel's part frozen, and settings in force.

use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::VideoMode;
use videofactory_pipeline::Settings;

use super::super::verdict::Verdict;
use super::channel::freeze_channel;
use super::draft::Draft;
use super::{already_made, restored};

/// Makes sure that the run has begun, and says what its settings are. The verdict says why it
/// cannot begin, or need not.
pub(super) fn begin(draft: &mut Draft<'_>) -> Result<Settings, Verdict> {
    restored::may_begin(draft)?;
    draft.choose_id();
    already_made::may_begin(draft)?;
    freeze_channel(draft)?;
    draft.status.run.get_or_insert(1);
    let spec = &draft.observed.job.spec;
    let channel = draft.status.channel.as_ref().and_then(|channel| channel.spec.defaults.as_ref());
    let draft_mode = spec.mode == VideoMode::Draft;
    Settings::resolve(&spec.settings, channel, draft_mode).map_err(|error| Verdict::Stalled {
        reason: VideoJobReason::ConfigurationInvalid,
        message: error.to_string().into(),
        step: None,
    })
}
