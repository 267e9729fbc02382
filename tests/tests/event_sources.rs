//! Functions that are given what queues have, Tule's own, those of another endpoint, and those of a template; and what
//! buckets tell.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Tule, wait_for};
use serde_json::{Value, json};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";

/// Reports the bodies that begin with `bad`.
const SOURCE: &str = "def handler(event, context):
    bad = [r['messageId'] for r in event['Records'] if r['body'].startswith('bad')]
    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}
";

fn lambda(tule: &Tule, method: &str, path: &str, members: &Value) -> Value {
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=h, Signature=0";
    let answer = tule.request(method, path, &[("authorization", scope)], &members.to_string());
    assert!(answer.status < 300, "{method} {path}: {}", answer.body);
    answer.value()
}

fn create_function(tule: &Tule) {
    create_function_of(tule, SOURCE);
}

fn create_function_of(tule: &Tule, source: &str) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, source.as_bytes()).unwrap();
    let zip = STANDARD.encode(zip.finish().unwrap().into_inner());
    let members = json!({
        "FunctionName": "worker", "Runtime": "python3.12", "Handler": "index.handler", "Timeout": 2,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": zip }
    });
    lambda(tule, "POST", "/2015-03-31/functions", &members);
}

/// Maps the queue to the function; gives the mapping's path once it is enabled.
fn map(tule: &Tule) -> String {
    let members = json!({
        "FunctionName": "worker", "EventSourceArn": QUEUE, "FunctionResponseTypes": ["ReportBatchItemFailures"]
    });
    let made = lambda(tule, "POST", "/2015-03-31/event-source-mappings", &members);
    let path = format!("/2015-03-31/event-source-mappings/{}", made["UUID"].as_str().unwrap());
    wait_for("the mapping", || (mapping(tule, &path)["State"] == "Enabled").then_some(()));
    path
}

fn mapping(tule: &Tule, path: &str) -> Value {
    lambda(tule, "GET", path, &json!({}))
}

fn sqs(tule: &Tule, operation: &str, members: &Value) -> Value {
    let answer = tule.json("sqs", &format!("AmazonSQS.{operation}"), members);
    assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
    answer.value()
}

fn create_queue(tule: &Tule, name: &str, attributes: &Value) -> String {
    let made = sqs(tule, "CreateQueue", &json!({ "QueueName": name, "Attributes": attributes }));
    made["QueueUrl"].as_str().unwrap().to_owned()
}

fn send(tule: &Tule, url: &str, body: &str) {
    sqs(tule, "SendMessage", &json!({ "QueueUrl": url, "MessageBody": body }));
}

/// Waits until a queue has nothing any more, neither visible nor with a receiver.
fn until_empty(tule: &Tule, url: &str) {
    wait_for("an empty queue", || {
        let found = sqs(tule, "GetQueueAttributes", &json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
        let none = |name: &str| found["Attributes"][name] == "0";
        (none("ApproximateNumberOfMessages") && none("ApproximateNumberOfMessagesNotVisible")).then_some(())
    });
}

#[test]
fn what_fails_comes_again_and_ends_in_the_dead_letter_queue_and_a_crash_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--executor", "process", "--data-dir", folder.path().to_str().unwrap()];
    let tule = Tule::start(&arguments);
    create_function(&tule);
    let dead = create_queue(&tule, "dead", &json!({}));
    let redrive =
        json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2 });
    let attributes = json!({ "VisibilityTimeout": "6", "RedrivePolicy": redrive.to_string() });
    let url = create_queue(&tule, "jobs", &attributes);
    let path = map(&tule);
    for body in ["good", "bad", "better"] {
        send(&tule, &url, body);
    }
    let received = wait_for("the dead letter", || {
        let asked = json!({ "QueueUrl": dead, "WaitTimeSeconds": 1, "AttributeNames": ["All"] });
        sqs(&tule, "ReceiveMessage", &asked)["Messages"].get(0).cloned()
    });
    assert_eq!(received["Body"], "bad");
    assert_eq!(received["Attributes"]["DeadLetterQueueSourceArn"], QUEUE);
    until_empty(&tule, &url);
    tule.kill();

    let tule = Tule::start(&arguments);
    assert_eq!(mapping(&tule, &path)["State"], "Enabled");
    let url = format!("{}/000000000000/jobs", tule.endpoint());
    send(&tule, &url, "good");
    until_empty(&tule, &url);
    // Nothing waits for a long poll.
    let reset = tule.request("POST", "/_tule/reset", &[], "");
    assert_eq!(reset.status, 200, "{}", reset.body);
    let listed = lambda(&tule, "GET", "/2015-03-31/event-source-mappings", &json!({}));
    assert_eq!(listed["EventSourceMappings"], json!([]));
}

