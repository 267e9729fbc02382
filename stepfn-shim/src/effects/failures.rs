//! A service's error as a task's error: its name and its cause, in the words of AWS's SDKs for Java.

use aws_wire::ServiceError;
use runtime::CallContext;

use super::TaskFailure;

/// How the optimised integrations name a service: before an error's name, and in its cause.
const OPTIMISED: &[(&str, &str, &str)] = &[
    ("apigateway", "ApiGateway", "AmazonApiGateway"),
    ("batch", "Batch", "AWSBatch"),
    ("dynamodb", "DynamoDB", "AmazonDynamoDBv2"),
    ("ecs", "ECS", "AmazonECS"),
    ("events", "EventBridge", "AmazonEventBridge"),
    ("glue", "Glue", "AWSGlue"),
    ("lambda", "Lambda", "AWSLambda"),
    ("sns", "SNS", "AmazonSNS"),
    ("sqs", "SQS", "AmazonSQS"),
    ("states", "StepFunctions", "AWSStepFunctions"),
];

/// An error that no service gave, since there is none that answers: AWS's SDKs fail so where they reach no endpoint.
fn unreachable(prefix: &str, error: &ServiceError) -> Option<TaskFailure> {
    matches!(&*error.code, "NotImplemented" | "SdkClientException").then(|| TaskFailure {
        error: format!("{prefix}.SdkClientException"),
        cause: format!("Unable to execute HTTP request: {}", error.message),
    })
}

/// An error of a service that is called through an optimised integration.
pub(super) fn optimised(service: &str, ctx: &CallContext, error: &ServiceError) -> TaskFailure {
    let names = OPTIMISED.iter().find(|(name, ..)| *name == service);
    let (prefix, long) = names.map_or((service, service), |(_, prefix, long)| (*prefix, *long));
    if let Some(failure) = unreachable(prefix, error) {
        return failure;
    }
    let code = error_name(&error.code);
    // The first SDK has no class of its own for what the model does not name.
    let name = if error.code == "ValidationException" && service == "dynamodb" {
        format!("{prefix}.AmazonDynamoDBException")
    } else {
        format!("{prefix}.{code}")
    };
    let cause = format!(
        "{} (Service: {long}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
        error.message, error.status, error.code, ctx.request_id
    );
    TaskFailure { error: name, cause }
}

/// An error of a service that is called as `aws-sdk:NAME`.
pub(super) fn sdk(service: &str, ctx: &CallContext, error: &ServiceError) -> TaskFailure {
    let prefix = sdk_name(service);
    if let Some(failure) = unreachable(&prefix, error) {
        return failure;
    }
    let name = format!("{prefix}.{}", error_name(&error.code));
    let (message, status, id) = (&error.message, error.status, &ctx.request_id);
    let cause = if service == "s3" {
        format!(
            "{message} (Service: {prefix}, Status Code: {status}, Request ID: {id}, Extended Request ID: {id})"
        )
    } else {
        format!(
            "{message} (Service: {prefix}, Status Code: {status}, Request ID: {id}) (SDK Attempt Count: 1)"
        )
    };
    TaskFailure { error: name, cause }
}

/// The SDK's class for an error code.
fn error_name(code: &str) -> String {
    let code = code.rsplit('.').next().unwrap_or(code);
    if code.ends_with("Exception") { code.to_owned() } else { format!("{code}Exception") }
}

/// The second SDK's name for a service.
fn sdk_name(service: &str) -> String {
    match service {
        "dynamodb" => String::from("DynamoDb"),
        "cloudwatchlogs" => String::from("CloudWatchLogs"),
        "secretsmanager" => String::from("SecretsManager"),
        "eventbridge" => String::from("EventBridge"),
        "apigateway" => String::from("ApiGateway"),
        "apigatewayv2" => String::from("ApiGatewayV2"),
        "cloudformation" => String::from("CloudFormation"),
        other => {
            let mut characters = other.chars();
            characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
        }
    }
}

/// A parameter that the integration needs.
pub(super) fn missing_parameter(name: &str) -> TaskFailure {
    TaskFailure {
        error: String::from("States.Runtime"),
        cause: format!(
            "The Parameters could not be used to start the Task: [The field \"{name}\" is required but was missing]"
        ),
    }
}

/// The task of an activity, where only a worker could do it.
pub(super) fn no_worker(arn: &str) -> TaskFailure {
    TaskFailure {
        error: String::from("States.Runtime"),
        cause: format!("The task of the activity {arn} can only be done by a worker"),
    }
}

/// A pattern that Tule does not have for a service.
pub(super) fn no_sync(service: &str, action: &str) -> TaskFailure {
    TaskFailure {
        error: String::from("States.Runtime"),
        cause: format!("Tule does not implement waiting for the end of {service}:{action} (.sync)"),
    }
}
