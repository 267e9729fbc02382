//! Requests to deployed REST APIs.

use aws_wire::ServiceError;
use serde_json::{Value, json};

use crate::rig::{Rig, proxy};

async fn deployed(method: &str, path: &[&str], integration: Value) -> (Rig, String) {
    let rig = Rig::new();
    let (api, mut resource) = rig.rest_api().await;
    for part in path {
        resource = rig.resource(&api, &resource, part).await;
    }
    rig.method(&api, &resource, method, integration).await;
    rig.deploy(&api, "dev").await;
    (rig, api)
}

#[tokio::test]
async fn a_function_gets_the_event_that_aws_sends() {
    let (rig, api) = deployed("POST", &["orders", "{id}"], proxy()).await;
    let headers =
        [("content-type", "application/json"), ("user-agent", "tests"), ("x-many", "one"), ("x-many", "two")];
    let answer = rig.send(&api, "POST /dev/orders/a%20b?q=1&q=2&r=%26", &headers, r#"{"a":1}"#).await;
    assert_eq!((answer.status, answer.text()), (200, "from the function"));

    let (function, event) = rig.script.events.lock().unwrap()[0].clone();
    assert_eq!(function, "arn:aws:lambda:us-east-1:000000000000:function:orders");
    assert_eq!(event["resource"], "/orders/{id}");
    assert_eq!(event["httpMethod"], "POST");
    assert_eq!(event["pathParameters"], json!({"id": "a b"}));
    assert_eq!(event["queryStringParameters"], json!({"q": "2", "r": "&"}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({"q": ["1", "2"], "r": ["&"]}));
    assert_eq!(event["headers"]["x-many"], "two");
    assert_eq!(event["multiValueHeaders"]["x-many"], json!(["one", "two"]));
    assert_eq!(event["headers"]["X-Forwarded-For"], "203.0.113.9");
    assert_eq!(event["stageVariables"], Value::Null);
    assert_eq!(event["body"], r#"{"a":1}"#);
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["accountId"], "000000000000");
    assert_eq!(context["path"], "/dev/orders/a%20b");
    assert_eq!(context["resourcePath"], "/orders/{id}");
    assert_eq!(context["stage"], "dev");
    assert_eq!(context["identity"]["sourceIp"], "203.0.113.9");
    assert_eq!(context["identity"]["userAgent"], "tests");
    let names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    ];
    assert_eq!(names.len(), expected.len());
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
}

#[tokio::test]
async fn nothing_sent_is_null() {
    let (rig, api) = deployed("GET", &[], proxy()).await;
    rig.get(&api, "/dev").await;
    let event = rig.last_event();
    for name in ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"] {
        assert_eq!(event[name], Value::Null, "{name}");
    }
    assert_eq!(event["path"], "/");
    assert_eq!(event["requestContext"]["path"], "/dev/");
}

