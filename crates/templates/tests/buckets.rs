//! Notifications of buckets: CloudFormation's property and SAM's S3 events.

mod support;

use serde_json::json;
use support::{call, calls, function, planned, refused, resources, sam};

#[test]
fn a_bucket_s_configuration_is_put_behind_it() {
    let text = "Resources:
  B:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: pictures
      NotificationConfiguration:
        LambdaConfigurations:
          - Event: s3:ObjectCreated:*
            Function: !Sub 'arn:aws:lambda:${AWS::Region}:000000000000:function:f'
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}]}}
        QueueConfigurations: [{Event: 's3:ObjectRemoved:*', Queue: !GetAtt Q.Arn}]
        TopicConfigurations: [{Event: 's3:ObjectCreated:Put', Topic: !Ref T}]
  Q: {Type: AWS::SQS::Queue}
  T: {Type: AWS::SNS::Topic}
";
    let made = calls(text);
    let put = call(&made, "PutBucketNotificationConfiguration");
    let configuration = json!({
        "LambdaFunctionConfigurations": [{
            "Events": ["s3:ObjectCreated:*"], "LambdaFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
        }],
        "QueueConfigurations": [{"Events": ["s3:ObjectRemoved:*"], "QueueArn": put.members["NotificationConfiguration"]["QueueConfigurations"][0]["QueueArn"]}],
        "TopicConfigurations": [{"Events": ["s3:ObjectCreated:Put"], "TopicArn": "T.arn"}],
    });
    assert_eq!(put.members, json!({"Bucket": "pictures", "NotificationConfiguration": configuration}));
    let at = |operation: &str| made.iter().position(|call| call.operation == operation).unwrap();
    assert!(at("CreateQueue") < at("CreateBucket"));
    assert!(at("CreateBucket") < at("PutBucketNotificationConfiguration"));
    let bucket = |rest: &str| {
        format!(
            "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      NotificationConfiguration: {rest}\n"
        )
    };
    let place = "Resources.B.Properties.NotificationConfiguration";
    refused(
        &bucket("{EventBridgeConfiguration: {EventBridgeEnabled: true}}"),
        &format!("{place}.EventBridgeConfiguration"),
    );
    refused(
        &bucket("{QueueConfigurations: [{Event: e, Queue: q, Odd: 1}]}"),
        &format!("{place}.QueueConfigurations.0.Odd"),
    );
    refused(
        &bucket("{LambdaConfigurations: {Event: e, Function: f}}"),
        &format!("{place}.LambdaConfigurations"),
    );
    refused(
        &bucket("{QueueConfigurations: [{Event: e, Queue: q, Filter: {S3Key: {Rule: []}}}]}"),
        &format!("{place}.QueueConfigurations.0.Filter.S3Key.Rule"),
    );
}

#[test]
fn a_bucket_without_one_loses_what_it_had() {
    let made = calls("Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: pictures}}\n");
    let put = call(&made, "PutBucketNotificationConfiguration");
    assert_eq!(put.members, json!({"Bucket": "pictures", "NotificationConfiguration": {}}));
}

#[test]
fn events_of_buckets_become_their_configuration() {
    let events = "Events:
        Created:
          Type: S3
          Properties:
            Bucket: !Ref Images
            Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*']
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .png}]}}";
    let text = sam(&format!(
        "{}  Images: {{Type: AWS::S3::Bucket, DependsOn: Other}}\n  Other: {{Type: AWS::SQS::Queue}}\n",
        function(events)
    ));
    let made = resources(&text).unwrap();
    let configuration = |event: &str| {
        json!({
            "Function": {"Fn::GetAtt": ["F", "Arn"]}, "Event": event,
            "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".png"}]}},
        })
    };
    let list = json!([configuration("s3:ObjectCreated:*"), configuration("s3:ObjectRemoved:*")]);
    assert_eq!(
        made["Images"],
        json!({
            "Type": "AWS::S3::Bucket", "DependsOn": ["FCreatedPermission", "Other"],
            "Properties": {"NotificationConfiguration": {"LambdaConfigurations": list}},
        })
    );
    let permission = json!({
        "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "F"}, "Principal": "s3.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
    });
    assert_eq!(made["FCreatedPermission"]["Properties"], permission);
    let planned = planned(&text).unwrap();
    let at = |operation: &str| planned.iter().position(|call| call.operation == operation).unwrap();
    assert!(at("AddPermission") < at("PutBucketNotificationConfiguration"));
}

#[test]
fn events_of_buckets_elsewhere_are_refused() {
    let place = "Resources.F.Properties.Events.E.Properties";
    for (bucket, place) in [
        ("Bucket: elsewhere, Events: 's3:ObjectCreated:*'", place.to_owned()),
        ("Bucket: !Ref Nowhere, Events: 's3:ObjectCreated:*'", place.to_owned()),
        ("Bucket: !Ref F, Events: 's3:ObjectCreated:*'", place.to_owned()),
        ("Bucket: !Ref B", place.to_owned()),
        ("Bucket: !Ref B, Events: x, Odd: 1", format!("{place}.Odd")),
    ] {
        let events = format!("Events: {{E: {{Type: S3, Properties: {{{bucket}}}}}}}");
        let text = sam(&format!("{}  B: {{Type: AWS::S3::Bucket}}\n", function(&events)));
        refused(&text, &place);
    }
}
