//! What an extension subscribes to: the bodies of the Telemetry API and of the Logs API before it, checked.

use std::time::Duration;

use http::{Method, Uri};
use serde_json::{Map, Value};

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Telemetry,
    Logs,
}

impl Api {
    fn versions(self) -> &'static [&'static str] {
        match self {
            Self::Telemetry => &["2022-07-01", "2022-12-13", "2025-01-29"],
            Self::Logs => &["2020-08-15", "2021-03-18"],
        }
    }
}

/// What there is to subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Platform,
    Function,
    Extension,
}

impl Category {
    /// One bit each.
    pub(crate) fn bit(self) -> u8 {
        match self {
            Self::Platform => 1,
            Self::Function => 2,
            Self::Extension => 4,
        }
    }

    /// As log lines show it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Platform => "Platform",
            Self::Function => "Function",
            Self::Extension => "Extension",
        }
    }

    /// As requests and events have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Platform, Self::Function, Self::Extension].into_iter().find(|category| category.name() == name)
    }
}

/// Where events go; always inside of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Http {
        method: Method,
        /// `sandbox.localdomain:8080`.
        authority: String,
        port: u16,
        path: String,
    },
    /// Lines of JSON.
    Tcp { port: u16 },
}

impl Destination {
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Http { port, .. } | Self::Tcp { port } => *port,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) api: Api,
    pub(crate) version: &'static str,
    pub(crate) categories: Vec<Category>,
    pub(crate) destination: Destination,
    pub(crate) most_items: usize,
    pub(crate) most_bytes: usize,
    pub(crate) timeout: Duration,
}

/// The Runtime API's own port.
const RESERVED: u16 = 9001;

impl Subscription {
    /// Reads a request's body; the error is for the extension's author.
    pub(crate) fn parse(api: Api, body: &[u8]) -> Result<Self, String> {
        let body: Value =
            serde_json::from_slice(body).map_err(|problem| format!("failed to parse JSON: {problem}"))?;
        let Value::Object(members) = body else { return Err("the request should be an object".to_owned()) };
        let mut problems = Vec::new();
        let mut keep = |part: Result<(), String>| problems.extend(part.err());
        let (mut version, mut categories, mut destination) = (None, None, None);
        keep(self::version(api, &members).map(|found| version = Some(found)));
        keep(self::categories(&members).map(|found| categories = Some(found)));
        keep(self::destination(&members).map(|found| destination = Some(found)));
        let none = Map::new();
        let buffering = match members.get("buffering") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(buffering)) => buffering,
            Some(_) => {
                keep(Err("buffering should be an object".to_owned()));
                &none
            }
        };
        let mut number = |name: &str, least: u64, most: u64, usual: u64| match buffering.get(name) {
            None | Some(Value::Null) => usual,
            Some(given) => {
                given.as_u64().filter(|given| (least..=most).contains(given)).unwrap_or_else(|| {
                    keep(Err(format!("buffering.{name} should be a number from {least} to {most}")));
                    usual
                })
            }
        };
        let items = number("maxItems", 1000, 10_000, 10_000);
        let bytes = number("maxBytes", 262_144, 1_048_576, 262_144);
        let timeout = number("timeoutMs", 25, 30_000, 1000);
        match (version, categories, destination) {
            (Some(version), Some(categories), Some(destination)) if problems.is_empty() => Ok(Self {
                api,
                version,
                categories,
                destination,
                most_items: usize::try_from(items).unwrap_or(usize::MAX),
                most_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                timeout: Duration::from_millis(timeout),
            }),
            _ => Err(problems.join("; ")),
        }
    }
}

fn version(api: Api, members: &Map<String, Value>) -> Result<&'static str, String> {
    let versions = api.versions();
    let given = match (members.get("schemaVersion"), api) {
        // The Logs API came without versions.
        (None, Api::Logs) => versions.first().copied(),
        (given, _) => {
            given.and_then(Value::as_str).and_then(|given| versions.iter().copied().find(|v| *v == given))
        }
    };
    given.ok_or_else(|| format!("schemaVersion should be one of {}", versions.join(", ")))
}

