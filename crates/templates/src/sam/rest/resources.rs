//! The CloudFormation resources of an `AWS::Serverless::Api`, and the last touches of its document.

use serde_json::{Map, Value, json};

use super::super::{
    Made, authorizer, domain,
    intrinsic::{entries, map_entries, plain_map, put, reference, said, tag_list},
    logical_id,
};
use super::{RestApi, document, refuse, usage_plan};
use crate::Refusals;

/// Properties that are the API's under the same name.
const OF_API: &[&str] = &[
    "ApiKeySourceType",
    "BinaryMediaTypes",
    "Description",
    "EndpointAccessMode",
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
    "StageName",
    "TracingEnabled",
    "Variables",
];

pub(super) fn make(api: &RestApi, made: &mut Made, refusals: &mut Refusals) {
    let place = format!("Resources.{}.Properties", api.id);
    let given = &api.found.properties;
    let same = |names: &[&str]| -> Map<String, Value> {
        let named = names.iter().filter_map(|name| Some(((*name).to_owned(), given.get(*name)?.clone())));
        named.filter(|(_, value)| !value.is_null()).collect()
    };
    let mut properties = same(OF_API);
    if let Some(endpoint) = api.get("EndpointConfiguration") {
        endpoint_configuration(
            endpoint,
            &mut properties,
            &format!("{place}.EndpointConfiguration"),
            refusals,
        );
    }
    let source = definition(api, &mut properties, &place, refusals);
    let stage_name = api.found.text("StageName").unwrap_or_default();
    if !given.contains_key("StageName") {
        refusals.add(&place, "Missing required property 'StageName'.");
    }
    let hash = logical_id::digest(&json!([source, api.found.properties.get("Domain")]));
    let deployment = format!("{}Deployment{}", api.id, &hash[..10]);
    let mut of_deployment =
        json!({ "Description": format!("RestApi deployment id: {hash}"), "RestApiId": reference(&api.id) });
    // The stage that the real transform makes beside the wanted one, unless OpenApiVersion is said.
    if api.get("OpenApiVersion").is_none() {
        of_deployment["StageName"] = Value::from("Stage");
    }
    let stage = logical_id::named(&api.id, stage_name, "Stage");
    let mut of_stage = same(OF_STAGE);
    of_stage.insert("RestApiId".to_owned(), reference(&api.id));
    of_stage.insert("DeploymentId".to_owned(), reference(&deployment));
    let tags = tag_list(api.get("Tags"));
    if !tags.is_empty() {
        if given.get("PropagateTags") == Some(&Value::Bool(true)) {
            properties.insert("Tags".to_owned(), Value::Array(tags.clone()));
        }
        of_stage.insert("Tags".to_owned(), Value::Array(tags));
    }
    made.add(&api.id, "AWS::ApiGateway::RestApi", properties, &api.found.beside);
    let beside = api.found.derived();
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    made.add(&deployment, "AWS::ApiGateway::Deployment", object(of_deployment), &beside);
    made.add(&stage, "AWS::ApiGateway::Stage", of_stage, &beside);
    made.refer(&api.id, "Deployment", &deployment);
    made.refer(&api.id, "Stage", &stage);
    permissions(api, made);
    if let Some(domain) = given.get("Domain").filter(|domain| !domain.is_null()) {
        domain::rest(&api.id, &stage, domain, &api.found, made, &format!("{place}.Domain"), refusals);
    }
    if let Some(plan) = api.get("Auth").and_then(|auth| auth.get("UsagePlan")).filter(|plan| !plan.is_null())
    {
        usage_plan::make(&api.id, &stage, plan, made, &format!("{place}.Auth.UsagePlan"), refusals);
    }
}

/// Puts the document, or the place of one, into the properties; gives what is deployed.
fn definition(
    api: &RestApi,
    properties: &mut Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) -> Value {
    let Some(uri) = api.get("DefinitionUri") else {
        let document = api.document.clone().unwrap_or_default();
        properties.insert("Body".to_owned(), document.clone());
        return document;
    };
    if api.get("DefinitionBody").is_some() {
        refusals.add(place, "Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.");
    }
    let location = super::super::document_location(uri, &format!("{place}.DefinitionUri"), refusals);
    properties.insert("BodyS3Location".to_owned(), location.clone());
    location
}

