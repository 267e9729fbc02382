//! Layers: how they are published, listed, shared, deleted, and what functions keep of them.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use serde_json::{Value, json};
use store::Store;
use support::{Lines, Rig, options, value};

async fn rig() -> Rig {
    Rig::new(ExecutorChoice::Process).await
}

const FILES: &[(&str, &str)] = &[("python/inlayer.py", "where = 'layer'")];
const SOURCE: &str = "import inlayer\ndef handler(event, context):\n    return inlayer.where\n";

async fn refusal(rig: &Rig, operation: &str, members: Value) -> (String, String) {
    let refused = rig.call(operation, members).await.unwrap_err();
    (refused.code.to_string(), refused.message)
}

#[tokio::test]
async fn versions_are_counted_and_listed_newest_first() {
    let rig = rig().await;
    for _ in 0..3 {
        rig.layer("l", FILES).await;
    }
    let numbers = |listed: &Value| -> Vec<i64> {
        listed["LayerVersions"].as_array().unwrap().iter().map(|it| it["Version"].as_i64().unwrap()).collect()
    };
    let page = rig.call("ListLayerVersions", json!({"LayerName": "l", "MaxItems": 2})).await.unwrap();
    assert_eq!(numbers(&page), [3, 2]);
    let rest = json!({"LayerName": "l", "Marker": page["NextMarker"]});
    let rest = rig.call("ListLayerVersions", rest).await.unwrap();
    assert_eq!((numbers(&rest), &rest["NextMarker"]), (vec![1], &Value::Null));
    for number in 1..=3 {
        rig.call("DeleteLayerVersion", json!({"LayerName": "l", "VersionNumber": number})).await.unwrap();
    }
    assert_eq!(rig.call("ListLayers", json!({})).await.unwrap()["Layers"], json!([]));
    assert!(rig.layer("l", FILES).await.ends_with(":l:4"), "numbers are not used again");
}