/// Writes down what it is given; one body of a group fails when it comes first.
const IN_ORDER: &str = "import os, time
def handler(event, context):
    bodies = [r['body'] for r in event['Records']]
    first = [r for r in event['Records'] if r['body'] == 'a2' and r['attributes']['ApproximateReceiveCount'] == '1']
    time.sleep(0.1)
    for r in event['Records']:
        if first and r['attributes']['MessageGroupId'] == 'a' and r['body'] >= 'a2':
            continue
        print('did', r['attributes']['MessageGroupId'], r['body'])
    bad = [r['messageId'] for r in event['Records'] if first and r['attributes']['MessageGroupId'] == 'a' and r['body'] >= 'a2']
    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}
";

#[test]
fn the_groups_of_a_fifo_queue_come_in_their_order_whatever_fails() {
    let tule = Tule::start(&["--executor", "process"]);
    create_function_of(&tule, IN_ORDER);
    let attributes =
        json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "8" });
    // The first batch must not wait for an environment for longer than its messages stay invisible.
    assert!(tule.invoke("worker", &json!({ "Records": [] })).is_ok());
    let url = create_queue(&tule, "jobs.fifo", &attributes);
    let members = json!({
        "FunctionName": "worker", "EventSourceArn": format!("{QUEUE}.fifo"), "BatchSize": 3,
        "FunctionResponseTypes": ["ReportBatchItemFailures"]
    });
    for number in 1..=5 {
        for group in ["a", "b", "c"] {
            let body = format!("{group}{number}");
            let message = json!({ "QueueUrl": url, "MessageBody": body, "MessageGroupId": group });
            sqs(&tule, "SendMessage", &message);
        }
    }
    lambda(&tule, "POST", "/2015-03-31/event-source-mappings", &members);
    until_empty(&tule, &url);
    let asked = json!({ "logGroupName": "/aws/lambda/worker", "filterPattern": "did" });
    let lines = tule.json("logs", "Logs_20140328.FilterLogEvents", &asked).value();
    let said = |group: &str| -> Vec<String> {
        let lines =
            lines["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap());
        lines
            .filter_map(|line| line.trim().strip_prefix(&format!("did {group} ")).map(str::to_owned))
            .collect()
    };
    for group in ["a", "b", "c"] {
        let expected: Vec<String> = (1..=5).map(|number| format!("{group}{number}")).collect();
        assert_eq!(said(group), expected);
    }
}

#[test]
fn a_queue_of_another_endpoint_is_read_like_one_s_own() {
    let elsewhere = Tule::start(&["--executor", "process"]);
    let url = create_queue(&elsewhere, "jobs", &json!({}));
    let delegate = format!("sqs={}", elsewhere.endpoint());
    let tule = Tule::start(&["--executor", "process", "--delegate", &delegate]);
    create_function(&tule);
    let path = map(&tule);
    send(&elsewhere, &url, "good");
    until_empty(&elsewhere, &url);
    assert!(mapping(&tule, &path).get("LastProcessingResult").is_none_or(Value::is_null));
    elsewhere.kill();
    let problem =
        wait_for("the problem", || mapping(&tule, &path)["LastProcessingResult"].as_str().map(str::to_owned));
    assert!(problem.starts_with("PROBLEM: SdkClientException: the delegated endpoint"), "{problem}");
}

