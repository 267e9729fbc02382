//! What `AWS::Serverless::Api` says beside its paths: settings of the API and of its stage, and what the transform
//! writes into its document.

use serde_json::{Map, Value, json};

use super::Serverless;
use crate::Refusals;

/// Properties that are the API's under the same name.
const OF_API: &[&str] = &[
    "ApiKeySourceType",
    "Description",
    "DisableExecuteApiEndpoint",
    "FailOnWarnings",
    "MinimumCompressionSize",
    "Mode",
    "Name",
    "Policy",
    "SecurityPolicy",
];
/// Properties that are the stage's under the same name.
const OF_STAGE: &[&str] = &[
    "AccessLogSetting",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "MethodSettings",
    "TracingEnabled",
    "Variables",
];
const OTHERS: &[&str] = &[
    "Auth",
    "BinaryMediaTypes",
    "Cors",
    "DefinitionBody",
    "EndpointConfiguration",
    "GatewayResponses",
    "OpenApiVersion",
    "StageName",
    "Tags",
];

/// Adds what the resource says to its document, and gives the properties of the API and of its stage.
pub(super) fn settings(
    id: &str,
    found: &Serverless,
    body: &mut Value,
    refusals: &mut Refusals,
) -> (Map<String, Value>, Map<String, Value>) {
    found.check(id, &[OF_API, OF_STAGE, OTHERS].concat(), "AWS::Serverless::Api", refusals);
    let given = &found.properties;
    let of = |names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), given.get(*name)?.clone()))).collect()
    };
    let place = format!("Resources.{id}.Properties");
    let mut written: [(&str, Write); 3] =
        [("GatewayResponses", gateway_responses), ("Cors", preflights), ("Auth", authorize)];
    // SAM asks for the key in preflights too, which browsers do not send there, unless it is told not to.
    if given.get("Auth").and_then(|auth| auth.get(KEY_IN_PREFLIGHT)) == Some(&Value::Bool(false)) {
        written.swap(1, 2);
    }
    let is_document = body.as_object().is_some_and(|body| !is_function(body));
    for (name, write) in written {
        let place = format!("{place}.{name}");
        match given.get(name) {
            Some(value) if is_document => write(value, body, &place, refusals),
            Some(_) => {
                refusals.add(place, "Tule adds this only to a document that is written out in the template");
            }
            None => {}
        }
    }
    let mut api = of(OF_API);
    if let Some(types) = given.get("BinaryMediaTypes").and_then(Value::as_array) {
        // Written as in a patch, `image~1png`; CloudFormation has the slash.
        let plain = |it: &Value| it.as_str().map_or_else(|| it.clone(), |it| it.replace("~1", "/").into());
        api.insert("BinaryMediaTypes".to_owned(), types.iter().map(plain).collect());
    }
    if let Some(tags) = given.get("Tags").and_then(Value::as_object) {
        let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        api.insert("Tags".to_owned(), tags);
    }
    if let Some(endpoint) = given.get("EndpointConfiguration") {
        let place = format!("{place}.EndpointConfiguration");
        api.insert("EndpointConfiguration".to_owned(), endpoint_configuration(endpoint, &place, refusals));
    }
    (api, of(OF_STAGE))
}

const KEY_IN_PREFLIGHT: &str = "AddApiKeyRequiredToCorsPreflight";

/// Writes a property's value into a document.
type Write = fn(&Value, &mut Value, &str, &mut Refusals);

/// Puts a value into nested maps, which are made where there are none.
fn put(document: &mut Value, path: &[&str], value: Value) {
    let mut at = document;
    for name in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry(*name).or_insert(Value::Null);
    }
    *at = value;
}

/// A type alone, or `{Type, VPCEndpointIds, IpAddressType}`.
fn endpoint_configuration(given: &Value, place: &str, refusals: &mut Refusals) -> Value {
    let Some(given) = given.as_object().filter(|given| !is_function(given)) else {
        return json!({ "Types": [given] });
    };
    let mut made = Map::new();
    for (name, value) in given {
        match name.as_str() {
            "Type" => drop(made.insert("Types".to_owned(), json!([value]))),
            "VPCEndpointIds" => drop(made.insert("VpcEndpointIds".to_owned(), value.clone())),
            "IpAddressType" => drop(made.insert(name.clone(), value.clone())),
            _ => refuse(refusals, place, name),
        }
    }
    Value::Object(made)
}

