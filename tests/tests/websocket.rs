//! A WebSocket API by a real client: connecting, messages, `@connections`, and who may not connect.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::time::Duration;

use e2e::{Answer, Tule};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};

type Client = WebSocketStream<TcpStream>;

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h, Signature=0"
    )
}

fn call(tule: &Tule, method: &str, path: &str, body: &Value) -> Answer {
    tule.request(method, path, &[("authorization", &signed("apigateway"))], &body.to_string())
}

fn made(tule: &Tule, path: &str, body: &Value) -> Value {
    let answer = call(tule, "POST", path, body);
    assert_eq!(answer.status, 201, "{path}: {}", answer.body);
    answer.value()
}

/// An API that answers every message with the connection's id.
fn api(tule: &Tule) -> String {
    let expression = "$request.body.action";
    let api = json!({"name": "echo", "protocolType": "WEBSOCKET", "routeSelectionExpression": expression});
    let id = made(tule, "/v2/apis", &api)["apiId"].as_str().unwrap().to_owned();
    let base = format!("/v2/apis/{id}");
    let mock = json!({
        "integrationType": "MOCK",
        "requestTemplates": {"$default": "{\"statusCode\": 200}"},
    });
    let integration = made(tule, &format!("{base}/integrations"), &mock);
    let integration = integration["integrationId"].as_str().unwrap();
    let response = json!({
        "integrationResponseKey": "$default",
        "responseTemplates": {"$default": "$context.connectionId"},
    });
    made(tule, &format!("{base}/integrations/{integration}/integrationresponses"), &response);
    let route = json!({
        "routeKey": "$default", "target": format!("integrations/{integration}"),
        "routeResponseSelectionExpression": "$default",
    });
    let route = made(tule, &format!("{base}/routes"), &route);
    let responses = format!("{base}/routes/{}/routeresponses", route["routeId"].as_str().unwrap());
    made(tule, &responses, &json!({"routeResponseKey": "$default"}));
    made(tule, &format!("{base}/stages"), &json!({"stageName": "dev", "autoDeploy": true}));
    id
}

async fn connect(tule: &Tule, url: &str, origin: Option<&str>) -> Result<Client, Error> {
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
    }
    let address = tule.endpoint().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.map(|(client, _)| client)
}

async fn next(client: &mut Client) -> Message {
    tokio::time::timeout(Duration::from_secs(20), client.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn clients_connect_talk_and_are_reached() {
    let tule = Tule::start(&["--executor", "process"]);
    let id = api(&tule);
    let port = tule.endpoint().rsplit(':').next().unwrap().to_owned();
    let urls = [
        format!("ws://{id}.execute-api.localhost:{port}/dev"),
        format!("ws://{id}.execute-api.us-east-1.localhost:{port}/dev/"),
        format!("ws://127.0.0.1:{port}/_aws/execute-api/{id}/dev"),
        format!("ws://127.0.0.1:{port}/restapis/{id}/dev/_user_request_/"),
    ];
    let mut last = None;
    for url in &urls {
        let mut client = connect(&tule, url, None).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        client.send(Message::text("hello")).await.unwrap();
        let connection = next(&mut client).await.into_text().unwrap().to_string();
        let path = format!("/_aws/execute-api/{id}/dev/@connections/{}", connection.replace('=', "%3D"));
        let authorization = signed("execute-api");
        let posted = tule.request("POST", &path, &[("authorization", &authorization)], "from behind");
        assert_eq!(posted.status, 200, "{}", posted.body);
        assert_eq!(next(&mut client).await, Message::text("from behind"));
        client.close(None).await.unwrap();
        while let Some(Ok(_)) = client.next().await {}
        last = Some((path, authorization));
    }
    let (path, authorization) = last.unwrap();
    // The client has seen the stream end, which is after the connection is forgotten.
    let gone = tule.request("POST", &path, &[("authorization", &authorization)], "too late");
    assert_eq!(gone.status, 410, "{}", gone.body);
}

#[tokio::test]
async fn pages_of_other_origins_connect_only_if_they_are_allowed() {
    let tule = Tule::start(&["--executor", "process", "--allowed-origin", "https://mine.example"]);
    let id = api(&tule);
    let url = format!("{}/_aws/execute-api/{id}/dev", tule.endpoint().replacen("http", "ws", 1));
    match connect(&tule, &url, Some("https://other.example")).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("a page of another origin was not refused: {other:?}"),
    }
    for origin in ["https://mine.example", "http://localhost:3000"] {
        connect(&tule, &url, Some(origin)).await.unwrap();
    }
    // A reset ends what is open.
    let mut client = connect(&tule, &url, None).await.unwrap();
    assert_eq!(tule.request("POST", "/_tule/reset", &[], "").status, 200);
    match next(&mut client).await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1012),
        other => panic!("{other:?} is no close with a code"),
    }
}
