//! What is made of a deployment once, so that requests find it ready: a tree of paths, parsed templates and mappings.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use fancy_regex::Regex;
use runtime::{LogStream, Scope};
use vtl::Template;

use super::{
    access_log::AccessLog,
    authorize::{Authorization, CompiledAuthorizer},
    cache::Cache,
    gateway_response::Customized,
    integration_kind::{Kind, kind},
    record::{
        Deployment, Integration, IntegrationResponse, Method, Model, Resource, RestApi, Snapshot, Stage,
        Texts,
    },
    settings::Settings,
    trie::Trie,
};
use crate::{
    apis::Live,
    integrate::vpc_link::Link,
    mapping::parameters::{Mapping, Source},
    policy::Policy,
    schema::{self, Schema},
};

/// A stage that answers requests.
pub(crate) struct RestStage {
    pub api_id: String,
    pub scope: Scope,
    pub name: String,
    pub variables: Option<Texts>,
    pub deployment_id: String,
    /// `disableExecuteApiEndpoint`.
    pub is_disabled: bool,
    pub minimum_compression_size: Option<u32>,
    /// Whether this is the part of a stage that a canary answers.
    pub is_canary: bool,
    /// Whether clients reach the API through edge locations.
    pub is_edge: bool,
    /// Whether integrations are told that the request is traced.
    pub is_traced: bool,
    /// The certificate that servers behind the stage are shown.
    pub client_certificate: Option<String>,
    /// What the stage keeps of answers, where it does.
    pub cache: Option<Arc<Cache>>,
    pub canary: Option<Box<CanaryStage>>,
    pub settings: Settings,
    pub access_log: Option<AccessLog>,
    pub execution_log: OnceLock<Arc<dyn LogStream>>,
    pub api: Arc<CompiledApi>,
}

/// A second deployment, and the share of requests it gets.
pub(crate) struct CanaryStage {
    pub percent: f64,
    pub stage: Arc<RestStage>,
}

/// A deployment.
pub(crate) struct CompiledApi {
    /// Resources that have methods, by their paths.
    pub routes: Trie<Arc<CompiledResource>>,
    pub gateway_responses: Customized,
    pub binary_media_types: Vec<String>,
    pub policy: Option<Policy>,
    /// Whether the API key is the authorizer's to name.
    pub key_from_authorizer: bool,
}

pub(crate) struct CompiledResource {
    pub id: String,
    pub path: String,
    methods: HashMap<String, Arc<CompiledMethod>>,
}

impl CompiledResource {
    /// The method of that name, or the one for any that API Gateway has.
    pub fn method(&self, name: &str) -> Option<&Arc<CompiledMethod>> {
        const ANY: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
        let any = || self.methods.get("ANY").filter(|_| ANY.contains(&name));
        self.methods.get(name).or_else(any)
    }
}

pub(crate) struct CompiledMethod {
    /// `/path/GET`.
    pub key: String,
    pub authorization: Authorization,
    pub needs_api_key: bool,
    pub validation: Validation,
    /// The statuses it may answer, with the headers it may set.
    pub responses: HashMap<String, Vec<String>>,
    /// Absent where the integration cannot work as it was deployed: why.
    pub integration: Result<CompiledIntegration, String>,
}

/// What a request must have before anything is done with it.
#[derive(Default)]
pub(crate) struct Validation {
    /// `querystring`, `header` or `path`, and a name.
    pub required: Vec<(String, String)>,
    /// The models of bodies by content type, where bodies are validated.
    pub models: Vec<(String, Result<Arc<Schema>, String>)>,
}

