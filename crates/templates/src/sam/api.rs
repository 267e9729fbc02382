//! `AWS::Serverless::Api`, `AWS::Serverless::HttpApi`, the two implicit ones, and the events that add to them.

use serde_json::{Map, Value, json};

use super::{Serverless, globals, rest_api};
use crate::Refusals;

const REST: &str = "ServerlessRestApi";
const HTTP: &str = "ServerlessHttpApi";

/// Which of the two API kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rest,
    Http,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Rest => "AWS::Serverless::Api",
            Self::Http => "AWS::Serverless::HttpApi",
        }
    }
}

/// The API kind of a resource, if it is one.
pub(super) fn kind_of(resource: &Value) -> Option<Kind> {
    match resource.get("Type")?.as_str()? {
        "AWS::Serverless::Api" => Some(Kind::Rest),
        "AWS::Serverless::HttpApi" => Some(Kind::Http),
        _ => None,
    }
}

/// An `Api` or `HttpApi` event.
pub(super) struct Event {
    pub(super) is_http: bool,
    path: String,
    method: String,
    api: Option<Value>,
    pub(super) payload_format: Option<Value>,
}

impl Event {
    /// Reads an event; another type or property is refused by name.
    pub(super) fn read(event: &Value, place: &str, refusals: &mut Refusals) -> Option<Self> {
        let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
        let is_http = match kind {
            "Api" => false,
            "HttpApi" => true,
            other => {
                refusals.add(place, format!("Tule does not connect events of type {other} yet"));
                return None;
            }
        };
        let empty = Map::new();
        let properties = event.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
        let known: &[&str] = if is_http {
            &["ApiId", "Method", "Path", "PayloadFormatVersion"]
        } else {
            &["Method", "Path", "RestApiId"]
        };
        for name in properties.keys().filter(|name| !known.contains(&name.as_str())) {
            refusals.add(
                format!("{place}.Properties.{name}"),
                format!("Tule does not apply this property of {kind} events yet"),
            );
        }
        let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        let (path, method) = match (text("Path"), text("Method")) {
            (None, None) if is_http => ("$default".to_owned(), "any".to_owned()),
            (Some(path), Some(method)) => (path, method.to_lowercase()),
            _ => {
                refusals.add(format!("{place}.Properties"), "an event has a Path and a Method");
                return None;
            }
        };
        let api = properties.get(if is_http { "ApiId" } else { "RestApiId" }).cloned();
        Some(Self {
            is_http,
            path,
            method,
            api,
            payload_format: properties.get("PayloadFormatVersion").cloned(),
        })
    }

    /// The method in an ARN.
    pub(super) fn verb(&self) -> String {
        if self.method == "any" { "*".to_owned() } else { self.method.to_uppercase() }
    }

    /// The path in an ARN: path parameters match anything.
    pub(super) fn path_pattern(&self) -> String {
        let part = |part: &str| if part.starts_with('{') { "*".to_owned() } else { part.to_owned() };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// All APIs of a template, with the paths that events add.
pub(super) struct Apis<'g> {
    declared: Vec<Api>,
    /// They hold for the implicit APIs too.
    globals: Option<&'g Map<String, Value>>,
}

struct Api {
    id: String,
    kind: Kind,
    found: Serverless,
    paths: Map<String, Value>,
}

impl<'g> Apis<'g> {
    pub(super) fn new(globals: Option<&'g Map<String, Value>>) -> Self {
        Self { declared: Vec::new(), globals }
    }

    pub(super) fn declare(&mut self, id: &str, kind: Kind, found: Serverless) {
        self.declared.push(Api { id: id.to_owned(), kind, found, paths: Map::new() });
    }

    /// Adds an event's operation to the API it names, or to the implicit one. Gives the API's logical id.
    pub(super) fn add(
        &mut self,
        event: &Event,
        operation: Value,
        place: &str,
        refusals: &mut Refusals,
    ) -> String {
        let kind = if event.is_http { Kind::Http } else { Kind::Rest };
        let implicit = if event.is_http { HTTP } else { REST };
        let named = event.api.as_ref().map(|api| api.get("Ref").and_then(Value::as_str).unwrap_or_default());
        let id = named.unwrap_or(implicit).to_owned();
        let at = self.declared.iter().position(|api| api.id == id && api.kind == kind);
        let at = match at {
            Some(at) => at,
            None if named.is_none() => {
                let properties = globals::merged(self.globals, kind.name(), Map::new());
                let found = Serverless { properties, beside: Map::new() };
                self.declare(&id, kind, found);
                self.declared.len() - 1
            }
            None => {
                refusals.add(
                    place,
                    format!("the event names the API {id}, and the template has none of that name and kind"),
                );
                return id;
            }
        };
        let path = self.declared[at].paths.entry(event.path.clone()).or_insert_with(|| json!({}));
        let method = if event.method == "any" { "x-amazon-apigateway-any-method" } else { &event.method };
        if path.get(method).is_some() {
            refusals.add(place, format!("another event has {} {} of {id} already", event.method, event.path));
        }
        path[method] = operation;
        id
    }

