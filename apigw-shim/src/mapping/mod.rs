//! Mapping templates: what API Gateway puts into them (`$input`, `$context`, `$stageVariables`, `$util`), and what it
//! takes out again (`$context.requestOverride`, `$context.responseOverride`).

mod input;
pub(crate) mod parameters;
mod util;

use std::{borrow::Cow, rc::Rc, sync::Arc};

use serde_json::{Map, Value as Json, json};
use vtl::{Context, Heap, Key, MapId, RenderError, Template, Value};

use crate::rest_api::{
    compiled::RestStage,
    exchange::{Exchange, context_values},
    record::Texts,
};
use proxy_events::Incoming;

use input::Input;
use parameters::Source;

/// What templates of one request have set in `$context` for the gateway, and for templates after them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Overrides {
    /// `{header, querystring, path}`; null before a template could set any of it.
    pub request: Json,
    /// `{header, status}`, or null.
    pub response: Json,
}

impl Overrides {
    /// The texts set under a part of an override.
    pub fn texts(of: &Json, part: &str) -> Vec<(String, String)> {
        let members = of.get(part).and_then(Json::as_object).into_iter().flatten();
        members.map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

/// A JSON value as a header or a parameter has it.
pub(crate) fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// What a template is given. What it does not mention is not made.
pub(crate) struct Data<'a> {
    pub body: &'a str,
    pub path: &'a [(String, String)],
    pub query: &'a [(String, String)],
    pub headers: &'a dyn Fn() -> Vec<(String, String)>,
    pub context: &'a dyn Fn() -> Map<String, Json>,
    pub variables: Option<&'a Texts>,
    pub overrides: Overrides,
}

/// Renders a template; its text, and the overrides as it left them.
pub(crate) fn render(template: &Template, data: Data<'_>) -> Result<(String, Overrides), RenderError> {
    let mut context = Context::default();
    if template.mentions("input") {
        let input = Input::new(data.body, data.path, data.query, (data.headers)());
        context.set("input", Value::Host(Rc::new(input)));
    }
    context.set("util", Value::Host(Rc::new(util::Util)));
    if template.mentions("stageVariables") {
        let variables = texts(&mut context.heap, data.variables.into_iter().flatten())?;
        context.set("stageVariables", variables);
    }
    if !template.mentions("context") {
        return Ok((template.render(&mut context)?, data.overrides));
    }
    let heap = &mut context.heap;
    let mut values = Vec::new();
    for (name, value) in &(data.context)() {
        values.push((Key::from(name.as_str()), silent(heap, value)?));
    }
    let Overrides { mut request, mut response } = data.overrides;
    if request.is_null() {
        request = json!({"header": {}, "querystring": {}, "path": {}});
        response = json!({"header": {}});
    }
    let (request, response) = (silent(heap, &request)?, silent(heap, &response)?);
    values.push((Key::from("requestOverride"), request.clone()));
    values.push((Key::from("responseOverride"), response.clone()));
    let context_map: MapId = heap.silent_map(values)?;
    context.set("context", Value::Map(context_map));
    let text = template.render(&mut context)?;
    let overrides =
        Overrides { request: context.heap.to_json(&request), response: context.heap.to_json(&response) };
    Ok((text, overrides))
}

fn texts<'a>(
    heap: &mut Heap,
    texts: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<Value, RenderError> {
    heap.map(texts.map(|(name, value)| (Key::from(name.as_str()), Value::from(value.as_str()))))
}

/// Maps in `$context` print nothing.
fn silent(heap: &mut Heap, value: &Json) -> Result<Value, RenderError> {
    let Json::Object(members) = value else { return heap.json(value) };
    let mut entries = Vec::with_capacity(members.len());
    for (name, value) in members {
        entries.push((Key::from(name.as_str()), silent(heap, value)?));
    }
    heap.silent_map(entries).map(Value::Map)
}

/// Renders a template of a method's integration, request or response, over `body`.
pub(crate) fn render_for(
    exchange: &Exchange<'_>,
    template: &Template,
    body: &[u8],
) -> Result<String, RenderError> {
    let body = String::from_utf8_lossy(body);
    let data = Data {
        body: &body,
        path: &exchange.path_parameters,
        query: &exchange.query,
        headers: &|| owned(exchange.header_pairs()),
        context: &|| context_values(exchange.stage, exchange.request, exchange.trail, None),
        variables: exchange.stage.variables.as_ref(),
        overrides: exchange.overrides(),
    };
    let (text, overrides) = render(template, data)?;
    exchange.keep_overrides(overrides);
    Ok(text)
}

/// Pairs that outlive what they are of.
pub(crate) fn owned(pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// What the templates and parameters of a gateway response are given.
pub(crate) struct ErrorSource<'r> {
    pub stage: &'r RestStage,
    pub request: &'r Incoming,
    pub context: Map<String, Json>,
}

impl ErrorSource<'_> {
    /// A template's text. One that fails gives none.
    pub fn render(&self, template: &str) -> Option<String> {
        let template = Template::parse(template).ok()?;
        let body = String::from_utf8_lossy(&self.request.body);
        let data = Data {
            body: &body,
            path: &[],
            query: &self.request.query_pairs(),
            headers: &|| owned(self.request.header_pairs()),
            context: &|| self.context.clone(),
            variables: self.stage.variables.as_ref(),
            overrides: Overrides::default(),
        };
        match render(&template, data) {
            Ok((text, _)) => Some(text),
            Err(error) => {
                tracing::warn!(api = self.stage.api_id, "a gateway response's template failed: {error}");
                None
            }
        }
    }

    /// A mapped value.
    pub fn parameter(&self, expression: &str) -> Option<String> {
        let path = self.stage.api.routes.find(&self.request.path, |_| true).map(|found| found.parameters);
        let view = parameters::View {
            request: self.request,
            path: &path.unwrap_or_default(),
            query: &self.request.query_pairs(),
            body: &self.request.body,
            context: &&self.context,
            variables: self.stage.variables.as_ref(),
            response_headers: None,
        };
        Source::parse_request(expression).ok()?.value(&view)
    }
}

/// Replaces `${stageVariables.name}`.
pub(crate) fn interpolate(text: &str, variables: Option<&Texts>) -> String {
    const OPEN: &str = "${stageVariables.";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        let Some((name, behind)) = behind.split_once('}') else { break };
        out.push_str(before);
        out.push_str(variables.and_then(|variables| variables.get(name)).map_or("", String::as_str));
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// A shared text.
type Shared = Arc<str>;

#[cfg(test)]
mod tests;
