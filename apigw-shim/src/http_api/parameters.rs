//! Parameter mapping of HTTP APIs: `append:header.x`, `overwrite:path` and their like, over requests and answers.

use std::ops::Deref;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use jsonpath::JsonPath;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy_events::Incoming;
use runtime::Body;
use serde_json::{Map, Value};

use super::compiled::HttpStage;
use crate::mapping::{parameters::context_text, text};

/// One change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    action: Action,
    place: Place,
    source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Append,
    Overwrite,
    Remove,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Header(String),
    Query(String),
    Path,
    Status,
}

/// Headers that are the gateway's own.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-apigateway-api-id",
];
const RESERVED_PREFIXES: &[&str] = &["access-control-", "apigw-", "x-amz-", "x-amzn-", "x-forwarded-"];

/// Why nothing can be changed so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoChange {
    #[error("Operations on header {0} are restricted")]
    Restricted(String),
    #[error("Invalid mapping expression specified: {0}")]
    Unknown(String),
}

impl Change {
    /// A change of a request.
    pub fn of_request(target: &str, source: &str) -> Result<Self, NoChange> {
        let change = Self::parse(target, source)?;
        let fits = match change.place {
            Place::Header(_) | Place::Query(_) => true,
            Place::Path => change.action == Action::Overwrite,
            Place::Status => false,
        };
        if fits { Ok(change) } else { Err(invalid(target)) }
    }

    /// A change of an answer.
    pub fn of_response(target: &str, source: &str) -> Result<Self, NoChange> {
        let change = Self::parse(target, source)?;
        let fits = match change.place {
            Place::Header(_) => true,
            Place::Status => change.action == Action::Overwrite,
            Place::Path | Place::Query(_) => false,
        };
        if fits { Ok(change) } else { Err(invalid(target)) }
    }

    fn parse(target: &str, source: &str) -> Result<Self, NoChange> {
        let (action, place) = target.split_once(':').ok_or_else(|| invalid(target))?;
        let action = match action {
            "append" => Action::Append,
            "overwrite" => Action::Overwrite,
            "remove" => Action::Remove,
            _ => return Err(invalid(target)),
        };
        let place = match place.split_once('.') {
            Some(("header", name)) => {
                let lower = name.to_ascii_lowercase();
                let is_own = RESERVED.contains(&lower.as_str())
                    || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
                if is_own {
                    return Err(NoChange::Restricted(name.to_owned()));
                }
                HeaderName::try_from(name).map_err(|_| invalid(target))?;
                Place::Header(lower)
            }
            Some(("querystring", name)) if !name.is_empty() => Place::Query(name.to_owned()),
            None if place == "path" => Place::Path,
            None if place == "statuscode" => Place::Status,
            _ => return Err(invalid(target)),
        };
        Ok(Self { action, place, source: source.to_owned() })
    }
}

fn invalid(target: &str) -> NoChange {
    NoChange::Unknown(target.to_owned())
}

/// What expressions are read from.
pub(super) struct View<'a> {
    pub stage: &'a HttpStage,
    pub request: &'a Incoming,
    pub parameters: &'a [(String, String)],
    /// Made when an expression asks for it: few do.
    pub context: &'a (dyn Deref<Target = Map<String, Value>> + Sync),
    /// The integration's answer, where there is one.
    pub response: Option<(&'a HeaderMap, &'a [u8])>,
}

