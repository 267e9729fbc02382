//! Events that are read from queues and streams, as calls of the API.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, planned};

fn template(event: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      FunctionName: worker
      Events:
        Source:
{event}"
    )
}

/// The members of the call that makes the mapping, or what is refused.
fn create(event: &str) -> Result<Value, String> {
    let made = planned(&template(event))?;
    Ok(call(&made, "CreateEventSourceMapping").members.clone())
}

#[test]
fn events_of_streams_are_mappings() {
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    let event = format!(
        "          Type: Kinesis
          Properties:
            Stream: {arn}
            StartingPosition: TRIM_HORIZON
            BatchSize: \"7\"
            BisectBatchOnFunctionError: true
            DestinationConfig:
              OnFailure: {{ Type: SQS, Destination: 'arn:aws:sqs:us-east-1:000000000000:failed' }}
"
    );
    assert_eq!(
        create(&event).unwrap(),
        json!({
            "FunctionName": "worker", "EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "BatchSize": 7,
            "BisectBatchOnFunctionError": true,
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}},
        })
    );
}

#[test]
fn what_does_not_go_with_an_event_is_refused_by_name() {
    let queue = "          Type: SQS
          Properties: { Queue: 'arn:aws:sqs:us-east-1:000000000000:q', StartingPosition: LATEST }
";
    let refused = create(queue).unwrap_err();
    assert!(refused.contains("Events.Source.Properties.StartingPosition"), "{refused}");
    let refused = create("          Type: DynamoDB\n").unwrap_err();
    assert!(refused.contains("an event of type DynamoDB has a Stream"), "{refused}");
    let refused = create("          Type: Schedule\n").unwrap_err();
    assert!(refused.contains("Missing required property 'Schedule'"), "{refused}");
    let refused = create("          Type: AlexaSkill\n").unwrap_err();
    assert!(refused.contains("Tule does not connect events of type AlexaSkill yet"), "{refused}");
}
