//! An upload that survives its pod. The session's address is kept before the first byte is sent; whoever
//! comes next asks the site what it has and continues there. A session that is gone is followed by a search for
//! the film's marker, by another one a while later, and only then by one second session.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Unresolved;
use videofactory_pipeline::keys::PublishedFile;
use videofactory_providers::youtube::{Stored, Upload, VideoId};
use videofactory_providers::{ProviderError, Secret, Ticket};
use videofactory_storage::ByteRange;

use super::{VideoSite, record};
use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::{Account, Answer, PaidRequest};

/// How much is sent at a time.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;
/// A fresh upload is found by its marker after so long.
const FOUND_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Sessions that may be lost before a person is asked: the second one too.
const MAX_LOST: u32 = 2;
/// How often a site that is away, or takes nothing, is asked again in a row.
const MAX_TRIES: u32 = 6;

/// A film on its way to a site.
pub struct Film<'a> {
    /// The target's name.
    pub target: &'a str,
    /// Where the film is in the bucket.
    pub key: &'a str,
    /// Its SHA-256, in hex.
    pub sha256: &'a str,
    /// What is said of it.
    pub upload: Upload,
}

/// What is on the site, kept in the bucket as soon as it is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OnSite {
    id: String,
    /// The film that it is.
    sha256: String,
}

/// An upload session, kept in the bucket. Its address is a credential.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    uri: String,
    /// The film that it was opened for.
    sha256: String,
    size: u64,
    at: Timestamp,
}

/// Why a session is not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Gone {
    /// The site does not know it any more, or has not said what became of it.
    Lost,
    /// It was opened for a film that has been made again since, and was not finished.
    Outdated,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    why: Gone,
    at: Timestamp,
}

/// What has become of all sessions so far.
#[derive(Default)]
struct Sessions {
    /// The one that continues.
    current: Option<(u32, Session)>,
    /// The number of the next.
    next: u32,
    lost: u32,
    /// When the last one was lost, and for which film it was.
    last_lost: Option<(Timestamp, String)>,
}

/// Uploads the film, or continues with its upload; its id on the site.
pub async fn upload(
    context: &Context,
    account: &Account,
    site: &dyn VideoSite,
    film: &Film<'_>,
) -> Result<VideoId, StepError> {
    let work = Work { context, account, site, film };
    if let Some(id) = work.known_id().await? {
        return Ok(id);
    }
    loop {
        let sessions = work.sessions().await?;
        let id = match sessions.current {
            Some((number, session)) => {
                work.resume(number, &session).await?.map(|id| (id, session.sha256.clone()))
            }
            None => work.next_session(&sessions).await?,
        };
        if let Some((id, sha256)) = id {
            return work.keep_id(id, sha256).await;
        }
    }
}

struct Work<'a> {
    context: &'a Context,
    account: &'a Account,
    site: &'a dyn VideoSite,
    film: &'a Film<'a>,
}

