//! What parameter mappings of HTTP APIs may name, checked when they are set.

use aws_wire::ServiceError;
use jsonpath::JsonPath;
use serde_json::Value;

use super::{Members, text, texts};
use crate::{
    error::bad_request,
    http_api::parameters::{Change, NoChange},
    operations::parameter_mapping::validated,
};

/// Which way a mapping goes.
#[derive(Clone, Copy)]
enum Way {
    Request,
    Response,
}

/// Checks all mappings of an integration. Those of a subtype go to parameters of an operation, not to places.
pub(super) fn check(members: &Members) -> Result<(), ServiceError> {
    let request = texts(members, "RequestParameters");
    let has_places = text(members, "IntegrationSubtype").is_none();
    let wrong = request.iter().filter_map(|(target, source)| {
        let of_target = has_places.then(|| wrong_target(Way::Request, target, source)).flatten();
        of_target.or_else(|| wrong_source(Way::Request, source))
    });
    validated(wrong).map_err(bad_request)?;
    let all = members.get("ResponseParameters").and_then(Value::as_object).into_iter().flatten();
    for (status, mappings) in all {
        if !status.parse::<u16>().is_ok_and(|status| (200..600).contains(&status)) {
            return Err(bad_request(format!(
                "Invalid status code specified: {status}. Response parameters are for statuses from 200 to 599"
            )));
        }
        let mappings = mappings.as_object().into_iter().flatten();
        let wrong = mappings.filter_map(|(target, source)| {
            let source = source.as_str().unwrap_or_default();
            wrong_target(Way::Response, target, source).or_else(|| wrong_source(Way::Response, source))
        });
        validated(wrong).map_err(bad_request)?;
    }
    Ok(())
}

fn wrong_target(way: Way, target: &str, source: &str) -> Option<String> {
    let (change, name) = match way {
        Way::Request => (Change::of_request(target, source), "Request"),
        Way::Response => (Change::of_response(target, source), "Response"),
    };
    Some(match change.err()? {
        restricted @ NoChange::Restricted(_) => restricted.to_string(),
        NoChange::Unknown(_) => format!("Invalid {name} Actioned Parameter destination specified: {target}"),
    })
}

fn wrong_source(way: Way, source: &str) -> Option<String> {
    let is_known = if source.contains("${") {
        source
            .split("${")
            .skip(1)
            .all(|part| part.split_once('}').is_some_and(|(name, _)| is_value(way, name)))
    } else {
        source.strip_prefix('$').is_none_or(|name| is_value(way, name))
    };
    (!is_known).then(|| format!("Invalid mapping expression specified: {source}"))
}

/// Whether there can be a value of that name, as in `request.header.x`.
fn is_value(way: Way, name: &str) -> bool {
    let Some((first, rest)) = name.split_once('.') else { return false };
    let (place, own) = rest.split_once('.').map_or((rest, None), |(place, own)| (place, Some(own)));
    if own.is_some_and(str::is_empty) {
        return false;
    }
    match (first, way) {
        ("context" | "stageVariables", _) => !rest.is_empty(),
        ("request", Way::Request) => match place {
            "header" | "querystring" => own.is_some(),
            "path" => true,
            "body" => is_path(own),
            _ => false,
        },
        ("response", Way::Response) => match place {
            "header" => own.is_some(),
            "body" => is_path(own),
            _ => false,
        },
        _ => false,
    }
}

fn is_path(path: Option<&str>) -> bool {
    path.is_none_or(|path| JsonPath::parse(&format!("$.{path}")).is_ok())
}
