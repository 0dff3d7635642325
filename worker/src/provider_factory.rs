//! Clients by capability: a step asks for one, and the account's provider decides whether it has it.

use std::sync::Arc;

use videofactory_crds::provideraccount::Provider;
use videofactory_pipeline::clock;
use videofactory_providers::{
    Animator, ComfyUi, Connection, Gemini, HuggingFace, Illustrator, Narrator, OpenAiCompatible,
    ProviderError, ScriptWriter, Stock, Webhook, Xai, YouTube,
};

use crate::publishing::{Announcer, VideoSite};

/// Makes clients of outside services; `None` where a provider does not have the capability.
pub trait ProviderFactory: Send + Sync {
    /// Who writes scripts.
    fn script_writer(&self, provider: Provider, connection: Connection) -> ClientResult<dyn ScriptWriter>;
    /// Who draws pictures.
    fn artist(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Illustrator>;
    /// Who speaks narrations.
    fn narrator(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Narrator>;
    /// Who animates pictures.
    fn animator(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Animator>;
    /// Where films are uploaded to.
    fn video_site(&self, provider: Provider, connection: Connection) -> ClientResult<dyn VideoSite>;
    /// Who is informed of films.
    fn announcer(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Announcer>;
}

/// A client, if the provider has the capability.
pub type ClientResult<T> = Result<Option<Arc<T>>, ProviderError>;

/// The real services.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services;

impl ProviderFactory for Services {
    fn script_writer(&self, provider: Provider, connection: Connection) -> ClientResult<dyn ScriptWriter> {
        Ok(match provider {
            Provider::Gemini => Some(Arc::new(Gemini::new(&connection, clock::now)?)),
            Provider::OpenAiCompatible => Some(Arc::new(OpenAiCompatible::new(&connection)?)),
            _ => None,
        })
    }

    fn artist(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Illustrator> {
        Ok(match provider {
            Provider::Gemini => Some(Arc::new(Gemini::new(&connection, clock::now)?)),
            Provider::Xai => Some(Arc::new(Xai::new(&connection)?)),
            Provider::HuggingFace => Some(Arc::new(HuggingFace::new(&connection)?)),
            Provider::OpenAiCompatible => Some(Arc::new(OpenAiCompatible::new(&connection)?)),
            Provider::ComfyUi => Some(Arc::new(ComfyUi::new(&connection)?)),
            Provider::Pexels => Some(Arc::new(Stock::pexels(&connection)?)),
            Provider::Pixabay => Some(Arc::new(Stock::pixabay(&connection)?)),
            _ => None,
        })
    }

    /// Who speaks narrations.
    fn narrator(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Narrator> {
        Ok(match provider {
            Provider::Gemini => Some(Arc::new(Gemini::new(&connection, clock::now)?)),
            Provider::HuggingFace => Some(Arc::new(HuggingFace::new(&connection)?)),
            Provider::OpenAiCompatible => Some(Arc::new(OpenAiCompatible::new(&connection)?)),
            _ => None,
        })
    }

    fn animator(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Animator> {
        Ok(match provider {
            Provider::Gemini => Some(Arc::new(Gemini::new(&connection, clock::now)?)),
            Provider::Xai => Some(Arc::new(Xai::new(&connection)?)),
            Provider::ComfyUi => Some(Arc::new(ComfyUi::new(&connection)?)),
            Provider::Pexels => Some(Arc::new(Stock::pexels(&connection)?)),
            Provider::Pixabay => Some(Arc::new(Stock::pixabay(&connection)?)),
            _ => None,
        })
    }

    fn video_site(&self, provider: Provider, connection: Connection) -> ClientResult<dyn VideoSite> {
        Ok(match provider {
            Provider::YouTube => Some(Arc::new(YouTube::new(&connection, clock::now)?)),
            _ => None,
        })
    }

    fn announcer(&self, provider: Provider, connection: Connection) -> ClientResult<dyn Announcer> {
        Ok(match provider {
            Provider::Webhook => Some(Arc::new(Webhook::new(&connection, clock::now)?)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use videofactory_crds::StepName;
    use videofactory_crds::settings::TargetType;

    use super::*;

    /// Whether there is a client: it may miss its keys.
    fn is_offered<T: ?Sized>(
        ask: impl Fn(&Services, Provider, Connection) -> ClientResult<T>,
        whose: Provider,
    ) -> bool {
        !matches!(ask(&Services, whose, Connection::default()), Ok(None))
    }

    #[test]
    fn who_has_which_capability_is_as_the_operator_knows_it() {
        for provider in Provider::ALL.into_iter().filter(|provider| *provider != Provider::Embedded) {
            let supports = |step: StepName| provider.supports(step);
            let publishes = |target: TargetType| target.provider() == Some(provider);
            assert_eq!(
                is_offered(Services::script_writer, provider),
                supports(StepName::WriteScript),
                "{provider:?}"
            );
            assert_eq!(
                is_offered(Services::artist, provider),
                supports(StepName::GenerateImages),
                "{provider:?}"
            );
            assert_eq!(
                is_offered(Services::narrator, provider),
                supports(StepName::NarrateScenes),
                "{provider:?}"
            );
            assert_eq!(
                is_offered(Services::animator, provider),
                supports(StepName::AnimateScenes),
                "{provider:?}"
            );
            assert_eq!(
                is_offered(Services::video_site, provider),
                publishes(TargetType::YouTube),
                "{provider:?}"
            );
            assert_eq!(
                is_offered(Services::announcer, provider),
                publishes(TargetType::Webhook),
                "{provider:?}"
            );
        }
    }
}
