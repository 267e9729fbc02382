//! Integrations by subtype: an operation of a service, whose members parameters are mapped to.

use std::sync::{Arc, OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Response, StatusCode};
use runtime::{Body, Input, Scope};
use serde_json::{Map, Value, json};

use super::parameters::View;
use crate::{State, integrate::call_context};

/// An operation that an integration may name.
pub(crate) struct Subtype {
    name: &'static str,
    service: &'static str,
    operation: &'static str,
    pub required: &'static [&'static str],
    optional: &'static [&'static str],
}

macro_rules! subtype {
    ($name:literal, $service:literal, $operation:literal, $required:expr, $optional:expr) => {
        Subtype {
            name: $name,
            service: $service,
            operation: $operation,
            required: &$required,
            optional: &$optional,
        }
    };
}

const ALL: &[Subtype] = &[
    subtype!(
        "EventBridge-PutEvents",
        "events",
        "PutEvents",
        ["Detail", "DetailType", "Source"],
        ["EventBusName", "Region", "Resources", "Time", "TraceHeader"]
    ),
    subtype!(
        "Kinesis-PutRecord",
        "kinesis",
        "PutRecord",
        ["Data", "PartitionKey", "StreamName"],
        ["ExplicitHashKey", "Region", "SequenceNumberForOrdering"]
    ),
    subtype!(
        "SQS-SendMessage",
        "sqs",
        "SendMessage",
        ["MessageBody", "QueueUrl"],
        [
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
            "Region"
        ]
    ),
    subtype!(
        "SQS-ReceiveMessage",
        "sqs",
        "ReceiveMessage",
        ["QueueUrl"],
        [
            "AttributeNames",
            "MaxNumberOfMessages",
            "MessageAttributeNames",
            "ReceiveRequestAttemptId",
            "Region",
            "VisibilityTimeout",
            "WaitTimeSeconds"
        ]
    ),
    subtype!("SQS-DeleteMessage", "sqs", "DeleteMessage", ["QueueUrl", "ReceiptHandle"], ["Region"]),
    subtype!("SQS-PurgeQueue", "sqs", "PurgeQueue", ["QueueUrl"], ["Region"]),
    subtype!(
        "StepFunctions-StartExecution",
        "stepfunctions",
        "StartExecution",
        ["StateMachineArn"],
        ["Input", "Name", "Region"]
    ),
    subtype!(
        "StepFunctions-StartSyncExecution",
        "stepfunctions",
        "StartSyncExecution",
        ["StateMachineArn"],
        ["Input", "Name", "Region", "TraceHeader"]
    ),
    subtype!(
        "StepFunctions-StopExecution",
        "stepfunctions",
        "StopExecution",
        ["ExecutionArn"],
        ["Cause", "Error", "Region"]
    ),
];

/// The subtype of that name.
pub(crate) fn find(name: &str) -> Option<&'static Subtype> {
    ALL.iter().find(|subtype| subtype.name == name)
}

impl Subtype {
    /// Whether it has a parameter of that name.
    pub fn takes(&self, name: &str) -> bool {
        self.required.contains(&name) || self.optional.contains(&name)
    }

    /// Calls the operation; its answer, or its refusal, is the client's.
    pub(super) async fn call(
        &self,
        state: &State,
        parameters: &[(String, String)],
        view: &View<'_>,
        request_id: &OnceLock<Arc<str>>,
    ) -> Result<Response<Body>, String> {
        let mut members = Map::new();
        let mut region = view.stage.scope.region.to_string();
        for (name, source) in parameters {
            let Some(value) = view.resolve(source) else { continue };
            if name == "Region" {
                region = value;
            } else {
                members.insert(self.member(name), shaped(name, value));
            }
        }
        if self.operation == "PutEvents" {
            members = Map::from_iter([(String::from("Entries"), json!([members]))]);
        }
        let model = aws_model::service(self.service).ok_or("there is no such service")?;
        let operation = model.operation(self.operation).ok_or("there is no such operation")?;
        let scope = Scope::new(&view.stage.scope.account, &region);
        let ctx = call_context(state, &scope, &view.request.trace_id);
        let _ = request_id.set(Arc::clone(&ctx.request_id));
        let input = Input { members, body: Body::Empty };
        let encoded = match state.router.call(&ctx, self.service, self.operation, input).await {
            Ok(output) => {
                aws_wire::encode_output(model, operation, &output.members, output.status, &ctx.request_id)
            }
            Err(error) => aws_wire::encode_error(model, &error, &ctx.request_id),
        };
        let mut response = Response::new(Body::Bytes(encoded.body.unwrap_or_default()));
        *response.status_mut() = StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::BAD_GATEWAY);
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// The operation's own name for a parameter: some services begin theirs in small letters.
    fn member(&self, name: &str) -> String {
        if self.service == "stepfunctions" {
            let mut letters = name.chars();
            return letters.next().map(|it| it.to_ascii_lowercase()).into_iter().chain(letters).collect();
        }
        name.to_owned()
    }
}

/// A parameter's text as the member's type.
fn shaped(name: &str, value: String) -> Value {
    match name {
        "Data" => STANDARD.encode(value).into(),
        "DelaySeconds" | "MaxNumberOfMessages" | "VisibilityTimeout" | "WaitTimeSeconds" => {
            value.parse::<i64>().map_or_else(|_| value.into(), Value::from)
        }
        "AttributeNames"
        | "MessageAttributeNames"
        | "MessageAttributes"
        | "MessageSystemAttributes"
        | "Resources" => serde_json::from_str(&value).unwrap_or_else(|_| value.into()),
        _ => value.into(),
    }
}