pub(crate) struct CompiledIntegration {
    pub kind: Kind,
    pub http_method: Option<String>,
    pub parameters: Vec<Mapping>,
    pub templates: Vec<(String, Template)>,
    pub passthrough: Passthrough,
    pub content_handling: Option<ContentHandling>,
    pub timeout: Duration,
    /// `responseTransferMode` is `STREAM`.
    pub streams: bool,
    /// Whether any issuer of the server's certificate is good enough.
    pub any_issuer: bool,
    /// The VPC link that it goes through.
    pub link: Option<Link>,
    pub cache_namespace: String,
    /// The parameters that tell requests to the cache apart.
    pub cache_key: Vec<Source>,
    pub responses: Vec<CompiledResponse>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passthrough {
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentHandling {
    ToText,
    ToBinary,
}

pub(crate) struct CompiledResponse {
    pub status: u16,
    /// Absent for the default.
    pub pattern: Option<Regex>,
    pub parameters: Vec<(String, Source)>,
    pub templates: Vec<(String, Template)>,
    pub content_handling: Option<ContentHandling>,
}

impl RestStage {
    pub fn new(
        live: &Live,
        api: &RestApi,
        stage: &Stage,
        deployment: &Deployment,
        canary: Option<&Deployment>,
        kept: Option<Arc<Cache>>,
        shared: impl Fn(&Deployment) -> Option<Arc<CompiledApi>>,
    ) -> Self {
        let compiled = |deployment: &Deployment| {
            shared(deployment).unwrap_or_else(|| Arc::new(CompiledApi::new(deployment)))
        };
        let mut own = Self::plain(live, api, stage, &deployment.id, compiled(deployment));
        if own.cache.is_some() && kept.is_some() {
            own.cache = kept;
        }
        if let Some((settings, deployment)) = stage.canary_settings.as_ref().zip(canary) {
            // A canary of the deployment that the stage has already shares what is compiled of it.
            let shares = deployment.id == own.deployment_id;
            let api_of = if shares { Arc::clone(&own.api) } else { compiled(deployment) };
            let mut part = Self::plain(live, api, stage, &deployment.id, api_of);
            if let Some(overrides) = &settings.stage_variable_overrides {
                part.variables.get_or_insert_default().extend(overrides.clone());
            }
            part.is_canary = true;
            if settings.use_stage_cache {
                part.cache.clone_from(&own.cache);
            }
            own.canary =
                Some(Box::new(CanaryStage { percent: settings.percent_traffic, stage: Arc::new(part) }));
        }
        own
    }

    fn plain(
        live: &Live,
        api: &RestApi,
        stage: &Stage,
        deployment: &str,
        compiled: Arc<CompiledApi>,
    ) -> Self {
        Self {
            api_id: live.id.clone(),
            scope: live.scope.clone(),
            name: stage.stage_name.clone(),
            variables: stage.variables.clone(),
            deployment_id: deployment.to_owned(),
            is_disabled: api.disable_execute_api_endpoint,
            minimum_compression_size: api.minimum_compression_size,
            is_canary: false,
            is_edge: api.endpoint_type == "EDGE",
            is_traced: stage.tracing_enabled,
            client_certificate: stage.client_certificate_id.clone(),
            cache: stage.cache_cluster_enabled.then(Arc::default),
            canary: None,
            settings: Settings::new(&stage.method_settings),
            access_log: stage.access_log_settings.as_ref().and_then(|log| AccessLog::new(&live.scope, log)),
            execution_log: OnceLock::new(),
            api: compiled,
        }
    }

    /// The part of the stage that answers a request: the canary its share of them.
    pub fn part(self: &Arc<Self>) -> Arc<Self> {
        let Some(canary) = &self.canary else { return Arc::clone(self) };
        // The keys of a hasher are random, so what it makes of nothing is too.
        let random = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
        #[expect(clippy::cast_precision_loss, reason = "hundredths of percents are enough")]
        let drawn = (std::hash::Hasher::finish(&random) % 10_000) as f64 / 100.0;
        Arc::clone(if drawn < canary.percent { &canary.stage } else { self })
    }

    /// Whether this is the stage of one try, which nobody has deployed.
    pub fn is_test(&self) -> bool {
        self.deployment_id.is_empty()
    }

    /// Whether the stage's settings let one more request to the method in now.
    pub fn admits(&self, method: &str, now: runtime::Timestamp) -> bool {
        self.settings.admits(method, now)
    }
}

impl CompiledApi {
    pub fn new(deployment: &Deployment) -> Self {
        let snapshot = &deployment.snapshot;
        let mut compiler = Compiler::new(snapshot);
        let mut routes = Trie::default();
        for resource in snapshot.resources.iter().filter(|resource| !resource.resource_methods.is_empty()) {
            routes.insert(&resource.path, Arc::new(compiler.resource(resource)));
        }
        Self {
            routes,
            gateway_responses: snapshot.gateway_responses.clone(),
            binary_media_types: snapshot.binary_media_types.clone(),
            policy: snapshot.policy.as_deref().map(|policy| readable(&deployment.id, policy)),
            key_from_authorizer: snapshot.api_key_source == "AUTHORIZER",
        }
    }
}

/// A deployment's policy. One that an earlier version took and this one does not keeps everybody out, not nobody.
fn readable(deployment: &str, policy: &str) -> Policy {
    Policy::parse(policy).unwrap_or_else(|error| {
        tracing::warn!(deployment, "the API's resource policy cannot be read, so nobody is let in: {error}");
        Policy::closed()
    })
}

/// What methods need of the rest of their API.
struct Compiler<'s> {
    snapshot: &'s Snapshot,
    /// The models' schemas, as far as they are JSON.
    models: BTreeMap<String, serde_json::Value>,
    /// Those that methods have needed.
    schemas: HashMap<String, Result<Arc<Schema>, String>>,
}

impl<'s> Compiler<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let models = snapshot.models.iter();
        let parse = |model: &Model| Some((model.name.clone(), serde_json::from_str(&model.schema).ok()?));
        Self { snapshot, models: models.filter_map(parse).collect(), schemas: HashMap::new() }
    }

    fn resource(&mut self, resource: &Resource) -> CompiledResource {
        let methods = resource.resource_methods.iter();
        CompiledResource {
            id: resource.id.clone(),
            path: resource.path.clone(),
            methods: methods
                .map(|(name, method)| {
                    let key = format!("{}/{name}", resource.path);
                    (name.clone(), Arc::new(self.method(method, key)))
                })
                .collect(),
        }
    }

    fn method(&mut self, method: &Method, key: String) -> CompiledMethod {
        let headers = |parameters: &Option<super::record::Flags>| {
            let names = parameters.iter().flatten().map(|(name, _)| name.clone());
            names.collect::<Vec<String>>()
        };
        let responses = method.method_responses.iter();
        let integration =
            method.method_integration.as_ref().ok_or_else(|| String::from("no integration is defined"));
        CompiledMethod {
            key,
            authorization: self.authorization(method),
            needs_api_key: method.api_key_required,
            validation: self.validation(method),
            responses: responses
                .map(|(status, response)| (status.clone(), headers(&response.response_parameters)))
                .collect(),
            integration: integration.and_then(compile_integration),
        }
    }

    fn authorization(&self, method: &Method) -> Authorization {
        match method.authorization_type.as_str() {
            "NONE" => Authorization::None,
            "AWS_IAM" => Authorization::Iam,
            kind => {
                let mut all = self.snapshot.authorizers.iter();
                let found = all.find(|known| Some(&known.id) == method.authorizer_id.as_ref());
                let found = found.ok_or_else(|| format!("there is no authorizer for {kind}"));
                match found.and_then(CompiledAuthorizer::new) {
                    Ok(authorizer) => {
                        Authorization::Authorizer(Arc::new(authorizer), method.authorization_scopes.clone())
                    }
                    Err(reason) => Authorization::Broken(reason),
                }
            }
        }
    }

    fn validation(&mut self, method: &Method) -> Validation {
        let mut validation = Validation::default();
        let wanted = method.request_validator_id.as_ref();
        let mut validators = self.snapshot.request_validators.iter();
        let Some(validator) = validators.find(|known| wanted == Some(&known.id)) else {
            return validation;
        };
        if validator.validate_request_parameters {
            let required =
                method.request_parameters.iter().flatten().filter(|(_, is_required)| **is_required);
            let split = |name: &String| {
                let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
                Some((place.to_owned(), name.to_owned()))
            };
            validation.required = required.filter_map(|(name, _)| split(name)).collect();
        }
        if validator.validate_request_body {
            let models = method.request_models.iter().flatten();
            validation.models =
                models.map(|(content_type, model)| (content_type.clone(), self.schema(model))).collect();
        }
        validation
    }

    fn schema(&mut self, model: &str) -> Result<Arc<Schema>, String> {
        let models = &self.models;
        let compiled = self.schemas.entry(model.to_owned());
        compiled.or_insert_with(|| schema::compile(model, models).map(Arc::new)).clone()
    }
}

