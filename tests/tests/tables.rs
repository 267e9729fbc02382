//! Templates with tables (made where DynamoDB is delegated to, found again, and refused where it is not), secrets, and
//! definitions in S3.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{path::Path, process::Command};

use e2e::{Tule, binary, dynamodb, wait_for};
use serde_json::{Value, json};

const TEMPLATE: &str = r"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: python3.12, Handler: index.handler, Timeout: 10 }
Resources:
  Orders:
    Type: AWS::Serverless::SimpleTable
    Properties: { TableName: orders, Tags: { team: shop } }
  Changes:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: changes
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
  Writer:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: writer
      Policies: [{ DynamoDBCrudPolicy: { TableName: !Ref Orders } }]
      Environment: { Variables: { ORDERS: !Ref Orders, CHANGES: !Ref Changes } }
      InlineCode: |
        import json, os, urllib.request
        def call(operation, members):
            scope = os.environ['AWS_ACCESS_KEY_ID'] + '/20260101/us-east-1/dynamodb/aws4_request'
            headers = {'X-Amz-Target': 'DynamoDB_20120810.' + operation, 'Content-Type': 'application/x-amz-json-1.0',
                       'Authorization': f'AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0'}
            request = urllib.request.Request(os.environ['AWS_ENDPOINT_URL'], json.dumps(members).encode(), headers)
            return json.load(urllib.request.urlopen(request))
        def handler(event, context):
            for table in (os.environ['ORDERS'], os.environ['CHANGES']):
                call('PutItem', {'TableName': table, 'Item': {'id': {'S': event['id']}}})
            return call('GetItem', {'TableName': os.environ['ORDERS'], 'Key': {'id': {'S': event['id']}}})
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: reader
      InlineCode: |
        def handler(event, context):
            for record in event['Records']:
                print('saw', record['dynamodb']['NewImage']['id']['S'], 'from', record['eventSourceARN'])
      Events:
        Changed:
          Type: DynamoDB
          Properties: { Stream: !GetAtt Changes.StreamArn, StartingPosition: TRIM_HORIZON }
Outputs:
  Arn: { Value: !GetAtt Orders.Arn }
";

/// What the function was told of items, as far as it was told.
fn saw(tule: &Tule) -> Vec<String> {
    let asked = json!({ "logGroupName": "/aws/lambda/reader", "filterPattern": "saw" });
    let found = tule.json("logs", "Logs_20140328.FilterLogEvents", &asked);
    let events = if found.status == 200 { found.value()["events"].take() } else { Value::Null };
    let messages = events.as_array().into_iter().flatten().filter_map(|event| event["message"].as_str());
    messages.map(|message| message.trim().to_owned()).collect()
}

fn write(folder: &Path, template: &str) {
    std::fs::write(folder.join("template.yaml"), template).unwrap();
}

/// What a deployment that is refused says.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(["up", folder.to_str().unwrap(), "--port", "0", "--executor", "process"]).args(arguments);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn tables_are_made_at_the_delegated_endpoint_and_found_again() {
    let (endpoint, asked) = dynamodb::serve();
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(folder.path(), TEMPLATE);
    let delegate = format!("dynamodb={endpoint}");
    let arguments =
        ["--executor", "process", "--data-dir", data.path().to_str().unwrap(), "--delegate", &delegate];
    let count = |operation: &str| asked.lock().unwrap().iter().filter(|(name, _)| name == operation).count();
    for round in ["first", "second"] {
        let tule = Tule::up(folder.path(), &arguments);
        // The stream was named as DynamoDB Local names it, which Lambda would not take.
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table";
        assert!(tule.said.contains(&format!("Arn  {arn}/orders")), "{}", tule.said);
        let answer = tule.invoke("writer", &json!({ "id": round })).unwrap();
        assert_eq!(answer, json!({ "Item": { "id": { "S": round } } }));
        let line = format!("saw {round} from {arn}/changes/stream/2026-01-01T00:00:00.000");
        wait_for("the change", || saw(&tule).contains(&line).then_some(()));
        tule.kill();
    }
    let first = asked.lock().unwrap().iter().find(|(name, _)| name == "CreateTable").unwrap().1.clone();
    let expected = json!({
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
        "TableName": "orders",
    });
    assert_eq!(first, expected);
    // Twice asked for, once made; what this endpoint does not know was left out.
    assert_eq!((count("CreateTable"), count("UpdateTimeToLive"), count("UpdateTable")), (4, 1, 0));
    assert_eq!((count("TagResource"), count("UpdateContinuousBackups")), (2, 2));
    // A process that finds no table to be made asks after a stream of before.
    let tule = Tule::start(&arguments);
    tule.invoke("writer", &json!({ "id": "third" })).unwrap();
    wait_for("the change", || saw(&tule).iter().any(|line| line.starts_with("saw third")).then_some(()));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), TEMPLATE);
    let said = refused(folder.path(), &[]);
    let sentence = "Resources.Changes: Tule has no DynamoDB of its own: name an endpoint that has, with --delegate dynamodb=URL";
    assert!(said.contains(sentence), "{said}");

    let (endpoint, _) = dynamodb::serve();
    let delegate = format!("dynamodb={endpoint}");
    let tule = Tule::up(folder.path(), &["--executor", "process", "--delegate", &delegate]);
    tule.kill();
    write(folder.path(), &TEMPLATE.replace("AttributeName: id", "AttributeName: sku"));
    let said = refused(folder.path(), &["--delegate", &delegate]);
    assert!(
        said.contains("Changes (AWS::DynamoDB::Table): the table changes is there already, with another key"),
        "{said}"
    );
}

