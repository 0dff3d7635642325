//! What was asked for and is not wanted any more, because its scene was edited: it is cancelled where the service can
//! cancel, before anything else is asked for. A queue of one's own does not work on what nobody fetches.

use std::collections::BTreeSet;

use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_providers::{ProviderError, Ticket};

use super::account::Account;
use super::slots::{Ending, SubmissionEnd};
use crate::outcome::StepError;

/// Why such a submission has ended.
const NOT_WANTED: &str = "it was cancelled, because it was not wanted any more";

impl Account {
    /// Cancels what is under way at this account for other digests than the wanted ones. Only where the service is
    /// certain that nothing comes of it the slot ends; all else is left as it was, and none of it is an error.
    pub async fn cancel_unwanted<C, W>(
        &self,
        wanted: &BTreeSet<Digest>,
        id_of: impl Fn(&Ticket) -> Option<String>,
        cancel: C,
    ) -> Result<(), StepError>
    where
        C: Fn(String) -> W,
        W: Future<Output = Result<bool, ProviderError>>,
    {
        if self.session.config.survey {
            return Ok(());
        }
        for (digest, history) in self.session.histories_beside(wanted).await? {
            let history = history.with_ids(|number| id_of(&self.ticket_of(&digest, number)));
            for taken in history.under_way(&self.name) {
                // What a later attempt wants, this one does not know.
                self.may_submit().await?;
                match self.or_stop(cancel(taken.id.clone())).await? {
                    Ok(true) => {
                        let (message, at) = (NOT_WANTED.to_owned(), self.session.config.clock.answered());
                        let end = SubmissionEnd {
                            how: Ending::Nothing,
                            message,
                            at,
                            seconds: 0,
                            cost: Money::ZERO,
                        };
                        self.session.slots.end(&digest, taken.number, &end).await;
                        tracing::info!(account = self.name, %digest, "{NOT_WANTED}");
                    }
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(account = self.name, %digest, %error, "failed to cancel a request");
                        // The next one would wait for the same server.
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
