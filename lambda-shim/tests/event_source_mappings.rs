//! Event source mappings as they are made, shown, changed and removed.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::sync::Arc;

use lambda_shim::ExecutorChoice;
use runtime::{Clock, Input, Service as _};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options, sources::Sources};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/stream";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000";

async fn rig_on(store: &Store) -> (Rig, Sources) {
    let lines = Lines::default();
    let sources = Sources::new(store, Clock::Real);
    let mut options = options(ExecutorChoice::Process, store.clone(), &lines);
    options.router = Arc::new(sources.clone());
    (Rig::start(options, lines, store.clone()).await, sources)
}

async fn rig() -> (Rig, Sources) {
    let (rig, sources) = rig_on(&Store::memory()).await;
    rig.python("f", "def handler(event, context):\n    return None\n").await;
    rig.settled("f").await;
    make_queue(&rig, &sources, "q", json!({})).await;
    (rig, sources)
}

async fn make_queue(rig: &Rig, sources: &Sources, name: &str, attributes: Value) {
    let members = json!({"QueueName": name, "Attributes": attributes});
    let Value::Object(members) = members else { panic!("an object") };
    sources.sqs.call(&rig.ctx, "CreateQueue", Input { members, ..Input::default() }).await.unwrap();
}

async fn refusal(rig: &Rig, operation: &str, members: Value) -> (String, String) {
    let refused = rig.call(operation, members).await.unwrap_err();
    (refused.code.to_string(), refused.message)
}

