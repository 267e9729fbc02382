//! Durable functions at Lambda's own boundary: functions that speak the protocol themselves, on a virtual clock.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::{sync::Arc, time::Duration};

use lambda_shim::ExecutorChoice;
use runtime::{Clock, FunctionInvoker, Invocation, InvocationMode, Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options};

/// Says what its input tells it to say, and prints the event it was given.
const SAYS: &str = "import json\ndef handler(event, context):\n    print('EVENT ' + json.dumps(event), flush=True)\n    \
                    operations = event['InitialExecutionState']['Operations']\n    \
                    says = json.loads(operations[0]['ExecutionDetails']['InputPayload'])\n    \
                    return says[min(len(operations) - 1, len(says) - 1)]\n";

const SUCCEEDS: &str = r#"[{"Status": "SUCCEEDED", "Result": "\"done\""}]"#;

async fn durable(rig: &Rig, name: &str, timeout: u64) {
    let config = json!({"DurableConfig": {"ExecutionTimeout": timeout}});
    rig.create(name, "python3.11", &[("index.py", SAYS)], config).await;
    rig.settled(name).await;
}

fn asked(function: &str, mode: InvocationMode, payload: &str) -> Invocation {
    Invocation { mode, ..Invocation::request_response(function, payload.to_owned()) }
}

/// Starts an execution of a name and gives its ARN.
async fn begin(rig: &Rig, function: &str, name: &str, payload: &str) -> String {
    let members = json!({
        "FunctionName": function, "InvocationType": "Event", "DurableExecutionName": name,
    });
    let input = runtime::Input {
        members: members.as_object().unwrap().clone(),
        body: payload.as_bytes().to_vec().into(),
    };
    let output = runtime::Service::call(&rig.lambda, &rig.fresh(), "Invoke", input).await.unwrap();
    assert_eq!(output.status, Some(202));
    output.members["DurableExecutionArn"].as_str().unwrap().to_owned()
}

async fn shown(rig: &Rig, arn: &str) -> Value {
    rig.call("GetDurableExecution", json!({"DurableExecutionArn": arn})).await.unwrap()
}

