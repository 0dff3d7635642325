//! A film announced by a signed call. The same key makes repeated calls one, so a lost answer is simply asked
//! for again.

use jiff::Timestamp;
use serde_json::json;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Publication;
use videofactory_providers::webhook::Announcement;
use videofactory_providers::{ProviderError, Ticket};

use super::{Announcer, record};
use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::{Account, Answer, PaidRequest};

/// Announces the film, unless that was done before; then the record of it is in the bucket.
pub async fn announce(
    context: &Context,
    account: &Account,
    announcer: &dyn Announcer,
    announcement: Announcement,
    key: String,
) -> Result<(), StepError> {
    let digest = Digest::of(&json!({"announce": announcement.target}));
    account.submit(&Call { context, announcer, announcement, key, digest }).await
}

struct Call<'a> {
    context: &'a Context,
    announcer: &'a dyn Announcer,
    announcement: Announcement,
    key: String,
    digest: Digest,
}

impl PaidRequest for Call<'_> {
    type Artifact = Timestamp;
    type Prepared = ();

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn price(&self) -> Money {
        Money::ZERO
    }

    fn cost(&self, _: &Timestamp) -> Money {
        Money::ZERO
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        let film = &self.announcement.film.sha256;
        Ok(record::find(self.context, &self.announcement.target, film).await?.is_some())
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    async fn submit(&self, (): &(), _: &Ticket) -> Result<Answer<Timestamp>, ProviderError> {
        self.announcer.announce(&self.announcement, &self.key).await?;
        Ok(Answer::Delivered(self.context.clock.now()))
    }

    async fn poll(&self, _: &str) -> Result<Option<Timestamp>, ProviderError> {
        Err(ProviderError::Unexpected { provider: "The webhook", message: "calls have no ids".to_owned() })
    }

    async fn store(&self, at: &Timestamp) -> Result<(), StepError> {
        let publication = Publication {
            target: self.announcement.target.clone(),
            state: PublicationState::Published,
            id: self.key.clone(),
            url: String::new(),
            at: at.to_string(),
        };
        record::keep(self.context, &self.announcement.target, &self.announcement.film.sha256, publication)
            .await?;
        Ok(())
    }
}
