//! Whether and where spans are exported, by OpenTelemetry's own variables. Without an endpoint they are not.

use url::Url;

/// The whole URL for spans.
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// The beginning of the URL for all signals.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The rest of that URL for spans.
const TRACES_PATH: &str = "v1/traces";
/// Attributes of the resource, as `key=value,key=value`.
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// The only protocol that is supported.
const PROTOCOL: &str = "http/protobuf";

/// Where spans are exported to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    endpoint: Url,
    /// There are headers, which usually contain keys.
    has_headers: bool,
    attributes: Option<String>,
}

impl Settings {
    /// Reads the variables; `None` if no span is to be exported. Fails with a sentence.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let value =
            |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let either = |of_traces: &'static str, of_all: &'static str| {
            value(of_traces)
                .map(|text| (of_traces, text))
                .or_else(|| value(of_all).map(|text| (of_all, text)))
        };
        let Some((name, text)) = either(TRACES_ENDPOINT, ENDPOINT) else { return Ok(None) };
        let disabled = value("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let elsewhere = value("OTEL_TRACES_EXPORTER")
            .is_some_and(|exporters| exporters.split(',').all(|exporter| exporter.trim() != "otlp"));
        if disabled || elsewhere {
            return Ok(None);
        }
        let protocol = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if let Some((name, protocol)) = protocol.filter(|(_, protocol)| protocol != PROTOCOL) {
            return Err(format!(
                "{name} asks for {protocol:?}, and only {PROTOCOL} is supported: use {PROTOCOL}, with the collector's port \
                 for HTTP, usually 4318"
            ));
        }
        let headers = either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        Ok(Some(Self {
            endpoint: endpoint(name, &text)?,
            has_headers: headers.is_some(),
            attributes: value(RESOURCE_ATTRIBUTES),
        }))
    }

    /// Exports to this URL, whatever the variables say.
    #[must_use]
    pub const fn at(endpoint: Url) -> Self {
        Self { endpoint, has_headers: false, attributes: None }
    }

    /// The whole URL.
    #[must_use]
    pub const fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The variables of a step's pod with which its worker exports spans too. Anybody in its namespace may read them, so
    /// `None` if there are headers: these usually contain keys.
    #[must_use]
    pub fn for_steps(&self) -> Option<Vec<(&'static str, String)>> {
        let endpoint = (TRACES_ENDPOINT, self.endpoint.to_string());
        let attributes = self.attributes.clone().map(|attributes| (RESOURCE_ATTRIBUTES, attributes));
        (!self.has_headers).then(|| [endpoint].into_iter().chain(attributes).collect())
    }
}

fn endpoint(name: &str, text: &str) -> Result<Url, String> {
    let whole = if name == TRACES_ENDPOINT {
        text.to_owned()
    } else {
        format!("{}/{TRACES_PATH}", text.trim_end_matches('/'))
    };
    let url = Url::parse(&whole)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        // The message does not repeat it: it may contain a password.
        .ok_or_else(|| {
            format!("{name} is not a web address: write one such as http://collector.observability.svc:4318")
        })?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(format!(
            "{name} contains a user, a password or parameters, which would be visible in steps' pods: write only the address, \
             and put keys into OTEL_EXPORTER_OTLP_HEADERS"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let map: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Settings::read(|name| map.get(name).map(|text| (*text).to_owned()))
    }

    const ON: (&str, &str) = (ENDPOINT, "http://tempo.observability.svc:4318");

    #[test]
    fn spans_are_sent_only_where_an_endpoint_is_named() {
        for off in [
            &[][..],
            &[(ENDPOINT, " ")],
            &[(RESOURCE_ATTRIBUTES, "a=b")],
            &[ON, ("OTEL_SDK_DISABLED", "true")],
            &[ON, ("OTEL_TRACES_EXPORTER", "none")],
            &[ON, ("OTEL_TRACES_EXPORTER", "console")],
        ] {
            assert_eq!(read(off), Ok(None), "{off:?}");
        }
        for on in [&[ON][..], &[ON, ("OTEL_SDK_DISABLED", "false")], &[ON, ("OTEL_TRACES_EXPORTER", "otlp")]]
        {
            assert!(read(on).unwrap().is_some(), "{on:?}");
        }
    }

    #[test]
    fn the_address_of_all_gets_a_path_and_that_of_traces_is_whole() {
        let endpoint = |variables: &[(&str, &str)]| read(variables).unwrap().unwrap().endpoint.to_string();
        assert_eq!(endpoint(&[ON]), "http://tempo.observability.svc:4318/v1/traces");
        assert_eq!(
            endpoint(&[(ENDPOINT, "https://otel.example.com/otlp/")]),
            "https://otel.example.com/otlp/v1/traces"
        );
        let own = (TRACES_ENDPOINT, "https://otel.example.com/spans");
        assert_eq!(endpoint(&[ON, own]), "https://otel.example.com/spans");
    }

    #[test]
    fn what_cannot_be_followed_is_reported_with_what_to_do() {
        for (variables, reported) in [
            (&[(ENDPOINT, "tempo:4317")][..], "write one such as http://"),
            (&[ON, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "only http/protobuf is supported"),
            (
                &[(TRACES_ENDPOINT, "https://me:hunter2@otel.example.com/v1/traces")],
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
            (
                &[(TRACES_ENDPOINT, "https://otel.example.com/v1/traces?key=hunter2")],
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.contains(reported) && !error.contains("hunter2"), "{error}");
        }
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", PROTOCOL);
        assert!(read(&[ON, own, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok(), "that of traces counts");
    }

    #[test]
    fn steps_are_given_the_address_but_no_header() {
        let for_steps = |more: &[(&str, &str)]| {
            let all: Vec<_> = [ON].into_iter().chain(more.iter().copied()).collect();
            read(&all).unwrap().unwrap().for_steps()
        };
        let endpoint = (TRACES_ENDPOINT, "http://tempo.observability.svc:4318/v1/traces".to_owned());
        assert_eq!(for_steps(&[]), Some(vec![endpoint.clone()]));
        let attributes = (RESOURCE_ATTRIBUTES, "k8s.cluster.name=north".to_owned());
        assert_eq!(for_steps(&[(RESOURCE_ATTRIBUTES, &attributes.1)]), Some(vec![endpoint, attributes]));
        for headers in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
            assert_eq!(for_steps(&[(headers, "authorization=Bearer hunter2")]), None);
        }
    }
}
