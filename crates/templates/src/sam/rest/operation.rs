//! What an event writes of its own method into a REST API's document: the request's model and parameters, and how long
//! the integration may take.

use serde_json::{Map, Value, json};

use super::super::{
    document::{INTEGRATION, at_method},
    event::Event,
    intrinsic::{is_said, plain_map, put},
};
use super::refuse;
use crate::Refusals;

/// Writes all of it. `models` are the API's.
pub(super) fn write(
    event: &Event,
    models: Option<&Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let place = format!("{place}.Properties");
    if let Some(timeout) = event.get("TimeoutInMillis") {
        at_method(document, &event.path, &event.method, |method| {
            put_setting(method, "timeoutInMillis", timeout.clone());
        });
    }
    if let Some(model) = event.get("RequestModel") {
        write_model(event, model, models, document, &format!("{place}.RequestModel"), refusals);
    }
    if let Some(parameters) = event.get("RequestParameters") {
        write_parameters(event, parameters, document, &format!("{place}.RequestParameters"), refusals);
    }
}

fn put_setting(method: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(Value::Object(integration)) = method.get_mut(INTEGRATION) {
        integration.insert(name.to_owned(), value);
    }
}

fn write_model(
    event: &Event,
    given: &Value,
    models: Option<&Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(given) = plain_map(given) else {
        refusals.add(place, "a request's model is a map");
        return;
    };
    for name in given.keys() {
        if !["Model", "Required", "ValidateBody", "ValidateParameters"].contains(&name.as_str()) {
            refuse(refusals, place, name);
        }
    }
    let Some(name) = given.get("Model").filter(|model| is_said(model)) else { return };
    let Some(name) = name.as_str().filter(|name| models.and_then(|all| all.get(name)).is_some_and(is_said))
    else {
        refusals.add(format!("{place}.Model"), "the API's Models have none of this name");
        return;
    };
    let name = name.to_lowercase();
    let required = given.get("Required").filter(|required| !required.is_null());
    let is_swagger = document.get("swagger").is_some_and(|version| !version.is_null());
    at_method(document, &event.path, &event.method, |method| {
        if is_swagger {
            let mut parameter =
                json!({ "in": "body", "name": name, "schema": { "$ref": format!("#/definitions/{name}") } });
            if let Some(required) = required {
                parameter["required"] = required.clone();
            }
            parameters_of(method).push(parameter);
        } else {
            let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
            let mut body = json!({ "content": { "application/json": { "schema": schema } } });
            if let Some(required) = required {
                body["required"] = required.clone();
            }
            method.insert("requestBody".to_owned(), body);
        }
    });
    write_validator(event, given, document, place, refusals);
}

/// What of a request is looked at before it is passed on.
fn write_validator(
    event: &Event,
    given: &Map<String, Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let [of_body, of_parameters] = ["ValidateBody", "ValidateParameters"]
        .map(|name| given.get(name).filter(|value| !value.is_null()).map(Value::as_bool));
    if of_body.is_none() && of_parameters.is_none() {
        return;
    }
    let (Some(of_body), Some(of_parameters)) =
        (of_body.unwrap_or(Some(false)), of_parameters.unwrap_or(Some(false)))
    else {
        refusals
            .add(place, "ValidateBody and ValidateParameters are true or false; texts and functions are not");
        return;
    };
    let validator = match (of_body, of_parameters) {
        (true, true) => "body-and-params",
        (true, false) => "body-only",
        (false, true) => "params-only",
        (false, false) => "no-validation",
    };
    let settings = json!({ "validateRequestBody": of_body, "validateRequestParameters": of_parameters });
    put(document, &["x-amazon-apigateway-request-validators", validator], settings);
    at_method(document, &event.path, &event.method, |method| {
        method.insert("x-amazon-apigateway-request-validator".to_owned(), Value::from(validator));
    });
}

fn parameters_of(method: &mut Map<String, Value>) -> &mut Vec<Value> {
    let parameters = method.entry("parameters").or_insert_with(|| json!([]));
    if !parameters.is_array() {
        *parameters = json!([]);
    }
    parameters.as_array_mut().expect("it was made a list above")
}

fn write_parameters(
    event: &Event,
    given: &Value,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(given) = given.as_array() else {
        refusals.add(place, "a request's parameters are a list");
        return;
    };
    for (at, parameter) in given.iter().enumerate() {
        let place = format!("{place}.{at}");
        let empty = Map::new();
        let (name, settings) = match parameter {
            Value::String(name) => (name, Some(&empty)),
            Value::Object(map) => match map.iter().next() {
                Some((name, settings)) => (name, settings.as_object()),
                None => continue,
            },
            _ => {
                refusals.add(place, "a parameter is a text or a map");
                continue;
            }
        };
        let found = name.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
        let location = found.and_then(|(location, name)| match location {
            "querystring" => Some(("query", name)),
            "path" | "header" => Some((location, name)),
            _ => None,
        });
        let settings = settings.filter(|it| it.keys().all(|key| key == "Required" || key == "Caching"));
        let (Some((location, short)), Some(settings)) = (location, settings) else {
            refusals.add(
                place,
                "a parameter is 'method.request.[querystring|path|header].NAME', alone or with {Required, Caching}",
            );
            continue;
        };
        let required = settings.get("Required").cloned().unwrap_or(Value::Bool(false));
        let declared = json!({ "in": location, "name": short, "required": required, "type": "string" });
        let is_cached = settings.get("Caching").is_some_and(is_said);
        at_method(document, &event.path, &event.method, |method| {
            parameters_of(method).push(declared.clone());
            if is_cached {
                let before = method.get(INTEGRATION).and_then(|it| it.get("cacheKeyParameters")?.as_array());
                let keys =
                    before.cloned().into_iter().flatten().chain([Value::from(name.as_str())]).collect();
                put_setting(method, "cacheKeyParameters", keys);
            }
        });
    }
}
