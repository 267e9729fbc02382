//! `FilterLogEvents`.

use std::{ops::Bound, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{ANSWER_BYTES, ANSWER_EVENTS, Members, group, keys, limit, millis, text};
use crate::{error, filter::Pattern, group::Group, service::Inner, stream::{Event, LogStream}, token::Position};

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let pattern = Pattern::parse(text(&members, "filterPattern").unwrap_or_default())?;
    let streams = streams(&group, &members)?;
    let start = millis(&members, "startTime").unwrap_or(i64::MIN).max(group.cutoff(logs.clock.now()));
    let end = millis(&members, "endTime").map_or(i64::MAX, |end| end.saturating_add(1));
    let size = limit(&members, ANSWER_EVENTS);
    let from = match text(&members, "nextToken") {
        None => None,
        Some(token) => Some(Position::parse(token).ok_or_else(|| error::invalid("The specified nextToken is invalid."))?),
    };
    // Every stream gives its oldest matching events; the oldest of all of them are the answer.
    let mut found: Vec<(Event, Arc<str>)> = Vec::new();
    for (name, stream) in &streams {
        let mut taken = 0;
        stream.forward(from, start, end, |event| {
            if pattern.matches(&event.message) {
                taken += 1;
                found.push((event.clone(), Arc::clone(name)));
            }
            taken <= size
        });
    }
    found.sort_by_key(|(event, _)| event.at);
    let mut bytes = 0;
    let fitting = found.iter().take(size).take_while(|(event, _)| {
        bytes += event.message.len();
        bytes <= ANSWER_BYTES
    });
    let fitting = fitting.count().max(1).min(found.len());
    let next = (found.len() > fitting).then(|| found[fitting - 1].0.at.digits());
    found.truncate(fitting);
    let events: Vec<Value> = found.iter().map(|(event, stream)| shown(event, stream)).collect();
    Ok(Output::of(json!({"events": events, "searchedLogStreams": [], "nextToken": next})))
}

fn shown(event: &Event, stream: &str) -> Value {
    json!({
        "logStreamName": stream,
        "timestamp": event.at.millis,
        "message": &*event.message,
        "ingestionTime": event.ingested.millis(),
        "eventId": event.at.digits(),
    })
}

type Named = (Arc<str>, Arc<LogStream>);

/// The streams to look through.
fn streams(group: &Group, members: &Members) -> Result<Vec<Named>, ServiceError> {
    let (names, prefix) = (keys(members, "logStreamNames"), text(members, "logStreamNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(error::invalid("LogStream names and LogStream name prefix are mutually exclusive parameters."));
    }
    let all = group.streams();
    if !names.is_empty() {
        let named = |name: &String| Some((Arc::from(name.as_str()), Arc::clone(all.get(name.as_str())?)));
        return names.iter().map(|name| named(name).ok_or_else(error::no_stream)).collect();
    }
    let from = prefix.map_or(Bound::Unbounded, Bound::Included);
    let of_prefix = all.range::<str, _>((from, Bound::Unbounded)).take_while(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)));
    Ok(of_prefix.map(|(name, stream)| (Arc::clone(name), Arc::clone(stream))).collect())
}
