//! Settings that change who serves a request, or whether it is served: delegation, signatures, the data folder.

use e2e::{Tule, client, wait_for};
use serde_json::{Value, json};

fn sqs(tule: &Tule, operation: &str, members: &Value) -> Value {
    let answer = tule.json("sqs", &format!("AmazonSQS.{operation}"), members);
    assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
    answer.value()
}

#[test]
fn a_delegated_service_is_served_elsewhere_for_clients_and_for_workflows() {
    let elsewhere = Tule::start(&["--executor", "process"]);
    let delegate = format!("sqs={}", elsewhere.endpoint());
    let tule = Tule::start(&["--executor", "process", "--delegate", &delegate]);
    let made = sqs(&tule, "CreateQueue", &json!({ "QueueName": "there" }));
    assert_eq!(sqs(&elsewhere, "ListQueues", &json!({}))["QueueUrls"], json!([made["QueueUrl"]]));
    let definition = json!({ "StartAt": "Send", "States": { "Send": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": { "QueueUrl": made["QueueUrl"], "MessageBody": "from a workflow" }, "End": true
    } } });
    let role = "arn:aws:iam::000000000000:role/r";
    let members = json!({ "name": "send", "roleArn": role, "definition": definition.to_string() });
    let machine = tule.states("CreateStateMachine", &members)["stateMachineArn"].clone();
    let started = tule.states("StartExecution", &json!({ "stateMachineArn": machine }));
    let ended = wait_for("the workflow", || {
        let found = tule.states("DescribeExecution", &json!({ "executionArn": started["executionArn"] }));
        (found["status"] != "RUNNING").then_some(found)
    });
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let received = sqs(&elsewhere, "ReceiveMessage", &json!({ "QueueUrl": made["QueueUrl"] }));
    assert_eq!(received["Messages"][0]["Body"], "from a workflow");
    drop(elsewhere);
    let gone = tule.json("sqs", "AmazonSQS.ListQueues", &json!({}));
    assert_eq!(gone.status, 503, "{}", gone.body);
    assert!(gone.body.contains("does not answer"), "{}", gone.body);
}

#[test]
fn signatures_are_checked_where_that_is_asked_for() {
    let tule = Tule::start(&["--executor", "process", "--verify-signatures"]);
    let ask = "import boto3, io, sys\n\
               s3 = boto3.client('s3', aws_access_key_id='test', aws_secret_access_key=sys.argv[1])\n\
               states = boto3.client('stepfunctions', aws_access_key_id='test', aws_secret_access_key=sys.argv[1])\n\
               for call in (lambda: s3.create_bucket(Bucket='signed'),\n\
               \x20            lambda: s3.put_object(Bucket='signed', Key='a b/c', Body=b'x'),\n\
               \x20            lambda: states.list_state_machines()):\n\
               \x20   try:\n\
               \x20       call()\n\
               \x20       print('served')\n\
               \x20   except Exception as error:\n\
               \x20       print(error)\n";
    let Some(right) = client(&tule, "python", &["-c", ask, "test"]) else { return };
    assert_eq!(right.lines().collect::<Vec<_>>(), ["served"; 3], "{right}");
    let wrong = client(&tule, "python", &["-c", ask, "wrong"]).unwrap_or_default();
    let codes = ["(SignatureDoesNotMatch)", "(SignatureDoesNotMatch)", "(InvalidSignatureException)"];
    assert!(wrong.lines().zip(codes).all(|(line, code)| line.contains(code)), "{wrong}");
    let unsigned = tule.request("GET", "/2015-03-31/functions", &[], "");
    assert_eq!(unsigned.status, 403, "{}", unsigned.body);
}

#[test]
fn a_data_folder_has_one_tule_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().to_str().expect("its path is text");
    let first = Tule::start(&["--executor", "process", "--data-dir", data]);
    let second = e2e::command(&first, &["start", "--port", "0", "--executor", "process", "--data-dir", data]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("is in use by another Tule process"), "{said}");
}