fn is_function(map: &Map<String, Value>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn refuse(refusals: &mut Refusals, place: &str, name: &str) {
    refusals.add(format!("{place}.{name}"), "Tule does not apply this property of AWS::Serverless::Api yet");
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Responses by their type, as a document has them.
fn gateway_responses(given: &Value, body: &mut Value, place: &str, refusals: &mut Refusals) {
    let mut made = Map::new();
    for (kind, response) in entries(given) {
        let place = format!("{place}.{kind}");
        let mut parameters = Map::new();
        let mut out = Map::new();
        for (name, value) in entries(response) {
            match name.as_str() {
                "StatusCode" => {
                    let text = value.as_i64().map_or_else(|| value.clone(), |code| code.to_string().into());
                    out.insert("statusCode".to_owned(), text);
                }
                "ResponseTemplates" => drop(out.insert("responseTemplates".to_owned(), value.clone())),
                "ResponseParameters" => {
                    for (group, values) in entries(value) {
                        let part = match group.as_str() {
                            "Headers" => "header",
                            "Paths" => "path",
                            "QueryStrings" => "querystring",
                            other => {
                                refuse(refusals, &format!("{place}.ResponseParameters"), other);
                                continue;
                            }
                        };
                        let named = entries(values);
                        parameters.extend(
                            named.map(|(it, to)| (format!("gatewayresponse.{part}.{it}"), to.clone())),
                        );
                    }
                }
                other => refuse(refusals, &place, other),
            }
        }
        if !parameters.is_empty() {
            out.insert("responseParameters".to_owned(), Value::Object(parameters));
        }
        made.insert(kind.clone(), Value::Object(out));
    }
    put(body, &["x-amazon-apigateway-gateway-responses"], Value::Object(made));
}

/// Who may call: a policy of the template's own statements, and keys.
fn authorize(auth: &Value, body: &mut Value, place: &str, refusals: &mut Refusals) {
    for (name, value) in entries(auth) {
        match name.as_str() {
            "ResourcePolicy" => {
                let place = format!("{place}.ResourcePolicy");
                for other in entries(value).map(|(name, _)| name).filter(|name| *name != "CustomStatements") {
                    refuse(refusals, &place, other);
                }
                let statements = match value.get("CustomStatements") {
                    Some(Value::Array(statements)) => statements.clone(),
                    Some(one) => vec![one.clone()],
                    None => continue,
                };
                let policy = json!({ "Version": "2012-10-17", "Statement": statements });
                put(body, &["x-amazon-apigateway-policy"], policy);
            }
            "ApiKeyRequired" if value == true => {
                each_operation(body, |operation| {
                    let security = operation.entry("security").or_insert_with(|| json!([]));
                    if let Some(security) = security.as_array_mut() {
                        security.push(json!({ "api_key": [] }));
                    }
                });
                let scheme = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
                let place: &[&str] = match body.get("swagger") {
                    Some(_) => &["securityDefinitions", "api_key"],
                    None => &["components", "securitySchemes", "api_key"],
                };
                put(body, place, scheme);
            }
            "ApiKeyRequired" if value == false => {}
            KEY_IN_PREFLIGHT if value.is_boolean() => {}
            other => refuse(refusals, place, other),
        }
    }
}

fn each_operation(body: &mut Value, mut change: impl FnMut(&mut Map<String, Value>)) {
    let paths = body.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        let operations = item.iter_mut().filter(|(name, _)| METHODS.contains(&name.as_str()));
        operations.filter_map(|(_, operation)| operation.as_object_mut()).for_each(&mut change);
    }
}

const ANY: &str = "x-amazon-apigateway-any-method";
const METHODS: &[&str] = &["delete", "get", "head", "options", "patch", "post", "put", ANY];

/// Adds to every path the method that browsers ask first, where the template has none.
fn preflights(cors: &Value, body: &mut Value, place: &str, refusals: &mut Refusals) {
    const HEADERS: [(&str, &str); 5] = [
        ("AllowCredentials", "Access-Control-Allow-Credentials"),
        ("AllowHeaders", "Access-Control-Allow-Headers"),
        ("AllowMethods", "Access-Control-Allow-Methods"),
        ("AllowOrigin", "Access-Control-Allow-Origin"),
        ("MaxAge", "Access-Control-Max-Age"),
    ];
    let mut headers = Map::new();
    let map = cors.as_object().filter(|cors| !is_function(cors));
    if map.is_none() {
        headers.insert("Access-Control-Allow-Origin".to_owned(), cors.clone());
    }
    for (name, value) in map.into_iter().flatten() {
        match HEADERS.iter().find(|(known, _)| known == name) {
            // Only `true` may be said of credentials, and it is a constant here.
            Some((_, header)) if *name == "AllowCredentials" => {
                if value == true {
                    headers.insert((*header).to_owned(), Value::from("'true'"));
                }
            }
            Some((_, header)) => drop(headers.insert((*header).to_owned(), value.clone())),
            None => refuse(refusals, place, name),
        }
    }
    let paths = body.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        if item.contains_key("options") {
            continue;
        }
        let mut headers = headers.clone();
        headers.entry("Access-Control-Allow-Methods").or_insert_with(|| allowed(item));
        let declared: Map<String, Value> =
            headers.keys().map(|name| (name.clone(), json!({ "type": "string" }))).collect();
        let parameters: Map<String, Value> = headers
            .into_iter()
            .map(|(name, value)| (format!("method.response.header.{name}"), value))
            .collect();
        let integration = json!({
            "type": "mock",
            "requestTemplates": { "application/json": "{\n  \"statusCode\" : 200\n}\n" },
            "responses": { "default": {
                "statusCode": "200", "responseParameters": parameters,
                "responseTemplates": { "application/json": "{}\n" },
            } },
        });
        let options = json!({
            "summary": "CORS support", "consumes": ["application/json"], "produces": ["application/json"],
            "responses": { "200": { "description": "Default response for CORS method", "headers": declared } },
            "x-amazon-apigateway-integration": integration,
        });
        item.insert("options".to_owned(), options);
    }
}

/// The methods of a path, and the preflight's own.
fn allowed(item: &Map<String, Value>) -> Value {
    let mut methods: Vec<String> = if item.contains_key(ANY) {
        METHODS.iter().filter(|method| **method != ANY).map(|method| method.to_uppercase()).collect()
    } else {
        let of_path = item.keys().filter(|method| METHODS.contains(&method.as_str()));
        of_path.map(|method| method.to_uppercase()).chain(["OPTIONS".to_owned()]).collect()
    };
    methods.sort();
    Value::from(format!("'{}'", methods.join(",")))
}
