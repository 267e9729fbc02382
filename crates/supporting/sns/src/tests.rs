//! Topics with queues and a server behind them.

use std::sync::Arc;

use runtime::{ScriptedRouter, Timestamp, VirtualClock};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

/// A router to queues alone.
fn router(queues: &sqs::Sqs) -> Arc<dyn ServiceRouter> {
    let queues = queues.clone();
    Arc::new(ScriptedRouter::new(move |ctx, service, operation, input| {
        let (queues, ctx, operation) = (queues.clone(), ctx.clone(), operation.to_owned());
        let refusal = (service != "sqs").then(|| ServiceError::not_implemented(service));
        async move {
            match refusal {
                Some(refusal) => Err(refusal),
                None => queues.call(&ctx, &operation, input).await,
            }
        }
    }))
}

struct Rig {
    sns: Sns,
    queues: sqs::Sqs,
    store: Store,
}

fn ctx() -> CallContext {
    CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into())
}

fn clock() -> Clock {
    Clock::Virtual(VirtualClock::starting_at(Timestamp(1_700_000_000_000)))
}

fn rig() -> Rig {
    let store = Store::memory();
    let queues = sqs::Sqs::new(&store, clock()).unwrap();
    let outbound = Outbound::new("http://127.0.0.1:4566");
    let sns = Sns::new(&store, clock(), router(&queues), outbound).unwrap();
    Rig { sns, queues, store }
}

