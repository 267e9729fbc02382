//! Map Runs through the service's own operations: readers, batches, writers, tolerance, updates, stops, crashes.

use std::{io::Write as _, sync::Arc};

use crate::world::World;
use runtime::{Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

const FLAKY: &str = "arn:aws:lambda:us-east-1:000000000000:function:flaky";

/// A machine of one distributed Map, whose children run one state.
fn machine(state: &Value, child: &Value, express: bool) -> Value {
    let mut map = json!({
        "Type": "Map",
        "Label": "L",
        "ItemProcessor": {
            "ProcessorConfig": {
                "Mode": "DISTRIBUTED",
                "ExecutionType": if express { "EXPRESS" } else { "STANDARD" },
            },
            "StartAt": "C",
            "States": { "C": child },
        },
        "End": true,
    });
    for (name, value) in state.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({ "StartAt": "M", "States": { "M": map } })
}

fn pass() -> Value {
    json!({ "Type": "Pass", "End": true })
}

fn flaky() -> Value {
    json!({ "Type": "Task", "Resource": FLAKY, "End": true })
}

async fn map_run(world: &World, execution: &str) -> Value {
    let listed = world.call("ListMapRuns", json!({ "executionArn": execution })).await.unwrap();
    let arn = listed["mapRuns"][0]["mapRunArn"].clone();
    world.call("DescribeMapRun", json!({ "mapRunArn": arn })).await.unwrap()
}

async fn children(world: &World, run: &Value, more: Value) -> Vec<Value> {
    let mut members = json!({ "mapRunArn": run["mapRunArn"] });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let listed = world.call("ListExecutions", members).await.unwrap();
    listed["executions"].as_array().unwrap().clone()
}

/// Runs a distributed Map over Pass states; its output.
async fn output_of(world: &World, name: &str, state: Value, input: Value) -> Value {
    let arn = world.create(name, &machine(&state, &pass(), true)).await;
    let execution = world.start(&arn, &input).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["status"], "SUCCEEDED", "{found}");
    serde_json::from_str(found["output"].as_str().unwrap()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "the configuration is written where it is used")]
fn reader(config: Value) -> Value {
    json!({ "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": { "Bucket": "b", "Key.$": "$" },
    } })
}

#[tokio::test]
async fn children_are_executions_of_their_own() {
    let world = World::new();
    let arn = world.create("m", &machine(&json!({ "MaxConcurrency": 2 }), &flaky(), false)).await;
    let execution = world.start(&arn, &json!([1, 2, 3])).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["output"], "[1,2,3]");
    let run = map_run(&world, &execution).await;
    assert_eq!(run["status"], "SUCCEEDED");
    assert_eq!(run["maxConcurrency"], 2);
    assert_eq!(run["executionCounts"]["succeeded"], 3);
    assert_eq!(run["itemCounts"]["resultsWritten"], 3);
    let listed = children(&world, &run, json!({ "maxResults": 2 })).await;
    assert_eq!(listed.len(), 2, "pages are as long as asked for");
    let child = listed[0]["executionArn"].as_str().unwrap();
    assert!(child.contains(":execution:m/L:"), "{child}");
    assert_eq!(listed[0]["stateMachineArn"], format!("{arn}/L"));
    assert_eq!(listed[0]["itemCount"], 1);
    let described = world.describe(child).await;
    assert_eq!((&described["mapRunArn"], &described["output"]), (&run["mapRunArn"], &json!("3")));
    let types = ["ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"];
    assert_eq!(world.types(child).await[..4], types);
    let of_child =
        world.call("DescribeStateMachineForExecution", json!({ "executionArn": child })).await.unwrap();
    assert_eq!((&of_child["label"], &of_child["mapRunArn"]), (&json!("L"), &run["mapRunArn"]));
    // The machine's own list shows its own executions only.
    let own = world.call("ListExecutions", json!({ "stateMachineArn": arn })).await.unwrap();
    assert_eq!(own["executions"].as_array().unwrap().len(), 1);
    let labelled = world.call("DescribeStateMachine", json!({ "stateMachineArn": format!("{arn}/L") })).await;
    assert_eq!(labelled.unwrap_err().code, "ValidationException");
}

