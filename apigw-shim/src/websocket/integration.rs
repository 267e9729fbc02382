//! What stands behind a route: called with a message, and its answer made into one for the client.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use proxy_events::is_framing;
use runtime::Invocation;
use serde_json::{Map, Value};

use super::{
    compiled::{
        ContentHandling, Key, SocketIntegration, SocketResponse, SocketRoute, SocketStage, Templates,
    },
    event::{self, About, Event},
    execution_log::ExecutionLog,
    selection::{self, View},
};
use crate::{
    State,
    integrate::{
        address::{append_query, fill, push_query},
        call_context,
        http_endpoint::{self, Towards},
        notes, service, vpc_link,
    },
    mapping::{self, Data, Overrides, interpolate, text},
    rest_api::{
        integration_kind::{Kind, ServiceCall},
        integration_request::{Sent, mock_status},
    },
};

/// One call of a route's integration.
pub(super) struct Call<'a> {
    pub state: &'a State,
    pub stage: &'a SocketStage,
    pub route: &'a SocketRoute,
    pub about: &'a About<'a>,
    pub event: &'a Event<'a>,
    pub trace_id: &'a str,
    pub log: &'a ExecutionLog<'a>,
}

/// What an integration answered.
pub(super) struct Outcome {
    pub status: u16,
    /// For the client, where it gets one.
    pub body: Option<Bytes>,
}

/// Why there is no answer.
pub(super) struct Failure {
    /// What a client that opens a connection is answered with.
    pub status: u16,
    /// For the log.
    pub reason: String,
}

fn broken(reason: impl Into<String>) -> Failure {
    Failure { status: 500, reason: reason.into() }
}

fn malformed(reason: impl Into<String>) -> Failure {
    Failure { status: 502, reason: reason.into() }
}

/// A payload as base64, where that is wanted. Templates see it so: they know texts alone.
fn to_text(handling: Option<ContentHandling>, body: Bytes) -> Bytes {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    if handling == Some(ContentHandling::ToText) { STANDARD.encode(body).into() } else { body }
}

/// What base64 stands for, where that is wanted. What a template wrote becomes binary when it is written.
fn to_binary(handling: Option<ContentHandling>, body: Bytes) -> Result<Bytes, Failure> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    if handling != Some(ContentHandling::ToBinary) {
        return Ok(body);
    }
    let decoded = STANDARD.decode(body.trim_ascii());
    decoded.map(Bytes::from).map_err(|_| broken("the payload is no base64, so cannot become binary"))
}

