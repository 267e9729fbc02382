//! HTTP APIs: who may use a route, and what is changed of requests and answers on their way.

use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};

use crate::rig::{Rig, lambda, text, with};

const GOOD: &str = include_str!("tokens/good.jwt");
const EXPIRED: &str = include_str!("tokens/expired.jwt");
const OTHER_AUDIENCE: &str = include_str!("tokens/other_audience.jwt");
const BY_CLIENT: &str = include_str!("tokens/by_client.jwt");
const UNSIGNED: &str = include_str!("tokens/unsigned.jwt");
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/tokens/keys.json");

/// A rig at the time of the tokens, with an API that deploys itself to `$default`.
async fn api() -> (Rig, std::sync::Arc<VirtualClock>, String) {
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let rig = Rig::at(clock.clone());
    let api = text(&rig.http("CreateApi", json!({"Name": "shop", "ProtocolType": "HTTP"})).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "$default", "AutoDeploy": true})).await;
    (rig, clock, api)
}

async fn integration(rig: &Rig, api: &str, members: Value) -> String {
    let made = rig.http("CreateIntegration", with(&json!({"ApiId": api}), members)).await;
    format!("integrations/{}", text(&made, "IntegrationId"))
}

async fn function(rig: &Rig, api: &str, version: &str) -> String {
    let members = json!({
        "IntegrationType": "AWS_PROXY", "IntegrationUri": lambda("orders"), "PayloadFormatVersion": version,
    });
    integration(rig, api, members).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {}", token.trim())
}

