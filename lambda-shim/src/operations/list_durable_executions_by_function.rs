//! `ListDurableExecutionsByFunction`: the newest first, unless asked otherwise.

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Input, Output, Timestamp};
use serde_json::{Map, Value, json};

use super::{durable_page, entry, named};
use crate::{
    durable::table::Entry,
    error,
    function::{configure::text, name},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = &input.members;
    let named = named(ctx, members)?;
    let function = entry(inner, ctx, &named)?.function();
    let version = match named.qualifier.as_deref() {
        None => None,
        Some(qualifier) => {
            let found = function.qualified(Some(qualifier));
            let missing = || error::function_not_found(&name::arn(&ctx.scope, &named.name, Some(qualifier)));
            Some(found.ok_or_else(missing)?.version.clone())
        }
    };
    let oldest_first = members.get("ReverseOrder").and_then(Value::as_bool) == Some(true);
    let listing = format!("durable-executions/{}/{oldest_first}", named.name);
    let after = match text(members, "Marker").filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => Some(place(&listing, marker).ok_or_else(|| error::invalid_parameter("Invalid marker"))?),
    };
    let wanted = wanted(members, version);
    let limit = durable_page(members);
    let of = (&ctx.scope, named.name.as_str());
    let mut found = inner.durable.list(of, after.as_ref(), limit + 1, oldest_first, wanted);
    let more = found.len() > limit;
    found.truncate(limit);
    let mut answer = Map::new();
    if let Some(last) = found.last().filter(|_| more) {
        let place = format!("{}/{}", last.identity.started.millis(), last.identity.id);
        answer.insert("NextMarker".into(), PageToken::encode(&listing, &place).into());
    }
    answer.insert("DurableExecutions".into(), found.iter().map(|found| show(found)).collect());
    Ok(Output { members: answer, ..Output::default() })
}

fn place(listing: &str, marker: &str) -> Option<(Timestamp, String)> {
    let after = PageToken::decode(listing, marker)?.after;
    let (started, id) = after.split_once('/')?;
    Some((Timestamp(started.parse().ok()?), id.to_owned()))
}

/// What the filters take.
fn wanted(members: &Map<String, Value>, version: Option<String>) -> impl Fn(&Entry) -> bool {
    let name = text(members, "DurableExecutionName").map(str::to_owned);
    let statuses: Option<Vec<String>> = members.get("Statuses").and_then(Value::as_array).map(|statuses| {
        statuses.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    });
    let moment = |name: &str| members.get(name).and_then(Value::as_f64);
    let (after, before) = (moment("StartedAfter"), moment("StartedBefore"));
    move |entry| {
        let identity = &entry.identity;
        let started = identity.started.epoch_seconds();
        name.as_ref().is_none_or(|name| *name == identity.name)
            && version.as_ref().is_none_or(|version| *version == identity.version)
            && after.is_none_or(|after| started > after)
            && before.is_none_or(|before| started < before)
            && statuses.as_ref().is_none_or(|statuses| {
                let status = entry.shown().status.name();
                statuses.iter().any(|wanted| wanted == status)
            })
    }
}

fn show(entry: &Entry) -> Value {
    let identity = &entry.identity;
    let progress = entry.shown();
    let mut shown = json!({
        "DurableExecutionArn": identity.arn(),
        "DurableExecutionName": identity.name,
        "FunctionArn": identity.function_arn(),
        "Status": progress.status.name(),
        "StartTimestamp": identity.started.epoch_seconds(),
    });
    if let Some(ended) = progress.ended {
        shown["EndTimestamp"] = ended.epoch_seconds().into();
    }
    if let Some(key) = &identity.kms_key {
        shown["KMSKeyArn"] = key.as_str().into();
    }
    shown
}
