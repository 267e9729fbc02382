//! Documentation parts: those of `x-amazon-apigateway-documentation`, and what a document says of its own parts.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{ANY, METHODS};
use crate::{
    openapi::{filled, object, text},
    rest_api::record::{DocumentationPart, Location},
};

/// Reads the parts of a document, without ids. Those of the extension stand before those of the document itself.
pub(crate) fn read(document: &Map<String, Value>) -> Vec<DocumentationPart> {
    let mut parts = Parts::default();
    let given = object(document, "x-amazon-apigateway-documentation");
    let given = given.and_then(|given| given.get("documentationParts")).and_then(Value::as_array);
    for part in given.into_iter().flatten() {
        let location = part.get("location").cloned().unwrap_or_default();
        let Ok(location) = serde_json::from_value::<Location>(location) else { continue };
        let properties = match part.get("properties") {
            Some(Value::String(text)) => text.clone(),
            Some(value @ Value::Object(_)) => value.to_string(),
            _ => continue,
        };
        parts.add(location, properties);
    }
    of_document(document, &mut parts);
    parts.all
}

#[derive(Default)]
struct Parts {
    all: Vec<DocumentationPart>,
    known: HashSet<String>,
}

impl Parts {
    fn add(&mut self, location: Location, properties: String) {
        let key = serde_json::to_string(&location).unwrap_or_default();
        if self.known.insert(key) {
            self.all.push(DocumentationPart { id: String::new(), location, properties });
        }
    }

    /// Adds what is said in the named members, if anything is.
    fn say(&mut self, location: Location, members: &Map<String, Value>, names: &[&str]) {
        let said = members.iter().filter(|(name, value)| {
            names.contains(&name.as_str()) && !matches!(value, Value::Null) && value.as_str() != Some("")
        });
        let said: Map<String, Value> = said.map(|(name, value)| (name.clone(), value.clone())).collect();
        if !said.is_empty() {
            self.add(location, Value::Object(said).to_string());
        }
    }
}

fn at(kind: &str) -> Location {
    Location { kind: kind.to_owned(), path: None, method: None, status_code: None, name: None }
}

fn of_document(document: &Map<String, Value>, parts: &mut Parts) {
    if let Some(description) = object(document, "info").and_then(|info| filled(info, "description")) {
        parts.add(at("API"), json!({"info": {"description": description}}).to_string());
    }
    let components = object(document, "components");
    let schemas = object(document, "definitions").or_else(|| object(components?, "schemas"));
    let schemes = object(document, "securityDefinitions").or_else(|| object(components?, "securitySchemes"));
    for (kind, all) in [("MODEL", schemas), ("AUTHORIZER", schemes)] {
        for (name, one) in all.into_iter().flatten() {
            let Some(one) = one.as_object() else { continue };
            let location = Location { name: Some(name.clone()), ..at(kind) };
            parts.say(location, one, &["description", "title"]);
        }
    }
    for (path, item) in object(document, "paths").into_iter().flatten() {
        let Some(item) = item.as_object() else { continue };
        let here = |kind: &str| Location { path: Some(path.clone()), ..at(kind) };
        parts.say(here("RESOURCE"), item, &["description", "summary"]);
        for (name, operation) in item {
            let Some(operation) = operation.as_object() else { continue };
            let verb = match name.as_str() {
                ANY => String::from("ANY"),
                name if METHODS.contains(&name) => name.to_uppercase(),
                _ => continue,
            };
            let here = |kind: &str| Location { method: Some(verb.clone()), ..here(kind) };
            of_operation(operation, &here, parts);
        }
    }
}

fn of_operation(operation: &Map<String, Value>, here: &dyn Fn(&str) -> Location, parts: &mut Parts) {
    parts.say(here("METHOD"), operation, &["description", "summary", "tags"]);
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    for parameter in parameters.filter_map(Value::as_object) {
        let kind = match text(parameter, "in").unwrap_or_default().as_str() {
            "query" => "QUERY_PARAMETER",
            "header" => "REQUEST_HEADER",
            "path" => "PATH_PARAMETER",
            "body" => {
                parts.say(here("REQUEST_BODY"), parameter, &["description"]);
                continue;
            }
            _ => continue,
        };
        parts.say(Location { name: text(parameter, "name"), ..here(kind) }, parameter, &["description"]);
    }
    if let Some(body) = object(operation, "requestBody") {
        parts.say(here("REQUEST_BODY"), body, &["description"]);
    }
    for (status, response) in object(operation, "responses").into_iter().flatten() {
        let Some(response) = response.as_object() else { continue };
        let here = |kind: &str| Location { status_code: Some(status.clone()), ..here(kind) };
        parts.say(here("RESPONSE"), response, &["description"]);
        for (name, header) in object(response, "headers").into_iter().flatten() {
            let Some(header) = header.as_object() else { continue };
            parts.say(
                Location { name: Some(name.clone()), ..here("RESPONSE_HEADER") },
                header,
                &["description"],
            );
        }
    }
}
