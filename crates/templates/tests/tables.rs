//! Resources of services that other endpoints serve, and settings that have no effect here, as calls of the API.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, calls, plan, planned};
use templates::{Call, Follow};

fn operations(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.operation).collect()
}

#[test]
fn a_table_is_made_with_all_that_it_has() {
    let made = calls(
        r"
Resources:
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: a, AttributeType: S }, { AttributeName: 1, AttributeType: N }]
      KeySchema: [{ AttributeName: a, KeyType: HASH }]
      GlobalSecondaryIndexes:
        - IndexName: byOne
          KeySchema: [{ AttributeName: 1, KeyType: HASH }]
          Projection: { ProjectionType: ALL }
          ProvisionedThroughput: { ReadCapacityUnits: '1', WriteCapacityUnits: 2 }
      ProvisionedThroughput: { ReadCapacityUnits: '3', WriteCapacityUnits: 4 }
      SSESpecification: { SSEEnabled: 'true' }
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: 'true' }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: '3' }
      ContributorInsightsSpecification: { Enabled: true }
      KinesisStreamSpecification: { StreamArn: !GetAtt Changes.Arn }
      ResourcePolicy: { PolicyDocument: { Version: '2012-10-17' } }
      Tags: [{ Key: cost, Value: 7 }]
  Changes: { Type: AWS::Kinesis::Stream, Properties: { ShardCount: '2', RetentionPeriodHours: 48 } }
",
    );
    assert_eq!(
        operations(&made),
        [
            "CreateStream",
            "DescribeStreamSummary",
            "CreateTable",
            "DescribeTable",
            "DescribeTimeToLive",
            "UpdateContinuousBackups",
            "UpdateContributorInsights",
            "PutResourcePolicy",
            "DescribeKinesisStreamingDestination",
            "TagResource",
        ]
    );
    let create = call(&made, "CreateTable");
    let expected = json!({
        "TableName": "s-T",
        "AttributeDefinitions": [
            { "AttributeName": "a", "AttributeType": "S" }, { "AttributeName": "1", "AttributeType": "N" },
        ],
        "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [{
            "IndexName": "byOne", "KeySchema": [{ "AttributeName": "1", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "ALL" },
            "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 2 },
        }],
        "ProvisionedThroughput": { "ReadCapacityUnits": 3, "WriteCapacityUnits": 4 },
        "SSESpecification": { "Enabled": true },
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
    });
    assert_eq!(create.members, expected);
    let (code, instead) = &create.otherwise[0];
    assert_eq!((*code, instead[0].operation), ("ResourceInUseException", "DescribeTable"));
    assert_eq!(instead[0].then, Some(Follow::ChangeTable(expected)));
    assert_eq!(call(&made, "DescribeTable").until, Some(("/Table/TableStatus", "ACTIVE")));
    let wanted =
        json!({ "TableName": "s-T", "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": true } });
    let ask = call(&made, "DescribeTimeToLive");
    assert_eq!(ask.then, Some(Follow::ChangeTimeToLive(wanted.clone())));
    let disabled = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "DISABLED" } });
    let next = ask.following(&disabled).unwrap();
    assert_eq!((next[0].operation, &next[0].members), ("UpdateTimeToLive", &wanted));
    let specification = &call(&made, "UpdateContinuousBackups").members["PointInTimeRecoverySpecification"];
    assert_eq!(*specification, json!({ "PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 3 }));
    let insights = json!({ "ContributorInsightsAction": "ENABLE", "TableName": "s-T" });
    assert_eq!(call(&made, "UpdateContributorInsights").members, insights);
    let tags = json!({ "ResourceArn": { "$saved": "arn" }, "Tags": [{ "Key": "cost", "Value": "7" }] });
    assert_eq!(call(&made, "TagResource").members, tags);
    let ask = call(&made, "DescribeKinesisStreamingDestination");
    let there = |status: &str| {
        let goes = json!({ "StreamArn": "Changes.arn", "DestinationStatus": status });
        ask.following(&json!({ "KinesisDataStreamDestinations": [goes] })).unwrap()
    };
    assert!(there("ACTIVE").is_empty());
    let next = there("DISABLED");
    assert_eq!(next[0].members, json!({ "TableName": "s-T", "StreamArn": "Changes.arn" }));
}

#[test]
fn functions_hear_of_a_table_by_name_and_of_its_stream() {
    let made = calls(
        r"
Transform: AWS::Serverless-2016-10-31
Resources:
  T: { Type: AWS::Serverless::SimpleTable }
  Streamed:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: streamed, StreamSpecification: { StreamViewType: KEYS_ONLY } }
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Environment: { Variables: { TABLE: !Ref T, ARN: !GetAtt T.Arn } }
      Events: { S: { Type: DynamoDB, Properties: { Stream: !GetAtt Streamed.StreamArn, StartingPosition: LATEST } } }
",
    );
    let variables = &call(&made, "CreateFunction").members["Environment"]["Variables"];
    assert_eq!(*variables, json!({ "TABLE": "s-T", "ARN": "T.arn" }));
    assert_eq!(call(&made, "CreateEventSourceMapping").members["EventSourceArn"], "Streamed.stream");
    let key = json!([{ "AttributeName": "id", "KeyType": "HASH" }]);
    assert_eq!(call(&made, "CreateTable").members["KeySchema"], key);
    let without = "
Resources:
  T: { Type: AWS::DynamoDB::Table }
  L: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: !GetAtt T.StreamArn } }
