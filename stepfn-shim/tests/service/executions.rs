//! Executions from start to end, through the service's own operations.

use crate::world::World;
use serde_json::{Value, json};

const ECHO: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
const RAISE: &str = "arn:aws:lambda:us-east-1:000000000000:function:raise";
const SLOW: &str = "arn:aws:lambda:us-east-1:000000000000:function:slow";

#[expect(clippy::needless_pass_by_value, reason = "the states are written where they are used")]
fn one(state: Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": state } })
}

#[tokio::test]
async fn a_pass_state_runs_to_its_end_within_the_start() {
    let world = World::new();
    let machine = world.create("m", &one(json!({ "Type": "Pass", "Result": { "a": 1 }, "End": true }))).await;
    let execution = world.start(&machine, &json!({})).await;
    let found = world.describe(&execution).await;
    assert_eq!(found["status"], "SUCCEEDED");
    assert_eq!(found["output"], r#"{"a":1}"#);
    assert_eq!(found["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
    let types = world.types(&execution).await;
    assert_eq!(types, ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
    assert_eq!(world.service.running_executions(), 0);
}

#[tokio::test]
async fn functions_answer_fail_and_time_out() {
    let world = World::new();
    let task = |arn: &str| json!({ "Type": "Task", "Resource": arn, "TimeoutSeconds": 5, "End": true });
    let echo = world.create("echo", &one(task(ECHO))).await;
    let execution = world.start(&echo, &json!({ "x": 1 })).await;
    assert_eq!(world.finish(&execution).await["output"], r#"{"x":1}"#);
    assert_eq!(*world.functions.invocations.lock().unwrap(), ["echo"]);

    let raise = world.create("raise", &one(task(RAISE))).await;
    let execution = world.start(&raise, &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!((&found["status"], &found["error"]), (&json!("FAILED"), &json!("Broken")));

    let slow = world.create("slow", &one(task(SLOW))).await;
    let execution = world.start(&slow, &json!({})).await;
    assert_eq!(world.finish(&execution).await["error"], "States.Timeout");

    let missing = "arn:aws:lambda:us-east-1:000000000000:function:nobody";
    let missing = world.create("missing", &one(task(missing))).await;
    let execution = world.start(&missing, &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["error"], "Lambda.ResourceNotFoundException");
    let cause = found["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("Function not found: nobody (Service: AWSLambda; Status Code: 404; "),
        "{cause}"
    );
}

#[tokio::test]
async fn a_wait_ends_on_the_service_clock() {
    let world = World::new();
    let machine = world.create("m", &one(json!({ "Type": "Wait", "Seconds": 60, "End": true }))).await;
    let execution = world.start(&machine, &json!({})).await;
    world.settle().await;
    world.advance(59);
    world.settle().await;
    assert_eq!(world.describe(&execution).await["status"], "RUNNING");
    world.advance(1);
    assert_eq!(world.finish(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test]
async fn callbacks_by_token() {
    let world = World::new();
    let machine = world
        .create(
            "m",
            &one(json!({
                "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 30,
                "Parameters": { "QueueUrl": "q", "MessageBody": { "token.$": "$$.Task.Token" } }, "End": true,
            })),
        )
        .await;
    let execution = world.start(&machine, &json!({})).await;
    world.settle().await;
    let body = world.router.messages.lock().unwrap()[0]["MessageBody"].as_str().unwrap().to_owned();
    let token = serde_json::from_str::<Value>(&body).unwrap()["token"].clone();
    world.advance(20);
    world.call("SendTaskHeartbeat", json!({ "taskToken": token })).await.unwrap();
    world.settle().await;
    world.advance(20);
    world.settle().await;
    world.call("SendTaskSuccess", json!({ "taskToken": token, "output": "{\"ok\": true}" })).await.unwrap();
    assert_eq!(world.finish(&execution).await["output"], "{\"ok\": true}");
    let types = world.types(&execution).await;
    assert_eq!(
        types[2..7],
        ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"]
    );
    let code = |result: Result<Value, aws_wire::ServiceError>| result.unwrap_err().code;
    let again = json!({ "taskToken": token, "output": "{}" });
    assert_eq!(code(world.call("SendTaskSuccess", again).await), "TaskTimedOut");
    let nonsense = json!({ "taskToken": "nonsense", "output": "{}" });
    assert_eq!(code(world.call("SendTaskSuccess", nonsense).await), "InvalidToken");
}

#[tokio::test]
async fn a_workflow_waits_for_another() {
    let world = World::new();
    let child = world.create("child", &one(json!({ "Type": "Wait", "Seconds": 10, "End": true }))).await;
    let parent = world
        .create(
            "parent",
            &one(json!({
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": { "StateMachineArn": child, "Input.$": "$" }, "OutputPath": "$.Output", "End": true,
            })),
        )
        .await;
    let execution = world.start(&parent, &json!({ "deep": [1] })).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["output"], r#"{"deep":[1]}"#);
    let failing = world.create("failing", &one(json!({ "Type": "Fail", "Error": "No" }))).await;
    let parent = world
        .create(
            "parent-of-failing",
            &one(json!({
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync",
                "Parameters": { "StateMachineArn": failing }, "End": true,
            })),
        )
        .await;
    let execution = world.start(&parent, &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["error"], "States.TaskFailed");
    assert!(found["cause"].as_str().unwrap().contains(r#""Error":"No""#));
}

#[tokio::test]
async fn workers_poll_activities() {
    let world = World::new();
    let activity = world.call("CreateActivity", json!({ "name": "a" })).await.unwrap()["activityArn"].clone();
    let machine = world.create("m", &one(json!({ "Type": "Task", "Resource": activity, "End": true }))).await;
    let poll = world.call("GetActivityTask", json!({ "activityArn": activity, "workerName": "w" }));
    let started = async {
        world.settle().await;
        world.start(&machine, &json!({ "n": 1 })).await
    };
    let (task, execution) = tokio::join!(poll, started);
    let task = task.unwrap();
    assert_eq!(task["input"], r#"{"n":1}"#);
    let failed = json!({ "taskToken": task["taskToken"], "error": "Tired", "cause": "no coffee" });
    world.call("SendTaskFailure", failed).await.unwrap();
    let found = world.finish(&execution).await;
    assert_eq!((&found["error"], &found["cause"]), (&json!("Tired"), &json!("no coffee")));
    assert!(world.types(&execution).await.contains(&String::from("ActivityFailed")));
}

#[tokio::test]
async fn an_unknown_service_fails_the_task_and_is_named() {
    let world = World::new();
    let machine = world
        .create("m", &one(json!({ "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:polly:listLexicons", "Parameters": {}, "End": true })))
        .await;
    let execution = world.start(&machine, &json!({})).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["error"], "Polly.SdkClientException");
    assert!(found["cause"].as_str().unwrap().contains("polly ListLexicons"), "{found}");
}

#[tokio::test]
async fn express_executions_answer_at_once_and_are_not_kept() {
    let world = World::new();
    let definition = one(json!({ "Type": "Task", "Resource": ECHO, "End": true }));
    let machine = world.create_of_type("x", &definition, "EXPRESS").await;
    let members = json!({ "stateMachineArn": machine, "input": "{\"a\":1}" });
    let found = world.call("StartSyncExecution", members).await.unwrap();
    assert_eq!((&found["status"], &found["output"]), (&json!("SUCCEEDED"), &json!("{\"a\":1}")));
    assert_eq!(found["billingDetails"]["billedDurationInMilliseconds"], 100);
    let error = world.call("ListExecutions", json!({ "stateMachineArn": machine })).await.unwrap_err();
    assert_eq!(error.code, "StateMachineTypeNotSupported");
    let arn = found["executionArn"].clone();
    let error = world.call("DescribeExecution", json!({ "executionArn": arn })).await.unwrap_err();
    assert_eq!(error.message, "Invalid Arn: 'Resource type not valid in this context: express'");
}

#[tokio::test]
async fn names_are_used_once() {
    let world = World::new();
    let machine = world.create("m", &one(json!({ "Type": "Wait", "Seconds": 60, "End": true }))).await;
    let members = |input: &str| json!({ "stateMachineArn": machine, "name": "n", "input": input });
    let first = world.call("StartExecution", members("{}")).await.unwrap();
    assert_eq!(world.call("StartExecution", members("{}")).await.unwrap(), first);
    let error = world.call("StartExecution", members("[]")).await.unwrap_err();
    assert_eq!(error.code, "ExecutionAlreadyExists");
    let arn = &first["executionArn"];
    world.call("StopExecution", json!({ "executionArn": arn, "cause": "enough" })).await.unwrap();
    let found = world.describe(arn.as_str().unwrap()).await;
    assert_eq!((&found["status"], &found["cause"]), (&json!("ABORTED"), &json!("enough")));
    assert_eq!(world.call("StartExecution", members("{}")).await.unwrap_err().code, "ExecutionAlreadyExists");
}

#[tokio::test]
async fn lists_page_with_the_newest_first() {
    let world = World::new();
    let machine = world.create("m", &one(json!({ "Type": "Pass", "End": true }))).await;
    let mut started = Vec::new();
    for _ in 0..25 {
        started.push(world.start(&machine, &json!({})).await);
    }
    started.reverse();
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut members =
            json!({ "stateMachineArn": machine, "maxResults": 10, "statusFilter": "SUCCEEDED" });
        if !token.is_null() {
            members["nextToken"] = token;
        }
        let page = world.call("ListExecutions", members).await.unwrap();
        let items = page["executions"].as_array().unwrap();
        found.extend(items.iter().map(|item| item["executionArn"].as_str().unwrap().to_owned()));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(found, started);
}

#[tokio::test]
async fn history_pages_backwards_too() {
    let world = World::new();
    let states: serde_json::Map<String, Value> = (0..20)
        .map(|n| {
            (format!("S{n}"), json!({ "Type": "Task", "Resource": ECHO, "Next": format!("S{}", n + 1) }))
        })
        .chain([(String::from("S20"), json!({ "Type": "Succeed" }))])
        .collect();
    let machine = world.create("m", &json!({ "StartAt": "S0", "States": states })).await;
    let execution = world.start(&machine, &json!({})).await;
    world.finish(&execution).await;
    let mut forwards: Vec<u64> =
        world.history(&execution).await.iter().map(|e| e["id"].as_u64().unwrap()).collect();
    assert!(forwards.iter().copied().eq(1..=forwards.len() as u64));
    let mut backwards = Vec::new();
    let mut members = json!({ "executionArn": execution, "maxResults": 9, "reverseOrder": true });
    loop {
        let page = world.call("GetExecutionHistory", members.clone()).await.unwrap();
        backwards.extend(page["events"].as_array().unwrap().iter().map(|e| e["id"].as_u64().unwrap()));
        if page["nextToken"].is_null() {
            break;
        }
        members["nextToken"] = page["nextToken"].clone();
    }
    forwards.reverse();
    assert_eq!(backwards, forwards);
}

#[tokio::test]
async fn versions_and_aliases_lead_to_revisions() {
    let world = World::new();
    let result = |n: u32| one(json!({ "Type": "Pass", "Result": n, "End": true }));
    let machine = world.create("m", &result(1)).await;
    let publish = json!({ "stateMachineArn": machine });
    let first =
        world.call("PublishStateMachineVersion", publish).await.unwrap()["stateMachineVersionArn"].clone();
    let update = json!({ "stateMachineArn": machine, "definition": result(2).to_string(), "publish": true });
    let second = world.call("UpdateStateMachine", update).await.unwrap()["stateMachineVersionArn"].clone();
    let routes = json!([{ "stateMachineVersionArn": first, "weight": 100 }]);
    let alias = json!({ "name": "live", "routingConfiguration": routes });
    let alias = world.call("CreateStateMachineAlias", alias).await.unwrap()["stateMachineAliasArn"].clone();
    for (arn, output) in [(&first, "1"), (&second, "2"), (&alias, "1"), (&json!(machine), "2")] {
        let execution = world.start(arn.as_str().unwrap(), &json!({})).await;
        assert_eq!(world.finish(&execution).await["output"], output, "{arn}");
    }
    let error = world
        .call("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": first }))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ConflictException");
}

#[tokio::test]
async fn definitions_are_refused_in_aws_words() {
    let world = World::new();
    let create = |definition: Value| json!({ "name": "m", "definition": definition.to_string(), "roleArn": crate::world::ROLE });
    let error = world.call("CreateStateMachine", create(json!({ "StartAt": "A" }))).await.unwrap_err();
    assert_eq!(error.code, "InvalidDefinition");
    assert_eq!(
        error.message,
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"
    );
    let label = |label: &str| {
        one(json!({
            "Type": "Map", "End": true, "Label": label,
            "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
                "StartAt": "B", "States": { "B": { "Type": "Pass", "End": true } } },
        }))
    };
    let labelled = label("a b\"");
    let error = world.call("CreateStateMachine", create(labelled.clone())).await.unwrap_err();
    let what = r#"["Label contains invalid character: ' '"]"#;
    assert_eq!(error.message, format!("Error=ValueError Args={what} in definition '{labelled}'."));
    let validated = json!({ "definition": labelled.to_string() });
    let validated = world.call("ValidateStateMachineDefinition", validated).await.unwrap();
    assert_eq!(validated["diagnostics"][0]["message"], "Label contains invalid character: ' '");
    assert_eq!(validated["diagnostics"][0]["location"], "/States/A/Label");
    assert!(world.call("CreateStateMachine", create(label("a-b"))).await.is_ok());
    let error =
        world.call("DescribeStateMachine", json!({ "stateMachineArn": "nonsense" })).await.unwrap_err();
    assert_eq!(error.message, "Invalid Arn: 'Invalid ARN prefix: nonsense'");
}
