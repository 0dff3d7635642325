//! Pictures and clips that people have given away (Pexels, Pixabay): found by a search for what a scene shows, chosen by
//! how well they fit, and none of them twice in a film. Nothing is made and nothing costs money; what is counted are
//! searches.

mod choice;
mod pexels;
mod pixabay;
mod query;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use self::choice::{Found, Wanted};
use crate::capability::{
    Animator, Clip, ClipRequest, ClipState, Drawn, Health, Illustrator, Lengths, Model, Picture,
    PictureRequest, Ticket,
};
use crate::connection::{Connection, Secret};
use crate::error::ProviderError;
use crate::http::{Answer, Call, Http};
use crate::image;
use crate::request::refuse_references;

pub(crate) use self::pexels::OWN as PEXELS;
pub(crate) use self::pixabay::OWN as PIXABAY;

/// How long a search may take.
const SEARCH_TAKES: Duration = Duration::from_secs(30);
/// Most bytes of an answer to a search, and of a picture or clip.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
const FILE_BYTES: usize = 256 * 1024 * 1024;
/// Lengths of scenes that a clip is looked for, in seconds.
const SECONDS: (u32, u32) = (1, 60);

/// An account with a library of free footage.
#[derive(Debug, Clone)]
pub struct Stock {
    http: Http,
    library: Library,
    /// What the film has already.
    taken: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Debug, Clone)]
enum Library {
    Pexels,
    /// Its key is a parameter of each request.
    Pixabay(Secret),
}

/// Something chosen: the id under which it is kept until it is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Chosen {
    /// The library's own id.
    id: String,
    /// Where the file is.
    link: String,
    /// Who made it, and where.
    credit: String,
}

/// Whom a film owes thanks for what was chosen under this id of a submission; nothing for ids of other services.
#[must_use]
pub fn credit(id: &str) -> Option<String> {
    serde_json::from_str::<Chosen>(id).ok().map(|chosen| chosen.credit)
}

impl Stock {
    /// Pexels with the key `apiKey` of the connection.
    pub fn pexels(connection: &Connection) -> Result<Self, ProviderError> {
        let key = connection.secret(pexels::PROVIDER, "apiKey")?;
        let http = Http::new(pexels::PROVIDER, connection, PEXELS)?.with_header(AUTHORIZATION, key)?;
        Ok(Self { http, library: Library::Pexels, taken: Arc::default() })
    }

    /// Pixabay with the key `apiKey` of the connection.
    pub fn pixabay(connection: &Connection) -> Result<Self, ProviderError> {
        let key = connection.secret(pixabay::PROVIDER, "apiKey")?.clone();
        let http = Http::new(pixabay::PROVIDER, connection, PIXABAY)?;
        Ok(Self { http, library: Library::Pixabay(key), taken: Arc::default() })
    }