impl Work<'_> {
    fn key(&self, file: PublishedFile) -> String {
        self.context.keys.published(self.film.target, file)
    }

    /// The film's id on the site, if it is there. An edited one is not the one that is there.
    async fn known_id(&self) -> Result<Option<VideoId>, StepError> {
        let Some(known) = self.context.bucket.get_json::<OnSite>(&self.key(PublishedFile::Video)).await?
        else {
            return Ok(None);
        };
        if known.sha256 != self.film.sha256 {
            return Err(record::earlier_film(self.film.target));
        }
        Ok(VideoId::new(&known.id))
    }

    async fn keep_id(&self, id: VideoId, sha256: String) -> Result<VideoId, StepError> {
        let found = OnSite { id: id.as_str().to_owned(), sha256 };
        self.context.bucket.put_json_once(&self.key(PublishedFile::Video), &found).await?;
        Ok(self.known_id().await?.unwrap_or(id))
    }

    async fn sessions(&self) -> Result<Sessions, StepError> {
        let mut all = Sessions { next: 1, ..Sessions::default() };
        let bucket = &self.context.bucket;
        while let Some(session) =
            bucket.get_json::<Session>(&self.key(PublishedFile::Session(all.next))).await?
        {
            let ended: Option<Ended> =
                bucket.get_json(&self.key(PublishedFile::SessionEnd(all.next))).await?;
            if let Some(ended) = ended.as_ref().filter(|ended| ended.why == Gone::Lost) {
                all.lost += 1;
                all.last_lost = Some((ended.at, session.sha256.clone()));
            }
            all.current = if ended.is_none() { Some((all.next, session)) } else { None };
            all.next += 1;
        }
        Ok(all)
    }

    /// Opens the next session, where there may be one; an id if the film turns out to be there.
    async fn next_session(&self, sessions: &Sessions) -> Result<Option<(VideoId, String)>, StepError> {
        if let Some((lost, sha256)) = &sessions.last_lost {
            if let Some(id) = self.search().await? {
                return Ok(Some((id, sha256.clone())));
            }
            let sure = lost.checked_add(FOUND_AFTER).unwrap_or(*lost);
            if self.context.clock.now() < sure {
                self.context.usage.record_resume_at(sure);
                return Err(StepError::AwaitTime(format!(
                    "the upload session for target {:?} is gone, and the film is not on the site yet; it is looked for \
                     again at {sure}",
                    self.film.target
                )));
            }
            let digest = Digest::of(&json!({"publish": self.film.target}));
            let allowed = self.context.input.allowed_submissions.get(&digest).copied().unwrap_or_default();
            if sessions.lost >= MAX_LOST.max(allowed) {
                let unresolved = Unresolved { digest, submissions: sessions.lost };
                return Err(StepError::LosePublication { target: self.film.target.to_owned(), unresolved });
            }
        }
        let number = sessions.next;
        let digest = Digest::of(&json!({"upload": self.film.target, "session": number}));
        self.account.submit(&Opening { work: self, number, digest }).await?;
        Ok(None)
    }

    async fn search(&self) -> Result<Option<VideoId>, StepError> {
        self.site.find(&self.film.upload.marker).await.map_err(|error| self.refused(error))
    }

    /// Sends what the site does not have; an id once it has all.
    async fn resume(&self, number: u32, session: &Session) -> Result<Option<VideoId>, StepError> {
        let address = Secret::new(&session.uri);
        let outdated = session.sha256 != self.film.sha256;
        let mut call = self.context.traces.call("upload", &self.account.name);
        call.say("videofactory.film.bytes", session.size);
        let mut stored = self.ask(&address, session.size).await?;
        let mut stuck = 0;
        loop {
            let at = match stored {
                Ok(Stored::Done(id)) => {
                    call.ended(Ok("delivered"));
                    return Ok(Some(id));
                }
                Ok(Stored::Bytes(_)) if outdated => {
                    self.end(number, Gone::Outdated).await?;
                    return Ok(None);
                }
                Ok(Stored::Bytes(at)) => at,
                Ok(Stored::Gone) | Err(ProviderError::OutcomeUnknown { .. }) => {
                    return self.lose(number).await;
                }
                Err(error) => {
                    call.ended(Err(&error));
                    return Err(self.refused(error));
                }
            };
            if self.context.stop.is_cancelled() || self.account.is_superseded().await? {
                return Err(StepError::Stop);
            }
            self.say(at, session.size);
            call.round();
            let sent = self.site.send(&address, session.size, at, self.chunk(at, session.size).await?).await;
            stuck = match &sent {
                Ok(Stored::Bytes(now)) if *now > at => 0,
                Ok(Stored::Bytes(_)) | Err(ProviderError::Unavailable { .. }) => stuck + 1,
                _ => 0,
            };
            stored = match sent {
                Err(ProviderError::Unavailable { .. }) if stuck <= MAX_TRIES => {
                    self.pause(stuck).await?;
                    self.ask(&address, session.size).await?
                }
                Ok(Stored::Bytes(_)) if stuck > MAX_TRIES => {
                    let message = "the upload gets no further; it continues later".to_owned();
                    Err(ProviderError::Unavailable { provider: "The site", message })
                }
                other => other,
            };
        }
    }

    /// What the site has; asked again a few times while it is away.
    async fn ask(&self, session: &Secret, size: u64) -> Result<Result<Stored, ProviderError>, StepError> {
        for tries in 1.. {
            match self.site.stored(session, size).await {
                Err(ProviderError::Unavailable { message, .. }) if tries < MAX_TRIES => {
                    tracing::info!(error = message, "the site is away, it is asked again");
                    self.pause(tries).await?;
                }
                other => return Ok(other),
            }
        }
        Err(StepError::Stop)
    }

    async fn pause(&self, tries: u32) -> Result<(), StepError> {
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => Err(StepError::Stop),
            () = tokio::time::sleep(Duration::from_secs(1 << tries.min(5))) => Ok(()),
        }
    }

    /// The session is no more: perhaps all was there before. If not, it is looked for again later.
    async fn lose(&self, number: u32) -> Result<Option<VideoId>, StepError> {
        self.end(number, Gone::Lost).await?;
        Ok(None)
    }

    async fn end(&self, number: u32, why: Gone) -> Result<(), StepError> {
        tracing::warn!(to = self.film.target, number, cause = ?why, "an upload session is given up");
        let ended = Ended { why, at: self.context.clock.now() };
        self.context.bucket.put_json_once(&self.key(PublishedFile::SessionEnd(number)), &ended).await?;
        Ok(())
    }

    async fn chunk(&self, from: u64, size: u64) -> Result<Bytes, StepError> {
        let last = (from + CHUNK_BYTES).min(size).saturating_sub(1);
        let range = ByteRange::Inclusive(from, last);
        match self.context.bucket.get_range(self.film.key, range, CHUNK_BYTES).await {
            Err(error) if error.is_missing() => {
                let (what, from) = (self.film.key.to_owned(), StepName::AssembleVideo);
                Err(StepError::FindArtifact { what, from })
            }
            other => Ok(other?),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than a few digits")]
    fn say(&self, at: u64, size: u64) {
        let share = at as f64 / size.max(1) as f64;
        self.context.progress.say(share, &format!("uploading to {}", self.film.target));
    }

    /// A limit of the site's is reported to its account.
    fn refused(&self, error: ProviderError) -> StepError {
        self.account.note(&error);
        error.into()
    }
}

/// A session that is opened: what counts against the site's limits.
struct Opening<'a> {
    work: &'a Work<'a>,
    number: u32,
    digest: Digest,
}

