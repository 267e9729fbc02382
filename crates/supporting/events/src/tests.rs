//! Buses with rules and targets, over a router that writes down what it is asked.

use std::sync::Mutex;

use runtime::{Timestamp, VirtualClock};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::*;

type Called = (String, Value, String);

/// Writes down what it is asked, and fails for queues whose name says so.
struct Recorder {
    calls: mpsc::UnboundedSender<Called>,
    failures: Mutex<u32>,
}

impl ServiceRouter for Recorder {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(async move {
            let body = input.body.read(1 << 20).await.expect("it is short");
            let members = Value::Object(input.members);
            let fails = {
                let mut left = self.failures.lock().unwrap();
                let fails = *left > 0 && !members.to_string().contains("dead");
                *left = left.saturating_sub(u32::from(fails));
                fails
            };
            let text = String::from_utf8_lossy(&body).into_owned();
            self.calls.send((format!("{service}.{operation}"), members, text)).unwrap();
            if fails { Err(ServiceError::internal("not now")) } else { Ok(Output::empty()) }
        })
    }
}

struct Rig {
    events: Events,
    calls: mpsc::UnboundedReceiver<Called>,
    clock: Arc<VirtualClock>,
    store: Store,
    router: Arc<Recorder>,
}

fn rig() -> Rig {
    let (sender, calls) = mpsc::unbounded_channel();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let router = Arc::new(Recorder { calls: sender, failures: Mutex::new(0) });
    let store = Store::memory();
    let events = made(&store, &clock, &router);
    Rig { events, calls, clock, store, router }
}

fn made(store: &Store, clock: &Arc<VirtualClock>, router: &Arc<Recorder>) -> Events {
    let outbound = Outbound::new("http://127.0.0.1:4566");
    let clock = Clock::Virtual(clock.clone());
    Events::new(store, clock, "http://127.0.0.1:4566".into(), router.clone(), outbound).unwrap()
}

async fn call(events: &Events, operation: &str, members: Value) -> Result<Value, ServiceError> {
    let Value::Object(members) = members else { panic!("members are an object") };
    let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
    let output = events.call(&ctx, operation, Input { members, ..Input::default() }).await?;
    fits("events", operation, &output);
    Ok(Value::Object(output.members))
}

impl Rig {
    async fn done(&self, operation: &str, members: Value) -> Value {
        call(&self.events, operation, members).await.unwrap()
    }

    async fn refused(&self, operation: &str, members: Value) -> String {
        call(&self.events, operation, members).await.unwrap_err().code.into_owned()
    }

    async fn rule(&self, pattern: Value, target: Value) {
        self.done("PutRule", json!({ "Name": "r", "EventPattern": pattern.to_string() })).await;
        self.done("PutTargets", json!({ "Rule": "r", "Targets": [target] })).await;
    }

