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
