//! Provisioned concurrency, and loops of functions that invoke themselves.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::time::Duration;

use lambda_shim::ExecutorChoice;
use runtime::{FunctionInvoker, Invocation};
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, kill_processes_of, options, processes_of, value};

const SOURCE: &str = "import os\nprint('begins', flush=True)\ndef handler(event, context):\n    return [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], context.function_version]\n";

async fn published(rig: &Rig) {
    rig.create("f", "python3.11", &[("index.py", SOURCE)], json!({"Publish": true})).await;
    rig.settled("f").await;
    rig.call("CreateAlias", json!({"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}))
        .await
        .unwrap();
}

async fn put(rig: &Rig, qualifier: &str, many: u32) -> Result<Value, aws_wire::ServiceError> {
    let members =
        json!({"FunctionName": "f", "Qualifier": qualifier, "ProvisionedConcurrentExecutions": many});
    rig.call("PutProvisionedConcurrencyConfig", members).await
}

async fn shown(rig: &Rig, qualifier: &str) -> Value {
    rig.call("GetProvisionedConcurrencyConfig", json!({"FunctionName": "f", "Qualifier": qualifier}))
        .await
        .unwrap()
}

/// Waits until a configuration has come to an end, good or bad.
async fn provisioned(rig: &Rig, qualifier: &str) -> Value {
    loop {
        let shown = shown(rig, qualifier).await;
        if shown["Status"] != "IN_PROGRESS" {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

async fn invoke(rig: &Rig, name: &str) -> Value {
    value(&rig.invoke(name, json!({})).await)
}

fn alive(stream: &Value) -> bool {
    !processes_of(stream.as_str().unwrap()).is_empty()
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_are_ready_before_anybody_asks() {
    let rig =
        Rig::with(ExecutorChoice::Process, |options| options.idle_time = Duration::from_millis(200)).await;
    published(&rig).await;
    let answer = put(&rig, "live", 2).await.unwrap();
    assert_eq!(
        (&answer["Status"], &answer["AllocatedProvisionedConcurrentExecutions"]),
        (&json!("IN_PROGRESS"), &json!(0))
    );
    let ready = provisioned(&rig, "live").await;
    assert_eq!(
        (&ready["Status"], &ready["AvailableProvisionedConcurrentExecutions"]),
        (&json!("READY"), &json!(2))
    );
    // Started, and nobody has asked.
    until(|| rig.lines.of("f").matches("begins\n").count() == 2).await;
    let first = invoke(&rig, "f:live").await;
    assert_eq!((&first[1], &first[2]), (&json!("provisioned-concurrency"), &json!("1")));
    // They stay beyond the time after which idle environments end; others do not.
    let other = invoke(&rig, "f").await;
    assert_eq!(other[1], "on-demand");
    until(|| !alive(&other[0])).await;
    assert!(alive(&first[0]));
    assert_eq!(invoke(&rig, "f:1").await[1], "provisioned-concurrency", "the alias's version is provisioned");
    // One that is killed is made anew.
    kill_processes_of(first[0].as_str().unwrap());
    until(|| rig.lines.of("f").matches("begins\n").count() == 4).await;
    assert_eq!(provisioned(&rig, "live").await["Status"], "READY");
    // Fewer, then none.
    put(&rig, "live", 1).await.unwrap();
    assert_eq!(provisioned(&rig, "live").await["AllocatedProvisionedConcurrentExecutions"], 1);
    let last = invoke(&rig, "f:live").await;
    rig.call("DeleteProvisionedConcurrencyConfig", json!({"FunctionName": "f", "Qualifier": "live"}))
        .await
        .unwrap();
    until(|| !alive(&last[0])).await;
    assert_eq!(invoke(&rig, "f:live").await[1], "on-demand");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_provisioned_run_on_demand() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let source = "import os, time\ndef handler(event, context):\n    if os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'] != 'on-demand':\n        time.sleep(5)\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"Publish": true})).await;
    put(&rig, "1", 1).await.unwrap();
    assert_eq!(provisioned(&rig, "1").await["Status"], "READY");
    let answers = futures::future::join_all((0..2).map(|_| invoke(&rig, "f:1"))).await;
    assert!(
        answers.contains(&json!("provisioned-concurrency")) && answers.contains(&json!("on-demand")),
        "{answers:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provisioned_environments_come_back_after_a_restart_and_move_with_the_alias() {
    let store = Store::memory();
    let first = Rig::start(
        options(ExecutorChoice::Process, store.clone(), &Lines::default()),
        Lines::default(),
        store.clone(),
    )
    .await;
    published(&first).await;
    put(&first, "live", 1).await.unwrap();
    provisioned(&first, "live").await;
    first.lambda.shutdown().await;
    let lines = Lines::default();
    let second = Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store).await;
    assert_eq!(provisioned(&second, "live").await["Status"], "READY");
    assert_eq!(second.lines.of("f").matches("begins\n").count(), 1);
    let before = invoke(&second, "f:live").await;
    second
        .call("UpdateFunctionConfiguration", json!({"FunctionName": "f", "Description": "two"}))
        .await
        .unwrap();
    second.settled("f").await;
    second.call("PublishVersion", json!({"FunctionName": "f"})).await.unwrap();
    assert!(alive(&before[0]), "a published version does not change with $LATEST");
    second
        .call("UpdateAlias", json!({"FunctionName": "f", "Name": "live", "FunctionVersion": "2"}))
        .await
        .unwrap();
    until(|| !alive(&before[0])).await;
    assert_eq!(provisioned(&second, "live").await["Status"], "READY");
    let after = invoke(&second, "f:live").await;
    assert_eq!((&after[1], &after[2]), (&json!("provisioned-concurrency"), &json!("2")));
    second.call("DeleteAlias", json!({"FunctionName": "f", "Name": "live"})).await.unwrap();
    until(|| !alive(&after[0])).await;
    second.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_provisioned_is_refused_or_says_why() {
    let rig = Rig::with(ExecutorChoice::Process, |options| options.max_environments = 4).await;
    published(&rig).await;
    let refused = async |qualifier: &str, many: u32| put(&rig, qualifier, many).await.unwrap_err().message;
    assert_eq!(
        refused("$LATEST", 1).await,
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    );
    assert_eq!(
        refused("1", 1001).await,
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."
    );
    assert_eq!(
        refused("1", 901).await,
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    );
    assert!(refused("nope", 1).await.starts_with("Cannot find alias arn: "));
    assert!(refused("9", 1).await.starts_with("Function not found: "));
    put(&rig, "1", 1).await.unwrap();
    assert_eq!(
        refused("live", 1).await,
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    );
    let reserve = |many: u32| {
        rig.call("PutFunctionConcurrency", json!({"FunctionName": "f", "ReservedConcurrentExecutions": many}))
    };
    assert_eq!(
        reserve(0).await.unwrap_err().message,
        "ReservedConcurrentExecutions  0 should not be lower than function's total provisioned concurrency [1]."
    );
    reserve(10).await.unwrap();
    assert_eq!(
        refused("1", 11).await,
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    );
    // More than this machine carries is no state to wait in.
    put(&rig, "1", 4).await.unwrap();
    let failed = provisioned(&rig, "1").await;
    assert_eq!(failed["Status"], "FAILED");
    assert!(failed["StatusReason"].as_str().unwrap().contains("room for 3"), "{failed}");
    put(&rig, "1", 3).await.unwrap();
    assert_eq!(provisioned(&rig, "1").await["Status"], "READY");
    // The last place is for everything else.
    assert_eq!(invoke(&rig, "f").await[1], "on-demand");
    let listed = rig.call("ListProvisionedConcurrencyConfigs", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(
        listed["ProvisionedConcurrencyConfigs"][0]["FunctionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:f:1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_ahead_is_told() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    rig.create("f", "python3.11", &[("index.py", "raise Exception('no')")], json!({"Publish": true})).await;
    put(&rig, "1", 2).await.unwrap();
    let failed = provisioned(&rig, "1").await;
    assert_eq!(
        (&failed["Status"], &failed["StatusReason"]),
        (&json!("FAILED"), &json!("FUNCTION_ERROR_INIT_FAILURE"))
    );
    assert!(rig.lines.of("f").contains("[ERROR] Exception: no"));
}

#[tokio::test]
async fn loops_end_after_sixteen_turns() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    rig.python("f", "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
        .await;
    let mut ctx = rig.fresh();
    for turn in 1..=16 {
        let outcome = rig.lambda.invoke(&ctx, Invocation::request_response("f", "{}")).await.unwrap();
        let trace = value(&outcome).as_str().unwrap().to_owned();
        assert!(trace.ends_with(&format!(":{turn}")), "{trace}");
        ctx.trace_id = Some(trace.into());
    }
    let refused = rig.lambda.invoke(&ctx, Invocation::request_response("f", "{}")).await.unwrap_err();
    assert_eq!((refused.code.as_ref(), refused.status), ("RecursiveInvocationException", 400));
    rig.call("PutFunctionRecursionConfig", json!({"FunctionName": "f", "RecursiveLoop": "Allow"}))
        .await
        .unwrap();
    assert!(rig.lambda.invoke(&ctx, Invocation::request_response("f", "{}")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_are_each_others_destinations_end_after_sixteen_turns() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    for name in ["f", "g"] {
        rig.python(name, "def handler(event, context):\n    print('turn')\n").await;
    }
    rig.python("last", "def handler(event, context):\n    print(event['requestContext']['condition'])\n")
        .await;
    let destination =
        |name: &str| json!({"Destination": format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")});
    for (name, next) in [("f", "g"), ("g", "f")] {
        let config = json!({"OnSuccess": destination(next), "OnFailure": destination("last")});
        rig.call("PutFunctionEventInvokeConfig", json!({"FunctionName": name, "DestinationConfig": config}))
            .await
            .unwrap();
    }
    rig.event("f", json!({})).await;
    until(|| rig.lines.of("last").contains("RetriesExhausted")).await;
    assert_eq!(["f", "g"].map(|name| rig.lines.of(name).matches("turn").count()), [16, 16]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_never_share_an_environment() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let source = "import os\nseen = []\ndef handler(event, context):\n    seen.append(context.tenant_id)\n    print('seen', seen, flush=True)\n    return [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], seen]\n";
    let tenancy = json!({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}});
    rig.create("f", "python3.11", &[("index.py", source)], tenancy.clone()).await;
    assert_eq!(rig.settled("f").await["TenancyConfig"], tenancy["TenancyConfig"]);
    let of = |tenant: Option<&str>| Invocation {
        tenant_id: tenant.map(str::to_owned),
        ..Invocation::request_response("f", "{}")
    };
    let as_tenant =
        async |tenant: &str| value(&rig.lambda.invoke(&rig.fresh(), of(Some(tenant))).await.unwrap());
    let (a, b) = (as_tenant("a").await, as_tenant("b").await);
    assert_eq!((&a[1], &b[1]), (&json!(["a"]), &json!(["b"])));
    assert_ne!(a[0], b[0]);
    assert_eq!(as_tenant("a").await, json!([a[0], ["a", "a"]]), "one tenant's environment is used again");
    let event = Invocation { mode: runtime::InvocationMode::Event, ..of(Some("b")) };
    rig.lambda.invoke(&rig.fresh(), event).await.unwrap();
    until(|| rig.lines.of("f").contains("seen ['b', 'b']")).await;
    for wrong in [None, Some(""), Some("a\nb"), Some("\u{e4}")] {
        let refused = rig.refused(of(wrong)).await;
        assert!(
            refused.message.starts_with("The invoked function is enabled with tenancy configuration."),
            "{refused}"
        );
    }
    rig.python("plain", SOURCE).await;
    let refused = rig.refused(Invocation { function: "plain".to_owned(), ..of(Some("a")) }).await;
    assert_eq!(refused.message, "The invoked function is not enabled with tenancy configuration.");
    // A new deployment ends the environments of all tenants.
    rig.call("UpdateFunctionConfiguration", json!({"FunctionName": "f", "Timeout": 30})).await.unwrap();
    until(|| !alive(&a[0]) && !alive(&b[0])).await;
    assert_eq!(as_tenant("a").await[1], json!(["a"]));
    let url = json!({"FunctionName": "f", "AuthType": "NONE"});
    assert!(rig.call("CreateFunctionUrlConfig", url).await.unwrap_err().message.contains("tenancy"));
}
