//! Bad input to Step Functions, from outside: AWS's own error, nothing changed, and the endpoint lives.

use e2e::{Answer, Tule};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const GOOD: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

fn ask(tule: &Tule, operation: &str, members: &Value) -> Answer {
    tule.json("states", &format!("AWSStepFunctions.{operation}"), members)
}

/// Refused with one of the codes, as the client's fault.
fn refused(answer: &Answer, codes: &[&str], what: &str) {
    let code = answer.value()["__type"].as_str().unwrap_or_default().to_owned();
    let code = code.rsplit('#').next().unwrap_or_default();
    let shown = &answer.body[..answer.body.len().min(300)];
    assert!(answer.status == 400 && codes.contains(&code), "{what}: {} {shown}", answer.status);
}

#[test]
fn definitions_that_are_none_are_refused() {
    let tule = Tule::start(&["--executor", "process"]);
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let nested = (0..60).fold(GOOD.to_owned(), |inner, _| {
        format!(r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","Branches":[{inner}],"End":true}}}}}}"#)
    });
    for (what, definition) in [
        ("empty", " ".to_owned()),
        ("cut off", GOOD[..30].to_owned()),
        ("an array", "[]".to_owned()),
        ("a number beyond all", "1e999".to_owned()),
        ("deep arrays", deep("[", "]")),
        ("deep objects", deep(r#"{"a":"#, "}")),
        ("deep states", format!("{nested}}}")),
        ("no such start", r#"{"StartAt":"B","States":{"A":{"Type":"Pass","End":true}}}"#.to_owned()),
        ("a zero byte", GOOD.replace("Pass", "Pa\u{0}ss")),
        ("half a surrogate", GOOD.replace("Pass", "\\ud800")),
        ("a path that is none", GOOD.replace(r#""End""#, r#""InputPath":"$[","End""#)),
        (
            "an intrinsic that is none",
            GOOD.replace(r#""End""#, r#""Parameters":{"a.$":"States.Format("},"End""#),
        ),
        (
            "an expression that is none",
            GOOD.replace(r#""End""#, r#""QueryLanguage":"JSONata","Output":"{% ( %}","End""#),
        ),
    ] {
        let members = json!({ "name": "bad", "roleArn": ROLE, "definition": definition });
        refused(&ask(&tule, "CreateStateMachine", &members), &["InvalidDefinition"], what);
        let validated = ask(&tule, "ValidateStateMachineDefinition", &json!({ "definition": definition }));
        assert_eq!(validated.value()["result"], "FAIL", "{what}: {}", validated.body);
    }
    let large = format!("{GOOD}{}", " ".repeat(1 << 20));
    let members = json!({ "name": "bad", "roleArn": ROLE, "definition": large });
    refused(&ask(&tule, "CreateStateMachine", &members), &["ValidationException"], "over 1 MiB");
    for name in ["a\u{0}b", "a\nb", "a b", "<a>", "a\u{7f}", "é\u{85}", "a*b", "a?b", "a\"b"] {
        let members = json!({ "name": name, "roleArn": ROLE, "definition": GOOD });
        refused(&ask(&tule, "CreateStateMachine", &members), &["InvalidName"], name);
        refused(&ask(&tule, "CreateActivity", &json!({ "name": name })), &["InvalidName"], name);
    }
    assert_eq!(tule.states("ListStateMachines", &json!({}))["stateMachines"], json!([]));
    assert_eq!(tule.states("ListActivities", &json!({}))["activities"], json!([]));
}

#[test]
fn inputs_tokens_and_arns_that_are_none_are_refused() {
    let tule = Tule::start(&["--executor", "process"]);
    let members = json!({ "name": "m", "roleArn": ROLE, "definition": GOOD });
    let machine = tule.states("CreateStateMachine", &members)["stateMachineArn"].clone();
    let start =
        |input: String| ask(&tule, "StartExecution", &json!({ "stateMachineArn": machine, "input": input }));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (what, input) in
        [("cut off", "{".to_owned()), ("empty", " ".to_owned()), ("two", "{} {}".to_owned()), ("deep", deep)]
    {
        refused(&start(input), &["InvalidExecutionInput"], what);
    }
    refused(&start(format!("\"{}\"", "x".repeat(262_144))), &["ValidationException"], "over 256 KiB");
    // Beyond what a service takes at all.
    assert!(matches!(start(format!("\"{}\"", "x".repeat(10 << 20))).status, 400 | 413));
    refused(
        &ask(&tule, "StartExecution", &json!({ "stateMachineArn": machine, "name": "a\u{1}b" })),
        &["InvalidName"],
        "a control character",
    );
    for token in ["", "x", "AAAA\u{0}", &"A".repeat(1024)] {
        let members = json!({ "taskToken": token, "output": "{}" });
        refused(&ask(&tule, "SendTaskSuccess", &members), &["InvalidToken", "ValidationException"], token);
        refused(
            &ask(&tule, "SendTaskHeartbeat", &json!({ "taskToken": token })),
            &["InvalidToken", "ValidationException"],
            token,
        );
        let members = json!({ "stateMachineArn": machine, "nextToken": token });
        refused(&ask(&tule, "ListExecutions", &members), &["InvalidToken", "ValidationException"], token);
    }
    for arn in
        ["x", "arn:aws:states", "arn:aws:s3:::b", "arn:aws:states:us-east-1:000000000000:execution:m", "é"]
    {
        let members = json!({ "executionArn": arn });
        refused(&ask(&tule, "DescribeExecution", &members), &["InvalidArn", "ValidationException"], arn);
        refused(&ask(&tule, "StopExecution", &members), &["InvalidArn", "ValidationException"], arn);
        let members = json!({ "stateMachineArn": arn });
        refused(&ask(&tule, "StartExecution", &members), &["InvalidArn", "ValidationException"], arn);
        refused(&ask(&tule, "DescribeStateMachine", &members), &["InvalidArn", "ValidationException"], arn);
    }
    let listed = tule.states("ListExecutions", &json!({ "stateMachineArn": machine }));
    assert_eq!(listed["executions"], json!([]), "nothing was started");
    assert_eq!(start("{}".to_owned()).status, 200);
}
