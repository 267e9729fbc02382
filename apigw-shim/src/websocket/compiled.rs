//! What is made of a WebSocket API's stage once, so that messages find it ready.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use runtime::{LogStream, Scope};
use serde_json::{Map, Value};
use vtl::Template;

use super::{
    admission::{Models, Place, parameter},
    execution_log::RouteLogging,
};
use crate::{
    apis::Live,
    authorizer::Authorizer,
    http_api::{
        compiled::access_log,
        record::{Api, Child, Deployment, Integration, Route, Stage, text},
        throttle::Bucket,
    },
    integrate::vpc_link::Link,
    rest_api::{
        access_log::AccessLog,
        integration_kind::{Kind, aws_kind},
    },
};

/// The longest time an integration has.
const TIMEOUT: u64 = 29_000;

/// A stage that takes connections.
pub(crate) struct SocketStage {
    pub scope: Scope,
    pub name: Arc<str>,
    pub variables: BTreeMap<String, String>,
    pub is_disabled: bool,
    /// The route selection expression.
    pub selection: String,
    /// Where API keys are.
    pub key_selection: String,
    pub access_log: Option<AccessLog>,
    /// What is logged of what has no route.
    pub logging: RouteLogging,
    pub execution_log: OnceLock<Arc<dyn LogStream>>,
    /// The certificate that servers are shown.
    pub client_certificate: Option<String>,
    routes: HashMap<String, Arc<SocketRoute>>,
}

pub(crate) struct SocketRoute {
    pub key: String,
    pub authorization: Authorization,
    pub limits: Option<Bucket>,
    pub logging: RouteLogging,
    pub needs_api_key: bool,
    /// What requests to connect must have.
    pub required: Vec<(Place, String)>,
    pub models: Models,
    /// Whether what the integration answers goes back to the client.
    pub responds: bool,
    /// Absent where the route has none that works: why.
    pub integration: Result<SocketIntegration, String>,
}

/// Who may open a connection.
pub(crate) enum Authorization {
    Anybody,
    Signed,
    Custom(Result<Arc<Authorizer>, String>),
}

pub(crate) struct SocketIntegration {
    pub kind: Kind,
    pub method: Option<String>,
    pub timeout: Duration,
    /// The VPC link that it goes through.
    pub link: Option<Link>,
    pub templates: Templates,
    pub passthrough: String,
    /// What becomes of the message before it is sent.
    pub handling: Option<ContentHandling>,
    /// What `integration.request.header.x` and its like are set to.
    pub parameters: Vec<(String, String)>,
    pub response_selection: String,
    pub responses: Vec<SocketResponse>,
}

/// How an integration's answer becomes the client's.
pub(crate) struct SocketResponse {
    pub key: Key,
    pub templates: Templates,
    /// What becomes of the answer first.
    pub handling: Option<ContentHandling>,
}

/// Between texts in base64 and what they stand for: messages of clients are texts always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentHandling {
    ToBinary,
    ToText,
}

impl ContentHandling {
    fn of(members: &Map<String, Value>) -> Option<Self> {
        match text(members, "ContentHandlingStrategy") {
            Some("CONVERT_TO_BINARY") => Some(Self::ToBinary),
            Some("CONVERT_TO_TEXT") => Some(Self::ToText),
            _ => None,
        }
    }
}

/// Templates by what a selection expression gives.
#[derive(Default)]
pub(crate) struct Templates {
    pub selection: Option<String>,
    pub by_key: Vec<(String, Template)>,
}

/// What an integration response is chosen by.
pub(crate) enum Key {
    Default,
    Pattern(fancy_regex::Regex),
}

impl SocketStage {
    pub fn new(live: &Live, api: &Api, stage: &Stage, deployment: Option<&Deployment>) -> Self {
        let compile = |deployment: &Deployment, route: &Route| {
            let key = text(&route.members, "RouteKey").unwrap_or_default().to_owned();
            (key.clone(), Arc::new(compile_route(stage, deployment, route, key)))
        };
        let routes = deployment
            .into_iter()
            .flat_map(|deployment| deployment.routes.iter().map(move |route| compile(deployment, route)));
        Self {
            scope: live.scope.clone(),
            name: stage.name.as_str().into(),
            variables: stage.variables.clone(),
            is_disabled: api.members.get("DisableExecuteApiEndpoint") == Some(&Value::Bool(true)),
            selection: text(&api.members, "RouteSelectionExpression").unwrap_or_default().to_owned(),
            key_selection: text(&api.members, "ApiKeySelectionExpression").unwrap_or_default().to_owned(),
            access_log: access_log(&live.scope, &stage.members),
            logging: RouteLogging::of(&stage.members, ""),
            execution_log: OnceLock::new(),
            client_certificate: text(&stage.members, "ClientCertificateId").map(str::to_owned),
            routes: routes.collect(),
        }
    }

    pub fn route(&self, key: &str) -> Option<Arc<SocketRoute>> {
        self.routes.get(key).map(Arc::clone)
    }

    /// Forgets what authorizers said.
    pub fn reset_authorizers(&self) {
        for route in self.routes.values() {
            if let Authorization::Custom(Ok(authorizer)) = &route.authorization {
                authorizer.reset();
            }
        }
    }
}

