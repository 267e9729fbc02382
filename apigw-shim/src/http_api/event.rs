//! The events that functions of HTTP APIs get, in both versions.

use bytes::Bytes;
use proxy_events::{Incoming, Route, body, decode, multi_values, path_values, single_values};
use serde_json::{Value, json};

use super::{
    authorize::Caller,
    compiled::{HttpStage, Matched},
};
use crate::integrate::lambda_proxy::identity;

/// The path as clients see it, with the stage, unless that is `$default`. HTTP APIs have it without escapes.
pub(super) fn raw_path(stage: &HttpStage, request: &Incoming) -> String {
    let path = decode(request.asked_path());
    if stage.name == "$default" || request.custom_domain.is_some() {
        path
    } else {
        format!("/{}{path}", stage.name)
    }
}

fn variables(stage: &HttpStage) -> Value {
    if stage.variables.is_empty() { Value::Null } else { json!(stage.variables) }
}

/// Version 1.0: the event of REST APIs.
pub(super) fn version_1(stage: &HttpStage, request: &Incoming, matched: &Matched, caller: &Caller) -> Bytes {
    let headers = request.header_pairs();
    let query = request.query_pairs();
    let (body, is_base64) = body(request);
    let host = request.host();
    let resource = matched.route.key.split_once(' ').map_or(matched.route.key.as_str(), |(_, path)| path);
    let path = raw_path(stage, request);
    let mut event = json!({
        "version": "1.0",
        "resource": resource,
        "path": path,
        "httpMethod": request.method.as_str(),
        "headers": single_values(&headers),
        "multiValueHeaders": multi_values(&headers),
        "queryStringParameters": single_values(&query),
        "multiValueQueryStringParameters": multi_values(&query),
        "requestContext": {
            "accountId": &*stage.scope.account,
            "apiId": stage.api_id,
            "domainName": host,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "extendedRequestId": request.extended_request_id,
            "httpMethod": request.method.as_str(),
            "identity": identity(request),
            "path": path,
            "protocol": request.protocol(),
            "requestId": &*request.request_id,
            "requestTime": request.time(),
            "requestTimeEpoch": request.at.millis(),
            "resourceId": matched.route.key,
            "resourcePath": resource,
            "stage": stage.name,
        },
        "pathParameters": path_values(&matched.parameters),
        "stageVariables": variables(stage),
        "body": body,
        "isBase64Encoded": is_base64,
    });
    caller.identify(&mut event["requestContext"]["identity"]);
    let authorizer = caller.version_1();
    if !authorizer.is_null() {
        event["requestContext"]["authorizer"] = authorizer;
    }
    event.to_string().into()
}

/// Version 2.0.
pub(super) fn version_2(
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    authorizer: Value,
) -> Bytes {
    let route = Route {
        account: &stage.scope.account,
        api_id: &stage.api_id,
        key: &matched.route.key,
        stage: &stage.name,
        path: &raw_path(stage, request),
        parameters: &matched.parameters,
        variables: variables(stage),
        authorizer,
    };
    proxy_events::version_2(&route, request)
}