#[tokio::test]
async fn layers_are_listed_with_the_newest_version_that_suits() {
    let rig = rig().await;
    let publish = async |name: &str, runtimes: Value| {
        let content = json!({"S3Bucket": "bucket", "S3Key": "code.zip"});
        let members = json!({"LayerName": name, "Content": content, "CompatibleRuntimes": runtimes});
        rig.call("PublishLayerVersion", members).await.unwrap();
    };
    for name in ["a", "b", "c", "d"] {
        publish(name, json!(["python3.11"])).await;
        publish(name, json!(["nodejs20.x"])).await;
    }
    publish("e", json!([])).await;
    let mut found = Vec::new();
    let mut marker = Value::Null;
    loop {
        let asked = json!({"CompatibleRuntime": "python3.11", "MaxItems": 3, "Marker": marker});
        let page = rig.call("ListLayers", asked).await.unwrap();
        for layer in page["Layers"].as_array().unwrap() {
            let version = layer["LatestMatchingVersion"]["Version"].as_i64().unwrap();
            found.push((layer["LayerName"].as_str().unwrap().to_owned(), version));
        }
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(found, ["a", "b", "c", "d"].map(|name| (name.to_owned(), 1)));
    let by_arn = "arn:aws:lambda:us-east-1:000000000000:layer:a:2";
    let shown = rig.call("GetLayerVersionByArn", json!({"Arn": by_arn})).await.unwrap();
    let link = shown["Content"]["Location"].as_str().unwrap().strip_prefix("http://127.0.0.1:4566").unwrap();
    let (path, query) = link.split_once('?').unwrap();
    assert_eq!(rig.lambda.package(path, query).await.unwrap().len(), shown["Content"]["CodeSize"]);
    let unknown = refusal(&rig, "ListLayers", json!({"CompatibleRuntime": "cobol"})).await;
    assert!(unknown.1.starts_with("1 validation error detected: Value 'cobol' at 'compatibleRuntime'"));
}

#[tokio::test]
async fn what_functions_may_not_have_is_refused_and_changes_nothing() {
    let rig = rig().await;
    let (one, two) = (rig.layer("l", FILES).await, rig.layer("l", FILES).await);
    rig.python("f", "def handler(event, context):\n    return 1\n").await;
    let before = rig.settled("f").await;
    let mut many = Vec::new();
    for name in ["a", "b", "c", "d", "e", "g"] {
        many.push(rig.layer(name, FILES).await);
    }
    let missing = one.replace(":1", ":9");
    for (layers, text) in [
        (json!([one, two]), format!("Two different versions of the same layer are not allowed to be referenced in the same function. {one} and {two} are versions of the same layer.")),
        (json!(many), "Cannot reference more than 5 layers.".to_owned()),
        (json!([missing]), format!("Layer version {missing} does not exist.")),
        (json!([one.replace("us-east-1", "eu-west-1")]), "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.".to_owned()),
    ] {
        let members = json!({"FunctionName": "f", "Layers": layers});
        let refused = refusal(&rig, "UpdateFunctionConfiguration", members).await;
        assert_eq!(refused, ("InvalidParameterValueException".to_owned(), text));
    }
    assert_eq!(rig.settled("f").await, before);
}

#[tokio::test]
async fn functions_keep_layers_that_are_deleted_also_over_a_restart() {
    let (store, lines) = (Store::memory(), Lines::default());
    let first =
        Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store.clone()).await;
    let arn = first.layer("l", FILES).await;
    let unused = first.layer("unused", FILES).await;
    first.create("f", "python3.11", &[("index.py", SOURCE)], json!({"Layers": [arn], "Publish": true})).await;
    first.settled("f").await;
    for name in ["l", "unused"] {
        first.call("DeleteLayerVersion", json!({"LayerName": name, "VersionNumber": 1})).await.unwrap();
    }
    let rows = |table| store.scan(store::Table(table), &store::Key::new(), None, 10).unwrap().len();
    assert_eq!(rows("lambda.layer_versions"), 1, "{unused} is gone");
    drop(first);
    let lines = Lines::default();
    let second =
        Rig::start(options(ExecutorChoice::Process, store.clone(), &lines), lines, store.clone()).await;
    assert_eq!(value(&second.invoke("f", json!({})).await), "layer");
    // It may keep what it has, and others may not take it.
    second
        .call("UpdateFunctionConfiguration", json!({"FunctionName": "f", "Layers": [arn], "Timeout": 30}))
        .await
        .unwrap();
    second.settled("f").await;
    assert_eq!(value(&second.invoke("f", json!({})).await), "layer");
    let shown = second.call("GetFunction", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(shown["Configuration"]["Layers"][0]["Arn"], arn.as_str());
    second.python("g", SOURCE).await;
    second.settled("g").await;
    let (code, _) =
        refusal(&second, "UpdateFunctionConfiguration", json!({"FunctionName": "g", "Layers": [arn]})).await;
    assert_eq!(code, "InvalidParameterValueException");
    // With the last function goes the layer: `$LATEST` lets go, the published version still has it.
    second.call("UpdateFunctionConfiguration", json!({"FunctionName": "f", "Layers": []})).await.unwrap();
    assert_eq!(rows("lambda.layer_versions"), 1);
    second.call("DeleteFunction", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(rows("lambda.layer_versions"), 0);
    assert!(second.layer("l", FILES).await.ends_with(":2"));
}

#[tokio::test]
async fn policies_of_versions_have_revisions() {
    let rig = rig().await;
    let arn = rig.layer("l", FILES).await;
    let of = |sid: &str, principal: &str, revision: Option<&str>| json!({"LayerName": "l", "VersionNumber": 1, "StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": principal, "RevisionId": revision});
    let none = refusal(&rig, "GetLayerVersionPolicy", json!({"LayerName": "l", "VersionNumber": 1})).await;
    assert_eq!(none.1, "No policy is associated with the given resource.");
    let added = rig.call("AddLayerVersionPermission", of("s", "*", None)).await.unwrap();
    assert_eq!(
        refusal(&rig, "AddLayerVersionPermission", of("s", "*", None)).await.0,
        "ResourceConflictException"
    );
    assert_eq!(
        refusal(&rig, "AddLayerVersionPermission", of("t", "*", Some("x"))).await.0,
        "PreconditionFailedException"
    );
    let revision = added["RevisionId"].as_str();
    rig.call("AddLayerVersionPermission", of("t", "111111111111", revision)).await.unwrap();
    let policy = rig
        .call("GetLayerVersionPolicy", json!({"LayerName": arn.trim_end_matches(":1"), "VersionNumber": 1}))
        .await
        .unwrap();
    let text: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(text["Statement"][1]["Principal"], json!({"AWS": "arn:aws:iam::111111111111:root"}));
    let remove = |sid: &str| json!({"LayerName": "l", "VersionNumber": 1, "StatementId": sid});
    assert_eq!(
        refusal(&rig, "RemoveLayerVersionPermission", remove("u")).await.1,
        "Statement u is not found in resource policy."
    );
    for sid in ["s", "t"] {
        rig.call("RemoveLayerVersionPermission", remove(sid)).await.unwrap();
    }
    assert_eq!(
        refusal(&rig, "GetLayerVersionPolicy", json!({"LayerName": "l", "VersionNumber": 1})).await.0,
        "ResourceNotFoundException"
    );
    let wrong = json!({"LayerName": "l", "VersionNumber": 0});
    assert_eq!(refusal(&rig, "GetLayerVersion", wrong).await.1, "Layer Version Cannot be less than 1");
}
