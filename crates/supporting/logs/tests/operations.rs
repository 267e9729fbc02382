//! CloudWatch Logs through its operations, over the in-memory store.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use logs::{Logs, Options};
use runtime::{CallContext, Clock, Input, LogSink, Scope, Service, Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

const NOW: i64 = 1_700_000_000_000;

struct Rig {
    logs: Logs,
    ctx: CallContext,
    clock: Arc<VirtualClock>,
    store: Store,
}

impl Rig {
    fn new() -> Self {
        Self::over(Store::memory())
    }

    fn over(store: Store) -> Self {
        let clock = VirtualClock::starting_at(Timestamp(NOW));
        let logs = Logs::new(Options { store: store.clone(), clock: Clock::Virtual(clock.clone()) }).unwrap();
        let ctx =
            CallContext::internal(Scope::new("000000000000", "us-east-1"), Arc::from("http://localhost"));
        Self { logs, ctx, clock, store }
    }

    async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let answer = self.logs.call(&self.ctx, operation, Input { members, ..Input::default() }).await?;
        Ok(Value::Object(answer.members))
    }

    async fn refused(&self, operation: &str, members: Value) -> (String, String) {
        let error = self.call(operation, members).await.unwrap_err();
        (error.code.into_owned(), error.message)
    }

    async fn group(&self) {
        self.call("CreateLogGroup", json!({"logGroupName": "g", "tags": {"a": "1"}})).await.unwrap();
        self.call("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await.unwrap();
    }

    async fn put(&self, events: &[(i64, &str)]) -> Value {
        let events: Vec<_> =
            events.iter().map(|(at, text)| json!({"timestamp": NOW + at, "message": text})).collect();
        self.call("PutLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events}))
            .await
            .unwrap()
    }

    async fn get(&self, extra: Value) -> (Vec<String>, Value) {
        let mut members = json!({"logGroupName": "g", "logStreamName": "s"});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = self.call("GetLogEvents", members).await.unwrap();
        (messages(&answer), answer)
    }
}

fn messages(answer: &Value) -> Vec<String> {
    answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn groups_and_streams_come_and_go() {
    let rig = Rig::new();
    rig.group().await;
    let code = |(code, _): (String, String)| code;
    assert_eq!(
        code(rig.refused("CreateLogGroup", json!({"logGroupName": "g"})).await),
        "ResourceAlreadyExistsException"
    );
    assert_eq!(
        rig.refused("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await,
        ("ResourceAlreadyExistsException".into(), "The specified log stream already exists".into())
    );
    let shown = rig.call("DescribeLogGroups", json!({})).await.unwrap();
    assert_eq!(shown["logGroups"][0]["arn"], "arn:aws:logs:us-east-1:000000000000:log-group:g:*");
    assert_eq!(shown["logGroups"][0]["creationTime"], NOW);
    let tags = rig
        .call("ListTagsForResource", json!({"resourceArn": shown["logGroups"][0]["logGroupArn"]}))
        .await
        .unwrap();
    assert_eq!(tags, json!({"tags": {"a": "1"}}));
    rig.call("DeleteLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await.unwrap();
    rig.call("DeleteLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(
        rig.refused("DescribeLogStreams", json!({"logGroupName": "g"})).await,
        ("ResourceNotFoundException".into(), "The specified log group does not exist.".into())
    );
    assert_eq!(
        code(
            rig.refused("CreateLogGroup", json!({"logGroupName": "h", "deletionProtectionEnabled": true}))
                .await
        ),
        "NotImplemented"
    );
}

#[tokio::test]
async fn lists_page_in_order() {
    let rig = Rig::new();
    for number in 0..120 {
        rig.call("CreateLogGroup", json!({"logGroupName": format!("/a/{number:03}")})).await.unwrap();
    }
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let page = rig
            .call("DescribeLogGroups", json!({"logGroupNamePrefix": "/a/", "nextToken": token}))
            .await
            .unwrap();
        found.extend(
            page["logGroups"]
                .as_array()
                .unwrap()
                .iter()
                .map(|group| group["logGroupName"].as_str().unwrap().to_owned()),
        );
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(found.len(), 120);
    assert!(found.is_sorted());
    let one =
        rig.call("DescribeLogGroups", json!({"logGroupNamePattern": "A/11", "limit": 3})).await.unwrap();
    assert_eq!(one["logGroups"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn events_are_read_from_both_ends() {
    let rig = Rig::new();
    rig.group().await;
    rig.put(&[(0, "a"), (1, "b"), (1, "c"), (5, "d"), (9, "e")]).await;
    let (newest, answer) = rig.get(json!({"limit": 2})).await;
    assert_eq!(newest, ["d", "e"]);
    let (older, _) = rig.get(json!({"limit": 2, "nextToken": answer["nextBackwardToken"]})).await;
    assert_eq!(older, ["b", "c"]);
    let (head, answer) = rig.get(json!({"limit": 3, "startFromHead": true})).await;
    assert_eq!(head, ["a", "b", "c"]);
    let (rest, answer) =
        rig.get(json!({"nextToken": answer["nextForwardToken"], "startFromHead": true})).await;
    assert_eq!(rest, ["d", "e"]);
    let (nothing, end) = rig.get(json!({"nextToken": answer["nextForwardToken"]})).await;
    assert!(nothing.is_empty());
    assert_eq!(
        end["nextForwardToken"], answer["nextForwardToken"],
        "the same token says that this is the end"
    );
    let (between, _) = rig.get(json!({"startTime": NOW + 1, "endTime": NOW + 9})).await;
    assert_eq!(between, ["b", "c", "d"]);
    assert_eq!(
        rig.refused("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "x"}))
            .await
            .1,
        "The specified nextToken is invalid."
    );
}

#[tokio::test]
async fn filtering_merges_streams_and_pages() {
    let rig = Rig::new();
    rig.group().await;
    rig.put(&[(0, "ERROR one"), (2, "INFO two"), (4, "ERROR three")]).await;
    let sink = rig.logs.stream(&rig.ctx.scope, "g", "t");
    sink.write(Timestamp(NOW + 1), "ERROR from t\n".to_owned());
    sink.write(Timestamp(NOW + 3), "{\"level\": \"ERROR\"}".to_owned());
    let filter = |extra: Value| {
        let mut members = json!({"logGroupName": "g"});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        members
    };
    let all = rig
        .call("FilterLogEvents", filter(json!({"filterPattern": "ERROR", "interleaved": true})))
        .await
        .unwrap();
    assert_eq!(messages(&all), ["ERROR one", "ERROR from t\n", "{\"level\": \"ERROR\"}", "ERROR three"]);
    let first =
        rig.call("FilterLogEvents", filter(json!({"filterPattern": "ERROR", "limit": 2}))).await.unwrap();
    let second = rig
        .call(
            "FilterLogEvents",
            filter(json!({"filterPattern": "ERROR", "limit": 2, "nextToken": first["nextToken"]})),
        )
        .await
        .unwrap();
    assert_eq!([messages(&first), messages(&second)].concat(), messages(&all));
    assert_eq!(second["nextToken"], Value::Null);
    let of_json = rig
        .call("FilterLogEvents", filter(json!({"filterPattern": "{ $.level = \"ERROR\" }"})))
        .await
        .unwrap();
    assert_eq!(of_json["events"][0]["logStreamName"], "t");
    let of_stream = rig
        .call(
            "FilterLogEvents",
            filter(json!({"logStreamNames": ["s"], "startTime": NOW + 1, "endTime": NOW + 2})),
        )
        .await
        .unwrap();
    assert_eq!(messages(&of_stream), ["INFO two"]);
}

#[tokio::test]
async fn batches_out_of_bounds_are_refused() {
    let rig = Rig::new();
    rig.group().await;
    let put = |events: Value| json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events});
    let backwards = put(json!([{"timestamp": NOW, "message": "b"}, {"timestamp": NOW - 1, "message": "a"}]));
    assert_eq!(
        rig.refused("PutLogEvents", backwards).await.1,
        "Log events in a single PutLogEvents request must be in chronological order."
    );
    let large = put(json!([{"timestamp": NOW, "message": "x".repeat(1 << 20)}]));
    assert_eq!(
        rig.refused("PutLogEvents", large).await.1,
        "Upload too large: 1048602 bytes exceeds limit of 1048576"
    );
    let day = 86_400_000;
    let answer = rig.put(&[(-14 * day - 1, "old"), (-14 * day, "kept")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
    let answer = rig.put(&[(0, "kept too"), (7_200_001, "new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 1}));
    assert_eq!(rig.get(json!({})).await.0, ["kept", "kept too"]);
}

#[tokio::test]
async fn retention_forgets() {
    let rig = Rig::new();
    rig.group().await;
    rig.put(&[(0, "a")]).await;
    assert_eq!(
        rig.refused("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 2})).await.0,
        "InvalidParameterException"
    );
    rig.call("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await.unwrap();
    assert_eq!(rig.get(json!({})).await.0, ["a"]);
    rig.clock.advance(Duration::from_secs(86_401));
    assert!(rig.get(json!({})).await.0.is_empty());
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let rig = Rig::new();
    rig.group().await;
    rig.put(&[(0, "a"), (1, "b")]).await;
    rig.put(&[(2, "c")]).await;
    rig.logs.stream(&rig.ctx.scope, "made", "by sink").write(Timestamp(NOW), "x".to_owned());
    let added = json!({"logGroupName": "made", "logStreamName": "by sink", "logEvents": [
        {"timestamp": NOW, "message": "acknowledged"}
    ]});
    rig.call("PutLogEvents", added).await.unwrap();
    let again = Rig::over(rig.store.clone());
    let found = again.get(json!({"logGroupName": "made", "logStreamName": "by sink"})).await.0;
    assert_eq!(found, ["acknowledged"], "a function's own lines are in memory alone");
    assert_eq!(again.get(json!({})).await.0, ["a", "b", "c"]);
    again.put(&[(2, "d")]).await;
    assert_eq!(again.get(json!({})).await.0, ["a", "b", "c", "d"]);
    assert_eq!(
        again.call("DescribeLogGroups", json!({})).await.unwrap()["logGroups"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn streams_are_listed_by_name_and_by_last_event() {
    let rig = Rig::new();
    for (name, at) in [("c", 1), ("a", 3), ("b", 2)] {
        rig.logs.stream(&rig.ctx.scope, "g", name).write(Timestamp(NOW + at), name.to_owned());
    }
    let names = |answer: &Value| {
        let streams = answer["logStreams"].as_array().unwrap();
        streams.iter().map(|stream| stream["logStreamName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (by, descending, expected) in [
        ("LogStreamName", false, ["a", "b", "c"]),
        ("LogStreamName", true, ["c", "b", "a"]),
        ("LastEventTime", false, ["c", "b", "a"]),
        ("LastEventTime", true, ["a", "b", "c"]),
    ] {
        let members = json!({"logGroupName": "g", "orderBy": by, "descending": descending, "limit": 2});
        let first = rig.call("DescribeLogStreams", members.clone()).await.unwrap();
        let mut more = members;
        more["nextToken"] = first["nextToken"].clone();
        let second = rig.call("DescribeLogStreams", more).await.unwrap();
        assert_eq!([names(&first), names(&second)].concat(), expected, "{by} {descending}");
    }
}

/// The messages of one stream, if it is there.
async fn printed(rig: &Rig, stream: &str) -> Option<Vec<String>> {
    let members = json!({"logGroupName": "functions", "logStreamName": stream});
    let answer = rig.call("GetLogEvents", members).await.ok()?;
    Some(messages(&answer))
}

#[tokio::test]
async fn all_streams_together_have_a_bound_and_the_newest_events_stay() {
    let rig = Rig::new();
    rig.group().await;
    let open = rig.logs.stream(&rig.ctx.scope, "functions", "open");
    open.write(Timestamp(NOW), "first".to_owned());
    let line = "x".repeat(1000);
    let mut peak = 0;
    // 200 streams of 2 MB each: six times what there is room for, and none of them too much alone.
    for number in 0..200 {
        let stream = rig.logs.stream(&rig.ctx.scope, "functions", &format!("{number}"));
        for _ in 0..2000 {
            rig.clock.advance(Duration::from_millis(1));
            stream.write(rig.clock.now(), line.clone());
        }
        peak = peak.max(rig.logs.kept_bytes());
    }
    assert!(peak <= 66 << 20, "{peak} bytes");
    assert!(rig.logs.kept_bytes() >= 40 << 20, "{} bytes", rig.logs.kept_bytes());
    assert_eq!(printed(&rig, "0").await, None, "a stream goes with its last event");
    assert!(!printed(&rig, "199").await.unwrap().is_empty());
    assert_eq!(printed(&rig, "open").await, Some(Vec::new()), "somebody may write to it again");
    open.write(rig.clock.now(), "last".to_owned());
    let kept = printed(&rig, "open").await.unwrap();
    assert_eq!(kept.last().map(String::as_str), Some("last"));
    assert_eq!(rig.get(json!({})).await.0, [""; 0], "what was asked for stays");
    rig.call("DeleteLogGroup", json!({"logGroupName": "functions"})).await.unwrap();
    assert!(rig.logs.kept_bytes() < 1 << 20, "{} bytes", rig.logs.kept_bytes());
    open.write(rig.clock.now(), "nowhere".to_owned());
}
