//! TestInvokeMethod and TestInvokeAuthorizer: a request to the API as it is now, deployed or not, with the log of what
//! happened to it. Neither authorizers nor keys are asked for by TestInvokeMethod, as on AWS.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use aws_wire::ServiceError;
use http::{HeaderMap, Request};
use proxy_events::{Incoming, WrittenNames};
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{api, api_of_resource, method as named_method, part, resource, rest_api, stage};
use crate::{
    State,
    apis::Live,
    error::bad_request,
    mapping::Overrides,
    members,
    rest_api::{
        authorize::{self, CompiledAuthorizer},
        compiled::{CompiledApi, RestStage},
        exchange::{Exchange, Trail},
        execution_log, pipeline,
        record::{Authorizer, Deployment, Resource, RestApi, Texts},
        trie::Trie,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    rest_api_id: String,
    #[serde(default)]
    resource_id: String,
    #[serde(default)]
    http_method: String,
    #[serde(default)]
    authorizer_id: String,
    #[serde(default)]
    path_with_query_string: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    headers: Texts,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    stage_variables: Option<Texts>,
    #[serde(default)]
    additional_context: Texts,
}

/// The most that an answer may have here.
const MOST_ANSWER: usize = 10 * 1024 * 1024;

/// The API as a stage that nobody else can reach.
fn stage_of(
    state: &State,
    live: &Live,
    record: &RestApi,
    resource: Option<Arc<Resource>>,
    test: &Test,
) -> RestStage {
    let now = rest_api::seconds(state);
    let deployment = Deployment {
        id: String::new(),
        sequence: 0,
        description: None,
        created_date: now,
        snapshot: super::deployment::snapshot(record, resource.into_iter().collect()),
    };
    let mut own = stage::new(String::from("test-invoke-stage"), now);
    own.variables.clone_from(&test.stage_variables);
    RestStage::new(live, record, &own, &deployment, None, None, |deployment| {
        Some(Arc::new(CompiledApi::new(deployment)))
    })
}

fn incoming(state: &State, test: &Test, path: &str, query: &str) -> Result<Incoming, ServiceError> {
    let verb = if test.http_method.is_empty() { "GET" } else { &test.http_method };
    let verb = if verb == "ANY" { "GET" } else { verb };
    let mut request = Request::builder().method(verb).uri(format!("http://test-invoke/?{query}"));
    let many = test.multi_value_headers.iter().flat_map(|(name, all)| all.iter().map(move |it| (name, it)));
    let mut names = String::new();
    for (name, value) in test.headers.iter().chain(many) {
        request = request.header(name, value);
        names.push_str(&format!("{name}\n"));
    }
    let request = request.extension(WrittenNames::lines(&names));
    let request = request.body(()).map_err(|error| bad_request(format!("Invalid request: {error}")))?;
    let (parts, ()) = request.into_parts();
    let body = test.body.clone().into_bytes().into();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Ok(Incoming::new(state.clock.now(), parts, path.to_owned(), body, peer))
}

/// What `$context` and events have of a request that came over no network.
fn context_of_test(ctx: &CallContext, path: &str) -> Texts {
    let account = &*ctx.scope.account;
    let user = format!("arn:aws:iam::{account}:root");
    let mut values = vec![
        ("path", path),
        ("domainName", "testPrefix.testDomainName"),
        ("domainPrefix", "testPrefix"),
        ("identity.apiKey", "test-invoke-api-key"),
        ("identity.apiKeyId", "test-invoke-api-key-id"),
        ("identity.sourceIp", "test-invoke-source-ip"),
        ("identity.accountId", account),
        ("identity.caller", account),
        ("identity.user", account),
        ("identity.userArn", &user),
    ];
    if let Some(access_key) = &ctx.access_key {
        values.push(("identity.accessKey", access_key));
    }
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Path and query of the request; without one the resource's own path stands for it.
fn target<'t>(test: &'t Test, own: &'t str) -> (&'t str, &'t str) {
    let (path, query) =
        test.path_with_query_string.split_once('?').unwrap_or((&test.path_with_query_string, ""));
    (if path.is_empty() { own } else { path }, query)
}

/// The log with its moments: `Sun Nov 22 13:05:00 UTC 2026 : …`.
fn log_text(request: &Incoming, trail: &Trail) -> String {
    let mut text = format!("Execution log for request {}\n", request.request_id);
    let lines =
        trail.log.get().map(|log| std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner)));
    for (at, line) in lines.unwrap_or_default() {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        text.push_str(&format!("{} : {line}\n", at.strftime("%a %b %d %H:%M:%S UTC %Y")));
    }
    text
}

fn shown(headers: &HeaderMap) -> (Map<String, Value>, BTreeMap<String, Vec<String>>) {
    let mut many: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let value = execution_log::text(value.as_bytes());
        many.entry(execution_log::title(name.as_str())).or_default().push(value);
    }
    let last = |all: &Vec<String>| Value::from(all.last().cloned().unwrap_or_default());
    (many.iter().map(|(name, all)| (name.clone(), last(all))).collect(), many)
}