fn compile_route(stage: &Stage, deployment: &Deployment, route: &Route, key: String) -> SocketRoute {
    let members = &route.members;
    let authorization = match text(members, "AuthorizationType") {
        Some("AWS_IAM") => Authorization::Signed,
        Some("CUSTOM") => {
            let id = text(members, "AuthorizerId").unwrap_or_default();
            let found = deployment.authorizers.iter().find(|authorizer| authorizer.id == id);
            let found = found.ok_or_else(|| format!("the route {key} has no authorizer"));
            Authorization::Custom(found.and_then(|found| Authorizer::new(found)).map(Arc::new))
        }
        _ => Authorization::Anybody,
    };
    let responses = deployment.route_responses.iter();
    let has_response = responses
        .filter(|response| response.parent.as_deref() == Some(&route.id))
        .any(|response| text(&response.members, "RouteResponseKey") == Some("$default"));
    let target = text(members, "Target").and_then(|target| target.strip_prefix("integrations/"));
    let integration = deployment.integrations.iter().find(|integration| Some(&*integration.id) == target);
    let responses: Vec<&Child> = deployment
        .integration_responses
        .iter()
        .filter(|response| response.parent.as_deref() == target)
        .map(|response| &**response)
        .collect();
    SocketRoute {
        authorization,
        limits: Bucket::of(&stage.members, &key),
        logging: RouteLogging::of(&stage.members, &key),
        needs_api_key: members.get("ApiKeyRequired") == Some(&Value::Bool(true)),
        required: required(members),
        models: Models::new(members, &deployment.models),
        responds: has_response && text(members, "RouteResponseSelectionExpression").is_some(),
        integration: integration
            .ok_or_else(|| format!("the route {key} has no integration"))
            .and_then(|integration| compile_integration(integration, &responses)),
        key,
    }
}

fn required(members: &Map<String, Value>) -> Vec<(Place, String)> {
    let all = members.get("RequestParameters").and_then(Value::as_object).into_iter().flatten();
    let wanted = all.filter(|(_, of)| of.get("Required") == Some(&Value::Bool(true)));
    wanted.filter_map(|(key, _)| parameter(key).map(|(place, name)| (place, name.to_owned()))).collect()
}

fn compile_integration(integration: &Integration, responses: &[&Child]) -> Result<SocketIntegration, String> {
    let members = &integration.members;
    let uri = text(members, "IntegrationUri").unwrap_or_default();
    let kind = match text(members, "IntegrationType") {
        Some("MOCK") => Kind::Mock,
        Some("HTTP") => Kind::Http { uri: uri.to_owned(), is_proxy: false },
        Some("HTTP_PROXY") => Kind::Http { uri: uri.to_owned(), is_proxy: true },
        Some("AWS_PROXY") => {
            Kind::LambdaProxy { function: crate::http_api::compiled::function(uri).to_owned() }
        }
        Some("AWS") => aws_kind(uri, false)?,
        other => return Err(format!("there is no integration of type {}", other.unwrap_or_default())),
    };
    let by_message = matches!(kind, Kind::Lambda { .. } | Kind::LambdaProxy { .. });
    let default_selection = if by_message {
        "${integration.response.body.errorMessage}"
    } else {
        "${integration.response.statuscode}"
    };
    let selection = text(members, "IntegrationResponseSelectionExpression").unwrap_or(default_selection);
    let timeout = members.get("TimeoutInMillis").and_then(Value::as_u64).unwrap_or(TIMEOUT);
    let parameters = members.get("RequestParameters").and_then(Value::as_object).into_iter().flatten();
    Ok(SocketIntegration {
        kind,
        method: text(members, "IntegrationMethod").map(str::to_owned),
        timeout: Duration::from_millis(timeout),
        link: text(members, "ConnectionId").map(|id| Link { id: id.to_owned(), target: None }),
        templates: templates(members, "RequestTemplates")?,
        handling: ContentHandling::of(members),
        passthrough: text(members, "PassthroughBehavior").unwrap_or("WHEN_NO_MATCH").to_owned(),
        parameters: parameters
            .filter_map(|(target, source)| Some((target.clone(), source.as_str()?.to_owned())))
            .collect(),
        response_selection: selection.to_owned(),
        responses: responses.iter().map(|response| compile_response(response)).collect::<Result<_, _>>()?,
    })
}

fn compile_response(response: &Child) -> Result<SocketResponse, String> {
    let key = text(&response.members, "IntegrationResponseKey").unwrap_or("$default");
    let key = if key == "$default" { Key::Default } else { Key::Pattern(pattern(key)?) };
    let templates = templates(&response.members, "ResponseTemplates")?;
    Ok(SocketResponse { key, templates, handling: ContentHandling::of(&response.members) })
}

/// `/4\d\d/`, which must match the whole text.
pub(crate) fn pattern(key: &str) -> Result<fancy_regex::Regex, String> {
    let inner = key.strip_prefix('/').and_then(|key| key.strip_suffix('/')).unwrap_or(key);
    fancy_regex::Regex::new(&format!(r"(?s)\A(?:{inner})\z")).map_err(|error| error.to_string())
}

fn templates(members: &Map<String, Value>, name: &str) -> Result<Templates, String> {
    let all = members.get(name).and_then(Value::as_object).into_iter().flatten();
    let parse = |(key, template): (&String, &Value)| {
        let template = template.as_str().unwrap_or_default();
        let parsed = Template::parse(template).map_err(|error| format!("the template {key}: {error}"))?;
        Ok::<_, String>((key.clone(), parsed))
    };
    Ok(Templates {
        selection: text(members, "TemplateSelectionExpression").map(str::to_owned),
        by_key: all.map(parse).collect::<Result<_, _>>()?,
    })
}
