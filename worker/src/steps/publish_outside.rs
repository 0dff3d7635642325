//! Publishing to `YouTube` and to a webhook. What is added once the film is there, thumbnail, captions and a
//! place in a playlist, is a note when it fails: the film is published all the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::settings::{MissedSlot, PublishTarget, Visibility};
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::contract::{AccountAccess, Artifact, Publication};
use videofactory_pipeline::documents::Film;
use videofactory_providers::webhook::{Announcement, FilmFile};
use videofactory_providers::youtube::{Addition, Privacy, Upload, VideoId};
use videofactory_providers::{Connection, ProviderError};
use videofactory_storage::MAX_LINK;

use super::external_client::{cannot, connection, named};
use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::Account;
use crate::provider_factory::{ClientResult, ProviderFactory};
use crate::publishing::{self, VideoSite, record};

/// Most bytes of a thumbnail or of captions.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long each addition may take, with everything that is tried.
const ADDITION_TAKES: Duration = Duration::from_mins(2);

/// What is announced of the film.
pub(super) struct FilmText<'a> {
    pub title: &'a str,
    pub description: &'a str,
    pub tags: &'a [String],
    pub language: &'a str,
}

/// Uploads the film to a site.
pub(super) async fn to_site(
    context: &Context,
    target: &PublishTarget,
    accounts: &BTreeMap<String, Account>,
    film: &Film,
    film_text: &FilmText<'_>,
    notes: &mut Vec<String>,
) -> Result<Publication, StepError> {
    let (account, site) =
        connect(context, target, accounts, "publish videos", |provider_factory, service, connection| {
            provider_factory.video_site(service, connection)
        })?;
    let video = video_of(context, film).await?;
    let (privacy, publish_at) = schedule(target, context.clock.now());
    let upload = publishing::Film {
        target: &target.name,
        key: &video.key,
        sha256: &film.sha256,
        upload: Upload {
            title: film_text.title.to_owned(),
            description: film_text.description.to_owned(),
            tags: film_text.tags.to_vec(),
            category: String::new(),
            privacy,
            publish_at,
            made_for_kids: target.made_for_kids.unwrap_or(false),
            synthetic: target.synthetic_media.unwrap_or(true),
            size: u64::try_from(video.size).unwrap_or_default(),
            marker: marker(context, target),
        },
    };
    let id = publishing::upload(context, account, &*site, &upload).await?;
    for note in upload.upload.omitted() {
        notes.push(format!("{}: {note}", target.name));
    }
    for note in add(context, &*site, &id, target, film, film_text).await? {
        tracing::warn!(to = target.name, note, "the publication lacks something");
        notes.push(format!("{}: {note}", target.name));
    }
    let scheduled = publish_at.is_some_and(|at| at > context.clock.now());
    let publication = Publication {
        target: target.name.clone(),
        state: if scheduled { PublicationState::Scheduled } else { PublicationState::Published },
        url: id.url(),
        id: id.as_str().to_owned(),
        at: context.clock.now().to_string(),
    };
    record::keep(context, &target.name, &film.sha256, publication).await
}

/// Announces the film to somebody.
pub(super) async fn to_announcer(
    context: &Context,
    target: &PublishTarget,
    accounts: &BTreeMap<String, Account>,
    film: &Film,
    film_text: &FilmText<'_>,
) -> Result<Publication, StepError> {
    let (account, announcer) =
        connect(context, target, accounts, "take announcements", |provider_factory, service, connection| {
            provider_factory.announcer(service, connection)
        })?;
    let video = video_of(context, film).await?;
    let link = async |key: &str| -> Result<String, StepError> {
        Ok(context.bucket.presign_get(key, MAX_LINK).await?.url)
    };
    let job = &context.input.job;
    let thumbnail = match &film.artifacts.thumbnail {
        Some(thumbnail) => Some(link(&thumbnail.key).await?),
        None => None,
    };
    let announcement = Announcement {
        namespace: job.namespace.clone(),
        name: job.name.clone(),
        run: u32::try_from(job.run).unwrap_or_default(),
        target: target.name.clone(),
        title: film_text.title.to_owned(),
        description: film_text.description.to_owned(),
        tags: film_text.tags.to_vec(),
        film: FilmFile {
            url: link(&video.key).await?,
            sha256: film.sha256.clone(),
            bytes: u64::try_from(video.size).unwrap_or_default(),
            seconds: video.seconds,
        },
        thumbnail,
    };
    publishing::announce(context, account, &*announcer, announcement, marker(context, target)).await?;
    let published = record::find(context, &target.name, &film.sha256).await?;
    published.ok_or_else(|| StepError::Break(format!("the record of target {:?} is gone", target.name)))
}

/// Why a receiver outside the cluster cannot fetch the film by the link that it is given, if so.
pub(super) fn unreachable(context: &Context) -> Option<String> {
    let bucket = &context.input.bucket;
    let inside =
        bucket.public_endpoint.is_empty() && context.network.destinations().is_internal(&bucket.endpoint);
    inside.then(|| {
        format!(
            "its link to the film leads to {}, which the internet does not reach; if the receiver is there, set \
             bucket.publicEndpoint of the StoragePolicy",
            bucket.endpoint
        )
    })
}