#[test]
fn a_template_s_queue_events_are_mappings_and_deploying_again_changes_them() {
    let folder = tempfile::tempdir().unwrap();
    let template = |size: u32| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  Dead:
    Type: AWS::SQS::Queue
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: jobs
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt Dead.Arn
        maxReceiveCount: 3
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return None
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: {size}
            FilterCriteria:
              Filters:
                - Pattern: '{{\"body\": {{\"kind\": [\"job\"]}}}}'
"
        )
    };
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--executor", "process", "--data-dir", data.path().to_str().unwrap()];
    let mut uuids = Vec::new();
    for size in [5, 7] {
        std::fs::write(folder.path().join("template.yaml"), template(size)).unwrap();
        let tule = Tule::up(folder.path(), &arguments);
        let list = || lambda(&tule, "GET", "/2015-03-31/event-source-mappings", &json!({}));
        let mapping = wait_for("the mapping", || {
            let mappings = list()["EventSourceMappings"].as_array().unwrap().clone();
            assert_eq!(mappings.len(), 1, "{mappings:?}");
            (mappings[0]["State"] == "Enabled").then(|| mappings[0].clone())
        });
        assert_eq!((&mapping["BatchSize"], &mapping["EventSourceArn"]), (&json!(size), &json!(QUEUE)));
        uuids.push(mapping["UUID"].clone());
        let url = format!("{}/000000000000/jobs", tule.endpoint());
        send(&tule, &url, "{\"kind\": \"job\"}");
        until_empty(&tule, &url);
        tule.kill();
    }
    assert_eq!(uuids[0], uuids[1]);
}

/// Says which objects it is told of.
const TOLD: &str = "def handler(event, context):
    for r in event['Records']:
        print('told', r['eventName'], r['s3']['object']['key'])
";

#[test]
fn a_bucket_tells_functions_and_queues_of_its_objects() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--executor", "process", "--data-dir", folder.path().to_str().unwrap()];
    let s3 = |tule: &Tule, method: &str, path: &str, body: &str| {
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=h, Signature=0";
        let answer = tule.request(method, path, &[("authorization", scope)], body);
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
    };
    let tule = Tule::start(&arguments);
    create_function_of(&tule, TOLD);
    create_queue(&tule, "jobs", &json!({}));
    s3(&tule, "PUT", "/pictures", "");
    let function = "arn:aws:lambda:us-east-1:000000000000:function:worker";
    let configuration = format!(
        "<NotificationConfiguration>\
         <QueueConfiguration><Queue>{QUEUE}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>\
         <CloudFunctionConfiguration><CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event>\
         </CloudFunctionConfiguration></NotificationConfiguration>"
    );
    s3(&tule, "PUT", "/pictures?notification", &configuration);
    tule.kill();

    let tule = Tule::start(&arguments);
    s3(&tule, "PUT", "/pictures/a%20b.png", "x");
    s3(&tule, "DELETE", "/pictures/a%20b.png", "");
    let url = format!("{}/000000000000/jobs", tule.endpoint());
    // The event with which the queue was tried out may come first.
    let removed: Value = wait_for("the queue to be told", || {
        let asked = json!({ "QueueUrl": url, "WaitTimeSeconds": 1, "MaxNumberOfMessages": 10 });
        let received = sqs(&tule, "ReceiveMessage", &asked);
        let mut bodies = received["Messages"].as_array()?.iter().filter_map(|it| it["Body"].as_str());
        serde_json::from_str(bodies.find(|body| body.contains("ObjectRemoved:Delete"))?).ok()
    });
    assert_eq!(removed["Records"][0]["s3"]["object"]["key"], "a+b.png");
    let asked = json!({ "logGroupName": "/aws/lambda/worker", "filterPattern": "told" });
    let told = wait_for("the function to be told", || {
        let lines = tule.json("logs", "Logs_20140328.FilterLogEvents", &asked).value();
        lines["events"][0]["message"].as_str().map(str::to_owned)
    });
    assert_eq!(told.trim(), "told ObjectCreated:Put a+b.png");
}
