//! `AWS::Serverless::HttpApi`: what events write into its document, what it says there itself, and the resources it
//! becomes.

mod authorizer;
mod security;

use serde_json::{Map, Value, json};

use super::{
    Made, Serverless,
    document::{self, INTEGRATION, at_method, has_integration},
    domain,
    event::{ANY, Event},
    intrinsic::{entries, is_said, plain_map, put, reference, said, slot, with_parameters},
    logical_id,
};
use crate::{Known, Refusals};

const KNOWN: &[&str] = &[
    "AccessLogSettings",
    "Auth",
    "CorsConfiguration",
    "DefaultRouteSettings",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "FailOnWarnings",
    "Name",
    // Holds anyway: the API's tags go to its stage and its domain, as the real transform gives them.
    "PropagateTags",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
];
/// Members of a CORS configuration, in a template and in a document.
const CORS: &[(&str, &str)] = &[
    ("AllowCredentials", "allowCredentials"),
    ("AllowHeaders", "allowHeaders"),
    ("AllowMethods", "allowMethods"),
    ("AllowOrigins", "allowOrigins"),
    ("ExposeHeaders", "exposeHeaders"),
    ("MaxAge", "maxAge"),
];
const CREATED_BY: &str = "httpapi:createdBy";
/// AWS's limit of a resource's tags.
const MOST_TAGS: usize = 50;
const DEFAULT: &str = "$default";

/// An HTTP API on its way.
pub(super) struct HttpApi {
    pub(super) id: String,
    found: Serverless,
    document: Option<Value>,
    is_managed: bool,
    /// What of its events has no effect.
    notices: Refusals,
}

fn refuse(refusals: &mut Refusals, place: &str, name: &str) {
    let text = "Tule does not apply this property of AWS::Serverless::HttpApi yet";
    refusals.add(format!("{place}.{name}"), text);
}

fn default_title() -> Value {
    reference("AWS::StackName")
}

impl HttpApi {
    pub(super) fn new(id: &str, mut found: Serverless, known: &Known, refusals: &mut Refusals) -> Self {
        for name in ["Auth", "CorsConfiguration", "Domain"] {
            if let Some(value) = found.properties.get_mut(name) {
                *value = with_parameters(value, known);
            }
        }
        found.check(id, KNOWN, "AWS::Serverless::HttpApi", refusals);
        let given = said(&found.properties, "DefinitionBody").cloned();
        if given.as_ref().is_some_and(|given| !given.is_object()) {
            refusals.add(format!("Resources.{id}.Properties.DefinitionBody"), "a definition is a map");
        }
        let is_managed = given.is_none() && said(&found.properties, "DefinitionUri").is_none();
        let skeleton = || {
            let info = json!({ "version": "1.0", "title": default_title() });
            json!({ "openapi": "3.0.1", "info": info, "paths": {} })
        };
        let document = if is_managed { Some(skeleton()) } else { given };
        Self { id: id.to_owned(), found, document, is_managed, notices: Refusals::default() }
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

    /// Whether the route that takes what no other does leads to this function: then one permission is enough.
    pub(super) fn default_leads_to(&mut self, function: &str) -> bool {
        let Some(document) = &mut self.document else { return false };
        let (mut leads, wanted) = (false, format!("${{{function}.Arn}}"));
        at_method(document, DEFAULT, ANY, |method| {
            let uri = method.get(INTEGRATION).and_then(|it| it.get("uri")?.get("Fn::Sub")?.as_str());
            leads |= uri.is_some_and(|uri| uri.contains(&wanted));
        });
        leads
    }

    /// Writes an event's method where the document has none for it. `arn` is the function's in an integration's text.
    pub(super) fn add(&mut self, event: &Event, arn: &str, place: &str, refusals: &mut Refusals) {
        self.add_route_settings(event, place, refusals);
        let heeded: &[&str] = match self.document {
            Some(_) => &["Auth", "PayloadFormatVersion", "RouteSettings", "TimeoutInMillis"],
            None => &["RouteSettings"],
        };
        let why = "the API's document is elsewhere (DefinitionUri), and has to say it itself";
        event.unheeded(heeded, why, place, &mut self.notices);
        let auth = self.found.properties.get("Auth");
        let Some(document) = &mut self.document else { return };
        if !document.is_object() {
            return;
        }
        let is_there = has_integration(document, &event.path, &event.method);
        if is_there && self.is_managed {
            refusals.add(place, format!("another event has {} {} already", event.method, event.path));
            return;
        }
        if !is_there {
            let method = slot(document, &["paths", &event.path, &event.method]);
            let mut made = method.as_object().cloned().unwrap_or_default();
            let uri = format!(
                "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{arn}/invocations"
            );
            let integration = json!({
                "type": "aws_proxy", "httpMethod": "POST", "payloadFormatVersion": "2.0", "uri": { "Fn::Sub": uri },
            });
            made.insert(INTEGRATION.to_owned(), integration);
            if event.is_default() && event.method == ANY {
                made.insert("isDefaultRoute".to_owned(), Value::Bool(true));
            }
            made.entry("responses").or_insert_with(|| json!({}));
            *method = Value::Object(made);
        }
        security::write_event(event, auth, document, place, refusals);
        let (timeout, format) = (event.get("TimeoutInMillis"), event.get("PayloadFormatVersion"));
        at_method(document, &event.path, &event.method, |method| {
            write_parameters(&event.path, method);
            for (name, value) in [("timeoutInMillis", timeout), ("payloadFormatVersion", format)] {
                if let (Some(value), Some(Value::Object(integration))) = (value, method.get_mut(INTEGRATION))
                {
                    integration.insert(name.to_owned(), value.clone());
                }
            }
        });
    }

    /// Settings of an event's route are the API's.
    fn add_route_settings(&mut self, event: &Event, place: &str, refusals: &mut Refusals) {
        let Some(settings) = event.properties.get("RouteSettings") else { return };
        let route = match event.method.as_str() {
            ANY => event.path.clone(),
            method => format!("{} {}", method.to_uppercase(), event.path),
        };
        let all = self.found.properties.entry("RouteSettings").or_insert_with(|| json!({}));
        let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) else {
            refusals.add(
                format!("{place}.Properties.RouteSettings"),
                "Property 'RouteSettings' should be a map.",
            );
            return;
        };
        let before = all.entry(route).or_insert_with(|| json!({}));
        if let Some(before) = before.as_object_mut() {
            before.extend(settings.clone());
        }
    }

