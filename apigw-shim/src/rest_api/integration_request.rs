//! The third stage: what the integration is to be sent.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use vtl::Template;

use super::{
    compiled::{CompiledIntegration, ContentHandling, Passthrough},
    content,
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType},
    integration_kind::Kind,
};
use crate::{
    integrate::{
        self,
        address::{append_query, fill, push_query},
    },
    mapping::{self, Overrides, interpolate, parameters::Target},
};
use proxy_events::{is_binary, is_framing};

/// A request that is ready to be sent.
pub(crate) struct Prepared<'r> {
    pub exchange: Exchange<'r>,
    pub outgoing: Outgoing,
}

/// What is to be sent where.
pub(crate) enum Outgoing {
    /// Nothing: the template has said what status to answer with.
    Mock { status: u16 },
    /// An event for a function that answers for itself, or what a template made for one that does not.
    Invoke { function: String, payload: Bytes, is_proxy: bool },
    /// A request to a service of AWS.
    Service { service: String, region: String, action: Option<String>, request: Sent },
    /// A request to any server.
    Http { request: Sent, is_proxy: bool },
}

/// An HTTP request.
pub(crate) struct Sent {
    pub method: Method,
    /// An address, or a path for services.
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl<'r> Prepared<'r> {
    pub fn integration(&self) -> Option<&CompiledIntegration> {
        self.exchange.method.integration.as_ref().ok()
    }
}

pub(crate) fn map<'r>(exchange: Exchange<'r>) -> Result<Prepared<'r>, GatewayError> {
    let method = std::sync::Arc::clone(&exchange.method);
    let integration = method.integration.as_ref().map_err(GatewayError::configuration)?;
    let variables = exchange.stage.variables.as_ref();
    let outgoing = match &integration.kind {
        Kind::LambdaProxy { function } => {
            check_method_and_headers(integration)?;
            let payload = integrate::lambda_proxy::event(&exchange);
            Outgoing::Invoke { function: interpolate(function, variables), payload, is_proxy: true }
        }
        Kind::Lambda { function } => {
            check_method_and_headers(integration)?;
            let payload = body(&exchange, integration)?;
            Outgoing::Invoke { function: interpolate(function, variables), payload, is_proxy: false }
        }
        Kind::Mock => Outgoing::Mock { status: mock_status(&body(&exchange, integration)?)? },
        Kind::Service { service, region, call } => {
            let (action, uri) = call.at(variables);
            let body = body(&exchange, integration)?;
            let headers = own_headers(&exchange, &body);
            let request = sent(&exchange, integration, uri, body, headers, String::new())?;
            Outgoing::Service { service: service.clone(), region: region.clone(), action, request }
        }
        Kind::Http { uri, is_proxy } => {
            let request = http_request(&exchange, integration, uri, *is_proxy)?;
            Outgoing::Http { request, is_proxy: *is_proxy }
        }
    };
    Ok(Prepared { exchange, outgoing })
}

/// Functions are invoked by POST, and some headers are not a mapping's to set: AWS fails such a request.
fn check_method_and_headers(integration: &CompiledIntegration) -> Result<(), GatewayError> {
    const REFUSED: &[&str] = &[
        "authorization",
        "connection",
        "content-length",
        "expect",
        "proxy-authenticate",
        "te",
        "transfer-encoding",
    ];
    if integration.http_method.as_deref() != Some("POST") {
        return Err(GatewayError::configuration("a Lambda integration must have the HTTP method POST"));
    }
    let mut headers = integration.parameters.iter().filter_map(|mapping| match &mapping.target {
        Target::Header(name) => Some(name),
        Target::Query(_) | Target::Path(_) => None,
    });
    match headers.find(|name| REFUSED.iter().any(|refused| refused.eq_ignore_ascii_case(name))) {
        Some(name) => Err(GatewayError::configuration(format!(
            "the header {name} cannot be mapped to a Lambda function"
        ))),
        None => Ok(()),
    }
}

/// The body that the integration gets: a template's text, or the client's own.
fn body(exchange: &Exchange<'_>, integration: &CompiledIntegration) -> Result<Bytes, GatewayError> {
    let content_type = exchange.request.content_type();
    let essence =
        content_type.map_or("application/json", |text| text.split(';').next().unwrap_or_default().trim());
    let binary = is_binary(&exchange.stage.api.binary_media_types, content_type);
    let handling = integration.content_handling;
    let Some(template) = select(&integration.templates, essence) else {
        let passes = match integration.passthrough {
            Passthrough::WhenNoMatch => true,
            Passthrough::WhenNoTemplates => integration.templates.is_empty(),
            Passthrough::Never => false,
        };
        if !passes {
            return Err(GatewayError::new(ResponseType::UnsupportedMediaType, "Unsupported Media Type"));
        }
        return content::of_request(handling, exchange.request.body.clone(), binary);
    };
    // Templates are for text: bytes become such first, text becomes bytes after.
    let (before, after) = match (binary, handling) {
        (true, Some(ContentHandling::ToText)) => (handling, None),
        (true, _) => return Err(GatewayError::configuration("Unable to transform request")),
        (false, _) => (None, handling),
    };
    let body = content::of_request(before, exchange.request.body.clone(), binary)?;
    let rendered = mapping::render_for(exchange, template, &body)
        .map_err(|error| GatewayError::configuration(format!("the request template failed: {error}")))?;
    content::of_request(after, Bytes::from(rendered), false)
}

