//! Messages sent, received, hidden and deleted, on a virtual clock.

use std::{sync::Arc, time::Duration};

use runtime::{CallContext, Clock, Input, Output, Scope, Service as _, Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;

use crate::Sqs;

struct Client {
    sqs: Sqs,
    clock: Arc<VirtualClock>,
}

impl Client {
    fn new() -> Self {
        let clock = VirtualClock::starting_at(Timestamp(1_000_000));
        Self { sqs: Sqs::new(&Store::memory(), Clock::Virtual(clock.clone())).unwrap(), clock }
    }

    async fn call(&self, operation: &str, members: Value) -> Result<Value, String> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let ctx =
            CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
        let answer = self.sqs.call(&ctx, operation, Input { members, ..Input::default() }).await;
        if let Ok(output) = &answer {
            fits("sqs", operation, output);
        }
        answer.map(|output| Value::Object(output.members)).map_err(|error| error.code.into_owned())
    }
}

#[tokio::test]
async fn a_message_that_was_received_too_often_goes_to_the_dead_letter_queue() {
    let client = Client::new();
    let missing =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"2"}"#;
    let made = json!({"QueueName": "q", "Attributes": {"RedrivePolicy": missing, "VisibilityTimeout": "10"}});
    assert_eq!(client.call("CreateQueue", made.clone()).await.unwrap_err(), "InvalidParameterValue");
    let dead = client.call("CreateQueue", json!({"QueueName": "dead"})).await.unwrap()["QueueUrl"].clone();
    let queue = client.call("CreateQueue", made).await.unwrap()["QueueUrl"].clone();
    let shown = client
        .call("GetQueueAttributes", json!({"QueueUrl": queue, "AttributeNames": ["RedrivePolicy"]}))
        .await
        .unwrap();
    assert_eq!(shown["Attributes"]["RedrivePolicy"], missing);
    client.call("SendMessage", json!({"QueueUrl": queue, "MessageBody": "x"})).await.unwrap();
    let receive = |queue: &Value| json!({"QueueUrl": queue, "AttributeNames": ["All"]});
    for expected in ["1", "2"] {
        let got = client.call("ReceiveMessage", receive(&queue)).await.unwrap();
        assert_eq!(got["Messages"][0]["Attributes"]["ApproximateReceiveCount"], expected);
        assert_eq!(client.call("ReceiveMessage", receive(&dead)).await.unwrap(), json!({}));
        client.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(client.call("ReceiveMessage", receive(&queue)).await.unwrap(), json!({}));
    let got = client.call("ReceiveMessage", receive(&dead)).await.unwrap();
    assert_eq!(got["Messages"][0]["Body"], "x");
    let attributes = &got["Messages"][0]["Attributes"];
    assert_eq!(attributes["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:q");
    assert_eq!(attributes["ApproximateReceiveCount"], "1");
    client.clock.advance(Duration::from_secs(100));
    assert_eq!(client.call("ReceiveMessage", receive(&queue)).await.unwrap(), json!({}));
    let back = json!({"QueueUrl": queue, "Attributes": {"RedrivePolicy": ""}});
    client.call("SetQueueAttributes", back).await.unwrap();
    let asked = json!({"QueueUrl": queue, "AttributeNames": ["RedrivePolicy"]});
    assert_eq!(client.call("GetQueueAttributes", asked).await.unwrap(), json!({}));
}

#[tokio::test]
async fn a_message_is_hidden_while_it_is_worked_on_and_comes_back() {
    let client = Client::new();
    let made = client
        .call("CreateQueue", json!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "10"}}))
        .await
        .unwrap();
    assert_eq!(made["QueueUrl"], "http://127.0.0.1:4566/000000000000/q");
    let queue = json!({"QueueUrl": made["QueueUrl"]});
    let sent = client
        .call("SendMessage", json!({"QueueUrl": made["QueueUrl"], "MessageBody": "hello"}))
        .await
        .unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let got = client.call("ReceiveMessage", queue.clone()).await.unwrap();
    assert_eq!(got["Messages"][0]["Body"], "hello");
    assert_eq!(client.call("ReceiveMessage", queue.clone()).await.unwrap(), json!({}));
    client.clock.advance(Duration::from_secs(10));
    let again = client.call("ReceiveMessage", queue.clone()).await.unwrap();
    let delete = |receipt: &Value| json!({"QueueUrl": made["QueueUrl"], "ReceiptHandle": receipt});
    client.call("DeleteMessage", delete(&got["Messages"][0]["ReceiptHandle"])).await.unwrap();
    let attributes =
        json!({"QueueUrl": made["QueueUrl"], "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]});
    let counted = client.call("GetQueueAttributes", attributes).await.unwrap();
    assert_eq!(
        counted["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1",
        "an old receipt deletes nothing"
    );
    client.call("DeleteMessage", delete(&again["Messages"][0]["ReceiptHandle"])).await.unwrap();
    client.clock.advance(Duration::from_secs(60));
    assert_eq!(client.call("ReceiveMessage", queue).await.unwrap(), json!({}));
}

#[tokio::test]
async fn a_receiver_waits_for_a_message() {
    let client = Client::new();
    let made = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let receive =
        json!({"QueueUrl": made["QueueUrl"], "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"]});
    let attribute = json!({"kind": {"DataType": "String", "StringValue": "order"}});
    let send = json!({"QueueUrl": made["QueueUrl"], "MessageBody": "x", "MessageAttributes": attribute});
    let (received, sent) =
        tokio::join!(client.call("ReceiveMessage", receive), client.call("SendMessage", send));
    let received = received.unwrap();
    assert_eq!(received["Messages"][0]["MessageAttributes"], attribute);
    assert_eq!(received["Messages"][0]["MD5OfMessageAttributes"], sent.unwrap()["MD5OfMessageAttributes"]);
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let client = Client::new();
    let gone = json!({"QueueUrl": "http://127.0.0.1:4566/000000000000/none"});
    assert_eq!(client.call("ReceiveMessage", gone).await.unwrap_err(), "QueueDoesNotExist");
    assert_eq!(
        client.call("CreateQueue", json!({"QueueName": "a.fifo"})).await.unwrap_err(),
        "NotImplemented"
    );
    assert_eq!(
        client.call("CreateQueue", json!({"QueueName": "a b"})).await.unwrap_err(),
        "InvalidParameterValue"
    );
    let wrong = json!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "soon"}});
    assert_eq!(client.call("CreateQueue", wrong).await.unwrap_err(), "InvalidAttributeValue");
    let redrive = json!({"QueueName": "q", "Attributes": {"RedriveAllowPolicy": "{}"}});
    assert_eq!(client.call("CreateQueue", redrive).await.unwrap_err(), "NotImplemented");
}

