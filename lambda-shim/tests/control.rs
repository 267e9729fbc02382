//! The rest of the control plane: code signing, dead letter queues, runtime management, resource policies, InvokeAsync.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::sync::{Arc, Mutex};

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_shim::ExecutorChoice;
use runtime::{
    BoxFuture, CallContext, Clock, Input, NoServices, Output, Service, ServiceRouter, Timestamp, VirtualClock,
};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options, zip};

async fn rig() -> Rig {
    Rig::new(ExecutorChoice::Process).await
}

async fn refusal(rig: &Rig, operation: &str, members: Value) -> (String, String) {
    let refused = rig.call(operation, members).await.unwrap_err();
    (refused.code.to_string(), refused.message)
}

/// SQS and SNS that keep what they are sent.
#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<(String, Value)>>>);

impl ServiceRouter for Letters {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let members = Value::Object(input.members);
        let answer = match (service, operation) {
            ("sqs", "GetQueueUrl") => Ok(Output::of(
                json!({"QueueUrl": format!("http://queue/{}", members["QueueName"].as_str().unwrap())}),
            )),
            ("sns", "GetTopicAttributes") if members["TopicArn"].as_str().unwrap().ends_with("missing") => {
                Err(ServiceError::new("NotFound", 404, "Topic does not exist"))
            }
            ("sns", "GetTopicAttributes") => Ok(Output::empty()),
            ("sqs", "SendMessage") | ("sns", "Publish") => {
                self.0.lock().unwrap().push((service.to_owned(), members));
                Ok(Output::empty())
            }
            _ => Err(ServiceError::not_implemented("not here")),
        };
        Box::pin(std::future::ready(answer))
    }
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_failed_for_good_go_to_the_dead_letter_queue() {
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let (letters, virtual_clock) = (Letters::default(), clock.clone());
    let router = letters.clone();
    let rig = Rig::with(ExecutorChoice::Process, |options| {
        options.clock = Clock::Virtual(virtual_clock);
        options.router = Arc::new(router);
    })
    .await;
    let queue = json!({"TargetArn": "arn:aws:sqs:us-east-1:000000000000:letters"});
    let source = "def handler(event, context):\n    raise Exception('no ' + 'x' * 2000)\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"DeadLetterConfig": queue})).await;
    assert_eq!(rig.settled("f").await["DeadLetterConfig"], queue);
    rig.event("f", json!({"a": "ü"})).await;
    for expected in 1..=2 {
        until(|| {
            rig.lines.of("f").matches("END RequestId").count() == expected && clock.next_wakeup().is_some()
        })
        .await;
        clock.advance_to(clock.next_wakeup().unwrap());
    }
    until(|| !letters.0.lock().unwrap().is_empty()).await;
    let (service, letter) = letters.0.lock().unwrap().remove(0);
    assert_eq!((service.as_str(), &letter["QueueUrl"]), ("sqs", &json!("http://queue/letters")));
    assert_eq!(letter["MessageBody"], json!({"a": "ü"}).to_string());
    let attributes = &letter["MessageAttributes"];
    assert_eq!(attributes["ErrorCode"], json!({"DataType": "Number", "StringValue": "200"}));
    assert_eq!(attributes["ErrorMessage"]["StringValue"].as_str().unwrap().len(), 1024);
    assert_eq!(attributes["RequestID"]["StringValue"].as_str().unwrap().len(), 36);
    // A topic instead, and then nothing.
    let target = |arn: &str| json!({"FunctionName": "f", "DeadLetterConfig": {"TargetArn": arn}});
    rig.call("PutFunctionEventInvokeConfig", json!({"FunctionName": "f", "MaximumRetryAttempts": 0}))
        .await
        .unwrap();
    rig.call("UpdateFunctionConfiguration", target("arn:aws:sns:us-east-1:000000000000:topic"))
        .await
        .unwrap();
    rig.event("f", json!(2)).await;
    until(|| !letters.0.lock().unwrap().is_empty()).await;
    let (service, letter) = letters.0.lock().unwrap().remove(0);
    assert_eq!((service.as_str(), &letter["Message"]), ("sns", &json!("2")));
    for (arn, code) in [
        ("arn:aws:sns:us-east-1:000000000000:missing", "InvalidParameterValueException"),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "InvalidParameterValueException"),
    ] {
        while rig.call("GetFunctionConfiguration", json!({"FunctionName": "f"})).await.unwrap()["LastUpdateStatus"]
            == "InProgress"
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(refusal(&rig, "UpdateFunctionConfiguration", target(arn)).await.0, code);
    }
    let shown = rig.call("UpdateFunctionConfiguration", target("")).await.unwrap();
    assert_eq!(shown["DeadLetterConfig"], Value::Null);
}

