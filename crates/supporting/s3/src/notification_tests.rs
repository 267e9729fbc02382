//! Notifications: what is told to whom of which objects.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use aws_wire::ServiceError;
use runtime::{Body, CallContext, Clock, Input, Output, Scope, ScriptedRouter, Service as _, ServiceRouter};
use serde_json::{Value, json};
use store::Store;
use tokio::sync::{Semaphore, mpsc};

use crate::S3;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// What the other services were asked, and the events that they were given.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// The other services: they note what they are asked, and know nothing that is called `missing`.
fn others(asked: &Asked) -> Arc<dyn ServiceRouter> {
    let asked = Arc::clone(asked);
    Arc::new(ScriptedRouter::new(move |_, service, operation, input| {
        let members = Value::Object(input.members);
        if members.to_string().contains("missing") {
            return ready(Err(ServiceError::bad_request("NotFound", "there is no such thing")));
        }
        let payload = match input.body {
            Body::Bytes(payload) => String::from_utf8(payload.to_vec()).unwrap(),
            _ => String::new(),
        };
        let text = match operation {
            "SendMessage" => members["MessageBody"].as_str().unwrap(),
            "Publish" => members["Message"].as_str().unwrap(),
            _ => &payload,
        };
        let event = serde_json::from_str(text).unwrap_or_default();
        asked.lock().unwrap().push((format!("{service}.{operation}"), event));
        ready(Ok(Output::empty()))
    }))
}

async fn call(s3: &S3, operation: &str, members: Value) -> Result<Value, ServiceError> {
    let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
    let Value::Object(members) = members else { panic!("members are an object") };
    let body = if operation == "PutObject" { Body::Bytes("hello".into()) } else { Body::Empty };
    s3.call(&ctx, operation, Input { members, body }).await.map(|it| Value::Object(it.members))
}

struct Rig {
    s3: S3,
    store: Store,
    asked: Asked,
}

impl Rig {
    async fn new() -> Self {
        let (store, asked) = (Store::memory(), Asked::default());
        let s3 = S3::new(&store, Clock::Real, others(&asked)).unwrap();
        let rig = Self { s3, store, asked };
        rig.done("CreateBucket", json!({"Bucket": "pictures"})).await;
        rig
    }

    async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        call(&self.s3, operation, members).await
    }

    async fn done(&self, operation: &str, members: Value) -> Value {
        self.call(operation, members).await.unwrap()
    }

    async fn notify(&self, configuration: Value) -> Result<Value, ServiceError> {
        let members = json!({"Bucket": "pictures", "NotificationConfiguration": configuration});
        self.call("PutBucketNotificationConfiguration", members).await
    }

    async fn put(&self, key: &str) {
        self.done("PutObject", json!({"Bucket": "pictures", "Key": key})).await;
    }

    /// What the others have been asked since they were last looked at.
    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Names of events and keys that a destination was told.
    fn told(&self) -> Vec<(String, String, String)> {
        let told = self.asked().into_iter().map(|(who, event)| {
            let record = &event["Records"][0];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (who, text(&record["eventName"]), text(&record["s3"]["object"]["key"]))
        });
        told.collect()
    }
}

fn filtered(rules: &[(&str, &str)]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    json!({"Key": {"FilterRules": rules}})
}