impl Opening<'_> {
    fn key(&self) -> String {
        self.work.key(PublishedFile::Session(self.number))
    }
}

impl PaidRequest for Opening<'_> {
    type Artifact = Secret;
    type Prepared = ();

    fn digest(&self) -> &Digest {
        &self.digest
    }

    /// A session without bytes is nothing.
    fn may_repeat(&self) -> bool {
        true
    }

    fn price(&self) -> Money {
        Money::ZERO
    }

    fn cost(&self, _: &Secret) -> Money {
        Money::ZERO
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.work.context.bucket.head(&self.key()).await?.is_some())
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    async fn submit(&self, (): &(), _: &Ticket) -> Result<Answer<Secret>, ProviderError> {
        self.work.site.begin(&self.work.film.upload).await.map(Answer::Delivered)
    }

    async fn poll(&self, _: &str) -> Result<Option<Secret>, ProviderError> {
        Err(ProviderError::Unexpected { provider: "The site", message: "openings have no ids".to_owned() })
    }

    async fn store(&self, address: &Secret) -> Result<(), StepError> {
        let film = self.work.film;
        let session = Session {
            uri: address.reveal().to_owned(),
            sha256: film.sha256.to_owned(),
            size: film.upload.size,
            at: self.work.context.clock.now(),
        };
        self.work.context.bucket.put_json_once(&self.key(), &session).await?;
        Ok(())
    }
}
