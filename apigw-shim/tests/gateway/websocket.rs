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

mod payloads;
mod settings;

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
    let unknown = "GET /dev/@connections/L0SM9cOFvHcCIhw=";
    let gone = rig.send(&api, unknown, &signed, "").await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (410, Some("GoneException")));
    let elsewhere = [(signed[0].0, &*signed[0].1.replace("execute-api", "s3"))];
    let refused = rig.send(&api, unknown, &elsewhere, "").await;
    assert_eq!(
        (refused.status, refused.header("x-amzn-errortype")),
        (403, Some("InvalidSignatureException"))
    );
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
async fn backends_sign_rightly_where_signatures_are_checked() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let rig = rig.verifying();
    let signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=0";
    let incomplete = [("authorization", "AWS4-HMAC-SHA256 Credential=test")];
    let wrong = [("authorization", signature), ("x-amz-date", "20260101T000000Z")];
    for (headers, said) in
        [(&incomplete[..], "IncompleteSignatureException"), (&wrong[..], "InvalidSignatureException")]
    {
        let refused = rig.send(&api, "POST /dev/@connections/L0SM9cOFvHcCIhw=", headers, "hello").await;
        assert_eq!((refused.status, refused.header("x-amzn-errortype")), (403, Some(said)));
    }
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
