//! Parameter mappings: `integration.request.header.x` from `method.request.querystring.y`, and their like.

use std::ops::Deref;

use http::HeaderMap;
use jsonpath::JsonPath;
use serde_json::{Map, Value as Json};

use super::text;
use crate::rest_api::record::Texts;
use proxy_events::Incoming;

/// One mapping into an integration's request.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub target: Target,
    pub source: Source,
}

/// Where a value goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Header(String),
    Query(String),
    Path(String),
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Literal(String),
    RequestHeader(String),
    RequestHeaders(String),
    RequestQuery(String),
    RequestQueries(String),
    RequestPath(String),
    Body(Option<JsonPath>),
    ResponseHeader(String),
    ResponseHeaders(String),
    Context(Vec<String>),
    StageVariable(String),
}

/// What sources are read from.
pub(crate) struct View<'a> {
    pub request: &'a Incoming,
    pub path: &'a [(String, String)],
    pub query: &'a [(String, String)],
    /// The body of the request, or of the integration's answer.
    pub body: &'a [u8],
    pub context: &'a dyn Deref<Target = Map<String, Json>>,
    pub variables: Option<&'a Texts>,
    pub response_headers: Option<&'a HeaderMap>,
}

impl Mapping {
    pub fn parse(target: &str, source: &str) -> Result<Self, String> {
        let invalid = || format!("Invalid mapping expression specified: {target}");
        Ok(Self {
            target: Target::parse(target).ok_or_else(invalid)?,
            source: Source::parse_request(source)?,
        })
    }
}

impl Target {
    /// `integration.request.header.x` and its like.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.strip_prefix("integration.request.")?.split_once('.')?;
        let name = name.to_owned();
        match place {
            _ if name.is_empty() => None,
            "header" => Some(Self::Header(name)),
            "querystring" => Some(Self::Query(name)),
            "path" => Some(Self::Path(name)),
            _ => None,
        }
    }
}

impl Source {
    /// An expression of a request's mapping.
    pub fn parse_request(text: &str) -> Result<Self, String> {
        let source = Self::parse_shared(text, "method.request.")?;
        let named =
            |place: &str| text.strip_prefix("method.request.").and_then(|rest| rest.strip_prefix(place));
        source
            .or_else(|| named("header.").map(|name| Self::RequestHeader(name.to_owned())))
            .or_else(|| named("multivalueheader.").map(|name| Self::RequestHeaders(name.to_owned())))
            .or_else(|| named("querystring.").map(|name| Self::RequestQuery(name.to_owned())))
            .or_else(|| named("multivaluequerystring.").map(|name| Self::RequestQueries(name.to_owned())))
            .or_else(|| named("path.").map(|name| Self::RequestPath(name.to_owned())))
            .ok_or_else(|| format!("Invalid mapping expression specified: {text}"))
    }

    /// An expression of a response's mapping.
    pub fn parse_response(text: &str) -> Result<Self, String> {
        let source = Self::parse_shared(text, "integration.response.")?;
        let named = |place: &str| {
            text.strip_prefix("integration.response.").and_then(|rest| rest.strip_prefix(place))
        };
        source
            .or_else(|| named("header.").map(|name| Self::ResponseHeader(name.to_owned())))
            .or_else(|| named("multivalueheader.").map(|name| Self::ResponseHeaders(name.to_owned())))
            .ok_or_else(|| format!("Invalid mapping expression specified: {text}"))
    }

    fn parse_shared(text: &str, prefix: &str) -> Result<Option<Self>, String> {
        let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        if quoted('\'') || quoted('"') {
            return Ok(Some(Self::Literal(text[1..text.len() - 1].to_owned())));
        }
        if let Some(path) = text.strip_prefix("context.") {
            return Ok(Some(Self::Context(path.split('.').map(str::to_owned).collect())));
        }
        if let Some(name) = text.strip_prefix("stageVariables.") {
            return Ok(Some(Self::StageVariable(name.to_owned())));
        }
        match text.strip_prefix(prefix) {
            Some("body") => Ok(Some(Self::Body(None))),
            Some(rest) => match rest.strip_prefix("body.") {
                Some(path) => {
                    let path = if path.starts_with('$') { path.to_owned() } else { format!("$.{path}") };
                    JsonPath::parse(&path)
                        .map(|path| Some(Self::Body(Some(path))))
                        .map_err(|error| error.to_string())
                }
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// The value, if there is one.
    pub fn value(&self, view: &View<'_>) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text.clone()),
            Self::RequestHeader(name) => last_header(&view.request.headers, name),
            Self::RequestHeaders(name) => all_headers(&view.request.headers, name),
            Self::RequestQuery(name) => {
                view.query.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone())
            }
            Self::RequestQueries(name) => {
                let values: Vec<&str> = view
                    .query
                    .iter()
                    .filter(|(own, _)| own == name)
                    .map(|(_, value)| value.as_str())
                    .collect();
                (!values.is_empty()).then(|| values.join(","))
            }
            Self::RequestPath(name) => {
                view.path.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
            }
            Self::Body(None) => Some(String::from_utf8_lossy(view.body).into_owned()),
            Self::Body(Some(path)) => {
                let document: Json = serde_json::from_slice(view.body).ok()?;
                path.evaluate(&document).ok().map(|found| text(&found))
            }
            Self::ResponseHeader(name) => last_header(view.response_headers?, name),
            Self::ResponseHeaders(name) => all_headers(view.response_headers?, name),
            Self::Context(path) => {
                let (first, rest) = path.split_first()?;
                let value = rest.iter().try_fold(view.context.get(first)?, |value, name| value.get(name))?;
                Some(text(value))
            }
            Self::StageVariable(name) => view.variables?.get(name).cloned(),
        }
    }
}

/// A value of `$context` by its path, as a text.
pub(crate) fn context_text(context: &Map<String, Json>, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let first = context.get(parts.next()?)?;
    parts.try_fold(first, |value, name| value.get(name)).map(text)
}

fn last_header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get_all(name).iter().next_back()?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn all_headers(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}
