//! An HTTP API into an OpenAPI 3.0 document.

use serde_json::{Map, Value, json};

use super::{integration, security};
use crate::{
    http_api::record::{Api, Deployment},
    openapi::text,
};

/// What is exported, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export<'a> {
    pub api: &'a Api,
    /// Routes, integrations and authorizers: those of a stage, or those that would be deployed now.
    pub deployment: &'a Deployment,
    /// The stage's name; nothing for the API itself.
    pub stage: Option<&'a str>,
    pub with_extensions: bool,
    /// What stands for an API's version that has none.
    pub date: &'a str,
    pub region: &'a str,
}

impl Export<'_> {
    pub fn write(&self) -> Value {
        let api = &self.api.members;
        let mut info = Map::from_iter([(String::from("title"), json!(text(api, "Name")))]);
        if let Some(description) = text(api, "Description") {
            info.insert(String::from("description"), json!(description));
        }
        info.insert(
            String::from("version"),
            json!(text(api, "Version").unwrap_or_else(|| self.date.to_owned())),
        );
        let mut document = Map::from_iter([
            (String::from("openapi"), json!("3.0.1")),
            (String::from("info"), info.into()),
            (String::from("servers"), json!([self.server()])),
        ]);
        if !self.api.tags.is_empty() && self.with_extensions {
            let tag = |(name, value)| json!({"name": name, "x-amazon-apigateway-tag-value": value});
            document.insert(String::from("tags"), self.api.tags.iter().map(tag).collect());
        }
        document.insert(String::from("paths"), self.paths());
        let schemes = self.schemes();
        let components = if schemes.is_empty() { json!({}) } else { json!({"securitySchemes": schemes}) };
        document.insert(String::from("components"), components);
        if self.with_extensions {
            if let Some(Value::Object(cors)) = api.get("CorsConfiguration") {
                let members = cors.iter().map(|(name, value)| (uncapitalized(name), value.clone()));
                let members: Map<String, Value> = members.filter(|(_, value)| !value.is_null()).collect();
                document.insert(String::from("x-amazon-apigateway-cors"), members.into());
            }
            document.insert(String::from("x-amazon-apigateway-importexport-version"), json!("1.0"));
        }
        document.into()
    }

    fn server(&self) -> Value {
        let host = format!("https://{}.execute-api.{}.amazonaws.com", self.api.id, self.region);
        let base = self.stage.filter(|stage| *stage != "$default").unwrap_or_default();
        let mut server =
            json!({"url": format!("{host}/{{basePath}}"), "variables": {"basePath": {"default": base}}});
        let mut endpoint = Map::new();
        let api = &self.api.members;
        if api.get("DisableExecuteApiEndpoint") == Some(&Value::Bool(true)) {
            endpoint.insert(String::from("disableExecuteApiEndpoint"), json!(true));
        }
        if let Some(kind) = text(api, "IpAddressType").filter(|kind| kind != "ipv4") {
            endpoint.insert(String::from("ipAddressType"), json!(kind));
        }
        if self.with_extensions && !endpoint.is_empty() {
            server["x-amazon-apigateway-endpoint-configuration"] = endpoint.into();
        }
        server
    }

    fn paths(&self) -> Value {
        let mut paths = Map::new();
        let mut routes: Vec<(String, &Map<String, Value>)> = self
            .deployment
            .routes
            .iter()
            .map(|route| (text(&route.members, "RouteKey").unwrap_or_default(), &route.members))
            .collect();
        routes.sort_by(|(left, _), (right, _)| left.cmp(right));
        for (key, route) in routes {
            let (verb, path) = key.split_once(' ').unwrap_or(("ANY", "/$default"));
            let name = match verb {
                "ANY" => String::from("x-amazon-apigateway-any-method"),
                verb => verb.to_lowercase(),
            };
            let item = paths.entry(path).or_insert_with(|| json!({}));
            item[name] = self.operation(&key, path, route);
        }
        paths.into()
    }

    fn operation(&self, key: &str, path: &str, route: &Map<String, Value>) -> Value {
        let mut operation = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                operation.insert(name.to_owned(), value);
            }
        };
        set("operationId", json!(text(route, "OperationName")));
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters: Vec<Value> = names
            .map(|name| {
                let name = name.strip_suffix('+').unwrap_or(name);
                json!({
                    "name": name, "in": "path", "description": format!("Generated path parameter for {name}"),
                    "required": true, "schema": {"type": "string"},
                })
            })
            .collect();
        set("parameters", if parameters.is_empty() { Value::Null } else { parameters.into() });
        set("responses", json!({"default": {"description": format!("Default response for {key}")}}));
        let authorizer = text(route, "AuthorizerId").and_then(|id| {
            let found = self.deployment.authorizers.iter().find(|authorizer| authorizer.id == id)?;
            text(&found.members, "Name")
        });
        set("security", security::requirement(route, authorizer));
        if self.with_extensions {
            let target = text(route, "Target").unwrap_or_default();
            let id = target.strip_prefix("integrations/").unwrap_or_default();
            let found = self.deployment.integrations.iter().find(|integration| integration.id == id);
            set(
                "x-amazon-apigateway-integration",
                found.map_or(Value::Null, |found| integration::extension(&found.members)),
            );
            if key == "$default" {
                set("isDefaultRoute", json!(true));
            }
        }
        operation.into()
    }

    fn schemes(&self) -> Map<String, Value> {
        let authorizers = self.deployment.authorizers.iter().map(|authorizer| &authorizer.members);
        let signs =
            |route: &Map<String, Value>| text(route, "AuthorizationType").as_deref() == Some("AWS_IAM");
        let signed = self.deployment.routes.iter().any(|route| signs(&route.members));
        security::schemes(authorizers, self.with_extensions, signed)
    }
}

fn uncapitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