impl View<'_> {
    /// The value of an expression: a text with `${…}` in it, one `$…`, or just a text.
    pub fn resolve(&self, expression: &str) -> Option<String> {
        if !expression.contains("${") {
            return match expression.strip_prefix('$') {
                Some(name) => self.value(name),
                None => Some(expression.to_owned()),
            };
        }
        let mut out = String::new();
        let mut rest = expression;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let (name, behind) = behind.split_once('}')?;
            out.push_str(&self.value(name).unwrap_or_default());
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }

    fn value(&self, name: &str) -> Option<String> {
        let (first, rest) = name.split_once('.')?;
        match first {
            "context" => return context_text(self.context, rest),
            "stageVariables" => return self.stage.variables.get(rest).cloned(),
            "request" | "response" => {}
            _ => return None,
        }
        let (place, name) = rest.split_once('.').map_or((rest, None), |(place, name)| (place, Some(name)));
        let (headers, body) = match (first, self.response) {
            ("response", Some((headers, body))) => (headers, body),
            ("response", None) => return None,
            _ => (&self.request.headers, &*self.request.body),
        };
        match (place, name) {
            ("header", Some(name)) => {
                let values: Vec<&str> =
                    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
                (!values.is_empty()).then(|| values.join(","))
            }
            ("body", None) => Some(String::from_utf8_lossy(body).into_owned()),
            ("body", Some(path)) => {
                let document: Value = serde_json::from_slice(body).ok()?;
                let path = JsonPath::parse(&format!("$.{path}")).ok()?;
                path.evaluate(&document).ok().map(|found| text(&found))
            }
            ("querystring", Some(name)) if first == "request" => {
                let query = self.request.query_pairs();
                let values: Vec<String> =
                    query.into_iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect();
                (!values.is_empty()).then(|| values.join(","))
            }
            ("path", None) if first == "request" => Some(self.request.path.clone()),
            ("path", Some(name)) if first == "request" => {
                self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }
}

/// A request with its changes made, and its path if that is another than the client's.
pub(super) fn change_request(changes: &[Change], view: &View<'_>) -> (Incoming, Option<String>) {
    let request = view.request;
    let mut headers = request.headers.clone();
    let mut query = request.query_pairs();
    let mut path = None;
    for change in changes {
        let value = view.resolve(&change.source);
        match (&change.place, change.action, value) {
            (Place::Header(name), action, value) => change_header(&mut headers, name, action, value),
            (Place::Query(name), Action::Remove, _) => query.retain(|(own, _)| own != name),
            (Place::Query(name), action, Some(value)) => {
                if action == Action::Overwrite {
                    query.retain(|(own, _)| own != name);
                }
                query.push((name.clone(), value));
            }
            (Place::Path, _, Some(value)) => path = Some(value),
            (Place::Query(_) | Place::Path | Place::Status, _, _) => {}
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let is_changed = changes.iter().any(|change| matches!(change.place, Place::Query(_)));
    let query = if is_changed {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.join("&")
    } else {
        request.query.clone()
    };
    let changed = Incoming {
        names: request.names.clone(),
        method: request.method.clone(),
        path: path.clone().unwrap_or_else(|| request.path.clone()),
        query,
        version: request.version,
        headers,
        body: request.body.clone(),
        peer: request.peer,
        request_id: request.request_id.clone(),
        extended_request_id: request.extended_request_id.clone(),
        trace_id: request.trace_id.clone(),
        at: request.at,
        custom_domain: view.request.custom_domain.clone(),
        secured: request.secured.clone(),
    };
    (changed, path)
}

fn change_header(headers: &mut HeaderMap, name: &str, action: Action, value: Option<String>) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    let value = value.and_then(|value| HeaderValue::try_from(value).ok());
    match (action, value) {
        (Action::Remove, _) => drop(headers.remove(&name)),
        (Action::Append, Some(value)) => drop(headers.append(name, value)),
        (Action::Overwrite, Some(value)) => drop(headers.insert(name, value)),
        (Action::Append | Action::Overwrite, None) => {}
    }
}

/// Makes the changes of an answer with its status, if there are any.
pub(super) fn change_response(changes: &[Change], view: &View<'_>, response: &mut Response<Body>) {
    for change in changes {
        let value = view.resolve(&change.source);
        match &change.place {
            Place::Header(name) => change_header(response.headers_mut(), name, change.action, value),
            Place::Status => {
                let status = value.and_then(|value| StatusCode::from_bytes(value.as_bytes()).ok());
                if let Some(status) = status {
                    *response.status_mut() = status;
                }
            }
            Place::Query(_) | Place::Path => {}
        }
    }
}