    async fn event(&self, detail: Value) -> Value {
        let entry = json!({ "Source": "shop", "DetailType": "Order", "Detail": detail.to_string(), "Resources": ["a"] });
        self.done("PutEvents", json!({ "Entries": [entry] })).await
    }
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

#[tokio::test]
async fn events_go_to_the_targets_of_the_rules_that_take_them() {
    let mut rig = rig();
    rig.rule(
        json!({ "source": ["shop"], "detail": { "price": [{ "numeric": [">", 10] }] } }),
        json!({ "Id": "1", "Arn": QUEUE }),
    )
    .await;
    rig.event(json!({ "price": 5 })).await;
    let answer = rig.event(json!({ "price": 50 })).await;
    let (operation, members, _) = rig.calls.recv().await.unwrap();
    assert_eq!(operation, "sqs.SendMessage");
    let event: Value = serde_json::from_str(members["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(event["id"], answer["Entries"][0]["EventId"]);
    assert_eq!(
        (&event["detail-type"], &event["source"], &event["time"], &event["detail"], &event["resources"]),
        (
            &json!("Order"),
            &json!("shop"),
            &json!("2023-11-14T22:13:20Z"),
            &json!({ "price": 50 }),
            &json!(["a"])
        )
    );
    assert!(rig.calls.try_recv().is_err(), "the other event did not match");
    rig.done("DisableRule", json!({ "Name": "r" })).await;
    rig.event(json!({ "price": 50 })).await;
    assert!(rig.calls.try_recv().is_err());
}

#[tokio::test]
async fn targets_are_called_as_what_they_are_with_the_input_they_want() {
    let mut rig = rig();
    rig.done("PutRule", json!({ "Name": "r", "EventPattern": "{\"source\":[\"shop\"]}" })).await;
    let targets = json!([
        { "Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Input": "{\"a\":1}" },
        { "Id": "2", "Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m", "InputPath": "$.detail" },
        { "Id": "3", "Arn": "arn:aws:sns:us-east-1:000000000000:t", "InputTransformer": {
            "InputPathsMap": { "who": "$.detail.name", "all": "$.detail" },
            "InputTemplate": "{\"hello\": <who>, \"text\": \"dear <who>, \\\"<all>\\\"\", \"rule\": \"<aws.events.rule-name>\", \"x\": <none>}" } },
        { "Id": "4", "Arn": "arn:aws:sns:us-east-1:000000000000:t", "InputTransformer": {
            "InputPathsMap": { "who": "$.detail.name" }, "InputTemplate": "Hello <who>" } },
    ]);
    rig.done("PutTargets", json!({ "Rule": "r", "Targets": targets })).await;
    rig.event(json!({ "name": "A\"B" })).await;
    let (operation, members, body) = rig.calls.recv().await.unwrap();
    assert_eq!(
        (operation.as_str(), &members["InvocationType"], body.as_str()),
        ("lambda.Invoke", &json!("Event"), "{\"a\":1}")
    );
    let (operation, members, _) = rig.calls.recv().await.unwrap();
    assert_eq!(
        (operation.as_str(), &members["input"]),
        ("stepfunctions.StartExecution", &json!("{\"name\":\"A\\\"B\"}"))
    );
    let (operation, members, _) = rig.calls.recv().await.unwrap();
    assert_eq!(operation, "sns.Publish");
    assert_eq!(
        members["Message"],
        r#"{"hello": "A\"B", "text": "dear A\"B, \"{\"name\":\"A\\\"B\"}\"", "rule": "r", "x": <none>}"#
    );
    assert_eq!(rig.calls.recv().await.unwrap().1["Message"], "Hello A\"B");
}

#[tokio::test]
async fn buses_pass_events_on_but_not_for_ever() {
    let mut rig = rig();
    rig.done("CreateEventBus", json!({ "Name": "b" })).await;
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/b";
    rig.rule(json!({ "source": ["shop"] }), json!({ "Id": "1", "Arn": bus })).await;
    rig.done(
        "PutRule",
        json!({ "Name": "r", "EventBusName": "b", "EventPattern": "{\"source\":[\"shop\"]}" }),
    )
    .await;
    let back = "arn:aws:events:us-east-1:000000000000:event-bus/default";
    let targets = json!([{ "Id": "1", "Arn": QUEUE }, { "Id": "2", "Arn": back }]);
    rig.done("PutTargets", json!({ "Rule": "r", "EventBusName": bus, "Targets": targets })).await;
    rig.event(json!({})).await;
    let mut times = 0;
    while rig.calls.try_recv().is_ok() {
        times += 1;
    }
    assert_eq!(times, 3, "the circle ends");
    assert_eq!(rig.refused("DeleteEventBus", json!({ "Name": "b" })).await, "ValidationException");
}

#[tokio::test]
async fn what_fails_is_tried_again_and_then_goes_to_the_dead_letters() {
    let mut rig = rig();
    *rig.router.failures.lock().unwrap() = 3;
    let target = json!({
        "Id": "1", "Arn": QUEUE, "RetryPolicy": { "MaximumRetryAttempts": 2 },
        "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:dead" },
    });
    rig.rule(json!({ "source": ["shop"] }), target).await;
    rig.event(json!({})).await;
    rig.calls.recv().await.unwrap();
    for _ in 0..2 {
        until_asleep(&rig.clock).await;
        rig.clock.advance_to(rig.clock.next_wakeup().unwrap());
        rig.calls.recv().await.unwrap();
    }
    let (_, members, _) = rig.calls.recv().await.unwrap();
    assert!(members["QueueUrl"].as_str().unwrap().ends_with("/dead"));
    assert_eq!(members["MessageAttributes"]["TARGET_ARN"]["StringValue"], QUEUE);
}

/// Waits until somebody sleeps on the clock.
async fn until_asleep(clock: &VirtualClock) {
    while clock.next_wakeup().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn rules_happen_by_the_clock() {
    let mut rig = rig();
    rig.done("PutRule", json!({ "Name": "r", "ScheduleExpression": "rate(5 minutes)" })).await;
    rig.done("PutTargets", json!({ "Rule": "r", "Targets": [{ "Id": "1", "Arn": QUEUE }] })).await;
    rig.events.run_schedules();
    for expected in ["2023-11-14T22:18:20Z", "2023-11-14T22:23:20Z"] {
        let (_, members, _) = loop {
            if let Ok(called) = rig.calls.try_recv() {
                break called;
            }
            until_asleep(&rig.clock).await;
            rig.clock.advance_to(rig.clock.next_wakeup().unwrap());
            tokio::task::yield_now().await;
        };
        let event: Value = serde_json::from_str(members["MessageBody"].as_str().unwrap()).unwrap();
        assert_eq!((&event["time"], &event["detail-type"]), (&json!(expected), &json!("Scheduled Event")));
        assert_eq!(event["resources"][0], "arn:aws:events:us-east-1:000000000000:rule/r");
    }
}

#[tokio::test]
async fn connections_keep_their_secrets_and_serve_api_destinations() {
    let mut rig = rig();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let parameters = json!({
        "ApiKeyAuthParameters": { "ApiKeyName": "x-key", "ApiKeyValue": "s3cret" },
        "InvocationHttpParameters": { "BodyParameters": [{ "Key": "b", "Value": "hidden", "IsValueSecret": true }] },
    });
    let made = rig
        .done(
            "CreateConnection",
            json!({ "Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": parameters }),
        )
        .await;
    assert_eq!(made["ConnectionState"], "AUTHORIZED");
    let shown = rig.done("DescribeConnection", json!({ "Name": "c" })).await.to_string();
    assert!(!shown.contains("s3cret") && !shown.contains("hidden") && shown.contains("x-key"), "{shown}");
    let endpoint = format!("http://{}/v/*", listener.local_addr().unwrap());
    let destination = rig
        .done("CreateApiDestination", json!({ "Name": "d", "ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": endpoint, "HttpMethod": "PUT" }))
        .await;
    let target = json!({
        "Id": "1", "Arn": destination["ApiDestinationArn"], "Input": "{\"a\":1}",
        "HttpParameters": { "PathParameterValues": ["x/y"], "QueryStringParameters": { "q": "1" } },
    });
    rig.rule(json!({ "source": ["shop"] }), target).await;
    rig.event(json!({})).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("\"b\"") {
        let mut chunk = [0; 1_024];
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0);
        seen.extend_from_slice(&chunk[..read]);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.starts_with("PUT /v/x%2Fy?q=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("x-key: s3cret") && seen.ends_with(r#"{"a":1,"b":"hidden"}"#), "{seen}");
    assert!(rig.calls.try_recv().is_err());
    let arn = made["ConnectionArn"].as_str().unwrap();
    let again = made_again(&rig);
    assert!(again.connection(arn).is_some(), "it is there after a restart");
    rig.done("DeauthorizeConnection", json!({ "Name": "c" })).await;
    assert!(rig.events.connection(arn).is_none());
}

fn made_again(rig: &Rig) -> Events {
    made(&rig.store, &rig.clock, &rig.router)
}

#[tokio::test]
async fn entries_that_are_wrong_are_told_one_by_one() {
    let rig = rig();
    let good = json!({ "Source": "s", "DetailType": "t", "Detail": "{}" });
    let mut entries = vec![good.clone()];
    for (name, value) in [
        ("Source", json!("")),
        ("Detail", json!("x")),
        ("Source", json!("aws.s3")),
        ("EventBusName", json!("none")),
    ] {
        let mut entry = good.clone();
        entry[name] = value;
        entries.push(entry);
    }
    let answer = rig.done("PutEvents", json!({ "Entries": entries })).await;
    let codes: Vec<Option<&str>> =
        answer["Entries"].as_array().unwrap().iter().map(|it| it["ErrorCode"].as_str()).collect();
    assert_eq!(
        codes,
        [
            None,
            Some("InvalidArgument"),
            Some("MalformedDetail"),
            Some("NotAuthorizedForSourceException"),
            Some("ResourceNotFoundException")
        ]
    );
    assert_eq!(answer["FailedEntryCount"], 4);
}

#[tokio::test]
async fn what_is_wrong_or_not_done_is_refused() {
    let rig = rig();
    rig.done("PutRule", json!({ "Name": "r", "EventPattern": "{\"source\":[\"s\"]}" })).await;
    for (operation, members, code) in [
        ("PutRule", json!({ "Name": "x" }), "ValidationException"),
        ("PutRule", json!({ "Name": "x", "EventPattern": "{" }), "InvalidEventPatternException"),
        ("PutRule", json!({ "Name": "x", "EventPattern": "{\"a\":1}" }), "InvalidEventPatternException"),
        ("PutRule", json!({ "Name": "x", "ScheduleExpression": "rate(0 days)" }), "ValidationException"),
        (
            "PutRule",
            json!({ "Name": "x", "ScheduleExpression": "rate(1 day)", "EventBusName": "none" }),
            "ResourceNotFoundException",
        ),
        (
            "PutTargets",
            json!({ "Rule": "none", "Targets": [{ "Id": "1", "Arn": QUEUE }] }),
            "ResourceNotFoundException",
        ),
        ("PutTargets", json!({ "Rule": "r", "Targets": [{ "Id": "1", "Arn": "x" }] }), "ValidationException"),
        (
            "PutTargets",
            json!({ "Rule": "r", "Targets": [{ "Id": "1", "Arn": "arn:aws:kinesis:us-east-1:1:stream/s" }] }),
            "NotImplemented",
        ),
        (
            "PutTargets",
            json!({ "Rule": "r", "Targets": [{ "Id": "1", "Arn": QUEUE, "Input": "{}", "InputPath": "$" }] }),
            "ValidationException",
        ),
        ("CreateEventBus", json!({ "Name": "default" }), "ResourceAlreadyExistsException"),
        (
            "CreateConnection",
            json!({ "Name": "c", "AuthorizationType": "BASIC", "AuthParameters": {} }),
            "ValidationException",
        ),
        (
            "CreateApiDestination",
            json!({ "Name": "d", "ConnectionArn": "none", "InvocationEndpoint": "http://a", "HttpMethod": "GET" }),
            "ResourceNotFoundException",
        ),
        ("DescribeConnection", json!({ "Name": "none" }), "ResourceNotFoundException"),
    ] {
        assert_eq!(rig.refused(operation, members.clone()).await, code, "{operation} {members}");
    }
    let targets: Vec<Value> = (0..6).map(|id| json!({ "Id": id.to_string(), "Arn": QUEUE })).collect();
    assert_eq!(
        rig.refused("PutTargets", json!({ "Rule": "r", "Targets": targets })).await,
        "LimitExceededException"
    );
    let rules = rig.done("ListRules", json!({})).await;
    assert_eq!(rules["Rules"].as_array().unwrap().len(), 1);
    assert_eq!(rig.done("ListTargetsByRule", json!({ "Rule": "r" })).await["Targets"], json!([]));
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}