";
    let refused = planned(without).unwrap_err();
    assert!(refused.contains("Tule has no attribute StreamArn of T"), "{refused}");
}

#[test]
fn a_service_that_nobody_serves_is_refused_with_what_to_do() {
    let refused =
        plan("Resources:\n  P: { Type: AWS::SSM::Parameter, Properties: { Odd: 1 } }\n").unwrap_err();
    let lines: Vec<&str> = refused.lines().collect();
    assert_eq!(
        lines,
        [
            "Resources.P: Tule has no Systems Manager of its own: name an endpoint that has, with --delegate ssm=URL",
            "Resources.P.Properties.Odd: Tule does not apply this property of AWS::SSM::Parameter yet",
        ]
    );
}

#[test]
fn secrets_are_given_or_generated() {
    let secret = |properties: &str| {
        planned(&format!(
            "Resources:\n  S: {{ Type: AWS::SecretsManager::Secret, Properties: {properties} }}\n"
        ))
    };
    let made = secret("{ SecretString: x, Description: d }").unwrap();
    let members = json!({ "SecretString": "x", "Description": "d", "Name": "s-S" });
    assert_eq!((operations(&made), &made[0].members), (vec!["CreateSecret"], &members));
    let made = secret("{ GenerateSecretString: { PasswordLength: '9' } }").unwrap();
    assert_eq!(operations(&made), ["GetRandomPassword", "CreateSecret"]);
    assert_eq!(made[0].members, json!({ "PasswordLength": 9 }));
    assert_eq!(made[1].members, json!({ "Name": "s-S", "SecretString": { "$saved": "password" } }));
    let (code, instead) = &made[1].otherwise[0];
    assert_eq!((*code, &instead[0].members), ("ResourceExistsException", &json!({ "SecretId": "s-S" })));
    for wrong in [
        "{ SecretString: x, GenerateSecretString: {} }",
        "{ GenerateSecretString: { GenerateStringKey: a } }",
        "{ GenerateSecretString: { GenerateStringKey: a, SecretStringTemplate: '[]' } }",
    ] {
        assert!(
            secret(wrong).unwrap_err().contains("Resources.S.Properties.GenerateSecretString"),
            "{wrong}"
        );
    }
}

#[test]
fn settings_of_buckets_act_or_are_told_or_are_refused() {
    let bucket = |properties: &str| {
        plan(&format!("Resources:\n  B: {{ Type: AWS::S3::Bucket, Properties: {properties} }}\n"))
    };
    let settings =
        "{ AccessControl: Private, BucketEncryption: {}, PublicAccessBlockConfiguration: {}, Tags: [] }";
    let told: Vec<String> = bucket(settings).unwrap().notices.into_iter().map(|it| it.place).collect();
    let place = |name: &str| format!("Resources.B.Properties.{name}");
    let names = ["AccessControl", "BucketEncryption", "PublicAccessBlockConfiguration", "Tags"];
    assert_eq!(told, names.map(place));
    assert!(bucket("{ VersioningConfiguration: { Status: Suspended } }").unwrap().notices.is_empty());
    for (name, value) in [
        ("VersioningConfiguration", "{ Status: Enabled }"),
        ("NotificationConfiguration", "{ EventBridgeConfiguration: {} }"),
        ("LifecycleConfiguration", "{ Rules: [] }"),
        ("CorsConfiguration", "{ CorsRules: [] }"),
        ("WebsiteConfiguration", "{}"),
    ] {
        let refused = bucket(&format!("{{ {name}: {value} }}")).unwrap_err();
        assert!(refused.contains(&place(name)), "{refused}");
    }
}

#[test]
fn policies_of_topics_are_kept() {
    let made = calls(
        "
Resources:
  Topic: { Type: AWS::SNS::Topic }
  Policy: { Type: AWS::SNS::TopicPolicy, Properties: { Topics: [!Ref Topic], PolicyDocument: { Version: '2012-10-17' } } }
",
    );
    let expected: Value = json!({
        "TopicArn": "Topic.arn", "AttributeName": "Policy", "AttributeValue": "{\"Version\":\"2012-10-17\"}",
    });
    assert_eq!(call(&made, "SetTopicAttributes").members, expected);
}

#[test]
fn a_definition_is_read_from_s3() {
    let made = calls(
        "
Resources:
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/r
      DefinitionS3Location: { Bucket: b, Key: k, Version: v }
      DefinitionSubstitutions: { Next: Done }
",
    );
    assert_eq!(operations(&made), ["GetObject", "DescribeStateMachine"]);
    assert_eq!(made[0].members, json!({ "Bucket": "b", "Key": "k", "VersionId": "v" }));
    let definition = |body: &str| -> Result<Value, String> {
        let next = made[0].following(&json!({ "Body": body }))?;
        let (code, instead) = &next[0].otherwise[0];
        assert_eq!((*code, instead[0].operation), ("StateMachineAlreadyExists", "UpdateStateMachine"));
        assert_eq!(instead[0].members["definition"], next[0].members["definition"]);
        Ok(serde_json::from_str(next[0].members["definition"].as_str().unwrap()).unwrap())
    };
    assert_eq!(definition("{\"StartAt\": \"${Next}\"}").unwrap(), json!({ "StartAt": "Done" }));
    assert_eq!(definition("StartAt: ${Next}\n").unwrap(), json!({ "StartAt": "Done" }));
    assert!(definition("a: [").unwrap_err().contains("the definition in S3"));
}
