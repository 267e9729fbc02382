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
        "InvalidParameterValue",
        "it does not say that it is one"
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

fn fifo(name: &str, more: &Value) -> Value {
    let mut attributes = json!({"FifoQueue": "true", "VisibilityTimeout": "10"});
    attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"QueueName": name, "Attributes": attributes})
}

/// Bodies of what is received, with the receipts.
async fn received(client: &Client, url: &Value, most: u32) -> Vec<(String, Value)> {
    let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": most, "AttributeNames": ["All"]});
    let got = client.call("ReceiveMessage", asked).await.unwrap();
    let messages = got["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|one| (one["Body"].as_str().unwrap().to_owned(), one.clone())).collect()
}

fn bodies(got: &[(String, Value)]) -> Vec<&str> {
    got.iter().map(|(body, _)| body.as_str()).collect()
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_of_its_groups() {
    let client = Client::new();
    let url = client.call("CreateQueue", fifo("q.fifo", &json!({}))).await.unwrap()["QueueUrl"].clone();
    let send = |body: &'static str, group: &'static str| {
        let message = json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body});
        client.call("SendMessage", message)
    };
    let mut numbers = Vec::new();
    for (body, group) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")] {
        numbers.push(send(body, group).await.unwrap()["SequenceNumber"].as_str().unwrap().to_owned());
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 20), "{numbers:?}");
    let got = received(&client, &url, 2).await;
    assert_eq!(bodies(&got), ["a1", "a2"], "as many of a group as there are");
    let attributes = &got[0].1["Attributes"];
    assert_eq!(
        (&attributes["MessageGroupId"], &attributes["MessageDeduplicationId"]),
        (&json!("a"), &json!("a1"))
    );
    assert_eq!(attributes["SequenceNumber"], numbers[0]);
    assert_eq!(bodies(&received(&client, &url, 10).await), ["b1"], "a's are with a receiver");
    let delete = |got: &(String, Value)| {
        client.call("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": got.1["ReceiptHandle"]}))
    };
    delete(&got[0]).await.unwrap();
    assert!(received(&client, &url, 10).await.is_empty());
    client.clock.advance(Duration::from_secs(10));
    assert_eq!(delete(&got[1]).await.unwrap_err(), "InvalidParameterValue", "its receipt has expired");
    let again = received(&client, &url, 10).await;
    assert_eq!(bodies(&again), ["b1", "a2", "a3"], "what failed comes before what is behind it");
    for one in &again {
        delete(one).await.unwrap();
    }
    assert!(received(&client, &url, 10).await.is_empty());
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_not_delivered_again() {
    let (store, clock) = (Store::memory(), VirtualClock::starting_at(Timestamp(1_000_000)));
    let made =
        || Client { sqs: Sqs::new(&store, Clock::Virtual(clock.clone())).unwrap(), clock: clock.clone() };
    let client = made();
    let by_content = json!({"ContentBasedDeduplication": "true"});
    let url = client.call("CreateQueue", fifo("q.fifo", &by_content)).await.unwrap()["QueueUrl"].clone();
    let message =
        |body: &str, group: &str| json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group});
    let first = client.call("SendMessage", message("x", "a")).await.unwrap();
    assert_eq!(client.call("SendMessage", message("x", "b")).await.unwrap(), first);
    let got = received(&client, &url, 10).await;
    assert_eq!(bodies(&got), ["x"]);
    let delete = json!({"QueueUrl": url, "ReceiptHandle": got[0].1["ReceiptHandle"]});
    client.call("DeleteMessage", delete).await.unwrap();
    // That holds over a restart, and for five minutes.
    let client = made();
    assert_eq!(client.call("SendMessage", message("x", "a")).await.unwrap(), first);
    clock.advance(Duration::from_secs(300));
    let later = client.call("SendMessage", message("x", "a")).await.unwrap();
    assert_ne!(later["MessageId"], first["MessageId"]);
    let mut own = message("x", "a");
    own["MessageDeduplicationId"] = json!("own");
    client.call("SendMessage", own).await.unwrap();
    let scope = json!({"ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup",
                       "FifoThroughputLimit": "perMessageGroupId"});
    let url = client.call("CreateQueue", fifo("g.fifo", &scope)).await.unwrap()["QueueUrl"].clone();
    for group in ["a", "b", "a"] {
        let message = json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": group});
        client.call("SendMessage", message).await.unwrap();
    }
    assert_eq!(received(&client, &url, 10).await.len(), 2, "each group for itself");
}

