//! A script that is bought. What comes is judged as it would be spoken, and asked for again, at most twice, with what is
//! wrong with it: each version is a paid request of its own, with its slots and its unit of the account's quota. The best
//! version is the script.

use std::time::Duration;

use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_providers::{ProviderError, Revision, Script, ScriptRequest, ScriptWriter, Sold, Ticket};
use videofactory_storage::PutOnce;

use super::external_client::ExternalClient;
use super::script_review::{self as review, Fault};
use super::spoken::{self, Omitted};
use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::{Answer, PaidRequest};

/// How often what was written is asked for again.
const MAX_REVISIONS: u32 = 2;

/// Buys the script that this is the digest of. Versions that earlier attempts have bought are read, not bought again. A
/// better one is bought only where the budget has room for it.
pub(super) async fn buy_best(
    context: &Context,
    external: &ExternalClient<dyn ScriptWriter>,
    digest: &Digest,
    request: &ScriptRequest,
) -> Result<Script, StepError> {
    let mut best: Option<(f64, Script)> = None;
    let (mut revision, mut bought) = (None, 0);
    for number in 0..=MAX_REVISIONS {
        let asked = ScriptRequest { revision, ..request.clone() };
        let version = Version::new(context, external, digest, number, asked);
        let found = version.find().await?;
        let is_too_dear = context.input.affordable_scripts.is_some_and(|most| bought >= most);
        if found.is_none() && best.is_some() && is_too_dear {
            tracing::warn!(version = number, "the budget has no room for a better script");
            break;
        }
        let script = if let Some(script) = found {
            Ok(script)
        } else {
            bought += 1;
            version.buy().await
        };
        let script = match script {
            Ok(script) => script,
            Err(error) if best.is_some() && brings_no_more(&error) => {
                tracing::warn!(%error, "no better script is to be had");
                break;
            }
            Err(error) => return Err(error),
        };
        let faults = faults(context, &script, request.target);
        let weight = review::weight(&faults);
        if best.as_ref().is_none_or(|(least, _)| weight < *least) {
            best = Some((weight, script.clone()));
        }
        if faults.is_empty() {
            break;
        }
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        tracing::info!(version = number, ?faults, "the script has faults");
        revision = Some(Revision { script, faults });
    }
    best.map(|(_, script)| script)
        .ok_or_else(|| StepError::Break("no script was bought, and no error reported".to_owned()))
}

/// What is wrong with a script as it would be spoken.
fn faults(context: &Context, script: &Script, target: Duration) -> Vec<Fault> {
    let settings = &context.input.settings;
    let spoken = spoken::script(script.clone(), &spoken::cast(settings), &mut Omitted::default());
    let narrations: Vec<&str> = spoken.scenes.iter().map(|scene| scene.narration.as_str()).collect();
    review::faults(&narrations, &settings.language, target)
}

/// Whether this is all that the writer will give: what there is must do then.
fn brings_no_more(error: &StepError) -> bool {
    matches!(
        error,
        StepError::AskPerson(_)
            | StepError::KeepRefusal(_)
            | StepError::AskProvider(
                ProviderError::Refused { .. }
                    | ProviderError::Unexpected { .. }
                    // It may be paid for: a better script is not worth paying twice.
                    | ProviderError::OutcomeUnknown { .. }
                    | ProviderError::CreditsUsedUp { .. }
                    | ProviderError::Credentials { .. }
                    | ProviderError::Configuration { .. }
            )
    )
}

/// The script that is stored: this one, unless another was there before.
pub(super) async fn store(context: &Context, key: &str, script: &Script) -> Result<Script, StepError> {
    match context.bucket.put_json_once(key, script).await? {
        PutOnce::Created(_) => Ok(script.clone()),
        PutOnce::AlreadyExists(_) => {
            Ok(context.bucket.get_json(key).await?.unwrap_or_else(|| script.clone()))
        }
    }
}

/// One version of a script.
struct Version<'a> {
    context: &'a Context,
    external: &'a ExternalClient<dyn ScriptWriter>,
    /// From 0.
    number: u32,
    digest: Digest,
    key: String,
    request: ScriptRequest,
}

impl<'a> Version<'a> {
    fn new(
        context: &'a Context,
        external: &'a ExternalClient<dyn ScriptWriter>,
        script: &Digest,
        number: u32,
        request: ScriptRequest,
    ) -> Self {
        let own = Digest::of(&serde_json::json!({"script": script, "version": number}));
        let key = context.keys.script(&own);
        // The first is bought under the script's own digest, as all were before there was more than one.
        let digest = if number == 0 { script.clone() } else { own };
        let request = ScriptRequest { model: external.model.clone(), ..request };
        Self { context, external, number, digest, key, request }
    }

    async fn find(&self) -> Result<Option<Script>, StepError> {
        Ok(self.context.bucket.get_json(&self.key).await?)
    }

    async fn buy(&self) -> Result<Script, StepError> {
        let progress = &self.context.progress;
        if self.number > 0 {
            progress.say(0.5, "asking for a better script");
            // With a scene to count, the operator learns that one more submission is needed.
            progress.begin_scenes(1);
        }
        let submitted = self.external.account.submit(self).await;
        if let (Err(StepError::AskPerson(_)), 0) = (&submitted, self.number) {
            // For this a person gives permission once more, as for a scene.
            progress.begin_scenes(1);
            progress.unknown(0);
        }
        submitted?;
        self.find().await?.ok_or_else(|| StepError::FindArtifact {
            what: "the new script".to_owned(),
            from: StepName::WriteScript,
        })
    }
}

impl PaidRequest for Version<'_> {
    type Artifact = Script;
    type Prepared = ScriptRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        self.external.price(self.context, Sold::Script, 1)
    }

    fn cost(&self, _: &Script) -> Money {
        self.price()
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.context.bucket.head(&self.key).await?.is_some())
    }

    async fn prepare(&self) -> Result<ScriptRequest, StepError> {
        Ok(self.request.clone())
    }

    async fn submit(&self, request: &ScriptRequest, _: &Ticket) -> Result<Answer<Script>, ProviderError> {
        self.external.client.write(request).await.map(Answer::Delivered)
    }

    async fn poll(&self, _: &str) -> Result<Option<Script>, ProviderError> {
        Err(ProviderError::Unexpected { provider: "The writer", message: "scripts have no ids".to_owned() })
    }

    async fn store(&self, script: &Script) -> Result<(), StepError> {
        store(self.context, &self.key, script).await.map(drop)
    }
}
