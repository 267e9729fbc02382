//! Event buses. Every account has `default` in every region.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use crate::{
    Answer, Members, State, exists, listed, not_found, page, refuse, scope_key, storage, tags, text,
};

/// The bus that is always there.
pub(crate) const DEFAULT: &str = "default";

/// A bus of the user's, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bus {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A bus by where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn key(&self) -> Key {
        scope_key(&self.scope).text(&self.name)
    }

    pub(crate) fn arn(&self) -> String {
        self.scope.arn("events", &format!("event-bus/{}", self.name))
    }
}

/// The place of a bus that is named, by its name or its ARN.
pub(crate) fn place(ctx: &CallContext, named: &str) -> Place {
    let arn: Option<aws_wire::Arn> = named.parse().ok();
    match arn.as_ref().and_then(|arn| Some((arn, arn.resource.strip_prefix("event-bus/")?))) {
        Some((arn, name)) => Place { scope: Scope::new(&arn.account, &arn.region), name: name.to_owned() },
        None => {
            let name = if named.is_empty() { DEFAULT } else { named };
            Place { scope: ctx.scope.clone(), name: name.to_owned() }
        }
    }
}

pub(crate) fn is_there(state: &State, place: &Place) -> bool {
    place.name == DEFAULT || state.buses.get(&place.key()).is_some()
}

/// The place of a bus that must be there.
pub(crate) fn find(state: &State, ctx: &CallContext, named: &str) -> Result<Place, ServiceError> {
    let place = place(ctx, named);
    if is_there(state, &place) { Ok(place) } else { Err(not_found(format!("Event bus {}", place.name))) }
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["EventSourceName", "DeadLetterConfig", "LogConfig", "KmsKeyIdentifier"])?;
    let name = text(members, "Name");
    if name.contains('/') {
        return Err(ServiceError::validation("Event bus name must not contain '/'."));
    }
    let place = Place { scope: ctx.scope.clone(), name: name.to_owned() };
    let _turn = state.changing.turn(&place.key()).await;
    if is_there(state, &place) {
        return Err(exists(format!("Event bus {name}")));
    }
    let bus = Bus {
        name: name.to_owned(),
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        description: members.get("Description").and_then(Value::as_str).map(str::to_owned),
        created: state.clock.now(),
        tags: tags::of(members),
    };
    let bus = state.buses.put(place.key(), bus).await.map_err(storage)?;
    Ok(Output::of(json!({ "EventBusArn": place.arn(), "Description": bus.description })))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let place = place(ctx, text(members, "Name"));
    if place.name == DEFAULT {
        return Err(ServiceError::validation("Cannot delete event bus default."));
    }
    let _turn = state.changing.turn(&place.key()).await;
    if !state.rules.page(&place.key(), None, 1).is_empty() {
        return Err(ServiceError::validation("Event bus can't be deleted since it has rules."));
    }
    state.buses.remove(&place.key()).await.map_err(storage)?;
    Ok(Output::empty())
}

fn shown(place: &Place, bus: Option<&Bus>) -> Value {
    json!({
        "Name": place.name,
        "Arn": place.arn(),
        "Description": bus.and_then(|bus| bus.description.clone()),
        "CreationTime": bus.map(|bus| bus.created.epoch_seconds()),
        "LastModifiedTime": bus.map(|bus| bus.created.epoch_seconds()),
    })
}

pub(crate) fn describe(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let place = find(state, ctx, text(members, "Name"))?;
    let bus = state.buses.get(&place.key());
    Ok(Output::of(shown(&place, bus.as_deref())))
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let prefix = text(members, "NamePrefix");
    let place = |name: &str| Place { scope: ctx.scope.clone(), name: name.to_owned() };
    let within = scope_key(&ctx.scope);
    let mut found = page(&state.buses, members, &within, "ListEventBuses", prefix, |bus| {
        (bus.name.clone(), shown(&place(&bus.name), Some(bus)))
    })?;
    // The first page begins with the bus that needs no record.
    if DEFAULT.starts_with(prefix) && text(members, "NextToken").is_empty() {
        found.0.insert(0, shown(&place(DEFAULT), None));
    }
    Ok(listed("EventBuses", found))
}