    /// What the API's own properties write into its document. Gives all of the API's tags.
    fn write_document(&mut self, refusals: &mut Refusals) -> Option<Map<String, Value>> {
        let place = format!("Resources.{}.Properties", self.id);
        let given = &self.found.properties;
        let is_open_api = |document: &&mut Value| {
            plain_map(document).is_some_and(|document| document.get("paths").is_some_and(Value::is_object))
                && document.get("openapi").is_some_and(document::is_version_3)
        };
        let Some(document) = self.document.as_mut().filter(is_open_api) else {
            let wanted =
                ["CorsConfiguration", "Auth", "Tags", "Name", "Description", "DisableExecuteApiEndpoint"];
            for name in wanted.into_iter().filter(|name| said(given, name).is_some()) {
                let text = "Tule adds this only to an OpenAPI document that is written out in the template";
                refusals.add(format!("{place}.{name}"), text);
            }
            return None;
        };
        if let Some(cors) = said(given, "CorsConfiguration") {
            write_cors(cors, document, &format!("{place}.CorsConfiguration"), refusals);
        }
        match said(given, "Auth").map(plain_map) {
            None => {}
            Some(Some(auth)) => security::write(auth, document, &format!("{place}.Auth"), refusals),
            Some(None) => refusals.add(format!("{place}.Auth"), "Auth is a map"),
        }
        let mut tags: Map<String, Value> =
            entries(said(given, "Tags")).map(|(name, value)| (name.clone(), value.clone())).collect();
        tags.insert(CREATED_BY.to_owned(), Value::from("SAM"));
        if tags.len() > MOST_TAGS {
            refusals.add(format!("{place}.Tags"), format!("an API has at most {MOST_TAGS} tags"));
        }
        write_tags(&tags, document);
        if let Some(is_disabled) = given.get("DisableExecuteApiEndpoint").filter(|it| !it.is_null()) {
            document::disable_servers(document, is_disabled);
        }
        write_info(given, document, &place, refusals);
        if said(given, "FailOnWarnings").is_some()
            && let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut)
            && let Some(route) = paths.shift_remove(DEFAULT)
        {
            // A path without a slash is a warning, and a warning would be the end.
            paths.insert(format!("/{DEFAULT}"), route);
        }
        Some(tags)
    }

    /// The resources that the API becomes.
    pub(super) fn make(mut self, made: &mut Made, refusals: &mut Refusals) {
        let tags = self.write_document(refusals);
        let place = format!("Resources.{}.Properties", self.id);
        let given = &self.found.properties;
        let mut properties = Map::new();
        match (said(given, "DefinitionUri"), self.document) {
            (Some(uri), _) => {
                let place = format!("{place}.DefinitionUri");
                let location = super::document_location(uri, &place, refusals);
                properties.insert("BodyS3Location".to_owned(), location);
            }
            (None, document) => {
                properties.insert("Body".to_owned(), document.unwrap_or_default());
            }
        }
        properties
            .extend(said(given, "FailOnWarnings").map(|fail| ("FailOnWarnings".to_owned(), fail.clone())));
        made.add(&self.id, "AWS::ApiGatewayV2::Api", properties, &self.found.beside);
        let name = said(given, "StageName").cloned().unwrap_or_else(|| Value::from(DEFAULT));
        let stage = match name.as_str() {
            Some(DEFAULT) => format!("{}ApiGatewayDefaultStage", self.id),
            name => logical_id::named(&self.id, name.unwrap_or_default(), "Stage"),
        };
        let mut of_stage = Map::new();
        for name in ["AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables"] {
            if let Some(value) = given.get(name).filter(|value| !value.is_null()) {
                if !value.is_object() {
                    refusals.add(format!("{place}.{name}"), format!("Property '{name}' should be a map."));
                }
                of_stage.insert(name.to_owned(), value.clone());
            }
        }
        of_stage.insert("ApiId".to_owned(), reference(&self.id));
        of_stage.insert("StageName".to_owned(), name);
        of_stage.insert("AutoDeploy".to_owned(), Value::Bool(true));
        of_stage.extend(tags.clone().map(|tags| ("Tags".to_owned(), Value::Object(tags))));
        made.add(&stage, "AWS::ApiGatewayV2::Stage", of_stage, &self.found.derived());
        made.refer(&self.id, "Stage", &stage);
        permissions(&self.id, &self.found, made);
        if let Some(domain) = given.get("Domain").filter(|domain| !domain.is_null()) {
            let place = format!("{place}.Domain");
            let ids = (self.id.as_str(), stage.as_str());
            domain::http(ids, domain, tags.as_ref(), &self.found, made, &place, refusals);
        }
        made.notice(self.notices);
    }
}