#[tokio::test]
async fn a_function_answers_with_status_headers_and_body() {
    let (rig, api) = deployed("GET", &[], proxy()).await;
    rig.function_returns(json!({
        "statusCode": 201,
        "headers": {"X-One": "1", "Content-Type": "text/plain", "Content-Length": "9", "Server": "mine"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": "made",
    }));
    let answer = rig.get(&api, "/dev").await;
    assert_eq!((answer.status, answer.text()), (201, "made"));
    assert_eq!(answer.header("x-one"), Some("1"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("x-amzn-remapped-content-length"), Some("9"));
    assert_eq!(answer.header("x-amzn-remapped-server"), Some("mine"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(answer.header("x-amzn-requestid").is_some());
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_502() {
    let (rig, api) = deployed("GET", &[], proxy()).await;
    for wrong in [
        json!("text"),
        json!(["list"]),
        json!(null),
        json!({"statusCode": "none"}),
        json!({"statusCode": 200, "body": {"an": "object"}}),
        json!({"statusCode": 200, "unknown": 1}),
    ] {
        rig.function_returns(wrong.clone());
        let answer = rig.get(&api, "/dev").await;
        assert_eq!(
            (answer.status, answer.text()),
            (502, r#"{"message": "Internal server error"}"#),
            "{wrong}"
        );
    }
    rig.function_fails(json!({"errorMessage": "no", "errorType": "Error"}));
    assert_eq!(rig.get(&api, "/dev").await.status, 502);
    rig.function_is_refused(ServiceError::new("ResourceNotFoundException", 404, "no such function"));
    let answer = rig.get(&api, "/dev").await;
    assert_eq!((answer.status, answer.text()), (500, r#"{"message": "Internal server error"}"#));
}

#[tokio::test]
async fn bytes_travel_as_base64_for_binary_media_types() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let types = json!({"op": "add", "path": "/binaryMediaTypes/image~1png"});
    rig.rest("UpdateRestApi", json!({"restApiId": api, "patchOperations": [types]})).await;
    rig.method(&api, &root, "POST", proxy()).await;
    rig.deploy(&api, "dev").await;
    rig.function_returns(json!({"statusCode": 200, "isBase64Encoded": true, "body": "/wD+"}));
    let headers = [("content-type", "image/png"), ("accept", "image/png")];
    let answer = rig.send(&api, "POST /dev", &headers, vec![0xff, 0, 0xfe]).await;
    assert_eq!(answer.body, [0xff, 0, 0xfe]);
    let event = rig.last_event();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wD+"), &json!(true)));
    let answer = rig.send(&api, "POST /dev", &[("accept", "text/plain")], "text").await;
    assert_eq!(answer.text(), "/wD+");
}

#[tokio::test]
async fn the_most_exact_resource_answers() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    let one = rig.resource(&api, &orders, "{id}").await;
    let latest = rig.resource(&api, &orders, "latest").await;
    let rest = rig.resource(&api, &root, "{proxy+}").await;
    for (resource, method) in [(&one, "GET"), (&latest, "GET"), (&rest, "ANY")] {
        rig.method(&api, resource, method, proxy()).await;
    }
    rig.deploy(&api, "dev").await;
    for (line, resource) in [
        ("GET /dev/orders/latest", "/orders/latest"),
        ("GET /dev/orders/7", "/orders/{id}"),
        ("GET /dev/orders/7/items", "/{proxy+}"),
        ("DELETE /dev/other", "/{proxy+}"),
    ] {
        assert_eq!(rig.send(&api, line, &[], "").await.status, 200, "{line}");
        assert_eq!(rig.last_event()["resource"], resource, "{line}");
    }
    rig.get(&api, "/dev/deep/er/path").await;
    assert_eq!(rig.last_event()["pathParameters"], json!({"proxy": "deep/er/path"}));
    // ANY is any method that API Gateway has.
    for line in ["GET /dev", "GET /dev/", "TRACE /dev/other", "PURGE /dev/other"] {
        let answer = rig.send(&api, line, &[], "").await;
        let expected = (403, r#"{"message":"Missing Authentication Token"}"#);
        assert_eq!((answer.status, answer.text()), expected, "{line}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    }
}

#[tokio::test]
async fn stage_variables_name_functions_and_are_sent() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let mut integration = proxy();
    integration["uri"] =
        json!(integration["uri"].as_str().unwrap().replace("orders", "${stageVariables.fn}"));
    rig.method(&api, &root, "GET", integration).await;
    let made = rig.deploy(&api, "unused").await;
    rig.rest(
        "CreateStage",
        json!({"restApiId": api, "stageName": "v", "deploymentId": made, "variables": {"fn": "chosen"}}),
    )
    .await;
    rig.get(&api, "/v").await;
    let (function, event) = rig.script.events.lock().unwrap()[0].clone();
    assert!(function.ends_with(":function:chosen"), "{function}");
    assert_eq!(event["stageVariables"], json!({"fn": "chosen"}));
}

#[tokio::test]
async fn gateway_responses_are_the_apis_own() {
    let (rig, api) = deployed("GET", &["orders"], proxy()).await;
    rig.rest(
        "PutGatewayResponse",
        json!({
            "restApiId": api, "responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404",
            "responseParameters": {"gatewayresponse.header.X-Why": "'unknown path'"},
            "responseTemplates": {"application/json": "{\"said\":$context.error.messageString}"},
        }),
    )
    .await;
    rig.deploy(&api, "dev").await;
    let answer = rig.get(&api, "/dev/other").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-why"), Some("unknown path"));
    assert_eq!(answer.json(), json!({"said": "Missing Authentication Token"}));
}

#[tokio::test]
async fn too_long_a_request_is_not_read() {
    let (rig, api) = deployed("POST", &[], proxy()).await;
    let answer = rig.send(&api, "POST /dev", &[], vec![b'x'; (10 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(rig.script.events.lock().unwrap().is_empty());
}

#[tokio::test]
async fn requests_are_validated_where_a_method_wants_it() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let made = json!({"restApiId": api, "validateRequestBody": true, "validateRequestParameters": true});
    let validator = rig.rest("CreateRequestValidator", made).await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "POST"});
    let method = json!({
        "authorizationType": "NONE",
        "requestValidatorId": validator["id"],
        "requestModels": {"application/json": "Error"},
        "requestParameters": {
            "method.request.querystring.q": true,
            "method.request.header.X-H": true,
            "method.request.querystring.optional": false,
        },
    });
    rig.rest("PutMethod", crate::rig::with(&of, method)).await;
    rig.rest("PutIntegration", crate::rig::with(&of, proxy())).await;
    rig.deploy(&api, "dev").await;
    let missing = rig.send(&api, "POST /dev", &[], "{}").await;
    let expected = json!({"message": "Missing required request parameters: [X-H, q]"});
    assert_eq!((missing.status, missing.json()), (400, expected));
    for body in ["", "no json", "[]", r#"{"message":1}"#] {
        let answer = rig.send(&api, "POST /dev?q=1", &[("x-h", "1")], body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({"message": "Invalid request body"})),
            "{body}"
        );
    }
    assert!(rig.script.events.lock().unwrap().is_empty());
    let answer = rig.send(&api, "POST /dev?q=1", &[("x-h", "1")], r#"{"message":"m"}"#).await;
    assert_eq!(answer.status, 200);
}
