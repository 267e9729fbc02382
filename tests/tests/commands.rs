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

#[test]
fn what_happened_is_drawn() {
    let tule = Tule::start(&["--executor", "process"]);
    let retry = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1 }]);
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Sorry" }]);
    let task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "nobody" },
        "Retry": retry, "Catch": catch, "Next": "Never",
    });
    let states = json!({ "Ask": task, "Sorry": { "Type": "Succeed" }, "Never": { "Type": "Succeed" } });
    let definition = json!({ "StartAt": "Ask", "States": states }).to_string();
    tule.states("CreateStateMachine", &json!({ "name": "drawn", "roleArn": ROLE, "definition": definition }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.svg");
    let (done, text) = said(&tule, &["run", "drawn", "--graph", file.to_str().unwrap()]);
    assert!(done && text.contains("Ask retry 1") && text.contains("Ask took 1."), "{text}");
    let picture = std::fs::read_to_string(&file).unwrap();
    for part in ["caught\"><title>Ask<", "good\"><title>Sorry<", "unreached\"><title>Never<", "1 retry"] {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    let source = folder.path().join("machine.json");
    std::fs::write(&source, &definition).unwrap();
    let (done, text) = said(&tule, &["graph", source.to_str().unwrap()]);
    assert!(done && text.starts_with("<svg") && !text.contains("unreached\">"), "{text}");
}

#[test]
fn test_cases_mock_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mocks.json");
    let mocks = json!({
        "StateMachines": { "mocked": { "TestCases": { "Happy": { "Ask": "Yes" } } } },
        "MockedResponses": { "Yes": { "0": { "Return": { "Payload": "yes" } } } },
    });
    std::fs::write(&file, mocks.to_string()).unwrap();
    let tule = Tule::start(&["--executor", "process", "--mock-config", file.to_str().unwrap()]);
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "nobody" }, "End": true });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": task } }).to_string();
    tule.states(
        "CreateStateMachine",
        &json!({ "name": "mocked", "roleArn": ROLE, "definition": definition }),
    );
    let (done, text) = said(&tule, &["run", "mocked#Happy"]);
    assert!(done && text.contains(r#"{"Payload":"yes"}"#), "{text}");
    let (done, text) = said(&tule, &["run", "mocked#Sad"]);
    assert!(!done && text.contains("has no test case Sad for mocked; it has Happy"), "{text}");
    let (done, text) = said(&tule, &["run", "mocked"]);
    assert!(!done && text.contains("Lambda.ResourceNotFoundException"), "{text}");
    std::fs::write(&file, "{").unwrap();
    let (done, text) = said(&tule, &["start", "--port", "0", "--mock-config", file.to_str().unwrap()]);
    assert!(!done && text.contains("mocks.json: not JSON"), "{text}");
}

#[test]
fn the_coverage_page_is_the_one_that_the_command_writes() {
    let tule = Tule::start(&["--executor", "process"]);
    let written = e2e::command(&tule, &["coverage"]);
    let kept = std::fs::read_to_string(e2e::root().join("COVERAGE.md")).expect("the page is there");
    // Both are long: their difference shows in the file once it is written anew.
    assert!(String::from_utf8_lossy(&written.stdout) == kept, "write it anew: tule coverage > COVERAGE.md");
}
