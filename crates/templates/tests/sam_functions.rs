//! Functions and state machines of SAM templates: the resources they become beside themselves, and the calls for those.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, calls, planned, resources};

/// A template with one function of these properties.
fn function(properties: &str) -> String {
    let function = support::function(properties.trim_start());
    format!("{}Outputs: {{ Alias: {{ Value: !Ref F.Alias }} }}\n", support::sam(&function))
}

#[test]
fn an_alias_shows_the_newest_version_and_events_lead_to_it() {
    let text = function(
        "      AutoPublishAlias: live-1
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: '2' }
      FunctionUrlConfig: { AuthType: NONE, InvokeMode: RESPONSE_STREAM }
      Events:
        Get: { Type: Api, Properties: { Path: /, Method: get } }
        Tick: { Type: Schedule, Properties: { Schedule: rate(1 day), Enabled: false } }",
    );
    let made = resources(&text).unwrap();
    let version = made.iter().find(|(_, it)| it["Type"] == "AWS::Lambda::Version").unwrap();
    assert_eq!((version.0.len(), &version.1["DeletionPolicy"]), ("FVersion".len() + 10, &json!("Retain")));
    let alias = &made["FAliasliveD1"]["Properties"];
    assert_eq!(alias["FunctionVersion"], json!({"Fn::GetAtt": [version.0, "Version"]}));
    let uri = made["ServerlessRestApi"]
        .pointer("/Properties/Body/paths/~1/get/x-amazon-apigateway-integration/uri/Fn::Sub");
    assert!(uri.unwrap().as_str().unwrap().ends_with("/functions/${FAliasliveD1}/invocations"), "{uri:?}");
    assert_eq!(made["FGetPermissionProd"]["Properties"]["FunctionName"], json!({"Ref": "FAliasliveD1"}));
    let rule = &made["FTick"]["Properties"];
    assert_eq!(
        (&rule["State"], &rule["Targets"][0]["Arn"]),
        (&json!("DISABLED"), &json!({"Ref": "FAliasliveD1"}))
    );
    assert_eq!(rule["Targets"][0]["Id"], "FTickLambdaTarget");

    let made = calls(&text);
    let of = |operation: &str| call(&made, operation).members.clone();
    assert_eq!(of("CreateAlias")["FunctionVersion"], format!("{}.version", version.0));
    assert_eq!(of("PutProvisionedConcurrencyConfig")["ProvisionedConcurrentExecutions"], 2);
    assert_eq!(of("CreateFunctionUrlConfig")["InvokeMode"], "RESPONSE_STREAM");
    let public = made.iter().filter(|call| call.members["Principal"] == "*").count();
    assert_eq!(public, 2, "for the URL, and for what comes through it");
    assert_eq!(of("PutTargets")["Rule"], "s-FTick");
}

#[test]
fn permissions_are_of_the_alias_that_their_function_is() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let text = |function: &str| {
        format!(
            "Resources:\n  P:\n    Type: AWS::Lambda::Permission\n    Properties: {{ Action: lambda:InvokeFunction, \
             Principal: '*', FunctionName: '{function}' }}\n"
        )
    };
    let of = |function: &str| call(&calls(&text(function)), "AddPermission").members.clone();
    let with = of(&format!("{arn}:live"));
    assert_eq!((&with["FunctionName"], &with["Qualifier"]), (&json!(arn), &json!("live")));
    assert_eq!((&of(arn)["FunctionName"], &of(arn)["Qualifier"]), (&json!(arn), &Value::Null));
    assert_eq!((&of("f:1")["FunctionName"], &of("f:1")["Qualifier"]), (&json!("f"), &json!("1")));
}

