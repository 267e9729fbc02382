//! `PutLogEvents`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, group, text};
use crate::{error, service::Inner, stream::Event, token::Position};

const BATCH_BYTES: usize = 1_048_576;
/// What every event counts beside its message.
const EVENT_BYTES: usize = 26;
const DAY: i64 = 86_400_000;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let name = text(&members, "logStreamName").unwrap_or_default();
    let stream = group.stream(name).ok_or_else(error::no_stream)?;
    let given = events(&members)?;
    let now = logs.clock.now();
    let (too_old, too_new) = (now.millis() - 14 * DAY, now.millis() + 2 * 3_600_000);
    let expired = group.cutoff(now);
    let old = given.iter().take_while(|(millis, _)| *millis < too_old).count();
    let gone = given.iter().take_while(|(millis, _)| *millis < expired).count();
    let new = given.iter().position(|(millis, _)| *millis > too_new);
    let mut rejected = serde_json::Map::new();
    if old > 0 {
        rejected.insert("tooOldLogEventEndIndex".into(), old.into());
    }
    if gone > 0 {
        rejected.insert("expiredLogEventEndIndex".into(), gone.into());
    }
    if let Some(new) = new {
        rejected.insert("tooNewLogEventStartIndex".into(), new.into());
    }
    let kept = given.get(old.max(gone)..new.unwrap_or(given.len())).unwrap_or_default();
    let kept: Vec<Event> = kept
        .iter()
        .map(|(millis, message)| Event {
            at: Position { millis: *millis, number: logs.next_number() },
            ingested: now,
            message: (*message).into(),
        })
        .collect();
    logs.commit(Inner::put_events(&ctx.scope, &group.name, name, &kept)?).await?;
    for event in kept {
        stream.add(event);
    }
    logs.make_room();
    let mut answer = json!({"nextSequenceToken": format!("{:056}", logs.next_number())});
    if !rejected.is_empty() {
        answer["rejectedLogEventsInfo"] = Value::Object(rejected);
    }
    Ok(Output::of(answer))
}

/// Time and message of every event, in order and within AWS's bounds.
fn events(members: &Members) -> Result<Vec<(i64, &str)>, ServiceError> {
    let given = members.get("logEvents").and_then(Value::as_array).into_iter().flatten();
    let events: Vec<(i64, &str)> = given
        .map(|event| (event["timestamp"].as_i64().unwrap_or_default(), event["message"].as_str().unwrap_or_default()))
        .collect();
    if !events.is_sorted_by_key(|(millis, _)| *millis) {
        return Err(error::invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    if let (Some((first, _)), Some((last, _))) = (events.first(), events.last())
        && last.saturating_sub(*first) > DAY
    {
        return Err(error::invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours."));
    }
    let bytes: usize = events.iter().map(|(_, message)| message.len() + EVENT_BYTES).sum();
    if bytes > BATCH_BYTES {
        return Err(error::invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES}")));
    }
    Ok(events)
}
