//! Who does the work of a step. The settings name an account, the account a provider; without one, or with
//! an account of provider Embedded, the work is done here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use videofactory_crds::provideraccount::Provider as Service;
use videofactory_crds::units::Money;
use videofactory_net::AllowedHosts;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::AccountAccess;
use videofactory_pipeline::settings::Provider;
use videofactory_providers::{
    Animator, Connection, Gemini, HuggingFace, Illustrator, Model, Narrator, ScriptWriter, Sold, Ticket, Xai,
    usual_price,
};

use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::{Account, SessionConfig, SubmissionSession};
use crate::provider_factory::{ClientResult, ProviderFactory};

/// How the embedded providers are recorded as a model.
pub const EMBEDDED_MODEL: &str = "embedded";

/// The client of an external account, with the account that pays for it.
pub struct ExternalClient<T: ?Sized> {
    pub client: Arc<T>,
    pub account: Account,
    /// The model, as the settings have it.
    pub model: Model,
    access: AccountAccess,
}

impl<T: ?Sized> ExternalClient<T> {
    /// What so many units cost; nothing where nobody knows.
    pub fn price(&self, context: &Context, sold: Sold, units: u32) -> Money {
        if let Some(own) = self.access.prices.get(sold.as_str()) {
            return own.times(units.into());
        }
        let (width, height) = context.input.settings.frame();
        let usual = usual_price(&service_name(self.access.provider), &self.model, sold, width, height);
        usual.map(|price| Money::from_micros(price.of_request(units))).unwrap_or_default()
    }

    /// Whether the service chooses from what people have made, instead of making it.
    pub fn chooses(&self) -> bool {
        self.access.provider.is_stock()
    }

    /// The model as it is recorded.
    pub fn model_name(&self, context: &Context, sold: Sold) -> String {
        if !self.model.name.is_empty() {
            return self.model.name.clone();
        }
        usual_model(self.access.provider, sold, &context.input.settings.language)
    }
}

impl ExternalClient<dyn Illustrator> {
    /// Cancels pictures that are under way and not wanted any more.
    pub async fn cancel_unwanted(&self, wanted: &BTreeSet<Digest>) -> Result<(), StepError> {
        let id_of = |ticket: &Ticket| self.client.id_of(ticket);
        let cancel = |id: String| async move { self.client.cancel(&id).await };
        self.account.cancel_unwanted(wanted, id_of, cancel).await
    }
}

impl ExternalClient<dyn Animator> {
    /// Cancels clips that are under way and not wanted any more.
    pub async fn cancel_unwanted(&self, wanted: &BTreeSet<Digest>) -> Result<(), StepError> {
        let id_of = |ticket: &Ticket| self.client.id_of(ticket);
        let cancel = |id: String| async move { self.client.cancel(&id).await };
        self.account.cancel_unwanted(wanted, id_of, cancel).await
    }
}

/// A part of the settings' providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `providers.script`.
    Script,
    /// `providers.images`.
    Images,
    /// `providers.narration`.
    Narration,
    /// `providers.animation`.
    Animation,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Images => "images",
            Self::Narration => "narration",
            Self::Animation => "animation",
        }
    }

    fn does(self) -> &'static str {
        match self {
            Self::Script => "write scripts",
            Self::Images => "draw pictures",
            Self::Narration => "speak",
            Self::Animation => "animate pictures",
        }
    }

    fn setting(self, context: &Context) -> Option<&Provider> {
        let providers = &context.input.settings.providers;
        match self {
            Self::Script => providers.script.as_ref(),
            Self::Images => providers.images.as_ref(),
            Self::Narration => providers.narration.as_ref(),
            Self::Animation => providers.animation.as_ref(),
        }
    }
}

/// Who writes the script; `None`: the embedded writer.
pub async fn script_writer(context: &Context) -> Result<Option<ExternalClient<dyn ScriptWriter>>, StepError> {
    connect(context, Part::Script, |provider_factory, service, connection| {
        provider_factory.script_writer(service, connection)
    })
    .await
}

/// Who draws; `None`: the embedded illustrator.
pub async fn artist(context: &Context) -> Result<Option<ExternalClient<dyn Illustrator>>, StepError> {
    connect(context, Part::Images, |provider_factory, service, connection| {
        provider_factory.artist(service, connection)
    })
    .await
}

/// Who speaks; `None`: the embedded voice.
pub async fn narrator(context: &Context) -> Result<Option<ExternalClient<dyn Narrator>>, StepError> {
    connect(context, Part::Narration, |provider_factory, service, connection| {
        provider_factory.narrator(service, connection)
    })
    .await
}

/// Who animates; `None`: still motion.
pub async fn animator(context: &Context) -> Result<Option<ExternalClient<dyn Animator>>, StepError> {
    connect(context, Part::Animation, |provider_factory, service, connection| {
        provider_factory.animator(service, connection)
    })
    .await
}

