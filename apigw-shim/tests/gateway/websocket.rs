//! WebSocket APIs: connections, messages and `@connections`.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use apigw_shim::{Addressed, Opening};
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::rig::{Rig, text, with};

type Client = WebSocketStream<DuplexStream>;

/// An API whose stage `dev` deploys itself.
async fn api(rig: &Rig) -> String {
    let api = rig
        .http(
            "CreateApi",
            json!({"Name": "chat", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}),
        )
        .await;
    let api = text(&api, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "dev", "AutoDeploy": true})).await;
    api
}

async fn integration(rig: &Rig, api: &str, members: Value) -> String {
    let made = rig.http("CreateIntegration", with(&json!({"ApiId": api}), members)).await;
    text(&made, "IntegrationId")
}

async fn lambda(rig: &Rig, api: &str) -> String {
    integration(
        rig,
        api,
        json!({"IntegrationType": "AWS_PROXY", "IntegrationUri": crate::rig::lambda("chat")}),
    )
    .await
}

async fn route(rig: &Rig, api: &str, key: &str, integration: &str) -> String {
    let target = format!("integrations/{integration}");
    let made = rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": key, "Target": target})).await;
    text(&made, "RouteId")
}

/// A route whose function's answer goes back.
async fn answering(rig: &Rig, api: &str, key: &str, integration: &str) {
    let id = route(rig, api, key, integration).await;
    let of = json!({"ApiId": api, "RouteId": id});
    rig.http("UpdateRoute", with(&of, json!({"RouteResponseSelectionExpression": "$default"}))).await;
    rig.http("CreateRouteResponse", with(&of, json!({"RouteResponseKey": "$default"}))).await;
}