pub(super) async fn method(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let test: Test = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &test.rest_api_id)?;
    let found = resource(state, &live, &test.resource_id)?;
    if !found.resource_methods.contains_key("ANY") {
        named_method(&found, &test.http_method)?;
    }
    let record = rest_api::record(state, &live)?;
    let stage = stage_of(state, &live, &record, Some(Arc::clone(&found)), &test);
    let (path, query) = target(&test, &found.path);
    let request = incoming(state, &test, path, query)?;
    let mut paths = Trie::default();
    paths.insert(&found.path, ());
    let path_parameters = paths.find(path, |()| true).map(|found| found.parameters).unwrap_or_default();
    let compiled = stage.api.routes.find(&found.path, |_| true).map(|found| Arc::clone(found.value));
    let compiled = compiled.ok_or_else(|| crate::error::invalid("Resource identifier"))?;
    let compiled_method = compiled.method(&test.http_method).cloned();
    let compiled_method = compiled_method.ok_or_else(|| crate::error::invalid("Method identifier"))?;
    let trail = Trail { additional: context_of_test(ctx, &found.path), ..Trail::default() };
    let _ = trail.log.set(Mutex::default());
    let _ = trail.resource.set(Arc::clone(&compiled));
    let exchange = Exchange {
        stage: &stage,
        request: &request,
        resource: compiled,
        method: compiled_method,
        trail: &trail,
        path_parameters,
        query: request.query_pairs(),
        overrides: Mutex::new(Overrides::default()),
    };
    let started = Instant::now();
    execution_log::begin(state, &exchange, path);
    let response = match pipeline::through(state, exchange).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = pipeline::render_error(state, &stage, &request, &trail, &error);
            // What is not the API's own says nothing of its type here.
            response.headers_mut().remove(http::header::CONTENT_TYPE);
            response
        }
    };
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    trail.say(|| state.clock.now(), || format!("Method completed with status: {status}"));
    let body = body.read(MOST_ANSWER).await.map_err(|error| ServiceError::internal(error.to_string()))?;
    let (headers, many) = shown(&parts.headers);
    Ok(Output::of(json!({
        "status": status,
        "body": execution_log::text(&body),
        "headers": headers,
        "multiValueHeaders": many,
        "log": log_text(&request, &trail),
        "latency": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })))
}

pub(super) async fn authorizer(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let test: Test = members::read(input)?;
    let live = api(state, &ctx.scope, &test.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let found = part::find::<Authorizer>(&record, &test.authorizer_id)?;
    let compiled = CompiledAuthorizer::new(found).map_err(bad_request)?;
    // An authorizer belongs to no method: it is shown the root.
    let root = Resource {
        id: String::from("test-invoke-resource-id"),
        parent_id: None,
        path_part: None,
        path: String::from("/"),
        resource_methods: BTreeMap::from([(String::from("GET"), super::method::plain("GET"))]),
    };
    let stage = stage_of(state, &live, &record, Some(Arc::new(root)), &test);
    let (path, query) = target(&test, "/");
    let request = incoming(state, &test, path, query)?;
    let mut additional = context_of_test(ctx, "/");
    additional.extend(test.additional_context.clone());
    let trail = Trail { additional, ..Trail::default() };
    let found = stage.api.routes.find("/", |_| true).map(|found| Arc::clone(found.value));
    let compiled_resource = found.ok_or_else(|| crate::error::invalid("Resource identifier"))?;
    let Some(compiled_method) = compiled_resource.method("GET").cloned() else {
        return Err(crate::error::invalid("Method identifier"));
    };
    let exchange = Exchange {
        stage: &stage,
        request: &request,
        resource: compiled_resource,
        method: compiled_method,
        trail: &trail,
        path_parameters: Vec::new(),
        query: request.query_pairs(),
        overrides: Mutex::new(Overrides::default()),
    };
    let started = Instant::now();
    let _ = trail.log.set(Mutex::default());
    let say = |line: String| trail.say(|| state.clock.now(), || line);
    let mut answer = match authorize::try_out(state, &exchange, &compiled).await {
        Ok(admission) => {
            let claims = admission.context.get("claims").cloned();
            json!({
                "clientStatus": 0,
                "principalId": admission.context.get("principalId"),
                "policy": admission.policy.as_ref().map(crate::policy::Policy::text),
                "claims": claims,
            })
        }
        Err(error) => {
            say(execution_log::failed(&error, &request.request_id));
            say(authorize::outcome(&error).to_owned());
            json!({"clientStatus": error.status.or(error.response_type.status())})
        }
    };
    answer["log"] = json!(log_text(&request, &trail));
    answer["latency"] = json!(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    Ok(Output::of(answer))
}
