//! Whether a connection or a message may use its route, apart from authorizers: API keys, parameters, models.

use std::{collections::BTreeMap, sync::Arc};

use proxy_events::Incoming;
use runtime::Timestamp;
use serde_json::{Map, Value};

use super::{
    compiled::{SocketRoute, SocketStage},
    selection::{self, View},
};
use crate::{
    State,
    http_api::record::{Child, text},
    metering::Refusal,
    schema::Schema,
};

/// Why a route is not to be used, as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub status: u16,
    pub message: &'static str,
    /// AWS's name for it, as opening a connection has it.
    pub error_type: &'static str,
}

pub(super) const FORBIDDEN: Refused =
    Refused { status: 403, message: "Forbidden", error_type: "ForbiddenException" };
pub(super) const TOO_MANY: Refused =
    Refused { status: 429, message: "Too Many Requests", error_type: "TooManyRequestsException" };
const OVER_QUOTA: Refused =
    Refused { status: 429, message: "Limit Exceeded", error_type: "LimitExceededException" };
const INVALID_BODY: Refused =
    Refused { status: 400, message: "Invalid request body", error_type: "BadRequestException" };

/// The key that a request to connect carries, or its authorizer names, as the API's key selection expression says.
pub(super) fn api_key(
    stage: &SocketStage,
    request: &Incoming,
    authorizer: Option<&Map<String, Value>>,
) -> Option<String> {
    let expression = stage.key_selection.trim_start_matches('$').trim_matches(['{', '}']);
    match expression.strip_prefix("request.header.") {
        Some(name) => request.header(name).map(str::to_owned),
        None => {
            let name = expression.strip_prefix("context.authorizer.")?;
            authorizer?.get(name).map(crate::mapping::text)
        }
    }
}

/// Lets a caller use a route by its key, and counts it.
pub(super) fn meter(
    state: &State,
    stage: &SocketStage,
    api_id: &str,
    route: &SocketRoute,
    key: Option<&str>,
    now: Timestamp,
) -> Result<(), Refused> {
    if !route.needs_api_key {
        return Ok(());
    }
    let key = key.ok_or(FORBIDDEN)?;
    match state.metering.admit(&stage.scope, (api_id, &stage.name), &route.key, key, now) {
        Ok(_) => Ok(()),
        Err(Refusal::NoKey) => Err(FORBIDDEN),
        Err(Refusal::Throttled) => Err(TOO_MANY),
        Err(Refusal::QuotaExceeded) => Err(OVER_QUOTA),
    }
}

/// Names of parameters that `$connect` wants and a request does not have.
pub(super) fn missing<'r>(route: &'r SocketRoute, request: &Incoming) -> Vec<&'r str> {
    let query = request.query_pairs();
    let has = |place: Place, name: &str| match place {
        Place::Header => request.header(name).is_some_and(|value| !value.trim().is_empty()),
        Place::Query => query.iter().any(|(own, value)| own == name && !value.trim().is_empty()),
    };
    let required = route.required.iter();
    required.filter(|(place, name)| !has(*place, name)).map(|(_, name)| name.as_str()).collect()
}

/// Where a parameter of a request to connect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Header,
    Query,
}

/// `route.request.header.name` or `route.request.querystring.name`.
pub(crate) fn parameter(key: &str) -> Option<(Place, &str)> {
    let (place, name) = key.strip_prefix("route.request.")?.split_once('.')?;
    let place = match place {
        "header" => Place::Header,
        "querystring" => Place::Query,
        _ => return None,
    };
    (!name.is_empty()).then_some((place, name))
}

/// Models of a route's messages, by what an expression gives.
#[derive(Default)]
pub(crate) struct Models {
    selection: Option<String>,
    by_key: Vec<(String, Result<Schema, String>)>,
}

/// The schemas of models by their names.
fn schemas(models: &[Arc<Child>]) -> BTreeMap<String, Value> {
    let schema = |model: &Arc<Child>| {
        let schema = serde_json::from_str(text(&model.members, "Schema")?).ok()?;
        Some((text(&model.members, "Name")?.to_owned(), schema))
    };
    models.iter().filter_map(schema).collect()
}

/// The first of an API's models that nothing could be held against: its name, and why.
pub(crate) fn broken_model(models: &[Arc<Child>]) -> Option<(String, String)> {
    let all = schemas(models);
    all.keys().find_map(|name| Some((name.clone(), crate::schema::compile(name, &all).err()?)))
}

impl Models {
    /// From a route's members and the models of its API.
    pub fn new(route: &Map<String, Value>, models: &[Arc<Child>]) -> Self {
        let all = schemas(models);
        let named = route.get("RequestModels").and_then(Value::as_object).into_iter().flatten();
        let by_key =
            named.filter_map(|(key, name)| Some((key.clone(), crate::schema::compile(name.as_str()?, &all))));
        Self {
            selection: text(route, "ModelSelectionExpression").map(str::to_owned),
            by_key: by_key.collect(),
        }
    }

    /// Whether a message fits the model that is chosen for it; where none is, it does.
    pub fn check(
        &self,
        body: Option<&Value>,
        context: &Map<String, Value>,
        stage: &SocketStage,
    ) -> Result<(), Refused> {
        if self.by_key.is_empty() {
            return Ok(());
        }
        let view = View { body, status: None, context, variables: &stage.variables };
        let selected = self.selection.as_deref().and_then(|it| selection::evaluate(it, &view));
        let named = |key: &str| self.by_key.iter().find(|(own, _)| own == key).map(|(_, schema)| schema);
        let Some(schema) = selected.as_deref().and_then(named).or_else(|| named("$default")) else {
            return Ok(());
        };
        match (schema, body) {
            (Ok(schema), Some(body)) if schema.check(body).is_empty() => Ok(()),
            _ => Err(INVALID_BODY),
        }
    }
}
