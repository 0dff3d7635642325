//! What the attempt has done that took time, for those who look at traces. It is noted while the step works and sent at its
//! end; no step waits for that for more than a moment, or fails by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use videofactory_crds::provideraccount::Provider;
use videofactory_net::Network;
use videofactory_pipeline::contract::{TRACEPARENT_VARIABLE, Traceparent};
use videofactory_pipeline::{StepInput, clock};
use videofactory_providers::ProviderError;
use videofactory_traces::{Exporter, Kind, ServiceResource, Settings, Span, Value};

/// `service.name` of the worker.
const SERVICE: &str = "videofactory-worker";
/// Most spans of an attempt; later ones are dropped, and counted.
const MAX_SPANS: usize = 2_000;
/// Longest time of their export.
pub const SENDING_TAKES: Duration = Duration::from_secs(2);

/// The spans of one attempt. Clones share them; the default one keeps none.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Shared>>);

struct Shared {
    settings: Settings,
    service: ServiceResource,
    /// The attempt's execution, which the operator reports.
    within: Traceparent,
    /// What every span says.
    about: Vec<(&'static str, Value)>,
    /// The accounts that the step may use.
    providers: Vec<(String, Provider)>,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    spans: Vec<Span>,
    count: usize,
}

impl Traces {
    /// As the environment says; without a parent or a place to send them to, or if they cannot be followed, none are kept.
    #[must_use]
    pub fn read(input: &StepInput, pod_uid: &str, variable: impl Fn(&str) -> Option<String>) -> Self {
        let Some(within) = variable(TRACEPARENT_VARIABLE).and_then(|text| text.parse::<Traceparent>().ok())
        else {
            return Self::default();
        };
        let settings = Settings::read(&variable).unwrap_or_else(|why| {
            tracing::warn!(error = %why, "no spans are sent");
            None
        });
        let Some(settings) = settings.filter(|_| within.sampled) else { return Self::default() };
        let service = ServiceResource {
            name: SERVICE,
            namespace: Some(input.job.namespace.clone()),
            pod: variable("POD_NAME"),
            pod_uid: Some(pod_uid.to_owned()).filter(|uid| !uid.is_empty()),
        };
        let about = vec![
            ("videofactory.step", input.step.as_str().into()),
            ("videofactory.attempt", input.attempt.into()),
        ];
        let providers =
            input.accounts.iter().map(|(account, access)| (account.clone(), access.provider)).collect();
        let noted = Mutex::default();
        Self(Some(Arc::new(Shared { settings, service, within, about, providers, noted })))
    }

    /// Something of our own begins now.
    #[must_use]
    pub fn begin(&self, name: &'static str) -> OpenSpan {
        self.open_span(name, Kind::Internal, Vec::new())
    }

    /// A service is asked from now on, for this account.
    #[must_use]
    pub fn call(&self, name: &'static str, account: &str) -> OpenSpan {
        let Some(shared) = &self.0 else { return self.begin(name) };
        let known = shared.providers.iter().find(|(known, _)| known == account);
        let named = known.and_then(|(_, provider)| gen_ai(*provider));
        let provider = known.map(|(_, provider)| ("videofactory.provider", provider.as_str().into()));
        let named = named.map(|named| ("gen_ai.provider.name", named.into()));
        let account = ("videofactory.account", account.into());
        self.open_span(name, Kind::Client, [account].into_iter().chain(provider).chain(named).collect())
    }

    /// What was done, one after the other, since `from`: each with its length in seconds.
    pub fn stages(&self, from: Timestamp, stages: impl IntoIterator<Item = (&'static str, f64)>) {
        let mut begin = from;
        for (name, seconds) in stages {
            let length = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
            let end = begin.saturating_add(length).unwrap_or(begin);
            self.note(name, Kind::Internal, begin, end, Vec::new(), false);
            begin = end;
        }
    }

    /// Exports what was noted, within [`SENDING_TAKES`].
    pub async fn send(self, network: Network) {
        let Some(shared) = self.0 else { return };
        let Noted { spans, count } = std::mem::take(&mut *lock(&shared));
        if spans.is_empty() {
            return;
        }
        let dropped = count - spans.len();
        let exported = async {
            let exporter = Exporter::new(&shared.settings, &network, &shared.service)?;
            exporter.export(spans).await
        };
        match timeout(SENDING_TAKES, exported).await {
            Ok(Ok(())) if dropped > 0 => {
                tracing::warn!(dropped, "spans were dropped: there were too many");
            }
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(error = %why, "spans are dropped"),
            Err(_) => tracing::warn!("spans are dropped: the collector did not answer in time"),
        }
    }

    fn open_span(&self, name: &'static str, kind: Kind, attributes: Vec<(&'static str, Value)>) -> OpenSpan {
        let (from, outcome) = (clock::exact(), ("broken_off", false));
        OpenSpan { traces: self.clone(), name, kind, from, attributes, rounds: 0, outcome }
    }