fn compile_integration(integration: &Integration) -> Result<CompiledIntegration, String> {
    let parameters = integration.request_parameters.iter().flatten();
    let responses = integration.integration_responses.values();
    Ok(CompiledIntegration {
        kind: kind(integration)?,
        http_method: integration.http_method.clone(),
        parameters: parameters
            .map(|(target, source)| Mapping::parse(target, source))
            .collect::<Result<_, _>>()?,
        templates: templates(integration.request_templates.as_ref())?,
        passthrough: match integration.passthrough_behavior.as_str() {
            "WHEN_NO_TEMPLATES" => Passthrough::WhenNoTemplates,
            "NEVER" => Passthrough::Never,
            _ => Passthrough::WhenNoMatch,
        },
        content_handling: content_handling(integration.content_handling.as_deref()),
        timeout: Duration::from_millis(integration.timeout_in_millis),
        streams: integration.response_transfer_mode.as_deref() == Some("STREAM"),
        any_issuer: integration.tls_config.as_ref().is_some_and(|tls| tls.insecure_skip_verification),
        link: link(integration),
        cache_namespace: integration.cache_namespace.clone(),
        cache_key: cache_key(integration)?,
        responses: responses.map(compile_response).collect::<Result<_, _>>()?,
    })
}

fn link(integration: &Integration) -> Option<Link> {
    let id = integration.connection_id.clone()?;
    let is_linked = integration.connection_type.as_deref() == Some("VPC_LINK");
    is_linked.then(|| Link { id, target: integration.integration_target.clone() })
}