fn categories(members: &Map<String, Value>) -> Result<Vec<Category>, String> {
    let given = members.get("types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if given.is_empty() {
        return Err("types should not be empty".to_owned());
    }
    let mut categories = Vec::new();
    for name in given {
        let Some(category) = name.as_str().and_then(Category::parse) else {
            return Err(format!("types: {name} is none of platform, function, extension"));
        };
        if !categories.contains(&category) {
            categories.push(category);
        }
    }
    Ok(categories)
}

fn destination(members: &Map<String, Value>) -> Result<Destination, String> {
    let Some(given) = members.get("destination").and_then(Value::as_object) else {
        return Err("destination should be an object".to_owned());
    };
    match given.get("protocol").and_then(Value::as_str) {
        Some("HTTP") => http_destination(given),
        Some("TCP") => {
            let port = given.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            let port = port
                .filter(|port| *port != 0)
                .ok_or("destination.port should be a number from 1 to 65535")?;
            not_reserved(port).map(|port| Destination::Tcp { port })
        }
        _ => Err("destination.protocol should be HTTP or TCP".to_owned()),
    }
}

fn http_destination(given: &Map<String, Value>) -> Result<Destination, String> {
    let uri = given.get("URI").and_then(Value::as_str).ok_or("destination.URI is not provided")?;
    let uri: Uri = uri.parse().map_err(|problem| format!("destination.URI is invalid: {problem}"))?;
    if uri.scheme_str() != Some("http") {
        return Err("URI scheme should be http".to_owned());
    }
    let host = uri.host().unwrap_or_default();
    if !matches!(host, "sandbox.localdomain" | "sandbox") {
        return Err("URI host should be sandbox.localdomain".to_owned());
    }
    let port = not_reserved(uri.port_u16().ok_or("URI port is not provided")?)?;
    let method = match given.get("method").and_then(Value::as_str) {
        None | Some("POST") => Method::POST,
        Some("PUT") => Method::PUT,
        Some(other) => return Err(format!("destination.method {other} is neither POST nor PUT")),
    };
    if given.get("encoding").is_some_and(|encoding| encoding != "JSON") {
        return Err("destination.encoding should be JSON".to_owned());
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok(Destination::Http { method, authority: format!("{host}:{port}"), port, path: path.to_owned() })
}

fn not_reserved(port: u16) -> Result<u16, String> {
    if port == RESERVED { Err(format!("port {port} is reserved")) } else { Ok(port) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(api: Api, body: &Value) -> Result<Subscription, String> {
        Subscription::parse(api, body.to_string().as_bytes())
    }

    #[test]
    fn subscriptions_have_awss_defaults_and_limits() {
        let mut body = json!({
            "schemaVersion": "2022-12-13",
            "types": ["platform", "function", "platform"],
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?x=1"},
        });
        let parsed = parse(Api::Telemetry, &body).unwrap();
        assert_eq!(parsed.categories, [Category::Platform, Category::Function]);
        assert_eq!((parsed.most_items, parsed.most_bytes), (10_000, 262_144));
        assert_eq!(parsed.destination.port(), 8080);
        body["buffering"] = json!({"maxItems": 999, "timeoutMs": 24});
        assert_eq!(
            parse(Api::Telemetry, &body).unwrap_err(),
            "buffering.maxItems should be a number from 1000 to 10000; buffering.timeoutMs should be a number from 25 to \
             30000"
        );
        body["buffering"] = json!({"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25});
        assert_eq!(parse(Api::Telemetry, &body).unwrap().timeout, Duration::from_millis(25));
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let body = json!({"schemaVersion": "x", "types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox"}});
        assert_eq!(
            parse(Api::Telemetry, &body).unwrap_err(),
            "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29; types should not be empty; URI port is \
             not provided"
        );
        let elsewhere = json!({"types": ["function"], "destination": {"protocol": "HTTP", "URI": "http://example.com:80"}});
        assert_eq!(parse(Api::Logs, &elsewhere).unwrap_err(), "URI host should be sandbox.localdomain");
        for destination in
            [json!({"protocol": "TCP", "port": 0}), json!({"protocol": "TCP", "port": 9001}), json!("x")]
        {
            assert!(parse(Api::Logs, &json!({"types": ["function"], "destination": destination})).is_err());
        }
        assert!(
            Subscription::parse(Api::Logs, b"[1]").is_err() && Subscription::parse(Api::Logs, b"{").is_err()
        );
    }
}
