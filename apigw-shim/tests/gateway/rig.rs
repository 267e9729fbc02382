//! API Gateway over a store in memory, with a scripted Lambda and scripted services.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use apigw_shim::{Addressed, ApiGateway, Options};
use aws_wire::ServiceError;
use http::{HeaderMap, Request, Uri};
use proxy_events::Secured;
use runtime::{
    Body, BoxFuture, CallContext, Clock, Event, FunctionInvoker, Input, Invocation, InvocationOutcome,
    LogSink, LogStream, Output, Scope, Service, ServiceRouter, Timestamp, VirtualClock,
};
use serde_json::{Value, json};
use store::Store;

type Outcome = Result<InvocationOutcome, ServiceError>;
type Answer = Box<dyn Fn(&str, &str, &Value) -> Result<Value, ServiceError> + Send + Sync>;

/// What is asked of Lambda and others, and what they answer.
pub struct Script {
    pub events: Mutex<Vec<(String, Value)>>,
    /// Says so when a function has been invoked.
    pub invoked: tokio::sync::Notify,
    pub calls: Mutex<Vec<(String, String, Value)>>,
    /// Lines of logs by their groups.
    pub lines: Arc<Mutex<Vec<(String, String)>>>,
    outcome: Mutex<Outcome>,
    /// What one function answers, apart from all others.
    own: Mutex<Option<(String, Value)>>,
    answer: Mutex<Answer>,
    /// What the next function that streams writes.
    stream: Mutex<Option<runtime::EventStream>>,
    /// The ids and trace headers that functions were invoked with.
    pub invocations: Mutex<Vec<(String, String)>>,
}

impl FunctionInvoker for Script {
    fn invoke<'a>(&'a self, ctx: &'a CallContext, invocation: Invocation) -> BoxFuture<'a, Outcome> {
        let trace = ctx.trace_id.as_deref().unwrap_or_default().to_owned();
        self.invocations.lock().unwrap().push((ctx.request_id.to_string(), trace));
        let event = serde_json::from_slice(&invocation.payload).unwrap_or(Value::Null);
        let own = self.own.lock().unwrap().clone();
        let outcome = match own.filter(|(name, _)| invocation.function.ends_with(&format!(":{name}"))) {
            Some((_, answer)) => Ok(returned(answer)),
            None => self.outcome.lock().unwrap().clone(),
        };
        self.events.lock().unwrap().push((invocation.function, event));
        self.invoked.notify_one();
        Box::pin(async move { outcome })
    }
}

impl LogSink for Script {
    fn stream(&self, _: &Scope, group: &str, _: &str) -> Arc<dyn LogStream> {
        Arc::new(Written { group: group.to_owned(), lines: Arc::clone(&self.lines) })
    }
}

struct Written {
    group: String,
    lines: Arc<Mutex<Vec<(String, String)>>>,
}

impl LogStream for Written {
    fn write(&self, _: Timestamp, message: String) {
        self.lines.lock().unwrap().push((self.group.clone(), message));
    }
}

impl ServiceRouter for Script {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let members = Value::Object(input.members);
        let answer = (self.answer.lock().unwrap())(service, operation, &members);
        self.calls.lock().unwrap().push((service.to_owned(), operation.to_owned(), members));
        if operation == "InvokeWithResponseStream" {
            let events = self.stream.lock().unwrap().take().unwrap();
            return Box::pin(async move { Ok(Output { body: Body::Events(events), ..Output::default() }) });
        }
        Box::pin(async move {
            answer.map(|answer| match answer {
                // A payload.
                Value::String(text) => Output::empty().with_body(text),
                members => Output::of(members),
            })
        })
    }
}

pub struct Rig {
    pub gateway: ApiGateway,
    pub script: Arc<Script>,
    pub clock: Arc<VirtualClock>,
    store: Store,
}

