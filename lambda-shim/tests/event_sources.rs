//! Queues and streams read by functions: real code in local processes, the real SQS, streams that a test writes to.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_shim::ExecutorChoice;
use runtime::{Clock, Input, Service as _, Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options, sources::Sources};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/stream";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000";
const SHARD: &str = "shardId-00000000000000000000-a";
const CHILD: &str = "shardId-00000000000000000001-b";

/// Says its event, then fails as bodies or data say.
const SOURCE: &str = r"
import base64, json
def handler(event, context):
    print('EVENT ' + json.dumps(event), flush=True)
    bodies = [r.get('body') or base64.b64decode(r.get('kinesis', {}).get('data', '')).decode() for r in event['Records']]
    if any(body.startswith('raise') for body in bodies):
        raise Exception('no')
    ids = [r.get('messageId') or r.get('kinesis', {}).get('sequenceNumber') for r in event['Records']]
    return {'batchItemFailures': [{'itemIdentifier': i} for i, body in zip(ids, bodies) if body.startswith('fail')]}
";

struct World {
    rig: Rig,
    sources: Sources,
    clock: Arc<VirtualClock>,
}

impl World {
    async fn new() -> Self {
        let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
        let store = Store::memory();
        let sources = Sources::new(&store, Clock::Virtual(clock.clone()));
        let world = Self::on(&store, sources, clock).await;
        world.rig.python("f", SOURCE).await;
        world.rig.settled("f").await;
        world.sqs("CreateQueue", json!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "30"}})).await;
        world
    }

    /// Another process over the same store.
    async fn on(store: &Store, sources: Sources, clock: Arc<VirtualClock>) -> Self {
        let lines = Lines::default();
        let mut options = options(ExecutorChoice::Process, store.clone(), &lines);
        options.router = Arc::new(sources.clone());
        options.clock = Clock::Virtual(clock.clone());
        let rig = Rig::start(options, lines, store.clone()).await;
        rig.lambda.poll_event_sources();
        Self { rig, sources, clock }
    }

    async fn sqs(&self, operation: &str, members: Value) -> Value {
        let Value::Object(members) = members else { panic!("an object") };
        let input = Input { members, ..Input::default() };
        Value::Object(self.sources.sqs.call(&self.rig.ctx, operation, input).await.unwrap().members)
    }

    async fn send(&self, body: &str) -> String {
        let url = "http://127.0.0.1:4566/000000000000/q";
        let sent = self.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await;
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    /// How many messages the queue has: visible, and with receivers.
    async fn count(&self, queue: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:4566/000000000000/{queue}");
        let found = self.sqs("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["All"]})).await;
        let text = |name: &str| found["Attributes"][name].as_str().unwrap().to_owned();
        (text("ApproximateNumberOfMessages"), text("ApproximateNumberOfMessagesNotVisible"))
    }

    async fn until_count(&self, queue: &str, visible: &str, taken: &str) {
        while self.count(queue).await != (visible.to_owned(), taken.to_owned()) {
            tokio::task::yield_now().await;
        }
    }

    async fn map(&self, source: &str, extra: Value) -> Value {
        let mut members = json!({"FunctionName": "f", "EventSourceArn": source});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let made = self.rig.call("CreateEventSourceMapping", members).await.unwrap();
        self.settled(&made["UUID"]).await
    }

    async fn settled(&self, uuid: &Value) -> Value {
        loop {
            let shown = self.rig.call("GetEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
            if shown["State"] == "Enabled" || shown["State"] == "Disabled" {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The events that the function has had.
    fn events(&self) -> Vec<Value> {
        let said = self.rig.lines.of("f");
        let events = said.lines().filter_map(|line| line.split_once("EVENT "));
        events.map(|(_, event)| serde_json::from_str(event).unwrap()).collect()
    }

    /// Waits for so many events. Time goes on meanwhile, for as long as anybody sleeps for at most a second.
    async fn until_events(&self, count: usize) -> Vec<Value> {
        loop {
            let events = self.events();
            if events.len() >= count {
                return events;
            }
            self.tick().await;
        }
    }

    /// Lets pollers that pause for a moment go on.
    async fn tick(&self) {
        self.tick_within(Duration::from_secs(1)).await;
    }

    /// Moves to the next moment that anybody waits for, if it is as near as that.
    async fn tick_within(&self, limit: Duration) {
        tokio::task::yield_now().await;
        let now = self.clock.now();
        if let Some(next) = self.clock.next_wakeup().filter(|next| next.since(now) <= limit) {
            self.clock.advance_to(next);
        }
    }

    fn kinesis(&self, shard: &str, key: &str, data: &str) -> String {
        let data = BASE64_STANDARD.encode(data);
        self.sources.write("kinesis", shard, |_| json!({"PartitionKey": key, "Data": data}))
    }
}

/// The bodies of an event's messages, or the data of its records.
fn contents(event: &Value) -> Vec<String> {
    let content = |record: &Value| match record["body"].as_str() {
        Some(body) => body.to_owned(),
        None => {
            let data = BASE64_STANDARD.decode(record["kinesis"]["data"].as_str().unwrap()).unwrap();
            String::from_utf8(data).unwrap()
        }
    };
    event["Records"].as_array().unwrap().iter().map(content).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_worked_off_and_what_failed_comes_again() {
    let world = World::new().await;
    world.sqs("CreateQueue", json!({"QueueName": "dead"})).await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
    let url = "http://127.0.0.1:4566/000000000000/q";
    world.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": redrive}})).await;
    let mut ids = Vec::new();
    for body in ["one", "fail two", "three"] {
        ids.push(world.send(body).await);
    }
    let mapping = world.map(QUEUE, json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]})).await;
    assert!(mapping.get("LastProcessingResult").is_none());
    let first = world.until_events(1).await.remove(0);
    let mut seen = contents(&first);
    seen.sort();
    assert_eq!(seen, ["fail two", "one", "three"]);
    let record = first["Records"].as_array().unwrap().iter().find(|record| record["body"] == "one").unwrap();
    let handle = record["receiptHandle"].clone();
    assert_eq!(
        record,
        &json!({
            "messageId": ids[0], "receiptHandle": handle, "body": "one",
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000", "SenderId": "000000000000",
                "ApproximateFirstReceiveTimestamp": "1700000000000",
            },
            "messageAttributes": {}, "md5OfBody": "f97c5d29941bfb1b2fdab0874906ab82", "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE, "awsRegion": "us-east-1",
        })
    );
    world.until_count("q", "0", "1").await;
    world.clock.advance(Duration::from_secs(30));
    let second = world.until_events(2).await.remove(1);
    assert_eq!(contents(&second), ["fail two"]);
    assert_eq!(second["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
    world.until_count("q", "0", "1").await;
    // It was received as often as it may be.
    world.clock.advance(Duration::from_secs(30));
    world.until_count("dead", "1", "0").await;
    world.until_count("q", "0", "0").await;
    assert_eq!(world.events().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_fails_as_a_whole_where_nothing_is_reported() {
    let world = World::new().await;
    world.send("raise").await;
    world.send("good").await;
    world.map(QUEUE, json!({})).await;
    assert_eq!(world.until_events(1).await[0]["Records"].as_array().unwrap().len(), 2);
    world.until_count("q", "0", "2").await;
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.until_events(2).await[1]["Records"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_no_filter_takes_are_deleted() {
    let world = World::new().await;
    let pattern = json!({"body": {"kind": ["wanted"]}}).to_string();
    world.map(QUEUE, json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}})).await;
    world.send(r#"{"kind": "other"}"#).await;
    world.send("plain").await;
    world.until_count("q", "0", "0").await;
    world.send(r#"{"kind": "wanted"}"#).await;
    let events = world.until_events(1).await;
    assert_eq!(contents(&events[0]), [r#"{"kind": "wanted"}"#]);
    world.until_count("q", "0", "0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_gathers_what_comes_in_it() {
    let world = World::new().await;
    world.map(QUEUE, json!({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 5})).await;
    for number in 0..12 {
        world.send(&number.to_string()).await;
    }
    world.until_count("q", "0", "12").await;
    assert!(world.events().is_empty());
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.until_events(1).await[0]["Records"].as_array().unwrap().len(), 12);
    world.until_count("q", "0", "0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled_messages_are_put_back_and_a_closed_function_is_given_none() {
    let world = World::new().await;
    let reserve = async |many: u32| {
        let members = json!({"FunctionName": "f", "ReservedConcurrentExecutions": many});
        world.rig.call("PutFunctionConcurrency", members).await.unwrap();
    };
    reserve(0).await;
    world.map(QUEUE, json!({"BatchSize": 1})).await;
    world.send("one").await;
    for _ in 0..20 {
        world.tick().await;
    }
    assert_eq!(world.count("q").await, ("1".to_owned(), "0".to_owned()));
    let listed = world.rig.call("ListEventSourceMappings", json!({})).await.unwrap();
    let problem =
        "PROBLEM: the function is gone or its reserved concurrency is 0: nothing is received for it";
    assert_eq!(listed["EventSourceMappings"][0]["LastProcessingResult"], problem);
    reserve(1).await;
    world.clock.advance(Duration::from_secs(2));
    world.until_events(1).await;
    // More at once than the function may run: whatever is throttled comes again, and none is lost. (Time may jump over
    // the visibility timeout of one that is being worked on, which then comes twice.)
    for number in 0..6 {
        world.send(&number.to_string()).await;
    }
    while world.count("q").await != ("0".to_owned(), "0".to_owned()) {
        world.tick_within(Duration::from_secs(60)).await;
    }
    let mut seen: Vec<String> = world.events().iter().flat_map(contents).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "one"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_batches_are_worked_on_at_once_than_a_mapping_says() {
    let world = World::new().await;
    let slow =
        "import time\ndef handler(event, context):\n    print('ran', flush=True)\n    time.sleep(0.5)\n";
    world.rig.python("slow", slow).await;
    for number in 0..8 {
        world.send(&number.to_string()).await;
    }
    let scaling = json!({"MaximumConcurrency": 2});
    world.map(QUEUE, json!({"FunctionName": "slow", "BatchSize": 1, "ScalingConfig": scaling})).await;
    world.until_count("q", "0", "0").await;
    assert_eq!(world.rig.lines.of("slow").matches("ran").count(), 8);
    assert_eq!(world.rig.lines.streams("slow"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_is_disabled_or_gone_reads_nothing_and_one_that_is_stored_goes_on() {
    let world = World::new().await;
    let uuid = world.map(QUEUE, json!({})).await["UUID"].clone();
    world.rig.call("UpdateEventSourceMapping", json!({"UUID": uuid, "Enabled": false})).await.unwrap();
    world.settled(&uuid).await;
    world.send("one").await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.count("q").await, ("1".to_owned(), "0".to_owned()));
    world.rig.call("UpdateEventSourceMapping", json!({"UUID": uuid, "Enabled": true})).await.unwrap();
    world.until_events(1).await;
    world.until_count("q", "0", "0").await;
    world.rig.lambda.shutdown().await;
    let world = World::on(&world.rig.store, world.sources.clone(), world.clock.clone()).await;
    world.send("two").await;
    assert_eq!(contents(&world.until_events(1).await[0]), ["two"]);
    world.until_count("q", "0", "0").await;
    world.rig.call("DeleteEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
    world.send("three").await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.count("q").await, ("1".to_owned(), "0".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_read_in_order_and_a_batch_that_fails_for_good_is_told_of() {
    let world = World::new().await;
    world.sqs("CreateQueue", json!({"QueueName": "failed"})).await;
    world.sources.add_shard("kinesis", SHARD, None);
    let first = world.kinesis(SHARD, "p", "one");
    for data in ["two", "raise three"] {
        world.kinesis(SHARD, "p", data);
    }
    let settings = json!({
        "StartingPosition": "TRIM_HORIZON", "BatchSize": 2, "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}},
    });
    let uuid = world.map(STREAM, settings).await["UUID"].clone();
    let events = world.until_events(3).await;
    assert_eq!(
        events.iter().map(contents).collect::<Vec<_>>(),
        [vec!["one", "two"], vec!["raise three"], vec!["raise three"]]
    );
    assert_eq!(
        events[0]["Records"][0],
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": first, "data": "b25l",
                "approximateArrivalTimestamp": 1_700_000_000.0,
            },
            "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": format!("{SHARD}:{first}"),
            "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::000000000000:role/r",
            "awsRegion": "us-east-1", "eventSourceARN": STREAM,
        })
    );
    while world.count("failed").await.0 != "1" {
        world.tick().await;
    }
    let url = "http://127.0.0.1:4566/000000000000/failed";
    let told = world.sqs("ReceiveMessage", json!({"QueueUrl": url})).await;
    let told: Value = serde_json::from_str(told["Messages"][0]["Body"].as_str().unwrap()).unwrap();
    let sequence = "1000000000000000000003";
    assert_eq!(
        told,
        json!({
            "requestContext": {
                "requestId": told["requestContext"]["requestId"], "condition": "RetryAttemptsExhausted",
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "approximateInvokeCount": 2,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0", "timestamp": told["timestamp"],
            "KinesisBatchInfo": {
                "shardId": SHARD, "startSequenceNumber": sequence, "endSequenceNumber": sequence,
                "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20Z",
                "approximateArrivalOfLastRecord": "2023-11-14T22:13:20Z", "batchSize": 1, "streamArn": STREAM,
            },
        })
    );
    let shown = world.rig.call("GetEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
    assert_eq!(shown["LastProcessingResult"], "PROBLEM: Function call failed");
    // The shard goes on behind it.
    world.kinesis(SHARD, "p", "four");
    assert_eq!(contents(&world.until_events(4).await[3]), ["four"]);
    loop {
        let shown = world.rig.call("GetEventSourceMapping", json!({"UUID": uuid})).await.unwrap();
        if shown["LastProcessingResult"] == "OK" {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_goes_on_where_it_ended_and_children_follow_their_parents() {
    let world = World::new().await;
    world.sources.add_shard("kinesis", SHARD, None);
    world.kinesis(SHARD, "p", "before");
    world.map(STREAM, json!({"StartingPosition": "LATEST", "MaximumBatchingWindowInSeconds": 0})).await;
    while world.sources.iterators.lock().unwrap().is_empty() {
        world.tick().await;
    }
    world.kinesis(SHARD, "p", "one");
    assert_eq!(contents(&world.until_events(1).await[0]), ["one"]);
    // The checkpoint is stored once the batch is done.
    let stored = || {
        let rows = world.rig.store.scan(
            store::Table("lambda.event_source_checkpoints"),
            &store::Key::new(),
            None,
            9,
        );
        let texts = rows.unwrap().into_iter().map(|(_, row)| String::from_utf8(row.to_vec()).unwrap());
        texts.collect::<String>()
    };
    while !stored().contains("1000000000000000000002") {
        world.tick().await;
    }
    world.rig.lambda.shutdown().await;
    let (store, sources, clock) = (world.rig.store.clone(), world.sources.clone(), world.clock.clone());
    world.kinesis(SHARD, "p", "two");
    world.sources.close_shard("kinesis", SHARD);
    world.sources.add_shard("kinesis", CHILD, Some(SHARD));
    world.kinesis(CHILD, "p", "three");
    drop(world);
    let world = World::on(&store, sources, clock).await;
    let events = world.until_events(2).await;
    assert_eq!(events.iter().map(contents).collect::<Vec<_>>(), [["two"], ["three"]]);
    let kinds: Vec<Value> =
        world.sources.iterators.lock().unwrap().iter().map(|it| it["ShardIteratorType"].clone()).collect();
    assert_eq!(kinds, ["LATEST", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_begins_at_a_moment_and_goes_on_when_its_iterator_has_expired() {
    let world = World::new().await;
    world.sources.add_shard("kinesis", SHARD, None);
    world.kinesis(SHARD, "p", "old");
    world.clock.advance(Duration::from_secs(5));
    let from = world.clock.now().epoch_seconds();
    world.kinesis(SHARD, "p", "one");
    world.map(STREAM, json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": from})).await;
    assert_eq!(contents(&world.until_events(1).await[0]), ["one"]);
    world.sources.expired.store(true, std::sync::atomic::Ordering::SeqCst);
    world.kinesis(SHARD, "p", "two");
    assert_eq!(contents(&world.until_events(2).await[1]), ["two"]);
    let asked = world.sources.iterators.lock().unwrap().clone();
    let kinds: Vec<&Value> = asked.iter().map(|it| &it["ShardIteratorType"]).collect();
    assert_eq!(kinds, ["AT_TIMESTAMP", "AFTER_SEQUENCE_NUMBER"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_table_had_while_nobody_read_is_read_later_and_nothing_older() {
    let world = World::new().await;
    let source =
        "import json\ndef handler(event, context):\n    print('EVENT ' + json.dumps(event), flush=True)\n";
    world.rig.call("DeleteFunction", json!({"FunctionName": "f"})).await.unwrap();
    world.rig.python("f", source).await;
    world.sources.add_shard("dynamodbstreams", SHARD, None);
    let write = |world: &World, id: &str| {
        let record = json!({"eventID": id, "eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": id}}}});
        world.sources.write("dynamodbstreams", SHARD, |_| record);
    };
    write(&world, "old");
    world.clock.advance(Duration::from_secs(5));
    world.map(TABLE, json!({"StartingPosition": "LATEST"})).await;
    while world.sources.iterators.lock().unwrap().is_empty() {
        world.tick().await;
    }
    world.rig.lambda.shutdown().await;
    write(&world, "meanwhile");
    let world = World::on(&world.rig.store, world.sources.clone(), world.clock.clone()).await;
    let event = world.until_events(1).await.remove(0);
    let ids: Vec<&Value> =
        event["Records"].as_array().unwrap().iter().map(|record| &record["eventID"]).collect();
    assert_eq!(ids, ["meanwhile"]);
    let asked = world.sources.iterators.lock().unwrap().clone();
    assert_eq!(asked.last().unwrap()["ShardIteratorType"], "TRIM_HORIZON");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_a_table_are_filtered_and_a_bucket_is_told_of_failures() {
    let world = World::new().await;
    let source = "import json\ndef handler(event, context):\n    print('EVENT ' + json.dumps(event), flush=True)\n    raise Exception('no')\n";
    world.rig.python("g", source).await;
    world.sources.add_shard("dynamodbstreams", SHARD, None);
    for (name, id) in [("REMOVE", "a"), ("INSERT", "b")] {
        world.sources.write("dynamodbstreams", SHARD, |sequence| {
            json!({
                "eventID": format!("e{sequence}"), "eventName": name, "eventVersion": "1.1",
                "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
                "dynamodb": {"Keys": {"id": {"S": id}}, "NewImage": {"raw": {"B": "Zm9v"}}, "SizeBytes": 7,
                             "StreamViewType": "NEW_IMAGE"},
            })
        });
    }
    let pattern = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": ["b"]}}}}).to_string();
    let mapping = json!({
        "FunctionName": "g", "EventSourceArn": TABLE, "StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": 0,
        "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}},
    });
    let uuid = world.rig.call("CreateEventSourceMapping", mapping).await.unwrap()["UUID"].clone();
    while world.sources.objects.lock().unwrap().is_empty() {
        world.tick().await;
    }
    let (key, told) = world.sources.objects.lock().unwrap()[0].clone();
    assert!(
        key.starts_with(&format!("aws/lambda/{}/{SHARD}/2023/11/14/2023-11-14T", uuid.as_str().unwrap())),
        "{key}"
    );
    let info = &told["DDBStreamBatchInfo"];
    assert_eq!((&info["batchSize"], &info["streamArn"]), (&json!(1), &json!(TABLE)));
    let event: Value = serde_json::from_str(told["payload"].as_str().unwrap()).unwrap();
    assert_eq!(
        event,
        json!({"Records": [{
            "eventID": "e1000000000000000000002", "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "dynamodb": {
                "Keys": {"id": {"S": "b"}}, "NewImage": {"raw": {"B": "Zm9v"}}, "SizeBytes": 7,
                "StreamViewType": "NEW_IMAGE", "SequenceNumber": "1000000000000000000002",
                "ApproximateCreationDateTime": 1_700_000_000,
            },
            "eventSourceARN": TABLE,
        }]})
    );
}
