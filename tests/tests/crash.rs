//! `kill -9` in the middle of two hundred workflows: after a restart each ends as it would have ended without.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Tule, wait_for};
use serde_json::{Value, json};

const EXECUTIONS: usize = 200;

/// Machines whose executions are, at any moment, in different kinds of states.
fn definitions() -> Vec<(&'static str, Value)> {
    let pass = json!({ "Type": "Pass", "End": true });
    let wait = |seconds: u64, next: &str| json!({ "Type": "Wait", "Seconds": seconds, "Next": next });
    let inner = |wait_name: &str, pass_name: &str| json!({ "StartAt": wait_name, "States": { wait_name: wait(1, pass_name), pass_name: pass } });
    vec![
        ("waits", json!({ "StartAt": "A", "States": { "A": wait(1, "B"), "B": wait(1, "C"), "C": pass } })),
        (
            "maps",
            json!({ "StartAt": "M", "States": { "M": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": inner("W", "P"), "End": true
            } } }),
        ),
        (
            "parallels",
            json!({ "StartAt": "Both", "States": { "Both": {
                "Type": "Parallel", "Branches": [inner("W1", "P1"), inner("W2", "P2")], "End": true
            } } }),
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
            "tasks",
            json!({ "StartAt": "T", "States": { "T": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": "slow", "Payload": { "n": 1 } },
                "ResultSelector": { "answer.$": "$.Payload" }, "Next": "W"
            }, "W": wait(1, "P"), "P": pass } }),
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

/// A function that takes half a second, so that a crash finds tasks under way.
fn create_slow_function(tule: &Tule) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    let source =
        b"import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return event['n'] + 1\n";
    std::io::Write::write_all(&mut zip, source).unwrap();
    let zip = STANDARD.encode(zip.finish().unwrap().into_inner());
    let members = json!({
        "FunctionName": "slow", "Runtime": "python3.12", "Handler": "index.handler", "Timeout": 60,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": zip }
    });
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=h, Signature=0";
    let made =
        tule.request("POST", "/2015-03-31/functions", &[("authorization", scope)], &members.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
}

fn history(tule: &Tule, arn: &str) -> Vec<Value> {
    let page = tule.states("GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 }));
    page["events"].as_array().unwrap().clone()
}

/// What a history is compared by: everything but the moments and the names of child executions.
fn shape(events: &[Value]) -> Vec<(Value, Value)> {
    let mut shape: Vec<_> =
        events.iter().map(|event| (event["type"].clone(), event["previousEventId"].clone())).collect();
    // Branches that run side by side finish in either order.
    shape.sort_by_key(|(kind, before)| (kind.to_string(), before.as_u64()));
    shape.into_iter().map(|(kind, _)| (kind, Value::Null)).collect()
}

fn start(tule: &Tule, machine: &str, name: &str) -> String {
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}");
    let input = json!({ "items": [1, 2, 3] }).to_string();
    let started =
        tule.states("StartExecution", &json!({ "stateMachineArn": arn, "name": name, "input": input }));
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
    create_slow_function(&tule);
    let machines = definitions();
    for (name, definition) in &machines {
        let role = "arn:aws:iam::000000000000:role/r";
        tule.states(
            "CreateStateMachine",
            &json!({ "name": name, "definition": definition.to_string(), "roleArn": role }),
        );
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
        let mut kind = number % machines.len();
        if machines[kind].0 == "tasks" && number > 48 {
            // Each takes an environment of its own; two hundred cold starts would test the machine's patience.
            kind = 0;
        }
        arns.push((kind, start(&tule, machines[kind].0, &format!("run-{number}"))));
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