/// A type alone, or `{Type, VPCEndpointIds, IpAddressType}`.
fn endpoint_configuration(
    given: &Value,
    properties: &mut Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) {
    let map = plain_map(given);
    let kind = map.map_or(Some(given), |map| said(map, "Type"));
    let mut made = json!({ "Types": [kind] });
    for (name, value) in map.into_iter().flatten() {
        match name.as_str() {
            "Type" => {}
            "VPCEndpointIds" | "VpcEndpointIds" => made["VpcEndpointIds"] = value.clone(),
            "IpAddressType" => made[name] = value.clone(),
            _ => refuse(refusals, place, name),
        }
    }
    if kind.is_none() {
        refusals.add(place, "an endpoint configuration has a Type");
    }
    properties.insert("EndpointConfiguration".to_owned(), made);
    properties.insert("Parameters".to_owned(), json!({ "endpointConfigurationTypes": kind }));
}

/// The API may invoke the functions that authorize for it.
fn permissions(api: &RestApi, made: &mut Made) {
    let authorizers = api.get("Auth").and_then(|auth| auth.get("Authorizers"));
    for (name, authorizer) in entries(authorizers) {
        let Some(function) = authorizer.as_object().and_then(|it| said(it, "FunctionArn")) else { continue };
        let is_pool = authorizer.get("UserPoolArn").is_some_and(super::is_said);
        let is_disabled = authorizer.get("DisableFunctionDefaultPermissions") == Some(&Value::Bool(true));
        if is_pool || is_disabled {
            continue;
        }
        let id = format!("{}{name}AuthorizerPermission", api.id);
        authorizer::permit(&api.id, &id, "aws", function, &api.found.derived(), made);
    }
}

/// Responses by their type, as a document has them.
pub(super) fn write_gateway_responses(
    given: Option<&Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    for (kind, response) in entries(given) {
        let place = format!("{place}.{kind}");
        if plain_map(response).is_none() {
            refusals.add(&place, "a gateway response is a map");
        }
        let mut parameters = Map::new();
        let mut out = json!({ "responseTemplates": {} });
        for (name, value) in entries(Some(response)) {
            match name.as_str() {
                "StatusCode" => {
                    let is_code = |text: &str| (1..=3).contains(&text.len()) && text.parse::<u16>().is_ok();
                    if !value.as_i64().is_some_and(|it| (0..1000).contains(&it))
                        && !value.as_str().is_some_and(is_code)
                    {
                        refusals.add(format!("{place}.StatusCode"), "Property 'StatusCode' must be numeric");
                    }
                    out["statusCode"] =
                        value.as_i64().map_or_else(|| value.clone(), |it| it.to_string().into());
                }
                "ResponseTemplates" => out["responseTemplates"] = value.clone(),
                "ResponseParameters" => {
                    let place = format!("{place}.ResponseParameters");
                    for (group, values) in map_entries(Some(value), &place, refusals) {
                        let part = match group.as_str() {
                            "Headers" => "header",
                            "Paths" => "path",
                            "QueryStrings" => "querystring",
                            other => {
                                refuse(refusals, &place, other);
                                continue;
                            }
                        };
                        let named = map_entries(Some(values), &format!("{place}.{group}"), refusals);
                        parameters.extend(
                            named.map(|(it, to)| (format!("gatewayresponse.{part}.{it}"), to.clone())),
                        );
                    }
                }
                other => refuse(refusals, &place, other),
            }
        }
        out["responseParameters"] = Value::Object(parameters);
        put(document, &["x-amazon-apigateway-gateway-responses", kind], out);
    }
}

/// What version 3 of OpenAPI has in another place than version 2.
pub(super) fn upgrade(body: &mut Value, version: Option<&Value>) {
    if body.get("swagger").is_some_and(|swagger| !swagger.is_null()) {
        return;
    }
    let version = version.or_else(|| body.get("openapi")).cloned();
    if !version.as_ref().is_some_and(document::is_version_3) {
        return;
    }
    for (old, new) in [("securityDefinitions", "securitySchemes"), ("definitions", "schemas")] {
        if let Some(moved) = body.as_object_mut().and_then(|body| body.shift_remove(old)) {
            put(body, &["components", new], moved);
        }
    }
    for (_, item) in document::paths(body) {
        let Some(options) = item.get_mut("options").and_then(Value::as_object_mut) else { continue };
        options.shift_remove("consumes");
        options.shift_remove("produces");
        let headers = options.get_mut("responses").and_then(|it| it.get_mut("200")?.get_mut("headers"));
        for (_, header) in headers.and_then(Value::as_object_mut).into_iter().flatten() {
            if header.get("schema").is_none() {
                *header = json!({ "schema": header.take() });
            }
        }
    }
}