/// Waits for a status; nextest ends a test that waits for ever.
async fn until_status(rig: &Rig, arn: &str, status: &str) -> Value {
    loop {
        let shown = shown(rig, arn).await;
        if shown["Status"] == status {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

async fn kinds(rig: &Rig, arn: &str) -> Vec<String> {
    let history = rig.call("GetDurableExecutionHistory", json!({"DurableExecutionArn": arn})).await.unwrap();
    let events = history["Events"].as_array().unwrap().clone();
    events.iter().map(|event| event["EventType"].as_str().unwrap().to_owned()).collect()
}

async fn until_event(rig: &Rig, arn: &str, kind: &str, count: usize) {
    while kinds(rig, arn).await.iter().filter(|found| *found == kind).count() < count {
        tokio::task::yield_now().await;
    }
}

async fn until_wakeup(clock: &VirtualClock, at: Timestamp) {
    while clock.next_wakeup() != Some(at) {
        tokio::task::yield_now().await;
    }
}

fn at_a_virtual_time() -> (Arc<VirtualClock>, Clock) {
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    (Arc::clone(&clock), Clock::Virtual(clock))
}

#[tokio::test]
async fn the_settings_are_kept_shown_and_checked() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    durable(&rig, "f", 60).await;
    let shown = rig.settled("f").await;
    assert_eq!(shown["DurableConfig"], json!({"ExecutionTimeout": 60, "RetentionPeriodInDays": 14}));
    let update = json!({"FunctionName": "f", "DurableConfig": {"RetentionPeriodInDays": 2}});
    rig.call("UpdateFunctionConfiguration", update).await.unwrap();
    let shown = rig.settled("f").await;
    assert_eq!(shown["DurableConfig"], json!({"ExecutionTimeout": 60, "RetentionPeriodInDays": 2}));
    rig.python("plain", SAYS).await;
    rig.settled("plain").await;
    let update = json!({"FunctionName": "plain", "DurableConfig": {"ExecutionTimeout": 60}});
    let refused = rig.call("UpdateFunctionConfiguration", update).await.unwrap_err();
    assert!(refused.message.contains("when creating a function"), "{}", refused.message);
    assert!(rig.settled("plain").await["DurableConfig"].is_null());
}

#[tokio::test]
async fn how_a_durable_function_may_be_invoked() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    durable(&rig, "f", 60).await;
    durable(&rig, "long", 901).await;
    let invoke = |function: &'static str, mode| rig.refused(asked(function, mode, SUCCEEDS));
    let unqualified = "You cannot invoke a durable function using an unqualified ARN.";
    assert_eq!(invoke("f", InvocationMode::RequestResponse).await.message, unqualified);
    assert_eq!(invoke("f", InvocationMode::DryRun).await.message, unqualified);
    let long = invoke("long:$LATEST", InvocationMode::RequestResponse).await;
    assert!(long.message.contains("greater than 15 minutes"), "{}", long.message);
    let dry = asked("f:$LATEST", InvocationMode::DryRun, SUCCEEDS);
    assert_eq!(rig.lambda.invoke(&rig.fresh(), dry).await.unwrap().status, 204);
    let waits = asked("f:$LATEST", InvocationMode::RequestResponse, SUCCEEDS);
    let outcome = rig.lambda.invoke(&rig.fresh(), waits).await.unwrap();
    assert_eq!((outcome.status, &*outcome.payload), (200, &b"\"done\""[..]));
    let fails = r#"[{"Status": "FAILED", "Error": {"ErrorType": "E", "ErrorMessage": "no"}}]"#;
    let waits = asked("f:$LATEST", InvocationMode::RequestResponse, fails);
    let outcome = rig.lambda.invoke(&rig.fresh(), waits).await.unwrap();
    assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(support::value(&outcome), json!({"errorType": "E", "errorMessage": "no"}));
    assert_eq!(rig.stream("f:$LATEST", json!([{"Status": "SUCCEEDED", "Result": "1"}])).await[0], json!("1"));
}

#[tokio::test]
async fn names_start_an_execution_once() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    durable(&rig, "f", 60).await;
    let arn = begin(&rig, "f:$LATEST", "n", SUCCEEDS).await;
    assert!(arn.contains(":function:f:$LATEST/durable-execution/n/"), "{arn}");
    until_status(&rig, &arn, "SUCCEEDED").await;
    assert_eq!(begin(&rig, "f:$LATEST", "n", SUCCEEDS).await, arn);
    let members =
        json!({"FunctionName": "f:$LATEST", "DurableExecutionName": "n", "InvocationType": "Event"});
    let input = runtime::Input { members: members.as_object().unwrap().clone(), body: b"[]".to_vec().into() };
    let refused = runtime::Service::call(&rig.lambda, &rig.fresh(), "Invoke", input).await.unwrap_err();
    assert_eq!((refused.code.as_ref(), refused.status), ("DurableExecutionAlreadyStartedException", 409));
    rig.call("DeleteDurableExecution", json!({"DurableExecutionArn": arn})).await.unwrap();
    while rig.call("GetDurableExecution", json!({"DurableExecutionArn": arn})).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_ne!(begin(&rig, "f:$LATEST", "n", "[]").await, arn);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_tried_again_until_the_time_is_over() {
    let (clock, service) = at_a_virtual_time();
    let rig = Rig::with(ExecutorChoice::Process, |options| options.clock = service).await;
    let config = json!({"DurableConfig": {"ExecutionTimeout": 5, "RetentionPeriodInDays": 1}});
    rig.create(
        "f",
        "python3.11",
        &[("index.py", "def handler(event, context):\n    raise KeyError('x')\n")],
        config,
    )
    .await;
    rig.settled("f").await;
    let start = clock.now();
    let arn = begin(&rig, "f:$LATEST", "n", "1").await;
    for (count, seconds) in [(1, 1), (2, 3), (3, 5)] {
        until_event(&rig, &arn, "InvocationCompleted", count).await;
        let at = start.plus(Duration::from_secs(seconds));
        until_wakeup(&clock, at).await;
        clock.advance_to(at);
    }
    let shown = until_status(&rig, &arn, "TIMED_OUT").await;
    assert_eq!(shown["Error"]["ErrorMessage"], "Execution timed out after 5 seconds.");
    // What is kept is gone when its time is over.
    let gone = clock.now().plus(Duration::from_secs(86_400));
    until_wakeup(&clock, gone).await;
    clock.advance_to(gone);
    while rig.call("GetDurableExecution", json!({"DurableExecutionArn": arn})).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_go_on_after_a_restart() {
    let (clock, service) = at_a_virtual_time();
    let store = Store::memory();
    let start = async |lines: Lines| {
        let mut options = options(ExecutorChoice::Process, store.clone(), &lines);
        options.clock = service.clone();
        Rig::start(options, lines, store.clone()).await
    };
    let first = start(Lines::default()).await;
    // Its first invocation fails, and the next waits for its moment: until then the code is mended and Tule restarted.
    let source = "def handler(event, context):\n    raise KeyError('x')\n";
    let config = json!({"DurableConfig": {"ExecutionTimeout": 3000}});
    first.create("f", "python3.11", &[("index.py", source)], config).await;
    first.settled("f").await;
    let arn = begin(&first, "f:$LATEST", "n", SUCCEEDS).await;
    until_event(&first, &arn, "InvocationCompleted", 1).await;
    let code = json!({"FunctionName": "f", "ZipFile": base64(&support::zip(&[("index.py", SAYS)]))});
    first.call("UpdateFunctionCode", code).await.unwrap();
    first.settled("f").await;
    first.lambda.shutdown().await;
    let before = kinds(&first, &arn).await;
    let second = start(Lines::default()).await;
    assert_eq!(kinds(&second, &arn).await, before);
    let at = Timestamp(1_700_000_001_000);
    until_wakeup(&clock, at).await;
    clock.advance_to(at);
    let shown = until_status(&second, &arn, "SUCCEEDED").await;
    assert_eq!(shown["Result"], "\"done\"");
    assert_eq!(begin(&second, "f:$LATEST", "n", SUCCEEDS).await, arn);
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(bytes)
}
