//! What is made of a stage once, so that requests find it ready.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use proxy_events::{Cors, PayloadVersion};
use runtime::Scope;
use serde_json::{Map, Value};

use super::{
    parameters::Change,
    record::{Api, Deployment, Integration, Stage, text},
    subtype::{self, Subtype},
    throttle::Bucket,
};
use crate::{
    apis::Live,
    authorizer::Authorizer,
    rest_api::{access_log::AccessLog, record, trie::Trie},
};

/// The longest time an integration has.
const TIMEOUT: u64 = 30_000;

/// A stage that answers requests.
pub(crate) struct HttpStage {
    pub api_id: String,
    pub scope: Scope,
    pub name: String,
    pub variables: BTreeMap<String, String>,
    pub is_disabled: bool,
    pub cors: Option<Cors>,
    pub access_log: Option<AccessLog>,
    authorizers: Vec<Arc<Authorizer>>,
    routes: Trie<HashMap<String, Arc<CompiledRoute>>>,
    default: Option<Arc<CompiledRoute>>,
}

pub(crate) struct CompiledRoute {
    /// `GET /orders/{id}` or `$default`.
    pub key: String,
    pub authorization: Authorization,
    pub limits: Option<Bucket>,
    /// Absent where the route has none that works: why.
    pub integration: Result<CompiledIntegration, String>,
}

pub(crate) struct CompiledIntegration {
    pub kind: Kind,
    pub timeout: Duration,
    /// What is changed of requests before they are sent.
    pub request: Vec<Change>,
    /// What is changed of answers, by their status.
    pub response: HashMap<u16, Vec<Change>>,
}

/// Who may use a route.
pub(crate) enum Authorization {
    Anybody,
    Signed,
    /// By a token or a function, and the scopes of which a token must have one.
    By(Result<Arc<Authorizer>, String>, Vec<String>),
}

/// What stands behind a route.
pub(crate) enum Kind {
    Lambda { function: String, payload: PayloadVersion },
    Http(Target),
    Service { subtype: &'static Subtype, parameters: Vec<(String, String)> },
}

/// A server.
pub(crate) struct Target {
    /// Its address, or the ARN of what is behind a VPC link.
    pub uri: String,
    pub method: String,
    /// Whether it has a `TlsConfig`, so that nothing is sent in the clear.
    pub is_secure: bool,
    /// The name that its certificate must have, where it is not the address's.
    pub server_name: Option<String>,
}

/// A route found, with its path's variables.
pub(crate) struct Matched {
    pub route: Arc<CompiledRoute>,
    pub parameters: Vec<(String, String)>,
    /// What went wrong behind the route, for logs.
    pub failure: OnceLock<String>,
    /// The id that Lambda, or another service, gave the integration's request.
    pub endpoint_request: OnceLock<Arc<str>>,
}

impl HttpStage {
    pub fn new(live: &Live, api: &Api, stage: &Stage, deployment: Option<&Deployment>) -> Self {
        let mut routes: Trie<HashMap<String, Arc<CompiledRoute>>> = Trie::default();
        let mut default = None;
        let all = deployment.iter().flat_map(|deployment| &deployment.authorizers);
        let made: Vec<(&str, Result<Arc<Authorizer>, String>)> =
            all.map(|record| (record.id.as_str(), Authorizer::new(record).map(Arc::new))).collect();
        for route in deployment.iter().flat_map(|deployment| &deployment.routes) {
            let key = text(&route.members, "RouteKey").unwrap_or_default().to_owned();
            let target =
                text(&route.members, "Target").and_then(|target| target.strip_prefix("integrations/"));
            let found = target.and_then(|id| {
                deployment.iter().flat_map(|it| &it.integrations).find(|integration| integration.id == id)
            });
            let compiled = Arc::new(CompiledRoute {
                authorization: authorization(&route.members, &made),
                limits: Bucket::of(&stage.members, &key),
                integration: found
                    .ok_or_else(|| format!("the route {key} has no integration"))
                    .and_then(|it| compile(it)),
                key: key.clone(),
            });
            match key.split_once(' ') {
                Some((method, path)) => {
                    let names = crate::rest_api::trie::names(path);
                    let (methods, _) = routes.entry(path).get_or_insert_with(|| (HashMap::new(), names));
                    methods.insert(method.to_owned(), compiled);
                }
                None => default = Some(compiled),
            }
        }
        Self {
            api_id: live.id.clone(),
            scope: live.scope.clone(),
            name: stage.name.clone(),
            variables: stage.variables.clone(),
            is_disabled: api.members.get("DisableExecuteApiEndpoint") == Some(&Value::Bool(true)),
            cors: api.members.get("CorsConfiguration").map(Cors::new),
            access_log: access_log(&live.scope, &stage.members),
            authorizers: made.iter().filter_map(|(_, made)| made.as_ref().ok().map(Arc::clone)).collect(),
            routes,
            default,
        }
    }

