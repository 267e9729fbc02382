//! The operations of CloudWatch Logs: one file each, one table of them all.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Output};
use serde_json::{Map, Value};

use crate::{error, group::Group, service::Inner};

pub(crate) type Members = Map<String, Value>;

macro_rules! operations {
    ($($name:literal => $module:ident $accepted:expr,)*) => {
        $(mod $module;)*

        /// The operations done here, by the model's names.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Does one of [`NAMES`]. Members that it does not act on are refused by their names.
        pub(crate) fn call<'a>(
            logs: &'a Arc<Inner>,
            ctx: &'a CallContext,
            operation: &str,
            members: Members,
        ) -> BoxFuture<'a, Result<Output, ServiceError>> {
            match operation {
                $($name => Box::pin(async move {
                    accept(&members, &$accepted)?;
                    $module::call(logs, ctx, members).await
                }),)*
                other => {
                    let refusal = ServiceError::not_implemented(format!("Tule's CloudWatch Logs does not support {other} yet."));
                    Box::pin(std::future::ready(Err(refusal)))
                }
            }
        }
    };
}

operations! {
    "CreateLogGroup" => create_log_group ["logGroupName", "kmsKeyId", "tags", "logGroupClass"],
    "CreateLogStream" => create_log_stream ["logGroupName", "logStreamName"],
    "DeleteLogGroup" => delete_log_group ["logGroupName"],
    "DeleteLogStream" => delete_log_stream ["logGroupName", "logStreamName"],
    "DeleteRetentionPolicy" => delete_retention_policy ["logGroupName"],
    "DescribeLogGroups" => describe_log_groups ["logGroupNamePrefix", "logGroupNamePattern", "nextToken", "limit", "logGroupClass"],
    "DescribeLogStreams" => describe_log_streams ["logGroupName", "logGroupIdentifier", "logStreamNamePrefix", "orderBy", "descending", "nextToken", "limit"],
    "FilterLogEvents" => filter_log_events ["logGroupName", "logGroupIdentifier", "logStreamNames", "logStreamNamePrefix", "startTime", "endTime", "filterPattern", "nextToken", "limit", "interleaved", "unmask"],
    "GetLogEvents" => get_log_events ["logGroupName", "logGroupIdentifier", "logStreamName", "startTime", "endTime", "nextToken", "limit", "startFromHead", "unmask"],
    "ListTagsForResource" => list_tags_for_resource ["resourceArn"],
    "ListTagsLogGroup" => list_tags_log_group ["logGroupName"],
    "PutLogEvents" => put_log_events ["logGroupName", "logStreamName", "logEvents", "sequenceToken", "entity"],
    "PutRetentionPolicy" => put_retention_policy ["logGroupName", "retentionInDays"],
    "TagLogGroup" => tag_log_group ["logGroupName", "tags"],
    "TagResource" => tag_resource ["resourceArn", "tags"],
    "UntagLogGroup" => untag_log_group ["logGroupName", "tags"],
    "UntagResource" => untag_resource ["resourceArn", "tagKeys"],
}

/// What an answer of events may measure.
const ANSWER_BYTES: usize = 1 << 20;
/// How many events an answer has at most.
const ANSWER_EVENTS: usize = 10_000;

fn accept(members: &Members, accepted: &[&str]) -> Result<(), ServiceError> {
    let unknown = members.iter().find(|(name, value)| {
        !value.is_null() && *value != &Value::Bool(false) && !accepted.contains(&name.as_str())
    });
    match unknown {
        None => Ok(()),
        Some((name, _)) => {
            Err(ServiceError::not_implemented(format!("Tule's CloudWatch Logs does not support {name} yet.")))
        }
    }
}

fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn millis(members: &Members, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_i64)
}

fn flag(members: &Members, name: &str) -> bool {
    members.get(name).and_then(Value::as_bool) == Some(true)
}

fn limit(members: &Members, most: usize) -> usize {
    members
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(most, |limit| limit.clamp(1, most))
}

/// The group of `logGroupName`, or of `logGroupIdentifier`: a name or an ARN.
fn group(logs: &Inner, ctx: &CallContext, members: &Members) -> Result<Arc<Group>, ServiceError> {
    match (text(members, "logGroupName"), text(members, "logGroupIdentifier")) {
        (Some(_), Some(_)) => {
            Err(error::invalid("LogGroup name and LogGroup identifier are mutually exclusive parameters."))
        }
        (Some(name), None) => logs.group(&ctx.scope, name),
        (None, Some(identifier)) => logs.group(&ctx.scope, name_of_arn(identifier)),
        (None, None) => Err(error::invalid("Either LogGroup name or LogGroup identifier must be specified.")),
    }
}

/// The name in a group's ARN, with or without `:*` behind it; a name is its own.
fn name_of_arn(identifier: &str) -> &str {
    match identifier.split_once(":log-group:") {
        Some((_, name)) => name.strip_suffix(":*").unwrap_or(name),
        None => identifier,
    }
}

/// The group of a tag operation's ARN.
fn tagged(logs: &Inner, ctx: &CallContext, members: &Members) -> Result<Arc<Group>, ServiceError> {
    logs.group(&ctx.scope, name_of_arn(text(members, "resourceArn").unwrap_or_default()))
}

/// Changes a group's record and stores it.
async fn change(
    logs: &Inner,
    ctx: &CallContext,
    group: &Group,
    change: impl FnOnce(&mut crate::group::GroupRecord),
) -> Result<Output, ServiceError> {
    group.edit(change);
    logs.commit(logs.put_group(&ctx.scope, group)?).await?;
    Ok(Output::empty())
}

fn tags(members: &Members) -> Vec<(String, String)> {
    let tags = members.get("tags").and_then(Value::as_object).into_iter().flatten();
    tags.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn keys(members: &Members, name: &str) -> Vec<String> {
    let keys = members.get(name).and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}