    fn note(
        &self,
        name: &'static str,
        kind: Kind,
        from: Timestamp,
        to: Timestamp,
        attributes: Vec<(&'static str, Value)>,
        failed: bool,
    ) {
        let Some(shared) = &self.0 else { return };
        let mut noted = lock(shared);
        noted.count += 1;
        if noted.spans.len() == MAX_SPANS {
            return;
        }
        let pod = shared.service.pod_uid.as_deref().unwrap_or_default();
        let id = shared.within.parent.child(&[pod, &noted.count.to_string()]);
        noted.spans.push(Span {
            trace: shared.within.trace,
            id,
            parent: Some(shared.within.parent),
            parent_is_remote: true,
            name: name.to_owned(),
            kind,
            from,
            to,
            attributes: shared.about.iter().cloned().chain(attributes).collect(),
            failed,
        });
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Noted> {
    shared.noted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that is being done; noted when it has ended, or was given up.
pub struct OpenSpan {
    traces: Traces,
    name: &'static str,
    kind: Kind,
    from: Timestamp,
    attributes: Vec<(&'static str, Value)>,
    rounds: u32,
    /// How it has ended, and whether that is a failure.
    outcome: (&'static str, bool),
}

impl OpenSpan {
    /// Says more of it.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }

    /// Another request of those that it consists of.
    pub fn round(&mut self) {
        self.rounds += 1;
    }

    /// How it will have ended, if nothing else comes in between.
    pub fn set_outcome(&mut self, how: Result<&'static str, &ProviderError>) {
        self.outcome = how.map_or_else(|error| (word(error), true), |outcome| (outcome, false));
    }

    /// It has ended so.
    pub fn ended(mut self, how: Result<&'static str, &ProviderError>) {
        self.set_outcome(how);
    }

    /// It was nothing of its own after all.
    pub fn forget(mut self) {
        self.traces = Traces::default();
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        let (outcome, failed) = self.outcome;
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.push(("videofactory.outcome", outcome.into()));
        attributes.extend(failed.then(|| ("error.type", outcome.into())));
        attributes.extend((self.rounds > 0).then(|| ("videofactory.requests", self.rounds.into())));
        self.traces.note(self.name, self.kind, self.from, clock::exact(), attributes, failed);
    }
}

/// How a service has failed, in a word.
const fn word(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Refused { .. } => "content_refused",
        ProviderError::RateLimited { .. } => "rate_limited",
        ProviderError::Unavailable { .. } => "provider_unavailable",
        ProviderError::Credentials { .. } => "credentials_invalid",
        ProviderError::CreditsUsedUp { .. } => "credits_used_up",
        ProviderError::Configuration { .. } => "configuration_invalid",
        ProviderError::OutcomeUnknown { .. } => "outcome_unknown",
        ProviderError::NotFound { .. } => "not_found",
        ProviderError::Interrupted { .. } => "interrupted",
        ProviderError::Unexpected { .. } => "unexpected",
    }
}

/// The service's name as OpenTelemetry's conventions have it, where they have one.
const fn gen_ai(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Xai => Some("x_ai"),
        Provider::Gemini => Some("gcp.gemini"),
        // Who is behind the protocol, nobody knows here.
        Provider::HuggingFace
        | Provider::OpenAiCompatible
        | Provider::ComfyUi
        | Provider::Pexels
        | Provider::Pixabay
        | Provider::YouTube
        | Provider::Webhook
        | Provider::Embedded => None,
    }
}
