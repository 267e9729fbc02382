//! Crashes: the whole service is dropped at random moments, only the store stays, and a new service takes up what ran.
//! Every execution must end as it would have ended, with a history in which nothing is missing or twice.

use std::sync::Arc;

use crate::world::World;
use proptest::test_runner::{Config, TestRunner};
use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

const ECHO: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
const RAISE: &str = "arn:aws:lambda:us-east-1:000000000000:function:raise";

/// A machine with every kind of state that can be interrupted.
fn mixed() -> Value {
    json!({
        "StartAt": "Wait",
        "States": {
            "Wait": { "Type": "Wait", "Seconds": 10, "Next": "Task" },
            "Task": { "Type": "Task", "Resource": ECHO, "Assign": { "n.$": "$.n" }, "Next": "Retried" },
            "Retried": {
                "Type": "Task", "Resource": RAISE, "ResultPath": "$.x",
                "Retry": [{ "ErrorEquals": ["Broken"], "IntervalSeconds": 3, "MaxAttempts": 2, "JitterStrategy": "FULL" }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Parallel" }],
                "End": true,
            },
            "Parallel": {
                "Type": "Parallel", "ResultPath": "$.parallel", "Next": "Map",
                "Branches": [
                    { "StartAt": "A", "States": { "A": { "Type": "Wait", "Seconds": 5, "Next": "B" }, "B": { "Type": "Task", "Resource": ECHO, "OutputPath": "$.n", "End": true } } },
                    { "StartAt": "C", "States": { "C": { "Type": "Pass", "Result": "c", "End": true } } },
                ],
            },
            "Map": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.map", "Next": "Child",
                "ItemProcessor": { "StartAt": "D", "States": {
                    "D": { "Type": "Task", "Resource": ECHO, "Next": "E" },
                    "E": { "Type": "Wait", "Seconds": 1, "Next": "F" },
                    "F": { "Type": "Pass", "Parameters": { "v.$": "States.MathAdd($n, $$.Map.Item.Value)" }, "End": true },
                } },
            },
            "Child": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "ResultSelector": { "out.$": "$.Output" },
                "Parameters": { "StateMachineArn.$": "$.child", "Input": { "k": 1 } }, "ResultPath": "$.result", "Next": "Done",
            },
            "Done": { "Type": "Succeed", "OutputPath": "$" },
        },
    })
}

fn child() -> Value {
    json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 7, "End": true } } })
}

/// What of an event must come out the same, whatever crashes were in between: tokens and times may differ.
fn essence(events: &[Value]) -> Vec<(u64, u64, String)> {
    events
        .iter()
        .map(|event| {
            let number = |name: &str| event[name].as_u64().unwrap();
            (number("id"), number("previousEventId"), event["type"].as_str().unwrap().to_owned())
        })
        .collect()
}

struct Ended {
    output: Value,
    events: Vec<Value>,
}

/// Runs some executions, with a crash after each of the given numbers of steps.
fn run(crashes: &[usize]) -> Vec<Ended> {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut crashes = crashes.iter().copied();
    let mut executions: Vec<String> = Vec::new();
    loop {
        let steps = crashes.next();
        // Dropping the runtime ends every task of the service wherever it is.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let world = World::over(store.clone(), Arc::clone(&clock));
            world.service.resume().await.unwrap();
            if executions.is_empty() {
                let child = world.create("child", &child()).await;
                let machine = world.create("mixed", &mixed()).await;
                for n in 0..5 {
                    let input = json!({ "n": n, "items": [1, 2, 3, n], "child": child });
                    executions.push(world.start(&machine, &input).await);
                }
            }
            live(&world, &executions, steps).await
        });
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// Lets the world go on for so many steps, or to the end.
async fn live(world: &World, executions: &[String], steps: Option<usize>) -> Option<Vec<Ended>> {
    for _ in 0..steps.unwrap_or(100_000) {
        let mut running = false;
        for execution in executions {
            running |= world.describe(execution).await["status"] == "RUNNING";
        }
        if !running {
            let mut ended = Vec::new();
            for execution in executions {
                let output = world.describe(execution).await["output"].clone();
                ended.push(Ended { output, events: world.history(execution).await });
            }
            return Some(ended);
        }
        tokio::task::yield_now().await;
        if let Some(next) = world.clock.next_wakeup()
            && next > world.clock.now()
        {
            world.settle().await;
            world.clock.advance_to(next);
        }
    }
    assert!(steps.is_some(), "the executions do not end");
    None
}

/// The output without what names this run's own executions and moments.
fn stable(output: &Value) -> Value {
    serde_json::from_str(output.as_str().expect("it succeeded")).unwrap()
}

#[test]
fn executions_outlive_the_service() {
    let straight = run(&[]);
    for (n, ended) in straight.iter().enumerate() {
        let output = stable(&ended.output);
        assert_eq!(output["parallel"], json!([n, "c"]));
        assert_eq!(output["map"][2], json!({ "v": n + 3 }));
        assert_eq!(output["result"], json!({ "out": { "k": 1 } }));
    }
    let mut runner = TestRunner::new(Config { cases: 20, failure_persistence: None, ..Config::default() });
    let crashes = proptest::collection::vec(0..25_usize, 1..12);
    runner
        .run(&crashes, |crashes| {
            let crashed = run(&crashes);
            for (crashed, straight) in crashed.iter().zip(&straight) {
                assert_eq!(stable(&crashed.output), stable(&straight.output));
                let types = |ended: &Ended| {
                    let mut types: Vec<_> =
                        essence(&ended.events).into_iter().map(|(_, _, name)| name).collect();
                    types.sort();
                    types
                };
                assert_eq!(types(crashed), types(straight));
                let ids: Vec<u64> = essence(&crashed.events).iter().map(|(id, ..)| *id).collect();
                assert!(
                    ids.iter().copied().eq(1..=ids.len() as u64),
                    "ids have no gaps and no doubles: {ids:?}"
                );
                assert!(essence(&crashed.events).iter().all(|(id, previous, _)| previous < id));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_was_to_be_stopped_is_stopped_after_a_crash() {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut machine = String::new();
    for crashed in [false, true] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::over(store.clone(), Arc::clone(&clock));
            world.service.resume().await.unwrap();
            let children = async || {
                let listed = world.call("ListExecutions", json!({ "stateMachineArn": machine })).await;
                listed.unwrap()["executions"][0]["status"].clone()
            };
            if crashed {
                world.settle().await;
                assert_eq!(children().await, "ABORTED");
                return;
            }
            machine = world.create("child", &child()).await;
            let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync",
                "Parameters": { "StateMachineArn": machine }, "End": true });
            let parent = world.create("parent", &json!({ "StartAt": "T", "States": { "T": task } })).await;
            let execution = world.start(&parent, &json!({})).await;
            world.settle().await;
            // The service is gone before it does what the stop asks for.
            world.call("StopExecution", json!({ "executionArn": execution })).await.unwrap();
            let listed = world.call("ListExecutions", json!({ "stateMachineArn": machine })).await.unwrap();
            assert_eq!(listed["executions"][0]["status"], "RUNNING");
        });
    }
}
