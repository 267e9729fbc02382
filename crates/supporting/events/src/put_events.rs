//! PutEvents: each entry becomes an event, and goes to the rules of its bus.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{Answer, Members, State, bus, bus::Place, deliver, text};

/// The most that the entries of one request may have together.
const MOST_BYTES: usize = 1_048_576;

pub(crate) async fn put(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    crate::refuse(members, &["EndpointId"])?;
    let entries = members.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
    if entries.iter().map(size).sum::<usize>() > MOST_BYTES {
        let text = "Total size of the entries in the request is over the limit.";
        return Err(ServiceError::validation(text));
    }
    let mut answers = Vec::with_capacity(entries.len());
    let mut failed = 0;
    for entry in entries.iter().filter_map(Value::as_object) {
        match event(state, ctx, entry) {
            Ok((place, event)) => {
                let id = event["id"].clone();
                deliver::to_rules(state, ctx, &place, &event, 0).await;
                answers.push(json!({ "EventId": id }));
            }
            Err((code, message)) => {
                failed += 1;
                answers.push(json!({ "ErrorCode": code, "ErrorMessage": message }));
            }
        }
    }
    Ok(Output::of(json!({ "FailedEntryCount": failed, "Entries": answers })))
}

/// The size of an entry, as EventBridge counts it ("Calculating PutEvents event entry size").
fn size(entry: &Value) -> usize {
    let length = |name: &str| entry.get(name).and_then(Value::as_str).map_or(0, str::len);
    let time = if entry.get("Time").is_some_and(|time| !time.is_null()) { 14 } else { 0 };
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    time + length("Source") + length("DetailType") + length("Detail") + resources
}

type Refused = (&'static str, String);

fn event(state: &State, ctx: &CallContext, entry: &Members) -> Result<(Place, Value), Refused> {
    for name in ["Source", "DetailType", "Detail"] {
        if text(entry, name).is_empty() {
            let text = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            return Err(("InvalidArgument", text));
        }
    }
    if text(entry, "Source").starts_with("aws.") {
        let text = format!("Not authorized for the source {}.", text(entry, "Source"));
        return Err(("NotAuthorizedForSourceException", text));
    }
    let detail: Option<Value> = serde_json::from_str(text(entry, "Detail")).ok().filter(Value::is_object);
    let Some(detail) = detail else { return Err(("MalformedDetail", String::from("Detail is malformed."))) };
    let place = bus::place(ctx, text(entry, "EventBusName"));
    if !bus::is_there(state, &place) {
        let text = format!("Event bus {} does not exist.", place.name);
        return Err(("ResourceNotFoundException", text));
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds since the epoch")]
    let given = entry.get("Time").and_then(Value::as_f64).map(|at| Timestamp((at * 1000.0) as i64));
    let resources = entry.get("Resources").cloned().unwrap_or_else(|| json!([]));
    let event = envelope(
        text(entry, "DetailType"),
        text(entry, "Source"),
        &place,
        given.unwrap_or_else(|| state.clock.now()),
        &resources,
        detail,
    );
    Ok((place, event))
}

/// An event as rules and targets see it.
pub(crate) fn envelope(
    detail_type: &str,
    source: &str,
    place: &Place,
    at: Timestamp,
    resources: &Value,
    detail: Value,
) -> Value {
    // Events carry whole seconds.
    let seconds = Timestamp(at.millis().div_euclid(1_000) * 1_000).rfc3339().replace(".000Z", "Z");
    let mut event = Map::new();
    event.insert("version".into(), json!("0"));
    event.insert("id".into(), json!(Uuid::new_v4().to_string()));
    event.insert("detail-type".into(), json!(detail_type));
    event.insert("source".into(), json!(source));
    event.insert("account".into(), json!(&*place.scope.account));
    event.insert("time".into(), json!(seconds));
    event.insert("region".into(), json!(&*place.scope.region));
    event.insert("resources".into(), resources.clone());
    event.insert("detail".into(), detail);
    Value::Object(event)
}