#[tokio::test]
async fn topics_that_nobody_serves_are_refused_by_name() {
    let rig = Rig::with(ExecutorChoice::Process, |options| options.router = Arc::new(NoServices)).await;
    rig.python("f", "").await;
    rig.settled("f").await;
    let target = json!({"FunctionName": "f", "DeadLetterConfig": {"TargetArn": "arn:aws:sns:us-east-1:000000000000:t"}});
    assert_eq!(
        refusal(&rig, "UpdateFunctionConfiguration", target).await,
        ("NotImplemented".to_owned(), "Tule does not emulate sns".to_owned())
    );
}

#[tokio::test]
async fn code_signing_is_kept_and_enforcing_it_is_refused() {
    let (store, lines) = (Store::memory(), Lines::default());
    let rig = Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store.clone()).await;
    let profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p";
    let members = json!({"AllowedPublishers": {"SigningProfileVersionArns": [profile]}, "Description": "d", "Tags": {"a": "b"}});
    let made = rig.call("CreateCodeSigningConfig", members).await.unwrap()["CodeSigningConfig"].clone();
    let arn = made["CodeSigningConfigArn"].as_str().unwrap().to_owned();
    assert_eq!(made["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"], "Warn");
    assert_eq!(made["CodeSigningConfigId"].as_str().unwrap().len(), 21);
    rig.create("f", "python3.11", &[("index.py", "")], json!({"CodeSigningConfigArn": arn})).await;
    rig.settled("f").await;
    drop(rig);
    let lines = Lines::default();
    let rig = Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store).await;
    let of = |name: &str| json!({"FunctionName": name});
    let by = json!({"CodeSigningConfigArn": arn});
    assert_eq!(
        rig.call("GetFunctionCodeSigningConfig", of("f")).await.unwrap()["CodeSigningConfigArn"],
        arn.as_str()
    );
    assert_eq!(rig.call("GetCodeSigningConfig", by.clone()).await.unwrap()["CodeSigningConfig"], made);
    assert_eq!(
        rig.call("ListFunctionsByCodeSigningConfig", by.clone()).await.unwrap()["FunctionArns"],
        json!(["arn:aws:lambda:us-east-1:000000000000:function:f"])
    );
    rig.call("TagResource", json!({"Resource": arn, "Tags": {"c": "d"}})).await.unwrap();
    rig.call("UntagResource", json!({"Resource": arn, "TagKeys": ["a"]})).await.unwrap();
    assert_eq!(rig.call("ListTags", json!({"Resource": arn})).await.unwrap()["Tags"], json!({"c": "d"}));
    assert_eq!(refusal(&rig, "DeleteCodeSigningConfig", by.clone()).await.0, "ResourceConflictException");
    // Nothing here can tell a trusted artifact.
    let enforce = json!({"CodeSigningConfigArn": arn, "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"}});
    assert_eq!(
        rig.call("UpdateCodeSigningConfig", enforce).await.unwrap()["CodeSigningConfig"]["Description"],
        "d"
    );
    let code = json!({"FunctionName": "f", "ZipFile": BASE64_STANDARD.encode(zip(&[("index.py", "")]))});
    let (kind, text) = refusal(&rig, "UpdateFunctionCode", code.clone()).await;
    assert!(kind == "NotImplemented" && text.contains("Enforce"), "{text}");
    rig.call("DeleteFunctionCodeSigningConfig", of("f")).await.unwrap();
    rig.call("UpdateFunctionCode", code).await.unwrap();
    rig.call("DeleteCodeSigningConfig", by.clone()).await.unwrap();
    assert_eq!(
        refusal(&rig, "GetCodeSigningConfig", by).await,
        (
            "ResourceNotFoundException".to_owned(),
            format!("The Lambda code signing configuration {arn} can not be found.")
        )
    );
    let put = json!({"FunctionName": "f", "CodeSigningConfigArn": arn});
    assert_eq!(
        refusal(&rig, "PutFunctionCodeSigningConfig", put).await.0,
        "CodeSigningConfigNotFoundException"
    );
    assert_eq!(rig.call("ListCodeSigningConfigs", json!({})).await.unwrap()["CodeSigningConfigs"], json!([]));
}

