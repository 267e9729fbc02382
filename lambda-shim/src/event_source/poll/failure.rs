//! Where batches of streams go that are given up: a queue, a topic, or a bucket, which gets the records, too.

use aws_wire::ServiceError;
use runtime::{Timestamp, new_request_id};
use serde_json::{Value, json};

use super::Job;
use crate::{
    event_source::{
        shard::{Batch, Condition},
        source::Source,
    },
    invoke::destination,
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
    let ctx = destination::context(&job.inner, destination, &job.mapping.function_arn());
    if destination::part(destination, 2) != "s3" {
        let text = record.to_string();
        return destination::to_queue_or_topic(&job.inner, &ctx, destination, &text, None).await;
    }
    let mut record = record;
    record["payload"] = batch.event(shard, &job.origin.arn).into();
    let key = destination::object_key(&format!("{}/{shard}", job.mapping.uuid), now);
    destination::to_bucket(&job.inner, &ctx, destination, &key, &record).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_a_fraction_where_there_is_one() {
        assert_eq!(instant(Timestamp(1_657_720_081_000)), "2022-07-13T13:48:01Z");
        assert_eq!(instant(Timestamp(1_573_691_885_021)), "2019-11-14T00:38:05.021Z");
    }
}