#[test]
fn a_role_has_what_its_function_needs() {
    let made = resources(&function(
        "      Tracing: Active
      VpcConfig: { SubnetIds: [a] }
      DeadLetterQueue: { Type: SNS, TargetArn: 'arn:aws:sns:us-east-1:000000000000:t' }
      Tags: { Team: a }
      Policies: [AWSLambdaRole, { DynamoDBCrudPolicy: { TableName: t } }, { Statement: [] }]
      EventInvokeConfig: { DestinationConfig: { OnFailure: { Type: SQS } } }
      Events: { Q: { Type: SQS, Properties: { Queue: 'arn:aws:sqs:us-east-1:000000000000:q' } } }",
    ))
    .unwrap();
    let role = &made["FRole"]["Properties"];
    let arns: Vec<&str> =
        role["ManagedPolicyArns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let names: Vec<&str> = arns.iter().map(|arn| arn.rsplit('/').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "AWSLambdaBasicExecutionRole",
            "AWSXrayWriteOnlyAccess",
            "AWSLambdaVPCAccessExecutionRole",
            "AWSLambdaRole",
            "AWSLambdaSQSQueueExecutionRole",
        ]
    );
    let policies: Vec<&Value> =
        role["Policies"].as_array().unwrap().iter().map(|it| &it["PolicyName"]).collect();
    assert_eq!(
        policies,
        ["DeadLetterQueuePolicy", "FEventInvokeConfigOnFailureSQSPolicy", "FRolePolicy1", "FRolePolicy2"]
    );
    assert_eq!(role["Tags"][0], json!({"Key": "lambda:createdBy", "Value": "SAM"}));
    let queue = json!({"Fn::GetAtt": ["FEventInvokeConfigOnFailureQueue", "Arn"]});
    let config = &made["FEventInvokeConfig"]["Properties"];
    assert_eq!(config["DestinationConfig"]["OnFailure"]["Destination"], queue);
}

#[test]
fn settings_that_have_calls_of_their_own_are_made_behind_the_function() {
    let made = calls(&function(
        "      ReservedConcurrentExecutions: '5'
      RecursiveLoop: Allow
      KmsKeyArn: k
      TenancyConfig: { TenantIsolationMode: PER_TENANT }
      RuntimeManagementConfig: { UpdateRuntimeOn: Manual, RuntimeVersionArn: a }
      CodeSigningConfigArn: c",
    ));
    let operations: Vec<&str> =
        made.iter().map(|call| call.operation).skip_while(|it| *it != "CreateFunction").collect();
    let behind = ["PutFunctionConcurrency", "PutFunctionRecursionConfig", "PutRuntimeManagementConfig"];
    assert_eq!(operations[1..], behind);
    let create = call(&made, "CreateFunction");
    assert_eq!(
        (&create.members["KMSKeyArn"], &create.members["CodeSigningConfigArn"]),
        (&json!("k"), &json!("c"))
    );
    let again: Vec<&str> = create.otherwise[0].1.iter().map(|call| call.operation).collect();
    assert_eq!(again, ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PutFunctionCodeSigningConfig"]);
    let update = &create.otherwise[0].1[1].members;
    assert_eq!((&update["KMSKeyArn"], &update["TenancyConfig"]), (&json!("k"), &Value::Null));

    let refused =
        planned(&function("      FileSystemConfigs: [{ Arn: a, LocalMountPath: /mnt/a }]")).unwrap_err();
    assert!(refused.contains("Resources.F.Properties.FileSystemConfigs"), "{refused}");
    let refused = planned(&function("      DeploymentPreference: { Type: AllAtOnce }")).unwrap_err();
    assert!(refused.contains("DeploymentPreference"), "{refused}");
}

#[test]
fn a_layer_changes_its_id_with_what_it_is() {
    let of = |content: &str| {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  L: {{ Type: AWS::Serverless::LayerVersion, Properties: {{ ContentUri: {content} }} }}
  F:
    Type: AWS::Serverless::Function
    Properties: {{ Runtime: python3.12, Handler: a.b, InlineCode: x, Layers: [!Ref L] }}
"
        );
        (resources(&text).unwrap(), text)
    };
    let (one, text) = of("a");
    let (other, _) = of("b");
    let id = |made: &serde_json::Map<String, Value>| {
        made["F"]["Properties"]["Layers"][0]["Ref"].as_str().unwrap().to_owned()
    };
    assert_ne!(id(&one), id(&other));
    assert_eq!(one[&id(&one)]["Properties"]["LayerName"], "L");
    let made = calls(&text);
    let layer = call(&made, "PublishLayerVersion");
    assert!(matches!(&layer.code, Some(templates::Code::Archive { path }) if path == "a"), "{layer:?}");
    assert_eq!(call(&made, "CreateFunction").members["Layers"], json!([format!("{}.reference", id(&one))]));
}