#[tokio::test]
async fn numbers_beyond_their_limits_are_refused() {
    let client = Client::new();
    let queue = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let refused = async |operation: &str, further: Value| {
        let mut members =
            json!({"QueueUrl": queue["QueueUrl"], "MessageBody": "x", "ReceiptHandle": "1-1-x"});
        members.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        client.call(operation, members).await.unwrap_err()
    };
    for (operation, name, wrong) in [
        ("SendMessage", "DelaySeconds", 901),
        ("SendMessage", "DelaySeconds", -1),
        ("ReceiveMessage", "WaitTimeSeconds", i64::MAX),
        ("ReceiveMessage", "VisibilityTimeout", 43_201),
        ("ReceiveMessage", "MaxNumberOfMessages", -1),
        ("ChangeMessageVisibility", "VisibilityTimeout", i64::MAX),
        ("ListQueues", "MaxResults", 0),
    ] {
        assert_eq!(refused(operation, json!({ name: wrong })).await, "InvalidParameterValue", "{name}");
    }
    assert_eq!(refused("ListQueues", json!({"NextToken": "rubbish"})).await, "InvalidParameterValue");
    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    let twice = json!({"Entries": [entry("a"), entry("a")]});
    assert_eq!(refused("SendMessageBatch", twice).await, "BatchEntryIdsNotDistinct");
    assert_eq!(refused("SendMessageBatch", json!({"Entries": [entry("")]})).await, "InvalidBatchEntryId");
}

