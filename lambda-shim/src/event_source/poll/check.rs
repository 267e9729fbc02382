//! What is asked of a source before a mapping is kept.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use serde_json::json;

use super::{Job, problem};
use crate::{
    error,
    event_source::{record::Mapping, source::Source},
    service::Inner,
};

/// How long a source is waited for (host time): a delegated endpoint may hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks that the source is there and suits the function. Gives what is wrong where the source cannot be reached at
/// all: the mapping is kept then, and says so.
pub(crate) async fn check_source(
    inner: &Arc<Inner>,
    mapping: &Mapping,
) -> Result<Option<String>, ServiceError> {
    let job = Job::new(inner, &Arc::new(mapping.clone()), &Arc::default());
    let asked = tokio::time::timeout(PATIENCE, ask(&job)).await;
    let asked = asked.unwrap_or_else(|_| {
        let seconds = PATIENCE.as_secs();
        let text = format!("the source has not answered within {seconds} seconds");
        Err(ServiceError::new("ServiceUnavailable", 503, text))
    });
    match asked {
        Ok(()) => Ok(None),
        Err(refusal) if is_unreachable(&refusal) => Ok(Some(problem(&refusal))),
        Err(refusal) if refusal.code == "InvalidParameterValueException" => Err(refusal),
        Err(refusal) if mapping.source.is_queue() => {
            let code = match &*refusal.code {
                "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
                other => other,
            };
            Err(error::invalid_parameter(format!(
                "Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {}",
                refusal.message
            )))
        }
        Err(refusal) => Err(error::invalid_parameter(format!(
            "Received Exception while reading from provided stream. {}",
            refusal.message
        ))),
    }
}

async fn ask(job: &Job) -> Result<(), ServiceError> {
    match job.mapping.source {
        Source::Queue | Source::FifoQueue => check_queue(job).await,
        Source::Kinesis => {
            let name = super::reader::stream_name(&job.origin.arn);
            job.call("kinesis", "ListShards", json!({"StreamName": name})).await.map(drop)
        }
        Source::DynamoDb => {
            let stream = json!({"StreamArn": job.origin.arn, "Limit": 1});
            job.call("dynamodbstreams", "DescribeStream", stream).await.map(drop)
        }
        Source::ManagedKafka | Source::SelfManagedKafka | Source::Broker | Source::DocumentDb => Ok(()),
    }
}

/// Whether nobody answered who knows of the source.
fn is_unreachable(refusal: &ServiceError) -> bool {
    refusal.status >= 500 || matches!(&*refusal.code, "NotImplemented" | "SdkClientException")
}

/// A queue must hide its messages for as long as the function may take.
async fn check_queue(job: &Job) -> Result<(), ServiceError> {
    let url = super::queue::url(job).await?;
    let asked = json!({"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]});
    let answer = job.call("sqs", "GetQueueAttributes", asked).await?;
    let hidden: Option<u64> =
        answer["Attributes"]["VisibilityTimeout"].as_str().and_then(|seconds| seconds.parse().ok());
    let entry = job.inner.table.get(&job.mapping.scope(), &job.mapping.function);
    let function = entry.map(|entry| entry.function());
    let configuration =
        function.as_ref().and_then(|function| function.qualified(job.mapping.qualifier.as_deref()));
    let timeout = configuration.map(|configuration| u64::from(configuration.timeout));
    match (hidden, timeout) {
        (Some(hidden), Some(timeout)) if hidden < timeout => Err(error::invalid_parameter(format!(
            "Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
        ))),
        _ => Ok(()),
    }
}
