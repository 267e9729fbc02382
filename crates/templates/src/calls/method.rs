//! `AWS::ApiGateway::Method`: a method with its integration and the responses of both.

use serde_json::{Map, Value};

use super::{
    Call, Named,
    fields::{Field, members},
    gateway_v1,
};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] = &[
    "ApiKeyRequired",
    "AuthorizationScopes",
    "AuthorizationType",
    "AuthorizerId",
    "HttpMethod",
    "Integration",
    "MethodResponses",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RequestValidatorId",
    "ResourceId",
    "RestApiId",
];
/// What says which method it is, and what is made behind it.
const BESIDE: &[&str] = &["HttpMethod", "Integration", "MethodResponses", "ResourceId", "RestApiId"];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let which = |mut members: Map<String, Value>| {
        for (property, member) in
            [("HttpMethod", "httpMethod"), ("ResourceId", "resourceId"), ("RestApiId", "restApiId")]
        {
            members.extend(resource.get(property).map(|value| (member.to_owned(), value.clone())));
        }
        Value::Object(members)
    };
    let make = |operation, members| Call::new("apigateway", operation, which(members));
    let mut method = members(gateway_v1::METHOD, resource.properties, BESIDE, &place)?;
    // CloudFormation asks for it only where there is an authorizer.
    method.entry("authorizationType").or_insert_with(|| Value::from("NONE"));
    let mut calls = vec![make("PutMethod", method)];
    for response in listed(gateway_v1::METHOD_RESPONSE, resource.properties, "MethodResponses", &place)? {
        calls.push(make("PutMethodResponse", response));
    }
    let Some(integration) = resource.get("Integration") else { return Ok(calls) };
    let place = format!("{place}.Integration");
    let integrated = members(gateway_v1::INTEGRATION, integration, &["IntegrationResponses"], &place)?;
    calls.push(make("PutIntegration", integrated));
    for response in listed(gateway_v1::INTEGRATION_RESPONSE, integration, "IntegrationResponses", &place)? {
        calls.push(make("PutIntegrationResponse", response));
    }
    Ok(calls)
}

/// The members of each of a list of structures.
fn listed(
    fields: &[Field],
    properties: &Value,
    name: &str,
    place: &str,
) -> Result<Vec<Map<String, Value>>, Refusals> {
    let Some(listed) = properties.get(name) else { return Ok(Vec::new()) };
    let place = format!("{place}.{name}");
    let listed = listed.as_array().ok_or_else(|| Refusals::one(&place, "this property is a list"))?;
    let each = |(at, item): (usize, &Value)| members(fields, item, &[], &format!("{place}.{at}"));
    listed.iter().enumerate().map(each).collect()
}
