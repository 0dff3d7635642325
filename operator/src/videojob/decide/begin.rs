//! Whether a run may begin: then it has an id, the channel's part frozen, and settings in force.

use videofactory_crds::condition::Reason;
use videofactory_crds::videojob::VideoMode;
use videofactory_pipeline::keys::is_id;
use videofactory_pipeline::{Digest, Settings};

use super::super::verdict::Verdict;
use super::channel::freeze_channel;
use super::draft::Draft;
use super::{made, restored};

/// Makes sure that the run has begun, and says what its settings are. The verdict says why it
/// cannot begin, or need not.
pub(super) fn begin(draft: &mut Draft<'_>) -> Result<Settings, Verdict> {
    restored::may_begin(draft)?;
    if draft.status.id.is_none() {
        draft.status.id = Some(short_id(draft.observed.job.metadata.uid.as_deref().unwrap_or_default()));
    }
    made::may_begin(draft)?;
    freeze_channel(draft)?;
    draft.status.run.get_or_insert(1);
    let spec = &draft.observed.job.spec;
    let channel = draft.status.channel.as_ref().and_then(|channel| channel.spec.defaults.as_ref());
    let draft_mode = spec.mode == VideoMode::Draft;
    Settings::resolve(&spec.settings, channel, draft_mode).map_err(|error| Verdict::Stalled {
        reason: Reason::ConfigurationInvalid,
        message: error.to_string(),
        step: None,
    })
}

/// The first eight digits of the UID: enough to keep the bucket's keys of two jobs of one name apart. A UID of another
/// make has a digest, for keys take eight hexadecimal digits and nothing else.
fn short_id(uid: &str) -> String {
    let id: String = uid.chars().take(8).collect();
    if is_id(&id) { id } else { Digest::of_bytes(uid.as_bytes()).as_str().chars().take(8).collect() }
}