    /// Forgets what authorizers said.
    pub fn reset_authorizers(&self) {
        for authorizer in &self.authorizers {
            authorizer.reset();
        }
    }

    /// The most specific route with that method or any, else `$default`.
    pub fn find(&self, method: &str, path: &str) -> Option<Matched> {
        let takes = |methods: &HashMap<String, Arc<CompiledRoute>>| {
            methods.contains_key(method) || methods.contains_key("ANY")
        };
        let found = self.routes.find(path, takes).and_then(|found| {
            let route = found.value.get(method).or_else(|| found.value.get("ANY"))?;
            Some((route, found.parameters))
        });
        let (route, parameters) = found.or_else(|| Some((self.default.as_ref()?, Vec::new())))?;
        Some(Matched {
            route: Arc::clone(route),
            parameters,
            failure: OnceLock::new(),
            endpoint_request: OnceLock::new(),
        })
    }
}

fn authorization(
    members: &Map<String, Value>,
    made: &[(&str, Result<Arc<Authorizer>, String>)],
) -> Authorization {
    match text(members, "AuthorizationType") {
        Some("AWS_IAM") => Authorization::Signed,
        Some("JWT" | "CUSTOM") => {
            let id = text(members, "AuthorizerId").unwrap_or_default();
            let found = made.iter().find(|(own, _)| *own == id).map(|(_, made)| made.clone());
            let scopes = members.get("AuthorizationScopes").and_then(Value::as_array).into_iter().flatten();
            let scopes = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
            Authorization::By(found.unwrap_or_else(|| Err(format!("there is no authorizer {id}"))), scopes)
        }
        _ => Authorization::Anybody,
    }
}

pub(crate) fn compile(integration: &Integration) -> Result<CompiledIntegration, String> {
    let members = &integration.members;
    let uri = text(members, "IntegrationUri").unwrap_or_default();
    let timeout = members.get("TimeoutInMillis").and_then(Value::as_u64).unwrap_or(TIMEOUT);
    let parameters: Vec<(String, String)> = texts(members.get("RequestParameters"));
    let subtype = text(members, "IntegrationSubtype");
    let mut request = Vec::new();
    if subtype.is_none() {
        for (target, source) in &parameters {
            request.push(Change::of_request(target, source).map_err(|error| error.to_string())?);
        }
    }
    let kind = match text(members, "IntegrationType") {
        Some("AWS_PROXY") if subtype.is_some() => {
            let name = subtype.unwrap_or_default();
            let subtype = subtype::find(name).ok_or_else(|| format!("there is no subtype {name}"))?;
            Kind::Service { subtype, parameters }
        }
        Some("AWS_PROXY") => Kind::Lambda {
            function: function(uri).to_owned(),
            payload: match text(members, "PayloadFormatVersion") {
                Some("2.0") => PayloadVersion::V2,
                _ => PayloadVersion::V1,
            },
        },
        Some("HTTP_PROXY") => Kind::Http(Target {
            uri: uri.to_owned(),
            method: text(members, "IntegrationMethod").unwrap_or("ANY").to_owned(),
            is_secure: members.contains_key("TlsConfig"),
            server_name: members.get("TlsConfig").and_then(server_name).map(str::to_owned),
        }),
        other => return Err(format!("there is no integration of type {}", other.unwrap_or_default())),
    };
    let mut response = HashMap::new();
    let all = members.get("ResponseParameters").and_then(Value::as_object).into_iter().flatten();
    for (status, changes) in all {
        let status = status.parse().map_err(|_| format!("{status} is no status"))?;
        let changes = texts(Some(changes));
        let changes = changes.iter().map(|(target, source)| Change::of_response(target, source));
        let changes = changes.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        response.insert(status, changes);
    }
    Ok(CompiledIntegration { kind, timeout: Duration::from_millis(timeout), request, response })
}

/// The name in a `TlsConfig`.
pub(crate) fn server_name(config: &Value) -> Option<&str> {
    config.get("ServerNameToVerify")?.as_str().filter(|name| !name.is_empty())
}

fn texts(value: Option<&Value>) -> Vec<(String, String)> {
    let all = value.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The access log that a stage's settings ask for.
pub(crate) fn access_log(scope: &Scope, members: &Map<String, Value>) -> Option<AccessLog> {
    let settings = members.get("AccessLogSettings")?;
    let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::to_owned);
    let record = record::AccessLog { format: text("Format"), destination_arn: text("DestinationArn") };
    AccessLog::new(scope, &record)
}

/// The function in an integration's URI: its ARN, bare or in the form that REST APIs use.
pub(crate) fn function(uri: &str) -> &str {
    let behind = uri.split_once(":path/2015-03-31/functions/").map(|(_, rest)| rest);
    behind.and_then(|rest| rest.strip_suffix("/invocations")).unwrap_or(uri)
}
