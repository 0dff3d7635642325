//! What is left out of a report: whatever looks like a secret. Pure.
//!
//! Objects that hold secrets are not collected in the first place. This is the second line of defence: keys end up in
//! messages of services, in addresses and in annotations.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use videofactory_crds::labels::LAST_APPLIED;
use videofactory_net::KEY_PREFIXES;

/// What stands in the place of a secret.
const GONE: &str = "<redacted>";
/// Variables of the environment that hold no secret: settings of ours, and these.
const OUR_VARIABLES: &str = "VIDEOFACTORY_";
const PLAIN_VARIABLES: [&str; 5] =
    ["RUST_LOG", "NO_PROXY", "no_proxy", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME"];

/// Patterns besides that of [`service_keys`], and what a match becomes.
const PATTERNS: [(&str, &str); 8] = [
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\z)", GONE),
    (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}", "$1 <redacted>"),
    // Keys of clouds and of GitHub, which words may begin like.
    (r"\b(AKIA|ASIA)[A-Z0-9]{16}\b", GONE),
    (r"\bgh[pousr]_[A-Za-z0-9]{20,}", GONE),
    // Users, passwords and keys in addresses, whatever letters they have, and what makes a link good for anybody.
    (r#"://(?:[^/\s:@"']+:[^\s"']+|[^/\s"']+)@"#, "://<redacted>@"),
    (
        r#"(?i)([?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|token|key|access_token))=[^&\s"']+"#,
        "$1=<redacted>",
    ),
    // Headers: a scheme and blanks may come before the key.
    (
        r#"(?i)\b(authorization|otel_exporter_otlp_(?:[a-z]+_)?headers)(\\?["']?[ \t]*[:=][ \t]*)(\\?["'])?[^\r\n"'\\]+"#,
        "$1$2$3<redacted>",
    ),
    // A field that is named as a secret.
    (
        r#"(?i)\b(x-[a-z0-9-]*(?:auth|key|secret|team|token)[a-z0-9-]*|api[-_]?key|secret[-_]?access[-_]?key|access[-_]?key[-_]?id|client[-_]?secret|refresh[-_]?token|access[-_]?token|id[-_]?token|signing[-_]?key|password|passwd)(\\?["']?\s*[:=]\s*)(\\?["'])?[^\s"',}\\]+"#,
        "$1$2$3<redacted>",
    ),
];

/// The pattern of keys and tokens of services, by what they begin with.
fn service_keys() -> String {
    format!(r"\b(?:{})[A-Za-z0-9._-]{{16,}}", KEY_PREFIXES.map(regex::escape).join("|"))
}

/// All patterns, read.
static READ: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    // Left out, what it stands for would be in the report.
    let read =
        |pattern: &str| Regex::new(pattern).expect("each pattern is constant, and a test reads them all");
    let others = PATTERNS.iter().map(|(pattern, to)| (read(pattern), *to));
    std::iter::once((read(&service_keys()), GONE)).chain(others).collect()
});

/// The text without what looks like a secret.
#[must_use]
pub fn text(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for (pattern, to) in READ.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&text, *to) {
            text = Cow::Owned(changed);
        }
    }
    text.into_owned()
}

/// Leaves out the values of all variables of the environment, but for those that hold no secret.
fn environment(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(variables)) = fields.get_mut("env") {
                variables.iter_mut().for_each(variable);
            }
            fields.values_mut().for_each(environment);
        }
        Value::Array(items) => items.iter_mut().for_each(environment),
        _ => {}
    }
}

fn variable(variable: &mut Value) {
    let name = variable["name"].as_str().unwrap_or_default();
    let is_plain = name.starts_with(OUR_VARIABLES) || PLAIN_VARIABLES.contains(&name);
    if !is_plain && let Some(value) = variable.get_mut("value") {
        *value = Value::from(GONE);
    }
}

