//! `kill -9` in the middle of two hundred workflows: after a restart each ends as it would have ended without.

use std::time::{Duration, Instant};

use e2e::{Tule, wait_for};
use serde_json::{Value, json};

const EXECUTIONS: usize = 200;

/// Machines whose executions are, at any moment, in different kinds of states. None needs a function, so that what is
/// tested is the workflow alone.
fn definitions() -> Vec<(&'static str, Value)> {
    let pass = json!({ "Type": "Pass", "End": true });
    let wait = |seconds: u64, next: &str| json!({ "Type": "Wait", "Seconds": seconds, "Next": next });
    let inner = json!({ "StartAt": "W", "States": { "W": wait(1, "P"), "P": pass } });
    vec![
        ("waits", json!({ "StartAt": "A", "States": { "A": wait(1, "B"), "B": wait(1, "C"), "C": pass } })),
        (
            "maps",
            json!({ "StartAt": "M", "States": { "M": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": inner, "End": true
            } } }),
        ),
        (
            "parallels",
            json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "Branches": [inner, inner], "End": true } } }),
        ),
        (
            "children",
            json!({ "StartAt": "T", "States": { "T": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:waits", "Input": { "from": "parent" }
                },
                "ResultSelector": { "status.$": "$.Status" }, "End": true
            } } }),
        ),
        (
            "retries",
            json!({ "StartAt": "T", "States": {
                "T": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": { "FunctionName": "no-such-function" },
                    "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1 }],
                    "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "F" }], "End": true
                },
                "F": { "Type": "Pass", "Result": "caught", "End": true }
            } }),
        ),
    ]
}

fn history(tule: &Tule, arn: &str) -> Vec<Value> {
    let page = tule.states("GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 }));
    page["events"].as_array().unwrap().clone()
}

/// What a history is compared by: everything but the moments and the names of child executions.
fn shape(events: &[Value]) -> Vec<(Value, Value)> {
    let mut shape: Vec<_> = events.iter().map(|event| (event["type"].clone(), event["previousEventId"].clone())).collect();
    // Branches that run side by side finish in either order.
    shape.sort_by_key(|(kind, before)| (kind.to_string(), before.as_u64()));
    shape.into_iter().map(|(kind, _)| (kind, Value::Null)).collect()
}

fn start(tule: &Tule, machine: &str, name: &str) -> String {
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}");
    let input = json!({ "items": [1, 2, 3] }).to_string();
    let started = tule.states("StartExecution", &json!({ "stateMachineArn": arn, "name": name, "input": input }));
    started["executionArn"].as_str().unwrap().to_owned()
}

fn ended(tule: &Tule, arn: &str) -> Option<Value> {
    let described = tule.states("DescribeExecution", &json!({ "executionArn": arn }));
    (described["status"] != "RUNNING").then_some(described)
}

#[test]
fn every_execution_ends_as_it_would_have_without_the_crash() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let tule = Tule::start(&["--executor", "process", "--data-dir", data]);
    let machines = definitions();
    for (name, definition) in &machines {
        let role = "arn:aws:iam::000000000000:role/r";
        tule.states("CreateStateMachine", &json!({ "name": name, "definition": definition.to_string(), "roleArn": role }));
    }
    // Without a crash, one of each.
    let expected: Vec<(Value, Vec<(Value, Value)>)> = machines
        .iter()
        .map(|(machine, _)| {
            let arn = start(&tule, machine, "undisturbed");
            let end = wait_for(machine, || ended(&tule, &arn));
            (end["status"].clone(), shape(&history(&tule, &arn)))
        })
        .collect();
    let began = Instant::now();
    let mut arns = Vec::new();
    for number in 0..EXECUTIONS {
        let (machine, _) = machines[number % machines.len()];
        arns.push((number % machines.len(), start(&tule, machine, &format!("run-{number}"))));
    }
    // A random moment while most are under way: a quarter to one and a half seconds behind the first start.
    let moment = Duration::from_millis(250 + u64::from(std::process::id()) * 7_919 % 1_250);
    std::thread::sleep(moment.saturating_sub(began.elapsed()));
    let before: Vec<Vec<Value>> = arns.iter().map(|(_, arn)| history(&tule, arn)).collect();
    tule.kill();

    let tule = Tule::start(&["--executor", "process", "--data-dir", data]);
    for ((kind, arn), before) in arns.iter().zip(before) {
        let end = wait_for(arn, || ended(&tule, arn));
        let (status, shape_expected) = &expected[*kind];
        assert_eq!(&end["status"], status, "{arn}");
        let after = history(&tule, arn);
        assert_eq!(after[..before.len()], before[..], "{arn}: what was acknowledged has changed");
        let ids: Vec<_> = after.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert!(ids.iter().copied().eq(1..=ids.len() as u64), "{arn}: ids {ids:?}");
        assert_eq!(&shape(&after), shape_expected, "{arn}: another history than without the crash");
    }
}
