//! Functions on Lambda Managed Instances: what is refused, what is published, and how many environments there are.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use runtime::{FunctionInvoker as _, Invocation};
use serde_json::{Value, json};
use support::{Rig, tail, value};

/// Waits for `event` ms; those of 300 to 302 wait until there are three of them.
const NODE: &str = "let n = 0;\nconst together = [];\nexports.handler = async (event, context) => {\n  n += 1;\n  \
    console.log('in', event);\n  \
    await new Promise((done) => {\n    if (event < 300 || event > 302) return setTimeout(done, event);\n    together.push(done);\n    \
    if (together.length === 3) together.forEach((go) => go());\n  });\n  if (event === 301) throw new Error('odd');\n  console.log('out', event);\n  \
    return n;\n};\n";

async fn rig() -> Rig {
    Rig::new(ExecutorChoice::Process).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asynchronous_handlers_share_a_process_and_lines_name_their_request() {
    let rig = rig().await;
    let capacity = rig.capacity("c", 3).await;
    let extra = json!({"CapacityProviderConfig": capacity, "Publish": true, "PublishTo": "LATEST_PUBLISHED", "Timeout": 2});
    let made = rig.create("f", "nodejs22.x", &[("index.js", NODE)], extra).await;
    assert_eq!((&made["Version"], &made["MemorySize"]), (&json!("$LATEST.PUBLISHED"), &json!(2048)));
    let config = &made["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"];
    assert_eq!(config["ExecutionEnvironmentMemoryGiBPerVCpu"], 2.0);
    assert_eq!(made["LoggingConfig"]["LogFormat"], "JSON");
    assert_eq!(rig.active("f", "$LATEST.PUBLISHED").await["State"], "Active");
    assert_eq!(rig.active("f", "$LATEST").await["State"], "ActiveNonInvocable");
    assert_eq!(rig.lines.streams("f"), 3, "as many are ready as on AWS");
    let one = json!({"FunctionName": "f", "Qualifier": "$LATEST.PUBLISHED", "FunctionScalingConfig":
        {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 1}});
    rig.call("PutFunctionScalingConfig", one).await.unwrap();
    assert_eq!(rig.active("f", "$LATEST.PUBLISHED").await["State"], "Active");

    let all = futures::future::join_all([300, 301, 302].map(|wait| rig.invoke("f", json!(wait)))).await;
    assert_eq!(value(&all[1])["errorMessage"], "odd");
    for (outcome, wait) in all.iter().zip([300, 301, 302]) {
        assert!(
            tail(outcome).contains(&format!("\"in {wait}\""))
                || tail(outcome).contains(&format!("in {wait}"))
        );
        assert_eq!(
            tail(outcome).matches("\"in 30").count() + tail(outcome).matches("'in', 30").count(),
            1,
            "{}",
            tail(outcome)
        );
    }
    // One that takes too long is told so, and the others go on.
    let (late, fine) = tokio::join!(rig.invoke("f", json!(9000)), rig.invoke("f", json!(100)));
    assert_eq!(value(&late)["errorType"], "Sandbox.Timedout");
    assert!(value(&fine).is_u64() && fine.function_error.is_none(), "{fine:?}");
    assert_eq!(value(&rig.invoke("f", json!(0)).await), 6, "the same process");
    assert_eq!(rig.lines.streams("f"), 3, "nothing had to be started");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_scaled_and_the_unpublished_does_not_run() {
    let rig = rig().await;
    let capacity = rig.capacity("c", 1).await;
    let extra = json!({"CapacityProviderConfig": capacity, "Timeout": 20});
    rig.create("f", "nodejs22.x", &[("index.js", NODE)], extra).await;
    rig.settled("f").await;
    let invoke = |name: &'static str| {
        let ctx = rig.fresh();
        let lambda = rig.lambda.clone();
        async move { lambda.invoke(&ctx, Invocation::request_response(name, "0")).await }
    };
    assert_eq!(invoke("f").await.unwrap_err().code, "NoPublishedVersionException");
    assert_eq!(invoke("f:$LATEST").await.unwrap_err().code, "ResourceConflictException");
    rig.call("PublishVersion", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(rig.active("f", "1").await["State"], "Active");
    assert!(invoke("f:1").await.is_ok());
    assert_eq!(invoke("f").await.unwrap_err().code, "NoPublishedVersionException");
    let publish = json!({"FunctionName": "f", "PublishTo": "LATEST_PUBLISHED"});
    let published = rig.call("PublishVersion", publish.clone()).await.unwrap();
    assert!(
        published["FunctionArn"].as_str().unwrap().ends_with(":function:f:$LATEST.PUBLISHED"),
        "{published}"
    );
    assert_eq!(rig.call("PublishVersion", publish).await.unwrap()["RevisionId"], published["RevisionId"]);
    assert!(invoke("f").await.is_ok());
    let shown =
        rig.call("ListVersionsByFunction", json!({"FunctionName": "f", "MaxItems": 1})).await.unwrap();
    assert_eq!(
        (&shown["Versions"][0]["Version"], &shown["NextMarker"]),
        (&json!("$LATEST"), &json!("$LATEST"))
    );
    let rest = json!({"FunctionName": "f", "Marker": "$LATEST"});
    let shown = rig.call("ListVersionsByFunction", rest).await.unwrap();
    let versions: Vec<_> = shown["Versions"].as_array().unwrap().iter().map(|one| &one["Version"]).collect();
    assert_eq!(versions, ["$LATEST.PUBLISHED", "1"]);
    let shown = rig
        .call("ListFunctionVersionsByCapacityProvider", json!({"CapacityProviderName": "c"}))
        .await
        .unwrap();
    assert_eq!(shown["FunctionVersions"].as_array().unwrap().len(), 2);

    // Two environments and no more: a third request at once is one too many.
    let scale = |least: u32, most: u32| {
        json!({"FunctionName": "f", "Qualifier": "1", "FunctionScalingConfig":
        {"MinExecutionEnvironments": least, "MaxExecutionEnvironments": most}})
    };
    assert_eq!(rig.call("PutFunctionScalingConfig", scale(2, 2)).await.unwrap()["FunctionState"], "Pending");
    rig.active("f", "1").await;
    let busy = || rig.lambda.invoke(&rig.ctx, Invocation::request_response("f:1", "500"));
    let all = futures::future::join_all([busy(), busy(), busy()]).await;
    let refused: Vec<_> = all.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!((refused.len(), refused[0].status), (1, 429), "{refused:?}");
    rig.call("PutFunctionScalingConfig", scale(0, 0)).await.unwrap();
    assert_eq!(rig.active("f", "1").await["State"], "Deactivated");
    assert_eq!(invoke("f:1").await.unwrap_err().code, "ResourceConflictException");
    let shown =
        rig.call("GetFunctionScalingConfig", json!({"FunctionName": "f", "Qualifier": "1"})).await.unwrap();
    assert_eq!(shown["AppliedFunctionScalingConfig"]["MaxExecutionEnvironments"], 0);
    let refused = rig.call("DeleteCapacityProvider", json!({"CapacityProviderName": "c"})).await.unwrap_err();
    assert_eq!(refused.code, "ResourceConflictException");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_suit_managed_instances_is_refused() {
    let rig = rig().await;
    let capacity = rig.capacity("c", 2).await;
    let base = json!({
        "FunctionName": "f", "Runtime": "python3.13", "Handler": "index.handler", "CapacityProviderConfig": capacity,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": {"S3Bucket": "bucket", "S3Key": "code.zip"},
    });
    let with = |extra: Value| {
        let mut members = base.clone();
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        members
    };
    let nowhere = json!({"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn":
        "arn:aws:lambda:us-east-1:000000000000:capacity-provider:none"}});
    for (extra, said) in [
        (json!({"Runtime": "python3.12"}), "python3.12 is not supported"),
        (json!({"MemorySize": 1024}), "MemorySize 1024 is too little"),
        (json!({"Architectures": ["arm64"]}), "no instances of the architecture arm64"),
        (json!({"SnapStart": {"ApplyOn": "PublishedVersions"}}), "SnapStart is not supported"),
        (json!({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}), "TenancyConfig is not supported"),
        (json!({"CapacityProviderConfig": nowhere}), "Capacity provider not found"),
        (
            json!({"CapacityProviderConfig": null, "PublishTo": "LATEST_PUBLISHED"}),
            "PublishTo is supported only",
        ),
    ] {
        let refused = rig.call("CreateFunction", with(extra)).await.unwrap_err();
        assert!(refused.message.contains(said), "{said}: {}", refused.message);
    }
    rig.call("CreateFunction", base.clone()).await.unwrap();
    rig.settled("f").await;
    let refused =
        rig.call("PutFunctionConcurrency", json!({"FunctionName": "f", "ReservedConcurrentExecutions": 1}));
    assert!(refused.await.unwrap_err().message.contains("Managed Instances"));
    let plain = with(json!({"FunctionName": "plain", "CapacityProviderConfig": null}));
    rig.call("CreateFunction", plain).await.unwrap();
    rig.settled("plain").await;
    let add = json!({"FunctionName": "plain", "CapacityProviderConfig": base["CapacityProviderConfig"]});
    assert!(
        rig.call("UpdateFunctionConfiguration", add).await.unwrap_err().message.contains("cannot be added")
    );
    rig.lambda.shutdown().await;
}
