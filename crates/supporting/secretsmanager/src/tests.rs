//! Secrets made, read, changed and removed, on a virtual clock.

use std::time::Duration;

use runtime::{Scope, Timestamp, VirtualClock};
use serde_json::json;

use super::*;

struct Client {
    service: SecretsManager,
    clock: Arc<VirtualClock>,
    store: Store,
}

impl Client {
    fn new() -> Self {
        let (store, clock) = (Store::memory(), VirtualClock::starting_at(Timestamp(1_700_000_000_000)));
        let service = SecretsManager::new(&store, Clock::Virtual(clock.clone())).unwrap();
        Self { service, clock, store }
    }

    async fn call(&self, operation: &str, members: Value) -> Result<Value, String> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let ctx =
            CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
        let answer = self.service.call(&ctx, operation, Input { members, ..Input::default() }).await;
        if let Ok(output) = &answer {
            fits("secretsmanager", operation, output);
        }
        answer.map(|output| Value::Object(output.members)).map_err(|error| error.code.into_owned())
    }
}

#[tokio::test]
async fn values_have_stages_and_survive_a_restart() {
    let client = Client::new();
    assert_eq!(client.call("ListSecrets", json!({})).await.unwrap(), json!({ "SecretList": [] }));
    let made =
        client.call("CreateSecret", json!({ "Name": "db/pass-word", "SecretString": "one" })).await.unwrap();
    let by_arn = json!({ "SecretId": made["ARN"] });
    assert_eq!(client.call("GetSecretValue", by_arn.clone()).await.unwrap()["SecretString"], "one");
    let by_name = |more: Value| {
        let mut members = json!({ "SecretId": "db/pass-word" });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        members
    };
    client.call("PutSecretValue", by_name(json!({ "SecretBinary": "AAEC" }))).await.unwrap();
    let again = SecretsManager::new(&client.store, Clock::Virtual(client.clock.clone())).unwrap();
    let client = Client { service: again, ..client };
    assert_eq!(client.call("GetSecretValue", by_arn).await.unwrap()["SecretBinary"], "AAEC");
    let previous =
        client.call("GetSecretValue", by_name(json!({ "VersionStage": "AWSPREVIOUS" }))).await.unwrap();
    assert_eq!(previous["SecretString"], "one");
    assert_eq!(previous["VersionId"], made["VersionId"]);
    let again = by_name(json!({ "SecretString": "two", "ClientRequestToken": made["VersionId"] }));
    assert_eq!(client.call("PutSecretValue", again).await.unwrap_err(), "ResourceExistsException");
}

#[tokio::test]
async fn a_deleted_secret_can_be_restored_until_it_goes() {
    let client = Client::new();
    client.call("CreateSecret", json!({ "Name": "s", "SecretString": "x" })).await.unwrap();
    let of = json!({ "SecretId": "s" });
    client.call("DeleteSecret", json!({ "SecretId": "s", "RecoveryWindowInDays": 7 })).await.unwrap();
    assert_eq!(client.call("GetSecretValue", of.clone()).await.unwrap_err(), "InvalidRequestException");
    assert_eq!(client.call("ListSecrets", json!({})).await.unwrap()["SecretList"], json!([]));
    client.call("RestoreSecret", of.clone()).await.unwrap();
    assert!(client.call("GetSecretValue", of.clone()).await.is_ok());
    client.call("DeleteSecret", of.clone()).await.unwrap();
    client.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(client.call("RestoreSecret", of.clone()).await.unwrap_err(), "ResourceNotFoundException");
    client.call("CreateSecret", json!({ "Name": "s", "SecretString": "y" })).await.unwrap();
    client
        .call("DeleteSecret", json!({ "SecretId": "s", "ForceDeleteWithoutRecovery": true }))
        .await
        .unwrap();
    assert_eq!(client.call("DescribeSecret", of).await.unwrap_err(), "ResourceNotFoundException");
}

#[tokio::test]
async fn what_is_wrong_or_not_done_is_refused() {
    let client = Client::new();
    client.call("CreateSecret", json!({ "Name": "s", "SecretString": "x" })).await.unwrap();
    for (operation, members, code) in [
        ("CreateSecret", json!({ "Name": "s" }), "ResourceExistsException"),
        ("CreateSecret", json!({ "Name": "a b" }), "ValidationException"),
        (
            "CreateSecret",
            json!({ "Name": "t", "SecretString": "x", "SecretBinary": "AA==" }),
            "InvalidParameterException",
        ),
        ("CreateSecret", json!({ "Name": "t", "AddReplicaRegions": [] }), "NotImplemented"),
        ("GetSecretValue", json!({ "SecretId": "none" }), "ResourceNotFoundException"),
        ("GetSecretValue", json!({ "SecretId": "s", "VersionStage": "none" }), "ResourceNotFoundException"),
        ("PutSecretValue", json!({ "SecretId": "s" }), "InvalidRequestException"),
        ("DeleteSecret", json!({ "SecretId": "s", "RecoveryWindowInDays": 1 }), "InvalidParameterException"),
        ("ListSecrets", json!({ "Filters": [] }), "NotImplemented"),
    ] {
        assert_eq!(client.call(operation, members.clone()).await.unwrap_err(), code, "{operation} {members}");
    }
    for number in 0..250 {
        client.call("CreateSecret", json!({ "Name": format!("n{number:03}") })).await.unwrap();
    }
    let (mut seen, mut token) = (0, Value::Null);
    loop {
        let page = client.call("ListSecrets", json!({ "NextToken": token })).await.unwrap();
        seen += page["SecretList"].as_array().unwrap().len();
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, 251);
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}

#[tokio::test]
async fn passwords_are_made_of_what_is_asked_for() {
    let client = Client::new();
    let password = async |members: Value| {
        let answer = client.call("GetRandomPassword", members).await;
        answer.map(|answer| answer["RandomPassword"].as_str().unwrap().to_owned())
    };
    let types: [fn(char) -> bool; 4] = [
        |it| it.is_ascii_lowercase(),
        |it| it.is_ascii_uppercase(),
        |it| it.is_ascii_digit(),
        |it| it.is_ascii_punctuation(),
    ];
    for _ in 0..50 {
        let short = password(json!({ "PasswordLength": 4 })).await.unwrap();
        assert_eq!(short.chars().count(), 4);
        assert!(types.iter().all(|of| short.chars().any(of)), "{short}");
        let digits = json!({
            "ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true, "ExcludeCharacters": "0123",
            "IncludeSpace": true, "PasswordLength": 9,
        });
        let digits = password(digits).await.unwrap();
        assert!(digits.contains(' ') && digits.chars().all(|it| " 456789".contains(it)), "{digits}");
    }
    let (one, other) = (password(json!({})).await.unwrap(), password(json!({})).await.unwrap());
    assert_eq!((one.len(), other.len()), (32, 32));
    assert_ne!(one, other);
    assert_eq!(password(json!({ "PasswordLength": 3 })).await.unwrap_err(), "InvalidParameterException");
    let loose = json!({ "PasswordLength": 1, "RequireEachIncludedType": false });
    assert_eq!(password(loose).await.unwrap().len(), 1);
    let nothing = json!({
        "ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true, "ExcludeNumbers": true,
    });
    assert_eq!(password(nothing).await.unwrap_err(), "InvalidParameterException");
}
