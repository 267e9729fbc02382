//! Lambda's operations and its queue of events, with the process executor.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_shim::ExecutorChoice;
use runtime::{Clock, FunctionInvoker, Invocation, InvocationMode, Timestamp, VirtualClock};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, WHO, kill_processes_of, options, processes_of, value, zip};

async fn rig() -> Rig {
    Rig::new(ExecutorChoice::Process).await
}

const ECHO: &str = "def handler(event, context):\n    return event\n";

/// Waits until `holds`; nextest ends a test that waits for ever.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn packages_come_from_s3_and_can_be_downloaded() {
    let rig = rig().await;
    let role = "arn:aws:iam::000000000000:role/r";
    let of = |bucket: &str, key: &str| json!({"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": role, "Code": {"S3Bucket": bucket, "S3Key": key}});
    let refused = rig.call("CreateFunction", of("bucket", "nope")).await.unwrap_err();
    assert_eq!(
        refused.message,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
    );
    rig.call("CreateFunction", of("bucket", "code.zip")).await.unwrap();
    assert_eq!(value(&rig.invoke("f", json!({})).await), "from s3");
    let shown = rig.call("GetFunction", json!({"FunctionName": "f"})).await.unwrap();
    let link =
        shown["Code"]["Location"].as_str().unwrap().strip_prefix("http://127.0.0.1:4566").unwrap().to_owned();
    let (path, query) = link.split_once('?').unwrap();
    let package = rig.lambda.package(path, query).await.unwrap();
    assert_eq!(shown["Configuration"]["CodeSize"], package.len());
    assert!(rig.lambda.package(path, "expires=99999999999&signature=x").await.is_none());
}

#[tokio::test]
async fn broken_packages_are_refused_and_change_nothing() {
    let rig = rig().await;
    let mut members = json!({"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": "r", "Code": {"ZipFile": BASE64_STANDARD.encode("not a zip")}});
    let refused = rig.call("CreateFunction", members.clone()).await.unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValueException");
    assert_eq!(
        refused.message,
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    );
    members["Code"] = json!({"ZipFile": BASE64_STANDARD.encode(zip(&[("../evil.py", "")]))});
    assert!(rig.call("CreateFunction", members).await.unwrap_err().message.contains("leaves the archive"));
    assert_eq!(
        rig.call("GetFunction", json!({"FunctionName": "f"})).await.unwrap_err().code,
        "ResourceNotFoundException"
    );
    rig.python("f", ECHO).await;
    let before = rig.settled("f").await;
    let update = json!({"FunctionName": "f", "ZipFile": BASE64_STANDARD.encode("PK rubbish")});
    assert!(rig.call("UpdateFunctionCode", update).await.is_err());
    assert_eq!(rig.settled("f").await, before);
}

#[tokio::test]
async fn what_cannot_run_here_fails_clearly() {
    let rig = rig().await;
    rig.create("j", "java21", &[("x", "")], json!({})).await;
    let shown = rig.settled("j").await;
    assert_eq!(shown["State"], "Failed");
    assert!(shown["StateReason"].as_str().unwrap().contains("docker executor"), "{shown}");
    let refused = rig.refused(Invocation::request_response("j", "{}")).await;
    assert_eq!((refused.code.as_ref(), refused.status), ("ResourceConflictException", 409));
    assert!(refused.message.contains("java21 functions need the docker executor"), "{}", refused.message);
}

#[tokio::test]
async fn functions_are_listed_in_pages() {
    let rig = rig().await;
    for number in 0..7 {
        rig.python(&format!("f{number}"), ECHO).await;
        rig.settled(&format!("f{number}")).await;
    }
    rig.call("PublishVersion", json!({"FunctionName": "f3"})).await.unwrap();
    for (which, expected) in [(Value::Null, 7), (json!("ALL"), 8)] {
        let (mut names, mut marker) = (Vec::new(), Value::Null);
        loop {
            let page = rig
                .call("ListFunctions", json!({"MaxItems": 2, "Marker": marker, "FunctionVersion": which}))
                .await
                .unwrap();
            let shown = page["Functions"].as_array().unwrap();
            assert!(shown.len() <= 2);
            names.extend(shown.iter().map(|function| function["FunctionArn"].as_str().unwrap().to_owned()));
            marker = page["NextMarker"].clone();
            if marker.is_null() {
                break;
            }
        }
        assert_eq!(names.len(), expected, "{names:?}");
        let mut once = names.clone();
        once.dedup();
        assert_eq!(once, names);
    }
}

