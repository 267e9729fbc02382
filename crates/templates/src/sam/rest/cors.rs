//! `Cors` of `AWS::Serverless::Api`: a preflight for every path that has none.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::{
    document::{INTEGRATION, paths},
    event::ANY,
    intrinsic::{is_said, plain_map},
};
use super::refuse;
use crate::Refusals;

/// Properties, the headers they are about, and the types of those.
const HEADERS: [(&str, &str, &str); 5] = [
    ("AllowCredentials", "Access-Control-Allow-Credentials", "string"),
    ("AllowHeaders", "Access-Control-Allow-Headers", "string"),
    ("AllowMethods", "Access-Control-Allow-Methods", "string"),
    ("AllowOrigin", "Access-Control-Allow-Origin", "string"),
    ("MaxAge", "Access-Control-Max-Age", "integer"),
];
const EVERY: &str = "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'";
const ANYONE: &str = "'*'";

pub(super) fn write(
    cors: &Value,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
    notices: &mut Refusals,
) {
    let mut headers: Map<String, Value> = Map::new();
    let map = plain_map(cors);
    if map.is_none() && !cors.is_string() && !cors.is_object() {
        refusals.add(place, "Cors is an origin or a map");
        return;
    }
    let origin = map.map_or(Some(cors), |map| map.get("AllowOrigin")).cloned();
    let origin = origin.unwrap_or_else(|| Value::from(ANYONE));
    let credentials = map.and_then(|map| map.get("AllowCredentials"));
    let with_credentials = credentials == Some(&Value::Bool(true));
    if !credentials.is_none_or(|it| it.is_null() || it.is_boolean()) {
        let text = "this has no effect, here as on AWS: only `true` has, no text and no function";
        notices.add(format!("{place}.AllowCredentials"), text);
    }
    if with_credentials && origin == ANYONE {
        refusals.add(place, "'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set");
    }
    headers.insert("Access-Control-Allow-Origin".to_owned(), origin);
    for (name, value) in map.into_iter().flatten() {
        match HEADERS.iter().find(|(known, ..)| known == name) {
            // Only `true` may be said of credentials, and it is a constant here.
            Some((_, header, _)) if name == "AllowCredentials" => {
                if with_credentials {
                    headers.insert((*header).to_owned(), Value::from("'true'"));
                }
            }
            // Zero seconds say something, an empty text does not.
            Some((_, header, kind)) if is_said(value) || (*kind == "integer" && !value.is_null()) => {
                headers.insert((*header).to_owned(), value.clone());
            }
            Some(_) => {}
            None => refuse(refusals, place, name),
        }
    }
    // With and without a slash at the end, a path is the same resource.
    let mut done = BTreeSet::new();
    for (path, item) in paths(document) {
        let same = if path == "/" { path } else { path.trim_end_matches('/') };
        if !done.insert(same.to_owned()) || item.contains_key("options") {
            continue;
        }
        let mut headers = headers.clone();
        headers.entry("Access-Control-Allow-Methods").or_insert_with(|| allowed(item));
        item.insert("options".to_owned(), preflight(headers));
    }
}

fn preflight(headers: Map<String, Value>) -> Value {
    let kind = |name: &str| HEADERS.iter().find(|(_, header, _)| *header == name).map(|(.., kind)| *kind);
    let declared: Map<String, Value> =
        headers.keys().map(|name| (name.clone(), json!({ "type": kind(name) }))).collect();
    let parameters: Map<String, Value> =
        headers.into_iter().map(|(name, value)| (format!("method.response.header.{name}"), value)).collect();
    json!({
        "summary": "CORS support", "consumes": ["application/json"], "produces": ["application/json"],
        INTEGRATION: {
            "type": "mock",
            "requestTemplates": { "application/json": "{\n  \"statusCode\" : 200\n}\n" },
            "responses": { "default": {
                "statusCode": "200", "responseParameters": parameters,
                "responseTemplates": { "application/json": "{}\n" },
            } },
        },
        "responses": { "200": { "description": "Default response for CORS method", "headers": declared } },
    })
}

/// The methods of a path (every field of it, as the real transform has it), and the preflight's own.
fn allowed(item: &Map<String, Value>) -> Value {
    if item.contains_key(ANY) {
        return Value::from(EVERY);
    }
    let methods: BTreeSet<String> =
        item.keys().map(|method| method.to_uppercase()).chain(["OPTIONS".to_owned()]).collect();
    Value::from(format!("'{}'", methods.into_iter().collect::<Vec<_>>().join(",")))
}
