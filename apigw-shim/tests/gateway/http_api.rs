//! HTTP APIs: what SDKs call and what deployed ones answer.

use serde_json::{Value, json};

use crate::rig::{Answered, Rig, text, with};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:orders";

async fn quick() -> (Rig, String) {
    let rig = Rig::new();
    let api =
        rig.http("CreateApi", json!({"Name": "quick", "ProtocolType": "HTTP", "Target": FUNCTION})).await;
    (rig, text(&api, "ApiId"))
}

/// An API with a `$default` stage that deploys itself, and an integration.
async fn with_integration(version: &str) -> (Rig, String, String) {
    let rig = Rig::new();
    let api = rig.http("CreateApi", json!({"Name": "own", "ProtocolType": "HTTP"})).await;
    let api = text(&api, "ApiId");
    let integration = rig
        .http(
            "CreateIntegration",
            json!({
                "ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION,
                "PayloadFormatVersion": version,
            }),
        )
        .await;
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "$default", "AutoDeploy": true})).await;
    (rig, api, text(&integration, "IntegrationId"))
}

async fn route(rig: &Rig, api: &str, key: &str, integration: &str) -> Value {
    let target = format!("integrations/{integration}");
    rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": key, "Target": target})).await
}

#[tokio::test]
async fn quick_create_makes_everything() {
    let (rig, api) = quick().await;
    let routes = rig.http("GetRoutes", json!({"ApiId": api})).await;
    assert_eq!(routes["Items"][0]["RouteKey"], "$default");
    let stages = rig.http("GetStages", json!({"ApiId": api})).await;
    assert_eq!(
        (&stages["Items"][0]["StageName"], &stages["Items"][0]["AutoDeploy"]),
        (&json!("$default"), &json!(true))
    );
    let integrations = rig.http("GetIntegrations", json!({"ApiId": api})).await;
    assert_eq!(integrations["Items"][0]["PayloadFormatVersion"], "2.0");
    assert_eq!(rig.get(&api, "/any/path").await.text(), "from the function");
    assert_eq!(rig.script.events.lock().unwrap()[0].0, FUNCTION);
}

