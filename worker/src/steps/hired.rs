//! Who does the work of a step: this version has the embedded providers only, and says so when asked
//! for another.

use videofactory_pipeline::settings::Provider;
use videofactory_providers::Embedded;

use crate::context::Context;
use crate::outcome::StepError;

/// How the embedded providers are recorded as a model.
pub const EMBEDDED_MODEL: &str = "embedded";

/// The embedded provider, if the settings ask for it. `part` names the setting, such as `images`.
///
/// An account without a Secret is one of provider Embedded.
pub fn embedded(context: &Context, part: &str, provider: Option<&Provider>) -> Result<Embedded, StepError> {
    let Some(provider) = provider else { return Ok(Embedded) };
    if let Some(account) = provider.account_ref.as_ref().filter(|_| context.paths.has_account_secret()) {
        return Err(StepError::FollowSettings(format!(
            "failed to use account {:?} for providers.{part}: this version has the embedded provider only; leave \
             providers.{part} out",
            account.name
        )));
    }
    if !["", EMBEDDED_MODEL].contains(&provider.model.as_str()) {
        return Err(StepError::FollowSettings(format!(
            "failed to use model {:?} for providers.{part}: the embedded provider has no models; leave \
             providers.{part}.model out",
            provider.model
        )));
    }
    Ok(Embedded)
}