#[tokio::test]
async fn functions_are_there_after_a_restart() {
    let store = Store::memory();
    let first = Rig::start(
        options(ExecutorChoice::Process, store.clone(), &Lines::default()),
        Lines::default(),
        store.clone(),
    )
    .await;
    first.python("f", ECHO).await;
    let before = first.settled("f").await;
    first
        .call("CreateAlias", json!({"FunctionName": "f", "Name": "live", "FunctionVersion": "$LATEST"}))
        .await
        .unwrap();
    first.lambda.shutdown().await;
    let lines = Lines::default();
    let second = Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store).await;
    assert_eq!(second.settled("f").await, before);
    assert_eq!(value(&second.invoke("f:live", json!(5)).await), 5);
}

#[tokio::test]
async fn concurrency_is_reserved_and_throttled() {
    let rig = rig().await;
    rig.python("f", "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 1\n").await;
    rig.call("PutFunctionConcurrency", json!({"FunctionName": "f", "ReservedConcurrentExecutions": 1}))
        .await
        .unwrap();
    rig.invoke("f", json!(0)).await;
    let ctx = rig.fresh();
    let long = rig.lambda.invoke(&ctx, Invocation::request_response("f", "1"));
    let (long, refused) = tokio::join!(long, async {
        let mut refused = None;
        // The first invocation takes its slot at once, and keeps it for a second.
        while refused.is_none() {
            tokio::task::yield_now().await;
            refused = rig.lambda.invoke(&rig.fresh(), Invocation::request_response("f", "0")).await.err();
        }
        refused.unwrap()
    });
    assert_eq!(long.unwrap().status, 200);
    assert_eq!((refused.code.as_ref(), refused.status), ("TooManyRequestsException", 429));
    assert_eq!(refused.fields["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
    rig.call("PutFunctionConcurrency", json!({"FunctionName": "f", "ReservedConcurrentExecutions": 0}))
        .await
        .unwrap();
    assert_eq!(rig.refused(Invocation::request_response("f", "0")).await.status, 429);
}

#[tokio::test]
async fn dry_runs_check_and_do_not_run() {
    let rig = rig().await;
    rig.python("f", "raise Exception('never')\n").await;
    let dry = |function: &str| Invocation {
        mode: InvocationMode::DryRun,
        ..Invocation::request_response(function, "{}")
    };
    assert_eq!(rig.lambda.invoke(&rig.fresh(), dry("f")).await.unwrap().status, 204);
    let refused = rig.refused(dry("g")).await;
    assert_eq!(
        refused.message,
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST"
    );
    let streamed = |function: &str| {
        rig.call("InvokeWithResponseStream", json!({"FunctionName": function, "InvocationType": "DryRun"}))
    };
    assert_eq!(streamed("f").await.unwrap(), json!({}));
    assert_eq!(streamed("g").await.unwrap_err().message, refused.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_tried_three_times_with_the_same_id() {
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let virtual_clock = clock.clone();
    let rig =
        Rig::with(ExecutorChoice::Process, |options| options.clock = Clock::Virtual(virtual_clock)).await;
    rig.python("f", "def handler(event, context):\n    print('try', context.aws_request_id, flush=True)\n    raise Exception('no')\n").await;
    rig.event("f", json!({"a": 1})).await;
    let tries = || rig.lines.of("f").matches("END RequestId").count();
    for (expected, wait) in [(1, 60), (2, 120)] {
        until(|| tries() == expected && clock.next_wakeup().is_some()).await;
        let at = clock.next_wakeup().unwrap();
        assert_eq!(at.since(clock.now()), Duration::from_secs(wait));
        clock.advance_to(at);
    }
    until(|| tries() == 3).await;
    let log = rig.lines.of("f");
    let mut ids: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("try ")).collect();
    assert_eq!(ids.len(), 3);
    ids.dedup();
    assert_eq!(ids.len(), 1, "one id for all attempts");
    // Worked off: nothing is left in the store.
    let left = || rig.store.scan(store::Table("lambda.events"), &store::Key::new(), None, 10).unwrap().len();
    until(|| left() == 0).await;
    assert_eq!(clock.next_wakeup(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_taken_survive_a_restart() {
    let store = Store::memory();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let mut first = options(ExecutorChoice::Process, store.clone(), &Lines::default());
    first.clock = Clock::Virtual(clock.clone());
    let first = Rig::start(first, Lines::default(), store.clone()).await;
    first.python("f", "def handler(event, context):\n    raise Exception('no')\n").await;
    first.event("f", json!({"a": 1})).await;
    until(|| clock.next_wakeup().is_some()).await;
    // The process ends here, with one attempt made. The clock of the old one never moves again.
    let lines = Lines::default();
    let second = Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store).await;
    until(|| second.lines.of("f").contains("END RequestId")).await;
    assert!(second.lines.of("f").contains("[ERROR] Exception: no"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_environments_end_and_dead_ones_are_replaced() {
    let rig =
        Rig::with(ExecutorChoice::Process, |options| options.idle_time = Duration::from_millis(200)).await;
    rig.python("f", &format!("import os\ndef handler(event, context):\n    return {WHO}\n")).await;
    let who = async || value(&rig.invoke("f", json!({})).await);
    let first = who().await.as_str().unwrap().to_owned();
    assert_eq!(who().await, *first);
    until(|| processes_of(&first).is_empty()).await;
    let second = who().await.as_str().unwrap().to_owned();
    assert_ne!(second, first);
    // One that is killed while it is idle is replaced; a request that it had been given already is answered at once.
    kill_processes_of(&second);
    let third = who().await;
    assert!(third.is_string() || third["errorType"] == "Runtime.ExitError", "{third}");
    assert!(who().await.is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_machine_makes_room() {
    let rig = Rig::with(ExecutorChoice::Process, |options| options.max_environments = 2).await;
    for name in ["a", "b", "c", "d"] {
        rig.python(name, ECHO).await;
        assert_eq!(value(&rig.invoke(name, json!(1)).await), 1);
    }
    let many = (0..12).map(|number| rig.invoke(["a", "b", "c", "d"][number % 4], json!(2)));
    for answer in futures::future::join_all(many).await {
        assert_eq!(value(&answer), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_cannot_answer_for_others() {
    let rig = rig().await;
    let source = "import os, json, urllib.request, urllib.error\ndef handler(event, context):\n    url = 'http://%s/2018-06-01/runtime/invocation/%s/response' % \
        (os.environ['AWS_LAMBDA_RUNTIME_API'], event)\n    try:\n        return urllib.request.urlopen(urllib.request.Request(url, b'1', method='POST')).status\n    \
        except urllib.error.HTTPError as error:\n        return [error.code, json.load(error)['errorType']]\n";
    rig.python("f", source).await;
    assert_eq!(
        value(&rig.invoke("f", json!("8476a536-e9f4-11e8-9739-2dfe598c3fcd")).await),
        json!([400, "InvalidRequestID"])
    );
}

#[tokio::test]
async fn sdks_are_found_behind_what_the_package_brings() {
    let sdk = tempfile::tempdir().unwrap();
    let modules = sdk.path().join("node_modules/@aws-sdk/client-x");
    std::fs::create_dir_all(&modules).unwrap();
    std::fs::write(modules.join("package.json"), r#"{"name": "@aws-sdk/client-x", "main": "index.js"}"#)
        .unwrap();
    std::fs::write(modules.join("index.js"), "exports.from = 'sdk';").unwrap();
    std::fs::write(sdk.path().join("tule_sdk.py"), "where = 'sdk'").unwrap();
    let path = sdk.path().to_owned();
    let rig = Rig::with(ExecutorChoice::Process, |options| {
        options.python_sdk = Some(path.clone());
        options.node_sdk = Some(path.join("node_modules"));
    })
    .await;
    rig.python("p", "import tule_sdk\ndef handler(event, context):\n    return tule_sdk.where\n").await;
    assert_eq!(value(&rig.invoke("p", json!({})).await), "sdk");
    rig.node("c", "const { from } = require('@aws-sdk/client-x'); exports.handler = async () => from;").await;
    assert_eq!(value(&rig.invoke("c", json!({})).await), "sdk");
    let esm = "import { from } from '@aws-sdk/client-x';\nexport const handler = async () => from;";
    rig.create("m", "nodejs20.x", &[("index.mjs", esm)], json!({})).await;
    assert_eq!(value(&rig.invoke("m", json!({})).await), "sdk");
    let own = [
        ("index.mjs", esm),
        ("node_modules/@aws-sdk/client-x/package.json", r#"{"name": "x", "main": "i.js"}"#),
        ("node_modules/@aws-sdk/client-x/i.js", "exports.from = 'own';"),
    ];
    rig.create("o", "nodejs20.x", &own, json!({})).await;
    assert_eq!(value(&rig.invoke("o", json!({})).await), "own");
}

#[tokio::test]
async fn json_logs_are_objects() {
    let rig = rig().await;
    let logging = json!({"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}});
    let source = "import logging\ndef handler(event, context):\n    logging.getLogger().info('hello %s', 'you')\n    logging.getLogger().debug('never')\n";
    rig.create("p", "python3.11", &[("index.py", source)], logging.clone()).await;
    rig.create(
        "n",
        "nodejs20.x",
        &[(
            "index.js",
            "exports.handler = async () => { console.log('hello %s', 'you'); console.debug('never'); };",
        )],
        logging,
    )
    .await;
    for name in ["p", "n"] {
        rig.invoke(name, json!({})).await;
        let log = rig.lines.of(name);
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap_or("function")).collect();
        assert_eq!(kinds, ["platform.initStart", "platform.start", "function", "platform.report"], "{log}");
        assert_eq!((&lines[2]["message"], &lines[2]["level"]), (&json!("hello you"), &json!("INFO")));
        assert_eq!(lines[2]["requestId"], lines[1]["record"]["requestId"]);
        assert_eq!(lines[3]["record"]["status"], "success");
    }
}

#[tokio::test]
async fn the_client_context_reaches_the_function() {
    let rig = rig().await;
    rig.python("f", "def handler(event, context):\n    return [context.client_context.custom, context.client_context.client.app_title]\n").await;
    let context = BASE64_STANDARD.encode(r#"{"custom": {"a": "b"}, "client": {"app_title": "t"}}"#);
    let invocation = Invocation { client_context: Some(context), ..Invocation::request_response("f", "{}") };
    assert_eq!(value(&rig.lambda.invoke(&rig.fresh(), invocation).await.unwrap()), json!([{"a": "b"}, "t"]));
    let broken =
        Invocation { client_context: Some("%".to_owned()), ..Invocation::request_response("f", "{}") };
    assert_eq!(rig.refused(broken).await.code, "InvalidRequestContentException");
}

#[tokio::test]
async fn changes_wait_for_each_other() {
    let rig =
        Rig::with(ExecutorChoice::Process, |options| options.update_time = Duration::from_secs(3600)).await;
    rig.python("f", ECHO).await;
    rig.settled("f").await;
    let change = json!({"FunctionName": "f", "Description": "d"});
    let shown = rig.call("UpdateFunctionConfiguration", change.clone()).await.unwrap();
    assert_eq!(shown["LastUpdateStatus"], "InProgress");
    let refused = rig.call("UpdateFunctionConfiguration", change).await.unwrap_err();
    assert_eq!(
        refused.message,
        "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:000000000000:function:f"
    );
    assert_eq!(value(&rig.invoke("f", json!(1)).await), 1, "invocations do not wait");
}

/// `kill -9` of the whole service while a function runs: this test starts itself once more as the one that is killed.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_die_with_tule() {
    const CHILD: &str = "TULE_TEST_CHILD";
    if let Some(file) = std::env::var_os(CHILD) {
        let rig = rig().await;
        let source = "import os, time\ndef handler(event, context):\n    with open(event + '.part', 'w') as f:\n        f.write(os.environ['AWS_LAMBDA_LOG_STREAM_NAME'])\n    \
            os.rename(event + '.part', event)\n    time.sleep(600)\n";
        rig.create("f", "python3.11", &[("index.py", source)], json!({"Timeout": 900})).await;
        rig.invoke("f", json!(file.to_str().unwrap())).await;
        return;
    }
    // A function in a local process has a /tmp of its own.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let file = folder.path().join("pid");
    let mut service = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["functions_die_with_tule", "--exact"])
        .env(CHILD, &file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until(|| file.exists()).await;
    let stream = std::fs::read_to_string(&file).unwrap();
    let alive = || !processes_of(&stream).is_empty();
    assert!(alive());
    service.kill().unwrap();
    service.wait().unwrap();
    until(|| !alive()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destinations_are_told_how_events_ended() {
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let virtual_clock = clock.clone();
    let rig =
        Rig::with(ExecutorChoice::Process, |options| options.clock = Clock::Virtual(virtual_clock)).await;
    rig.python("f", "def handler(event, context):\n    if event['fail']:\n        raise Exception('no')\n    return 'yes'\n").await;
    for name in ["good", "bad"] {
        rig.python(name, "import json\ndef handler(event, context):\n    print('told', json.dumps(event))\n")
            .await;
        rig.settled(name).await;
    }
    let arn = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    let config = json!({"OnSuccess": {"Destination": arn("good")}, "OnFailure": {"Destination": arn("bad")}});
    rig.call("PutFunctionEventInvokeConfig", json!({"FunctionName": "f", "DestinationConfig": config}))
        .await
        .unwrap();
    let told = |name: &str, index: usize| -> Option<Value> {
        let log = rig.lines.of(name);
        let line = log.lines().filter_map(|line| line.strip_prefix("told ")).nth(index)?;
        serde_json::from_str(line).ok()
    };
    rig.event("f", json!({"fail": false})).await;
    until(|| told("good", 0).is_some()).await;
    let record = told("good", 0).unwrap();
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["functionArn"], format!("{}:$LATEST", arn("f")));
    assert_eq!(
        (&record["requestPayload"], &record["responsePayload"]),
        (&json!({"fail": false}), &json!("yes"))
    );
    assert_eq!(record["responseContext"], json!({"statusCode": 200, "executedVersion": "$LATEST"}));
    // No attempt more than it says, and none when the event would be too old by then.
    for (index, limit, condition) in [
        (0, json!({"FunctionName": "f", "MaximumRetryAttempts": 0}), "RetriesExhausted"),
        (
            1,
            json!({"FunctionName": "f", "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}),
            "EventAgeExceeded",
        ),
    ] {
        rig.call("UpdateFunctionEventInvokeConfig", limit).await.unwrap();
        rig.event("f", json!({"fail": true})).await;
        until(|| told("bad", index).is_some()).await;
        let record = told("bad", index).unwrap();
        assert_eq!(record["requestContext"]["condition"], condition);
        assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
        assert_eq!(record["responseContext"]["functionError"], "Unhandled");
        assert_eq!(record["responsePayload"]["errorMessage"], "no");
    }
    let refused = rig.call(
        "PutFunctionEventInvokeConfig",
        json!({"FunctionName": "f", "DestinationConfig": {"OnFailure": {"Destination": arn("f")}}}),
    );
    assert_eq!(
        refused.await.unwrap_err().message,
        "You can't specify the function as a destination for itself."
    );
}