#[tokio::test]
async fn the_event_of_version_2() {
    let (rig, api) = quick().await;
    let headers = [
        ("cookie", "a=1; b=2"),
        ("x-many", "one"),
        ("x-many", "two"),
        ("content-type", "application/json"),
        ("user-agent", "tests"),
    ];
    rig.send(&api, "POST /orders/a%20b?q=1&q=2&r=%26", &headers, r#"{"a":1}"#).await;
    let event = rig.last_event();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["rawPath"], "/orders/a b");
    assert_eq!(event["rawQueryString"], "q=1&q=2&r=%26");
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["queryStringParameters"], json!({"q": "1,2", "r": "&"}));
    assert_eq!(event["headers"]["x-many"], "one,two");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(event["body"], r#"{"a":1}"#);
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["sourceIp"], "203.0.113.9");
    assert_eq!(context["http"]["userAgent"], "tests");
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["domainPrefix"], api.as_str());
    for absent in ["pathParameters", "stageVariables"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }

    rig.send(&api, "POST /", &[("content-type", "image/png")], vec![0xff, 0]).await;
    let event = rig.last_event();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    rig.get(&api, "/").await;
    let event = rig.last_event();
    for absent in ["body", "cookies", "queryStringParameters"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn answers_are_inferred() {
    let (rig, api) = quick().await;
    let answer = |value: Value| {
        rig.function_returns(value);
        rig.get(&api, "/")
    };
    let inferred: Answered = answer(json!({"any": "object"})).await;
    assert_eq!((inferred.status, inferred.text()), (200, r#"{"any":"object"}"#));
    assert_eq!(inferred.header("content-type"), Some("application/json"));
    assert_eq!(answer(json!("text")).await.text(), "text");
    let full = answer(json!({
        "statusCode": 201, "cookies": ["a=1; Path=/", "b=2"], "headers": {"x-one": "1"},
        "isBase64Encoded": true, "body": "/wA=",
    }))
    .await;
    assert_eq!((full.status, full.body.as_slice()), (201, &[0xff, 0][..]));
    let cookies: Vec<_> = full.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    assert_eq!(full.header("x-one"), Some("1"));
    rig.function_fails(json!({"errorMessage": "no"}));
    let failed = rig.get(&api, "/").await;
    assert_eq!((failed.status, failed.text()), (500, r#"{"message":"Internal Server Error"}"#));
}

#[tokio::test]
async fn the_event_of_version_1() {
    let (rig, api, integration) = with_integration("1.0").await;
    route(&rig, &api, "GET /orders/{id}", &integration).await;
    let answer = rig.get(&api, "/orders/7?a=1&a=2").await;
    assert_eq!(answer.text(), "from the function");
    let event = rig.last_event();
    assert_eq!(event["version"], "1.0");
    assert_eq!(event["resource"], "/orders/{id}");
    assert_eq!(event["pathParameters"], json!({"id": "7"}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({"a": ["1", "2"]}));
    assert_eq!(event["requestContext"]["resourceId"], "GET /orders/{id}");
    rig.function_returns(json!({"not": "an answer"}));
    assert_eq!(rig.get(&api, "/orders/7").await.status, 500);
}

#[tokio::test]
async fn the_most_exact_route_answers() {
    let (rig, api, integration) = with_integration("2.0").await;
    for key in ["GET /orders/{id}", "GET /orders/latest", "ANY /orders/{proxy+}"] {
        route(&rig, &api, key, &integration).await;
    }
    for (line, key) in [
        ("GET /orders/latest", "GET /orders/latest"),
        ("GET /orders/7", "GET /orders/{id}"),
        ("POST /orders/7", "ANY /orders/{proxy+}"),
        ("GET /orders/7/items", "ANY /orders/{proxy+}"),
    ] {
        rig.send(&api, line, &[], "").await;
        assert_eq!(rig.last_event()["routeKey"], key, "{line}");
    }
    let none = rig.get(&api, "/other").await;
    assert_eq!((none.status, none.text()), (404, r#"{"message":"Not Found"}"#));
    route(&rig, &api, "$default", &integration).await;
    assert_eq!(rig.get(&api, "/other").await.status, 200);
    let error = rig.http_refuses("CreateRoute", json!({"ApiId": api, "RouteKey": "$default"})).await;
    assert_eq!((&*error.code, error.status), ("ConflictException", 409));
}

#[tokio::test]
async fn a_stage_without_auto_deploy_waits_for_a_deployment() {
    let (rig, api, integration) = with_integration("2.0").await;
    route(&rig, &api, "GET /a", &integration).await;
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "test"})).await;
    assert_eq!(rig.get(&api, "/test/a").await.status, 404);
    rig.http("CreateDeployment", json!({"ApiId": api, "StageName": "test"})).await;
    assert_eq!(rig.get(&api, "/test/a").await.status, 200);
    assert_eq!(rig.last_event()["rawPath"], "/test/a");
    assert_eq!(rig.get(&api, "/a").await.status, 200);
    assert_eq!(rig.last_event()["rawPath"], "/a");
    route(&rig, &api, "GET /b", &integration).await;
    assert_eq!(rig.get(&api, "/b").await.status, 200);
    assert_eq!(rig.get(&api, "/test/b").await.status, 404);
}

#[tokio::test]
async fn cors_is_answered_for_the_function() {
    let rig = Rig::new();
    let cors = json!({
        "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["content-type"], "MaxAge": 300, "AllowCredentials": true,
    });
    let api = rig
        .http(
            "CreateApi",
            json!({"Name": "c", "ProtocolType": "HTTP", "Target": FUNCTION, "CorsConfiguration": cors}),
        )
        .await;
    let api = text(&api, "ApiId");
    let preflight = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let answer = rig.send(&api, "OPTIONS /orders", &preflight, "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(answer.header("access-control-max-age"), Some("300"));
    assert!(answer.header("apigw-requestid").is_some());
    assert!(rig.script.events.lock().unwrap().is_empty());
    let answer = rig.send(&api, "GET /orders", &[("origin", "https://shop.example")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let other = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = rig.send(&api, "OPTIONS /orders", &other, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let (rig, api) = quick().await;
    let error = rig.http_refuses("GetApi", json!({"ApiId": "nothing"})).await;
    assert_eq!((&*error.code, error.status), ("NotFoundException", 404));
    let error = rig.http_refuses("CreateApi", json!({"Name": "w", "ProtocolType": "WEBSOCKET"})).await;
    assert_eq!(error.message, "Invalid routeSelectionExpression");
    rig.http("DeleteApi", json!({"ApiId": api})).await;
    let answer = rig.get(&api, "/").await;
    assert_eq!((answer.status, answer.text()), (403, r#"{"message":"Forbidden"}"#));
}

#[tokio::test]
async fn requests_are_logged_as_the_stage_asks() {
    let (rig, api, integration) = with_integration("2.0").await;
    route(&rig, &api, "GET /orders/{id}", &integration).await;
    let of = json!({"ApiId": api, "StageName": "$default"});
    let format = "$context.requestId|$context.httpMethod|$context.routeKey|$context.path|$context.status|\
                  $context.responseLength|$context.integration.status|$context.integrationStatus|\
                  $context.error.message|$context.error.responseType|$context.integrationErrorMessage|$context.stage";
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:access";
    let settings = json!({"AccessLogSettings": {"DestinationArn": group, "Format": format}});
    rig.http("UpdateStage", with(&of, settings)).await;
    assert_eq!(rig.http("GetStage", of.clone()).await["AccessLogSettings"]["DestinationArn"], group);
    rig.function_returns(json!({"statusCode": 201, "body": "made"}));
    rig.get(&api, "/orders/7").await;
    rig.get(&api, "/nowhere").await;
    rig.function_fails(json!({"errorMessage": "no"}));
    rig.get(&api, "/orders/7").await;
    let take = || -> Vec<String> {
        let lines = std::mem::take(&mut *rig.script.lines.lock().unwrap());
        lines.iter().map(|(_, line)| line.split_once('|').unwrap().1.to_owned()).collect()
    };
    assert_eq!(
        take(),
        [
            "GET|GET /orders/{id}|/orders/7|201|4|201|200|-|-|-|$default",
            "GET|-|/nowhere|404|23|-|-|Not Found|RESOURCE_NOT_FOUND|-|$default",
            &format!(
                "GET|GET /orders/{{id}}|/orders/7|500|35|-|-|Internal Server Error|INTEGRATION_FAILURE|\
                 {FUNCTION} failed (Unhandled)|$default"
            ),
        ]
    );
    rig.http("DeleteAccessLogSettings", of.clone()).await;
    rig.get(&api, "/orders/7").await;
    assert!(take().is_empty());
    assert!(rig.http("GetStage", of.clone()).await.get("AccessLogSettings").is_none());
    let wrong = json!({"AccessLogSettings": {"DestinationArn": "arn:aws:s3:::bucket", "Format": "x"}});
    assert_eq!(rig.http_refuses("UpdateStage", with(&of, wrong)).await.status, 400);
}

#[tokio::test]
async fn a_vpc_link_has_tags() {
    let rig = Rig::new();
    let given = json!({"Name": "l", "SubnetIds": ["subnet-1"], "Tags": {"a": "1", "b": "2"}});
    let link = text(&rig.http("CreateVpcLink", given).await, "VpcLinkId");
    let of = json!({"ResourceArn": format!("arn:aws:apigateway:us-east-1::/vpclinks/{link}")});
    rig.http("TagResource", with(&of, json!({"Tags": {"c": "3"}}))).await;
    rig.http("UntagResource", with(&of, json!({"TagKeys": ["a"]}))).await;
    let rig = rig.restarted();
    assert_eq!(rig.http("GetTags", of).await["Tags"], json!({"b": "2", "c": "3"}));
    assert_eq!(rig.http("GetVpcLink", json!({"VpcLinkId": link})).await["Tags"], json!({"b": "2", "c": "3"}));
}

#[tokio::test]
async fn signed_requests_are_let_in_by_iam() {
    let (rig, api, integration) = with_integration("2.0").await;
    let made = route(&rig, &api, "GET /orders", &integration).await;
    let change = json!({"ApiId": api, "RouteId": made["RouteId"], "AuthorizationType": "AWS_IAM"});
    rig.http("UpdateRoute", change).await;
    let refused = rig.get(&api, "/orders").await;
    assert_eq!((refused.status, refused.text()), (403, r#"{"message":"Forbidden"}"#));
    let signature =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, Signature=0";
    let signed = [("authorization", signature)];
    assert_eq!(rig.send(&api, "GET /orders", &signed, "").await.status, 200);
    let iam = rig.last_event()["requestContext"]["authorizer"]["iam"].clone();
    assert_eq!((&iam["accessKey"], &iam["accountId"]), (&json!("AKIDEXAMPLE"), &json!("000000000000")));
    assert_eq!(iam["userArn"], "arn:aws:iam::000000000000:root");
    let older = json!({"ApiId": api, "IntegrationId": integration, "PayloadFormatVersion": "1.0"});
    rig.http("UpdateIntegration", older).await;
    rig.send(&api, "GET /orders", &signed, "").await;
    let context = &rig.last_event()["requestContext"];
    assert_eq!((&context["identity"]["caller"], context.get("authorizer")), (&json!("AKIDEXAMPLE"), None));
    let rig = rig.verifying();
    assert_eq!(rig.send(&api, "GET /orders", &signed, "").await.status, 403);
}

#[tokio::test]
async fn what_an_api_was_made_with_can_be_changed() {
    let rig = Rig::new();
    let function = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    let given = json!({
        "Name": "quick", "ProtocolType": "HTTP", "Target": function("orders"), "RouteKey": "GET /a",
        "CredentialsArn": "arn:aws:iam::000000000000:role/one",
    });
    let api = text(&rig.http("CreateApi", given).await, "ApiId");
    let of = json!({"ApiId": api});
    let integration = async || rig.http("GetIntegrations", of.clone()).await["Items"][0].clone();
    assert_eq!(integration().await["CredentialsArn"], "arn:aws:iam::000000000000:role/one");
    assert_eq!((rig.get(&api, "/a").await.status, rig.get(&api, "/b").await.status), (200, 404));
    let change = json!({"Target": function("other"), "RouteKey": "GET /b", "CredentialsArn": "arn:aws:iam::000000000000:role/two"});
    rig.http("UpdateApi", with(&of, change)).await;
    assert_eq!((rig.get(&api, "/a").await.status, rig.get(&api, "/b").await.status), (404, 200));
    assert!(rig.script.events.lock().unwrap().last().unwrap().0.ends_with(":other"));
    assert_eq!(integration().await["CredentialsArn"], "arn:aws:iam::000000000000:role/two");
    for wrong in [json!({"Target": "nowhere"}), json!({"RouteKey": "b"})] {
        assert_eq!(rig.http_refuses("UpdateApi", with(&of, wrong.clone())).await.status, 400, "{wrong}");
    }
    rig.http("UpdateApi", with(&of, json!({"Target": "http://127.0.0.1:1/"}))).await;
    let changed = integration().await;
    assert_eq!((&changed["IntegrationType"], changed.get("CredentialsArn")), (&json!("HTTP_PROXY"), None));
    // Half a change is none: what it was made with is gone, so its route keeps its key.
    let made = json!({"ApiId": api, "IntegrationId": changed["IntegrationId"]});
    let route = rig.http("GetRoutes", of.clone()).await["Items"][0].clone();
    let other = json!({"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET", "IntegrationUri": "http://127.0.0.1:1/", "PayloadFormatVersion": "1.0"});
    let other = text(&rig.http("CreateIntegration", with(&of, other)).await, "IntegrationId");
    let target = format!("integrations/{other}");
    rig.http("UpdateRoute", json!({"ApiId": api, "RouteId": route["RouteId"], "Target": target})).await;
    rig.http("DeleteIntegration", made).await;
    let half = json!({"RouteKey": "GET /c", "Target": function("orders")});
    assert_eq!(rig.http_refuses("UpdateApi", with(&of, half)).await.status, 400);
    assert_eq!(rig.http("GetRoutes", of.clone()).await["Items"][0]["RouteKey"], "GET /b");
    let aimless = json!({"Name": "aimless", "ProtocolType": "HTTP", "RouteKey": "GET /a"});
    assert_eq!(rig.http_refuses("CreateApi", aimless).await.status, 400);
    let bare = rig.http("CreateApi", json!({"Name": "bare", "ProtocolType": "HTTP"})).await;
    let change = json!({"ApiId": bare["ApiId"], "Target": function("orders")});
    assert_eq!(rig.http_refuses("UpdateApi", change).await.status, 400);
}

#[tokio::test]
async fn answers_have_one_id_whether_they_are_errors_or_not() {
    let rig = Rig::new();
    let given = json!({
        "Name": "quick", "ProtocolType": "HTTP", "RouteKey": "GET /a",
        "Target": "arn:aws:lambda:us-east-1:000000000000:function:orders",
    });
    let api = text(&rig.http("CreateApi", given).await, "ApiId");
    for (path, status) in [("/a", 200), ("/b", 404)] {
        let answer = rig.get(&api, path).await;
        assert_eq!((answer.status, answer.header("x-amzn-requestid")), (status, None), "{path}");
        assert!(answer.header("apigw-requestid").is_some_and(|id| id.len() == 16), "{path}");
    }
}
