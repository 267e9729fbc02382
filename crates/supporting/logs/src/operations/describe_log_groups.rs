//! `DescribeLogGroups`.

use std::{
    ops::Bound,
    sync::{Arc, PoisonError},
};

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use super::{Members, limit, text};
use crate::{error, group::Group, service::Inner};

const PAGE: usize = 50;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let (prefix, pattern) = (text(&members, "logGroupNamePrefix"), text(&members, "logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(error::invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let class = text(&members, "logGroupClass");
    let pattern = pattern.map(str::to_lowercase);
    let size = limit(&members, PAGE);
    let groups = logs.groups(&ctx.scope);
    let groups = groups.read().unwrap_or_else(PoisonError::into_inner);
    let from = match (text(&members, "nextToken"), prefix) {
        (Some(last), _) => Bound::Excluded(last),
        (None, Some(prefix)) => Bound::Included(prefix),
        (None, None) => Bound::Unbounded,
    };
    let mut found: Vec<&Arc<Group>> = groups
        .range::<str, _>((from, Bound::Unbounded))
        .take_while(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(name, _)| pattern.as_ref().is_none_or(|pattern| name.to_lowercase().contains(pattern)))
        .map(|(_, group)| group)
        .filter(|group| class.is_none_or(|class| group.record().class == class))
        .take(size + 1)
        .collect();
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| last.name.to_string());
    let shown: Vec<_> = found.into_iter().map(|group| describe(&ctx.scope, group)).collect();
    Ok(Output::of(json!({"logGroups": shown, "nextToken": next})))
}

fn describe(scope: &Scope, group: &Group) -> Value {
    let record = group.record();
    let arn = group.arn(scope);
    let stored: u64 = group.streams().values().map(|stream| stream.summary().bytes).sum();
    json!({
        "logGroupName": &*group.name,
        "creationTime": record.created.millis(),
        "retentionInDays": record.retention_days,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "storedBytes": stored,
        "kmsKeyId": record.kms_key,
        "logGroupClass": record.class,
        "logGroupArn": arn,
    })
}
