//! Mocked integrations: executions that are started as a test case.

use std::{path::Path, sync::Arc};

use crate::world::World;
use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

fn world(folder: &Path, store: Store, clock: Arc<VirtualClock>) -> World {
    World::mocked(store, clock, Some(folder.join("mocks.json")))
}

fn clock() -> Arc<VirtualClock> {
    VirtualClock::starting_at(Timestamp(1_700_000_000_000))
}

fn write(folder: &Path, case: &Value, responses: &Value) {
    let machines = json!({ "m": { "TestCases": { "Case": case } } });
    let file = json!({ "StateMachines": machines, "MockedResponses": responses });
    std::fs::write(folder.join("mocks.json"), file.to_string()).unwrap();
}

const RETRY: &str = r#"[{ "ErrorEquals": ["Busy"], "IntervalSeconds": 9, "MaxAttempts": 3 }]"#;

fn machine() -> Value {
    let retry: Value = serde_json::from_str(RETRY).unwrap();
    let activity = "arn:aws:states:us-east-1:000000000000:activity:a";
    let queue = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let nested = "arn:aws:states:::states:startExecution.sync:2";
    let token = json!({ "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" });
    json!({ "StartAt": "Work", "States": {
        "Work": { "Type": "Task", "Resource": activity, "Retry": retry, "ResultPath": "$.work", "Next": "Ask" },
        "Ask": { "Type": "Task", "Resource": queue, "Parameters": token, "ResultPath": "$.ask", "Next": "Nested" },
        "Nested": { "Type": "Task", "Resource": nested, "Parameters": { "StateMachineArn": "x" }, "ResultPath": "$.nested", "Next": "Real" },
        "Real": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:echo", "End": true },
    } })
}

fn responses() -> Value {
    let busy = json!({ "Throw": { "Error": "Busy", "Cause": "later" } });
    json!({
        "Slow": { "0": busy, "1-2": busy, "3": { "Return": { "n": 3 } } },
        "Yes": { "0": { "Return": "yes" } },
    })
}

#[tokio::test]
async fn each_attempt_has_its_answer_and_what_is_not_mocked_is_done() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &json!({ "Work": "Slow", "Ask": "Yes", "Nested": "Yes" }), &responses());
    let world = world(folder.path(), Store::memory(), clock());
    let arn = world.create("m", &machine()).await;
    let execution = world.start(&format!("{arn}#Case"), &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!((&found["status"], &found["stateMachineArn"]), (&json!("SUCCEEDED"), &json!(arn)));
    let output: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
    assert_eq!(output, json!({ "work": { "n": 3 }, "ask": "yes", "nested": "yes" }));
    assert_eq!(world.types(&execution).await.iter().filter(|kind| *kind == "ActivityFailed").count(), 3);
    assert_eq!(*world.functions.invocations.lock().unwrap(), ["echo"]);
    assert!(world.router.messages.lock().unwrap().is_empty());
}

/// A runtime of its own for each life of the service: all that ran in it ends with it, as in a crash.
fn live<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_test_case_outlives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &json!({ "Work": "Slow", "Ask": "Yes", "Nested": "Yes" }), &responses());
    let (store, clock) = (Store::memory(), clock());
    let failures = |types: Vec<String>| types.iter().filter(|kind| *kind == "ActivityFailed").count();
    let execution = live(async {
        let world = world(folder.path(), store.clone(), Arc::clone(&clock));
        let arn = world.create("m", &machine()).await;
        let execution = world.start(&format!("{arn}#Case"), &json!({})).await;
        while failures(world.types(&execution).await) < 2 {
            world.settle().await;
            world.advance(9);
        }
        execution
    });
    live(async {
        let world = world(folder.path(), store, clock);
        world.service.resume().await.unwrap();
        let found = world.finish(&execution).await;
        assert!(found["output"].as_str().unwrap().contains(r#""work":{"n":3}"#), "{found}");
        assert_eq!(failures(world.types(&execution).await), 3);
    });
}

#[tokio::test]
async fn the_file_is_read_again_when_it_changes_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let yes = json!({ "Yes": { "0": { "Return": 1 } } });
    write(folder.path(), &json!({ "A": "Yes" }), &yes);
    let world = world(folder.path(), Store::memory(), clock());
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": { "QueueUrl": "q", "MessageBody": "b" }, "Next": "B" });
    let again = json!({ "Type": "Choice", "Choices": [{ "Variable": "$", "NumericEquals": 1, "Next": "A" }], "Default": "C" });
    let machine = json!({ "StartAt": "A", "States": { "A": task, "B": again, "C": { "Type": "Succeed" } } });
    let arn = world.create("m", &machine).await;
    let execution = world.start(&format!("{arn}#Case"), &json!({})).await;
    let found = world.finish(&execution).await;
    let cause = found["cause"].as_str().unwrap();
    assert_eq!(cause, "The mocked response Yes has none for the attempt 1 of the state A");
    write(folder.path(), &json!({ "A": "Yes" }), &json!({ "Yes": { "0": { "Return": 22 } } }));
    let execution = world.start(&format!("{arn}#Case"), &json!({})).await;
    assert_eq!(world.finish(&execution).await["output"], "22");
    let start = |case: &str| json!({ "stateMachineArn": format!("{arn}#{case}") });
    let error = world.call("StartExecution", start("Other")).await.unwrap_err();
    assert!(error.message.contains("has no test case Other for m; it has Case"), "{}", error.message);
    std::fs::write(folder.path().join("mocks.json"), "{").unwrap();
    let error = world.call("StartExecution", start("Case")).await.unwrap_err();
    assert!(error.message.contains("mocks.json: not JSON"), "{}", error.message);
}
