//! Functions and layers of other accounts: what an ARN names, and what policies grant.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_shim::ExecutorChoice;
use runtime::{Body, CallContext, FunctionInvoker, Input, Invocation, Scope, Service};
use serde_json::{Value, json};
use support::{Rig, value, zip};

const OWNER: &str = "000000000000";
const OTHER: &str = "222222222222";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

async fn rig() -> Rig {
    let rig = Rig::new(ExecutorChoice::Process).await;
    rig.python("f", "def handler(event, context):\n    return 'the owner\\'s'\n").await;
    rig.settled("f").await;
    rig
}

/// What a client with the credentials of an account asks.
async fn asks(rig: &Rig, account: &str, operation: &str, members: Value) -> Result<Value, ServiceError> {
    let ctx = CallContext {
        scope: Scope::new(account, "us-east-1"),
        access_key: Some(account.into()),
        ..rig.fresh()
    };
    let Value::Object(members) = members else { panic!("members are an object") };
    let output = rig.lambda.call(&ctx, operation, Input { members, ..Input::default() }).await?;
    match output.body {
        Body::Bytes(payload) => {
            Ok(json!({ "members": output.members, "payload": String::from_utf8_lossy(&payload) }))
        }
        _ => Ok(Value::Object(output.members)),
    }
}

fn members(name: &str, code: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "python3.11", "Handler": "index.handler",
        "Role": "arn:aws:iam::222222222222:role/r",
        "Code": {"ZipFile": BASE64_STANDARD.encode(zip(&[("index.py", code)]))},
    })
}

#[tokio::test]
async fn an_arn_names_the_function_of_its_account_and_nothing_of_the_callers() {
    let rig = rig().await;
    let own = "def handler(event, context):\n    return 'its own'\n";
    asks(&rig, OTHER, "CreateFunction", members("f", own)).await.unwrap();
    for (operation, extra) in [
        ("GetFunction", json!({})),
        ("DeleteFunction", json!({})),
        ("UpdateFunctionConfiguration", json!({"Timeout": 5})),
        ("PutFunctionConcurrency", json!({"ReservedConcurrentExecutions": 1})),
        ("ListVersionsByFunction", json!({})),
    ] {
        let mut asked = json!({"FunctionName": ARN});
        asked.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let refused = asks(&rig, OTHER, operation, asked).await.unwrap_err();
        assert_eq!((refused.status, &*refused.code), (403, "AccessDeniedException"));
        assert_eq!(
            refused.message,
            format!(
                "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:{operation} on resource: {ARN} \
                 because no resource-based policy allows the lambda:{operation} action"
            )
        );
    }
    let tagged = asks(&rig, OTHER, "TagResource", json!({"Resource": ARN, "Tags": {"a": "b"}})).await;
    assert_eq!(tagged.unwrap_err().status, 403);
    let shown = asks(&rig, OTHER, "GetFunctionConfiguration", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(shown["FunctionArn"], "arn:aws:lambda:us-east-1:222222222222:function:f");
    assert_eq!(shown["Timeout"], 3);
    // One that is not there is denied just so: who may not ask is not told.
    let elsewhere = json!({"FunctionName": format!("{ARN}missing")});
    assert_eq!(asks(&rig, OTHER, "GetFunction", elsewhere).await.unwrap_err().status, 403);
}

#[tokio::test]
async fn nothing_is_made_in_another_account() {
    let rig = rig().await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:new";
    let refused = asks(&rig, OTHER, "CreateFunction", members(arn, "x = 1\n")).await.unwrap_err();
    assert_eq!(&*refused.code, "AccessDeniedException");
    for account in [OWNER, OTHER] {
        let found = asks(&rig, account, "GetFunction", json!({"FunctionName": "new"})).await;
        assert_eq!(&*found.unwrap_err().code, "ResourceNotFoundException");
    }
    let mapping = json!({"FunctionName": ARN, "EventSourceArn": "arn:aws:sqs:us-east-1:222222222222:q"});
    let refused = asks(&rig, OTHER, "CreateEventSourceMapping", mapping).await.unwrap_err();
    assert_eq!(&*refused.code, "AccessDeniedException");
}

#[tokio::test]
async fn a_policy_lets_another_account_invoke_and_whatever_else_it_grants() {
    let rig = rig().await;
    let invoke = || asks(&rig, OTHER, "Invoke", json!({"FunctionName": ARN}));
    let refused = invoke().await.unwrap_err();
    assert_eq!(
        refused.message,
        format!(
            "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:InvokeFunction on resource: {ARN} \
             because no resource-based policy allows the lambda:InvokeFunction action"
        )
    );
    let permission = |sid: &str, action: &str| json!({"FunctionName": "f", "StatementId": sid, "Action": action, "Principal": OTHER});
    rig.call("AddPermission", permission("a", "lambda:InvokeFunction")).await.unwrap();
    assert_eq!(invoke().await.unwrap()["payload"], "\"the owner's\"");
    let get = || asks(&rig, OTHER, "GetFunctionConfiguration", json!({"FunctionName": ARN}));
    assert_eq!(get().await.unwrap_err().status, 403);
    rig.call("AddPermission", permission("b", "lambda:GetFunctionConfiguration")).await.unwrap();
    assert_eq!(get().await.unwrap()["FunctionArn"], ARN);
    // A grant for the function says nothing of its versions.
    let qualified = asks(&rig, OTHER, "Invoke", json!({"FunctionName": ARN, "Qualifier": "$LATEST"})).await;
    assert_eq!(qualified.unwrap_err().status, 403);
    let third = asks(&rig, "333333333333", "Invoke", json!({"FunctionName": ARN})).await;
    assert_eq!(third.unwrap_err().status, 403);
}

#[tokio::test]
async fn services_invoke_what_they_are_given_by_its_arn() {
    let rig = rig().await;
    let ctx = CallContext { scope: Scope::new(OTHER, "us-east-1"), ..rig.fresh() };
    let outcome = rig.lambda.invoke(&ctx, Invocation::request_response(ARN, "{}")).await.unwrap();
    assert_eq!(value(&outcome), "the owner's");
    // They change nothing in other accounts.
    let Value::Object(members) = json!({"FunctionName": ARN}) else { unreachable!() };
    let deleted = rig.lambda.call(&ctx, "DeleteFunction", Input { members, ..Input::default() }).await;
    assert_eq!(deleted.unwrap_err().status, 403);
}

#[tokio::test]
async fn another_accounts_capacity_provider_is_neither_shown_nor_changed() {
    let rig = rig().await;
    let provider = json!({
        "CapacityProviderName": "c", "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/r"},
    });
    let made = rig.call("CreateCapacityProvider", provider).await.unwrap();
    let arn = &made["CapacityProvider"]["CapacityProviderArn"];
    for operation in
        ["GetCapacityProvider", "DeleteCapacityProvider", "ListFunctionVersionsByCapacityProvider"]
    {
        let refused = asks(&rig, OTHER, operation, json!({"CapacityProviderName": arn})).await.unwrap_err();
        assert_eq!((refused.status, &*refused.code), (403, "AccessDeniedException"), "{operation}");
    }
    rig.call("GetCapacityProvider", json!({"CapacityProviderName": arn})).await.unwrap();
}