/// The sources of the cache's key: parameters of the method, or of the integration as they are mapped to.
pub(crate) fn cache_key(integration: &Integration) -> Result<Vec<Source>, String> {
    let source = |name: &String| {
        let mapped = integration.request_parameters.iter().flatten().find(|(target, _)| *target == name);
        Source::parse_request(mapped.map_or(name, |(_, source)| source))
    };
    integration.cache_key_parameters.iter().map(source).collect()
}

fn compile_response(response: &IntegrationResponse) -> Result<CompiledResponse, String> {
    let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let parameters = response.response_parameters.iter().flatten();
    Ok(CompiledResponse {
        status: response
            .status_code
            .parse()
            .map_err(|_| format!("'{}' is no status", response.status_code))?,
        pattern: match pattern {
            // A pattern must match the whole text, in which a dot is any character.
            Some(pattern) => {
                Some(Regex::new(&format!(r"(?s)\A(?:{pattern})\z")).map_err(|error| error.to_string())?)
            }
            None => None,
        },
        parameters: parameters
            .map(|(target, source)| Ok((target.clone(), Source::parse_response(source)?)))
            .collect::<Result<_, String>>()?,
        templates: templates(response.response_templates.as_ref())?,
        content_handling: content_handling(response.content_handling.as_deref()),
    })
}

fn templates(templates: Option<&Texts>) -> Result<Vec<(String, Template)>, String> {
    let parse = |(content_type, template): (&String, &String)| {
        let parsed =
            Template::parse(template).map_err(|error| format!("the template for {content_type}: {error}"))?;
        Ok((content_type.clone(), parsed))
    };
    templates.into_iter().flatten().map(parse).collect()
}

fn content_handling(text: Option<&str>) -> Option<ContentHandling> {
    match text {
        Some("CONVERT_TO_TEXT") => Some(ContentHandling::ToText),
        Some("CONVERT_TO_BINARY") => Some(ContentHandling::ToBinary),
        _ => None,
    }
}