#[test]
fn secrets_are_generated_once() {
    const SECRETS: &str = r#"
Resources:
  Given: { Type: AWS::SecretsManager::Secret, Properties: { Name: given, SecretString: one, Tags: [{ Key: a, Value: b }] } }
  Made:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: made
      GenerateSecretString:
        { SecretStringTemplate: '{"user": "me"}', GenerateStringKey: password, PasswordLength: "12", ExcludePunctuation: true }
Outputs:
  Made: { Value: !Ref Made }
"#;
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = ["--executor", "process", "--data-dir", data.path().to_str().unwrap()];
    let mut passwords = Vec::new();
    for given in ["one", "two"] {
        write(folder.path(), &SECRETS.replace("SecretString: one", &format!("SecretString: {given}")));
        let tule = Tule::up(folder.path(), &arguments);
        let value = |name: &str| {
            let answer =
                tule.json("secretsmanager", "secretsmanager.GetSecretValue", &json!({ "SecretId": name }));
            answer.value()["SecretString"].as_str().unwrap().to_owned()
        };
        assert_eq!(value("given"), given);
        let made: Value = serde_json::from_str(&value("made")).unwrap();
        assert_eq!(made["user"], "me");
        passwords.push(made["password"].as_str().unwrap().to_owned());
        assert!(tule.said.contains("secret:made-"), "{}", tule.said);
        tule.kill();
    }
    assert_eq!(passwords[0].len(), 12);
    assert_eq!(passwords[0], passwords[1]);
}

#[test]
fn a_definition_in_a_bucket_makes_a_state_machine() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = ["--executor", "process", "--data-dir", data.path().to_str().unwrap()];
    let tule = Tule::start(&arguments);
    let definition = "StartAt: Done\nStates:\n  Done: { Type: Pass, Result: \"${What}\", End: true }\n";
    let scope =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=h, Signature=0";
    for (path, body) in [("/definitions", ""), ("/definitions/machine.yaml", definition)] {
        let answer = tule.request("PUT", path, &[("authorization", scope)], body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    tule.kill();
    const TEMPLATE: &str = "
Resources:
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: from-bucket
      StateMachineType: EXPRESS
      RoleArn: arn:aws:iam::000000000000:role/r
      DefinitionS3Location: { Bucket: definitions, Key: machine.yaml }
      DefinitionSubstitutions: { What: given }
";
    for what in ["given", "other"] {
        write(folder.path(), &TEMPLATE.replace("given", what));
        let tule = Tule::up(folder.path(), &arguments);
        assert!(tule.said.contains("State machines\n  from-bucket"), "{}", tule.said);
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:from-bucket";
        let ended = tule.states("StartSyncExecution", &json!({ "stateMachineArn": arn }));
        assert_eq!(ended["output"], format!("\"{what}\""), "{ended}");
        tule.kill();
    }
    write(folder.path(), &TEMPLATE.replace("machine.yaml", "gone.yaml"));
    let said = refused(folder.path(), &["--data-dir", data.path().to_str().unwrap()]);
    assert!(said.contains("NoSuchKey"), "{said}");
}
