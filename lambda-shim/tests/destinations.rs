//! Where the ends of events are told: event buses and buckets.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::sync::Arc;

use aws_wire::ServiceError;
use lambda_shim::ExecutorChoice;
use runtime::{Output, ScriptedRouter, ServiceRouter};
use serde_json::{Value, json};
use support::Rig;
use tokio::sync::mpsc;

const BUS: &str = "arn:aws:events:eu-west-1:111111111111:event-bus/told";
const BUCKET: &str = "arn:aws:s3:::failures";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";

type Told = mpsc::UnboundedReceiver<(String, Value)>;

/// An EventBridge and an S3 that hand on what they are sent, with the account and region that it is sent to.
fn destinations(sent: mpsc::UnboundedSender<(String, Value)>) -> Arc<dyn ServiceRouter> {
    Arc::new(ScriptedRouter::new(move |ctx, service, operation, input| {
        let place = format!("{}/{}", ctx.scope.account, ctx.scope.region);
        let is_told = matches!((service, operation), ("events", "PutEvents") | ("s3", "PutObject"));
        let (mut members, sent) = (Value::Object(input.members), sent.clone());
        async move {
            let name = members["Name"].as_str().or(members["Bucket"].as_str());
            if name.is_some_and(|name| name.ends_with("none")) {
                return Err(ServiceError::new("NotFound", 404, "there is none"));
            }
            if is_told {
                members["Body"] = String::from_utf8_lossy(&input.body.read(9999).await.unwrap()).into();
                sent.send((place, members)).unwrap();
            }
            Ok(Output::of(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})))
        }
    }))
}

async fn rig() -> (Rig, Told) {
    let (sent, told) = mpsc::unbounded_channel();
    let router = destinations(sent);
    let rig = Rig::with(ExecutorChoice::Process, |options| options.router = router).await;
    let source = "def handler(event, context):\n    if event.get('fail'):\n        raise Exception('no')\n    return 'well'\n";
    rig.python("f", source).await;
    rig.settled("f").await;
    (rig, told)
}

async fn configure(rig: &Rig, destinations: Value) -> Result<Value, ServiceError> {
    let members = json!({"FunctionName": "f", "MaximumRetryAttempts": 0, "DestinationConfig": destinations});
    rig.call("PutFunctionEventInvokeConfig", members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_buses_are_told_of_both_ends() {
    let (rig, mut told) = rig().await;
    let destinations = json!({"OnSuccess": {"Destination": BUS}, "OnFailure": {"Destination": BUS}});
    let shown = configure(&rig, destinations.clone()).await.unwrap();
    assert_eq!(shown["DestinationConfig"], destinations);
    for (event, ended, condition) in
        [(json!({"a": 1}), "Success", "Success"), (json!({"fail": true}), "Failure", "RetriesExhausted")]
    {
        rig.event("f", event.clone()).await;
        let (place, sent) = told.recv().await.unwrap();
        assert_eq!(place, "111111111111/eu-west-1");
        let entry = &sent["Entries"][0];
        assert_eq!((&entry["EventBusName"], &entry["Source"]), (&json!(BUS), &json!("lambda")));
        assert_eq!(entry["DetailType"], format!("Lambda Function Invocation Result - {ended}"));
        assert_eq!(entry["Resources"], json!([BUS, ARN]));
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!(detail["requestContext"]["condition"], condition);
        assert_eq!((&detail["requestPayload"], &detail["version"]), (&event, &json!("1.0")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_get_an_object_of_each_failure() {
    let (rig, mut told) = rig().await;
    configure(&rig, json!({"OnFailure": {"Destination": BUCKET}})).await.unwrap();
    rig.event("f", json!({"fail": true})).await;
    let (place, sent) = told.recv().await.unwrap();
    // A bucket's ARN names no account: it is looked for in the function's.
    assert_eq!((place.as_str(), &sent["Bucket"]), ("000000000000/us-east-1", &json!("failures")));
    let key = sent["Key"].as_str().unwrap();
    let parts: Vec<&str> = key.split('/').collect();
    assert_eq!((&parts[..4], parts.len()), (&["aws", "lambda", "async", "f"][..], 8), "{key}");
    assert!(parts[7].starts_with(&parts[4..7].join("-")), "{key}");
    let record: Value = serde_json::from_str(sent["Body"].as_str().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["functionArn"], ARN);
    assert_eq!(record["responsePayload"]["errorMessage"], "no");
}

#[tokio::test]
async fn what_is_not_there_or_is_told_of_failures_alone_is_refused() {
    let (rig, _) = rig().await;
    for arn in ["arn:aws:events:us-east-1:000000000000:event-bus/none", "arn:aws:s3:::none"] {
        let refused = configure(&rig, json!({"OnFailure": {"Destination": arn}})).await.unwrap_err();
        assert_eq!(&*refused.code, "InvalidParameterValueException");
        assert_eq!(refused.message, format!("The destination ARN {arn} is invalid."));
    }
    let refused = configure(&rig, json!({"OnSuccess": {"Destination": BUCKET}})).await.unwrap_err();
    assert_eq!(
        refused.message,
        format!(
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={BUCKET}), onFailure=null) \
             is invalid."
        )
    );
    let none = rig.call("GetFunctionEventInvokeConfig", json!({"FunctionName": "f"})).await;
    assert_eq!(&*none.unwrap_err().code, "ResourceNotFoundException");
}
