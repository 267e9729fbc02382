//! Capacity providers: kept, validated, tagged, and there after a restart.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options};

fn provider(name: &str) -> Value {
    json!({
        "CapacityProviderName": name,
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/r"},
        "Tags": {"a": "b"},
    })
}

async fn start(store: &Store) -> Rig {
    let options = options(ExecutorChoice::Process, store.clone(), &Lines::default());
    Rig::start(options, Lines::default(), store.clone()).await
}

#[tokio::test]
async fn capacity_providers_are_kept_over_a_restart() {
    let store = Store::memory();
    let rig = start(&store).await;
    let created =
        rig.call("CreateCapacityProvider", provider("one")).await.unwrap()["CapacityProvider"].clone();
    let arn = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:one";
    assert_eq!((&created["CapacityProviderArn"], &created["State"]), (&json!(arn), &json!("Pending")));
    let again = rig.call("CreateCapacityProvider", provider("one")).await.unwrap_err();
    assert_eq!((again.code.as_ref(), again.status), ("ResourceConflictException", 409));
    let change = json!({"CapacityProviderName": arn, "CapacityProviderScalingConfig": {"MaxVCpuCount": 8}});
    rig.call("UpdateCapacityProvider", change).await.unwrap();
    rig.call("TagResource", json!({"Resource": arn, "Tags": {"c": "d"}})).await.unwrap();
    rig.call("UntagResource", json!({"Resource": arn, "TagKeys": ["a"]})).await.unwrap();
    rig.lambda.shutdown().await;

    let rig = start(&store).await;
    let named = json!({"CapacityProviderName": "one"});
    let found = rig.call("GetCapacityProvider", named.clone()).await.unwrap()["CapacityProvider"].clone();
    assert_eq!(found["State"], "Active");
    assert_eq!(found["CapacityProviderScalingConfig"], json!({"MaxVCpuCount": 8, "ScalingMode": "Auto"}));
    assert_eq!(found["InstanceRequirements"]["Architectures"], json!(["x86_64"]));
    assert_eq!(rig.call("ListTags", json!({"Resource": arn})).await.unwrap()["Tags"], json!({"c": "d"}));
    let versions = rig.call("ListFunctionVersionsByCapacityProvider", named.clone()).await.unwrap();
    assert_eq!(versions, json!({"CapacityProviderArn": arn, "FunctionVersions": []}));
    let deleted = rig.call("DeleteCapacityProvider", named.clone()).await.unwrap();
    assert_eq!(deleted["CapacityProvider"]["State"], "Deleting");
    for operation in
        ["GetCapacityProvider", "DeleteCapacityProvider", "ListFunctionVersionsByCapacityProvider"]
    {
        let missing = rig.call(operation, named.clone()).await.unwrap_err();
        assert_eq!(
            (missing.code.as_ref(), missing.status),
            ("ResourceNotFoundException", 404),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn capacity_providers_are_listed_in_pages() {
    let rig = start(&Store::memory()).await;
    for number in 0..5 {
        rig.call("CreateCapacityProvider", provider(&format!("p{number}"))).await.unwrap();
    }
    let (mut names, mut marker) = (Vec::new(), Value::Null);
    loop {
        let page = rig.call("ListCapacityProviders", json!({"MaxItems": 2, "Marker": marker})).await.unwrap();
        let shown = page["CapacityProviders"].as_array().unwrap().clone();
        names.extend(shown.iter().map(|one| one["CapacityProviderArn"].as_str().unwrap().to_owned()));
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 5);
    assert!(names.is_sorted());
    let pending = rig.call("ListCapacityProviders", json!({"State": "Pending"})).await.unwrap();
    assert_eq!(pending["CapacityProviders"], json!([]));
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused_and_changes_nothing() {
    let rig = start(&Store::memory()).await;
    let wrong = [
        json!({"InstanceRequirements": {"AllowedInstanceTypes": ["m5.*"], "ExcludedInstanceTypes": ["c5.*"]}}),
        json!({"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}}),
        json!({"CapacityProviderScalingConfig": {"ScalingPolicies": [{"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50}]}}),
        json!({"PropagateTags": {"Mode": "None", "ExplicitTags": {"a": "b"}}}),
    ];
    for change in wrong {
        let mut members = provider("one");
        members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = rig.call("CreateCapacityProvider", members).await.unwrap_err();
        assert_eq!(refused.code, "InvalidParameterValueException", "{change}");
    }
    assert!(rig.call("GetCapacityProvider", json!({"CapacityProviderName": "one"})).await.is_err());
    rig.python("f", "def handler(event, context):\n    return 1\n").await;
    let of = |extra: Value| {
        let mut members = json!({"FunctionName": "f", "Qualifier": "$LATEST.PUBLISHED"});
        members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        members
    };
    for operation in ["GetFunctionScalingConfig", "PutFunctionScalingConfig"] {
        assert!(rig.call(operation, of(json!({}))).await.is_err(), "{operation}");
    }
    let order =
        json!({"FunctionScalingConfig": {"MinExecutionEnvironments": 5, "MaxExecutionEnvironments": 2}});
    let refused = rig.call("PutFunctionScalingConfig", of(order)).await.unwrap_err();
    assert!(refused.message.starts_with("MinExecutionEnvironments must be"), "{refused}");
    rig.settled("f").await;
    let update = |name: &str, value: Value| json!({"FunctionName": "f", name: value});
    for (name, value) in [
        (
            "RuntimeConfig",
            json!({"RuntimeArn": "arn:aws:lambda:us-east-1:000000000000:runtime/r", "RuntimeAlias": "a"}),
        ),
        ("AcceleratorConfig", json!({"AcceleratorMemorySize": 1})),
        ("CapacityProviderConfig", json!({"LambdaManagedInstancesCapacityProviderConfig": {}})),
        ("Runtime", json!("custom")),
    ] {
        let refused = rig.call("UpdateFunctionConfiguration", update(name, value)).await.unwrap_err();
        assert!(refused.message.contains(name) || refused.message.contains("custom"), "{refused}");
    }
    let refused =
        rig.call("PublishVersion", update("PublishTo", json!("LATEST_PUBLISHED"))).await.unwrap_err();
    assert!(refused.message.contains("PublishTo"), "{refused}");
}
