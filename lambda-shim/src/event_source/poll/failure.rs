//! Where batches of streams go that are given up: a queue, a topic, or a bucket, which gets the records, too.

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{Body, CallContext, Input, Scope, Timestamp, new_request_id};
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::Job;
use crate::{
    error,
    event_source::{
        shard::{Batch, Condition},
        source::Source,
    },
    invoke::destination::router_call,
};

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// Tells the destination. One that cannot be reached is a line in the log.
pub(super) async fn tell(job: &Job, shard: &str, batch: &Batch, condition: Condition) {
    // The end of a window has no records that could be lost.
    let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) else { return };
    let (function, from, to) = (&job.mapping.function, &first.item.sequence, &last.item.sequence);
    let Some(destination) = &job.settings.on_failure else {
        return tracing::warn!(function, shard, from, to, ?condition, "a batch was given up");
    };
    let now = job.inner.clock.now();
    let info = Info {
        kind: job.mapping.source,
        function_arn: job.mapping.function_arn(),
        stream_arn: &job.origin.arn,
        shard,
    };
    let record = info.record(batch, condition, now);
    if let Err(refusal) = deliver(job, destination, shard, batch, record, now).await {
        tracing::warn!(destination, function, shard, from, to, %refusal, "a batch was given up, and its destination could not be told");
    }
}

/// What a record says of the place it is about.
struct Info<'a> {
    kind: Source,
    function_arn: String,
    stream_arn: &'a str,
    shard: &'a str,
}

impl Info<'_> {
    fn record(&self, batch: &Batch, condition: Condition, now: Timestamp) -> Value {
        let request_id =
            batch.ran.as_ref().map_or_else(|| new_request_id().to_string(), |ran| ran.request_id.clone());
        let mut record = json!({
            "requestContext": {
                "requestId": request_id,
                "functionArn": self.function_arn,
                "condition": condition.name(),
                "approximateInvokeCount": batch.invokes,
            },
            "version": "1.0",
            "timestamp": now.rfc3339(),
        });
        if let Some(ran) = &batch.ran {
            record["responseContext"] = json!({"statusCode": 200, "executedVersion": ran.version, "functionError": ran.function_error});
        }
        if let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) {
            let name = if self.kind == Source::Kinesis { "KinesisBatchInfo" } else { "DDBStreamBatchInfo" };
            record[name] = json!({
                "shardId": self.shard,
                "startSequenceNumber": first.item.sequence,
                "endSequenceNumber": last.item.sequence,
                "approximateArrivalOfFirstRecord": instant(first.item.arrived),
                "approximateArrivalOfLastRecord": instant(last.item.arrived),
                "batchSize": batch.items.len(),
                "streamArn": self.stream_arn,
            });
        }
        record
    }
}

/// A moment as AWS writes it here: without a fraction where there is none.
fn instant(at: Timestamp) -> String {
    at.rfc3339().replace(".000Z", "Z")
}

async fn deliver(
    job: &Job,
    destination: &str,
    shard: &str,
    batch: &Batch,
    record: Value,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let part = |at: usize| destination.splitn(6, ':').nth(at).unwrap_or_default();
    let own = job.mapping.scope();
    let or = |part: &str, own: &str| if part.is_empty() { own.to_owned() } else { part.to_owned() };
    let scope = Scope::new(&or(part(4), &own.account), &or(part(3), &own.region));
    let ctx = CallContext::internal(scope, Arc::clone(&job.inner.endpoint));
    match part(2) {
        "sqs" => {
            let queue =
                router_call(&job.inner, &ctx, "sqs", "GetQueueUrl", json!({"QueueName": part(5)})).await?;
            let message = json!({"QueueUrl": queue["QueueUrl"], "MessageBody": record.to_string()});
            router_call(&job.inner, &ctx, "sqs", "SendMessage", message).await.map(drop)
        }
        "sns" => {
            let message = json!({"TopicArn": destination, "Message": record.to_string()});
            router_call(&job.inner, &ctx, "sns", "Publish", message).await.map(drop)
        }
        "s3" => {
            let mut record = record;
            record["payload"] = batch.event(shard, &job.origin.arn).into();
            let mut members = Map::new();
            members.insert("Bucket".to_owned(), part(5).into());
            members.insert("Key".to_owned(), object_key(&job.mapping.uuid, shard, now).into());
            members.insert("ContentType".to_owned(), "application/json".into());
            let body = Body::Bytes(Bytes::from(record.to_string()));
            job.inner.router.call(&ctx, "s3", "PutObject", Input { members, body }).await.map(drop)
        }
        service => Err(error::unsupported(&format!("destinations of {service}"))),
    }
}

/// `aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-RANDOM`.
fn object_key(uuid: &str, shard: &str, now: Timestamp) -> String {
    let shown = now.rfc3339();
    let (day, time) = (&shown[..10], shown[11..19].replace(':', "."));
    format!("aws/lambda/{uuid}/{shard}/{}/{day}T{time}-{}", day.replace('-', "/"), uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_aws_names_them() {
        let key = object_key("u", "shardId-000000000000", Timestamp(1_700_000_000_120));
        assert!(
            key.starts_with("aws/lambda/u/shardId-000000000000/2023/11/14/2023-11-14T22.13.20-"),
            "{key}"
        );
        assert_eq!(instant(Timestamp(1_657_720_081_000)), "2022-07-13T13:48:01Z");
        assert_eq!(instant(Timestamp(1_573_691_885_021)), "2019-11-14T00:38:05.021Z");
    }
}
