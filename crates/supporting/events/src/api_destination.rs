//! API destinations: HTTP servers of the user's as targets of rules.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use outbound::connection::with_query;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;
use uuid::Uuid;

use crate::{
    Answer, Members, State, exists, listed, not_found, page, refuse, scope_key, storage, target::Target, text,
};

/// How long AWS waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An API destination, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApiDestination {
    name: String,
    id: String,
    account: String,
    region: String,
    description: Option<String>,
    connection: String,
    endpoint: String,
    method: String,
    created: Timestamp,
    modified: Timestamp,
}

impl ApiDestination {
    fn key(&self) -> Key {
        scope_key(&Scope::new(&self.account, &self.region)).text(&self.name)
    }

    fn arn(&self) -> String {
        let resource = format!("api-destination/{}/{}", self.name, self.id);
        Scope::new(&self.account, &self.region).arn("events", &resource)
    }

    /// What is answered to who makes or changes it.
    fn state(&self, state: &State) -> Value {
        let shown = self.listed(state);
        let names = ["ApiDestinationArn", "ApiDestinationState", "CreationTime", "LastModifiedTime"];
        Value::Object(names.iter().map(|name| ((*name).to_owned(), shown[*name].clone())).collect())
    }

    /// All of it.
    fn shown(&self, state: &State) -> Value {
        let mut shown = self.listed(state);
        shown["Description"] = json!(self.description);
        shown
    }

    fn listed(&self, state: &State) -> Value {
        let active = state.live.contains_key(&self.connection);
        json!({
            "ApiDestinationArn": self.arn(),
            "Name": self.name,
            "ApiDestinationState": if active { "ACTIVE" } else { "INACTIVE" },
            "ConnectionArn": self.connection,
            "InvocationEndpoint": self.endpoint,
            "HttpMethod": self.method,
            // AWS's default; nothing holds requests back here.
            "InvocationRateLimitPerSecond": 300,
            "CreationTime": self.created.epoch_seconds(),
            "LastModifiedTime": self.modified.epoch_seconds(),
        })
    }
}

fn key(ctx: &CallContext, name: &str) -> Key {
    scope_key(&ctx.scope).text(name)
}

fn find(state: &State, ctx: &CallContext, members: &Members) -> Result<Arc<ApiDestination>, ServiceError> {
    let name = text(members, "Name");
    let found = state.api_destinations.get(&key(ctx, name));
    found.ok_or_else(|| {
        not_found(format!("Failed to describe the api-destination(s). An api-destination '{name}'"))
    })
}

fn check_connection(state: &State, arn: &str) -> Result<(), ServiceError> {
    let there =
        state.connections.page(&Key::new(), None, usize::MAX).iter().any(|record| record.arn() == arn);
    if there { Ok(()) } else { Err(not_found(format!("Connection '{arn}'"))) }
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["InvocationRateLimitPerSecond"])?;
    let (name, connection) = (text(members, "Name"), text(members, "ConnectionArn"));
    check_connection(state, connection)?;
    let key = key(ctx, name);
    let _turn = state.changing.turn(&key).await;
    if state.api_destinations.get(&key).is_some() {
        return Err(exists(format!("An api-destination '{name}'")));
    }
    let now = state.clock.now();
    let made = ApiDestination {
        name: name.to_owned(),
        id: Uuid::new_v4().to_string(),
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        description: members.get("Description").and_then(Value::as_str).map(str::to_owned),
        connection: connection.to_owned(),
        endpoint: text(members, "InvocationEndpoint").to_owned(),
        method: text(members, "HttpMethod").to_owned(),
        created: now,
        modified: now,
    };
    let made = state.api_destinations.put(key, made).await.map_err(storage)?;
    Ok(Output::of(made.state(state)))
}

pub(crate) async fn update(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["InvocationRateLimitPerSecond"])?;
    let _turn = state.changing.turn(&key(ctx, text(members, "Name"))).await;
    let mut changed = (*find(state, ctx, members)?).clone();
    let given = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(connection) = given("ConnectionArn") {
        check_connection(state, &connection)?;
        changed.connection = connection;
    }
    changed.endpoint = given("InvocationEndpoint").unwrap_or(changed.endpoint);
    changed.method = given("HttpMethod").unwrap_or(changed.method);
    changed.description = given("Description").or(changed.description);
    changed.modified = state.clock.now();
    let changed = state.api_destinations.put(changed.key(), changed).await.map_err(storage)?;
    Ok(Output::of(changed.state(state)))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let _turn = state.changing.turn(&key(ctx, text(members, "Name"))).await;
    let found = find(state, ctx, members)?;
    state.api_destinations.remove(&found.key()).await.map_err(storage)?;
    Ok(Output::empty())
}