/// Asks for a connection: a client, or the status and text of the refusal.
async fn try_connect(
    rig: &Rig,
    api: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Client, (u16, String)> {
    let mut request = Request::builder()
        .uri(path)
        .header("host", format!("{api}.execute-api.localhost:4566"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("user-agent", "tests")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let addressed = Addressed { api_id: api.to_owned(), stage: None };
    let peer = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    match rig.gateway.connect(&addressed, &parts, peer).await.unwrap() {
        Opening::Refused(response) => {
            let (parts, body) = response.into_parts();
            let body = body.read(usize::MAX).await.unwrap();
            Err((parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap()))
        }
        Opening::Accepted(response, session) => {
            assert_eq!(response.status(), 101);
            assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            let (near, far) = tokio::io::duplex(1 << 20);
            tokio::spawn(session.serve(far));
            Ok(WebSocketStream::from_raw_socket(near, Role::Client, None).await)
        }
    }
}

async fn connect(rig: &Rig, api: &str) -> Client {
    try_connect(rig, api, "/dev", &[]).await.unwrap()
}

async fn next(client: &mut Client) -> Message {
    tokio::time::timeout(Duration::from_secs(20), client.next()).await.unwrap().unwrap().unwrap()
}

async fn next_json(client: &mut Client) -> Value {
    serde_json::from_str(next(client).await.to_text().unwrap()).unwrap()
}

async fn close_code(client: &mut Client) -> u16 {
    match next(client).await {
        Message::Close(Some(frame)) => frame.code.into(),
        other => panic!("{other:?} is no close with a code"),
    }
}

/// The first event of a kind that the function has had, once there is one.
async fn event(rig: &Rig, kind: &str) -> Value {
    let found = async {
        loop {
            let found = {
                let events = rig.script.events.lock().unwrap();
                let is_kind = |event: &&(String, Value)| event.1["requestContext"]["eventType"] == kind;
                events.iter().find(is_kind).map(|(_, event)| event.clone())
            };
            match found {
                Some(event) => return event,
                None => rig.script.invoked.notified().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
}

#[tokio::test]
async fn a_connection_from_its_first_event_to_its_last() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$connect", &function).await;
    route(&rig, &api, "$disconnect", &function).await;
    answering(&rig, &api, "join", &function).await;
    let mut client = try_connect(&rig, &api, "/dev?room=1", &[("x-own", "yes")]).await.unwrap();
    let opened = event(&rig, "CONNECT").await;
    let context = &opened["requestContext"];
    assert_eq!(context["routeKey"], "$connect");
    assert_eq!(context["messageDirection"], "IN");
    assert_eq!(context["stage"], "dev");
    assert_eq!(context["apiId"], api);
    assert_eq!(context["domainName"], format!("{api}.execute-api.localhost:4566"));
    assert_eq!(context["identity"], json!({"userAgent": "tests", "sourceIp": "203.0.113.9"}));
    assert_eq!(context["requestId"], context["extendedRequestId"]);
    assert_eq!(opened["queryStringParameters"], json!({"room": "1"}));
    assert_eq!(opened["multiValueQueryStringParameters"], json!({"room": ["1"]}));
    assert_eq!(opened["headers"]["x-own"], "yes");
    assert_eq!(opened["isBase64Encoded"], false);
    assert_eq!(opened.get("body"), None);

    client.send(Message::text(r#"{"action": "join", "room": 1}"#)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "from the function");
    let message = event(&rig, "MESSAGE").await;
    assert_eq!(message["body"], r#"{"action": "join", "room": 1}"#);
    assert_eq!(message["requestContext"]["routeKey"], "join");
    assert_eq!(message["requestContext"]["connectionId"], context["connectionId"]);
    assert!(message["requestContext"]["messageId"].is_string());
    assert_eq!(message.get("headers"), None);

    client.close(None).await.unwrap();
    let closed = event(&rig, "DISCONNECT").await;
    assert_eq!(closed["requestContext"]["disconnectStatusCode"], 1005);
    assert_eq!(closed["requestContext"]["disconnectReason"], "Client-side close frame status not set");
    assert_eq!(closed["requestContext"]["routeKey"], "$disconnect");
}

#[tokio::test]
async fn messages_without_a_route_are_forbidden_and_failures_are_told() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "nowhere"}"#)).await.unwrap();
    let refused = next_json(&mut client).await;
    assert_eq!(refused["message"], "Forbidden");
    assert!(refused["connectionId"].is_string() && refused["requestId"].is_string());
    // What is deployed meanwhile serves connections that are open.
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$default", &function).await;
    rig.function_fails(json!({"errorMessage": "no"}));
    client.send(Message::text("no JSON at all")).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Internal server error");
    assert_eq!(event(&rig, "MESSAGE").await["requestContext"]["routeKey"], "$default");
    // Routes of the connection itself are not for messages.
    route(&rig, &api, "$connect", &function).await;
    rig.script.events.lock().unwrap().clear();
    client.send(Message::text(r#"{"action": "$connect"}"#)).await.unwrap();
    next(&mut client).await;
    assert_eq!(event(&rig, "MESSAGE").await["requestContext"]["routeKey"], "$default");
}

#[tokio::test]
async fn connect_may_refuse() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$connect", &function).await;
    let refusal = async || try_connect(&rig, &api, "/dev", &[]).await.unwrap_err();
    rig.function_returns(json!({"statusCode": 403, "body": "not you"}));
    assert_eq!(refusal().await, (403, "not you".to_owned()));
    rig.function_returns(json!("no status"));
    assert_eq!(refusal().await.0, 502);
    rig.function_fails(json!({"errorMessage": "no"}));
    assert_eq!(refusal().await.0, 502);
    rig.function_is_refused(aws_wire::ServiceError::new("ResourceNotFoundException", 404, "no"));
    let (status, body) = refusal().await;
    assert_eq!((status, body.contains("Internal server error")), (500, true));
    assert_eq!(try_connect(&rig, &api, "/nowhere", &[]).await.unwrap_err().0, 403);
    assert_eq!(rig.get(&api, "/dev").await.status, 426);
}

#[tokio::test]
async fn authorizers_and_signatures_are_asked_for_on_connect() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let made = rig
        .http(
            "CreateAuthorizer",
            json!({
                "ApiId": api, "Name": "guard", "AuthorizerType": "REQUEST", "AuthorizerUri": crate::rig::lambda("guard"),
                "IdentitySource": ["route.request.header.Auth"],
            }),
        )
        .await;
    let mock = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "MOCK", "TemplateSelectionExpression": "200",
            "RequestTemplates": {"200": "{\"statusCode\": 200}"},
        }),
    )
    .await;
    let connect = json!({
        "ApiId": api, "RouteKey": "$connect", "Target": format!("integrations/{mock}"),
        "AuthorizationType": "CUSTOM", "AuthorizerId": made["AuthorizerId"],
    });
    let connect = text(&rig.http("CreateRoute", connect).await, "RouteId");
    assert_eq!(try_connect(&rig, &api, "/dev", &[]).await.unwrap_err().0, 401);
    let policy = |effect: &str| {
        json!({
            "principalId": "me", "context": {"level": 3},
            "policyDocument": {"Statement": [
                {"Action": "execute-api:Invoke", "Effect": effect, "Resource": "arn:aws:execute-api:*:*:*/dev/$connect"},
            ]},
        })
    };
    let auth = [("auth", "token")];
    rig.function_returns(policy("Deny"));
    let refusal = try_connect(&rig, &api, "/dev", &auth).await.unwrap_err();
    assert_eq!(refusal.0, 403);
    rig.function_returns(json!({"nothing": true}));
    assert_eq!(try_connect(&rig, &api, "/dev", &auth).await.unwrap_err().0, 500);
    rig.function_returns(policy("Allow"));
    let mut client = try_connect(&rig, &api, "/dev", &auth).await.unwrap();
    let asked = rig.last_event();
    assert_eq!(asked["type"], "REQUEST");
    assert_eq!(asked["methodArn"], format!("arn:aws:execute-api:us-east-1:000000000000:{api}/dev/$connect"));
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$default", &function).await;
    client.send(Message::text("{}")).await.unwrap();
    let authorizer = &event(&rig, "MESSAGE").await["requestContext"]["authorizer"];
    assert_eq!(*authorizer, json!({"principalId": "me", "level": 3}));

    let signed = json!({"ApiId": api, "RouteId": connect, "AuthorizationType": "AWS_IAM"});
    rig.http("UpdateRoute", signed).await;
    assert_eq!(try_connect(&rig, &api, "/dev", &[]).await.unwrap_err().0, 403);
    try_connect(&rig, &api, "/dev", &[("authorization", "AWS4-HMAC-SHA256 x")]).await.unwrap();
}

#[tokio::test]
async fn backends_reach_clients() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$connect", &function).await;
    route(&rig, &api, "$disconnect", &function).await;
    let mut client = connect(&rig, &api).await;
    let id = text(&event(&rig, "CONNECT").await["requestContext"], "connectionId");
    let path = format!("/dev/@connections/{}", id.replace('=', "%3D"));
    let signed = [(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0",
    )];
    let post = format!("POST {path}");
    assert_eq!(rig.send(&api, &post, &signed, "hello").await.status, 200);
    assert_eq!(next(&mut client).await, Message::text("hello"));
    assert_eq!(rig.send(&api, &post, &[], "hello").await.status, 403);
    assert_eq!(rig.send(&api, &post, &signed, vec![b'a'; (128 << 10) + 1]).await.status, 413);
    rig.send(&api, &post, &signed, vec![0xff, 0xfe]).await;
    assert_eq!(next(&mut client).await, Message::binary(vec![0xff, 0xfe]));
    let shown = rig.send(&api, &format!("GET {path}"), &signed, "").await.json();
    assert_eq!(shown["identity"], json!({"sourceIp": "203.0.113.9", "userAgent": "tests"}));
    assert!(shown["connectedAt"].is_string() && shown["lastActiveAt"].is_string());
    let token = rig.send(&api, &post, &[("authorization", "Bearer \"a\" b=c")], "hello").await;
    assert_eq!((token.status, token.header("x-amzn-errortype")), (403, Some("IncompleteSignatureException")));
    assert!(
        text(&token.json(), "message").starts_with("Authorization header requires 'Credential' parameter.")
    );
    let odd = rig.send(&api, "GET /dev/@connections/!!", &signed, "").await;
    assert_eq!((odd.status, odd.header("x-amzn-errortype")), (400, Some("BadRequestException")));
    assert_eq!(odd.json(), json!({"message": "Invalid connectionId: !!"}));
    let unknown = rig.send(&api, "GET /dev/@connections/L0SM9cOFvHcCIhw=", &signed, "").await;
    assert_eq!((unknown.status, unknown.header("x-amzn-errortype")), (410, Some("GoneException")));
    // A connection of another API is not this one's to reach.
    let other = self::api(&rig).await;
    assert_eq!(rig.send(&other, &post, &signed, "hello").await.status, 410);
    assert_eq!(rig.send(&api, &format!("DELETE {path}"), &signed, "").await.status, 204);
    assert_eq!(close_code(&mut client).await, 1000);
    drop(client);
    assert_eq!(rig.send(&api, &post, &signed, "hello").await.status, 410);
    assert_eq!(event(&rig, "DISCONNECT").await["requestContext"]["disconnectStatusCode"], 1000);
}

#[tokio::test]
async fn what_is_too_big_or_binary_ends_the_connection() {
    let rig = Rig::new();
    let api = api(&rig).await;
    for (message, code) in
        [(Message::binary(vec![1, 2, 3]), 1003), (Message::text("a".repeat((32 << 10) + 1)), 1009)]
    {
        let mut client = connect(&rig, &api).await;
        client.send(message).await.unwrap();
        assert_eq!(close_code(&mut client).await, code);
    }
    let mut client = connect(&rig, &api).await;
    client.send(Message::text("a".repeat(32 << 10))).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Forbidden");
}

#[tokio::test]
async fn idle_and_old_connections_end() {
    let virtual_clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let rig = Rig::at(virtual_clock.clone());
    let api = api(&rig).await;
    let mut idle = connect(&rig, &api).await;
    let mut old = connect(&rig, &api).await;
    old.send(Message::text("{}")).await.unwrap();
    next(&mut old).await;
    idle.send(Message::text("{}")).await.unwrap();
    next(&mut idle).await;
    virtual_clock.advance(Duration::from_secs(9 * 60));
    old.send(Message::text("{}")).await.unwrap();
    next(&mut old).await;
    virtual_clock.advance(Duration::from_secs(60));
    assert_eq!(close_code(&mut idle).await, 1001);
    for _ in 0..13 {
        old.send(Message::text("{}")).await.unwrap();
        next(&mut old).await;
        virtual_clock.advance(Duration::from_secs(8 * 60));
    }
    old.send(Message::text("{}")).await.unwrap();
    next(&mut old).await;
    virtual_clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(close_code(&mut old).await, 1001);
}

#[tokio::test]
async fn templates_map_messages_to_services_and_answers_to_clients() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let queue = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "AWS", "IntegrationMethod": "POST",
            "IntegrationUri": "arn:aws:apigateway:us-east-1:states:action/StartExecution",
            "TemplateSelectionExpression": "\\$default",
            "RequestTemplates": {"$default": "{\"stateMachineArn\": \"$context.connectionId\", \"input\": \"$util.escapeJavaScript($input.json('$.order'))\"}"},
        }),
    )
    .await;
    let of = json!({"ApiId": api, "IntegrationId": queue});
    rig.http(
        "CreateIntegrationResponse",
        with(
            &of,
            json!({
                "IntegrationResponseKey": "/2\\d\\d/",
                "ResponseTemplates": {"$default": "started $input.path('$.executionArn')"},
            }),
        ),
    )
    .await;
    answering(&rig, &api, "start", &queue).await;
    rig.services_answer(|_, _, _| Ok(json!({"executionArn": "arn:x", "startDate": 1.0})));
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "start", "order": {"n": 1}}"#)).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("started arn:x"));
    let (service, operation, input) = rig.script.calls.lock().unwrap().last().unwrap().clone();
    assert_eq!((service.as_str(), operation.as_str()), ("stepfunctions", "StartExecution"));
    assert_eq!(input["input"], r#"{"n":1}"#);
}