fn select<'t>(templates: &'t [(String, Template)], content_type: &str) -> Option<&'t Template> {
    templates.iter().find(|(name, _)| name.eq_ignore_ascii_case(content_type)).map(|(_, template)| template)
}

/// The status in `{"statusCode": 200}`; AWS reads it although quotes are missing.
pub(crate) fn mock_status(body: &Bytes) -> Result<u16, GatewayError> {
    static STATUS: LazyLock<Option<fancy_regex::Regex>> =
        LazyLock::new(|| fancy_regex::Regex::new(r#"statusCode["']?\s*:\s*["']?(\d{3})\b"#).ok());
    let text = String::from_utf8_lossy(body);
    let parsed = serde_json::from_str::<serde_json::Value>(&text).ok();
    let status = parsed.as_ref().and_then(|value| match value.get("statusCode")? {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let lenient = || {
        let captures = STATUS.as_ref()?.captures(&text).ok().flatten()?;
        captures.get(1)?.as_str().parse().ok()
    };
    let status = status.or_else(lenient).and_then(|status| u16::try_from(status).ok());
    status.ok_or_else(|| {
        GatewayError::configuration("the request template of a MOCK integration gives no statusCode")
    })
}

fn http_request(
    exchange: &Exchange<'_>,
    integration: &CompiledIntegration,
    uri: &str,
    is_proxy: bool,
) -> Result<Sent, GatewayError> {
    let uri = interpolate(uri, exchange.stage.variables.as_ref());
    let mut headers = HeaderMap::new();
    let (body, query) = if is_proxy {
        for (name, value) in &exchange.request.headers {
            if !is_framing(name) && *name != header::HOST {
                headers.append(name, value.clone());
            }
        }
        (exchange.request.body.clone(), exchange.request.query.clone())
    } else {
        let body = body(exchange, integration)?;
        headers = own_headers(exchange, &body);
        (body, String::new())
    };
    if is_proxy {
        add_ids(exchange, &mut headers);
        add(&mut headers, "x-forwarded-for", &exchange.request.peer.to_string());
        add(&mut headers, "x-forwarded-proto", "http");
    }
    sent(exchange, integration, uri, body, headers, query)
}

/// What the gateway says of itself, and of the body, to those who do not get the client's own headers.
fn own_headers(exchange: &Exchange<'_>, body: &Bytes) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(agent) = HeaderValue::from_str(&format!("AmazonAPIGateway_{}", exchange.stage.api_id)) {
        headers.insert(header::USER_AGENT, agent);
    }
    if !body.is_empty() {
        let content_type = exchange.request.headers.get(header::CONTENT_TYPE).cloned();
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    add_ids(exchange, &mut headers);
    headers
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn add_ids(exchange: &Exchange<'_>, headers: &mut HeaderMap) {
    add(headers, "x-amzn-apigateway-api-id", &exchange.stage.api_id);
    add(headers, "x-amzn-trace-id", exchange.trace_header());
}

/// A request with its parameters mapped and overridden.
fn sent(
    exchange: &Exchange<'_>,
    integration: &CompiledIntegration,
    mut uri: String,
    body: Bytes,
    mut headers: HeaderMap,
    mut query: String,
) -> Result<Sent, GatewayError> {
    let context = exchange.context();
    let view = exchange.view(&context);
    let overrides = exchange.overrides();
    let mapped = integration.parameters.iter().filter_map(|mapping| {
        let value = mapping.source.value(&view)?;
        Some(match &mapping.target {
            Target::Header(name) => ("header", name.clone(), value),
            Target::Query(name) => ("querystring", name.clone(), value),
            Target::Path(name) => ("path", name.clone(), value),
        })
    });
    let overridden = ["header", "querystring", "path"].into_iter().flat_map(|place| {
        Overrides::texts(&overrides.request, place).into_iter().map(move |(name, value)| (place, name, value))
    });
    for (place, name, value) in mapped.chain(overridden) {
        match place {
            "header" => set_header(&mut headers, &name, &value)?,
            "querystring" => append_query(&mut query, &name, &value),
            _ => fill(&mut uri, &name, &value),
        }
    }
    push_query(&mut uri, &query);
    let method = match integration.http_method.as_deref() {
        None | Some("ANY") => exchange.request.method.clone(),
        Some(name) => Method::from_bytes(name.as_bytes())
            .map_err(|_| GatewayError::configuration(format!("{name} is no HTTP method")))?,
    };
    Ok(Sent { method, uri, headers, body })
}

fn set_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), GatewayError> {
    let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(value).ok());
    let (name, value) =
        parsed.ok_or_else(|| GatewayError::configuration(format!("the header {name} cannot be sent")))?;
    if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
        return Err(GatewayError::configuration(format!("the header {name} cannot be mapped")));
    }
    // Others that steer the connection would mean something that is not so.
    if !is_framing(&name) && name != header::EXPECT {
        headers.insert(name, value);
    }
    Ok(())
}
