//! Attempts within this process, with doubles for the services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Provider;
use videofactory_net::Network;
use videofactory_pipeline::contract::{
    AccountAccess, Allowance, StepInput, StepOutcome, Unresolved, Upstream,
};
use videofactory_worker::context::{Context, Paths};
use videofactory_worker::outcome::{CutShort, of_attempt};
use videofactory_worker::paid::Clock;
use videofactory_worker::provider_factory::ProviderFactory;
use videofactory_worker::steps;

use crate::support::{Production, Studio, pod_files, settings};

/// The account of all doubles.
pub const ACCOUNT: &str = "acme";

/// One video with external services, attempt by attempt.
pub struct Film<'a> {
    pub production: Production<'a>,
    pub provider_factory: Arc<dyn ProviderFactory>,
    pub provider: Provider,
    pub allowance: Allowance,
    /// Changes the input just before it is handed over.
    pub adjust: Box<dyn Fn(&mut StepInput) + Send + Sync>,
    /// Seconds since 1970, if there is to be a time.
    pub now: Option<Arc<AtomicI64>>,
    studio: &'a Studio,
}

impl<'a> Film<'a> {
    /// With these settings besides a small frame.
    pub fn new(studio: &'a Studio, provider_factory: Arc<dyn ProviderFactory>, extra: &Value) -> Self {
        let mut all = json!({"format": {"aspectRatio": "1:1", "resolution": "360p", "fps": 24}});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut production = Production::new(studio);
        production.settings = settings(all);
        let allowance = Allowance { submissions: 100, ..Allowance::default() };
        Self {
            production,
            provider_factory,
            provider: Provider::Xai,
            allowance,
            adjust: Box::new(|_| {}),
            now: None,
            studio,
        }
    }

    /// The next attempt of a step, ready to run.
    pub fn pod(&mut self, step: StepName) -> (Context, TempDir) {
        self.production.attempt += 1;
        let mut input = self.production.input(step);
        let access = AccountAccess {
            provider: self.provider,
            endpoint: String::new(),
            allowed_host: String::new(),
            ca: None,
            prices: BTreeMap::from([("image".to_owned(), "0.01".parse().unwrap())]),
            workflows: String::new(),
            keyless: false,
            requests_at_once: None,
            allowance: self.allowance.clone(),
        };
        input.accounts.insert(ACCOUNT.to_owned(), access);
        (self.adjust)(&mut input);
        let (access, secret) = self.studio.server.keys();
        let root = pod_files(&self.production.given, access, secret);
        let folder = root.path().join("var/run/videofactory/account").join(ACCOUNT);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("apiKey"), "acme-very-secret\n").unwrap();
        let mut context =
            Context::open(input, Paths::under(root.path()), Network::default().with_loopback(true)).unwrap();
        context.provider_factory = self.provider_factory.clone();
        context.pod = format!("pod-{}", self.production.attempt);
        if let Some(now) = self.now.clone() {
            context.clock = Clock::new(move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap());
        }
        (context, root)
    }

    /// Runs the next attempt of a step to its end.
    pub async fn run(&mut self, step: StepName) -> StepOutcome {
        let (context, _root) = self.pod(step);
        let result = steps::run(&context).await;
        let outcome = of_attempt(&context.input, result, CutShort::No, &context.progress, &context.usage);
        if let Some(output) = outcome.output.clone() {
            let input = context.input.input.clone();
            self.production.results.insert(step, Upstream { input, output });
        }
        outcome
    }

    /// A person allows what was asked about.
    pub fn allow(&mut self, asked: Vec<Unresolved>) {
        self.adjust = Box::new(move |input| {
            input
                .allowed_submissions
                .extend(asked.iter().map(|asked| (asked.digest.clone(), asked.submissions + 1)));
        });
    }

    /// Runs a step that must succeed.
    pub async fn make(&mut self, step: StepName) -> StepOutcome {
        let outcome = self.run(step).await;
        assert_eq!(outcome.exit.code(), 0, "{step}: {}", outcome.message);
        outcome
    }

    /// Makes the storyboard, pictures and voices here.
    pub async fn make_up_to(&mut self, last: StepName) {
        for step in StepName::ALL.into_iter().take_while(|step| *step <= last) {
            self.make(step).await;
        }
    }

    /// What a step wrote last.
    pub async fn document<T: serde::de::DeserializeOwned>(&self, step: StepName) -> T {
        let keys = self.production.input(step).job.keys();
        let key = keys.document(step, &self.production.results[&step].input);
        self.studio.bucket.get_json(&key).await.unwrap().unwrap()
    }
}

/// What an attempt has submitted.
pub fn spent(outcome: &StepOutcome) -> u32 {
    outcome.spent.iter().map(|spent| spent.submissions).sum()
}
