//! The Channel's part of a run, which is copied into the status: later edits of it change no job that has begun.

use videofactory_crds::Channel;
use videofactory_crds::bounds::MAX_CHANNEL_BYTES;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::FrozenChannel;

use super::super::model::Found;
use super::super::verdict::Verdict;
use super::draft::Draft;
use crate::events::EventReason;

/// Copies the channel into the status, once a run: later edits of it change no job that has begun.
pub(super) fn freeze_channel(draft: &mut Draft<'_>) -> Result<(), Verdict> {
    let named = draft.observed.job.spec.channel_ref.as_ref().map(|reference| reference.name.clone());
    let frozen = draft.status.channel.as_ref().map(|channel| channel.name.clone());
    if named == frozen {
        return Ok(());
    }
    match &draft.observed.channel {
        Found::NotNamed => draft.status.channel = None,
        Found::Here(channel) => {
            let invalid = |message: String| Verdict::Stalled {
                reason: VideoJobReason::ConfigurationInvalid,
                message: message.into(),
                step: None,
            };
            draft.status.channel = Some(freeze(channel).map_err(invalid)?);
        }
        Found::Missing(name) => {
            return Err(Verdict::Stalled {
                reason: VideoJobReason::ConfigurationInvalid,
                message: format!(
                    "channel {name:?} does not exist in this namespace; create it, or correct channelRef"
                )
                .into(),
                step: None,
            });
        }
    }
    Ok(())
}

/// The channel as a run keeps it; why it cannot, if so.
fn freeze(channel: &Channel) -> Result<FrozenChannel, String> {
    let name = channel.metadata.name.clone().unwrap_or_default();
    let bytes = serde_json::to_string(&channel.spec).map_or(0, |text| text.len());
    if bytes > MAX_CHANNEL_BYTES {
        return Err(format!(
            "channel {name:?} has {bytes} bytes, and a run keeps {MAX_CHANNEL_BYTES} of one at most; shorten it"
        ));
    }
    Ok(FrozenChannel { name, generation: channel.metadata.generation, spec: channel.spec.clone() })
}

/// Takes the Channel as it is now.
pub(super) fn refresh_channel(draft: &mut Draft<'_>) {
    let Found::Here(channel) = &draft.observed.channel else { return };
    match freeze(channel) {
        Ok(frozen) => draft.status.channel = Some(frozen),
        Err(why) => draft.event(true, EventReason::ChannelNotRefreshed, "Reconcile", why),
    }
}