#[tokio::test]
async fn batches_hold_so_many_items_or_bytes() {
    let world = World::new();
    let batcher = json!({ "ItemBatcher": { "MaxItemsPerBatch": 3, "BatchInput": { "k.$": "$.k" } },
        "ItemsPath": "$.items", "ItemSelector": { "v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index" } });
    let output = output_of(&world, "m", batcher, json!({ "k": "x", "items": ["a", "b", "c", "d"] })).await;
    let v = |v: &str, i: u64| json!({ "v": v, "i": i });
    assert_eq!(
        output,
        json!([
            { "BatchInput": { "k": "x" }, "Items": [v("a", 0), v("b", 1), v("c", 2)] },
            { "BatchInput": { "k": "x" }, "Items": [v("d", 3)] },
        ])
    );
    let by_bytes = json!({ "ItemBatcher": { "MaxInputBytesPerBatch": 40 } });
    let output = output_of(&world, "n", by_bytes, json!(["0123456789", "0123456789", "0123456789"])).await;
    assert_eq!(output[0]["Items"].as_array().unwrap().len(), 2);
    assert_eq!(output[1]["Items"].as_array().unwrap().len(), 1);
    let run = world.call("ListExecutions", json!({})).await;
    assert_eq!(run.unwrap_err().code, "ValidationException");
}

