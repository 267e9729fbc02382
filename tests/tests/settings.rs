//! Settings that change who serves a request, or whether it is served: delegation, signatures, the data folder.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use e2e::{Tule, client, has_docker, wait_for};
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

/// A table of one item, as far as two operations of DynamoDB tell: what it was asked comes back when it is dropped.
fn table() -> (String, std::sync::mpsc::Receiver<String>) {
    let (sender, asked) = std::sync::mpsc::channel();
    let endpoint = e2e::fake::json_service(move |target, members| {
        let _ = sender.send(format!("{target} {members}"));
        match target {
            "DynamoDB_20120810.GetItem" => {
                (200, json!({ "Item": { "id": { "S": "1" }, "n": { "N": "5" } } }))
            }
            _ => {
                let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
                (400, json!({ "__type": code, "message": "The conditional request failed" }))
            }
        }
    });
    (endpoint, asked)
}

/// Runs a definition of one task to its end.
fn run_task(tule: &Tule, name: &str, resource: &str, parameters: &Value) -> Value {
    let task = json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true });
    let definition = json!({ "StartAt": "A", "States": { "A": task } }).to_string();
    let role = "arn:aws:iam::000000000000:role/r";
    let made = json!({ "name": name, "roleArn": role, "definition": definition, "type": "EXPRESS" });
    let machine = tule.states("CreateStateMachine", &made)["stateMachineArn"].clone();
    tule.states("StartSyncExecution", &json!({ "stateMachineArn": machine }))
}

#[test]
fn workflows_reach_delegated_tables_and_say_how_to_delegate() {
    let (endpoint, asked) = table();
    let delegate = format!("dynamodb={endpoint}");
    let tule = Tule::start(&["--executor", "process", "--delegate", &delegate]);
    let key = json!({ "TableName": "t", "Key": { "id": { "S": "1" } } });
    let got = run_task(&tule, "get", "arn:aws:states:::dynamodb:getItem", &key);
    let output: Value = serde_json::from_str(got["output"].as_str().unwrap_or_default()).unwrap_or_default();
    assert_eq!(output["Item"], json!({ "id": { "S": "1" }, "n": { "N": "5" } }), "{got}");
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 200);
    let first = asked.recv().expect("it was asked");
    assert_eq!(first, format!("DynamoDB_20120810.GetItem {key}"));
    let item = json!({ "TableName": "t", "Item": { "id": { "S": "1" } }, "ConditionExpression": "attribute_not_exists(id)" });
    let put = run_task(&tule, "put", "arn:aws:states:::dynamodb:putItem", &item);
    assert_eq!(put["error"], "DynamoDB.ConditionalCheckFailedException", "{put}");
    let sdk = run_task(&tule, "sdk", "arn:aws:states:::aws-sdk:dynamodb:putItem", &item);
    assert_eq!(sdk["error"], "DynamoDb.ConditionalCheckFailedException", "{sdk}");
    let nobody =
        run_task(&tule, "nobody", "arn:aws:states:::aws-sdk:ssm:getParameter", &json!({ "Name": "p" }));
    assert_eq!(nobody["error"], "Ssm.SdkClientException", "{nobody}");
    assert!(nobody["cause"].to_string().contains("--delegate ssm=URL"), "{nobody}");
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
    // The right signature, of another body, and of another day.
    let altered = "import http.client, os, urllib.parse\n\
               from botocore.auth import S3SigV4Auth\n\
               from botocore.awsrequest import AWSRequest\n\
               from botocore.credentials import Credentials\n\
               host = urllib.parse.urlparse(os.environ['AWS_ENDPOINT_URL']).netloc\n\
               for sent, day in ((b'signed', None), (b'forged', None), (b'signed', '20200101T000000Z')):\n\
               \x20   request = AWSRequest('PUT', f'http://{host}/signed/key', data=b'signed')\n\
               \x20   S3SigV4Auth(Credentials('test', 'test'), 's3', 'us-east-1').add_auth(request)\n\
               \x20   headers = dict(request.headers.items()) | ({'X-Amz-Date': day} if day else {})\n\
               \x20   connection = http.client.HTTPConnection(host)\n\
               \x20   connection.request('PUT', '/signed/key', sent, headers)\n\
               \x20   answer = connection.getresponse()\n\
               \x20   print(answer.status, answer.read().decode())\n";
    let answers = client(&tule, "python", &["-c", altered]).unwrap_or_default();
    for said in ["200", "XAmzContentSHA256Mismatch"] {
        assert!(answers.contains(said), "{answers}");
    }
    assert!(
        answers.contains("SignatureDoesNotMatch") || answers.contains("RequestTimeTooSkewed"),
        "{answers}"
    );
    let unsigned = tule.request("GET", "/2015-03-31/functions", &[], "");
    assert_eq!(unsigned.status, 403, "{}", unsigned.body);
    // Connections are reached at an API's own address.
    let connections = "import boto3\n\
               def client(service, secret, url=None):\n\
               \x20   return boto3.client(service, aws_access_key_id='test', aws_secret_access_key=secret, endpoint_url=url)\n\
               gateway = client('apigatewayv2', 'test')\n\
               api = gateway.create_api(Name='c', ProtocolType='WEBSOCKET', RouteSelectionExpression='$request.body.a')\n\
               gateway.create_stage(ApiId=api['ApiId'], StageName='dev')\n\
               url = api['ApiEndpoint'].replace('ws://', 'http://') + '/dev'\n\
               for secret in ('test', 'wrong'):\n\
               \x20   management = client('apigatewaymanagementapi', secret, url)\n\
               \x20   try:\n\
               \x20       management.post_to_connection(ConnectionId='L0SM9cOFvHcCIhw=', Data=b'hello')\n\
               \x20   except Exception as error:\n\
               \x20       print(error.response['Error']['Code'])\n";
    let codes = client(&tule, "python", &["-c", connections]).unwrap_or_default();
    assert_eq!(codes.lines().collect::<Vec<_>>(), ["GoneException", "InvalidSignatureException"], "{codes}");
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