#[tokio::test]
async fn tokens_are_checked_by_the_issuers_keys() {
    let (rig, clock, api) = api().await;
    let made = rig
        .http(
            "CreateAuthorizer",
            json!({
                "ApiId": api, "Name": "tokens", "AuthorizerType": "JWT",
                "IdentitySource": ["$request.header.Authorization"],
                "JwtConfiguration": {"Audience": ["shop"], "Issuer": format!("file://{KEYS}#https://issuer.example")},
            }),
        )
        .await;
    let target = function(&rig, &api, "2.0").await;
    let route = json!({
        "ApiId": api, "RouteKey": "GET /orders", "Target": target,
        "AuthorizationType": "JWT", "AuthorizerId": made["AuthorizerId"],
    });
    let route = text(&rig.http("CreateRoute", route).await, "RouteId");
    let get = async |token: &str| {
        let token = bearer(token);
        rig.send(&api, "GET /orders", &[("authorization", token.as_str())], "").await
    };
    assert_eq!(get(GOOD).await.status, 200);
    let authorizer = &rig.last_event()["requestContext"]["authorizer"];
    assert_eq!(authorizer["jwt"]["claims"]["sub"], "me");
    assert_eq!(authorizer["jwt"]["claims"]["exp"], "1700003600");
    assert_eq!(authorizer["jwt"]["claims"]["groups"], "[a b]");
    assert_eq!(authorizer["jwt"]["scopes"], Value::Null);
    assert_eq!(get(BY_CLIENT).await.status, 200);
    for (token, reason) in [
        (EXPIRED, "the token has expired"),
        (OTHER_AUDIENCE, "the token does not have a valid audience"),
        (UNSIGNED, "signing method is invalid"),
        ("a.b", "invalid number of segments"),
    ] {
        let refused = get(token).await;
        assert_eq!((refused.status, refused.text()), (401, r#"{"message":"Unauthorized"}"#));
        assert!(refused.header("www-authenticate").unwrap().contains(reason), "{reason}: {refused:?}");
    }
    // One bit of the signature, or of what is signed.
    let forged = format!("{}AAAA", &GOOD.trim()[..GOOD.trim().len() - 4]);
    assert_eq!(get(&forged).await.status, 401);
    let none = rig.get(&api, "/orders").await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer")));
    let scopes =
        json!({"ApiId": api, "RouteId": route, "AuthorizationScopes": ["orders:write", "orders:read"]});
    rig.http("UpdateRoute", scopes).await;
    assert_eq!(get(GOOD).await.status, 200);
    let scopes = json!({"ApiId": api, "RouteId": route, "AuthorizationScopes": ["orders:write"]});
    rig.http("UpdateRoute", scopes).await;
    let refused = get(GOOD).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    let scopes = json!({"ApiId": api, "RouteId": route, "AuthorizationScopes": ["orders:read"]});
    rig.http("UpdateRoute", scopes).await;
    assert_eq!(get(GOOD).await.status, 200);
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(get(GOOD).await.status, 401, "a token that was good before has expired");
    let used = json!({"ApiId": api, "AuthorizerId": made["AuthorizerId"]});
    assert_eq!(rig.http_refuses("DeleteAuthorizer", used).await.code, "ConflictException");
}

#[tokio::test]
async fn functions_decide_and_what_they_said_is_remembered() {
    let (rig, clock, api) = api().await;
    let simple = json!({
        "ApiId": api, "Name": "simple", "AuthorizerType": "REQUEST", "AuthorizerUri": lambda("guard"),
        "IdentitySource": ["$request.header.X-Key", "$request.querystring.who"],
        "AuthorizerPayloadFormatVersion": "2.0", "EnableSimpleResponses": true, "AuthorizerResultTtlInSeconds": 60,
    });
    let authorizer = rig.http("CreateAuthorizer", simple).await;
    // Answered by another service, so that the one function is the authorizer's.
    let target = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage", "PayloadFormatVersion": "1.0",
            "CredentialsArn": "arn:aws:iam::000000000000:role/r",
            "RequestParameters": {"QueueUrl": "http://q", "MessageBody": "$context.authorizer.level", "DelaySeconds": "3"},
        }),
    )
    .await;
    let route = json!({
        "ApiId": api, "RouteKey": "GET /a", "Target": target,
        "AuthorizationType": "CUSTOM", "AuthorizerId": authorizer["AuthorizerId"],
    });
    rig.http("CreateRoute", route).await;
    rig.services_answer(|_, _, _| Ok(json!({"MessageId": "m"})));
    let get = async || rig.send(&api, "GET /a?who=me", &[("x-key", "k")], "").await;
    assert_eq!(rig.send(&api, "GET /a?who=me", &[], "").await.status, 401);
    rig.function_returns(json!({"isAuthorized": true, "context": {"level": 7}}));
    let answer = get().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"MessageId": "m"})));
    let (service, operation, input) = rig.script.calls.lock().unwrap().last().unwrap().clone();
    assert_eq!((service.as_str(), operation.as_str()), ("sqs", "SendMessage"));
    assert_eq!(input, json!({"QueueUrl": "http://q", "MessageBody": "7", "DelaySeconds": 3}));
    let event = rig.last_event();
    assert_eq!((&event["version"], &event["type"]), (&json!("2.0"), &json!("REQUEST")));
    assert_eq!(event["identitySource"], json!(["k", "me"]));
    assert_eq!(event["routeArn"], format!("arn:aws:execute-api:us-east-1:000000000000:{api}/$default/GET/a"));
    assert_eq!(event.get("body"), None);
    // What it says now counts when what it said before is forgotten.
    rig.function_returns(json!({"isAuthorized": false}));
    assert_eq!(get().await.status, 200);
    rig.http("ResetAuthorizersCache", json!({"ApiId": api, "StageName": "$default"})).await;
    assert_eq!(get().await.status, 403);
    rig.function_returns(json!({"isAuthorized": true}));
    assert_eq!(get().await.status, 403);
    clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(get().await.status, 200);
    rig.http("ResetAuthorizersCache", json!({"ApiId": api, "StageName": "$default"})).await;
    rig.function_returns(json!({"no": "answer"}));
    assert_eq!(get().await.status, 500);
}