#[tokio::test]
async fn fifo_queues_refuse_what_they_do_not_know() {
    let client = Client::new();
    for (made, code) in [
        (json!({"QueueName": "q.fifo"}), "InvalidParameterValue"),
        (fifo("q", &json!({})), "InvalidParameterValue"),
        (fifo("q.fifo", &json!({"DeduplicationScope": "all"})), "InvalidAttributeValue"),
        (fifo("q.fifo", &json!({"FifoThroughputLimit": "perMessageGroupId"})), "InvalidAttributeValue"),
        (
            json!({"QueueName": "q", "Attributes": {"ContentBasedDeduplication": "true"}}),
            "InvalidAttributeName",
        ),
    ] {
        assert_eq!(client.call("CreateQueue", made.clone()).await.unwrap_err(), code, "{made}");
    }
    let plain = client.call("CreateQueue", json!({"QueueName": "plain"})).await.unwrap()["QueueUrl"].clone();
    let policy =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:plain","maxReceiveCount":"2"}"#;
    let mixed = fifo("q.fifo", &json!({"RedrivePolicy": policy}));
    assert_eq!(client.call("CreateQueue", mixed).await.unwrap_err(), "InvalidParameterValue");
    let url = client.call("CreateQueue", fifo("q.fifo", &json!({}))).await.unwrap()["QueueUrl"].clone();
    let send = |url: &Value, more: Value| {
        let mut message = json!({"QueueUrl": url, "MessageBody": "x"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call("SendMessage", message)
    };
    assert_eq!(send(&url, json!({})).await.unwrap_err(), "MissingParameter");
    assert_eq!(send(&url, json!({"MessageGroupId": "a"})).await.unwrap_err(), "InvalidParameterValue");
    let delayed = json!({"MessageGroupId": "a", "MessageDeduplicationId": "1", "DelaySeconds": 5});
    assert_eq!(send(&url, delayed).await.unwrap_err(), "InvalidParameterValue");
    assert_eq!(send(&url, json!({"MessageGroupId": "a b"})).await.unwrap_err(), "InvalidParameterValue");
    assert_eq!(
        send(&plain, json!({"MessageDeduplicationId": "1"})).await.unwrap_err(),
        "InvalidParameterValue"
    );
    assert!(send(&plain, json!({"MessageGroupId": "tenant"})).await.is_ok(), "a fair queue");
    let change = json!({"QueueUrl": plain, "Attributes": {"FifoQueue": "true"}});
    assert_eq!(client.call("SetQueueAttributes", change).await.unwrap_err(), "InvalidAttributeValue");
    let asked = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    let shown = client.call("GetQueueAttributes", asked).await.unwrap();
    assert_eq!(shown["Attributes"]["FifoQueue"], "true");
    assert_eq!(shown["Attributes"]["ContentBasedDeduplication"], "false");
}

#[tokio::test]
async fn the_dead_letters_of_a_fifo_queue_keep_their_order() {
    let client = Client::new();
    let dead = client.call("CreateQueue", fifo("dead.fifo", &json!({}))).await.unwrap()["QueueUrl"].clone();
    let policy =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead.fifo","maxReceiveCount":"1"}"#;
    let url = client.call("CreateQueue", fifo("q.fifo", &json!({"RedrivePolicy": policy}))).await.unwrap()["QueueUrl"].clone();
    for body in ["1", "2", "3"] {
        let message = json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": "a", "MessageDeduplicationId": body});
        client.call("SendMessage", message).await.unwrap();
    }
    assert_eq!(bodies(&received(&client, &url, 2).await), ["1", "2"]);
    client.clock.advance(Duration::from_secs(10));
    assert_eq!(bodies(&received(&client, &url, 10).await), ["3"]);
    assert_eq!(bodies(&received(&client, &dead, 10).await), ["1", "2"]);
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}
