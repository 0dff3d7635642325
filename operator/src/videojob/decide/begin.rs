//! The start of a run: the job's id, the channel's part frozen, the settings in force.

use videofactory_crds::Channel;
use videofactory_crds::bounds::MOST_CHANNEL_BYTES;
use videofactory_crds::condition::Reason;
use videofactory_crds::videojob::{FrozenChannel, VideoMode};
use videofactory_pipeline::keys::is_id;
use videofactory_pipeline::{Digest, Settings};

use super::super::model::Found;
use super::super::verdict::Verdict;
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

/// Copies the channel into the status, once a run: later edits of it change no job that has begun.
fn freeze_channel(draft: &mut Draft<'_>) -> Result<(), Verdict> {
    let named = draft.observed.job.spec.channel_ref.as_ref().map(|reference| reference.name.clone());
    let frozen = draft.status.channel.as_ref().map(|channel| channel.name.clone());
    if named == frozen {
        return Ok(());
    }
    match &draft.observed.channel {
        Found::NotNamed => draft.status.channel = None,
        Found::Here(channel) => {
            let invalid =
                |message| Verdict::Stalled { reason: Reason::ConfigurationInvalid, message, step: None };
            draft.status.channel = Some(freeze(channel).map_err(invalid)?);
        }
        Found::Missing(name) => {
            return Err(Verdict::Stalled {
                reason: Reason::ConfigurationInvalid,
                message: format!(
                    "channel {name:?} does not exist in this namespace; create it, or correct channelRef"
                ),
                step: None,
            });
        }
    }
    Ok(())
}

/// The channel as a run keeps it; why it cannot, if so.
pub(super) fn freeze(channel: &Channel) -> Result<FrozenChannel, String> {
    let name = channel.metadata.name.clone().unwrap_or_default();
    let bytes = serde_json::to_string(&channel.spec).map_or(0, |text| text.len());
    if bytes > MOST_CHANNEL_BYTES {
        return Err(format!(
            "channel {name:?} has {bytes} bytes, and a run keeps {MOST_CHANNEL_BYTES} of one at most; shorten it"
        ));
    }
    Ok(FrozenChannel { name, generation: channel.metadata.generation, spec: channel.spec.clone() })
}

/// The first eight digits of the UID: enough to keep the bucket's keys of two jobs of one name apart. A UID of another
/// make has a digest, for keys take eight hexadecimal digits and nothing else.
fn short_id(uid: &str) -> String {
    let id: String = uid.chars().take(8).collect();
    if is_id(&id) { id } else { Digest::of_bytes(uid.as_bytes()).as_str().chars().take(8).collect() }
}