/// The attempt's submission session, with its fencing token acquired. Once an attempt.
pub async fn session(context: &Context) -> Result<Arc<SubmissionSession>, StepError> {
    let input = &context.input;
    let config = SessionConfig {
        store: Arc::new(context.bucket.clone()),
        keys: context.keys.clone(),
        step: input.step,
        attempt: input.attempt,
        pod: context.pod.clone(),
        allowed_submissions: input.allowed_submissions.clone(),
        again_before: input.again_before,
        survey: input.survey,
        accounts_for: input.accounts_for,
        usage: context.usage.clone(),
        traces: context.traces.clone(),
        clock: context.clock.clone(),
        stop: context.stop.clone(),
    };
    Ok(Arc::new(SubmissionSession::open(config).await?))
}

/// The connection of an account.
pub fn connection(context: &Context, account: &str, access: &AccountAccess) -> Result<Connection, StepError> {
    let secrets = if access.keyless { BTreeMap::new() } else { context.paths.account_secrets(account)? };
    let workflows = if access.workflows.is_empty() {
        BTreeMap::new()
    } else {
        context.paths.account_workflows(account)?
    };
    let authority = access.ca.as_ref().map(|ca| context.paths.account_authority(account, ca)).transpose()?;
    Ok(Connection {
        endpoint: access.endpoint.clone(),
        secrets,
        keyless: access.keyless,
        workflows,
        // Of the Secret's list, the operator names the entry by which it let us have the keys.
        allowed_hosts: AllowedHosts::parse(&access.allowed_host),
        network: context.network.clone().with_authorities(authority),
    })
}

/// The account that a reference names, if it is one of an outside service. The operator names only those.
pub fn named<'a>(context: &'a Context, account: Option<&str>) -> Option<(&'a str, &'a AccountAccess)> {
    let (name, access) = context.input.accounts.get_key_value(account?)?;
    (access.provider != Service::Embedded).then_some((name.as_str(), access))
}

async fn connect<T: ?Sized>(
    context: &Context,
    part: Part,
    ask: impl Fn(&dyn ProviderFactory, Service, Connection) -> ClientResult<T>,
) -> Result<Option<ExternalClient<T>>, StepError> {
    let setting = part.setting(context);
    let reference = setting.and_then(|provider| provider.account_ref.as_ref());
    let Some((name, access)) = named(context, reference.map(|account| account.name.as_str())) else {
        require_no_model(part, setting)?;
        return Ok(None);
    };
    // First of all: without the fencing token nobody can say what the attempt has spent.
    let session = session(context).await?;
    let client = ask(&*context.provider_factory, access.provider, connection(context, name, access)?)?;
    let client = client.ok_or_else(|| cannot(name, access.provider, part.name(), part.does()))?;
    let model = setting
        .map(|provider| Model { name: provider.model.clone(), parameters: provider.parameters.clone() });
    Ok(Some(ExternalClient {
        client,
        account: Account::new(session, name, &access.allowance, context.progress.clone())
            .with_requests_at_once(access.requests_at_once),
        model: model.unwrap_or_default(),
        access: access.clone(),
    }))
}

/// The account's provider does not do this.
pub fn cannot(account: &str, provider: Service, part: &str, does: &str) -> StepError {
    let provider = service_name(provider);
    StepError::FollowSettings(format!(
        "failed to use account {account:?} for {part}: its provider {provider} does not {does}; name an account of one \
         that does"
    ))
}

/// The embedded provider, if that is what the settings ask for.
fn require_no_model(part: Part, provider: Option<&Provider>) -> Result<(), StepError> {
    let model = provider.map(|provider| provider.model.as_str()).unwrap_or_default();
    if ["", EMBEDDED_MODEL].contains(&model) {
        return Ok(());
    }
    let part = part.name();
    Err(StepError::FollowSettings(format!(
        "failed to use model {model:?} for providers.{part}: the embedded provider has no models; leave \
         providers.{part}.model out, or name the account of an outside service"
    )))
}

/// The model that a service uses where none is named; empty where nobody knows.
fn usual_model(service: Service, sold: Sold, language: &str) -> String {
    let name = match service {
        Service::Gemini => Some(Gemini::usual_model(sold)),
        Service::Xai => Xai::usual_model(sold),
        Service::HuggingFace => HuggingFace::usual_model(sold, language),
        // What people run themselves has whatever they have put there.
        Service::OpenAiCompatible
        | Service::ComfyUi
        | Service::Pexels
        | Service::Pixabay
        | Service::YouTube
        | Service::Webhook
        | Service::Embedded => None,
    };
    name.unwrap_or_default().to_owned()
}

/// The service's name as accounts have it.
fn service_name(service: Service) -> String {
    let name = serde_json::to_value(service).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}
