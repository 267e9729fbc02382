//! Documentation parts into a document: as an extension, or woven into what they are about.

use serde_json::{Map, Value, json};

use super::{Documented, Format};
use crate::rest_api::record::{DocumentationPart, Location};

pub(super) const NAME: &str = "x-amazon-apigateway-documentation";

pub(super) fn extension(documented: &Documented<'_>) -> Value {
    let parts = documented.parts.iter().map(|part| {
        let properties = properties(part).map_or_else(|| json!(part.properties), Value::Object);
        json!({"location": part.location, "properties": properties})
    });
    json!({
        "version": documented.version,
        "createdDate": documented.created,
        "documentationParts": parts.collect::<Vec<_>>(),
    })
}

fn properties(part: &DocumentationPart) -> Option<Map<String, Value>> {
    serde_json::from_str(&part.properties).ok()
}

/// Where a thing stands for which there may be documentation.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub path: &'p str,
    /// `GET`.
    pub method: &'p str,
    pub status: Option<&'p str>,
}

/// Puts what the parts say into what they are about.
pub(super) fn weave(document: &mut Map<String, Value>, parts: &[DocumentationPart], format: Format) {
    let at_root = Place { path: "/", method: "*", status: None };
    for part in parts.iter().filter(|part| part.location.kind == "API") {
        let Some(mut said) = properties(part) else { continue };
        if let (Some(Value::Object(info)), Some(Value::Object(more))) =
            (document.get_mut("info"), said.remove("info"))
        {
            info.extend(more);
        }
        add(Some(document), said);
    }
    for (path, item) in document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        let here = Place { path, ..at_root };
        for (name, operation) in item.iter_mut() {
            let method = if name.starts_with("x-") { String::from("ANY") } else { name.to_uppercase() };
            of_operation(operation, parts, Place { method: &method, ..here });
        }
        add(Some(item), said(parts, "RESOURCE", None, here));
    }
    let named = match format {
        Format::Swagger2 => [("MODEL", "/definitions"), ("AUTHORIZER", "/securityDefinitions")],
        Format::OpenApi3 => [("MODEL", "/components/schemas"), ("AUTHORIZER", "/components/securitySchemes")],
    };
    let mut whole = Value::Object(std::mem::take(document));
    for (kind, pointer) in named {
        for (name, one) in whole.pointer_mut(pointer).and_then(Value::as_object_mut).into_iter().flatten() {
            add(one.as_object_mut(), said(parts, kind, Some(name), at_root));
        }
    }
    if let Value::Object(members) = whole {
        *document = members;
    }
}

fn of_operation(operation: &mut Value, parts: &[DocumentationPart], here: Place<'_>) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let kind = match parameter.get("in").and_then(Value::as_str) {
            Some("query") => "QUERY_PARAMETER",
            Some("header") => "REQUEST_HEADER",
            Some("path") => "PATH_PARAMETER",
            _ => "REQUEST_BODY",
        };
        let name = parameter.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = name.filter(|_| kind != "REQUEST_BODY");
        let said = said(parts, kind, name.as_deref(), here);
        add(parameter.as_object_mut(), said);
    }
    add(
        operation.get_mut("requestBody").and_then(Value::as_object_mut),
        said(parts, "REQUEST_BODY", None, here),
    );
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let here = Place { status: Some(status), ..here };
        for (name, header) in response.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten()
        {
            add(header.as_object_mut(), said(parts, "RESPONSE_HEADER", Some(name), here));
        }
        add(response.as_object_mut(), said(parts, "RESPONSE", None, here));
    }
    add(operation.as_object_mut(), said(parts, "METHOD", None, here));
}

fn add(to: Option<&mut Map<String, Value>>, said: Map<String, Value>) {
    if let Some(members) = to {
        members.extend(said);
    }
}

/// Whether what is said at a location is about something. What is said of a path holds for those below it, unless they
/// say it themselves.
pub(crate) fn applies(location: &Location, kind: &str, name: Option<&str>, here: Place<'_>) -> bool {
    let any = |own: &Option<String>, wanted: &str| {
        own.as_deref().is_none_or(|own| own == "*" || own.eq_ignore_ascii_case(wanted))
    };
    let path = location.path.as_deref().unwrap_or("/").trim_end_matches('/');
    let below = here.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    location.kind == kind
        && below
        && (kind != "RESOURCE" || location.path.as_deref().unwrap_or("/") == here.path)
        && any(&location.method, here.method)
        && here.status.is_none_or(|status| any(&location.status_code, status))
        && location.name.as_deref() == name
}

/// All that is said of something.
fn said(parts: &[DocumentationPart], kind: &str, name: Option<&str>, here: Place<'_>) -> Map<String, Value> {
    let mut found: Vec<&DocumentationPart> =
        parts.iter().filter(|part| applies(&part.location, kind, name, here)).collect();
    let exactness = |location: &Location| {
        let exact = |own: &Option<String>| own.as_deref().is_some_and(|own| own != "*");
        let path = location.path.as_deref().map_or(0, str::len);
        (path, exact(&location.method), exact(&location.status_code))
    };
    found.sort_by_key(|part| exactness(&part.location));
    found.into_iter().filter_map(properties).flatten().collect()
}