#[tokio::test]
async fn policies_of_version_1_name_what_is_allowed() {
    let (rig, _, api) = api().await;
    let authorizer = json!({
        "ApiId": api, "Name": "policy", "AuthorizerType": "REQUEST", "AuthorizerUri": lambda("guard"),
        "IdentitySource": ["$request.header.X-Key"], "AuthorizerPayloadFormatVersion": "1.0",
    });
    let authorizer = rig.http("CreateAuthorizer", authorizer).await;
    let target = function(&rig, &api, "1.0").await;
    for key in ["GET /open", "GET /shut"] {
        let route = json!({
            "ApiId": api, "RouteKey": key, "Target": target,
            "AuthorizationType": "CUSTOM", "AuthorizerId": authorizer["AuthorizerId"],
        });
        rig.http("CreateRoute", route).await;
    }
    // Both functions answer alike here: an answer that is an authorizer's and a route's.
    rig.function_returns(json!({
        "statusCode": 200, "principalId": "me", "context": {"k": "v"},
        "policyDocument": {"Statement": {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*/GET/open"}},
    }));
    assert_eq!(rig.send(&api, "GET /open", &[("x-key", "k")], "").await.status, 200);
    assert_eq!(rig.last_event()["requestContext"]["authorizer"], json!({"principalId": "me", "k": "v"}));
    let asked = rig.script.events.lock().unwrap()[0].1.clone();
    assert_eq!((&asked["identitySource"], &asked["version"]), (&json!("k"), &json!("1.0")));
    assert_eq!(rig.send(&api, "GET /shut", &[("x-key", "k")], "").await.status, 403);
    for wrong in [
        json!({"AuthorizerPayloadFormatVersion": "1.0", "EnableSimpleResponses": true}),
        json!({"AuthorizerPayloadFormatVersion": Value::Null}),
        json!({"IdentitySource": ["nowhere"]}),
        json!({"AuthorizerType": "TOKEN"}),
        json!({"AuthorizerUri": "no function"}),
    ] {
        let good = json!({
            "ApiId": api, "Name": "wrong", "AuthorizerType": "REQUEST", "AuthorizerUri": lambda("guard"),
            "IdentitySource": ["$request.header.X-Key"], "AuthorizerPayloadFormatVersion": "2.0",
        });
        let refused = rig.http_refuses("CreateAuthorizer", with(&good, wrong.clone())).await;
        assert_eq!(refused.code, "BadRequestException", "{wrong}");
    }
}

#[tokio::test]
async fn parameters_are_mapped_both_ways() {
    let (rig, _, api) = api().await;
    let target = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "AWS_PROXY", "IntegrationUri": lambda("orders"), "PayloadFormatVersion": "2.0",
            "RequestParameters": {
                "append:header.x-who": "$context.identity.sourceIp",
                "overwrite:header.x-mixed": "${request.path.id}-${request.querystring.q}",
                "remove:header.x-gone": "''",
                "append:querystring.added": "$request.body.order.n",
                "remove:querystring.q": "''",
                "overwrite:path": "/other/$request.path",
            },
            "ResponseParameters": {
                "200": {"overwrite:statuscode": "202", "append:header.x-route": "$context.routeKey"},
                "404": {"overwrite:header.x-body": "$response.body.why", "remove:header.x-secret": "''"},
            },
        }),
    )
    .await;
    rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": "POST /orders/{id}", "Target": target})).await;
    let send = async || {
        let headers = [("x-gone", "1"), ("x-who", "me"), ("content-type", "application/json")];
        rig.send(&api, "POST /orders/5?q=a&r=b", &headers, r#"{"order": {"n": 3}}"#).await
    };
    let answer = send().await;
    assert_eq!((answer.status, answer.header("x-route")), (202, Some("POST /orders/{id}")));
    let event = rig.last_event();
    assert_eq!(event["headers"]["x-who"], "me,203.0.113.9");
    assert_eq!(event["headers"]["x-mixed"], "5-a");
    assert_eq!(event["headers"].get("x-gone"), None);
    assert_eq!(event["queryStringParameters"], json!({"r": "b", "added": "3"}));
    rig.function_returns(
        json!({"statusCode": 404, "headers": {"x-secret": "s"}, "body": r#"{"why": "gone"}"#}),
    );
    let answer = send().await;
    assert_eq!((answer.header("x-body"), answer.header("x-secret")), (Some("gone"), None));
    for wrong in [
        json!({"RequestParameters": {"overwrite:header.Authorization": "x"}}),
        json!({"RequestParameters": {"append:path": "x"}}),
        json!({"RequestParameters": {"nonsense": "x"}}),
        json!({"ResponseParameters": {"200": {"append:querystring.x": "x"}}}),
        json!({"IntegrationSubtype": "Nobody-Nothing", "CredentialsArn": "arn:aws:iam::000000000000:role/r"}),
        json!({
            "IntegrationSubtype": "SQS-SendMessage", "CredentialsArn": "arn:aws:iam::000000000000:role/r",
            "RequestParameters": {"QueueUrl": "x"},
        }),
    ] {
        let good = json!({
            "ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": lambda("orders"),
            "PayloadFormatVersion": "2.0",
        });
        let refused = rig.http_refuses("CreateIntegration", with(&good, wrong.clone())).await;
        assert_eq!(refused.code, "BadRequestException", "{wrong}");
    }
}

#[tokio::test]
async fn stages_limit_how_often_routes_are_used() {
    let (rig, clock, api) = api().await;
    let target = function(&rig, &api, "2.0").await;
    for key in ["GET /often", "GET /seldom"] {
        rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": key, "Target": target})).await;
    }
    let stage = json!({"ApiId": api, "StageName": "$default"});
    let settings = json!({
        "DefaultRouteSettings": {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 100.0},
        "RouteSettings": {"GET /seldom": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1.0}},
    });
    let shown = rig.http("UpdateStage", with(&stage, settings.clone())).await;
    assert_eq!(shown["RouteSettings"], settings["RouteSettings"]);
    let seldom = async || rig.get(&api, "/seldom").await.status;
    assert_eq!((seldom().await, seldom().await), (200, 429));
    for _ in 0..50 {
        assert_eq!(rig.get(&api, "/often").await.status, 200);
    }
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!((seldom().await, seldom().await), (200, 429));
    let route = with(&stage, json!({"RouteKey": "GET /seldom"}));
    rig.http("DeleteRouteSettings", route.clone()).await;
    assert_eq!((seldom().await, seldom().await), (200, 200));
    assert_eq!(rig.http_refuses("DeleteRouteSettings", route).await.code, "NotFoundException");
    let unknown = json!({"RouteSettings": {"GET /nowhere": {"ThrottlingBurstLimit": 1}}});
    assert_eq!(rig.http_refuses("UpdateStage", with(&stage, unknown)).await.code, "NotFoundException");
    let logs = json!({"DefaultRouteSettings": {"LoggingLevel": "INFO"}});
    let refused = rig.http_refuses("UpdateStage", with(&stage, logs)).await;
    assert_eq!(refused.message, "Execution logs are not supported on protocolType HTTP");
}

#[tokio::test]
async fn vpc_links_lead_to_local_addresses() {
    let (rig, _, api) = api().await;
    let link = rig.http("CreateVpcLink", json!({"Name": "inner", "SubnetIds": ["subnet-1"]})).await;
    assert_eq!(link["VpcLinkStatus"], "AVAILABLE");
    let id = text(&link, "VpcLinkId");
    let integration = json!({
        "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "ConnectionType": "VPC_LINK",
        "IntegrationUri": "http://127.0.0.1:1/", "PayloadFormatVersion": "1.0",
    });
    let refused = rig.http_refuses("CreateIntegration", integration.clone()).await;
    assert_eq!(refused.code, "BadRequestException");
    let unknown = with(&integration, json!({"ConnectionId": "nobody"}));
    assert_eq!(rig.http_refuses("CreateIntegration", unknown).await.code, "NotFoundException");
    let made = rig.http("CreateIntegration", with(&integration, json!({"ConnectionId": id}))).await;
    let link = json!({"VpcLinkId": id});
    let target = format!("integrations/{}", text(&made, "IntegrationId"));
    let route =
        rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": "GET /linked", "Target": target})).await;
    assert_eq!(rig.http_refuses("DeleteVpcLink", link.clone()).await.code, "BadRequestException");
    let rig = rig.restarted();
    let integration = json!({"ApiId": api, "IntegrationId": made["IntegrationId"]});
    assert_eq!(rig.http("GetIntegration", integration.clone()).await["ConnectionId"], id);
    rig.http("DeleteRoute", json!({"ApiId": api, "RouteId": route["RouteId"]})).await;
    rig.http("DeleteIntegration", integration).await;
    assert_eq!(rig.http("UpdateVpcLink", with(&link, json!({"Name": "other"}))).await["Name"], "other");
    assert_eq!(rig.http("GetVpcLinks", json!({})).await["Items"][0]["Name"], "other");
    rig.http("DeleteVpcLink", link.clone()).await;
    assert_eq!(rig.http_refuses("GetVpcLink", link).await.code, "NotFoundException");
}
