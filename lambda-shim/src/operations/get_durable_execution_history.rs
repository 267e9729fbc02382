//! `GetDurableExecutionHistory`.

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{durable_execution, durable_page};
use crate::{
    durable::{engine::history::Event, rows},
    error,
    function::configure::text,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let entry = durable_execution(&lambda.0, ctx, members)?;
    let says = |name: &str| members.get(name).and_then(Value::as_bool);
    let (backwards, with_data) =
        (says("ReverseOrder") == Some(true), says("IncludeExecutionData") != Some(false));
    let listing = format!("durable-history/{}/{backwards}", entry.identity.id);
    let after = match text(members, "Marker").filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => {
            let place = PageToken::decode(&listing, marker).and_then(|token| token.after.parse::<u64>().ok());
            Some(place.ok_or_else(|| error::invalid_parameter("Invalid marker"))?)
        }
    };
    let limit = durable_page(members);
    let mut events = rows::events(&lambda.0.store, &entry.identity, (after, limit + 1), backwards)
        .map_err(error::storage)?;
    let more = events.len() > limit;
    events.truncate(limit);
    let mut shown = Map::new();
    if let Some(last) = events.last().filter(|_| more) {
        shown.insert("NextMarker".into(), PageToken::encode(&listing, &last.id().to_string()).into());
    }
    let events = events.into_iter().map(|event| if with_data { event } else { Event::without_data(event) });
    shown.insert("Events".into(), events.map(|event| Value::Object(event.0)).collect());
    Ok(Output { members: shown, ..Output::default() })
}
