//! How an account's concurrency is divided: reserved, provisioned, and the rest.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::sync::Arc;

use lambda_shim::ExecutorChoice;
use runtime::{Invocation, Output, ScriptedRouter};
use serde_json::{Value, json};
use store::Store;
use support::{Rig, value};
use tokio::sync::mpsc;

const QUICK: &str = "def handler(event, context):\n    return 'ran'\n";

async fn reserve(rig: &Rig, name: &str, many: u32) {
    let members = json!({"FunctionName": name, "ReservedConcurrentExecutions": many});
    rig.call("PutFunctionConcurrency", members).await.unwrap();
}

async fn provision(rig: &Rig, name: &str, many: u32) {
    let members = json!({"FunctionName": name, "Qualifier": "1", "ProvisionedConcurrentExecutions": many});
    rig.call("PutProvisionedConcurrencyConfig", members).await.unwrap();
}

async fn published(rig: &Rig, name: &str) {
    rig.create(name, "python3.11", &[("index.py", QUICK)], json!({"Publish": true})).await;
    rig.settled(name).await;
}

async fn reason(rig: &Rig, name: &str) -> Value {
    let refused = rig.refused(Invocation::request_response(name, "{}")).await;
    assert_eq!((refused.status, &*refused.code), (429, "TooManyRequestsException"));
    refused.fields["Reason"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_provisioned_is_part_of_what_is_reserved() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    published(&rig, "f").await;
    reserve(&rig, "f", 1).await;
    assert_eq!(value(&rig.invoke("f", json!({})).await), "ran");
    provision(&rig, "f", 1).await;
    assert_eq!(reason(&rig, "f").await, "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert_eq!(value(&rig.invoke("f:1", json!({})).await), "ran");
    let none = json!({"FunctionName": "f", "Qualifier": "1"});
    rig.call("DeleteProvisionedConcurrencyConfig", none).await.unwrap();
    assert_eq!(value(&rig.invoke("f", json!({})).await), "ran");
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn what_one_function_has_provisioned_another_cannot_reserve() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    published(&rig, "f").await;
    published(&rig, "g").await;
    // More than this machine carries: nothing is started for it.
    provision(&rig, "f", 500).await;
    let refused = async |operation, members| rig.call(operation, members).await.unwrap_err().message;
    let too_many = json!({"FunctionName": "g", "ReservedConcurrentExecutions": 401});
    assert_eq!(
        refused("PutFunctionConcurrency", too_many).await,
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [100]."
    );
    reserve(&rig, "g", 400).await;
    let too_many = json!({"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 501});
    assert_eq!(
        refused("PutProvisionedConcurrencyConfig", too_many).await,
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [100]."
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_free_is_set_aside_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let rig = Rig::with(ExecutorChoice::Process, |options| options.store = store).await;
    let names: Vec<_> = (0..8).map(|number| format!("f{number}")).collect();
    for name in &names {
        published(&rig, name).await;
    }
    let reserve = |name: &String| {
        rig.call("PutFunctionConcurrency", json!({"FunctionName": name, "ReservedConcurrentExecutions": 500}))
    };
    let all = futures::future::join_all(names.iter().map(reserve)).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1, "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_what_may_not_run_go_to_their_destination_at_once() {
    let (send, mut sent) = mpsc::unbounded_channel();
    let queue = ScriptedRouter::new(move |_, _, operation, input| {
        if operation == "SendMessage" {
            send.send(Value::Object(input.members)).unwrap();
        }
        std::future::ready(Ok(Output::of(json!({"QueueUrl": "http://queue"}))))
    });
    let router = Arc::new(queue);
    let rig = Rig::with(ExecutorChoice::Process, |options| options.router = router).await;
    let dead = json!({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}});
    rig.create("f", "python3.11", &[("index.py", QUICK)], dead).await;
    rig.settled("f").await;
    let failed = json!({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}});
    let config = json!({"FunctionName": "f", "DestinationConfig": failed});
    rig.call("PutFunctionEventInvokeConfig", config).await.unwrap();
    reserve(&rig, "f", 0).await;
    rig.event("f", json!({"a": 1})).await;
    let (told, letter) = (sent.recv().await.unwrap(), sent.recv().await.unwrap());
    let record: Value = serde_json::from_str(told["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["condition"], "ZeroReservedConcurrency");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["requestPayload"], json!({"a": 1}));
    assert_eq!(record.get("responsePayload"), None);
    assert_eq!(letter["MessageBody"], "{\"a\":1}");
}