pub(crate) fn describe(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    Ok(Output::of(find(state, ctx, members)?.shown(state)))
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["ConnectionArn"])?;
    let prefix = text(members, "NamePrefix");
    let within = scope_key(&ctx.scope);
    let found = page(&state.api_destinations, members, &within, "ListApiDestinations", prefix, |it| {
        (it.name.clone(), it.listed(state))
    })?;
    Ok(listed("ApiDestinations", found))
}

/// Sends what a rule has for a destination.
pub(crate) async fn send(
    state: &State,
    arn: &aws_wire::Arn,
    target: &Target,
    input: &str,
) -> Result<(), ServiceError> {
    let name = arn.resource.split('/').nth(1).unwrap_or_default();
    let key = scope_key(&Scope::new(&arn.account, &arn.region)).text(name);
    let missing = || not_found(format!("An api-destination '{name}'"));
    let destination = state.api_destinations.get(&key).ok_or_else(missing)?;
    let connection = state.live.get(&destination.connection).map(|found| Arc::clone(&found));
    let connection =
        connection.ok_or_else(|| not_found(format!("Connection '{}'", destination.connection)))?;
    let failed = |text: String| ServiceError::new("SDK_CLIENT_ERROR", 503, text);
    let mut request = request(&destination, target, connection.parameters(), input)?;
    let exchange = async {
        let (name, value) = connection.header(&state.outbound).await.map_err(|error| failed(error.0))?;
        request.headers_mut().insert(name, value);
        state.outbound.send(request).await.map_err(|error| failed(error.to_string()))
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await;
    let answer = answer.unwrap_or_else(|_| Err(failed(String::from("the server did not answer in time"))))?;
    let status = answer.status().as_u16();
    if matches!(status, 401 | 407) {
        connection.forget_token();
    }
    match status {
        200..=399 => Ok(()),
        // EventBridge tries these again ("API destinations as targets").
        401 | 407 | 409 | 429 => Err(failed(format!("the server answered {status}"))),
        status => {
            Err(ServiceError::new("INVALID_HTTP_STATUS", status, format!("the server answered {status}")))
        }
    }
}

fn request(
    destination: &ApiDestination,
    target: &Target,
    added: &outbound::connection::Parameters,
    input: &str,
) -> Result<Request<Bytes>, ServiceError> {
    let parameters = target.0.get("HttpParameters");
    let member = |name: &str| parameters.and_then(|it| it.get(name));
    let mut address = destination.endpoint.clone();
    for value in member("PathParameterValues").and_then(Value::as_array).into_iter().flatten() {
        let encoded = utf8_percent_encode(value.as_str().unwrap_or_default(), NON_ALPHANUMERIC).to_string();
        address = address.replacen('*', &encoded, 1);
    }
    let pairs = |name: &str| -> Vec<(String, String)> {
        let members = member(name).and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    let query: Vec<_> = pairs("QueryStringParameters")
        .into_iter()
        .filter(|(name, _)| !added.query.iter().any(|(known, _)| known == name))
        .collect();
    let address = with_query(&with_query(&address, &query), &added.query);
    let mut body: Value = serde_json::from_str(input).unwrap_or_else(|_| json!(input));
    if let Some(members) = body.as_object_mut() {
        members.extend(added.body.iter().map(|(name, value)| (name.clone(), json!(value))));
    }
    let wrong =
        |what: &str| ServiceError::validation(format!("{what} of the api-destination cannot be used"));
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.uri_mut() = address.parse().map_err(|_| wrong("InvocationEndpoint"))?;
    *request.method_mut() =
        Method::from_bytes(destination.method.as_bytes()).map_err(|_| wrong("HttpMethod"))?;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("Amazon/EventBridge/ApiDestinations"));
    for (name, value) in pairs("HeaderParameters").iter().chain(&added.headers) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a header"))?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong("a header"))?);
    }
    Ok(request)
}
