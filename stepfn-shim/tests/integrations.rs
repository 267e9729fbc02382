//! `apigateway:invoke`, `http:invoke` and `events:putEvents` through a workflow, with neighbours that write down what they
//! are asked.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

use std::sync::{Arc, Mutex};

use aws_wire::ServiceError;
use bytes::Bytes;
use http::{Request, Response};
use outbound::{
    Outbound,
    connection::{Authorization, Connection, Connections, Parameters},
};
use runtime::{
    ApiAnswer, ApiInvoker, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Invocation,
    InvocationOutcome, Output, Scope, Service as _, ServiceRouter,
};
use serde_json::{Value, json};
use stepfn_shim::{Integrations, Options, StepFunctions};
use store::Store;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const OWN: &str = "http://127.0.0.1:4566";
const CONNECTION: &str = "arn:aws:events:us-east-1:000000000000:connection/c/1";

/// An API that answers with what it was asked, or with the status that the path names.
#[derive(Default)]
struct Neighbours {
    asked: Mutex<Vec<(String, Value)>>,
}

impl ApiInvoker for Neighbours {
    fn execute<'a>(&'a self, api: &'a str, request: Request<Bytes>) -> BoxFuture<'a, Option<ApiAnswer>> {
        Box::pin(async move {
            if api != "abc" {
                return None;
            }
            let headers: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            let status =
                request.uri().path().rsplit('/').next().and_then(|it| it.parse().ok()).unwrap_or(200);
            let body = json!({
                "method": request.method().as_str(), "uri": request.uri().to_string(), "headers": headers,
                "body": String::from_utf8_lossy(request.body()),
            });
            let response = Response::builder().status(status).header("content-type", "application/json");
            let response = response.body(Bytes::from(body.to_string())).unwrap();
            Some(ApiAnswer { response, edge: false })
        })
    }
}

impl FunctionInvoker for Neighbours {
    fn invoke<'a>(
        &'a self,
        _: &'a CallContext,
        _: Invocation,
    ) -> BoxFuture<'a, Result<InvocationOutcome, ServiceError>> {
        Box::pin(async { Err(ServiceError::not_implemented("no functions here")) })
    }
}

impl ServiceRouter for Neighbours {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let failed = i32::from(input.members["Entries"][0]["Source"] == "bad");
        self.asked.lock().unwrap().push((format!("{service}.{operation}"), Value::Object(input.members)));
        Box::pin(async move {
            Ok(Output::of(json!({ "FailedEntryCount": failed, "Entries": [{ "EventId": "e" }] })))
        })
    }
}

impl Connections for Neighbours {
    fn connection(&self, arn: &str) -> Option<Arc<Connection>> {
        let key = Authorization::ApiKey { name: "x-key".into(), value: "k".into() };
        let added = Parameters { query: vec![("from".into(), "connection".into())], ..Parameters::default() };
        (arn == CONNECTION).then(|| Arc::new(Connection::new(key, added)))
    }
}

struct World {
    service: StepFunctions,
    neighbours: Arc<Neighbours>,
}

impl World {
    fn new() -> Self {
        let neighbours = Arc::new(Neighbours::default());
        let service = StepFunctions::new(
            Options { endpoint: OWN.into(), mock_config: None },
            Store::memory(),
            Clock::Real,
            neighbours.clone(),
            neighbours.clone(),
        );
        let service = service.unwrap();
        let outbound = Outbound::new(OWN);
        service.connect(Integrations { apis: neighbours.clone(), outbound, connections: neighbours.clone() });
        Self { service, neighbours }
    }

    async fn call(&self, operation: &str, members: Value) -> Value {
        let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), OWN.into());
        let Value::Object(members) = members else { panic!("members are an object") };
        let output = self.service.call(&ctx, operation, Input { members, ..Input::default() }).await.unwrap();
        Value::Object(output.members)
    }

    /// Runs one task to its end: StartSyncExecution's answer.
    async fn run(&self, resource: &str, parameters: Value) -> Value {
        let state = json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true });
        let definition = json!({ "StartAt": "A", "States": { "A": state } }).to_string();
        let name = runtime::new_request_id();
        let role = "arn:aws:iam::000000000000:role/r";
        let of = json!({ "name": &*name, "definition": definition, "roleArn": role, "type": "EXPRESS" });
        let machine = self.call("CreateStateMachine", of).await;
        self.call("StartSyncExecution", json!({ "stateMachineArn": machine["stateMachineArn"] })).await
    }
}

