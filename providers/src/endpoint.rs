//! Whether the keys of an account's Secret may be sent to the endpoint that the account names: asked by the operator
//! before anybody is given the keys.

use crate::connection::Connection;
use crate::http::{Place, service_url};
use crate::{gemini, huggingface, stock, xai, youtube};

/// The entry of the Secret's allowed hosts that names the connection's endpoint; empty for the provider's own. An error
/// is a sentence that says what to do. `provider`: as manifests name it.
pub fn allowed_host(provider: &str, connection: &Connection) -> Result<String, String> {
    let own = match provider {
        "XAI" => xai::OWN,
        "Gemini" => gemini::OWN,
        "HuggingFace" => huggingface::OWN,
        "Pexels" => stock::PEXELS,
        "Pixabay" => stock::PIXABAY,
        "YouTube" => youtube::OWN,
        "OpenAICompatible" | "ComfyUI" => {
            Place::of_host(connection)?;
            return Ok(entry(connection));
        }
        "Webhook" if !connection.endpoint.is_empty() => {
            let move_it = "a Webhook account takes no endpoint, because its URL is a secret: put the URL into the Secret, \
                           as url, and remove endpoint";
            return Err(move_it.to_owned());
        }
        _ => return Ok(String::new()),
    };
    Place::of_account(connection, own)?;
    Ok(entry(connection))
}

fn entry(connection: &Connection) -> String {
    let url = service_url(&connection.endpoint);
    url.and_then(|url| connection.allowed_hosts.entry(&url)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use videofactory_net::AllowedHosts;

    use super::*;

    fn asked(provider: &str, endpoint: &str, allowed: &str) -> Result<String, String> {
        let allowed_hosts = AllowedHosts::parse(allowed);
        allowed_host(
            provider,
            &Connection { endpoint: endpoint.to_owned(), allowed_hosts, ..Connection::default() },
        )
    }

    #[test]
    fn the_providers_own_hosts_need_no_permission() {
        for (provider, endpoint) in [
            ("XAI", ""),
            ("XAI", "https://api.x.ai/v1"),
            ("Gemini", "https://generativelanguage.googleapis.com"),
            ("HuggingFace", "https://router.huggingface.co"),
            ("HuggingFace", "https://huggingface.co"),
            ("YouTube", "https://oauth2.googleapis.com"),
            ("YouTube", "https://www.googleapis.com"),
            ("Webhook", ""),
            ("Embedded", ""),
        ] {
            assert_eq!(asked(provider, endpoint, ""), Ok(String::new()), "{provider} {endpoint}");
        }
    }

    #[test]
    fn any_other_host_needs_the_secrets_permission() {
        for (provider, endpoint) in [
            ("XAI", "https://evil.example"),
            ("XAI", "https://generativelanguage.googleapis.com"),
            ("Gemini", "https://api.x.ai.evil.example"),
            ("YouTube", "http://www.googleapis.com"),
        ] {
            let refusal = asked(provider, endpoint, "").unwrap_err();
            assert!(refusal.contains("videofactory.dev/allowed-hosts"), "{refusal}");
        }
        let entry = asked("XAI", "https://evil.example:444/v1", "a.example,evil.example:444");
        assert_eq!(entry.as_deref(), Ok("evil.example:444"));
        assert!(asked("XAI", "http://proxy.example", "proxy.example").unwrap_err().contains("use https"));
    }

    #[test]
    fn a_host_of_ones_own_needs_an_endpoint_and_permission_only_if_there_is_a_key() {
        let endpoint = "http://ollama.ai.svc:11434/v1";
        assert!(asked("OpenAICompatible", "", "").unwrap_err().contains("write the server's base URL"));
        assert!(asked("OpenAICompatible", endpoint, "").unwrap_err().contains("allowed-hosts"));
        let allowed = asked("OpenAICompatible", endpoint, "ollama.ai.svc");
        assert_eq!(allowed.as_deref(), Ok("ollama.ai.svc"));
        for endpoint in [endpoint, "http://192.168.1.5:8080/v1", "https://models.example/v1"] {
            let keyless =
                Connection { endpoint: endpoint.to_owned(), keyless: true, ..Connection::default() };
            assert_eq!(allowed_host("OpenAICompatible", &keyless), Ok(String::new()), "{endpoint}");
        }
    }

    #[test]
    fn a_webhooks_url_does_not_belong_in_its_account() {
        let refusal = asked("Webhook", "https://hooks.example/secret", "hooks.example").unwrap_err();
        assert!(refusal.contains("as url") && !refusal.contains("hooks.example"), "{refusal}");
    }
}