/// The account that a target names, and a client for it.
fn connect<'a, T: ?Sized>(
    context: &Context,
    target: &PublishTarget,
    accounts: &'a BTreeMap<String, Account>,
    does: &str,
    ask: impl Fn(&dyn ProviderFactory, Provider, Connection) -> ClientResult<T>,
) -> Result<(&'a Account, Arc<T>), StepError> {
    let reference = target.account_ref.as_ref().map(|account| account.name.as_str());
    let found: Option<(&str, &AccountAccess)> = named(context, reference);
    let Some(((name, access), account)) = found.and_then(|found| Some((found, accounts.get(found.0)?)))
    else {
        return Err(StepError::FollowSettings(format!(
            "failed to publish to target {:?}: type {:?} needs accountRef, an account of an outside service, and {:?} is \
             none",
            target.name,
            target.type_,
            reference.unwrap_or_default()
        )));
    };
    let client = ask(&*context.provider_factory, access.provider, connection(context, name, access)?)?;
    let client =
        client.ok_or_else(|| cannot(name, access.provider, &format!("target {}", target.name), does))?;
    Ok((account, client))
}

/// The film, which must be there.
async fn video_of<'a>(context: &Context, film: &'a Film) -> Result<&'a Artifact, StepError> {
    let gone = |what: &str| StepError::FindArtifact { what: what.to_owned(), from: StepName::AssembleVideo };
    let video = film.artifacts.video.as_ref().ok_or_else(|| gone("the film"))?;
    if context.bucket.head(&video.key).await?.is_none() {
        return Err(gone(&video.key));
    }
    Ok(video)
}

/// The word by which this run's film for this target is found again: two targets may be one channel.
fn marker(context: &Context, target: &PublishTarget) -> String {
    format!("vf-{}-r{}-{}", context.input.job.id, context.input.job.run, target.name)
}

/// Who may see the film from the beginning, and when it becomes public.
fn schedule(target: &PublishTarget, now: Timestamp) -> (Privacy, Option<Timestamp>) {
    let privacy = match target.visibility.unwrap_or(Visibility::Private) {
        Visibility::Private => Privacy::Private,
        Visibility::Unlisted => Privacy::Unlisted,
        Visibility::Public => Privacy::Public,
    };
    match target.publish_at.as_ref().map(|at| at.0) {
        Some(at) if at > now => (Privacy::Private, Some(at)),
        Some(_) if target.on_missed_slot != Some(MissedSlot::KeepPrivate) => (Privacy::Public, None),
        _ => (privacy, None),
    }
}

/// Adds what belongs to the film; what could not be added, in sentences.
async fn add(
    context: &Context,
    site: &dyn VideoSite,
    id: &VideoId,
    target: &PublishTarget,
    film: &Film,
    film_text: &FilmText<'_>,
) -> Result<Vec<String>, StepError> {
    let mut notes = Vec::new();
    if let Some(thumbnail) = &film.artifacts.thumbnail {
        notes.extend(match fetch(context, &thumbnail.key).await? {
            Some(bytes) => tried("the thumbnail", site.set_thumbnail(id, bytes, "image/jpeg")).await,
            None => Some(format!("the thumbnail is gone: {}", thumbnail.key)),
        });
    }
    for captions in film.artifacts.captions.iter().filter(|captions| is_srt(&captions.key)) {
        notes.extend(match fetch(context, &captions.key).await? {
            Some(srt) => tried("the captions", site.insert_caption(id, film_text.language, &srt)).await,
            None => Some(format!("the captions are gone: {}", captions.key)),
        });
    }
    if let Some(playlist) = target.playlist.as_deref().filter(|playlist| !playlist.is_empty()) {
        notes.extend(tried("a place in the playlist", site.add_to_playlist(id, playlist)).await);
    }
    Ok(notes)
}

fn is_srt(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, extension)| extension == "srt")
}

async fn fetch(context: &Context, key: &str) -> Result<Option<Bytes>, StepError> {
    match context.bucket.get(key, MAX_BYTES).await {
        Err(error) if error.is_missing() => Ok(None),
        other => Ok(Some(other?)),
    }
}

async fn tried(what: &str, adding: impl Future<Output = Result<Addition, ProviderError>>) -> Option<String> {
    match tokio::time::timeout(ADDITION_TAKES, adding).await {
        Ok(Ok(Addition::Added)) => None,
        Ok(Ok(Addition::Declined(why))) => Some(format!("{what} could not be added: {why}")),
        Ok(Err(error)) => Some(format!("{what} could not be added: {error}")),
        Err(_) => Some(format!("{what} could not be added: the site took too long")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slot_that_has_passed_is_made_up_for_or_kept_private() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        for (extra, expected) in [
            (json!({}), (Privacy::Private, None)),
            (json!({"visibility": "Unlisted"}), (Privacy::Unlisted, None)),
            (json!({"publishAt": "2026-12-02T12:00:00Z"}), (Privacy::Private, at("2026-12-02T12:00:00Z"))),
            (json!({"publishAt": "2026-11-30T12:00:00Z"}), (Privacy::Public, None)),
            (
                json!({"publishAt": "2026-11-30T12:00:00Z", "onMissedSlot": "KeepPrivate"}),
                (Privacy::Private, None),
            ),
        ] {
            let mut target = json!({"name": "main", "type": "YouTube", "accountRef": {"name": "a"}});
            target.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let target: PublishTarget = serde_json::from_value(target).unwrap();
            assert_eq!(schedule(&target, now), expected, "{extra}");
        }
    }
}
