//! A site that films are uploaded to, and somebody who is informed of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use videofactory_crds::provideraccount::Provider;
use videofactory_providers::webhook::Announcement;
use videofactory_providers::youtube::{Addition, Stored, Upload, VideoId};
use videofactory_providers::{
    Animator, Connection, Illustrator, Narrator, ProviderError, ScriptWriter, Secret,
};
use videofactory_worker::context::Context;
use videofactory_worker::outcome::{Made, StepError};
use videofactory_worker::provider_factory::{ClientResult, ProviderFactory};
use videofactory_worker::publishing::{Announcer, VideoSite};
use videofactory_worker::steps;

/// What goes wrong with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The pod is cut off before the site sees the call.
    CutBefore,
    /// The pod is cut off before it sees the answer.
    CutAfter,
    /// The site is away for this call.
    Away,
    /// The session is gone.
    Gone,
    /// The session is gone, and all of it was there.
    GoneWhenDone,
    /// Additions are declined.
    Declined,
}

/// Clones are the same site.
#[derive(Clone, Default)]
pub struct Site {
    state: Arc<Mutex<State>>,
    cut: Arc<Notify>,
}

#[derive(Default)]
pub struct State {
    pub sessions: BTreeMap<String, (Upload, Vec<u8>, Option<String>)>,
    /// Films on the site: id, what was said of it, its bytes.
    pub films: Vec<(String, Upload, Vec<u8>)>,
    /// Whether the search finds what is there.
    pub listed: bool,
    pub added: Vec<String>,
    pub announced: Vec<(Announcement, String)>,
    /// Which call goes wrong, counted from 0, and how.
    pub trouble: VecDeque<(u32, Trouble)>,
    pub calls: u32,
}

impl Site {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Runs an attempt to its end, or to where it is cut off: then nothing.
    pub async fn run(&self, pod: &Context) -> Option<Result<Made, StepError>> {
        tokio::select! {
            biased;
            () = self.cut.notified() => None,
            result = steps::run(pod) => Some(result),
        }
    }

    async fn cut_off(&self) {
        self.cut.notify_one();
        std::future::pending::<()>().await;
    }

    fn trouble(&self) -> Option<Trouble> {
        let mut state = self.state();
        let call = state.calls;
        state.calls += 1;
        let due = state.trouble.front().is_some_and(|(at, _)| *at == call);
        if due { state.trouble.pop_front().map(|(_, trouble)| trouble) } else { None }
    }

    /// One call, with whatever goes wrong with it.
    async fn call<T>(
        &self,
        work: impl FnOnce(&mut State, Option<Trouble>) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let trouble = self.trouble();
        if trouble == Some(Trouble::CutBefore) {
            self.cut_off().await;
        }
        if trouble == Some(Trouble::Away) {
            let message = "the connection was reset".to_owned();
            return Err(ProviderError::Unavailable { provider: "The site", message });
        }
        let result = work(&mut self.state(), trouble);
        if trouble == Some(Trouble::CutAfter) {
            self.cut_off().await;
        }
        result
    }
}

impl State {
    fn look(&self, session: &str) -> Stored {
        match self.sessions.get(session) {
            None => Stored::Gone,
            Some((_, _, Some(id))) => Stored::Done(VideoId::new(id).unwrap()),
            Some((_, bytes, None)) => Stored::Bytes(bytes.len() as u64),
        }
    }

    fn take(&mut self, session: &str, from: u64, bytes: &[u8]) -> Stored {
        let Some((upload, stored, id)) = self.sessions.get_mut(session) else { return Stored::Gone };
        assert_eq!(from, stored.len() as u64, "a chunk at the wrong place");
        stored.extend(bytes);
        if stored.len() as u64 == upload.size && id.is_none() {
            let new = format!("video-{}", self.films.len() + 1);
            *id = Some(new.clone());
            self.films.push((new, upload.clone(), stored.clone()));
        }
        self.look(session)
    }
}

#[async_trait]
impl VideoSite for Site {
    async fn begin(&self, upload: &Upload) -> Result<Secret, ProviderError> {
        self.call(|state, _| {
            let uri = format!("https://site.test/upload?upload_id=very-secret-{}", state.calls);
            state.sessions.insert(uri.clone(), (upload.clone(), Vec::new(), None));
            Ok(Secret::new(&uri))
        })
        .await
    }

    async fn stored(&self, session: &Secret, _: u64) -> Result<Stored, ProviderError> {
        self.call(|state, trouble| {
            if trouble == Some(Trouble::Gone) {
                state.sessions.remove(session.reveal());
            }
            Ok(state.look(session.reveal()))
        })
        .await
    }

    async fn send(&self, session: &Secret, _: u64, from: u64, bytes: Bytes) -> Result<Stored, ProviderError> {
        self.call(|state, trouble| {
            if trouble == Some(Trouble::Gone) {
                state.sessions.remove(session.reveal());
            }
            let stored = state.take(session.reveal(), from, &bytes);
            if trouble == Some(Trouble::GoneWhenDone) {
                state.sessions.remove(session.reveal());
                return Ok(Stored::Gone);
            }
            Ok(stored)
        })
        .await
    }

    async fn find(&self, marker: &str) -> Result<Option<VideoId>, ProviderError> {
        self.call(|state, _| {
            let found =
                state.films.iter().rev().find(|(_, upload, _)| state.listed && upload.marker == marker);
            Ok(found.and_then(|(id, ..)| VideoId::new(id)))
        })
        .await
    }

    async fn set_thumbnail(&self, id: &VideoId, _: Bytes, _: &str) -> Result<Addition, ProviderError> {
        self.add(format!("thumbnail of {}", id.as_str())).await
    }

    async fn insert_caption(
        &self,
        id: &VideoId,
        language: &str,
        _: &[u8],
    ) -> Result<Addition, ProviderError> {
        self.add(format!("captions in {language} of {}", id.as_str())).await
    }

    async fn add_to_playlist(&self, id: &VideoId, playlist: &str) -> Result<Addition, ProviderError> {
        self.add(format!("{} in {playlist}", id.as_str())).await
    }
}

impl Site {
    async fn add(&self, what: String) -> Result<Addition, ProviderError> {
        self.call(|state, trouble| {
            if trouble == Some(Trouble::Declined) {
                return Ok(Addition::Declined("the channel may not".to_owned()));
            }
            state.added.push(what);
            Ok(Addition::Added)
        })
        .await
    }
}

#[async_trait]
impl Announcer for Site {
    async fn announce(&self, announcement: &Announcement, key: &str) -> Result<(), ProviderError> {
        self.call(|state, _| {
            state.announced.push((announcement.clone(), key.to_owned()));
            Ok(())
        })
        .await
    }
}

impl ProviderFactory for Site {
    fn script_writer(&self, _: Provider, _: Connection) -> ClientResult<dyn ScriptWriter> {
        Ok(None)
    }

    fn artist(&self, _: Provider, _: Connection) -> ClientResult<dyn Illustrator> {
        Ok(None)
    }

    fn narrator(&self, _: Provider, _: Connection) -> ClientResult<dyn Narrator> {
        Ok(None)
    }

    fn animator(&self, _: Provider, _: Connection) -> ClientResult<dyn Animator> {
        Ok(None)
    }

    fn video_site(&self, _: Provider, _: Connection) -> ClientResult<dyn VideoSite> {
        Ok(Some(Arc::new(self.clone())))
    }

    fn announcer(&self, _: Provider, _: Connection) -> ClientResult<dyn Announcer> {
        Ok(Some(Arc::new(self.clone())))
    }
}