    fn provider(&self) -> &'static str {
        match self.library {
            Library::Pexels => pexels::PROVIDER,
            Library::Pixabay(_) => pixabay::PROVIDER,
        }
    }

    /// Searches for what is wanted and takes the best that the film does not have yet. If the first words find nothing,
    /// fewer are tried: two searches at most.
    async fn choose(&self, prompt: &str, wanted: &Wanted) -> Result<String, ProviderError> {
        let words = query::words(prompt);
        if words.is_empty() {
            return Err(self.refused("the scene says nothing that could be searched for"));
        }
        for words in query::narrowing(&words) {
            let answer = self.search(&words.join(" "), wanted).await?;
            if !answer.is_success() {
                return Err(self.fault(&answer));
            }
            let found = match self.library {
                Library::Pexels => pexels::read(&answer, wanted)?,
                Library::Pixabay(_) => pixabay::read(&answer, wanted)?,
            };
            if let Some(chosen) = self.take(found, words, wanted) {
                return serde_json::to_string(&chosen).map_err(|error| self.unexpected(error.to_string()));
            }
        }
        Err(self.refused(&format!("it has nothing new for {:?} in this shape", words.join(" "))))
    }

    /// The best of what was found that is not in the film; it is from now on.
    fn take(&self, found: Vec<Found>, words: &[String], wanted: &Wanted) -> Option<Chosen> {
        let mut taken = self.taken.lock();
        let free: Vec<Found> = found.into_iter().filter(|found| !taken.contains(&found.id)).collect();
        let best = choice::best(free, words, wanted)?;
        taken.insert(best.id.clone());
        Some(Chosen { id: best.id, link: best.link, credit: best.credit })
    }

    async fn search(&self, words: &str, wanted: &Wanted) -> Result<Answer, ProviderError> {
        let call = match &self.library {
            Library::Pexels => Call::get(pexels::path(words, wanted)),
            Library::Pixabay(key) => {
                let mut call = Call::get(pixabay::path(words, wanted));
                call.secret_parameter = Some(("key", key.clone()));
                call
            }
        };
        self.http.call(call.within(SEARCH_TAKES, ANSWER_BYTES)).await
    }

    /// Fetches what was chosen.
    async fn fetch(&self, id: &str, kinds: &[&str]) -> Result<Vec<u8>, ProviderError> {
        let chosen: Chosen = serde_json::from_str(id)
            .map_err(|_| self.unexpected("the id that was stored for the scene is none".to_owned()))?;
        let (bytes, _) = self.http.download(&chosen.link, false, FILE_BYTES, kinds).await?;
        Ok(bytes)
    }

    /// What an answer that is no success means.
    fn fault(&self, answer: &Answer) -> ProviderError {
        let wrong_key = matches!(&self.library, Library::Pixabay(_)) && pixabay::is_about_the_key(answer);
        if wrong_key {
            let message = format!("it answered {}; check apiKey in the account's Secret", answer.reported());
            return ProviderError::Credentials { provider: self.provider(), message };
        }
        answer.error(self.provider(), false)
    }

    fn refused(&self, why: &str) -> ProviderError {
        ProviderError::Refused { provider: self.provider(), why: why.to_owned() }
    }

    fn unexpected(&self, message: String) -> ProviderError {
        ProviderError::Unexpected { provider: self.provider(), message }
    }
}

#[async_trait]
impl Illustrator for Stock {
    fn id_of(&self, _: &Ticket) -> Option<String> {
        None
    }

    fn avoid(&self, ids: &[String]) {
        avoid(&self.taken, ids);
    }

    async fn submit(&self, request: &PictureRequest, _: &Ticket) -> Result<Drawn, ProviderError> {
        refuse_references(self.provider(), &request.model.name, &request.characters)?;
        let wanted = Wanted::picture(request.width, request.height);
        self.choose(&request.prompt, &wanted).await.map(Drawn::Queued)
    }

    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError> {
        let bytes = self.fetch(id, &["image/png", "image/jpeg"]).await?;
        image::read(self.provider(), bytes).map(Some)
    }
}

#[async_trait]
impl Animator for Stock {
    fn lengths(&self, _: &Model) -> Lengths {
        Lengths::Range(SECONDS.0, SECONDS.1)
    }

    fn avoid(&self, ids: &[String]) {
        avoid(&self.taken, ids);
    }

    async fn submit(&self, request: &ClipRequest, _: &Ticket) -> Result<String, ProviderError> {
        let wanted = Wanted::clip(request.width, request.height, request.seconds);
        self.choose(&request.prompt, &wanted).await
    }

    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError> {
        let bytes = self.fetch(id, &["video/mp4"]).await?;
        Ok(ClipState::Done(Clip { bytes, cost_micros: None }))
    }
}

#[async_trait]
impl Health for Stock {
    async fn check(&self) -> Result<String, ProviderError> {
        let answer = self.search("sea", &Wanted::picture(1280, 720)).await?;
        if answer.is_success() { Ok("the key is good".to_owned()) } else { Err(self.fault(&answer)) }
    }
}

fn avoid(taken: &Mutex<BTreeSet<String>>, ids: &[String]) {
    let known = ids.iter().filter_map(|id| serde_json::from_str::<Chosen>(id).ok());
    taken.lock().extend(known.map(|chosen| chosen.id));
}
