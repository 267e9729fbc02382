//! What of an API documentation could be about and is not: all its entities, less those that a documentation part says
//! something of.

use std::sync::Arc;

use crate::{
    openapi::export::documentation::{Place, applies},
    rest_api::record::{Location, Method, Resource, RestApi},
};

/// The locations of entities without documentation, each with a text that tells it from all others.
pub(super) fn locations(record: &RestApi, resources: &[Arc<Resource>]) -> Vec<(String, Location)> {
    let mut all = vec![plain("API")];
    all.extend(record.authorizers.iter().map(|it| named(plain("AUTHORIZER"), &it.name)));
    all.extend(record.models.iter().map(|it| named(plain("MODEL"), &it.name)));
    let mut resources: Vec<&Arc<Resource>> = resources.iter().collect();
    resources.sort_by(|one, other| one.path.cmp(&other.path));
    for resource in resources {
        all.push(Location { path: Some(resource.path.clone()), ..plain("RESOURCE") });
        for (verb, method) in &resource.resource_methods {
            of_method(&mut all, &resource.path, verb, method);
        }
    }
    all.retain(|location| !is_documented(record, location));
    all.into_iter().map(|location| (key(&location), location)).collect()
}

fn of_method(all: &mut Vec<Location>, path: &str, verb: &str, method: &Method) {
    let at =
        |kind: &str| Location { path: Some(path.to_owned()), method: Some(verb.to_owned()), ..plain(kind) };
    all.push(at("METHOD"));
    for parameter in method.request_parameters.iter().flatten().map(|(parameter, _)| parameter) {
        let Some((place, name)) =
            parameter.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let kind = match place {
            "path" => "PATH_PARAMETER",
            "querystring" => "QUERY_PARAMETER",
            _ => "REQUEST_HEADER",
        };
        all.push(named(at(kind), name));
    }
    if method.request_models.as_ref().is_some_and(|models| !models.is_empty()) {
        all.push(at("REQUEST_BODY"));
    }
    for (status, response) in &method.method_responses {
        let at = |kind: &str| Location { status_code: Some(status.clone()), ..at(kind) };
        all.push(at("RESPONSE"));
        for parameter in response.response_parameters.iter().flatten().map(|(parameter, _)| parameter) {
            if let Some(name) = parameter.strip_prefix("method.response.header.") {
                all.push(named(at("RESPONSE_HEADER"), name));
            }
        }
        if response.response_models.as_ref().is_some_and(|models| !models.is_empty()) {
            all.push(at("RESPONSE_BODY"));
        }
    }
}

fn plain(kind: &str) -> Location {
    Location { kind: kind.to_owned(), path: None, method: None, status_code: None, name: None }
}

fn named(location: Location, name: &str) -> Location {
    Location { name: Some(name.to_owned()), ..location }
}

fn is_documented(record: &RestApi, location: &Location) -> bool {
    let here = Place {
        path: location.path.as_deref().unwrap_or("/"),
        method: location.method.as_deref().unwrap_or("*"),
        status: location.status_code.as_deref(),
    };
    let parts = &mut record.documentation_parts.iter();
    parts.any(|part| applies(&part.location, &location.kind, location.name.as_deref(), here))
}

fn key(location: &Location) -> String {
    let parts = [&location.path, &location.method, &location.status_code, &location.name];
    let parts = parts.map(|part| part.as_deref().unwrap_or_default());
    format!("{} {}", location.kind, parts.join(" "))
}
