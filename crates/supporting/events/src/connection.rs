//! Connections: how HTTP servers of the user's are told who asks. Secrets are kept in the store and never shown.

use std::sync::Arc;

use aws_wire::ServiceError;
use outbound::connection::{Authorization, Connection, Parameters};
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;
use uuid::Uuid;

use crate::{Answer, Members, State, exists, listed, not_found, page, refuse, scope_key, storage, text};

/// A connection, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    name: String,
    id: String,
    account: String,
    region: String,
    description: Option<String>,
    authorization_type: String,
    /// As they were given, with their secrets.
    parameters: Map<String, Value>,
    authorized: bool,
    created: Timestamp,
    modified: Timestamp,
}

impl Record {
    fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    fn key(&self) -> Key {
        scope_key(&self.scope()).text(&self.name)
    }

    pub(crate) fn arn(&self) -> String {
        self.scope().arn("events", &format!("connection/{}/{}", self.name, self.id))
    }

    fn state(&self) -> &'static str {
        if self.authorized { "AUTHORIZED" } else { "DEAUTHORIZED" }
    }

    fn times(&self) -> Value {
        json!({
            "ConnectionArn": self.arn(),
            "ConnectionState": self.state(),
            "CreationTime": self.created.epoch_seconds(),
            "LastModifiedTime": self.modified.epoch_seconds(),
        })
    }

    /// The same, as it is shown of a connection that is there.
    fn all_times(&self) -> Value {
        let mut times = self.times();
        times["LastAuthorizedTime"] = json!(self.modified.epoch_seconds());
        times
    }
}

/// Puts a connection into use, or out of it.
pub(crate) fn revive(state: &State, record: &Record) {
    let made =
        authorization(&record.authorization_type, &record.parameters).ok().filter(|_| record.authorized);
    match made {
        Some(authorization) => {
            let added = parameters(record.parameters.get("InvocationHttpParameters"));
            state.live.insert(record.arn(), Arc::new(Connection::new(authorization, added)));
        }
        None => {
            state.live.remove(&record.arn());
        }
    }
}

fn parameters(given: Option<&Value>) -> Parameters {
    let list = |name: &str| -> Vec<(String, String)> {
        let items = given.and_then(|it| it.get(name)).and_then(Value::as_array).into_iter().flatten();
        let member =
            |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        items.map(|item| (member(item, "Key"), member(item, "Value"))).collect()
    };
    Parameters {
        headers: list("HeaderParameters"),
        query: list("QueryStringParameters"),
        body: list("BodyParameters"),
    }
}

/// What the parameters say of who asks; an error where they do not fit the kind.
fn authorization(kind: &str, parameters_given: &Members) -> Result<Authorization, ServiceError> {
    let (group, needed): (&str, &[&[&str]]) = match kind {
        "BASIC" => ("BasicAuthParameters", &[&["Username"], &["Password"]]),
        "API_KEY" => ("ApiKeyAuthParameters", &[&["ApiKeyName"], &["ApiKeyValue"]]),
        "OAUTH_CLIENT_CREDENTIALS" => (
            "OAuthParameters",
            &[
                &["ClientParameters", "ClientID"],
                &["ClientParameters", "ClientSecret"],
                &["AuthorizationEndpoint"],
                &["HttpMethod"],
            ],
        ),
        other => {
            return Err(ServiceError::validation(format!("AuthorizationType cannot be {other}.")));
        }
    };
    let given = parameters_given.get(group);
    let find = |path: &[&str]| -> Option<String> {
        let value = path.iter().try_fold(given?, |value, name| value.get(name))?;
        value.as_str().map(str::to_owned)
    };
    let values: Option<Vec<String>> = needed.iter().map(|path| find(path)).collect();
    let wrong = || {
        let text = format!("Parameter(s) {group} must be specified for the authorization type {kind}.");
        ServiceError::validation(text)
    };
    let values = values.ok_or_else(wrong)?;
    let mut values = values.into_iter();
    let mut next = || values.next().unwrap_or_default();
    Ok(match kind {
        "BASIC" => Authorization::Basic { username: next(), password: next() },
        "API_KEY" => Authorization::ApiKey { name: next(), value: next() },
        _ => Authorization::OAuth {
            client_id: next(),
            client_secret: next(),
            endpoint: next(),
            method: next(),
            parameters: parameters(given.and_then(|given| given.get("OAuthHttpParameters"))),
        },
    })
}

/// What of the parameters may be seen: everything but secrets.
fn shown_parameters(given: &Members) -> Value {
    fn without_secrets(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let secret = members.get("IsValueSecret").and_then(Value::as_bool).unwrap_or_default();
                let is_hidden = |name: &str| match name {
                    "Password" | "ApiKeyValue" | "ClientSecret" => true,
                    "Value" => secret,
                    _ => false,
                };
                let kept = members.iter().filter(|(name, _)| !is_hidden(name));
                Value::Object(kept.map(|(name, value)| (name.clone(), without_secrets(value))).collect())
            }
            Value::Array(items) => items.iter().map(without_secrets).collect(),
            other => other.clone(),
        }
    }
    without_secrets(&Value::Object(given.clone()))
}

