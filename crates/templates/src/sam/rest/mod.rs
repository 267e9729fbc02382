//! `AWS::Serverless::Api`: what events write into its document, what it says there itself, and the resources it becomes.
//!
//! Its parts are as those of the real transform, in the same order: events first, each as its function or state machine
//! comes, then the API's own properties over all of them.

mod authorizer;
mod cors;
mod operation;
mod policy;
mod resources;
mod security;
mod usage_plan;

use serde_json::{Map, Value, json};

use super::{
    Made, Serverless,
    document::{self, INTEGRATION, has_integration},
    event::Event,
    intrinsic::{entries, is_said, plain_map, put, said, slot, with_parameters},
};
use crate::{Known, Refusals};

const KNOWN: &[&str] = &[
    "AccessLogSetting",
    // Holds anyway: a deployment of the template makes a deployment of the API, whatever has changed.
    "AlwaysDeploy",
    "ApiKeySourceType",
    "Auth",
    "BinaryMediaTypes",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "Cors",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "EndpointAccessMode",
    "EndpointConfiguration",
    "FailOnWarnings",
    "GatewayResponses",
    "MergeDefinitions",
    "MethodSettings",
    "MinimumCompressionSize",
    "Mode",
    "Models",
    "Name",
    "OpenApiVersion",
    "Policy",
    "PropagateTags",
    "SecurityPolicy",
    "StageName",
    "Tags",
    "TracingEnabled",
    "Variables",
];

/// A REST API on its way.
pub(super) struct RestApi {
    pub(super) id: String,
    found: Serverless,
    document: Option<Value>,
    /// Events write into the document: it is the transform's own.
    is_managed: bool,
    /// What of its events has no effect.
    notices: Refusals,
}

/// What the events of a function or a state machine may say of a method that the transform writes.
const OF_METHOD: &[&str] = &[
    "Auth",
    "RequestModel",
    "RequestParameters",
    "ResponseTransferMode",
    "TimeoutInMillis",
    "UnescapeMappingTemplate",
];
/// Why an event writes nothing into a document.
const OWN_DOCUMENT: &str = "the API has a document of its own, which has to say it itself";

/// Who answers an event's method.
pub(super) enum Caller {
    /// A function, by the ARN in an integration's text.
    Function { arn: String },
    /// A state machine: the operation that starts it.
    StateMachine { operation: Value },
}

pub(super) fn refuse(refusals: &mut Refusals, place: &str, name: &str) {
    refusals.add(format!("{place}.{name}"), "Tule does not apply this property of AWS::Serverless::Api yet");
}

fn skeleton(version: Option<&Value>) -> Value {
    let info = json!({ "version": "1.0", "title": { "Ref": "AWS::StackName" } });
    match version.filter(|version| document::is_version_3(version)) {
        Some(version) => {
            let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
            json!({ "openapi": version, "info": info, "paths": {} })
        }
        None => json!({ "swagger": "2.0", "info": info, "paths": {} }),
    }
}

impl RestApi {
    pub(super) fn new(id: &str, mut found: Serverless, known: &Known, refusals: &mut Refusals) -> Self {
        for name in ["Auth", "BinaryMediaTypes", "Domain", "OpenApiVersion"] {
            if let Some(value) = found.properties.get_mut(name) {
                *value = with_parameters(value, known);
            }
        }
        found.check(id, KNOWN, "AWS::Serverless::Api", refusals);
        let given = said(&found.properties, "DefinitionBody").cloned();
        if given.as_ref().is_some_and(|given| !given.is_object()) {
            refusals.add(format!("Resources.{id}.Properties.DefinitionBody"), "a definition is a map");
        }
        let elsewhere = said(&found.properties, "DefinitionUri").is_some();
        let is_managed = given.is_none() && !elsewhere;
        let version = said(&found.properties, "OpenApiVersion");
        let document = if is_managed { Some(skeleton(version)) } else { given };
        Self { id: id.to_owned(), found, document, is_managed, notices: Refusals::default() }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        said(&self.found.properties, name)
    }

