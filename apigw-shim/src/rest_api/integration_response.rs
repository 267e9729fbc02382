//! The fifth stage: the integration's answer becomes one of the method's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    compiled::{CompiledResponse, ContentHandling},
    content,
    gateway_response::GatewayError,
    integration_request::Prepared,
};
use crate::{
    integrate::{Reply, Selector},
    mapping::{self, Overrides, parameters::View, text},
};
use proxy_events::{WrittenNames, is_binary};
use runtime::Body;

/// An answer, as the client gets it.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
    /// How a function wrote the headers' names.
    pub names: Option<WrittenNames>,
}

pub(crate) fn map(prepared: &Prepared<'_>, reply: Reply) -> Result<Answer, GatewayError> {
    let Reply::Mapped { selector, headers, body } = reply else {
        return Ok(match reply {
            Reply::Proxied(answer) => answer,
            Reply::Mapped { .. } => {
                return Err(GatewayError::configuration("the integration gave no answer"));
            }
        });
    };
    let Some(integration) = prepared.integration() else {
        return Err(GatewayError::configuration("no integration is defined"));
    };
    let response = select(&integration.responses, &selector)?;
    let exchange = &prepared.exchange;
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let binary_types = &exchange.stage.api.binary_media_types;
    // An answer without a type is text, even where all types are binary.
    let binary = content_type.is_some() && is_binary(binary_types, content_type.as_deref());
    let (content_type, body, binary) = match template(response, exchange.request.header("accept")) {
        Some((content_type, template)) => {
            let body = match (binary, response.content_handling) {
                (true, Some(ContentHandling::ToText)) => {
                    content::of_response(response.content_handling, body, true, false)?
                }
                (true, _) => return Err(GatewayError::configuration("Unable to transform response")),
                (false, _) => body,
            };
            let rendered = mapping::render_for(exchange, template, &body).map_err(|error| {
                GatewayError::configuration(format!("the response template failed: {error}"))
            })?;
            (content_type.clone(), Bytes::from(rendered), false)
        }
        None => (content_type.unwrap_or_else(|| String::from("application/json")), body, binary),
    };
    let accepted = exchange.request.header("accept").and_then(|accept| accept.split(',').next());
    let wants_binary = accepted.is_some() && is_binary(binary_types, accepted);
    let body = content::of_response(response.content_handling, body, binary, wants_binary)?;
    let overrides = exchange.overrides();
    let status = overrides.response.get("status").map(text).and_then(|status| status.parse().ok());
    let declared = exchange.method.responses.get(&response.status.to_string());
    let declared = declared.ok_or_else(|| {
        let status = response.status;
        GatewayError::configuration(format!("Output mapping refers to an invalid method response: {status}"))
    })?;
    let mut answer = HeaderMap::new();
    set(&mut answer, "content-type", &content_type);
    let context = exchange.context();
    let view = View { body: &body, response_headers: Some(&headers), ..exchange.view(&context) };
    for (target, source) in &response.parameters {
        let name = target.strip_prefix("method.response.header.").filter(|_| declared.contains(target));
        if let Some((name, value)) = name.zip(source.value(&view)) {
            set(&mut answer, name, &value);
        }
    }
    for (name, value) in Overrides::texts(&overrides.response, "header") {
        set(&mut answer, &name, &value);
    }
    Ok(Answer {
        status: status.unwrap_or(response.status),
        headers: answer,
        body: Body::Bytes(body),
        names: None,
    })
}

/// The first response whose pattern takes the answer, or the default.
fn select<'r>(
    responses: &'r [CompiledResponse],
    selector: &Selector,
) -> Result<&'r CompiledResponse, GatewayError> {
    let text = match selector {
        Selector::Text(text) => Some(text.as_str()),
        Selector::Default => None,
    };
    let matching = text.and_then(|text| {
        let mut with_pattern = responses.iter().filter(|response| response.pattern.is_some());
        with_pattern
            .find(|response| response.pattern.as_ref().is_some_and(|it| it.is_match(text).unwrap_or(false)))
    });
    let default = || responses.iter().find(|response| response.pattern.is_none());
    matching.or_else(default).ok_or_else(|| {
        GatewayError::configuration(format!(
            "No match for output mapping and no default output mapping configured: {text:?}"
        ))
    })
}

/// The template for what the client accepts, or the one for JSON, or any.
fn template<'r>(response: &'r CompiledResponse, accept: Option<&str>) -> Option<&'r (String, vtl::Template)> {
    let named = |wanted: &str| response.templates.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    accept.and_then(named).or_else(|| named("application/json")).or_else(|| response.templates.first())
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}
