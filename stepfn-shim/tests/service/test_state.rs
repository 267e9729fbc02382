//! TestState: every type of state, mocked and done for real.

use crate::world::{ROLE, World};
use serde_json::{Value, json};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

async fn tried(world: &World, definition: &Value, more: Value) -> Value {
    let mut members = json!({ "definition": definition.to_string(), "inspectionLevel": "DEBUG" });
    for (name, value) in more.as_object().unwrap() {
        members[name] = value.clone();
    }
    let mut answer = world.call("TestState", members).await.unwrap();
    if let Some(data) = answer["inspectionData"].as_object_mut() {
        data.retain(|_, value| !value.is_null());
    }
    answer
}

async fn refused(world: &World, definition: &Value, more: Value) -> String {
    let mut members = json!({ "definition": definition.to_string() });
    for (name, value) in more.as_object().unwrap() {
        members[name] = value.clone();
    }
    let error = world.call("TestState", members).await.unwrap_err();
    format!("{}: {}", error.code, error.message)
}

fn mocked(result: &Value) -> Value {
    json!({ "result": result.to_string() })
}

#[tokio::test]
async fn a_task_without_a_mock_is_really_done() {
    let world = World::new();
    let task = |name: &str| {
        let catch = json!([{ "ErrorEquals": ["Broken"], "ResultPath": "$.why", "Next": "Sorry" }]);
        json!({ "Type": "Task", "Resource": format!("{LAMBDA}{name}"), "Catch": catch, "Next": "Thanks" })
    };
    let done = tried(&world, &task("echo"), json!({ "roleArn": ROLE, "input": r#"{"a":1}"# })).await;
    assert_eq!((&done["status"], &done["nextState"]), (&json!("SUCCEEDED"), &json!("Thanks")));
    assert_eq!(
        (&done["output"], &done["inspectionData"]["result"]),
        (&json!(r#"{"a":1}"#), &json!(r#"{"a":1}"#))
    );
    let done = tried(&world, &task("raise"), json!({ "roleArn": ROLE, "input": r#"{"a":1}"# })).await;
    assert_eq!((&done["status"], &done["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Sorry")));
    assert_eq!(done["inspectionData"]["errorDetails"], json!({ "catchIndex": 0 }));
    let output: Value = serde_json::from_str(done["output"].as_str().unwrap()).unwrap();
    assert_eq!((&output["a"], &output["why"]["Error"]), (&json!(1), &json!("Broken")));
    assert_eq!(*world.functions.invocations.lock().unwrap(), ["echo", "raise"]);
    let message = refused(&world, &task("echo"), json!({})).await;
    assert_eq!(message, "ValidationException: RoleArn must be specified when testing a Task state");
}

#[tokio::test]
async fn time_passes_on_the_service_clock() {
    let world = World::new();
    let until = |world: &World, seconds: i64| world.clock.now().0 + seconds * 1000;
    let wait = json!({ "Type": "Wait", "Seconds": 60, "Next": "Then" });
    let end = until(&world, 60);
    let (done, ()) = tokio::join!(tried(&world, &wait, json!({})), pass(&world, end));
    assert_eq!((&done["status"], &done["nextState"]), (&json!("SUCCEEDED"), &json!("Then")));
    let slow =
        json!({ "Type": "Task", "Resource": format!("{LAMBDA}slow"), "TimeoutSeconds": 5, "End": true });
    let end = until(&world, 5);
    let (done, ()) = tokio::join!(tried(&world, &slow, json!({ "roleArn": ROLE })), pass(&world, end));
    assert_eq!((&done["status"], &done["error"]), (&json!("FAILED"), &json!("States.Timeout")));
    let wait = json!({ "Type": "Wait", "Seconds": 3600, "End": true });
    let end = until(&world, 300);
    let (done, ()) = tokio::join!(tried(&world, &wait, json!({})), pass(&world, end));
    assert_eq!((&done["status"], &done["error"]), (&json!("FAILED"), &json!("States.Timeout")));
}

/// Lets time go on until a moment, whenever somebody waits for it.
async fn pass(world: &World, until: i64) {
    while world.clock.now().0 < until {
        world.settle().await;
        if let Some(next) = world.clock.next_wakeup() {
            world.clock.advance_to(next);
        }
    }
}

#[tokio::test]
async fn retriers_and_catchers_take_a_mocked_error() {
    let world = World::new();
    let task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "f" },
        "Retry": [
            { "ErrorEquals": ["Other"] },
            { "ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2, "MaxDelaySeconds": 5 },
        ],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Sorry" }],
        "End": true,
    });
    let error = json!({ "errorOutput": { "error": "Busy", "cause": "too much" } });
    for (count, status, details) in [
        (0, "RETRIABLE", json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 2 })),
        (1, "RETRIABLE", json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 5 })),
        (2, "CAUGHT_ERROR", json!({ "catchIndex": 0 })),
    ] {
        let more = json!({ "mock": error, "stateConfiguration": { "retrierRetryCount": count } });
        let done = tried(&world, &task, more).await;
        assert_eq!((&done["status"], &done["error"]), (&json!(status), &json!("Busy")), "{count}");
        assert_eq!(done["inspectionData"]["errorDetails"], details, "{count}");
    }
}

#[tokio::test]
async fn items_are_selected_and_batched() {
    let world = World::new();
    let map = json!({
        "Type": "Map", "ItemsPath": "$.all", "MaxConcurrency": 1,
        "ItemSelector": { "n.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "by.$": "$.who" },
        "ItemProcessor": { "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } },
        "ToleratedFailurePercentage": 50, "End": true,
    });
    let input = json!({ "all": [7, 8, 9], "who": "me" }).to_string();
    let done = tried(&world, &map, json!({ "input": input, "mock": mocked(&json!([1, 2, 3])) })).await;
    let data = &done["inspectionData"];
    assert_eq!(
        data["afterItemSelector"],
        r#"[{"n":7,"at":0,"by":"me"}, {"n":8,"at":1,"by":"me"}, {"n":9,"at":2,"by":"me"}]"#
    );
    assert_eq!((&data["maxConcurrency"], &data["toleratedFailurePercentage"]), (&json!(1), &json!(50.0)));
    assert_eq!(done["output"], "[1,2,3]");
    let more = json!({ "input": input, "mock": mocked(&json!([])), "stateConfiguration": { "mapIterationFailureCount": 2 } });
    assert_eq!(tried(&world, &map, more).await["error"], "States.ExceedToleratedFailureThreshold");
    let batched = json!({
        "Type": "Map", "QueryLanguage": "JSONata", "End": true,
        "ItemReader": { "Resource": "arn:aws:states:::s3:getObject", "Arguments": { "Bucket": "b", "Key": "k" },
            "ReaderConfig": { "InputType": "JSONL", "MaxItems": 3 } },
        "ItemBatcher": { "MaxItemsPerBatch": "{% $states.input.size %}", "BatchInput": { "by": "{% $states.input.who %}" } },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } },
    });
    let more = json!({
        "input": r#"{"size":2,"who":"me"}"#, "mock": mocked(&json!([])),
        "stateConfiguration": { "mapItemReaderData": "1\n2\n3\n4\n" },
    });
    let done = tried(&world, &batched, more).await;
    assert_eq!(
        done["inspectionData"]["afterItemBatcher"],
        r#"[{"BatchInput":{"by":"me"},"Items":[1,2]}, {"BatchInput":{"by":"me"},"Items":[3]}]"#
    );
    let message = refused(&world, &batched, json!({ "mock": mocked(&json!([])) })).await;
    assert!(message.contains("ItemReader data must be specified"), "{message}");
}

#[tokio::test]
async fn one_state_of_a_machine_is_found_wherever_it_is() {
    let world = World::new();
    let inner = json!({ "Type": "Pass", "Parameters": { "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value" }, "End": true });
    let branch = |state: &Value| json!({ "StartAt": "Inner", "States": { "Inner": state } });
    let map = json!({ "Type": "Map", "ItemProcessor": branch(&inner), "Assign": { "x": 1 }, "End": true });
    let machine = json!({ "StartAt": "All", "States": { "All": map } });
    let done = tried(&world, &machine, json!({ "stateName": "Inner", "input": "5" })).await;
    assert_eq!((&done["status"], &done["output"]), (&json!("SUCCEEDED"), &json!(r#"{"i":0,"v":5}"#)));
    let more =
        json!({ "stateName": "All", "input": "[5]", "variables": r#"{"y":2}"#, "mock": mocked(&json!([6])) });
    let done = tried(&world, &machine, more).await;
    assert_eq!(done["inspectionData"]["variables"], r#"{"x":1,"y":2}"#);
    let message = refused(&world, &machine, json!({ "stateName": "Nobody" })).await;
    assert_eq!(message, "ValidationException: State not found in definition");
    let error = json!({ "errorOutput": { "error": "E", "cause": "c" } });
    let caused = |name: &str| json!({ "stateName": "All", "input": "[5]", "mock": error, "stateConfiguration": { "errorCausedByState": name } });
    assert_eq!(tried(&world, &machine, caused("Inner")).await["status"], "FAILED");
    assert!(refused(&world, &machine, caused("Nobody")).await.contains("errorCausedByState"));
}

#[tokio::test]
async fn what_cannot_be_tested_is_refused() {
    let world = World::new();
    let pass = json!({ "Type": "Pass", "End": true });
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let start = task("arn:aws:states:::states:startExecution.sync:2");
    let error = json!({ "errorOutput": { "error": "E" } });
    let context = |text: &str| json!({ "mock": error, "context": text });
    for (state, more, said) in [
        (&start, json!({}), "InvalidDefinition: TestState API does not support '.sync'"),
        (&pass, json!({ "context": "{}" }), "ValidationException: Context can only be"),
        (&pass, json!({ "variables": "[]" }), "ValidationException: Variables must be"),
        (&pass, json!({ "input": "{" }), "InvalidExecutionInput: "),
        (&pass, json!({ "stateName": "A" }), "InvalidDefinition: "),
        (&json!([]), json!({}), "InvalidDefinition: "),
        (&start, json!({ "mock": {} }), "ValidationException: A test mock should have"),
        (
            &start,
            json!({ "mock": { "result": "{" } }),
            "ValidationException: Mocked result must be valid JSON",
        ),
        (
            &start,
            json!({ "mock": { "result": "{}" } }),
            "ValidationException: Mock result schema validation error: Required field 'ExecutionArn' is missing",
        ),
        (
            &start,
            context(r#"{"Task":1}"#),
            "ValidationException: Invalid Context object provided: Task must be",
        ),
    ] {
        let message = refused(&world, state, more).await;
        assert!(message.starts_with(said), "{message}");
    }
    let done =
        tried(&world, &start, json!({ "mock": { "result": "{}", "fieldValidationMode": "PRESENT" } })).await;
    assert_eq!(done["output"], "{}");
}

/// A Map in the mode DISTRIBUTED, in JSONPath, with a reader of the given configuration.
fn distributed(config: &Value, more: &Value) -> Value {
    let mut map = json!({
        "Type": "Map", "End": true,
        "ItemReader": { "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
            "Parameters": { "Bucket": "b", "Key": "k" } },
        "ItemSelector": { "v.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "by.$": "$.who" },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" },
            "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } },
    });
    for (name, value) in more.as_object().unwrap() {
        map[name] = value.clone();
    }
    map
}

#[tokio::test]
async fn readers_of_a_distributed_map_read_what_the_test_gives() {
    let world = World::new();
    let tried_with = async |map: &Value, data: &str| {
        let more = json!({
            "input": r#"{"who":"me"}"#, "mock": mocked(&json!([1])),
            "stateConfiguration": { "mapItemReaderData": data },
        });
        tried(&world, map, more).await
    };
    let none = json!({});
    for (config, data, selected) in [
        (json!({ "InputType": "JSON" }), "[7,8]", r#"[{"v":7,"at":0,"by":"me"}, {"v":8,"at":1,"by":"me"}]"#),
        (
            json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }),
            "a,b\n1,\"x,y\"\n",
            r#"[{"v":{"a":"1","b":"x,y"},"at":0,"by":"me"}]"#,
        ),
        (
            json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n"], "CSVDelimiter": "PIPE", "MaxItems": 1 }),
            "1\n2\n",
            r#"[{"v":{"n":"1"},"at":0,"by":"me"}]"#,
        ),
        (json!({ "InputType": "JSONL" }), "{\"a\":1}\n\n", r#"[{"v":{"a":1},"at":0,"by":"me"}]"#),
    ] {
        let done = tried_with(&distributed(&config, &none), data).await;
        assert_eq!((&done["status"], &done["output"]), (&json!("SUCCEEDED"), &json!("[1]")), "{done}");
        let seen = &done["inspectionData"];
        assert_eq!(seen["afterItemSelector"], selected, "{config}");
        assert_eq!((&seen["maxConcurrency"], &seen["afterItemsPointer"]), (&json!(0), &Value::Null));
    }
    let pointed = distributed(&json!({ "InputType": "JSON", "ItemsPointer": "/all/0" }), &none);
    let done = tried_with(&pointed, r#"{"all":[[1,2]]}"#).await;
    assert_eq!(done["inspectionData"]["afterItemsPointer"], "[1, 2]");
    let caught = json!({ "Catch": [{ "ErrorEquals": ["States.ItemReaderFailed"], "Next": "Sorry" }] });
    let broken = distributed(&json!({ "InputType": "JSON" }), &caught);
    let done = tried_with(&broken, "[1,").await;
    assert_eq!((&done["status"], &done["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Sorry")), "{done}");
}

#[tokio::test]
async fn the_files_of_a_manifest_are_really_read() {
    let world = World::new();
    world.put("inventory", "one.csv", b"b,first\nb,second\n");
    let manifest = json!({
        "destinationBucket": "arn:aws:s3:::inventory", "fileFormat": "CSV", "fileSchema": "Bucket, Key",
        "files": [{ "key": "one.csv" }],
    });
    let map = distributed(&json!({ "InputType": "MANIFEST" }), &json!({}));
    let more = json!({
        "input": r#"{"who":"me"}"#, "mock": mocked(&json!([1])),
        "stateConfiguration": { "mapItemReaderData": manifest.to_string() },
    });
    let done = tried(&world, &map, more).await;
    assert_eq!(
        done["inspectionData"]["afterItemSelector"],
        r#"[{"v":{"Bucket":"b","Key":"first"},"at":0,"by":"me"}, {"v":{"Bucket":"b","Key":"second"},"at":1,"by":"me"}]"#
    );
}

#[tokio::test]
async fn a_distributed_map_tolerates_as_many_failures_as_it_says() {
    let world = World::new();
    let map = distributed(
        &json!({ "InputType": "JSON" }),
        &json!({ "ToleratedFailurePercentagePath": "$.most", "MaxConcurrencyPath": "$.wide",
            "ItemBatcher": { "MaxItemsPerBatchPath": "$.size" } }),
    );
    let with = |failed: u64| {
        json!({
            "input": r#"{"who":"me","most":50,"size":3,"wide":2}"#, "mock": mocked(&json!([1])),
            "stateConfiguration": { "mapItemReaderData": "[1,2,3,4]", "mapIterationFailureCount": failed },
        })
    };
    let done = tried(&world, &map, with(2)).await;
    let seen = &done["inspectionData"];
    assert_eq!(done["status"], "SUCCEEDED", "{done}");
    assert_eq!((&seen["toleratedFailurePercentage"], &seen["maxConcurrency"]), (&json!(50.0), &json!(2)));
    assert_eq!(
        seen["afterItemBatcher"],
        r#"[{"Items":[{"v":1,"at":0,"by":"me"},{"v":2,"at":1,"by":"me"},{"v":3,"at":2,"by":"me"}]}, {"Items":[{"v":4,"at":3,"by":"me"}]}]"#
    );
    assert!(seen["afterItemSelector"].as_str().unwrap().ends_with(r#"{"v":4,"at":3,"by":"me"}]"#), "{seen}");
    let done = tried(&world, &map, with(3)).await;
    assert_eq!(done["error"], "States.ExceedToleratedFailureThreshold", "{done}");
    let message = refused(&world, &map, with(5)).await;
    assert!(message.starts_with("ValidationException: mapIterationFailureCount"), "{message}");
}

#[tokio::test]
async fn an_error_of_a_state_within_meets_its_handlers_first() {
    let world = World::new();
    let task = json!({
        "Type": "Task", "Resource": format!("{LAMBDA}f"), "End": true,
        "Retry": [{ "ErrorEquals": ["Busy"], "MaxAttempts": 1, "IntervalSeconds": 7 }],
        "Catch": [{ "ErrorEquals": ["Other"], "Next": "T" }, { "ErrorEquals": ["Known"], "Next": "T" }],
    });
    let last = json!({ "Type": "Pass", "End": true });
    let parallel = json!({
        "Type": "Parallel", "Branches": [{ "StartAt": "S", "States": { "S": task, "T": last } }],
        "Catch": [{ "ErrorEquals": ["States.TaskFailed"], "Next": "Sorry" }], "End": true,
    });
    let caused = |error: &str, by: &str, retries: u64| {
        json!({
            "mock": { "errorOutput": { "error": error, "cause": "c" } },
            "stateConfiguration": { "errorCausedByState": by, "retrierRetryCount": retries },
        })
    };
    for (error, by, retries, status, next, details) in [
        (
            "Busy",
            "S",
            0,
            "RETRIABLE",
            Value::Null,
            json!({ "retryIndex": 0, "retryBackoffIntervalSeconds": 7 }),
        ),
        ("Busy", "S", 1, "CAUGHT_ERROR", json!("Sorry"), json!({ "catchIndex": 0 })),
        ("Known", "S", 0, "CAUGHT_ERROR", json!("T"), json!({ "catchIndex": 1 })),
        ("Known", "T", 0, "CAUGHT_ERROR", json!("Sorry"), json!({ "catchIndex": 0 })),
        ("States.TaskFailed", "S", 0, "CAUGHT_ERROR", json!("Sorry"), json!({ "catchIndex": 0 })),
    ] {
        let done = tried(&world, &parallel, caused(error, by, retries)).await;
        assert_eq!((&done["status"], &done["nextState"]), (&json!(status), &next), "{error} {by} {done}");
        assert_eq!(done["inspectionData"]["errorDetails"], details, "{error} {by}");
        assert_eq!(done["error"], error);
    }
}