impl Call<'_> {
    /// Calls the integration, for as long as it may take.
    pub async fn run(&self) -> Result<Outcome, Failure> {
        let called = match &self.route.integration {
            Err(reason) => Err(broken(reason)),
            Ok(integration) => {
                let performed = tokio::time::timeout(integration.timeout, self.perform(integration)).await;
                performed.unwrap_or_else(|_| {
                    Err(Failure { status: 504, reason: String::from("the integration timed out") })
                })
            }
        };
        if let Err(failure) = &called {
            self.log.failed(failure.status, &failure.reason);
        }
        called
    }

    /// Milliseconds since a moment.
    fn since(&self, started: runtime::Timestamp) -> u128 {
        self.state.clock.now().since(started).as_millis()
    }

    async fn perform(&self, integration: &SocketIntegration) -> Result<Outcome, Failure> {
        let variables = Some(&self.stage.variables);
        let (status, body, failed) = match &integration.kind {
            Kind::LambdaProxy { function } => return self.proxied(&interpolate(function, variables)).await,
            Kind::Lambda { function } => {
                let (body, failed) =
                    self.invoke(&interpolate(function, variables), self.body(integration)?).await?;
                (200, body, failed)
            }
            Kind::Mock => (
                mock_status(&self.body(integration)?).map_err(|it| broken(it.to_string()))?,
                Bytes::new(),
                false,
            ),
            Kind::Service { service, region, call } => {
                let (status, body) = self.service(integration, service, region, call).await?;
                (status, body, false)
            }
            Kind::Http { uri, is_proxy } => {
                let (status, body) = self.http(integration, &interpolate(uri, variables)).await?;
                if *is_proxy {
                    return Ok(Outcome { status, body: Some(body) });
                }
                (status, body, false)
            }
        };
        let status = if failed { 500 } else { status };
        let body = self.respond(integration, status, body)?;
        Ok(Outcome { status, body: Some(body) })
    }

    fn message(&self) -> &str {
        match self.event {
            Event::Message { body, .. } => body,
            Event::Connect(_) | Event::Disconnect { .. } => "",
        }
    }

    fn context(&self) -> Map<String, Value> {
        event::context(self.about, self.event)
    }

    async fn invoke(&self, function: &str, payload: Bytes) -> Result<(Bytes, bool), Failure> {
        let ctx = call_context(self.state, &self.stage.scope, self.trace_id);
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        let region = &self.stage.scope.region;
        let uri = || notes::function_uri(function, region, false);
        self.log.sending(uri, &HeaderMap::new(), &payload);
        let started = self.state.clock.now();
        let outcome = self.state.invoker.invoke(&ctx, Invocation::request_response(function, payload)).await;
        let outcome = outcome.map_err(|error| broken(format!("invoking {function} failed: {error}")))?;
        self.log.received(outcome.status, self.since(started), &HeaderMap::new(), &outcome.payload);
        Ok((outcome.payload, outcome.function_error.is_some()))
    }

    /// A function that answers for itself.
    async fn proxied(&self, function: &str) -> Result<Outcome, Failure> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};

        let payload = event::payload(self.about, self.event, &self.stage.variables);
        let (answer, failed) = self.invoke(function, payload.into()).await?;
        if failed {
            return Err(malformed(format!("{function} failed")));
        }
        let unreadable = || malformed(format!("{function} gave no answer that could be read"));
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| unreadable())?;
        let needed = self.route.responds || matches!(self.event, Event::Connect(_));
        let status = match &answer {
            Value::Object(members) if members.contains_key("statusCode") => {
                proxy_events::status(members.get("statusCode")).ok_or_else(unreadable)?
            }
            _ if needed => return Err(unreadable()),
            _ => 200,
        };
        let body = match answer.get("body") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if answer.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
                Some(STANDARD.decode(text).map_err(|_| unreadable())?.into())
            }
            Some(Value::String(text)) => Some(Bytes::copy_from_slice(text.as_bytes())),
            Some(_) if needed => return Err(unreadable()),
            Some(_) => None,
        };
        Ok(Outcome { status, body })
    }

    /// What the integration gets: a template's text, or the message itself, which is text as it comes; either becomes
    /// binary where the integration wants that.
    fn body(&self, integration: &SocketIntegration) -> Result<Bytes, Failure> {
        let message = self.message();
        let parsed = serde_json::from_str(message).ok();
        let body = match self.template(&integration.templates, parsed.as_ref(), None) {
            Some(template) => self.render(template, message)?,
            None => match integration.passthrough.as_str() {
                "NEVER" => return Err(broken("no template takes the message")),
                "WHEN_NO_TEMPLATES" if !integration.templates.by_key.is_empty() => {
                    return Err(broken("no template takes the message"));
                }
                _ => Bytes::copy_from_slice(message.as_bytes()),
            },
        };
        to_binary(integration.handling, body)
    }

    fn template<'t>(
        &self,
        templates: &'t Templates,
        body: Option<&Value>,
        status: Option<u16>,
    ) -> Option<&'t vtl::Template> {
        let named = |key: &str| templates.by_key.iter().find(|(own, _)| own == key).map(|(_, it)| it);
        let context = self.context();
        let view = View { body, status, context: &context, variables: &self.stage.variables };
        let expression = templates.selection.as_deref().map(|text| text.strip_prefix('\\').unwrap_or(text));
        let selected = expression.and_then(|expression| selection::evaluate(expression, &view));
        selected.as_deref().and_then(named).or_else(|| named("$default"))
    }

    fn render(&self, template: &vtl::Template, body: &str) -> Result<Bytes, Failure> {
        let request = match self.event {
            Event::Connect(request) => Some(request),
            Event::Message { .. } | Event::Disconnect { .. } => None,
        };
        let headers = || request.map(|request| mapping::owned(request.header_pairs())).unwrap_or_default();
        let data = Data {
            body,
            path: &[],
            query: &request.map(|request| request.query_pairs()).unwrap_or_default(),
            headers: &headers,
            context: &|| self.context(),
            variables: Some(&self.stage.variables),
            overrides: Overrides::default(),
        };
        let rendered = mapping::render(template, data);
        rendered
            .map(|(text, _)| text.into())
            .map_err(|error| broken(format!("a mapping template failed: {error}")))
    }

    /// The integration's answer as its responses map it.
    fn respond(&self, integration: &SocketIntegration, status: u16, body: Bytes) -> Result<Bytes, Failure> {
        if integration.responses.is_empty() {
            return Ok(body);
        }
        let parsed = serde_json::from_slice::<Value>(&body).ok();
        let context = self.context();
        let view = View {
            body: parsed.as_ref(),
            status: Some(status),
            context: &context,
            variables: &self.stage.variables,
        };
        let selected = selection::evaluate(&integration.response_selection, &view);
        let takes = |response: &&SocketResponse| match (&response.key, &selected) {
            (Key::Pattern(pattern), Some(text)) => pattern.is_match(text).unwrap_or(false),
            _ => false,
        };
        let default = || integration.responses.iter().find(|it| matches!(it.key, Key::Default));
        let found = integration.responses.iter().find(takes).or_else(default);
        let Some(response) = found else {
            return Err(broken("no integration response takes the answer"));
        };
        let body = to_text(response.handling, body);
        let body = match self.template(&response.templates, parsed.as_ref(), Some(status)) {
            Some(template) => self.render(template, &String::from_utf8_lossy(&body))?,
            None => body,
        };
        to_binary(response.handling, body)
    }

    async fn service(
        &self,
        integration: &SocketIntegration,
        name: &str,
        region: &str,
        call: &ServiceCall,
    ) -> Result<(u16, Bytes), Failure> {
        let (action, uri) = call.at(Some(&self.stage.variables));
        let sent = self.sent(integration, uri)?;
        let scope = runtime::Scope::new(&self.stage.scope.account, region);
        let uri = || notes::service_uri(name, region, action.as_deref(), &sent.uri);
        self.log.sending(uri, &sent.headers, &sent.body);
        let started = self.state.clock.now();
        let ctx = call_context(self.state, &scope, self.trace_id);
        let called = service::perform(self.state, &ctx, name, action.as_deref(), &sent).await;
        let (status, head, body) = called.map_err(|error| broken(error.reason.unwrap_or_default()))?;
        self.log.received(status, self.since(started), &head, &body);
        Ok((status, body))
    }

    async fn http(&self, integration: &SocketIntegration, uri: &str) -> Result<(u16, Bytes), Failure> {
        let mut sent = self.sent(integration, uri.to_owned())?;
        if let Event::Connect(request) = self.event {
            for (name, value) in &request.headers {
                let belongs_to_the_upgrade = name.as_str().starts_with("sec-websocket-");
                let unwanted = is_framing(name) || *name == header::HOST || belongs_to_the_upgrade;
                if !unwanted && !sent.headers.contains_key(name) {
                    sent.headers.append(name, value.clone());
                }
            }
        }
        self.log.sending(|| sent.uri.clone(), &sent.headers, &sent.body);
        let started = self.state.clock.now();
        let link = integration.link.as_ref();
        let towards = Towards {
            certificate: self.stage.client_certificate.as_deref(),
            stand_in: link
                .and_then(|link| link.stand_in(self.state, &self.stage.scope, Some(&self.stage.variables))),
            ..Towards::default()
        };
        if let Some(stand_in) = towards.stand_in {
            sent.uri = vpc_link::towards(stand_in, &sent.uri);
        }
        let client = http_endpoint::client(self.state, &self.stage.scope, &towards).map_err(broken)?;
        let answer = http_endpoint::send(&client, sent.method, &sent.uri, sent.headers, sent.body).await;
        let (status, head, body) = answer.map_err(|reason| Failure { status: 504, reason })?;
        self.log.received(status.as_u16(), self.since(started), &head, &body);
        Ok((status.as_u16(), body))
    }

    /// A request with its parameters mapped.
    fn sent(&self, integration: &SocketIntegration, mut uri: String) -> Result<Sent, Failure> {
        let body = self.body(integration)?;
        let (mut headers, mut query) = (HeaderMap::new(), String::new());
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (target, source) in &integration.parameters {
            let Some(value) = self.parameter(source) else { continue };
            let Some((place, name)) =
                target.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'))
            else {
                continue;
            };
            match place {
                "header" => {
                    let header = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(&value).ok());
                    if let Some((name, value)) = header.filter(|(name, _)| !is_framing(name)) {
                        headers.insert(name, value);
                    }
                }
                "querystring" => append_query(&mut query, name, &value),
                _ => fill(&mut uri, name, &value),
            }
        }
        push_query(&mut uri, &query);
        let method = match integration.method.as_deref() {
            None | Some("ANY") => Method::POST,
            Some(name) => Method::from_bytes(name.as_bytes())
                .map_err(|_| broken(format!("{name} is no HTTP method")))?,
        };
        Ok(Sent { method, uri, headers, body })
    }

    fn parameter(&self, source: &str) -> Option<String> {
        if let Some(literal) = source.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            return Some(literal.to_owned());
        }
        let request = match self.event {
            Event::Connect(request) => Some(request),
            Event::Message { .. } | Event::Disconnect { .. } => None,
        };
        if let Some(name) = source.strip_prefix("route.request.header.") {
            return request?.header(name).map(str::to_owned);
        }
        if let Some(name) = source.strip_prefix("route.request.querystring.") {
            let query = request?.query_pairs();
            return query.into_iter().find(|(own, _)| own == name).map(|(_, value)| value);
        }
        if source == "route.request.body" {
            return Some(self.message().to_owned());
        }
        let body: Option<Value> = serde_json::from_str(self.message()).ok();
        if let Some(path) = source.strip_prefix("route.request.body.") {
            let path = path.trim_start_matches("$.");
            let found = path.split('.').try_fold(body.as_ref()?, |value, name| value.get(name))?;
            return Some(text(found));
        }
        let context = self.context();
        let view = View { body: None, status: None, context: &context, variables: &self.stage.variables };
        selection::evaluate(&format!("${source}"), &view)
    }
}