#[tokio::test]
async fn runtimes_are_managed_by_version() {
    let rig = rig().await;
    rig.create("f", "python3.11", &[("index.py", "")], json!({"Publish": true})).await;
    let shown = rig.settled("f").await;
    let build = shown["RuntimeVersionConfig"]["RuntimeVersionArn"].as_str().unwrap();
    let of = |qualifier: Value| json!({"FunctionName": "f", "Qualifier": qualifier});
    let default = rig.call("GetRuntimeManagementConfig", of(Value::Null)).await.unwrap();
    assert_eq!((&default["UpdateRuntimeOn"], &default["RuntimeVersionArn"]), (&json!("Auto"), &Value::Null));
    let mut manual = json!({"FunctionName": "f", "Qualifier": "1", "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": build});
    rig.call("PutRuntimeManagementConfig", manual.clone()).await.unwrap();
    let set = rig.call("GetRuntimeManagementConfig", of(json!("1"))).await.unwrap();
    assert_eq!((&set["UpdateRuntimeOn"], &set["RuntimeVersionArn"]), (&json!("Manual"), &json!(build)));
    assert_eq!(
        rig.call("GetRuntimeManagementConfig", of(json!("$LATEST"))).await.unwrap()["UpdateRuntimeOn"],
        "Auto"
    );
    manual["RuntimeVersionArn"] = json!("arn:aws:lambda:us-east-1::runtime:0123456789");
    assert_eq!(refusal(&rig, "PutRuntimeManagementConfig", manual).await.0, "NotImplemented");
    assert_eq!(
        refusal(&rig, "GetRuntimeManagementConfig", of(json!("7"))).await.0,
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn both_policy_apis_have_one_policy() {
    let rig = rig().await;
    rig.python("f", "").await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let add = |sid: &str| json!({"FunctionName": "f", "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "*"});
    rig.call("AddPermission", add("one")).await.unwrap();
    let shown = rig.call("GetResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    assert_eq!(shown, rig.call("GetPolicy", json!({"FunctionName": "f"})).await.unwrap());
    let statement = json!({"Sid": "two", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "lambda:*", "Resource": arn});
    let document = json!({"Version": "2012-10-17", "Id": "mine", "Statement": statement}).to_string();
    let wrong =
        json!({"ResourceArn": arn, "Policy": document, "RevisionId": "00000000-0000-0000-0000-000000000000"});
    assert_eq!(refusal(&rig, "PutResourcePolicy", wrong).await.0, "PreconditionFailedException");
    rig.call(
        "PutResourcePolicy",
        json!({"ResourceArn": arn, "Policy": document, "RevisionId": shown["RevisionId"]}),
    )
    .await
    .unwrap();
    rig.call("AddPermission", add("three")).await.unwrap();
    let policy = rig.call("GetPolicy", json!({"FunctionName": "f"})).await.unwrap();
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    let sids: Vec<_> =
        policy["Statement"].as_array().unwrap().iter().map(|it| it["Sid"].as_str().unwrap()).collect();
    assert_eq!((sids, &policy["Id"]), (vec!["two", "three"], &json!("mine")));
    for broken in [
        "{",
        "{}",
        r#"{"Statement": []}"#,
        r#"{"Statement": [{"Effect": "Maybe", "Principal": "*", "Action": "*", "Resource": "*"}]}"#,
    ] {
        let members = json!({"ResourceArn": arn, "Policy": broken});
        assert_eq!(
            refusal(&rig, "PutResourcePolicy", members).await.0,
            "InvalidParameterValueException",
            "{broken}"
        );
    }
    rig.call("DeleteResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    assert_eq!(refusal(&rig, "GetPolicy", json!({"FunctionName": "f"})).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn invoke_async_takes_events() {
    let rig = rig().await;
    rig.python("f", "def handler(event, context):\n    print('ran', event, flush=True)\n").await;
    let call = async |name: &str, body: &'static [u8]| {
        let members = json!({"FunctionName": name}).as_object().unwrap().clone();
        let input = Input { members, body: runtime::Body::Bytes(body.into()) };
        rig.lambda.call(&rig.fresh(), "InvokeAsync", input).await
    };
    assert_eq!(call("f", b"{\"a\": 1}").await.unwrap().status, Some(202));
    until(|| rig.lines.of("f").contains("ran {'a': 1}")).await;
    assert_eq!(call("f", b"{").await.unwrap_err().code, "InvalidRequestContentException");
    assert_eq!(call("g", b"{}").await.unwrap_err().status, 404);
}

#[tokio::test]
async fn functions_from_images_need_docker_and_are_checked_all_the_same() {
    let rig = rig().await;
    let of = |extra: Value| {
        let mut members =
            json!({"FunctionName": "f", "Role": "r", "PackageType": "Image", "Code": {"ImageUri": "app:1"}});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        members
    };
    for (extra, text) in [
        (
            json!({"Runtime": "python3.11"}),
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
        ),
        (json!({"Code": {}}), "Please provide ImageUri when creating a function with packageType Image."),
        (
            json!({"Code": {"ImageUri": "app:1", "S3Bucket": "b"}}),
            "Please do not provide other FunctionCode parameters when providing an ImageUri.",
        ),
    ] {
        assert_eq!(
            refusal(&rig, "CreateFunction", of(extra)).await,
            ("InvalidParameterValueException".to_owned(), text.to_owned())
        );
    }
    rig.call("CreateFunction", of(json!({}))).await.unwrap();
    let shown = rig.settled("f").await;
    assert_eq!(shown["State"], "Failed");
    assert!(shown["StateReason"].as_str().unwrap().contains("needs the docker executor"), "{shown}");
    assert_eq!(
        (&shown["PackageType"], &shown["Handler"], &shown["CodeSha256"].as_str().unwrap().len()),
        (&json!("Image"), &Value::Null, &64)
    );
    let zip = json!({"FunctionName": "f", "ZipFile": BASE64_STANDARD.encode(zip(&[("a", "")]))});
    assert_eq!(
        refusal(&rig, "UpdateFunctionCode", zip).await.1,
        "Please provide ImageUri when updating a function with packageType Image."
    );
    rig.python("z", "").await;
    rig.settled("z").await;
    assert_eq!(
        refusal(&rig, "UpdateFunctionCode", json!({"FunctionName": "z", "ImageUri": "app:1"})).await.1,
        "Please don't provide ImageUri when updating a function with packageType Zip."
    );
}

#[tokio::test]
async fn programs_for_another_machine_are_refused_before_they_start() {
    let rig = rig().await;
    let (machine, name) =
        if cfg!(target_arch = "aarch64") { ("\u{3e}", "x86_64") } else { ("\u{28}", "32-bit ARM") };
    let program = format!("\u{7f}ELF\u{1}\u{1}\u{1}{}\u{3}\0{machine}\0", "\0".repeat(9));
    rig.create("f", "provided.al2023", &[("bootstrap", &program)], json!({})).await;
    let shown = rig.settled("f").await;
    assert_eq!(shown["State"], "Failed");
    let why = shown["StateReason"].as_str().unwrap();
    assert!(
        why.starts_with(&format!("The bootstrap of f is built for {name}, and functions run on ")),
        "{why}"
    );
    // The same in a layer, unless the function brings its own.
    let layer = rig.layer("l", &[("bootstrap", &program)]).await;
    rig.create("g", "provided.al2023", &[("x", "")], json!({"Layers": [layer]})).await;
    assert_eq!(rig.settled("g").await["State"], "Failed");
    rig.create(
        "h",
        "provided.al2023",
        &[("bootstrap", "#!/bin/sh\n")],
        json!({"Layers": [layer], "Architectures": ["arm64"]}),
    )
    .await;
    assert_eq!(rig.settled("h").await["State"], "Active");
}

#[tokio::test]
async fn runtimes_that_are_no_longer_supported_are_refused() {
    let rig = rig().await;
    let members = json!({"FunctionName": "f", "Role": "r", "Handler": "a.b", "Runtime": "nodejs14.x", "Code": {"ZipFile": BASE64_STANDARD.encode(zip(&[("a", "")]))}});
    let (code, text) = refusal(&rig, "CreateFunction", members).await;
    assert_eq!(code, "InvalidParameterValueException");
    assert_eq!(
        text,
        "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
    );
}

#[tokio::test]
async fn snap_start_is_kept_and_shows_on_published_versions() {
    let rig = rig().await;
    let snap_start = json!({"SnapStart": {"ApplyOn": "PublishedVersions"}});
    rig.create("f", "python3.12", &[("index.py", "")], snap_start.clone()).await;
    let latest = rig.settled("f").await;
    assert_eq!(latest["SnapStart"], json!({"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}));
    let version = rig.call("PublishVersion", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(version["SnapStart"], json!({"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}));
    let mut members = json!({"FunctionName": "g", "Role": "r", "Handler": "a.b", "Runtime": "nodejs20.x", "Code": {"ZipFile": BASE64_STANDARD.encode(zip(&[("a", "")]))}});
    members["SnapStart"] = snap_start["SnapStart"].clone();
    assert_eq!(
        refusal(&rig, "CreateFunction", members).await.1,
        "nodejs20.x is not supported for SnapStart enabled functions."
    );
}

#[tokio::test]
async fn permissions_that_no_policy_can_have_are_refused() {
    let rig = rig().await;
    rig.python("f", "def handler(event, context):\n    return 1\n").await;
    rig.settled("f").await;
    let refused = async |extra: Value| {
        let mut asked = json!({
            "FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*",
        });
        asked.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let (code, message) = refusal(&rig, "AddPermission", asked).await;
        assert_eq!(code, "InvalidParameterValueException");
        message
    };
    let latest = "We currently do not support adding policies for $LATEST.";
    assert_eq!(refused(json!({"Qualifier": "$LATEST"})).await, latest);
    assert_eq!(refused(json!({"FunctionName": "f:$LATEST"})).await, latest);
    assert_eq!(
        refused(json!({"FunctionUrlAuthType": "NONE"})).await,
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
    );
    assert_eq!(
        refused(json!({"Principal": "foo"})).await,
        "The provided principal was invalid. Please check the principal and try again."
    );
    assert_eq!(refusal(&rig, "GetPolicy", json!({"FunctionName": "f"})).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn storage_has_limits_and_snapshots_exclude_more_of_it_and_provisioned_concurrency() {
    let rig = rig().await;
    let create = |name: &str, size: u32, snapshots: bool| {
        let apply = if snapshots { "PublishedVersions" } else { "None" };
        json!({
            "FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/r", "Publish": true,
            "Code": {"ZipFile": BASE64_STANDARD.encode(zip(&[("index.py", "def handler(e, c):\n    return 1\n")]))},
            "EphemeralStorage": {"Size": size}, "SnapStart": {"ApplyOn": apply},
        })
    };
    let (code, message) = refusal(&rig, "CreateFunction", create("f", 10_241, false)).await;
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "1 validation error detected: Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must \
         have value less than or equal to 10240"
    );
    let (code, message) = refusal(&rig, "CreateFunction", create("f", 513, true)).await;
    assert_eq!(code, "InvalidParameterValueException");
    assert!(message.starts_with("Ephemeral storage greater than 512 MB"), "{message}");
    rig.call("CreateFunction", create("f", 512, true)).await.unwrap();
    rig.settled("f").await;
    let more = json!({"FunctionName": "f", "EphemeralStorage": {"Size": 1024}});
    let (_, message) = refusal(&rig, "UpdateFunctionConfiguration", more).await;
    assert!(message.starts_with("Ephemeral storage greater than 512 MB"), "{message}");
    let provisioned = json!({"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 1});
    let (code, message) = refusal(&rig, "PutProvisionedConcurrencyConfig", provisioned).await;
    assert_eq!(code, "InvalidParameterValueException");
    assert!(message.starts_with("Provisioned concurrency is not supported for SnapStart"), "{message}");
    rig.call("CreateFunction", create("g", 10_240, false)).await.unwrap();
}

#[tokio::test]
async fn images_have_names_that_engines_take() {
    let rig = rig().await;
    for uri in ["UPPER case", "app:", "a//b"] {
        let members =
            json!({"FunctionName": "i", "Role": "r", "PackageType": "Image", "Code": {"ImageUri": uri}});
        let (code, message) = refusal(&rig, "CreateFunction", members).await;
        assert_eq!(code, "InvalidParameterValueException");
        assert_eq!(message, format!("Source image {uri} is not valid. Provide a valid source image."));
    }
    assert_eq!(
        refusal(&rig, "GetFunction", json!({"FunctionName": "i"})).await.0,
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn a_folder_is_downloaded_as_it_is_by_then() {
    use std::io::Read as _;
    let rig = rig().await;
    let (source, installed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(source.path().join("inner")).unwrap();
    std::fs::create_dir_all(source.path().join(".git")).unwrap();
    for (name, text) in [("index.py", "one"), ("inner/a.txt", "a"), (".git/config", "no")] {
        std::fs::write(source.path().join(name), text).unwrap();
    }
    std::fs::write(installed.path().join("dependency.py"), "d").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", source.path().join("outside")).unwrap();
    let folders = std::env::join_paths([source.path(), installed.path()]).unwrap();
    let code = json!({"S3Bucket": "hot-reload", "S3Key": folders.to_str().unwrap()});
    let members = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "python3.11",
        "Handler": "index.handler", "Code": code,
    });
    rig.call("CreateFunction", members).await.unwrap();
    let shown = rig.call("GetFunction", json!({"FunctionName": "f"})).await.unwrap();
    let link = shown["Code"]["Location"].as_str().unwrap().strip_prefix("http://127.0.0.1:4566").unwrap();
    let (path, query) = link.split_once('?').unwrap();
    std::fs::write(source.path().join("index.py"), "two").unwrap();
    let package = rig.lambda.package(path, query).await.unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(package)).unwrap();
    let mut names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["dependency.py", "index.py", "inner/a.txt"]);
    let mut text = String::new();
    archive.by_name("index.py").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "two");
    rig.call("DeleteFunction", json!({"FunctionName": "f"})).await.unwrap();
    assert!(rig.lambda.package(path, query).await.is_none());
}

#[tokio::test]
async fn a_code_signing_configuration_has_the_id_that_is_chosen_for_it_once() {
    let rig = rig().await;
    let create = |id: &str| {
        json!({
            "AllowedPublishers": {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/1"]},
            "Tags": {"_custom_id_": id, "a": "b"},
        })
    };
    let made = rig.call("CreateCodeSigningConfig", create("csc-00112233445566778")).await.unwrap();
    let arn = &made["CodeSigningConfig"]["CodeSigningConfigArn"];
    assert_eq!(*arn, "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00112233445566778");
    let tags = rig.call("ListTags", json!({"Resource": arn})).await.unwrap();
    assert_eq!(tags["Tags"], json!({"a": "b"}));
    let taken = refusal(&rig, "CreateCodeSigningConfig", create("csc-00112233445566778")).await;
    assert_eq!(taken.0, "ResourceConflictException");
    let odd = refusal(&rig, "CreateCodeSigningConfig", create("csc-../../x")).await;
    assert_eq!(odd.0, "InvalidParameterValueException");
}

#[tokio::test]
async fn versions_are_never_changed() {
    let rig = rig().await;
    rig.create("f", "python3.11", &[("index.py", "")], json!({"Publish": true})).await;
    rig.settled("f").await;
    for name in ["f:1", "arn:aws:lambda:us-east-1:000000000000:function:f:1"] {
        for (operation, change) in [
            ("UpdateFunctionConfiguration", json!({"Timeout": 5})),
            ("UpdateFunctionCode", json!({"DryRun": true})),
        ] {
            let mut members = change;
            members["FunctionName"] = name.into();
            let (kind, text) = refusal(&rig, operation, members).await;
            assert_eq!(kind, "InvalidParameterValueException");
            assert_eq!(text, "Current operation does not support versions other than $LATEST");
        }
    }
    let latest = json!({"FunctionName": "f:$LATEST", "Timeout": 5});
    assert_eq!(rig.call("UpdateFunctionConfiguration", latest).await.unwrap()["Timeout"], 5);
}