#[tokio::test]
async fn the_control_plane_keeps_what_it_is_given() {
    let rig = Rig::new();
    let refused = rig.http_refuses("CreateApi", json!({"Name": "x", "ProtocolType": "WEBSOCKET"})).await;
    assert_eq!(refused.code, "BadRequestException");
    let api = api(&rig).await;
    let shown = rig.http("GetApi", json!({"ApiId": api})).await;
    assert_eq!(shown["ProtocolType"], "WEBSOCKET");
    assert_eq!(shown["ApiEndpoint"], format!("ws://127.0.0.1:4566/_aws/execute-api/{api}"));
    let function = lambda(&rig, &api).await;
    let shown = rig.http("GetIntegration", json!({"ApiId": api, "IntegrationId": function})).await;
    assert_eq!(shown["TimeoutInMillis"], 29_000);
    assert_eq!(shown["IntegrationResponseSelectionExpression"], "${integration.response.body.errorMessage}");
    answering(&rig, &api, "join", &function).await;
    for (operation, members) in [
        ("CreateRoute", json!({"RouteKey": "$other"})),
        ("CreateRoute", json!({"RouteKey": "x", "AuthorizationType": "AWS_IAM"})),
        ("CreateRoute", json!({"RouteKey": "$connect", "AuthorizationType": "JWT"})),
        ("CreateModel", json!({"Name": "not alphanumeric", "Schema": "{}"})),
        ("CreateModel", json!({"Name": "good", "Schema": "no"})),
    ] {
        let refused = rig.http_refuses(operation, with(&json!({"ApiId": api}), members.clone())).await;
        assert_eq!(refused.code, "BadRequestException", "{operation} {members}");
    }
    let model = rig
        .http(
            "CreateModel",
            json!({"ApiId": api, "Name": "Order", "Schema": r#"{"type": "object", "properties": {"n": {"type": "integer"}}}"#}),
        )
        .await;
    let model = json!({"ApiId": api, "ModelId": model["ModelId"]});
    assert_eq!(rig.http("GetModelTemplate", model.clone()).await["Value"], "{ \"n\" : 42 }");
    // Everything is there again after a restart, and connections can be made.
    let rig = rig.restarted();
    assert_eq!(rig.http("GetModel", model).await["Name"], "Order");
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "join"}"#)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "from the function");
    rig.http("DeleteApi", json!({"ApiId": api})).await;
    assert_eq!(rig.http_refuses("GetApi", json!({"ApiId": api})).await.code, "NotFoundException");
}

#[tokio::test]
async fn keys_parameters_and_models_are_asked_for() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    let id = route(&rig, &api, "$connect", &function).await;
    let of = json!({"ApiId": api, "RouteId": id});
    let wanted =
        json!({"route.request.querystring.room": {"Required": true}, "route.request.header.x-a": {}});
    rig.http("UpdateRoute", with(&of, json!({"ApiKeyRequired": true, "RequestParameters": wanted}))).await;
    let key = rig.rest("CreateApiKey", json!({"name": "k", "enabled": true})).await;
    let stages = json!([{"apiId": api, "stage": "dev"}]);
    let quota = json!({"limit": 3, "period": "MONTH"});
    let plan = rig.rest("CreateUsagePlan", json!({"name": "p", "apiStages": stages, "quota": quota})).await;
    let of_plan = json!({"usagePlanId": plan["id"], "keyId": key["id"], "keyType": "API_KEY"});
    rig.rest("CreateUsagePlanKey", of_plan).await;
    let value = text(&key, "value");
    let with_key = [("x-api-key", value.as_str())];

    let refused = try_connect(&rig, &api, "/dev", &[]).await.unwrap_err();
    assert_eq!(refused, (403, r#"{"message":"Forbidden"}"#.to_owned()));
    assert_eq!(try_connect(&rig, &api, "/dev", &[("x-api-key", "other")]).await.unwrap_err().0, 403);
    let refused = try_connect(&rig, &api, "/dev", &with_key).await.unwrap_err();
    assert_eq!(refused, (400, r#"{"message":"Missing required request parameters: [room]"}"#.to_owned()));
    let mut client = try_connect(&rig, &api, "/dev?room=1", &with_key).await.unwrap();

    let model = r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#;
    rig.http("CreateModel", json!({"ApiId": api, "Name": "Order", "Schema": model})).await;
    answering(&rig, &api, "order", &function).await;
    let routes = rig.http("GetRoutes", json!({"ApiId": api})).await;
    let order = routes["Items"].as_array().unwrap().iter().find(|it| it["RouteKey"] == "order").unwrap();
    let of_order = json!({"ApiId": api, "RouteId": order["RouteId"]});
    let models = json!({
        "ApiKeyRequired": true,
        "ModelSelectionExpression": "$request.body.action",
        "RequestModels": {"order": "Order"},
    });
    rig.http("UpdateRoute", with(&of_order, models)).await;
    client.send(Message::text(r#"{"action": "order", "n": 1}"#)).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("from the function"));
    // That was the third of three.
    client.send(Message::text(r#"{"action": "order", "n": 1}"#)).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Limit Exceeded");
    rig.http("UpdateRoute", with(&of_order, json!({"ApiKeyRequired": false}))).await;
    client.send(Message::text(r#"{"action": "order", "n": "one"}"#)).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Invalid request body");
    let refused = try_connect(&rig, &api, "/dev?room=1", &with_key).await.unwrap_err();
    assert_eq!(refused, (429, r#"{"message":"Limit Exceeded"}"#.to_owned()));

    let parameter = json!({"RequestParameterKey": "route.request.querystring.room"});
    rig.http("DeleteRouteRequestParameter", with(&of, parameter.clone())).await;
    assert_eq!(rig.http_refuses("DeleteRouteRequestParameter", with(&of, parameter)).await.status, 404);
    rig.http("UpdateRoute", with(&of, json!({"ApiKeyRequired": false}))).await;
    connect(&rig, &api).await;
    for wrong in [
        json!({"RequestModels": {"order": "None"}}),
        json!({"RequestParameters": {"route.request.header.x": {"Required": true}}}),
    ] {
        assert_eq!(rig.http_refuses("UpdateRoute", with(&of_order, wrong)).await.status, 400);
    }
    let wrong = json!({"ApiId": api, "ApiKeySelectionExpression": "$request.body.key"});
    assert_eq!(rig.http_refuses("UpdateApi", wrong).await.status, 400);
}

#[tokio::test]
async fn an_authorizer_can_name_the_key() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let expression = "$context.authorizer.usageIdentifierKey";
    rig.http("UpdateApi", json!({"ApiId": api, "ApiKeySelectionExpression": expression})).await;
    let authorizer = json!({
        "ApiId": api, "Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": crate::rig::lambda("auth"),
        "IdentitySource": ["route.request.querystring.auth"],
    });
    let authorizer = text(&rig.http("CreateAuthorizer", authorizer).await, "AuthorizerId");
    let function = lambda(&rig, &api).await;
    let id = route(&rig, &api, "$connect", &function).await;
    let change = json!({
        "ApiId": api, "RouteId": id, "AuthorizationType": "CUSTOM", "AuthorizerId": authorizer, "ApiKeyRequired": true,
    });
    rig.http("UpdateRoute", change).await;
    let key = rig.rest("CreateApiKey", json!({"name": "k", "enabled": true})).await;
    let plan = json!({"name": "p", "apiStages": [{"apiId": api, "stage": "dev"}]});
    let plan = rig.rest("CreateUsagePlan", plan).await;
    rig.rest(
        "CreateUsagePlanKey",
        json!({"usagePlanId": plan["id"], "keyId": key["id"], "keyType": "API_KEY"}),
    )
    .await;
    let statement = json!([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]);
    let mut says = json!({"principalId": "me", "policyDocument": {"Statement": statement}});
    rig.answers("auth", says.clone());
    assert_eq!(try_connect(&rig, &api, "/dev?auth=x", &[]).await.unwrap_err().0, 403);
    says["usageIdentifierKey"] = key["value"].clone();
    rig.answers("auth", says);
    try_connect(&rig, &api, "/dev?auth=x", &[]).await.unwrap();
}

#[tokio::test]
async fn an_api_that_goes_ends_its_connections() {
    let rig = Rig::new();
    let (api, other) = (api(&rig).await, api(&rig).await);
    let function = lambda(&rig, &api).await;
    route(&rig, &api, "$default", &function).await;
    let (mut client, mut stays) = (connect(&rig, &api).await, connect(&rig, &other).await);
    rig.http("DeleteApi", json!({"ApiId": api})).await;
    assert_eq!(close_code(&mut client).await, 1001);
    rig.http("DeleteStage", json!({"ApiId": other, "StageName": "dev"})).await;
    assert_eq!(close_code(&mut stays).await, 1001);
}

#[tokio::test]
async fn connections_and_messages_are_logged() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    answering(&rig, &api, "join", &function).await;
    let settings = json!({
        "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:access",
        "Format": "$context.requestId $context.eventType $context.routeKey $context.status $context.integration.status $context.error.message",
    });
    let of = json!({"ApiId": api, "StageName": "dev"});
    rig.http("UpdateStage", with(&of, json!({"AccessLogSettings": settings}))).await;
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "join"}"#)).await.unwrap();
    next(&mut client).await;
    client.send(Message::text(r#"{"action": "leave"}"#)).await.unwrap();
    next(&mut client).await;
    let lines = rig.script.lines.lock().unwrap().clone();
    let lines: Vec<&str> = lines.iter().map(|(_, line)| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        lines,
        ["CONNECT $connect 200 - -", "MESSAGE join 200 200 -", "MESSAGE $default 403 - Forbidden"]
    );
}

/// The lines of the execution log, without the ids of their requests, once there is one like `last`.
async fn execution_log(rig: &Rig, api: &str, last: &str) -> Vec<String> {
    let group = format!("/aws/apigateway/{api}/dev");
    let lines = async {
        loop {
            let lines: Vec<String> = {
                let all = rig.script.lines.lock().unwrap();
                let own = all.iter().filter(|(name, _)| *name == group);
                own.map(|(_, line)| line.split_once(") ").unwrap().1.to_owned()).collect()
            };
            if lines.iter().any(|line| line.starts_with(last)) {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), lines).await.unwrap()
}

#[tokio::test]
async fn execution_logs_say_what_happens_to_messages() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    answering(&rig, &api, "join", &function).await;
    let stage = json!({"ApiId": api, "StageName": "dev"});
    let settings = json!({
        "DefaultRouteSettings": {"LoggingLevel": "INFO"},
        "RouteSettings": {"join": {"LoggingLevel": "INFO", "DataTraceEnabled": true}},
    });
    let shown = rig.http("UpdateStage", with(&stage, settings.clone())).await;
    assert_eq!(shown["RouteSettings"], settings["RouteSettings"]);
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "join"}"#)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "from the function");
    client.close(None).await.unwrap();
    let lines = execution_log(&rig, &api, "Client [Connection Id: ").await;
    let connected = &lines[..5];
    assert!(connected[0].starts_with("Extended Request Id: "), "{connected:?}");
    assert!(connected[1].starts_with("Starting execution for request: "), "{connected:?}");
    assert_eq!(connected[2], "WebSocket Request Route: [$connect]");
    let who =
        format!("Client [UserAgent: tests, SourceIp: 203.0.113.9] is connecting to WebSocket API [{api}].");
    assert_eq!(connected[3], who);
    assert!(connected[4].ends_with(&format!("] connected to API [{api}] successfully.")), "{connected:?}");
    let ended = format!("disconnected from API [{api}]. Close reason: [1005: ");
    let lines = loop {
        let lines = execution_log(&rig, &api, "Message from client [").await;
        if lines.iter().any(|line| line.contains(&ended)) {
            break lines;
        }
        tokio::task::yield_now().await;
    };
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    for text in [
        "received message from client [Connection Id: ",
        "Endpoint request body after transformations: {",
        "Sending request to https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/",
        "Received response. Status: 200, Integration latency: ",
        "Endpoint response body before transformations: {\"statusCode\":200",
        "sent to API [",
    ] {
        assert!(has(text), "{text}: {lines:#?}");
    }

    let quiet = json!({"DefaultRouteSettings": {"LoggingLevel": "ERROR"}});
    rig.http("UpdateStage", with(&stage, quiet)).await;
    rig.script.lines.lock().unwrap().clear();
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "nowhere"}"#)).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Forbidden");
    assert_eq!(execution_log(&rig, &api, "Execution failed").await, ["Execution failed: Forbidden"]);
    let wrong = with(&stage, json!({"DefaultRouteSettings": {"LoggingLevel": "LOUD"}}));
    assert_eq!(rig.http_refuses("UpdateStage", wrong).await.status, 400);
}

#[tokio::test]
async fn route_responses_name_models() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let mock = integration(&rig, &api, json!({"IntegrationType": "MOCK"})).await;
    let id = route(&rig, &api, "join", &mock).await;
    let of = json!({"ApiId": api, "RouteId": id});
    let given = json!({"RouteResponseKey": "$default", "ResponseModels": {"$default": "joined"}});
    let refused = rig.http_refuses("CreateRouteResponse", with(&of, given.clone())).await;
    assert_eq!(refused.message, "Invalid model name specified: joined");
    let model = json!({"ApiId": api, "Name": "joined", "ContentType": "application/json", "Schema": "{}"});
    rig.http("CreateModel", model).await;
    let made = rig.http("CreateRouteResponse", with(&of, given)).await;
    assert_eq!(made["ResponseModels"], json!({"$default": "joined"}));
}

#[tokio::test]
async fn payloads_become_binary_and_text() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let rig = Rig::new();
    let api = api(&rig).await;
    let converting = json!({
        "IntegrationType": "AWS", "IntegrationUri": crate::rig::lambda("chat"), "IntegrationMethod": "POST",
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
    });
    let function = integration(&rig, &api, converting).await;
    answering(&rig, &api, "$default", &function).await;
    let response = json!({
        "ApiId": api, "IntegrationId": function, "IntegrationResponseKey": "$default",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
    });
    let made = rig.http("CreateIntegrationResponse", response).await;
    assert_eq!(made["ContentHandlingStrategy"], "CONVERT_TO_TEXT");
    rig.function_returns(json!({"seen": true}));
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(STANDARD.encode(r#"{"picture": 1}"#))).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), STANDARD.encode(r#"{"seen":true}"#));
    assert_eq!(rig.last_event(), json!({"picture": 1}));
    client.send(Message::text("no base64!")).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Internal server error");
}

#[tokio::test]
async fn what_templates_write_becomes_binary_and_what_they_read_is_text() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let rig = Rig::new();
    let api = api(&rig).await;
    let converting = json!({
        "IntegrationType": "AWS", "IntegrationUri": crate::rig::lambda("chat"), "IntegrationMethod": "POST",
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
        "RequestTemplates": {"$default": "$input.path('$.data')"},
    });
    let function = integration(&rig, &api, converting).await;
    answering(&rig, &api, "$default", &function).await;
    let response = json!({
        "ApiId": api, "IntegrationId": function, "IntegrationResponseKey": "$default",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT", "ResponseTemplates": {"$default": r#"{"data": "$input.body"}"#},
    });
    let made = rig.http("CreateIntegrationResponse", response).await;
    rig.function_returns(json!({"seen": true}));
    let mut client = connect(&rig, &api).await;
    let message = json!({"data": STANDARD.encode(r#"{"picture": 1}"#)}).to_string();
    client.send(Message::text(message.clone())).await.unwrap();
    assert_eq!(next_json(&mut client).await, json!({"data": STANDARD.encode(r#"{"seen":true}"#)}));
    assert_eq!(rig.last_event(), json!({"picture": 1}));

    let of = json!({"ApiId": api, "IntegrationId": function});
    let id = json!({"IntegrationResponseId": made["IntegrationResponseId"]});
    let to_binary = json!({
        "ContentHandlingStrategy": "CONVERT_TO_BINARY", "ResponseTemplates": {"$default": "$input.path('$.data')"},
    });
    rig.http("UpdateIntegrationResponse", with(&with(&of, id), to_binary)).await;
    rig.function_returns(json!({"data": STANDARD.encode("plain words")}));
    client.send(Message::text(message)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "plain words");
}

#[tokio::test]
async fn stages_name_client_certificates() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let stage = json!({"ApiId": api, "StageName": "dev"});
    let with_id = |id: &Value| with(&stage, json!({"ClientCertificateId": id}));
    let refused = rig.http_refuses("UpdateStage", with_id(&json!("none"))).await;
    assert_eq!(refused.message, "Invalid Client Certificate identifier specified");
    let certificate = rig.rest("GenerateClientCertificate", json!({})).await["clientCertificateId"].clone();
    assert_eq!(rig.http("UpdateStage", with_id(&certificate)).await["ClientCertificateId"], certificate);
    let delete = json!({"clientCertificateId": certificate});
    assert_eq!(rig.rest_refuses("DeleteClientCertificate", delete.clone()).await.status, 400);
    let without = rig.http("UpdateStage", with_id(&json!(""))).await;
    assert!(without.get("ClientCertificateId").is_none(), "{without}");
    rig.rest("DeleteClientCertificate", delete).await;
    let http = rig.http("CreateApi", json!({"Name": "h", "ProtocolType": "HTTP"})).await;
    let stage = json!({"ApiId": http["ApiId"], "StageName": "dev", "ClientCertificateId": "a"});
    let refused = rig.http_refuses("CreateStage", stage).await;
    assert_eq!(refused.message, "ClientCertificateId is supported for WEBSOCKET APIs only");
}

#[tokio::test]
async fn vpc_links_are_those_of_rest_apis() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let nlb = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/1";
    let link = text(&rig.rest("CreateVpcLink", json!({"name": "l", "targetArns": [nlb]})).await, "id");
    let given = |more: Value| {
        let plain = json!({
            "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST",
            "IntegrationUri": "http://127.0.0.1:1/",
        });
        with(&plain, more)
    };
    let linked = json!({"ConnectionType": "VPC_LINK", "ConnectionId": link});
    let made = rig.http("CreateIntegration", given(linked.clone())).await;
    assert_eq!((&made["ConnectionType"], &made["ConnectionId"]), (&json!("VPC_LINK"), &json!(link)));
    for (wrong, status) in [
        (json!({"ConnectionType": "VPC_LINK"}), 400),
        (json!({"ConnectionId": link}), 400),
        (json!({"ConnectionType": "VPC_LINK", "ConnectionId": "none"}), 404),
        (with(&linked, json!({"IntegrationType": "MOCK"})), 400),
    ] {
        assert_eq!(
            rig.http_refuses("CreateIntegration", given(wrong.clone())).await.status,
            status,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn models_are_validated_when_they_are_deployed_unless_the_api_says_not() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let of = json!({"ApiId": api});
    let mock = integration(&rig, &api, json!({"IntegrationType": "MOCK"})).await;
    route(&rig, &api, "$default", &mock).await;
    let stage = with(&of, json!({"StageName": "dev"}));
    let before = rig.http("GetStage", stage.clone()).await;
    let broken =
        json!({"Name": "Note", "Schema": r##"{"properties": {"a": {"$ref": "#/definitions/none"}}}"##});
    let model = rig.http("CreateModel", with(&of, broken)).await;

    let error = rig.http_refuses("CreateDeployment", of.clone()).await;
    assert_eq!(error.code, "BadRequestException");
    assert!(
        error.message.starts_with("Unable to deploy API because the model Note is invalid: "),
        "{error:?}"
    );
    let now = rig.http("GetStage", stage.clone()).await;
    assert_eq!(now["DeploymentId"], before["DeploymentId"]);
    let message = text(&now, "LastDeploymentStatusMessage");
    assert!(message.starts_with("Deployment attempt failed: Unable to deploy API because "), "{message}");

    let changed = rig.http("UpdateApi", with(&of, json!({"DisableSchemaValidation": true}))).await;
    assert_eq!(changed["DisableSchemaValidation"], true);
    assert_eq!(rig.http("CreateDeployment", of.clone()).await["DeploymentStatus"], "DEPLOYED");

    rig.http("UpdateApi", with(&of, json!({"DisableSchemaValidation": false}))).await;
    let id = with(&of, json!({"ModelId": model["ModelId"]}));
    rig.http("UpdateModel", with(&id, json!({"Schema": r#"{"type": "object"}"#}))).await;
    let now = rig.http("GetStage", stage).await;
    assert_ne!(now["DeploymentId"], before["DeploymentId"]);
    assert_eq!(now["LastDeploymentStatusMessage"], Value::Null);

    let plain = json!({"Name": "http", "ProtocolType": "HTTP", "DisableSchemaValidation": true});
    let error = rig.http_refuses("CreateApi", plain).await;
    assert_eq!(error.message, "DisableSchemaValidation is supported for WEBSOCKET APIs only");
}
