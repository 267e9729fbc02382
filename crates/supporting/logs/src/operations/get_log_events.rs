//! `GetLogEvents`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{ANSWER_BYTES, ANSWER_EVENTS, Members, flag, group, limit, millis, text};
use crate::{
    error,
    service::Inner,
    stream::Event,
    token::{Position, Token},
};

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let stream = group.stream(text(&members, "logStreamName").unwrap_or_default()).ok_or_else(error::no_stream)?;
    let now = logs.clock.now();
    let start = millis(&members, "startTime").unwrap_or(i64::MIN).max(group.cutoff(now));
    let end = millis(&members, "endTime").unwrap_or(i64::MAX);
    let size = limit(&members, ANSWER_EVENTS);
    let token = match text(&members, "nextToken") {
        None => None,
        Some(token) => Some(Token::parse(token).ok_or_else(|| error::invalid("The specified nextToken is invalid."))?),
    };
    let mut found: Vec<Event> = Vec::new();
    let mut bytes = 0;
    let mut take = |event: &Event| {
        bytes += event.message.len();
        if found.len() == size || (bytes > ANSWER_BYTES && !found.is_empty()) {
            return false;
        }
        found.push(event.clone());
        true
    };
    match token {
        Some(Token::Forward(from)) => stream.forward(Some(from), start, end, &mut take),
        Some(Token::Backward(from)) => stream.backward(Some(from), start, end, &mut take),
        None if flag(&members, "startFromHead") => stream.forward(None, start, end, &mut take),
        None => stream.backward(None, start, end, &mut take),
    }
    found.sort_by_key(|event| event.at);
    // At an end the same token comes back: that is how clients know.
    let (forward, backward) = match (found.first(), found.last(), token) {
        (Some(first), Some(last), _) => (last.at, first.at),
        (_, _, Some(Token::Forward(at) | Token::Backward(at))) => (at, at),
        _ => (Position { millis: now.millis(), number: 0 }, Position { millis: now.millis(), number: 0 }),
    };
    let events: Vec<Value> = found
        .iter()
        .map(|event| json!({"timestamp": event.at.millis, "message": &*event.message, "ingestionTime": event.ingested.millis()}))
        .collect();
    Ok(Output::of(json!({
        "events": events,
        "nextForwardToken": Token::Forward(forward).text(),
        "nextBackwardToken": Token::Backward(backward).text(),
    })))
}
