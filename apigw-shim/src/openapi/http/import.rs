//! A document into a draft of an HTTP API: what the control plane's operations would be given, one by one.

use std::collections::{BTreeMap, HashMap};

use aws_wire::ServiceError;
use serde_json::{Map, Value, json};

use super::security::Scheme;
use crate::{
    error::bad_request,
    openapi::{
        Notes, filled, flag,
        import::{BasePath, base_path},
        object, reference, text,
    },
};

const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
const ANY: &str = "x-amazon-apigateway-any-method";
const MOST_ROUTES: usize = 5_000;
const LONGEST_PATH: usize = 4_096;
const MOST_INFO: usize = 1_000;
/// What operations may have that HTTP APIs have no use for.
const UNUSED: &[&str] = &["requestBody", "callbacks", "x-amazon-apigateway-request-validator"];

/// What stands for AWS's variables, and what becomes of the base path.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub base_path: BasePath,
    pub region: String,
    pub account: String,
}

/// An HTTP API as a document describes it, in the words of CreateApi, CreateAuthorizer, CreateIntegration, CreateRoute.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub members: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
    pub authorizers: Vec<Map<String, Value>>,
    pub integrations: Vec<Map<String, Value>>,
    pub routes: Vec<Route>,
    /// What is right in a document and means nothing here.
    pub info: Vec<String>,
}

/// A route, with what it refers to.
#[derive(Debug)]
pub(crate) struct Route {
    pub members: Map<String, Value>,
    /// The authorizer's name.
    pub authorizer: Option<String>,
    /// The place among the draft's integrations.
    pub integration: Option<usize>,
}

pub(super) struct Reader<'d> {
    pub document: &'d Map<String, Value>,
    pub options: &'d Options,
    pub notes: Notes,
    pub draft: Draft,
    pub schemes: BTreeMap<String, Scheme>,
    /// Integrations by where they stand in the document: several routes may refer to one.
    pub places: HashMap<usize, usize>,
}

/// Reads a document. What is wrong with parts of it is in the notes; what makes it none at all is the error.
pub(crate) fn read(document: &Map<String, Value>, options: &Options) -> Result<(Draft, Notes), ServiceError> {
    if !text(document, "openapi").is_some_and(|version| version.starts_with("3.")) {
        return Err(bad_request("Invalid OpenAPI input. (HTTP APIs are imported from OpenAPI 3.0)"));
    }
    let mut reader = Reader {
        document,
        options,
        notes: Notes::default(),
        draft: Draft::default(),
        schemes: BTreeMap::new(),
        places: HashMap::new(),
    };
    reader.read_api();
    reader.read_security();
    reader.read_paths()?;
    Ok((reader.draft, reader.notes))
}

/// Names of members as the control plane has them: `allowOrigins` is `AllowOrigins` there.
pub(super) fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl<'d> Reader<'d> {
    pub(super) fn substituted(&self, text: &str) -> String {
        crate::openapi::substituted(text, &self.options.region, &self.options.account)
    }

    pub(super) fn inform(&mut self, text: String) {
        if self.draft.info.len() < MOST_INFO {
            self.draft.info.push(text);
        }
    }

    fn read_api(&mut self) {
        let info = object(self.document, "info");
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                self.draft.members.insert(name.to_owned(), value);
            }
        };
        let of_info = |name: &str| info.and_then(|info| filled(info, name)).map(Value::String);
        set("Name", of_info("title"));
        set("Description", of_info("description"));
        set("Version", of_info("version"));
        if let Some(cors) = object(self.document, "x-amazon-apigateway-cors") {
            let members = cors.iter().map(|(name, value)| (capitalized(name), value.clone()));
            set("CorsConfiguration", Some(Value::Object(members.collect())));
        }
        let servers = self.document.get("servers").and_then(Value::as_array).into_iter().flatten();
        let mut endpoints = servers
            .filter_map(|server| object(server.as_object()?, "x-amazon-apigateway-endpoint-configuration"));
        if let Some(endpoint) = endpoints.next() {
            if endpoint.contains_key("disableExecuteApiEndpoint") {
                set("DisableExecuteApiEndpoint", Some(json!(flag(endpoint, "disableExecuteApiEndpoint"))));
            }
            set("IpAddressType", filled(endpoint, "ipAddressType").map(Value::String));
        }
        for tag in self.document.get("tags").and_then(Value::as_array).into_iter().flatten() {
            let Some(tag) = tag.as_object() else { continue };
            if let (Some(name), Some(value)) =
                (filled(tag, "name"), text(tag, "x-amazon-apigateway-tag-value"))
            {
                self.draft.tags.insert(name, value);
            }
        }
    }

    fn read_paths(&mut self) -> Result<(), ServiceError> {
        let document = self.document;
        let base = base_path::of_openapi(document, self.options.base_path);
        for (path, item) in object(document, "paths").into_iter().flatten() {
            if path.starts_with("x-") {
                continue;
            }
            if path.len() + base.len() > LONGEST_PATH || self.draft.routes.len() > MOST_ROUTES {
                return Err(bad_request("Invalid OpenAPI input. (it has too many or too long paths)"));
            }
            let found = reference::resolve(document, item).and_then(Value::as_object);
            let Some(found) = found else {
                self.notes.fail(format!("Unable to parse API definition because of a malformed path {path}"));
                continue;
            };
            let whole = if base.is_empty() {
                path.clone()
            } else {
                format!("{base}/{}", path.trim_start_matches('/'))
            };
            for (name, operation) in found {
                let verb = match name.as_str() {
                    ANY => String::from("ANY"),
                    name if METHODS.contains(&name) => name.to_uppercase(),
                    _ => continue,
                };
                let is_default = ["$default", "/$default"].contains(&path.as_str());
                let Some(operation) = operation.as_object() else { continue };
                let key = if is_default { String::from("$default") } else { format!("{verb} {whole}") };
                self.read_route(&key, path, operation);
            }
        }
        Ok(())
    }

    fn read_route(&mut self, key: &str, path: &str, operation: &'d Map<String, Value>) {
        for name in UNUSED.iter().filter(|name| operation.contains_key(**name)) {
            self.inform(format!("{name} of {key} is not supported for HTTP APIs. Ignoring."));
        }
        let mut members = Map::from_iter([(String::from("RouteKey"), json!(key))]);
        if let Some(name) = filled(operation, "operationId") {
            members.insert(String::from("OperationName"), json!(name));
        }
        let authorizer = self.secure(operation, key, &mut members);
        let integration = self.read_integration(operation, path);
        self.draft.routes.push(Route { members, authorizer, integration });
    }
}