#[tokio::test]
async fn items_are_read_in_all_formats() {
    let world = World::new();
    world.put("b", "lines", "{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}");
    world.put("b", "doc", r#"{ "list": { "x": [{ "k": 1 }, { "k": 2 }] } }"#);
    world.put("b", "csv", "x|y\n1|\"2|3\"\n");
    let read = |name: &'static str, config: Value, key: &'static str| {
        output_of(&world, name, reader(config), json!(key))
    };
    let lines = read("jsonl", json!({ "InputType": "JSONL", "MaxItems": 2 }), "lines").await;
    assert_eq!(lines, json!([{ "a": 1 }, { "a": 2 }]));
    let doc = read("json", json!({ "InputType": "JSON", "ItemsPointer": "/list/x" }), "doc").await;
    assert_eq!(doc, json!([{ "k": 1 }, { "k": 2 }]));
    let config = json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "PIPE" });
    assert_eq!(read("csv", config, "csv").await, json!([{ "x": "1", "y": "2|3" }]));

    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(b"\"b\",\"k1\",\"5\"\n\"b\",\"k2\",\"6\"\n").unwrap();
    world.put("inventory", "part.gz", zip.finish().unwrap());
    let manifest = json!({ "destinationBucket": "arn:aws:s3:::inventory", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{ "key": "part.gz" }] });
    world.put("b", "manifest.json", manifest.to_string());
    let inventory = read("inventory", json!({ "InputType": "MANIFEST" }), "manifest.json").await;
    assert_eq!(inventory[1], json!({ "Bucket": "b", "Key": "k2", "Size": "6" }));

    world.put("b", "athena.csv", "s3://b/lines\ns3://b/lines\n");
    let athena = json!({ "InputType": "JSONL", "ManifestType": "ATHENA_DATA" });
    assert_eq!(read("athena", athena, "athena.csv").await.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn objects_are_listed_or_loaded() {
    let world = World::new();
    for n in 0..5 {
        world.put("b", &format!("p/{n}.jsonl"), format!("{{\"n\":{n}}}\n{{\"n\":{n}}}\n"));
    }
    let list = |config: Option<Value>| {
        let mut reader = json!({ "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Parameters": { "Bucket": "b", "Prefix": "p/" } });
        if let Some(config) = config {
            reader["ReaderConfig"] = config;
        }
        json!({ "ItemReader": reader, "ItemSelector": {
            "source.$": "$$.Map.Item.Source", "value.$": "$$.Map.Item.Value",
        } })
    };
    let listed = output_of(&world, "list", list(None), json!({})).await;
    let first = json!({ "source": "S3://b", "value": {
        "Etag": "\"e\"", "LastModified": 1_700_000_000, "Key": "p/0.jsonl", "Size": 1,
    } });
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]), (5, &first));
    let flat = json!({ "InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 7 });
    let loaded = output_of(&world, "load", list(Some(flat)), json!({})).await;
    assert_eq!(loaded.as_array().unwrap().len(), 7);
    assert_eq!(loaded[6], json!({ "source": "S3://b/p/3.jsonl", "value": { "n": 3 } }));
}

#[tokio::test]
async fn what_cannot_be_read_or_written_fails_by_name() {
    let world = World::new();
    world.put("b", "number", "5");
    let fails = async |name: &str, state: Value, input: Value| {
        let arn = world.create(name, &machine(&state, &pass(), false)).await;
        let execution = world.start(&arn, &input).await;
        let found = world.finish(&execution).await;
        (found["error"].as_str().unwrap().to_owned(), found["cause"].as_str().unwrap().to_owned())
    };
    let (error, cause) = fails("gone", reader(json!({ "InputType": "JSON" })), json!("nothing")).await;
    assert_eq!(error, "States.ItemReaderFailed");
    assert!(cause.contains("Error Code: NoSuchKey"), "{cause}");
    let (error, cause) = fails("number", reader(json!({ "InputType": "JSON" })), json!("number")).await;
    assert_eq!((&*error, &*cause), ("States.ItemReaderFailed", "Attempting to map over non-iterable node."));
    let writer = json!({ "ResultWriter": { "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "gone" } } });
    assert_eq!(fails("writer", writer, json!([1])).await.0, "States.ResultWriterFailed");
    let big: Vec<String> = (0..30).map(|_| "x".repeat(8_000)).collect();
    let doubled = json!({ "ItemSelector": { "a.$": "$$.Map.Item.Value", "b.$": "$$.Map.Item.Value" } });
    assert_eq!(fails("big", doubled, json!(big)).await.0, "States.DataLimitExceeded");
    let parquet = machine(&reader(json!({ "InputType": "PARQUET" })), &pass(), false);
    let refused = json!({ "name": "p", "definition": parquet.to_string(), "roleArn": crate::world::ROLE });
    let refused = world.call("CreateStateMachine", refused).await.unwrap_err();
    assert!(refused.code == "NotImplemented" && refused.message.contains("PARQUET"), "{refused:?}");
}

#[tokio::test]
async fn results_are_exported_by_their_kind() {
    let world = World::new();
    world.functions.bad.lock().unwrap().insert(String::from("2"));
    let state = json!({ "ToleratedFailureCount": 1, "ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "out", "Prefix": "jobs/" } } });
    let arn = world.create("m", &machine(&state, &flaky(), false)).await;
    let execution = world.start(&arn, &json!([1, 2, 3])).await;
    let found = world.finish(&execution).await;
    let output: Value = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
    let key = output["ResultWriterDetails"]["Key"].as_str().unwrap();
    let manifest = world.object("out", key);
    assert_eq!(manifest["MapRunArn"], output["MapRunArn"]);
    let files = &manifest["ResultFiles"];
    assert_eq!(files["PENDING"], json!([]));
    let succeeded = world.object("out", files["SUCCEEDED"][0]["Key"].as_str().unwrap());
    assert_eq!(succeeded.as_array().unwrap().len(), 2);
    assert_eq!(succeeded[1]["Output"], "3");
    let failed = world.object("out", files["FAILED"][0]["Key"].as_str().unwrap());
    assert_eq!((&failed[0]["Error"], &failed[0]["Input"]), (&json!("Broken"), &json!("2")));
}

#[tokio::test]
async fn a_run_fails_beyond_its_tolerance_and_only_what_failed_is_redriven() {
    let world = World::new();
    world.functions.bad.lock().unwrap().extend([String::from("2"), String::from("3")]);
    let state = json!({ "MaxConcurrency": 1, "ToleratedFailurePercentage": 20 });
    let arn = world.create("m", &machine(&state, &flaky(), false)).await;
    let execution = world.start(&arn, &json!([1, 2, 3, 4, 5])).await;
    let found = world.finish(&execution).await;
    assert_eq!(found["error"], "States.ExceedToleratedFailureThreshold");
    assert_eq!(found["cause"], "The specified tolerated failure threshold was exceeded");
    let run = map_run(&world, &execution).await;
    assert_eq!(run["status"], "FAILED");
    let counts = &run["executionCounts"];
    assert_eq!(
        (&counts["succeeded"], &counts["failed"], &counts["pending"]),
        (&json!(1), &json!(2), &json!(2))
    );
    let failed = children(&world, &run, json!({ "statusFilter": "FAILED" })).await;
    let child = failed[0]["executionArn"].as_str().unwrap();
    assert_eq!(world.describe(child).await["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
    let by_itself = world.call("RedriveExecution", json!({ "executionArn": child })).await;
    assert_eq!(by_itself.unwrap_err().code, "ExecutionNotRedrivable");

    world.functions.bad.lock().unwrap().clear();
    world.functions.invocations.lock().unwrap().clear();
    world.call("RedriveExecution", json!({ "executionArn": execution })).await.unwrap();
    assert_eq!(world.finish(&execution).await["output"], "[1,2,3,4,5]");
    assert_eq!(world.functions.invocations.lock().unwrap().len(), 4, "what succeeded is not done again");
    let run = map_run(&world, &execution).await;
    assert_eq!((&run["status"], &run["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(run["executionCounts"]["succeeded"], 5);
    let redriven = children(&world, &run, json!({ "redriveFilter": "REDRIVEN" })).await;
    assert_eq!(redriven.len(), 2);
    assert!(world.types(child).await.contains(&String::from("ExecutionRedriven")));
    assert!(world.types(&execution).await.contains(&String::from("MapRunRedriven")));
}

#[tokio::test]
async fn an_update_takes_effect_while_the_run_runs() {
    let world = World::new();
    let wait = json!({ "Type": "Wait", "Seconds": 10, "End": true });
    let arn = world.create("m", &machine(&json!({ "MaxConcurrency": 1 }), &wait, false)).await;
    let execution = world.start(&arn, &json!([1, 2, 3, 4])).await;
    world.settle().await;
    let run = map_run(&world, &execution).await;
    assert_eq!((&run["executionCounts"]["running"], &run["itemCounts"]["pending"]), (&json!(1), &json!(3)));
    let update = json!({ "mapRunArn": run["mapRunArn"], "maxConcurrency": 3, "toleratedFailureCount": 2 });
    world.call("UpdateMapRun", update.clone()).await.unwrap();
    world.settle().await;
    let run = map_run(&world, &execution).await;
    assert_eq!((&run["executionCounts"]["running"], &run["toleratedFailureCount"]), (&json!(3), &json!(2)));
    assert_eq!(world.finish(&execution).await["status"], "SUCCEEDED");
    let late = world.call("UpdateMapRun", update).await.unwrap_err();
    assert_eq!(late.code, "ValidationException");
    let nothing = world
        .call("DescribeMapRun", json!({ "mapRunArn": format!("{}x", run["mapRunArn"].as_str().unwrap()) }))
        .await;
    assert_eq!(nothing.unwrap_err().code, "ResourceNotFound");
}

#[tokio::test]
async fn stopping_an_execution_stops_what_it_started() {
    let world = World::new();
    let wait = json!({ "Type": "Wait", "Seconds": 100, "End": true });
    let child = world.create("child", &json!({ "StartAt": "W", "States": { "W": wait } })).await;
    let nested = json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": { "StateMachineArn": child, "Input": {} }, "End": true });
    let arn = world.create("m", &machine(&json!({}), &nested, false)).await;
    let execution = world.start(&arn, &json!([1, 2])).await;
    world.settle().await;
    world.settle().await;
    let run = map_run(&world, &execution).await;
    assert_eq!(run["executionCounts"]["running"], 2);
    world.call("StopExecution", json!({ "executionArn": execution })).await.unwrap();
    for _ in 0..10 {
        world.settle().await;
    }
    let run = map_run(&world, &execution).await;
    assert_eq!((&run["status"], &run["executionCounts"]["aborted"]), (&json!("ABORTED"), &json!(2)));
    let listed = world.call("ListExecutions", json!({ "stateMachineArn": child })).await.unwrap();
    for innermost in listed["executions"].as_array().unwrap() {
        assert_eq!(innermost["status"], "ABORTED");
    }
    assert_eq!(world.service.running_executions(), 0);
}

#[tokio::test]
async fn ten_thousand_items_are_no_matter() {
    let world = World::new();
    let lines: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    world.put("b", "lines", lines);
    let mut state = reader(json!({ "InputType": "JSONL" }));
    state["ResultWriter"] = json!({ "WriterConfig": { "Transformation": "COMPACT" } });
    let output = output_of(&world, "m", state, json!("lines")).await;
    assert_eq!(output.as_array().unwrap().len(), 10_000);
    assert_eq!(output[9_999], 9_999);
}

/// Runs a Map Run of Standard or Express children, with a crash after each of the given numbers of steps.
fn run(crashes: &[usize], express: bool) -> (Value, Value, Vec<String>) {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut crashes = crashes.iter().copied();
    let mut execution: Option<String> = None;
    loop {
        let steps = crashes.next();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let world = World::over(store.clone(), Arc::clone(&clock));
            world.service.resume().await.unwrap();
            if execution.is_none() {
                let wait = json!({ "Type": "Wait", "Seconds": 1, "End": true });
                let state = json!({ "MaxConcurrency": 4, "ItemBatcher": { "MaxItemsPerBatch": 2 } });
                let arn = world.create("m", &machine(&state, &wait, express)).await;
                execution = Some(world.start(&arn, &json!((0..30).collect::<Vec<_>>())).await);
            }
            let execution = execution.as_ref().unwrap();
            for _ in 0..steps.unwrap_or(100_000) {
                let found = world.describe(execution).await;
                if found["status"] != "RUNNING" {
                    let run = map_run(&world, execution).await;
                    return Some((found["output"].clone(), run, world.types(execution).await));
                }
                tokio::task::yield_now().await;
                if let Some(next) = world.clock.next_wakeup()
                    && next > world.clock.now()
                {
                    world.settle().await;
                    world.clock.advance_to(next);
                }
            }
            assert!(steps.is_some(), "the execution does not end");
            None
        });
        if let Some(ended) = ended {
            return ended;
        }
    }
}

#[test]
fn map_runs_outlive_the_service() {
    for express in [false, true] {
        let (output, straight, types) = run(&[], express);
        assert_eq!(straight["executionCounts"]["succeeded"], 15);
        for step in 0..24 {
            let (crashed, run, crashed_types) = run(&[step, step % 5, 2 * step % 7, 3], express);
            assert_eq!((&crashed, &crashed_types), (&output, &types), "crash after {step}");
            assert_eq!(run["executionCounts"], straight["executionCounts"], "crash after {step}");
            assert_eq!(run["itemCounts"], straight["itemCounts"], "crash after {step}");
        }
    }
}

/// Redrives a run of which some children failed, with a crash after so many steps; the counts of its children.
fn redriven(steps: usize, express: bool) -> (Value, Value) {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut execution = String::new();
    for phase in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let world = World::over(store.clone(), Arc::clone(&clock));
            world.service.resume().await.unwrap();
            match phase {
                0 => {
                    world.functions.bad.lock().unwrap().extend([String::from("2"), String::from("5")]);
                    let state = json!({ "MaxConcurrency": 2, "ToleratedFailureCount": 1 });
                    let arn = world.create("m", &machine(&state, &flaky(), express)).await;
                    execution = world.start(&arn, &json!((0..9).collect::<Vec<_>>())).await;
                    assert_eq!(world.finish(&execution).await["status"], "FAILED");
                    None
                }
                1 => {
                    world.call("RedriveExecution", json!({ "executionArn": execution })).await.unwrap();
                    for _ in 0..steps {
                        tokio::task::yield_now().await;
                    }
                    None
                }
                _ => {
                    let found = world.finish(&execution).await;
                    Some((found["output"].clone(), map_run(&world, &execution).await))
                }
            }
        });
        if let Some(ended) = ended {
            return ended;
        }
    }
    unreachable!("the last phase answers")
}

#[test]
fn a_redriven_map_run_outlives_the_service() {
    for express in [false, true] {
        for steps in (0..30).chain([60]) {
            let (output, run) = redriven(steps, express);
            assert_eq!(output, "[0,1,2,3,4,5,6,7,8]", "crash after {steps}, express {express}");
            let counts = &run["executionCounts"];
            assert_eq!(
                (&counts["succeeded"], &counts["failed"], &counts["pendingRedrive"], &run["redriveCount"]),
                (&json!(9), &json!(0), &json!(0), &json!(1)),
                "crash after {steps}, express {express}"
            );
        }
    }
}
