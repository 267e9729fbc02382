//! `DescribeLogStreams`.

use std::{cmp::Reverse, ops::Bound, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, flag, group, limit, text};
use crate::{error, group::Group, service::Inner, stream::LogStream};

const PAGE: usize = 50;

type Found = (Arc<str>, Arc<LogStream>);

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let prefix = text(&members, "logStreamNamePrefix");
    let by_time = text(&members, "orderBy") == Some("LastEventTime");
    if by_time && prefix.is_some() {
        return Err(error::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let (descending, token) = (flag(&members, "descending"), text(&members, "nextToken"));
    let size = limit(&members, PAGE);
    let mut found =
        if by_time { by_last_event(&group, descending, token, size) } else { by_name(&group, prefix, descending, token, size) };
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|(name, stream)| match by_time {
        true => format!("{}/{name}", stream.summary().last.unwrap_or(i64::MIN)),
        false => name.to_string(),
    });
    let arn = group.arn(&ctx.scope);
    let shown: Vec<_> = found.iter().map(|(name, stream)| describe(&arn, name, stream)).collect();
    Ok(Output::of(json!({"logStreams": shown, "nextToken": next})))
}

fn by_name(group: &Group, prefix: Option<&str>, descending: bool, token: Option<&str>, size: usize) -> Vec<Found> {
    let streams = group.streams();
    let of_prefix = |(name, _): &(&Arc<str>, &Arc<LogStream>)| prefix.is_none_or(|prefix| name.starts_with(prefix));
    let own = |(name, stream): (&Arc<str>, &Arc<LogStream>)| (Arc::clone(name), Arc::clone(stream));
    if descending {
        let to = token.map_or(Bound::Unbounded, Bound::Excluded);
        let from = prefix.map_or(Bound::Unbounded, Bound::Included);
        if let (Bound::Included(from), Bound::Excluded(to)) = (from, to)
            && from >= to
        {
            return Vec::new();
        }
        return streams.range::<str, _>((from, to)).rev().filter(of_prefix).take(size + 1).map(own).collect();
    }
    let from = match (token, prefix) {
        (Some(last), _) => Bound::Excluded(last),
        (None, Some(prefix)) => Bound::Included(prefix),
        (None, None) => Bound::Unbounded,
    };
    streams.range::<str, _>((from, Bound::Unbounded)).take_while(of_prefix).take(size + 1).map(own).collect()
}

/// The order changes with every event, so it is made anew for each page.
fn by_last_event(group: &Group, descending: bool, token: Option<&str>, size: usize) -> Vec<Found> {
    let mut all: Vec<(i64, Found)> = group
        .streams()
        .iter()
        .map(|(name, stream)| (stream.summary().last.unwrap_or(i64::MIN), (Arc::clone(name), Arc::clone(stream))))
        .collect();
    let after = token.and_then(|token| token.split_once('/')).and_then(|(last, name)| Some((last.parse::<i64>().ok()?, name)));
    if descending {
        all.sort_by_key(|(last, (name, _))| Reverse((*last, Arc::clone(name))));
        all.retain(|(last, (name, _))| after.is_none_or(|after| (*last, &**name) < after));
    } else {
        all.sort_by_key(|(last, (name, _))| (*last, Arc::clone(name)));
        all.retain(|(last, (name, _))| after.is_none_or(|after| (*last, &**name) > after));
    }
    all.into_iter().take(size + 1).map(|(_, found)| found).collect()
}

fn describe(arn: &str, name: &str, stream: &LogStream) -> Value {
    let summary = stream.summary();
    json!({
        "logStreamName": name,
        "creationTime": stream.created.millis(),
        "firstEventTimestamp": summary.first,
        "lastEventTimestamp": summary.last,
        "lastIngestionTime": summary.ingested,
        "uploadSequenceToken": format!("{:056}", summary.bytes),
        "arn": format!("{arn}:log-stream:{name}"),
        // AWS has answered 0 here since 2019.
        "storedBytes": 0,
    })
}