#[tokio::test]
async fn events_go_to_who_wants_them() {
    let rig = Rig::new().await;
    rig.notify(json!({
        "QueueConfigurations": [{
            "Id": "q", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"],
            "Filter": filtered(&[("prefix", "in/"), ("Suffix", ".png")]),
        }],
        "TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}],
        "LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload"],
            "Filter": filtered(&[("prefix", "out/")]),
        }],
    }))
    .await
    .unwrap();
    let tried: Vec<(String, Value)> =
        rig.asked().into_iter().map(|(who, event)| (who, event["Event"].clone())).collect();
    let test = json!("s3:TestEvent");
    let wanted =
        [("sns.Publish", test.clone()), ("sqs.SendMessage", test), ("lambda.GetFunction", Value::Null)];
    assert_eq!(tried, wanted.map(|(who, event)| (who.to_owned(), event)));

    rig.put("in/red flower.png").await;
    let asked = rig.asked();
    assert_eq!(asked.len(), 1);
    let record = &asked[0].1["Records"][0];
    assert_eq!((&record["eventName"], &record["eventVersion"]), (&json!("ObjectCreated:Put"), &json!("2.1")));
    assert_eq!((&record["awsRegion"], &record["eventSource"]), (&json!("us-east-1"), &json!("aws:s3")));
    let s3 = &record["s3"];
    assert_eq!(
        (&s3["configurationId"], &s3["bucket"]["arn"]),
        (&json!("q"), &json!("arn:aws:s3:::pictures"))
    );
    let object = &s3["object"];
    assert_eq!((&object["key"], &object["size"]), (&json!("in/red+flower.png"), &json!(5)));
    assert_eq!(object["eTag"], "5d41402abc4b2a76b9719d911017c592");
    let first = object["sequencer"].as_str().unwrap().to_owned();
    rig.put("in/red flower.png").await;
    assert!(rig.asked()[0].1["Records"][0]["s3"]["object"]["sequencer"].as_str().unwrap() > first.as_str());

    rig.put("in/note.txt").await;
    rig.put("out/x.png").await;
    assert_eq!(rig.asked(), []);
    let copy = json!({"Bucket": "pictures", "Key": "out/y", "CopySource": "pictures/in/note.txt"});
    rig.done("CopyObject", copy).await;
    let parts = json!({"Bucket": "pictures", "Key": "out/z"});
    let upload = rig.done("CreateMultipartUpload", parts.clone()).await["UploadId"].clone();
    let mut part = parts.clone();
    part["UploadId"] = upload;
    part["PartNumber"] = json!(1);
    let etag = rig.done("UploadPart", part.clone()).await["ETag"].clone();
    part["MultipartUpload"] = json!({"Parts": [{"PartNumber": 1, "ETag": etag}]});
    rig.done("CompleteMultipartUpload", part).await;
    let who = "lambda.Invoke";
    let told = |who: &str, event: &str, key: &str| (who.to_owned(), event.to_owned(), key.to_owned());
    let wanted = [
        told(who, "ObjectCreated:Copy", "out/y"),
        told(who, "ObjectCreated:CompleteMultipartUpload", "out/z"),
    ];
    assert_eq!(rig.told(), wanted);

    rig.done("DeleteObject", json!({"Bucket": "pictures", "Key": "out/y"})).await;
    rig.done("DeleteObject", json!({"Bucket": "pictures", "Key": "nothing"})).await;
    let several =
        json!({"Bucket": "pictures", "Delete": {"Objects": [{"Key": "out/z"}, {"Key": "nothing"}]}});
    rig.done("DeleteObjects", several).await;
    let asked = rig.asked();
    let removed: Vec<&Value> = asked.iter().map(|(_, event)| &event["Records"][0]["s3"]["object"]).collect();
    assert_eq!(removed.iter().map(|it| &it["key"]).collect::<Vec<_>>(), ["out/y", "out/z"]);
    assert!(removed.iter().all(|it| it.get("size").is_none() && it.get("eTag").is_none()));
}