    /// The stage's name in a permission's id, and in the policies of events.
    pub(super) fn stage_suffix(&self) -> &str {
        self.found.text("StageName").unwrap_or("Stage")
    }

    /// Keeps the place of an event's path.
    pub(super) fn reserve(&mut self, event: &Event) {
        if let Some(document) = self.document.as_mut().filter(|_| self.is_managed) {
            document::reserve(document, &event.path);
        }
    }

    /// Tags of a function whose event made this API.
    pub(super) fn add_tags(&mut self, tags: &Value) {
        self.found.add_tags(tags);
    }

    /// Writes an event's method, where the document is the transform's to write.
    pub(super) fn add(&mut self, event: &Event, caller: &Caller, place: &str, refusals: &mut Refusals) {
        let auth = self.found.properties.get("Auth");
        let models = self.found.properties.get("Models");
        let stage = Value::from(self.stage_suffix());
        let merges = self.found.properties.get("MergeDefinitions") == Some(&Value::Bool(true))
            && matches!(caller, Caller::Function { .. });
        let overrides = event.get("Auth").and_then(|auth| auth.get("OverrideApiAuth")).is_some_and(is_said);
        let heeded = match &self.document {
            Some(_) if self.is_managed || merges => OF_METHOD,
            Some(_) if overrides => &["Auth"],
            _ => &[],
        };
        event.unheeded(heeded, OWN_DOCUMENT, place, &mut self.notices);
        let Some(document) = &mut self.document else { return };
        if self.is_managed {
            write(event, caller, auth, models, &stage, document, place, refusals);
        } else if merges {
            let mut own = skeleton(None);
            write(event, caller, auth, models, &stage, &mut own, place, refusals);
            if own.get(policy::POLICY).is_some() {
                let text = "this has no effect, here as on AWS: a definition takes over the event's method, and no policy";
                self.notices.add(format!("{place}.Properties.Auth.ResourcePolicy"), text);
            }
            let written = own["paths"][event.path.as_str()][event.method.as_str()].take();
            let place = slot(document, &["paths", &event.path, &event.method]);
            let mut merged = place.take().as_object().cloned().unwrap_or_default();
            merged.extend(written.as_object().cloned().unwrap_or_default());
            *place = Value::Object(merged);
        } else if overrides {
            let own = event.get("Auth").and_then(Value::as_object);
            let wanted = ["Authorizer", "ApiKeyRequired", "ResourcePolicy"];
            if !own.is_some_and(|own| wanted.iter().any(|name| said(own, name).is_some())) {
                let text = "Must define one of: Authorizer, ApiKeyRequired or ResourcePolicy when using the \
                            OverrideApiAuth property.";
                refusals.add(format!("{place}.Properties.Auth"), text);
            }
            security::write_event(event, auth, document, place, refusals);
            write_policy(event, &stage, document, place, refusals);
        }
    }

    /// What the API's own properties write into its document.
    fn write_document(&mut self, refusals: &mut Refusals) {
        let place = format!("Resources.{}.Properties", self.id);
        let wanted = ["Cors", "Auth", "GatewayResponses", "Models", "DisableExecuteApiEndpoint"];
        let Some(document) = self.document.as_mut().filter(|document| {
            plain_map(document).is_some_and(|document| document.get("paths").is_some_and(Value::is_object))
        }) else {
            for name in wanted.into_iter().filter(|name| said(&self.found.properties, name).is_some()) {
                let text = "Tule adds this only to a document that is written out in the template";
                refusals.add(format!("{place}.{name}"), text);
            }
            return;
        };
        let given = &self.found.properties;
        if let Some(cors) = said(given, "Cors") {
            cors::write(cors, document, &format!("{place}.Cors"), refusals, &mut self.notices);
        }
        match said(given, "Auth").map(plain_map) {
            None => {}
            Some(Some(auth)) => {
                let place = format!("{place}.Auth");
                security::write(auth, document, &place, refusals);
                if let Some(policy) = said(auth, "ResourcePolicy") {
                    let stage = given.get("StageName").cloned().unwrap_or_default();
                    let place = format!("{place}.ResourcePolicy");
                    policy::write(policy, None, &stage, document, &place, refusals);
                }
            }
            Some(None) => refusals.add(format!("{place}.Auth"), "Auth is a map"),
        }
        resources::write_gateway_responses(
            said(given, "GatewayResponses"),
            document,
            &format!("{place}.GatewayResponses"),
            refusals,
        );
        if let Some(types) = said(given, "BinaryMediaTypes") {
            document["x-amazon-apigateway-binary-media-types"] = plain_types(types);
        }
        for (name, schema) in entries(said(given, "Models")) {
            if schema.get("type").is_none_or(|kind| !is_said(kind)) {
                refusals.add(format!("{place}.Models.{name}"), "a model's schema has a type");
            }
            put(document, &["definitions", &name.to_lowercase()], schema.clone());
        }
        if let Some(is_disabled) = given.get("DisableExecuteApiEndpoint").filter(|it| !it.is_null()) {
            disable_endpoint(document, is_disabled);
        }
        resources::upgrade(document, said(given, "OpenApiVersion"));
    }