#[tokio::test]
async fn a_long_queue_is_received_whole_and_queues_are_listed_by_prefix() {
    let client = Client::new();
    for name in ["a", "b1", "b2", "b3", "c"] {
        client.call("CreateQueue", json!({"QueueName": name})).await.unwrap();
    }
    let mut ask = json!({"QueueNamePrefix": "b", "MaxResults": 2});
    let first = client.call("ListQueues", ask.clone()).await.unwrap();
    assert_eq!(first["QueueUrls"].as_array().unwrap().len(), 2);
    ask["NextToken"] = first["NextToken"].clone();
    let second = client.call("ListQueues", ask).await.unwrap();
    assert_eq!(second, json!({"QueueUrls": ["http://127.0.0.1:4566/000000000000/b3"]}));
    let url = json!({"QueueUrl": "http://127.0.0.1:4566/000000000000/a", "MaxNumberOfMessages": 10});
    for at in 0..200 {
        let mut send = url.clone();
        send["MessageBody"] = json!(at.to_string());
        client.call("SendMessage", send).await.unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    while let Some(messages) = client.call("ReceiveMessage", url.clone()).await.unwrap().get("Messages") {
        seen.extend(messages.as_array().unwrap().iter().map(|it| it["Body"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 200);
}

#[tokio::test]
async fn attributes_set_side_by_side_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sqs = Sqs::new(&Store::open(folder.path()).unwrap(), Clock::Real).unwrap();
    let client = Client { sqs, ..Client::new() };
    let queue = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let set = |name: &str| {
        client.call("SetQueueAttributes", json!({"QueueUrl": queue["QueueUrl"], "Attributes": {name: "7"}}))
    };
    let done =
        tokio::join!(set("DelaySeconds"), set("VisibilityTimeout"), set("ReceiveMessageWaitTimeSeconds"));
    assert!(done.0.is_ok() && done.1.is_ok() && done.2.is_ok());
    let ask = json!({"QueueUrl": queue["QueueUrl"], "AttributeNames": ["All"]});
    let shown = client.call("GetQueueAttributes", ask).await.unwrap();
    for name in ["DelaySeconds", "VisibilityTimeout", "ReceiveMessageWaitTimeSeconds"] {
        assert_eq!(shown["Attributes"][name], "7", "{name}");
    }
}

#[tokio::test]
async fn each_message_wakes_one_receiver_and_none_is_missed() {
    let client = Arc::new(Client::new());
    let made = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let url = made["QueueUrl"].clone();
    let wait = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let receivers: Vec<_> = (0..5)
        .map(|_| {
            let (client, wait) = (client.clone(), wait.clone());
            tokio::spawn(async move { client.call("ReceiveMessage", wait).await.unwrap() })
        })
        .collect();
    while client.clock.next_wakeup().is_none() {
        tokio::task::yield_now().await;
    }
    let entries: Vec<Value> =
        (0..3).map(|id| json!({"Id": id.to_string(), "MessageBody": id.to_string()})).collect();
    client.call("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await.unwrap();
    let late = json!({"QueueUrl": url, "MessageBody": "late", "DelaySeconds": 5});
    client.call("SendMessage", late).await.unwrap();
    let mut got = Vec::new();
    for step in 0..40 {
        tokio::task::yield_now().await;
        if step > 30 {
            client.clock.advance(Duration::from_secs(3));
        }
    }
    for receiver in receivers {
        let answer = receiver.await.unwrap();
        got.push(answer["Messages"][0]["Body"].as_str().unwrap_or("nothing").to_owned());
    }
    got.sort();
    assert_eq!(got, ["0", "1", "2", "late", "nothing"]);
}

#[tokio::test]
async fn counts_are_right_after_a_restart() {
    let (store, clock) = (Store::memory(), VirtualClock::starting_at(Timestamp(1_000_000)));
    let made = |sqs: Sqs| Client { sqs, clock: clock.clone() };
    let client = made(Sqs::new(&store, Clock::Virtual(clock.clone())).unwrap());
    let url = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap()["QueueUrl"].clone();
    for delay in [0, 0, 60] {
        let message = json!({"QueueUrl": url, "MessageBody": "m", "DelaySeconds": delay});
        client.call("SendMessage", message).await.unwrap();
    }
    client.call("ReceiveMessage", json!({"QueueUrl": url})).await.unwrap();
    for client in [client, made(Sqs::new(&store, Clock::Virtual(clock.clone())).unwrap())] {
        let asked = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let counted = client.call("GetQueueAttributes", asked).await.unwrap();
        let count = |name: &str| counted["Attributes"][format!("ApproximateNumberOfMessages{name}")].clone();
        assert_eq!([count(""), count("NotVisible"), count("Delayed")], ["1", "1", "1"]);
    }
}

#[tokio::test]
async fn attributes_of_messages_are_checked() {
    let client = Client::new();
    let url = client.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap()["QueueUrl"].clone();
    let of = |kind: &str, value: &str| json!({"DataType": kind, "StringValue": value});
    let many: serde_json::Map<String, Value> =
        (0..11).map(|number| (format!("a{number}"), of("String", "x"))).collect();
    for attributes in [
        Value::Object(many),
        json!({"AWS.x": of("String", "x")}),
        json!({"a b": of("String", "x")}),
        json!({"a..b": of("String", "x")}),
        json!({"a": of("Boolean", "x")}),
        json!({"a": of("String", "")}),
        json!({"a": of("Number", "x")}),
        json!({"a": {"DataType": "Binary", "StringValue": "x"}}),
    ] {
        let message = json!({"QueueUrl": url, "MessageBody": "m", "MessageAttributes": attributes});
        assert_eq!(
            client.call("SendMessage", message).await.unwrap_err(),
            "InvalidParameterValue",
            "{attributes}"
        );
    }
    let good =
        json!({"a.b-c_1": of("Number.int", "-1.5e3"), "b": {"DataType": "Binary", "BinaryValue": "AAEC"}});
    let message = json!({"QueueUrl": url, "MessageBody": "m", "MessageAttributes": good});
    assert!(client.call("SendMessage", message).await.is_ok());
    let long = "x".repeat(600_000);
    let entries = json!([{"Id": "1", "MessageBody": long}, {"Id": "2", "MessageBody": long}]);
    let batch = json!({"QueueUrl": url, "Entries": entries});
    assert_eq!(client.call("SendMessageBatch", batch).await.unwrap_err(), "BatchRequestTooLong");
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}