#[tokio::test]
async fn filters_are_percent_encoded() {
    let rig = Rig::new().await;
    let by = |prefix: &str| {
        let filter = filtered(&[("prefix", prefix)]);
        json!({"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], "Filter": filter})
    };
    let both = json!({"QueueConfigurations": [by("day%3D1/"), by("day=1/a")]});
    assert!(rig.notify(both).await.unwrap_err().message.starts_with("Configuration is ambiguously defined."));
    rig.notify(json!({"QueueConfigurations": [by("day%3D1/"), by("red+flower")]})).await.unwrap();
    rig.asked();
    for key in ["day=1/x", "day=2/x", "red flower", "red+flower", "day%3D1/x"] {
        rig.put(key).await;
    }
    let keys: Vec<String> = rig.told().into_iter().map(|(_, _, key)| key).collect();
    assert_eq!(keys, ["day%3D1/x", "red+flower"]);
    let shown = rig.done("GetBucketNotificationConfiguration", json!({"Bucket": "pictures"})).await;
    assert_eq!(shown["QueueConfigurations"][0]["Filter"], filtered(&[("Prefix", "day%3D1/")]));
}

#[tokio::test]
async fn who_leaves_takes_no_event_along() {
    let (reached, mut begun) = mpsc::unbounded_channel();
    let (given, mut done) = mpsc::unbounded_channel();
    let answer = Arc::new(Semaphore::new(0));
    let queue = {
        let answer = Arc::clone(&answer);
        ScriptedRouter::new(move |_, _, _, _| {
            reached.send(()).unwrap();
            let (answer, given) = (Arc::clone(&answer), given.clone());
            async move {
                answer.acquire().await.unwrap().forget();
                given.send(()).unwrap();
                Ok(Output::empty())
            }
        })
    };
    let s3 = S3::new(&Store::memory(), Clock::Real, Arc::new(queue)).unwrap();
    let queue = json!({"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]});
    let configured = json!({
        "Bucket": "pictures", "NotificationConfiguration": {"QueueConfigurations": [queue]},
        "SkipDestinationValidation": true,
    });
    call(&s3, "CreateBucket", json!({"Bucket": "pictures"})).await.unwrap();
    call(&s3, "PutBucketNotificationConfiguration", configured).await.unwrap();
    let client =
        tokio::spawn(async move { call(&s3, "PutObject", json!({"Bucket": "pictures", "Key": "k"})).await });
    begun.recv().await.unwrap();
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    answer.add_permits(1);
    assert_eq!(done.recv().await, Some(()), "the queue has it though nobody waits");
}

#[tokio::test]
async fn configurations_are_shown_kept_and_replaced() {
    let rig = Rig::new().await;
    let filter = filtered(&[("suffix", ".png")]);
    let queue = json!({"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:Put"], "Filter": filter});
    rig.notify(json!({"QueueConfigurations": [queue]})).await.unwrap();
    let again = S3::new(&rig.store, Clock::Real, others(&rig.asked)).unwrap();
    let rig = Rig { s3: again, ..rig };
    let bucket = json!({"Bucket": "pictures"});
    let shown = rig.done("GetBucketNotificationConfiguration", bucket.clone()).await;
    let shown = &shown["QueueConfigurations"][0];
    assert_eq!((&shown["QueueArn"], &shown["Events"]), (&json!(QUEUE), &json!(["s3:ObjectCreated:Put"])));
    assert_eq!(shown["Filter"], filtered(&[("Suffix", ".png")]));
    assert!(!shown["Id"].as_str().unwrap().is_empty());
    rig.asked();
    rig.notify(json!({})).await.unwrap();
    assert_eq!(rig.done("GetBucketNotificationConfiguration", bucket).await, json!({}));
    rig.put("a.png").await;
    assert_eq!(rig.asked(), []);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let rig = Rig::new().await;
    let created = json!(["s3:ObjectCreated:*"]);
    let queue = |more: Value| {
        let mut entry = json!({"QueueArn": QUEUE, "Events": created});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let one = |more: Value| json!({"QueueConfigurations": [queue(more)]});
    let two = |first: Value, second: Value| json!({"QueueConfigurations": [queue(first), queue(second)]});
    let by =
        |prefix: &str, suffix: &str| json!({"Filter": filtered(&[("prefix", prefix), ("suffix", suffix)])});
    for (configuration, message) in [
        (one(json!({"QueueArn": "nonsense"})), "The ARN could not be parsed"),
        (one(json!({"QueueArn": TOPIC})), "The ARN could not be parsed"),
        (
            one(json!({"QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q"})),
            "The notification destination service region is not valid for the bucket location constraint",
        ),
        (
            one(json!({"QueueArn": "arn:aws:sqs:us-east-1:000000000000:missing"})),
            "Unable to validate the following destination configurations",
        ),
        (
            one(json!({"Events": ["s3:ObjectCreated:Nope"]})),
            "The event 's3:ObjectCreated:Nope' is not supported for notifications",
        ),
        (
            one(json!({"Filter": filtered(&[("infix", "x")])})),
            "filter rule name must be either prefix or suffix",
        ),
        (
            one(json!({"Filter": filtered(&[("prefix", "x"), ("Prefix", "y")])})),
            "Cannot specify more than one prefix rule in a filter.",
        ),
        (
            two(json!({"Id": "same"}), json!({"Id": "same", "Events": ["s3:ObjectRemoved:*"]})),
            "Same ID used for multiple configurations. IDs must be unique",
        ),
        (
            two(json!({}), json!({"Events": ["s3:ObjectCreated:Put"]})),
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
        ),
        (
            two(by("a", ".png"), by("a/b", "g")),
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are \
             overlapping for the same event type.",
        ),
    ] {
        let error = rig.notify(configuration).await.unwrap_err();
        assert_eq!((&*error.code, error.message.as_str()), ("InvalidArgument", message));
    }
    let gone = "arn:aws:sqs:us-east-1:000000000000:missing";
    let error = rig.notify(one(json!({"QueueArn": gone}))).await.unwrap_err();
    assert_eq!(error.fields["ArgumentName1"], gone);
    assert_eq!(error.fields["ArgumentValue1"], "The destination queue does not exist");
    assert_eq!(rig.notify(one(json!({"Events": []}))).await.unwrap_err().code, "MalformedXML");
    for odd in
        [json!("x"), json!([]), json!({"QueueConfigurations": queue(json!({}))}), one(json!({"Events": "x"}))]
    {
        assert_eq!(rig.notify(odd).await.unwrap_err().code, "MalformedXML");
    }
    let nothing = rig.call("PutBucketNotificationConfiguration", json!({"Bucket": "pictures"})).await;
    assert_eq!(nothing.unwrap_err().code, "MissingRequestBodyError");
    let bridge = rig.notify(json!({"EventBridgeConfiguration": {}})).await.unwrap_err();
    assert!(bridge.message.contains("EventBridgeConfiguration"), "{bridge:?}");
    let bucket = json!({"Bucket": "pictures"});
    assert_eq!(rig.done("GetBucketNotificationConfiguration", bucket).await, json!({}));
    let nobody = json!({"Bucket": "none", "NotificationConfiguration": {}});
    let error = rig.call("PutBucketNotificationConfiguration", nobody).await.unwrap_err();
    assert_eq!(error.code, "NoSuchBucket");

    let many = |count: usize| {
        let entries = (0..count).map(|at| queue(by(&format!("{at:03}"), "")));
        json!({"QueueConfigurations": entries.collect::<Vec<_>>()})
    };
    assert_eq!(rig.notify(many(101)).await.unwrap_err().code, "TooManyConfigurations");
    rig.notify(many(100)).await.unwrap();
    rig.notify(one(json!({"Events": vec!["s3:ObjectCreated:*"; 1000]}))).await.unwrap();
    let shown = rig.done("GetBucketNotificationConfiguration", json!({"Bucket": "pictures"})).await;
    assert_eq!(shown["QueueConfigurations"][0]["Events"], created);

    rig.notify(two(by("a", ".png"), by("a/b", ".jpg"))).await.unwrap();
    let mut unchecked = json!({"Bucket": "pictures", "SkipDestinationValidation": true});
    unchecked["NotificationConfiguration"] =
        one(json!({"QueueArn": "arn:aws:sqs:us-east-1:000000000000:missing"}));
    rig.done("PutBucketNotificationConfiguration", unchecked).await;
    // What cannot be told is no reason to refuse an object.
    rig.put("a").await;
}