/// A function under a debugger waits before its code is loaded, however short its timeout is.
#[test]
fn a_debugged_function_waits_for_its_debugger() {
    wait_for_a_debugger("process");
}

/// The same in a container, with nothing published of it.
#[test]
fn a_debugged_function_waits_in_a_container() {
    if has_docker() {
        wait_for_a_debugger("docker");
    }
}

fn wait_for_a_debugger(executor: &str) {
    let source = tempfile::tempdir().unwrap();
    std::fs::write(source.path().join("index.js"), "exports.handler = async (event) => event + 1;").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tule = Tule::start(&["--executor", executor, "--debug", &format!("debugged:{port}")]);
    let members = json!({
        "FunctionName": "debugged", "Runtime": "nodejs20.x", "Handler": "index.handler", "Timeout": 1,
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "S3Bucket": "hot-reload", "S3Key": source.path() }
    });
    let lambda = |path: &str, body: &str| {
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, \
                     Signature=0";
        tule.request("POST", path, &[("authorization", scope)], body)
    };
    let made = lambda("/2015-03-31/functions", &members.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    std::thread::scope(|scope| {
        let invoked = scope.spawn(|| lambda("/2015-03-31/functions/debugged/invocations", "1"));
        let address = ("127.0.0.1", port);
        let mut inspector = wait_for("the inspector", || TcpStream::connect(address).ok());
        assert!(!invoked.is_finished());
        // In one piece: the inspector reads no request that comes in several.
        let ask = format!("GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        inspector.write_all(ask.as_bytes()).unwrap();
        let (mut listed, mut piece) = (String::new(), [0; 4096]);
        // The inspector keeps its connections open.
        while !listed.contains("\n} ]") {
            let length = inspector.read(&mut piece).unwrap();
            assert!(length > 0, "{listed}");
            listed.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
        let path =
            listed.split(&format!("\"ws://127.0.0.1:{port}")).nth(1).unwrap().split('"').next().unwrap();
        let mut inspector = TcpStream::connect(address).unwrap();
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let ask = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{upgrade}\r\n{key}\r\n\r\n");
        inspector.write_all(ask.as_bytes()).unwrap();
        assert!(inspector.read(&mut piece).unwrap() > 0, "the handshake is answered");
        let goes_on = br#"{"id":1,"method":"Runtime.runIfWaitingForDebugger"}"#;
        // A text frame under a mask of zeros.
        let length = u8::try_from(goes_on.len()).unwrap();
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], &goes_on[..]].concat();
        // Node.js listens a moment before it waits, and forgets what it was told then.
        wait_for("the function's answer", || {
            let _ = inspector.write_all(&frame);
            invoked.is_finished().then_some(())
        });
        assert_eq!(invoked.join().unwrap().body, "2");
    });
}