/// What a deployed API answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::at(VirtualClock::starting_at(Timestamp(1_795_000_000_000)))
    }

    /// With a clock that moves when told to.
    pub fn at(clock: Arc<VirtualClock>) -> Self {
        let script = Arc::new(Script {
            events: Mutex::default(),
            invoked: tokio::sync::Notify::new(),
            calls: Mutex::default(),
            lines: Arc::default(),
            outcome: Mutex::new(Ok(returned(json!({"statusCode": 200, "body": "from the function"})))),
            own: Mutex::default(),
            answer: Mutex::new(Box::new(|_, _, _| Ok(json!({})))),
            stream: Mutex::default(),
            invocations: Mutex::default(),
        });
        let store = Store::memory();
        Self { gateway: gateway(&store, &script, &clock, false, Arc::default()), script, clock, store }
    }

    /// The same, with signatures checked.
    pub fn verifying(self) -> Self {
        let gateway = gateway(&self.store, &self.script, &self.clock, true, Arc::default());
        Self { gateway, ..self }
    }

    /// API Gateway anew, from what the store holds.
    pub fn restarted(self) -> Self {
        let gateway = gateway(&self.store, &self.script, &self.clock, false, Arc::default());
        Self { gateway, ..self }
    }

    /// The same, started with addresses that stand for what VPC links lead to.
    pub fn with_targets(self, targets: &[(&str, String)]) -> Self {
        let targets = targets.iter().map(|(arn, url)| ((*arn).to_owned(), url.parse().unwrap()));
        let targets = Arc::new(targets.collect());
        let gateway = gateway(&self.store, &self.script, &self.clock, false, targets);
        Self { gateway, ..self }
    }

    pub fn function_returns(&self, value: Value) {
        *self.script.outcome.lock().unwrap() = Ok(returned(value));
    }

    /// What one function answers, apart from all others.
    pub fn answers(&self, function: &str, value: Value) {
        *self.script.own.lock().unwrap() = Some((function.to_owned(), value));
    }

    /// All functions answer the same again.
    pub fn answers_nothing(&self) {
        *self.script.own.lock().unwrap() = None;
    }

    /// The next function that streams writes what is sent here.
    pub fn function_streams(&self) -> futures::channel::mpsc::UnboundedSender<Event> {
        let (events, written) = futures::channel::mpsc::unbounded();
        *self.script.stream.lock().unwrap() = Some(Box::pin(written));
        events
    }

    pub fn function_fails(&self, value: Value) {
        let outcome = InvocationOutcome { function_error: Some("Unhandled".to_owned()), ..returned(value) };
        *self.script.outcome.lock().unwrap() = Ok(outcome);
    }

    pub fn function_is_refused(&self, error: ServiceError) {
        *self.script.outcome.lock().unwrap() = Err(error);
    }

    pub fn services_answer(
        &self,
        answer: impl Fn(&str, &str, &Value) -> Result<Value, ServiceError> + Send + Sync + 'static,
    ) {
        *self.script.answer.lock().unwrap() = Box::new(answer);
    }

    /// The event of the function's last invocation.
    pub fn last_event(&self) -> Value {
        self.script.events.lock().unwrap().last().unwrap().1.clone()
    }

    async fn try_call(
        &self,
        service: &dyn Service,
        operation: &str,
        members: Value,
    ) -> Result<Value, ServiceError> {
        self.call(service, operation, members, Body::Empty).await.map(|output| Value::Object(output.members))
    }

    async fn call(
        &self,
        service: &dyn Service,
        operation: &str,
        members: Value,
        body: Body,
    ) -> Result<Output, ServiceError> {
        let Value::Object(members) = members else { panic!("{operation} takes members") };
        let mut ctx = CallContext::internal(scope(), "http://127.0.0.1:4566".into());
        ctx.access_key = Some("test".into());
        service.call(&ctx, operation, Input { members, body }).await
    }

    /// Calls an operation of REST APIs whose payload is a document.
    pub async fn rest_document(
        &self,
        operation: &str,
        members: Value,
        document: impl ToString,
    ) -> Result<Value, ServiceError> {
        let body = Body::from(document.to_string().into_bytes());
        let output = self.call(&self.gateway.rest_service(), operation, members, body).await?;
        Ok(Value::Object(output.members))
    }

    /// What a stage of a REST API is as a document, with all members of the answer but that.
    pub async fn exported(&self, members: Value) -> (String, Value) {
        let service = self.gateway.rest_service();
        let output = self.call(&service, "GetExport", members, Body::Empty).await.unwrap();
        let text = output.body.read(usize::MAX).await.unwrap();
        (String::from_utf8(text.to_vec()).unwrap(), Value::Object(output.members))
    }

    /// Calls an operation of REST APIs.
    pub async fn rest(&self, operation: &str, members: Value) -> Value {
        let result = self.try_call(&self.gateway.rest_service(), operation, members).await;
        result.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// What an HTTP API is as a document.
    pub async fn http_exported(&self, members: Value) -> Result<String, ServiceError> {
        let service = self.gateway.http_service();
        let output = self.call(&service, "ExportApi", members, Body::Empty).await?;
        let text = output.body.read(usize::MAX).await.unwrap();
        Ok(String::from_utf8(text.to_vec()).unwrap())
    }

    /// Calls an operation of REST APIs as another account.
    pub async fn rest_as(
        &self,
        account: &str,
        operation: &str,
        members: Value,
    ) -> Result<Value, ServiceError> {
        let Value::Object(members) = members else { panic!("{operation} takes members") };
        let ctx = CallContext::internal(Scope::new(account, "us-east-1"), "http://127.0.0.1:4566".into());
        let input = Input { members, body: Body::Empty };
        let output = self.gateway.rest_service().call(&ctx, operation, input).await?;
        Ok(Value::Object(output.members))
    }

    /// Calls an operation of REST APIs that is refused.
    pub async fn rest_refuses(&self, operation: &str, members: Value) -> ServiceError {
        self.try_call(&self.gateway.rest_service(), operation, members).await.unwrap_err()
    }

    /// Calls an operation of HTTP APIs.
    pub async fn http(&self, operation: &str, members: Value) -> Value {
        let result = self.try_call(&self.gateway.http_service(), operation, members).await;
        result.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// Calls an operation of HTTP APIs that is refused.
    pub async fn http_refuses(&self, operation: &str, members: Value) -> ServiceError {
        self.try_call(&self.gateway.http_service(), operation, members).await.unwrap_err()
    }

    /// Sends a request to a deployed API: `GET /stage/path`.
    pub async fn send(
        &self,
        api: &str,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answered {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        let host = format!("{api}.execute-api.localhost:4566");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.into())).unwrap();
        let addressed = Addressed { api_id: api.to_owned(), stage: None };
        let peer = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
        let (parts, body) = self.gateway.execute(addressed, request, peer).await.into_parts();
        let body = body.read(usize::MAX).await.unwrap().to_vec();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends a request to a custom domain name, as the front door does.
    pub async fn send_to(&self, host: &str, line: &str, headers: &[(&str, &str)]) -> Answered {
        self.send_over(None, host, line, headers).await
    }

    /// The same over a connection that is secured, or is not.
    pub async fn send_over(
        &self,
        secured: Option<Secured>,
        host: &str,
        line: &str,
        headers: &[(&str, &str)],
    ) -> Answered {
        assert!(self.gateway.has_domain(host), "{host} is no custom domain name");
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(secured) = secured {
            request = request.extension(secured);
        }
        let (mut parts, body) = request.body(Body::Empty).unwrap().into_parts();
        let peer = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
        let answer = match self.gateway.at_domain(host, &mut parts, peer) {
            None => self.gateway.forbidden(),
            Some(addressed) => self.gateway.execute(addressed, Request::from_parts(parts, body), peer).await,
        };
        let (parts, body) = answer.into_parts();
        let body = body.read(usize::MAX).await.unwrap().to_vec();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, api: &str, path: &str) -> Answered {
        self.send(api, &format!("GET {path}"), &[], "").await
    }

    /// A new REST API: its id and its root's.
    pub async fn rest_api(&self) -> (String, String) {
        let api = self.rest("CreateRestApi", json!({"name": "orders"})).await;
        (text(&api, "id"), text(&api, "rootResourceId"))
    }

    /// A resource below another.
    pub async fn resource(&self, api: &str, parent: &str, part: &str) -> String {
        let made = self
            .rest("CreateResource", json!({"restApiId": api, "parentId": parent, "pathPart": part}))
            .await;
        text(&made, "id")
    }

    /// A method without authorization, which declares what its integration takes of the request, and that integration.
    pub async fn method(&self, api: &str, resource: &str, method: &str, integration: Value) {
        let of = json!({"restApiId": api, "resourceId": resource, "httpMethod": method});
        let mapped = integration["requestParameters"].as_object().into_iter().flatten();
        let keys = integration["cacheKeyParameters"].as_array().into_iter().flatten();
        let sources = mapped.map(|(_, source)| source).chain(keys).filter_map(Value::as_str);
        let declared: serde_json::Map<String, Value> = sources
            .filter(|source| source.starts_with("method.request.") && !source.contains(".body"))
            .map(|source| (source.to_owned(), json!(false)))
            .collect();
        let method = json!({"authorizationType": "NONE", "requestParameters": declared});
        self.rest("PutMethod", with(&of, method)).await;
        self.rest("PutIntegration", with(&of, integration)).await;
    }

    /// One way to answer of a method that does not answer for itself.
    pub async fn response(&self, api: &str, resource: &str, method: &str, status: &str, response: Value) {
        let of =
            json!({"restApiId": api, "resourceId": resource, "httpMethod": method, "statusCode": status});
        let parameters: serde_json::Map<String, Value> = response["responseParameters"]
            .as_object()
            .map(|parameters| parameters.keys().map(|name| (name.clone(), json!(false))).collect())
            .unwrap_or_default();
        self.rest("PutMethodResponse", with(&of, json!({"responseParameters": parameters}))).await;
        self.rest("PutIntegrationResponse", with(&of, response)).await;
    }

    pub async fn deploy(&self, api: &str, stage: &str) -> String {
        let made = self.rest("CreateDeployment", json!({"restApiId": api, "stageName": stage})).await;
        text(&made, "id")
    }
}

fn gateway(
    store: &Store,
    script: &Arc<Script>,
    clock: &Arc<VirtualClock>,
    verify_signatures: bool,
    targets: Arc<BTreeMap<String, Uri>>,
) -> ApiGateway {
    let clock = Clock::Virtual(Arc::clone(clock));
    let options =
        Options { endpoint: "http://127.0.0.1:4566".into(), verify_signatures, vpc_link_targets: targets };
    let router: Arc<dyn ServiceRouter> = script.clone();
    let invoker: Arc<dyn FunctionInvoker> = script.clone();
    ApiGateway::new(options, store.clone(), clock, router, invoker, script.clone()).unwrap()
}

fn returned(value: Value) -> InvocationOutcome {
    InvocationOutcome {
        status: 200,
        payload: value.to_string().into(),
        function_error: None,
        executed_version: "$LATEST".to_owned(),
        log_result: None,
    }
}

pub fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{value} has no text {name}")).to_owned()
}

/// The members of both.
pub fn with(one: &Value, other: Value) -> Value {
    let mut both = one.clone();
    if let (Value::Object(both), Value::Object(other)) = (&mut both, other) {
        both.extend(other);
    }
    both
}

pub fn lambda(function: &str) -> String {
    format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:{function}/invocations"
    )
}

/// An integration with a function that answers for itself.
pub fn proxy() -> Value {
    json!({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": lambda("orders")})
}