    /// The resources that the API becomes.
    pub(super) fn make(mut self, made: &mut Made, refusals: &mut Refusals) {
        self.write_document(refusals);
        resources::make(&self, made, refusals);
        made.notice(self.notices);
    }
}

/// `image~1png`, as in a patch, is `image/png`.
fn plain_types(types: &Value) -> Value {
    match types {
        Value::String(text) => Value::from(text.replace("~1", "/")),
        Value::Array(items) => items.iter().map(plain_types).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace("~1", "/"), plain_types(value))).collect()
        }
        plain => plain.clone(),
    }
}

fn disable_endpoint(document: &mut Value, is_disabled: &Value) {
    match document.get("openapi").is_some_and(document::is_version_3) {
        true => document::disable_servers(document, is_disabled),
        false => put(document, &document::DISABLED, is_disabled.clone()),
    }
}

#[expect(clippy::too_many_arguments, reason = "what an event writes depends on all of them")]
fn write(
    event: &Event,
    caller: &Caller,
    auth: Option<&Value>,
    models: Option<&Value>,
    stage: &Value,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    if has_integration(document, &event.path, &event.method) {
        let text = format!("another event has {} {} already", event.method, event.path);
        refusals.add(place, text);
        return;
    }
    let operation = match caller {
        Caller::Function { arn } => function_operation(event, arn, auth),
        Caller::StateMachine { operation } => operation.clone(),
    };
    put(document, &["paths", &event.path, &event.method], operation);
    security::write_event(event, auth, document, place, refusals);
    write_policy(event, stage, document, place, refusals);
    operation::write(event, models, document, place, refusals);
}

fn write_policy(event: &Event, stage: &Value, document: &mut Value, place: &str, refusals: &mut Refusals) {
    let Some(given) = event.get("Auth").and_then(|auth| auth.get("ResourcePolicy")) else { return };
    if is_said(given) {
        let place = format!("{place}.Properties.Auth.ResourcePolicy");
        policy::write(given, Some(&event.path), stage, document, &place, refusals);
    }
}

/// The method that a function answers.
fn function_operation(event: &Event, arn: &str, auth: Option<&Value>) -> Value {
    let streams = event.get("ResponseTransferMode").is_some_and(|mode| mode == "RESPONSE_STREAM");
    let (version, tail) = match streams {
        true => ("2021-11-15", "response-streaming-invocations"),
        false => ("2015-03-31", "invocations"),
    };
    let uri = format!("arn:aws:apigateway:${{AWS::Region}}:lambda:path/{version}/functions/{arn}/{tail}");
    let mut integration = Map::new();
    integration.insert("type".to_owned(), Value::from("aws_proxy"));
    integration.insert("httpMethod".to_owned(), Value::from("POST"));
    integration.insert("uri".to_owned(), json!({ "Fn::Sub": uri }));
    if streams {
        integration.insert("responseTransferMode".to_owned(), Value::from("STREAM"));
    }
    if let Some(credentials) = security::credentials(event, auth) {
        integration.insert("credentials".to_owned(), credentials);
    }
    json!({ INTEGRATION: integration, "responses": {} })
}