/// The API's name and description, where its document has none.
fn write_info(given: &Map<String, Value>, document: &mut Value, place: &str, refusals: &mut Refusals) {
    for (property, member) in [("Name", "title"), ("Description", "description")] {
        let Some(value) = said(given, property) else { continue };
        let before = document.get("info").and_then(|info| info.get(member));
        match before.is_none_or(|it| !is_said(it) || (member == "title" && *it == default_title())) {
            true => put(document, &["info", member], value.clone()),
            false => {
                let text =
                    format!("Unable to set {property} because it is already defined within inline OpenAPI");
                refusals.add(format!("{place}.{property}"), text);
            }
        }
    }
}

/// The API may invoke the functions that authorize for it, where it is told so.
fn permissions(api: &str, found: &Serverless, made: &mut Made) {
    let authorizers = found.properties.get("Auth").and_then(|auth| auth.get("Authorizers"));
    for (name, authorizer) in entries(authorizers) {
        let Some(function) = authorizer.as_object().and_then(|it| said(it, "FunctionArn")) else { continue };
        if authorizer.get("EnableFunctionDefaultPermissions") != Some(&Value::Bool(true)) {
            continue;
        }
        let id = format!("{api}{name}AuthorizerPermission");
        super::authorizer::permit(api, &id, "${AWS::Partition}", function, &found.derived(), made);
    }
}

/// A path's own parameters are required.
fn write_parameters(path: &str, method: &mut Map<String, Value>) {
    let names = path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    for name in names {
        let listed = method.entry("parameters").or_insert_with(|| json!([]));
        let Some(listed) = listed.as_array_mut() else { return };
        let found = listed.iter_mut().find(|it| it.get("name").is_some_and(|it| it == name));
        match found.and_then(Value::as_object_mut) {
            Some(parameter) => {
                parameter.insert("in".to_owned(), Value::from("path"));
                parameter.insert("required".to_owned(), Value::Bool(true));
            }
            None => listed.push(json!({ "name": name, "in": "path", "required": true })),
        }
    }
}

fn write_tags(tags: &Map<String, Value>, document: &mut Value) {
    const VALUE: &str = "x-amazon-apigateway-tag-value";
    let listed = slot(document, &["tags"]);
    if !listed.is_array() {
        *listed = json!([]);
    }
    let Some(listed) = listed.as_array_mut() else { return };
    for (name, value) in tags.iter().take(MOST_TAGS) {
        let found = listed.iter_mut().find(|tag| tag.get("name").is_some_and(|it| it == name.as_str()));
        match found.and_then(Value::as_object_mut) {
            Some(tag) => drop(tag.insert(VALUE.to_owned(), value.clone())),
            None => listed.push(json!({ "name": name, VALUE: value })),
        }
    }
}

/// `true` lets everybody in; a function gives the whole configuration.
fn write_cors(given: &Value, document: &mut Value, place: &str, refusals: &mut Refusals) {
    const EXTENSION: &str = "x-amazon-apigateway-cors";
    match given {
        Value::Bool(_) => put(document, &[EXTENSION, "allowOrigins"], json!(["*"])),
        Value::Object(map) if plain_map(given).is_some() => {
            if map.get("AllowCredentials") == Some(&Value::Bool(true))
                && map.get("AllowOrigins").is_none_or(|origins| *origins == json!(["*"]))
            {
                let text = "'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set.";
                refusals.add(place, text);
            }
            for (name, value) in map {
                let is_number = name == "MaxAge" && !value.is_null();
                match CORS.iter().find(|(known, _)| known == name) {
                    Some((_, member)) if is_said(value) || is_number => {
                        put(document, &[EXTENSION, member], value.clone());
                    }
                    Some(_) => {}
                    None => refuse(refusals, place, name),
                }
            }
        }
        Value::Object(_) => {
            let text = CORS.iter().fold(given.to_string(), |text, (name, member)| text.replace(name, member));
            let lowered = serde_json::from_str::<Value>(&text).unwrap_or_default();
            for (name, value) in entries(Some(&lowered)) {
                put(document, &[EXTENSION, name], value.clone());
            }
        }
        _ => refusals.add(place, "Invalid value for 'Cors' property."),
    }
}