impl Rig {
    async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        call(&self.sns, operation, members).await
    }

    async fn done(&self, operation: &str, members: Value) -> Value {
        self.call(operation, members).await.unwrap()
    }

    async fn topic(&self) -> String {
        let made = self.done("CreateTopic", json!({ "Name": "t" })).await;
        made["TopicArn"].as_str().unwrap().to_owned()
    }

    /// A subscribed queue: its URL and the subscription's ARN.
    async fn queue(&self, name: &str, topic: &str, attributes: Value) -> (String, String) {
        let made = call(&self.queues, "CreateQueue", json!({ "QueueName": name })).await.unwrap();
        let endpoint = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let of =
            json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "Attributes": attributes });
        let subscribed = self.done("Subscribe", of).await;
        (
            made["QueueUrl"].as_str().unwrap().to_owned(),
            subscribed["SubscriptionArn"].as_str().unwrap().to_owned(),
        )
    }

    async fn received(&self, url: &str) -> Vec<Value> {
        let of = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
        let mut found = call(&self.queues, "ReceiveMessage", of).await.unwrap();
        found["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }
}

async fn call(service: &dyn Service, operation: &str, members: Value) -> Result<Value, ServiceError> {
    let Value::Object(members) = members else { panic!("members are an object") };
    let input = Input { members, ..Input::default() };
    let output = service.call(&ctx(), operation, input).await?;
    fits(service.name(), operation, &output);
    Ok(Value::Object(output.members))
}

#[tokio::test]
async fn queues_get_notifications_or_the_message_itself() {
    let rig = rig();
    let topic = rig.topic().await;
    let (wrapped, subscription) = rig.queue("wrapped", &topic, json!({})).await;
    let (raw, _) = rig.queue("raw", &topic, json!({ "RawMessageDelivery": "true" })).await;
    let attributes = json!({ "a": { "DataType": "String", "StringValue": "b" } });
    let of =
        json!({ "TopicArn": topic, "Message": "hello", "Subject": "s", "MessageAttributes": attributes });
    let published = rig.done("Publish", of).await;
    let body: Value =
        serde_json::from_str(rig.received(&wrapped).await[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Message"], "hello");
    assert_eq!((&body["Subject"], &body["MessageId"]), (&json!("s"), &published["MessageId"]));
    assert_eq!(body["MessageAttributes"], json!({ "a": { "Type": "String", "Value": "b" } }));
    assert!(body["UnsubscribeURL"].as_str().unwrap().ends_with(&subscription));
    let message = &rig.received(&raw).await[0];
    assert_eq!((&message["Body"], &message["MessageAttributes"]), (&json!("hello"), &attributes));
    rig.done("Unsubscribe", json!({ "SubscriptionArn": subscription })).await;
    rig.done("Publish", json!({ "TopicArn": topic, "Message": "again" })).await;
    assert!(rig.received(&wrapped).await.is_empty());
    assert_eq!(rig.received(&raw).await.len(), 1);
}

#[tokio::test]
async fn policies_filter_by_attributes_and_by_body() {
    let rig = rig();
    let topic = rig.topic().await;
    let policy = json!({ "kind": ["order"], "price": [{ "numeric": [">", 10] }] }).to_string();
    let (attributes, _) = rig
        .queue("attributes", &topic, json!({ "FilterPolicy": policy, "RawMessageDelivery": "true" }))
        .await;
    let (body, _) = rig.queue("body", &topic, json!({ "FilterPolicy": policy, "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true" })).await;
    for price in [5, 50] {
        let given = json!({ "kind": { "DataType": "String.Array", "StringValue": "[\"order\",\"x\"]" }, "price": { "DataType": "Number", "StringValue": price.to_string() } });
        rig.done(
            "Publish",
            json!({ "TopicArn": topic, "Message": format!("a{price}"), "MessageAttributes": given }),
        )
        .await;
        rig.done(
            "Publish",
            json!({ "TopicArn": topic, "Message": json!({ "kind": "order", "price": price }).to_string() }),
        )
        .await;
    }
    let texts = |messages: Vec<Value>| {
        messages.iter().map(|it| it["Body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(rig.received(&attributes).await), ["a50"]);
    assert_eq!(texts(rig.received(&body).await), [r#"{"kind":"order","price":50}"#]);
}

#[tokio::test]
async fn batches_tell_what_failed() {
    let rig = rig();
    let topic = rig.topic().await;
    let (queue, _) = rig.queue("q", &topic, json!({ "RawMessageDelivery": "true" })).await;
    let entries = json!([{ "Id": "1", "Message": "{\"default\":\"d\",\"sqs\":\"s\"}", "MessageStructure": "json" }, { "Id": "2", "Message": "{}", "MessageStructure": "json" }]);
    let answer =
        rig.done("PublishBatch", json!({ "TopicArn": topic, "PublishBatchRequestEntries": entries })).await;
    assert_eq!(
        (answer["Successful"][0]["Id"].as_str(), answer["Failed"][0]["Code"].as_str()),
        (Some("1"), Some("InvalidParameter"))
    );
    assert_eq!(rig.received(&queue).await[0]["Body"], "s");
    let twice = json!([{ "Id": "1", "Message": "a" }, { "Id": "1", "Message": "b" }]);
    let error = rig
        .call("PublishBatch", json!({ "TopicArn": topic, "PublishBatchRequestEntries": twice }))
        .await
        .unwrap_err();
    assert_eq!(error.code, "BatchEntryIdsNotDistinct");
}

#[tokio::test]
async fn servers_confirm_before_they_get_anything() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}/hook", listener.local_addr().unwrap());
    let rig = rig();
    let topic = rig.topic().await;
    let subscribed =
        rig.done("Subscribe", json!({ "TopicArn": topic, "Protocol": "http", "Endpoint": endpoint })).await;
    assert_eq!(subscribed["SubscriptionArn"], "pending confirmation");
    let asked = heard(&listener).await;
    assert!(asked.0.contains("x-amz-sns-message-type: SubscriptionConfirmation"), "{}", asked.0);
    let error =
        rig.call("ConfirmSubscription", json!({ "TopicArn": topic, "Token": "wrong" })).await.unwrap_err();
    assert_eq!(error.code, "InvalidParameter");
    rig.done("Publish", json!({ "TopicArn": topic, "Message": "too early" })).await;
    rig.done("ConfirmSubscription", json!({ "TopicArn": topic, "Token": asked.1["Token"] })).await;
    rig.done("Publish", json!({ "TopicArn": topic, "Message": "hello" })).await;
    let (head, body) = heard(&listener).await;
    assert!(head.contains("x-amz-sns-message-type: Notification"), "{head}");
    assert_eq!(body["Message"], "hello");
}

/// One request to a listener: its head, its JSON.
async fn heard(listener: &TcpListener) -> (String, Value) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        seen.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (head.to_owned(), body);
        }
        assert!(read > 0, "the request is whole: {text}");
    }
}

#[tokio::test]
async fn what_is_wrong_or_not_done_is_refused() {
    let rig = rig();
    let topic = rig.topic().await;
    for (operation, members, code) in [
        (
            "Publish",
            json!({ "TopicArn": "arn:aws:sns:us-east-1:000000000000:none", "Message": "m" }),
            "NotFound",
        ),
        ("Publish", json!({ "TopicArn": "x", "Message": "m" }), "InvalidParameter"),
        ("Publish", json!({ "Message": "m" }), "InvalidParameter"),
        ("Publish", json!({ "TopicArn": topic, "Message": "" }), "InvalidParameter"),
        ("Publish", json!({ "PhoneNumber": "+1", "Message": "m" }), "NotImplemented"),
        (
            "Publish",
            json!({ "TopicArn": topic, "Message": "m", "MessageAttributes": { "a": { "DataType": "Bool", "StringValue": "x" } } }),
            "ParameterValueInvalid",
        ),
        ("CreateTopic", json!({ "Name": "a b" }), "InvalidParameter"),
        ("CreateTopic", json!({ "Name": "a.fifo" }), "NotImplemented"),
        ("Subscribe", json!({ "TopicArn": topic, "Protocol": "sms", "Endpoint": "1" }), "NotImplemented"),
        ("Subscribe", json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": "q" }), "InvalidParameter"),
        (
            "Subscribe",
            json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q", "Attributes": { "FilterPolicy": "{\"a\":1}" } }),
            "InvalidParameter",
        ),
        (
            "Subscribe",
            json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q", "Attributes": { "RedrivePolicy": "{}" } }),
            "NotImplemented",
        ),
    ] {
        let error = rig.call(operation, members.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{operation} {members}: {error}");
    }
    let listed = rig.done("ListSubscriptions", json!({})).await;
    assert_eq!(listed["Subscriptions"], json!([]));
}

#[tokio::test]
async fn topics_and_subscriptions_are_there_after_a_restart() {
    let rig = rig();
    let topic = rig.topic().await;
    let (_, subscription) = rig.queue("q", &topic, json!({ "RawMessageDelivery": "true" })).await;
    let again =
        Sns::new(&rig.store, clock(), router(&rig.queues), Outbound::new("http://127.0.0.1:4566")).unwrap();
    let found =
        call(&again, "GetSubscriptionAttributes", json!({ "SubscriptionArn": subscription })).await.unwrap();
    assert_eq!(found["Attributes"]["RawMessageDelivery"], "true");
    call(&again, "DeleteTopic", json!({ "TopicArn": topic })).await.unwrap();
    assert_eq!(call(&again, "ListSubscriptions", json!({})).await.unwrap()["Subscriptions"], json!([]));
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let rig = rig();
    for number in 0..150 {
        rig.done("CreateTopic", json!({ "Name": format!("t{number:03}") })).await;
    }
    let first = rig.done("ListTopics", json!({})).await;
    let second = rig.done("ListTopics", json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(
        (first["Topics"].as_array().unwrap().len(), second["Topics"].as_array().unwrap().len()),
        (100, 50)
    );
    assert_eq!(second.get("NextToken"), None);
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}
