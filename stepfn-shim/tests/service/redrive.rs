//! RedriveExecution through the service's own operations, also after the service is gone and back.

use std::sync::Arc;

use crate::world::World;
use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

const FLAKY: &str = "arn:aws:lambda:us-east-1:000000000000:function:flaky";

fn pass_then_task() -> Value {
    json!({ "StartAt": "P", "States": {
        "P": { "Type": "Pass", "Result": { "v": 1 }, "Next": "T" },
        "T": { "Type": "Task", "Resource": FLAKY, "Next": "W" },
        "W": { "Type": "Wait", "Seconds": 5, "End": true },
    } })
}

fn break_it(world: &World) {
    world.functions.bad.lock().unwrap().insert(String::from(r#"{"v":1}"#));
}

async fn redrive(world: &World, execution: &str, token: &str) -> Result<Value, aws_wire::ServiceError> {
    let members = json!({ "executionArn": execution, "clientToken": token });
    world.call("RedriveExecution", members).await
}

#[tokio::test]
async fn an_execution_goes_on_where_it_failed() {
    let world = World::new();
    break_it(&world);
    let machine = world.create("m", &pass_then_task()).await;
    let execution = world.start(&machine, &json!({})).await;
    let failed = world.finish(&execution).await;
    assert_eq!((&failed["status"], &failed["redriveStatus"]), (&json!("FAILED"), &json!("REDRIVABLE")));
    let before = world.history(&execution).await;

    world.functions.bad.lock().unwrap().clear();
    world.advance(60);
    let first = redrive(&world, &execution, "one").await.unwrap();
    let running = world.describe(&execution).await;
    assert_eq!((&running["status"], &running["redriveCount"]), (&json!("RUNNING"), &json!(1)));
    assert_eq!(running["redriveDate"], first["redriveDate"]);
    assert!(running.get("error").is_none() && running.get("stopDate").is_none(), "{running}");
    // The same token is the same wish; another one is refused while it runs.
    assert_eq!(redrive(&world, &execution, "one").await.unwrap(), first);
    let refused = redrive(&world, &execution, "two").await.unwrap_err();
    assert_eq!(refused.code, "ExecutionNotRedrivable");
    assert_eq!(refused.message, "Execution is RUNNING and cannot be redriven");

    assert_eq!(world.finish(&execution).await["output"], r#"{"v":1}"#);
    let after = world.history(&execution).await;
    assert_eq!(after[..before.len()], before[..], "what was shown stays as it was");
    let rest: Vec<_> = after[before.len()..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(rest[..3], ["ExecutionRedriven", "LambdaFunctionScheduled", "LambdaFunctionStarted"]);
    assert_eq!(after[before.len()]["executionRedrivenEventDetails"], json!({ "redriveCount": 1 }));
    assert!(after.iter().enumerate().all(|(n, event)| event["id"] == n + 1));
    let refused = redrive(&world, &execution, "three").await.unwrap_err();
    assert_eq!(refused.message, "Execution is SUCCEEDED and cannot be redriven");
    let listed = world.call("ListExecutions", json!({ "stateMachineArn": machine })).await.unwrap();
    assert_eq!(listed["executions"][0]["redriveCount"], 1);
}

#[tokio::test]
async fn after_a_fortnight_it_is_too_late() {
    let world = World::new();
    let fail = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "E" } } });
    let machine = world.create("m", &fail).await;
    let execution = world.start(&machine, &json!({})).await;
    world.finish(&execution).await;
    world.advance(14 * 24 * 3600);
    redrive(&world, &execution, "in-time").await.unwrap();
    assert_eq!(world.describe(&execution).await["redriveCount"], 1);
    world.advance(14 * 24 * 3600 + 1);
    let refused = redrive(&world, &execution, "late").await.unwrap_err();
    assert_eq!(refused.message, "Execution redrivable period exceeded");
    let found = world.describe(&execution).await;
    assert_eq!(found["redriveStatus"], "NOT_REDRIVABLE");
    assert_eq!(found["redriveStatusReason"], "Execution redrivable period exceeded");
    let nothing = world.call("RedriveExecution", json!({ "executionArn": format!("{execution}x") })).await;
    assert_eq!(nothing.unwrap_err().code, "ExecutionDoesNotExist");
}

#[tokio::test]
async fn a_full_history_cannot_be_redriven() {
    let world = World::new();
    let endless = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Next": "B" },
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$.end", "IsPresent": true, "Next": "C" }], "Default": "A" },
        "C": { "Type": "Succeed" },
    } });
    let machine = world.create("m", &endless).await;
    let execution = world.start(&machine, &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["cause"], "The execution reached the maximum number of history events (25000).");
    assert_eq!(found["redriveStatusReason"], "Execution history event limit exceeded");
    let refused = redrive(&world, &execution, "t").await.unwrap_err();
    assert_eq!(refused.code, "ExecutionNotRedrivable");
}

/// Everything that lasts is in the store: each step of this is done by another service over it.
#[test]
fn a_redrive_outlives_the_service() {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut execution = String::new();
    let with = |work: &mut dyn FnMut(&tokio::runtime::Runtime, &World)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = {
            let _guard = runtime.enter();
            World::over(store.clone(), Arc::clone(&clock))
        };
        runtime.block_on(world.service.resume()).unwrap();
        work(&runtime, &world);
    };
    with(&mut |runtime, world| {
        break_it(world);
        runtime.block_on(async {
            let machine = world.create("m", &pass_then_task()).await;
            execution = world.start(&machine, &json!({})).await;
            world.finish(&execution).await;
        });
    });
    with(&mut |runtime, world| {
        runtime.block_on(async {
            assert_eq!(world.describe(&execution).await["redriveStatus"], "REDRIVABLE");
            redrive(world, &execution, "one").await.unwrap();
            // It waits in its last state when the service dies.
            world.settle().await;
            assert_eq!(world.types(&execution).await.last().unwrap(), "WaitStateEntered");
        });
    });
    with(&mut |runtime, world| {
        runtime.block_on(async {
            let found = world.finish(&execution).await;
            assert_eq!((&found["status"], &found["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
            let events = world.history(&execution).await;
            assert!(events.iter().enumerate().all(|(n, event)| event["id"] == n + 1));
            let redriven = events.iter().filter(|event| event["type"] == "ExecutionRedriven").count();
            assert_eq!(redriven, 1);
            assert_eq!(redrive(world, &execution, "one").await.unwrap()["redriveDate"], found["redriveDate"]);
        });
    });
}