#[test]
fn a_state_machine_is_started_in_a_role_of_the_event_s_own() {
    let made = resources(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      AutoPublishAlias: live
      UseAliasAsEventTarget: true
      Definition: { StartAt: A, States: { A: { Type: Task, Resource: !GetAtt F.Arn, End: true } } }
      Events:
        Start: { Type: Api, Properties: { Path: /start, Method: post, UnescapeMappingTemplate: true } }
        Seen: { Type: EventBridgeRule, Properties: { Pattern: { source: [s] }, InputPath: $.detail } }
  F: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: a.b, InlineCode: x } }
",
    )
    .unwrap();
    let machine = &made["M"]["Properties"];
    assert_eq!(
        machine["DefinitionSubstitutions"],
        json!({"definition_substitution_1": {"Fn::GetAtt": ["F", "Arn"]}})
    );
    let alias = json!({"Ref": "MAliaslive"});
    assert_eq!(made["MSeen"]["Properties"]["Targets"][0]["Arn"], alias);
    assert_eq!(
        made["MSeenRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"],
        alias
    );
    let integration = "/Properties/Body/paths/~1start/post/x-amazon-apigateway-integration";
    let integration = made["ServerlessRestApi"].pointer(integration).unwrap();
    assert_eq!(integration["credentials"], json!({"Fn::GetAtt": ["MStartRole", "Arn"]}));
    let template = integration["requestTemplates"]["application/json"]["Fn::Sub"].as_str().unwrap();
    assert!(template.contains("replaceAll") && template.contains("${MAliaslive}"), "{template}");
}

#[test]
fn queues_that_keep_their_order_are_named_so() {
    let text = "Resources:
  Q: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true, FifoThroughputLimit: perQueue } }
  R: { Type: AWS::SQS::Queue, Properties: { FifoQueue: false } }
  P: { Type: AWS::SQS::QueuePolicy, Properties: { Queues: [!Ref Q], PolicyDocument: { Statement: [] } } }
  T: { Type: AWS::SNS::Topic, Properties: { FifoTopic: true, Subscription: [{ Protocol: sqs, Endpoint: !GetAtt Q.Arn }] } }
";
    let made = calls(text);
    let queue = &call(&made, "CreateQueue").members;
    assert_eq!(queue["QueueName"], "s-Q.fifo");
    assert_eq!(queue["Attributes"], json!({"FifoQueue": "true", "FifoThroughputLimit": "perQueue"}));
    assert_eq!(
        call(&made, "SetQueueAttributes").members["Attributes"],
        json!({"Policy": "{\"Statement\":[]}"})
    );
    assert_eq!(call(&made, "CreateTopic").members["Name"], "s-T.fifo");
    assert_eq!(call(&made, "Subscribe").members["Endpoint"], "arn:aws:sqs:us-east-1:000000000000:s-Q.fifo");
    let plain = made.iter().filter(|call| call.operation == "CreateQueue").nth(1).unwrap();
    assert_eq!((&plain.members["QueueName"], &plain.members["Attributes"]), (&json!("s-R"), &json!({})));
}

#[test]
fn a_simple_table_is_a_table_with_one_key() {
    let text = "Transform: AWS::Serverless-2016-10-31
Resources:
  T: { Type: AWS::Serverless::SimpleTable, Properties: { PrimaryKey: { Name: n, Type: Number }, TableName: t } }
";
    let made = resources(text).unwrap();
    assert_eq!(
        made["T"]["Properties"],
        json!({"TableName": "t", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
               "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}]})
    );
    assert!(resources(&text.replace("Number", "Odd")).unwrap_err().contains("T.Properties.PrimaryKey"));
    let made = planned(text).unwrap();
    let key = json!([{"AttributeName": "n", "KeyType": "HASH"}]);
    assert_eq!(call(&made, "CreateTable").members["KeySchema"], key);
}