fn key(ctx: &CallContext, name: &str) -> Key {
    scope_key(&ctx.scope).text(name)
}

fn find(state: &State, ctx: &CallContext, members: &Members) -> Result<Arc<Record>, ServiceError> {
    let name = text(members, "Name");
    state
        .connections
        .get(&key(ctx, name))
        .ok_or_else(|| not_found(format!("Failed to describe the connection(s). Connection '{name}'")))
}

fn check(members: &Members) -> Result<(), ServiceError> {
    // Keys have no effect here and are not shown by anything either.
    refuse(members, &["InvocationConnectivityParameters", "KmsKeyIdentifier"])?;
    let parameters = members.get("AuthParameters").and_then(Value::as_object);
    parameters.map_or(Ok(()), |parameters| refuse(parameters, &["ConnectivityParameters"]))
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    check(members)?;
    let name = text(members, "Name");
    let kind = text(members, "AuthorizationType");
    let parameters = members.get("AuthParameters").and_then(Value::as_object).cloned().unwrap_or_default();
    authorization(kind, &parameters)?;
    let key = key(ctx, name);
    let _turn = state.changing.turn(&key).await;
    if state.connections.get(&key).is_some() {
        return Err(exists(format!("Connection {name}")));
    }
    let now = state.clock.now();
    let record = Record {
        name: name.to_owned(),
        id: Uuid::new_v4().to_string(),
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        description: members.get("Description").and_then(Value::as_str).map(str::to_owned),
        authorization_type: kind.to_owned(),
        parameters,
        authorized: true,
        created: now,
        modified: now,
    };
    let record = state.connections.put(key, record).await.map_err(storage)?;
    revive(state, &record);
    Ok(Output::of(record.times()))
}

pub(crate) fn describe(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let record = find(state, ctx, members)?;
    let mut shown = record.all_times();
    let secret = format!("secret:events!connection/{}/{}", record.name, record.id);
    shown["Name"] = json!(record.name);
    shown["Description"] = json!(record.description);
    shown["AuthorizationType"] = json!(record.authorization_type);
    shown["SecretArn"] = json!(record.scope().arn("secretsmanager", &secret));
    shown["AuthParameters"] = shown_parameters(&record.parameters);
    Ok(Output::of(shown))
}

async fn change(
    state: &State,
    ctx: &CallContext,
    members: &Members,
    change: impl FnOnce(&mut Record) -> Result<(), ServiceError>,
) -> Answer {
    let _turn = state.changing.turn(&key(ctx, text(members, "Name"))).await;
    let mut record = (*find(state, ctx, members)?).clone();
    change(&mut record)?;
    record.modified = state.clock.now();
    let record = state.connections.put(record.key(), record).await.map_err(storage)?;
    revive(state, &record);
    Ok(Output::of(record.all_times()))
}

pub(crate) async fn update(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    check(members)?;
    change(state, ctx, members, |record| {
        if let Some(description) = members.get("Description").and_then(Value::as_str) {
            record.description = Some(description.to_owned());
        }
        let kind = text(members, "AuthorizationType");
        if !kind.is_empty() && kind != record.authorization_type {
            record.authorization_type = kind.to_owned();
            record.parameters.retain(|name, _| name == "InvocationHttpParameters");
        }
        if let Some(given) = members.get("AuthParameters").and_then(Value::as_object) {
            merge(&mut record.parameters, given);
        }
        authorization(&record.authorization_type, &record.parameters)?;
        record.authorized = true;
        Ok(())
    })
    .await
}

/// What is given replaces what was, member by member.
fn merge(known: &mut Members, given: &Members) {
    for (name, value) in given {
        match (known.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(known), Some(given)) => merge(known, given),
            _ => {
                known.insert(name.clone(), value.clone());
            }
        }
    }
}

pub(crate) async fn deauthorize(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    change(state, ctx, members, |record| {
        record.authorized = false;
        // Its secrets go, as with AWS.
        record.parameters.clear();
        Ok(())
    })
    .await
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let _turn = state.changing.turn(&key(ctx, text(members, "Name"))).await;
    let record = find(state, ctx, members)?;
    state.connections.remove(&record.key()).await.map_err(storage)?;
    state.live.remove(&record.arn());
    let mut shown = record.all_times();
    shown["ConnectionState"] = json!("DELETING");
    Ok(Output::of(shown))
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["ConnectionState"])?;
    let prefix = text(members, "NamePrefix");
    let within = scope_key(&ctx.scope);
    let found = page(&state.connections, members, &within, "ListConnections", prefix, |record| {
        let mut shown = record.all_times();
        shown["Name"] = json!(record.name);
        shown["AuthorizationType"] = json!(record.authorization_type);
        (record.name.clone(), shown)
    })?;
    Ok(listed("Connections", found))
}