fn output(answer: &Value) -> Value {
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    serde_json::from_str(answer["output"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn apis_are_asked_and_their_answers_shown() {
    let world = World::new();
    let api = "arn:aws:states:::apigateway:invoke";
    let parameters = json!({
        "ApiEndpoint": "abc.execute-api.us-east-1.amazonaws.com", "Method": "POST", "Stage": "dev", "Path": "/a b",
        "Headers": { "x-own": ["1", "2"] }, "QueryParameters": { "q": ["x y"] }, "RequestBody": { "k": 1 },
        "AuthType": "IAM_ROLE",
    });
    let answer = output(&world.run(api, parameters).await);
    let asked = &answer["ResponseBody"];
    assert_eq!(
        (&asked["method"], &asked["uri"], &asked["body"]),
        (&json!("POST"), &json!("/dev/a%20b?q=x%20y"), &json!("{\"k\":1}"))
    );
    let headers = asked["headers"].to_string();
    for wanted in
        ["x-own: 1", "x-own: 2", "authorization: AWS4-HMAC-SHA256", "content-type: application/json"]
    {
        assert!(headers.contains(wanted), "{wanted}: {headers}");
    }
    assert_eq!((&answer["StatusCode"], &answer["StatusText"]), (&json!(200), &json!("OK")));
    assert_eq!(answer["Headers"]["Content-Type"], json!(["application/json"]));

    let failing = json!({ "ApiEndpoint": "abc.execute-api.x.amazonaws.com", "Method": "GET", "Path": "503" });
    assert_eq!(world.run(api, failing).await["error"], "ApiGateway.503");
    let nobody = json!({ "ApiEndpoint": "none.execute-api.x.amazonaws.com", "Method": "GET" });
    assert_eq!(world.run(api, nobody).await["error"], "ApiGateway.SdkClientException");
    let wrong =
        json!({ "ApiEndpoint": "abc.execute-api.x.amazonaws.com", "Method": "GET", "Headers": { "a": "b" } });
    assert_eq!(world.run(api, wrong).await["error"], "States.Runtime");
}

/// A server that answers its requests with the given answers; what it was asked comes back.
async fn server(answers: &'static [&'static str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut chunk = vec![0; 16_384];
            let read = stream.read(&mut chunk).await.unwrap();
            seen.push(String::from_utf8_lossy(&chunk[..read]).into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        seen
    });
    (format!("http://{address}"), served)
}

#[tokio::test]
async fn servers_are_asked_with_the_connection_s_authorisation() {
    let world = World::new();
    let http = "arn:aws:states:::http:invoke";
    let (address, served) = server(&[
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"ok\":1}",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope",
    ])
    .await;
    let of = |address: &str, connection: &str| {
        json!({
            "ApiEndpoint": format!("{address}/orders"), "Method": "GET", "QueryParameters": { "q": "1" },
            "Authentication": { "ConnectionArn": connection },
        })
    };
    let answer = output(&world.run(http, of(&address, CONNECTION)).await);
    assert_eq!((&answer["StatusCode"], &answer["ResponseBody"]), (&json!(201), &json!({ "ok": 1 })));
    let failed = world.run(http, of(&address, CONNECTION)).await;
    assert_eq!((&failed["error"], &failed["cause"]), (&json!("States.Http.StatusCode.404"), &json!("nope")));
    let seen = served.await.unwrap();
    assert!(seen[0].starts_with("GET /orders?q=1&from=connection HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].contains("x-key: k"), "{}", seen[0]);

    let unknown = world.run(http, of(&address, "arn:aws:events:us-east-1:0:connection/none/1")).await;
    assert_eq!(unknown["error"], "Events.ConnectionResource.NotFound");
    let metadata = world.run(http, of("http://169.254.169.254", CONNECTION)).await;
    assert_eq!(metadata["error"], "States.Runtime", "{metadata}");
    let admin = world.run(http, of("http://127.0.0.1:4566/_tule", CONNECTION)).await;
    assert_eq!(admin["error"], "States.Runtime", "{admin}");
    let without = world.run(http, json!({ "ApiEndpoint": address, "Method": "GET" })).await;
    assert_eq!(without["error"], "States.Runtime");
}

/// TestState of an HTTP task: its answer.
async fn tried(world: &World, parameters: &Value, reveal: bool) -> Value {
    let state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": parameters, "End": true,
    });
    let role = "arn:aws:iam::000000000000:role/r";
    let members = json!({
        "definition": state.to_string(), "roleArn": role, "inspectionLevel": "TRACE", "revealSecrets": reveal,
    });
    world.call("TestState", members).await
}

#[tokio::test]
async fn a_test_shows_what_was_sent_and_received_and_secrets_only_if_asked_to() {
    let world = World::new();
    let (address, served) = server(&[
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"ok\": 1}",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"ok\": 1}",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope",
    ])
    .await;
    let parameters = json!({
        "ApiEndpoint": format!("{address}/orders"), "Method": "POST", "QueryParameters": { "q": "1" },
        "Headers": { "X-Own": "h1" }, "RequestBody": { "a": 1 },
        "Authentication": { "ConnectionArn": CONNECTION },
    });
    let common = "Content-Type: application/json, User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]";
    let done = tried(&world, &parameters, false).await;
    assert_eq!(
        done["inspectionData"]["request"],
        json!({
            "protocol": "http", "method": "POST", "url": format!("{address}/orders?q=1"),
            "headers": format!("[X-Own: h1, {common}"), "body": "{\"a\":1}",
        })
    );
    let response = json!({
        "protocol": "http", "statusCode": "200", "statusMessage": "OK",
        "headers": "[content-type: application/json, content-length: 9]", "body": "{\"ok\": 1}",
    });
    assert_eq!(done["inspectionData"]["response"], response);
    let done = tried(&world, &parameters, true).await;
    let request = &done["inspectionData"]["request"];
    assert_eq!(request["url"], format!("{address}/orders?q=1&from=connection"));
    assert_eq!(request["headers"], format!("[X-Own: h1, x-key: k, {common}"));
    let failed = tried(&world, &parameters, false).await;
    assert_eq!(
        (&failed["status"], &failed["error"]),
        (&json!("FAILED"), &json!("States.Http.StatusCode.404"))
    );
    let response = &failed["inspectionData"]["response"];
    assert_eq!((&response["statusCode"], &response["body"]), (&json!("404"), &json!("nope")));
    for seen in served.await.unwrap() {
        assert!(seen.starts_with("POST /orders?q=1&from=connection HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("x-key: k"), "{seen}");
    }
    // Nothing was sent, so nothing is shown.
    let mut unknown = parameters.clone();
    unknown["Authentication"]["ConnectionArn"] = json!("arn:aws:events:us-east-1:0:connection/none/1");
    let failed = tried(&world, &unknown, true).await;
    assert_eq!(failed["error"], "Events.ConnectionResource.NotFound");
    assert!(failed["inspectionData"]["request"].is_null(), "{failed}");
}

#[tokio::test]
async fn secrets_are_revealed_at_the_level_trace_only() {
    let world = World::new();
    let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), OWN.into());
    let state = json!({ "Type": "Pass", "End": true }).to_string();
    let members = json!({ "definition": state, "inspectionLevel": "DEBUG", "revealSecrets": true });
    let Value::Object(members) = members else { panic!("members are an object") };
    let input = Input { members, ..Input::default() };
    let error = world.service.call(&ctx, "TestState", input).await.unwrap_err();
    assert_eq!(error.code, "ValidationException");
    assert!(error.message.contains("RevealSecrets"), "{}", error.message);
}

#[tokio::test]
async fn events_say_whose_they_are_and_fail_if_they_are_not_taken() {
    let world = World::new();
    let events = "arn:aws:states:::events:putEvents";
    let entry =
        |source: &str| json!({ "Entries": [{ "Source": source, "DetailType": "t", "Detail": { "a": 1 } }] });
    let answer = output(&world.run(events, entry("good")).await);
    assert_eq!(answer["Entries"], json!([{ "EventId": "e" }]));
    let asked = world.neighbours.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.0, "events.PutEvents");
    let entry_sent = &asked.1["Entries"][0];
    assert_eq!(entry_sent["Detail"], "{\"a\":1}");
    assert!(entry_sent["Resources"].to_string().contains(":stateMachine:"), "{entry_sent}");
    let failed = world.run(events, entry("bad")).await;
    assert_eq!(failed["error"], "EventBridge.FailedEntry");
}
