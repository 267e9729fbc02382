//! The two kinds of streams, as one: shards, iterators, records.

use aws_wire::ServiceError;
use runtime::Timestamp;
use serde_json::{Value, json};

use super::Job;
use crate::event_source::{event, shard::Item, source::Source, table::Position};

/// The most pages that a list of shards may have.
const MOST_PAGES: usize = 100;

/// A shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShardInfo {
    pub(super) id: String,
    /// The shards that it goes on from.
    pub(super) parents: Vec<String>,
    /// Whether nothing more is written to it.
    pub(super) closed: bool,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// None: the shard has ended.
    pub(super) next: Option<String>,
}

/// The stream that an ARN names: a consumer's names its stream, too.
pub(super) fn stream_name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or_default()
}

fn shard_info(shard: &Value) -> Option<ShardInfo> {
    let id = shard["ShardId"].as_str()?.to_owned();
    let parents = ["ParentShardId", "AdjacentParentShardId"];
    let parents = parents.iter().filter_map(|name| shard[*name].as_str()).map(str::to_owned).collect();
    let closed = shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string();
    Some(ShardInfo { id, parents, closed })
}

/// All shards of the stream.
pub(super) async fn shards(job: &Job) -> Result<Vec<ShardInfo>, ServiceError> {
    let mut found = Vec::new();
    let mut after: Option<Value> = None;
    for _ in 0..MOST_PAGES {
        let (list, next) = if job.mapping.source == Source::Kinesis {
            let asked = match &after {
                // A token stands for the stream.
                Some(token) => json!({"NextToken": token}),
                None => json!({"StreamName": stream_name(&job.origin.arn)}),
            };
            let mut answer = job.call("kinesis", "ListShards", asked).await?;
            (answer["Shards"].take(), answer["NextToken"].take())
        } else {
            let mut asked = json!({"StreamArn": job.origin.arn});
            if let Some(last) = &after {
                asked["ExclusiveStartShardId"] = last.clone();
            }
            let mut answer = job.call("dynamodbstreams", "DescribeStream", asked).await?;
            let description = &mut answer["StreamDescription"];
            (description["Shards"].take(), description["LastEvaluatedShardId"].take())
        };
        found.extend(list.as_array().into_iter().flatten().filter_map(shard_info));
        if next.is_null() {
            break;
        }
        after = Some(next);
    }
    Ok(found)
}

/// An iterator that begins at a position.
pub(super) async fn iterator(job: &Job, shard: &str, position: &Position) -> Result<String, ServiceError> {
    let is_kinesis = job.mapping.source == Source::Kinesis;
    let mut asked = if is_kinesis {
        json!({"StreamName": stream_name(&job.origin.arn), "ShardId": shard})
    } else {
        json!({"StreamArn": job.origin.arn, "ShardId": shard})
    };
    match position {
        Position::Latest => asked["ShardIteratorType"] = "LATEST".into(),
        Position::Since(at) if is_kinesis => {
            asked["ShardIteratorType"] = "AT_TIMESTAMP".into();
            asked["Timestamp"] = at.epoch_seconds().into();
        }
        // Streams of DynamoDB cannot be asked for a moment: older records are left out as they come.
        Position::Horizon | Position::Since(_) | Position::End => {
            asked["ShardIteratorType"] = "TRIM_HORIZON".into();
        }
        Position::After(sequence) => {
            asked["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            let name = if is_kinesis { "StartingSequenceNumber" } else { "SequenceNumber" };
            asked[name] = sequence.as_str().into();
        }
    }
    let service = if is_kinesis { "kinesis" } else { "dynamodbstreams" };
    let answer = job.call(service, "GetShardIterator", asked).await?;
    let iterator = answer["ShardIterator"].as_str().map(str::to_owned);
    iterator.ok_or_else(|| ServiceError::internal(format!("the shard {shard} has no iterator")))
}

/// What comes next. Records from before `since` are left out.
pub(super) async fn records(
    job: &Job,
    shard: &str,
    iterator: &str,
    since: Option<Timestamp>,
) -> Result<Page, ServiceError> {
    let is_kinesis = job.mapping.source == Source::Kinesis;
    let service = if is_kinesis { "kinesis" } else { "dynamodbstreams" };
    let mut answer =
        job.call(service, "GetRecords", json!({"ShardIterator": iterator, "Limit": 1000})).await?;
    let next = answer["NextShardIterator"].as_str().map(str::to_owned);
    let list = answer["Records"].take();
    let read = |record: &Value| {
        if is_kinesis { kinesis_item(job, shard, record) } else { dynamodb_item(job, record) }
    };
    let mut items: Vec<Item> = list.as_array().into_iter().flatten().map(read).collect();
    if let Some(since) = since {
        // Their moments are whole seconds.
        let since = Timestamp(since.millis().div_euclid(1000) * 1000);
        items.iter_mut().filter(|item| item.arrived < since).for_each(|item| item.taken = false);
    }
    Ok(Page { items, next })
}

fn kinesis_item(job: &Job, shard: &str, given: &Value) -> Item {
    let record = event::kinesis(given, shard, &job.origin);
    let filters = &job.settings.filters;
    let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
    Item {
        sequence: text("SequenceNumber"),
        arrived: event::moment(&given["ApproximateArrivalTimestamp"])
            .unwrap_or_else(|| job.inner.clock.now()),
        key: text("PartitionKey"),
        taken: filters.is_empty() || filters.take(&event::filtered_kinesis(&record)),
        event: record.to_string(),
    }
}

fn dynamodb_item(job: &Job, given: &Value) -> Item {
    let record = event::dynamodb(given, &job.origin);
    let inner = &given["dynamodb"];
    let created = event::moment(&inner["ApproximateCreationDateTime"]);
    Item {
        sequence: inner["SequenceNumber"].as_str().unwrap_or_default().to_owned(),
        arrived: created.unwrap_or_else(|| job.inner.clock.now()),
        key: inner["Keys"].to_string(),
        taken: job.settings.filters.take(&record),
        event: record.to_string(),
    }
}