async fn settled(rig: &Rig, uuid: &Value) -> Value {
    loop {
        let shown = rig.call("GetEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
        if shown["State"] == "Enabled" || shown["State"] == "Disabled" {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_of_a_queue_is_made_changed_and_removed() {
    let (rig, _) = rig().await;
    let create = json!({"FunctionName": "f", "EventSourceArn": QUEUE, "Tags": {"a": "b"}});
    let made = rig.call("CreateEventSourceMapping", create.clone()).await.unwrap();
    let uuid = made["UUID"].clone();
    let arn =
        format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{}", uuid.as_str().unwrap());
    let none: [Value; 0] = [];
    assert_eq!(
        made,
        json!({
            "UUID": uuid, "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": QUEUE,
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "FunctionResponseTypes": none,
            "LastModified": made["LastModified"], "State": "Creating", "StateTransitionReason": "USER_INITIATED",
            "EventSourceMappingArn": arn,
        })
    );
    assert!(made["LastModified"].is_f64());
    let again = refusal(&rig, "CreateEventSourceMapping", create).await;
    let text = format!(
        "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") already exists. Please update or \
         delete the existing mapping with UUID {}",
        uuid.as_str().unwrap()
    );
    assert_eq!(again, ("ResourceConflictException".to_owned(), text));
    assert_eq!(settled(&rig, &uuid).await["State"], "Enabled");
    let update = json!({"UUID": uuid, "BatchSize": 20});
    assert_eq!(
        refusal(&rig, "UpdateEventSourceMapping", update).await.1,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    );
    let filters = json!({"Filters": [{"Pattern": "{\"body\": {\"a\": [1]}}"}]});
    let update = json!({
        "UUID": uuid, "BatchSize": 20, "MaximumBatchingWindowInSeconds": 5, "FilterCriteria": filters,
        "ScalingConfig": {"MaximumConcurrency": 3},
    });
    let updated = rig.call("UpdateEventSourceMapping", update).await.unwrap();
    assert_eq!((&updated["State"], &updated["BatchSize"]), (&json!("Updating"), &json!(20)));
    assert_eq!(
        (&updated["FilterCriteria"], &updated["ScalingConfig"]["MaximumConcurrency"]),
        (&filters, &json!(3))
    );
    settled(&rig, &uuid).await;
    let back =
        json!({"UUID": uuid, "FilterCriteria": {"Filters": []}, "ScalingConfig": {}, "Enabled": false});
    let updated = rig.call("UpdateEventSourceMapping", back).await.unwrap();
    assert_eq!(updated["State"], "Disabling");
    assert!(updated.get("FilterCriteria").is_none() && updated.get("ScalingConfig").is_none());
    assert_eq!(settled(&rig, &uuid).await["State"], "Disabled");
    let enabled = rig.call("UpdateEventSourceMapping", json!({"UUID": uuid, "Enabled": true})).await.unwrap();
    assert_eq!(enabled["State"], "Enabling");
    settled(&rig, &uuid).await;
    rig.call("TagResource", json!({"Resource": arn, "Tags": {"c": "d"}})).await.unwrap();
    rig.call("UntagResource", json!({"Resource": arn, "TagKeys": ["a"]})).await.unwrap();
    assert_eq!(rig.call("ListTags", json!({"Resource": arn})).await.unwrap(), json!({"Tags": {"c": "d"}}));
    let deleted = rig.call("DeleteEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
    assert_eq!(deleted["State"], "Deleting");
    let gone = "The resource you requested does not exist.";
    assert_eq!(refusal(&rig, "GetEventSourceMapping", json!({"UUID": uuid})).await.1, gone);
    assert_eq!(refusal(&rig, "DeleteEventSourceMapping", json!({"UUID": uuid})).await.1, gone);
    let missing = refusal(&rig, "ListTags", json!({"Resource": arn})).await;
    assert_eq!(
        missing,
        ("ResourceNotFoundException".to_owned(), format!("Event source mapping not found: {arn}"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_waits_for_the_one_before() {
    let store = Store::memory();
    let lines = Lines::default();
    let mut options = options(ExecutorChoice::Process, store.clone(), &lines);
    options.router = Arc::new(Sources::new(&store, Clock::Real));
    options.update_time = std::time::Duration::from_secs(3600);
    let rig = Rig::start(options, lines, store).await;
    rig.python("f", "").await;
    let create = json!({"FunctionName": "f", "EventSourceArn": STREAM, "StartingPosition": "LATEST"});
    let uuid = rig.call("CreateEventSourceMapping", create).await.unwrap()["UUID"].clone();
    for (operation, verb) in [("UpdateEventSourceMapping", "update"), ("DeleteEventSourceMapping", "delete")]
    {
        let refused = refusal(&rig, operation, json!({"UUID": uuid})).await;
        let text = format!("Cannot {verb} the event source mapping because it is in use.");
        assert_eq!(refused, ("ResourceInUseException".to_owned(), text));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappings_of_streams_show_all_their_settings() {
    let (rig, sources) = rig().await;
    sources.add_shard("kinesis", "shardId-000000000000", None);
    let create = json!({"FunctionName": "f", "EventSourceArn": STREAM, "StartingPosition": "LATEST", "Enabled": false});
    let made = rig.call("CreateEventSourceMapping", create.clone()).await.unwrap();
    let none: [Value; 0] = [];
    assert_eq!(
        made,
        json!({
            "UUID": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"],
            "LastModified": made["LastModified"], "BatchSize": 100, "BisectBatchOnFunctionError": false,
            "DestinationConfig": {"OnFailure": {}}, "EventSourceArn": STREAM,
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "FunctionResponseTypes": none,
            "LastProcessingResult": "No records processed", "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
            "StartingPosition": "LATEST", "State": "Disabled", "StateTransitionReason": "User action",
            "TumblingWindowInSeconds": 0,
        })
    );
    let text = format!(
        "The event source arn (\" {STREAM} \") and function (\" f \") provided mapping already exists. Please update or \
         delete the existing mapping with UUID {}",
        made["UUID"].as_str().unwrap()
    );
    assert_eq!(refusal(&rig, "CreateEventSourceMapping", create).await.1, text);
    let missing = json!({
        "FunctionName": "f", "EventSourceArn": STREAM.replace("/stream", "/other"), "StartingPosition": "LATEST",
    });
    assert_eq!(
        refusal(&rig, "CreateEventSourceMapping", missing).await.1,
        "Received Exception while reading from provided stream. Stream not found"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_go_together_is_refused() {
    let (rig, sources) = rig().await;
    make_queue(&rig, &sources, "short", json!({"VisibilityTimeout": "2"})).await;
    let fifo = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
    let position = json!({"StartingPosition": "LATEST"});
    let cases = [
        (json!({}), "Unrecognized event source."),
        (json!({"EventSourceArn": "arn:aws:s3:::bucket"}), "Unrecognized event source."),
        (json!({"EventSourceArn": QUEUE, "FunctionName": "nobody"}), "Function does not exist"),
        (json!({"EventSourceArn": QUEUE, "FunctionName": "f:nothing"}), "Function does not exist"),
        (
            json!({"EventSourceArn": QUEUE, "StartingPosition": "LATEST"}),
            "StartingPosition is not valid for SQS event sources.",
        ),
        (
            json!({"EventSourceArn": QUEUE, "FunctionName": "nobody", "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}),
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": QUEUE, "BisectBatchOnFunctionError": true}),
            "Unsupported BisectBatchOnFunctionError parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": QUEUE, "BatchSize": 11}),
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        (json!({"EventSourceArn": fifo, "BatchSize": 11}), "Batch size must not exceed 10 for FIFO queues"),
        (
            json!({"EventSourceArn": fifo, "MaximumBatchingWindowInSeconds": 1}),
            "Batching window is not supported for FIFO queues",
        ),
        (
            json!({"EventSourceArn": QUEUE, "FilterCriteria": {"Filters": [{"Pattern": "plain"}]}}),
            "Invalid filter pattern definition.",
        ),
        (
            json!({"EventSourceArn": QUEUE.replace(":q", ":gone")}),
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist.",
        ),
        (
            json!({"EventSourceArn": QUEUE.replace(":q", ":short")}),
            "Queue visibility timeout: 2 seconds is less than Function timeout: 20 seconds",
        ),
        (
            json!({"EventSourceArn": QUEUE, "ProvisionedPollerConfig": {"MinimumPollers": 1}}),
            "MinimumPollers should be between [2, 200] and MaximumPollers should be between [MinimumPollers, 10000]",
        ),
        (
            json!({"EventSourceArn": STREAM}),
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not \
             be null.",
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST", "StartingPositionTimestamp": 1}),
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": -1.0}),
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a \
             Timestamp",
        ),
        (
            json!({"EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1}),
            "Unsupported starting position for arn type: arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/\
             2026-01-01T00:00:00.000",
        ),
        (
            json!({"EventSourceArn": STREAM, "ScalingConfig": {"MaximumConcurrency": 2}, "StartingPosition": "LATEST"}),
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        (
            json!({"EventSourceArn": STREAM, "MaximumRecordAgeInSeconds": 59, "StartingPosition": position["StartingPosition"]}),
            "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800",
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST", "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:us-east-1:000000000000:function:f"}}}),
            "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=arn:aws:\
             lambda:us-east-1:000000000000:function:f)) is invalid.",
        ),
        (
            json!({"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1"]}}, "StartingPosition": "LATEST"}),
            "Required 'sourceAccessConfigurations' parameter is missing.",
        ),
    ];
    for (extra, message) in cases {
        let mut members = json!({"FunctionName": "f"});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let refused = refusal(&rig, "CreateEventSourceMapping", members).await;
        assert_eq!(refused, ("InvalidParameterValueException".to_owned(), message.to_owned()), "{extra}");
    }
    let all = rig.call("ListEventSourceMappings", json!({})).await.unwrap();
    assert_eq!(all["EventSourceMappings"], json!([]), "nothing that was refused is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_be_read_is_said() {
    let (rig, _) = rig().await;
    let create = json!({"FunctionName": "f", "EventSourceArn": STREAM, "StartingPosition": "TRIM_HORIZON"});
    let made = rig.call("CreateEventSourceMapping", create).await.unwrap();
    let problem = made["LastProcessingResult"].as_str().unwrap();
    assert!(problem.starts_with("PROBLEM: NotImplemented: Tule does not emulate kinesis"), "{problem}");
    let cluster = "arn:aws:kafka:us-east-1:000000000000:cluster/c/1";
    let kafka = json!({
        "FunctionName": "f", "EventSourceArn": cluster, "StartingPosition": "LATEST", "Topics": ["t"],
    });
    let made = rig.call("CreateEventSourceMapping", kafka).await.unwrap();
    let problem =
        "PROBLEM: Tule does not read from Amazon MSK: no record of this source reaches the function";
    assert_eq!(made["LastProcessingResult"], problem);
    assert_eq!(made["Topics"], json!(["t"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_and_paged_and_survive_a_restart() {
    let (rig, sources) = rig().await;
    rig.call("PublishVersion", json!({"FunctionName": "f"})).await.unwrap();
    make_queue(&rig, &sources, "p", json!({})).await;
    let other = QUEUE.replace(":q", ":p");
    let mut uuids = Vec::new();
    for (function, source) in [("f", QUEUE), ("f", &other), ("f:1", QUEUE)] {
        let create = json!({"FunctionName": function, "EventSourceArn": source, "Enabled": false});
        uuids.push(rig.call("CreateEventSourceMapping", create).await.unwrap()["UUID"].clone());
    }
    let taken =
        refusal(&rig, "UpdateEventSourceMapping", json!({"UUID": uuids[0], "FunctionName": "f:1"})).await;
    assert_eq!(taken.0, "ResourceConflictException");
    let (rig, _) = rig_on(&rig.store).await;
    let ids = |listed: &Value| -> Vec<Value> {
        listed["EventSourceMappings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mapping| mapping["UUID"].clone())
            .collect()
    };
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(ToString::to_string);
        ids
    };
    let list = async |members: Value| rig.call("ListEventSourceMappings", members).await.unwrap();
    assert_eq!(ids(&list(json!({})).await), sorted(uuids.clone()));
    let of_function = list(json!({"FunctionName": "function:f"})).await;
    assert_eq!(ids(&of_function), sorted(uuids[..2].to_vec()));
    let of_version =
        list(json!({"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f:1"})).await;
    assert_eq!(ids(&of_version), [uuids[2].clone()]);
    let of_source = list(json!({"EventSourceArn": QUEUE})).await;
    assert_eq!(ids(&of_source), sorted(vec![uuids[0].clone(), uuids[2].clone()]));
    assert_eq!(ids(&list(json!({"EventSourceArn": QUEUE, "FunctionName": "f"})).await), [uuids[0].clone()]);
    assert!(ids(&list(json!({"FunctionName": "nobody"})).await).is_empty());
    let mut walked = Vec::new();
    let mut marker = Value::Null;
    loop {
        let mut members = json!({"MaxItems": 1, "EventSourceArn": QUEUE});
        if !marker.is_null() {
            members["Marker"] = marker;
        }
        let page = list(members).await;
        walked.extend(ids(&page));
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(walked, ids(&of_source));
}
