//! The commands that talk to a running Tule, as people and scripts use them.

use e2e::{Tule, command};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

fn said(tule: &Tule, arguments: &[&str]) -> (bool, String) {
    let output = command(tule, arguments);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

fn machine(tule: &Tule, name: &str, last: &Value) {
    let states =
        json!({ "Prepare": { "Type": "Pass", "Result": { "ready": true }, "Next": "End" }, "End": last });
    let definition = json!({ "StartAt": "Prepare", "States": states }).to_string();
    tule.states("CreateStateMachine", &json!({ "name": name, "roleArn": ROLE, "definition": definition }));
}

#[test]
fn a_workflow_is_followed_and_its_outcome_is_the_exit_code() {
    let tule = Tule::start(&["--executor", "process"]);
    machine(&tule, "good", &json!({ "Type": "Succeed" }));
    machine(&tule, "bad", &json!({ "Type": "Fail", "Error": "Broken", "Cause": "on purpose" }));
    let (done, text) = said(&tule, &["run", "good"]);
    assert!(done && text.contains("Prepare") && text.contains("SUCCEEDED\n{\"ready\":true}"), "{text}");
    let (done, text) = said(&tule, &["run", "bad", "--input", "{}"]);
    assert!(!done && text.contains("FAILED Broken: on purpose"), "{text}");
    let (done, text) = said(&tule, &["run", "good", "--json"]);
    let described: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(done && described["status"] == "SUCCEEDED", "{text}");
    let (done, text) = said(&tule, &["run", "nowhere"]);
    assert!(!done && text.contains("there is no state machine nowhere"), "{text}");
    let (done, text) = said(&tule, &["run", "good", "--input", "{"]);
    assert!(!done && text.contains("InvalidExecutionInput"), "{text}");
}

#[test]
fn status_and_functions_are_shown() {
    let tule = Tule::start(&["--executor", "process"]);
    machine(&tule, "shown", &json!({ "Type": "Succeed" }));
    let (_, text) = said(&tule, &["status", "--json"]);
    let status: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(status["stateMachines"], json!(["shown"]));
    assert_eq!(status["services"]["lambda"], "running");
    let (done, text) = said(&tule, &["invoke", "nobody"]);
    assert!(!done && text.contains("ResourceNotFoundException: Function not found"), "{text}");
    let (done, text) = said(&tule, &["logs", "nobody"]);
    assert!(!done && text.contains("ResourceNotFoundException"), "{text}");
    let (done, text) = said(&tule, &["env"]);
    assert!(done && text.contains(&format!("AWS_ENDPOINT_URL='{}'", tule.endpoint())), "{text}");
}

#[test]
fn one_state_is_tested_on_its_own() {
    let tule = Tule::start(&["--executor", "process"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("approve.asl.json");
    let task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "f", "Payload.$": "$.order" },
        "ResultSelector": { "ok.$": "$.Payload.ok" }, "ResultPath": "$.approval",
        "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 3 }], "Next": "Done",
    });
    let machine = json!({ "StartAt": "Ask", "States": { "Ask": task, "Done": { "Type": "Succeed" } } });
    std::fs::write(&file, machine.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let ask = ["test-state", file, "--state", "Ask", "--input", r#"{"order":1}"#];
    let (done, text) = said(&tule, &[&ask[..], &["--mock-result", r#"{"Payload":{"ok":true}}"#]].concat());
    assert!(done && text.starts_with("SUCCEEDED") && text.contains("Done"), "{text}");
    assert!(text.contains(r#"after Parameters      {"FunctionName":"f","Payload":1}"#), "{text}");
    assert!(text.contains(r#"output                {"order":1,"approval":{"ok":true}}"#), "{text}");
    let (done, text) = said(&tule, &[&ask[..], &["--mock-error", "Busy=try later"]].concat());
    assert!(done && text.contains("RETRIABLE Busy: try later"), "{text}");
    assert!(text.contains("after 3 s, by Retry[0]"), "{text}");
    let (done, text) = said(&tule, &[&ask[..], &["--mock-error", "Other", "--json"]].concat());
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(!done && answer["status"] == "FAILED" && answer["error"] == "Other", "{text}");
    let (done, text) = said(&tule, &ask);
    assert!(!done && text.contains("Lambda.ResourceNotFoundException"), "{text}");
    let (done, text) = said(&tule, &[&ask[..], &["--mock-result", r#"{"StatusCode":"200"}"#]].concat());
    assert!(!done && text.contains("Field 'StatusCode' must be a number"), "{text}");
    let (done, text) = said(&tule, &["test-state", "nowhere.json"]);
    assert!(!done && text.contains("nowhere.json"), "{text}");
}