async fn layer(rig: &Rig) -> String {
    rig.layer("l", &[("python/it.py", "IT = 'the layer'\n")]).await
}

fn with_layer(name: &str, layer: &str) -> Value {
    let mut asked = members(name, "import it\ndef handler(event, context):\n    return it.IT\n");
    asked["Layers"] = json!([layer]);
    asked
}

#[tokio::test]
async fn a_layer_is_for_those_whom_its_version_names() {
    let rig = rig().await;
    let arn = layer(&rig).await;
    let layer_arn = arn.trim_end_matches(":1");
    let get = || asks(&rig, OTHER, "GetLayerVersionByArn", json!({"Arn": arn}));
    let create = |name: &'static str| asks(&rig, OTHER, "CreateFunction", with_layer(name, &arn));
    let text = format!(
        "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} \
         because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    let by_name =
        asks(&rig, OTHER, "GetLayerVersion", json!({"LayerName": layer_arn, "VersionNumber": 1})).await;
    for refused in [get().await, create("g").await, by_name] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.status, &*refused.code, &*refused.message),
            (403, "AccessDeniedException", &*text)
        );
    }
    for principal in ["333333333333", OTHER] {
        let granted = json!({
            "LayerName": "l", "VersionNumber": 1, "StatementId": principal, "Action": "lambda:GetLayerVersion",
            "Principal": principal,
        });
        assert_eq!(get().await.unwrap_err().status, 403);
        rig.call("AddLayerVersionPermission", granted).await.unwrap();
    }
    assert_eq!(get().await.unwrap()["LayerVersionArn"], arn.as_str());
    create("g").await.unwrap();
    let invoked = asks(&rig, OTHER, "Invoke", json!({"FunctionName": "g"})).await.unwrap();
    assert_eq!(invoked["payload"], "\"the layer\"");
    // What a function has it keeps; others do not get it any more.
    let taken = json!({"LayerName": "l", "VersionNumber": 1, "StatementId": OTHER});
    rig.call("RemoveLayerVersionPermission", taken).await.unwrap();
    let again = json!({"FunctionName": "g", "Layers": [arn], "Timeout": 9});
    asks(&rig, OTHER, "UpdateFunctionConfiguration", again).await.unwrap();
    assert_eq!(create("h").await.unwrap_err().status, 403);
}

#[tokio::test]
async fn another_accounts_layers_are_neither_listed_nor_changed() {
    let rig = rig().await;
    let arn = layer(&rig).await;
    let layer_arn = arn.trim_end_matches(":1").to_owned();
    let version = json!({"LayerName": layer_arn, "VersionNumber": 1});
    for (operation, asked, resource) in [
        ("ListLayerVersions", json!({"LayerName": layer_arn}), &layer_arn),
        ("DeleteLayerVersion", version.clone(), &arn),
        ("GetLayerVersionPolicy", version, &arn),
    ] {
        let refused = asks(&rig, OTHER, operation, asked).await.unwrap_err();
        assert_eq!(
            refused.message,
            format!(
                "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:{operation} on resource: \
                 {resource} because no resource-based policy allows the lambda:{operation} action"
            )
        );
    }
    rig.call("GetLayerVersionByArn", json!({"Arn": arn})).await.unwrap();
}