/// An object without what could hold a secret.
pub fn object(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    environment(object);
    // The URL of a Webhook account is a secret.
    if object["kind"] == "ProviderAccount"
        && object["spec"]["provider"] == "Webhook"
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.remove("endpoint");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Texts with something in them that looks like a secret, and what is left of each.
    const EXAMPLES: [(&str, &str); 25] = [
        ("Authorization: Bearer abcdefgh12345678", "Authorization: <redacted>"),
        ("Authorization: Token abc\nAccept: */*", "Authorization: <redacted>\nAccept: */*"),
        ("headers authorization=Api-Token dt0c01.ABC", "headers authorization=<redacted>"),
        (r#"{"authorization":"Token abc","region":"eu"}"#, r#"{"authorization":"<redacted>","region":"eu"}"#),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=b c", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=<redacted>"),
        (
            "x-honeycomb-team=abc,x-honeycomb-dataset=films",
            "x-honeycomb-team=<redacted>,x-honeycomb-dataset=films",
        ),
        ("sent to https://abc123@o1.sentry.example/7", "sent to https://<redacted>@o1.sentry.example/7"),
        ("http://user:p@s/s@proxy:3128", "http://<redacted>@proxy:3128"),
        ("https://b/x?X-Goog-Signature=abc&a=1", "https://b/x?X-Goog-Signature=<redacted>&a=1"),
        ("got bearer abcdefgh12345678", "got bearer <redacted>"),
        ("eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJl", "<redacted>"),
        ("key xai-AbCdEfGh0123456789 is refused", "key <redacted> is refused"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "<redacted>"),
        ("hf_abcdefghijklmnopqrstuvwxyz", "<redacted>"),
        ("ya29.a0AfH6SMBx0123456789", "<redacted>"),
        ("GOCSPX-abcdefgh0123456789", "<redacted>"),
        ("1//0abcdefghijklmnopqrstuv", "<redacted>"),
        ("ghp_abcdefghijklmnopqrst", "<redacted>"),
        ("AKIAIOSFODNN7EXAMPLE", "<redacted>"),
        ("proxy http://user:pa55@proxy:3128 used", "proxy http://<redacted>@proxy:3128 used"),
        (
            "https://b/x?X-Amz-Signature=abc123&X-Amz-Date=1",
            "https://b/x?X-Amz-Signature=<redacted>&X-Amz-Date=1",
        ),
        (
            r#"{"secretAccessKey":"abc/+def","region":"auto"}"#,
            r#"{"secretAccessKey":"<redacted>","region":"auto"}"#,
        ),
        ("apiKey: abc\nmodel: grok-2", "apiKey: <redacted>\nmodel: grok-2"),
        (r#"\"client_secret\": \"abc\""#, r#"\"client_secret\": \"<redacted>\""#),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "<redacted>\nrest"),
    ];

    #[test]
    fn each_pattern_can_be_read_and_finds_what_it_is_for() {
        assert_eq!(READ.len(), 1 + PATTERNS.len());
        for (read, _) in READ.iter() {
            assert!(EXAMPLES.iter().any(|(before, _)| read.is_match(before)), "{read}");
        }
    }

    #[test]
    fn keys_of_all_services_are_gone() {
        for prefix in KEY_PREFIXES {
            let found = text(&format!("key {prefix}0123456789abcdef is refused"));
            assert_eq!(found, "key <redacted> is refused", "{prefix}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_gone_and_the_rest_stays() {
        for (before, after) in EXAMPLES {
            assert_eq!(text(before), after);
        }
    }

    #[test]
    fn what_is_no_secret_is_left_as_it_is() {
        for plain in [
            "secretRef: {name: r2}",
            "tokenreviews.authentication.k8s.io is forbidden",
            "videos/films/ocean-3f9c2a1e/r1/0123456789abcdef0123456789abcdef.mp4",
            "grok quota \"generations\" used up (25 of 25 in 2h)",
            "https://s3.example/videos?list-type=2",
            "the key is refused",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn an_environment_keeps_its_names_and_loses_its_values() {
        let of = |value: Value| {
            json!({"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": {
                "initContainers": [{"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}],
                "containers": [{"name": "operator", "env": [
                    {"name": "OTEL_EXPORTER_OTLP_HEADERS", "value": value},
                    {"name": "RUST_LOG", "value": "info"}, {"name": "VIDEOFACTORY_CONCURRENCY", "value": "8"},
                ]}],
            }}}})
        };
        let mut deployment = of(json!("x-honeycomb-team=abc"));
        object(&mut deployment);
        assert_eq!(deployment, of(json!(GONE)));
    }

    #[test]
    fn an_object_loses_what_was_applied_and_a_webhooks_address() {
        let mut account = json!({
            "kind": "ProviderAccount",
            "metadata": {"name": "hook", "managedFields": [], "annotations": {LAST_APPLIED: "{}", "team": "films"}},
            "spec": {"provider": "Webhook", "endpoint": "https://hooks.example/secret"},
        });
        object(&mut account);
        assert_eq!(
            account,
            json!({
                "kind": "ProviderAccount", "metadata": {"name": "hook", "annotations": {"team": "films"}},
                "spec": {"provider": "Webhook"},
            })
        );
    }
}