    /// Makes each API with its deployment and stage.
    pub(super) fn make(self, made: &mut Map<String, Value>, refusals: &mut Refusals) {
        for api in self.declared {
            match api.kind {
                Kind::Rest => api.make_rest(made, refusals),
                Kind::Http => api.make_http(made, refusals),
            }
        }
    }
}

fn insert(made: &mut Map<String, Value>, id: String, kind: &str, properties: &Value) {
    made.insert(id, json!({ "Type": kind, "Properties": properties }));
}

impl Api {
    /// The document that the template gives, or else a new one; in both the operations that events add.
    fn body(&self, version: &str) -> Value {
        if let Some(given) = self.found.properties.get("DefinitionBody") {
            let mut body = given.clone();
            for (path, operations) in &self.paths {
                for (method, operation) in operations.as_object().into_iter().flatten() {
                    let Some(body) = body.as_object_mut() else { continue };
                    let paths = body.entry("paths").or_insert_with(|| json!({}));
                    let Some(paths) = paths.as_object_mut() else { continue };
                    let item = paths.entry(path).or_insert_with(|| json!({}));
                    let Some(item) = item.as_object_mut() else { continue };
                    item.entry(method).or_insert_with(|| operation.clone());
                }
            }
            return body;
        }
        let title = json!({ "Ref": "AWS::StackName" });
        let (key, number) = if version == "2.0" { ("swagger", "2.0") } else { ("openapi", version) };
        json!({ key: number, "info": { "version": "1.0", "title": title }, "paths": self.paths })
    }

    fn make_rest(self, made: &mut Map<String, Value>, refusals: &mut Refusals) {
        let mut body = self.body("2.0");
        let (mut properties, mut of_stage) = rest_api::settings(&self.id, &self.found, &mut body, refusals);
        properties.insert("Body".to_owned(), body);
        let stage = self.found.text("StageName").unwrap_or("Prod").to_owned();
        let deployment = format!("{}Deployment", self.id);
        let reference = json!({ "Ref": self.id });
        insert(made, self.id.clone(), "AWS::ApiGateway::RestApi", &Value::Object(properties));
        insert(made, deployment.clone(), "AWS::ApiGateway::Deployment", &json!({ "RestApiId": reference }));
        of_stage.insert("RestApiId".to_owned(), reference);
        of_stage.insert("DeploymentId".to_owned(), json!({ "Ref": deployment }));
        of_stage.insert("StageName".to_owned(), Value::from(stage.as_str()));
        let plain: String = stage.chars().filter(char::is_ascii_alphanumeric).collect();
        let id = format!("{}{plain}Stage", self.id);
        insert(made, id, "AWS::ApiGateway::Stage", &Value::Object(of_stage));
    }

    fn make_http(self, made: &mut Map<String, Value>, refusals: &mut Refusals) {
        let mut properties = json!({ "Body": self.body("3.0.1") });
        let found = &self.found;
        let known = [
            "AccessLogSettings",
            "CorsConfiguration",
            "DefaultRouteSettings",
            "DefinitionBody",
            "Description",
            "DisableExecuteApiEndpoint",
            "FailOnWarnings",
            "Name",
            "RouteSettings",
            "StageName",
            "StageVariables",
            "Tags",
        ];
        found.check(&self.id, &known, self.kind.name(), refusals);
        let stage = found.text("StageName").unwrap_or("$default").to_owned();
        let stage_settings = ["AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables"]
            .map(|name| (name, found.properties.get(name).cloned()));
        for name in [
            "CorsConfiguration",
            "Description",
            "DisableExecuteApiEndpoint",
            "FailOnWarnings",
            "Name",
            "Tags",
        ] {
            if let Some(value) = found.properties.get(name) {
                properties[name] = value.clone();
            }
        }
        if found.properties.get("CorsConfiguration") == Some(&Value::Bool(true)) {
            properties["CorsConfiguration"] = json!({ "AllowOrigins": ["*"] });
        }
        let plain: String = stage.chars().filter(char::is_ascii_alphanumeric).collect();
        let stage_id = match stage.as_str() {
            "$default" => format!("{}ApiGatewayDefaultStage", self.id),
            _ => format!("{}{plain}Stage", self.id),
        };
        let mut of_stage = json!({ "ApiId": { "Ref": self.id }, "StageName": stage, "AutoDeploy": true });
        for (name, value) in stage_settings {
            if let Some(value) = value {
                of_stage[name] = value;
            }
        }
        insert(made, self.id, "AWS::ApiGatewayV2::Api", &properties);
        insert(made, stage_id, "AWS::ApiGatewayV2::Stage", &of_stage);
    }
}
