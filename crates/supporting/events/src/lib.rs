//! EventBridge: event buses, rules by pattern and by schedule, their targets; connections and API destinations.
//!
//! Owns all of these; reaches targets through the router, HTTP servers through the shared client. Archives, replays,
//! partner sources, global endpoints, pipes and schemas are refused by name. Start at [`Events`]; what becomes of an
//! event is in `deliver`, what happens by the clock in `scheduler`.

mod api_destination;
mod bus;
mod connection;
mod deliver;
mod put_events;
mod rule;
mod schedule;
mod scheduler;
mod tags;
mod target;
#[cfg(test)]
mod tests;
mod transform;

use std::sync::Arc;

use aws_wire::{PageToken, ServiceError};
use dashmap::DashMap;
use outbound::{
    Outbound,
    connection::{Connection, Connections},
};
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Scope, Service, ServiceRouter};
use serde_json::{Map, Value};
use store::{Collection, Key, Lanes, Store, StoreError, Table};
use tokio::sync::Notify;

const BUSES: Table = Table("events.buses");
const RULES: Table = Table("events.rules");
const CONNECTIONS: Table = Table("events.connections");
const API_DESTINATIONS: Table = Table("events.api-destinations");
const VERSION: u32 = 1;

/// EventBridge. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<State>);

struct State {
    clock: Clock,
    endpoint: Arc<str>,
    router: Arc<dyn ServiceRouter>,
    outbound: Outbound,
    buses: Collection<bus::Bus>,
    rules: Collection<rule::Rule>,
    connections: Collection<connection::Record>,
    api_destinations: Collection<api_destination::ApiDestination>,
    /// Connections in use by their ARN, with the tokens they have got.
    live: DashMap<String, Arc<Connection>>,
    /// Turns to change what is under a key.
    changing: Lanes,
    /// Wakes the scheduler when a rule has changed.
    rescheduled: Notify,
}

impl Events {
    /// Loads what the store holds. `endpoint` is the base under which calls that rules make are known to come in.
    pub fn new(
        store: &Store,
        clock: Clock,
        endpoint: Arc<str>,
        router: Arc<dyn ServiceRouter>,
        outbound: Outbound,
    ) -> Result<Self, StoreError> {
        let state = Arc::new(State {
            clock,
            endpoint,
            router,
            outbound,
            buses: Collection::load(store, BUSES, VERSION)?,
            rules: Collection::load(store, RULES, VERSION)?,
            connections: Collection::load(store, CONNECTIONS, VERSION)?,
            api_destinations: Collection::load(store, API_DESTINATIONS, VERSION)?,
            live: DashMap::new(),
            changing: Lanes::default(),
            rescheduled: Notify::new(),
        });
        for record in state.connections.page(&Key::new(), None, usize::MAX) {
            connection::revive(&state, &record);
        }
        Ok(Self(state))
    }

    /// Lets rules with a schedule fire from here on. Needs a Tokio runtime, and ends with the last handle.
    pub fn run_schedules(&self) {
        tokio::spawn(scheduler::run(Arc::downgrade(&self.0)));
    }
}

impl Connections for Events {
    fn connection(&self, arn: &str) -> Option<Arc<Connection>> {
        self.0.live.get(arn).map(|found| Arc::clone(&found))
    }
}

const OPERATIONS: &[&str] = &[
    "CreateApiDestination",
    "CreateConnection",
    "CreateEventBus",
    "DeauthorizeConnection",
    "DeleteApiDestination",
    "DeleteConnection",
    "DeleteEventBus",
    "DeleteRule",
    "DescribeApiDestination",
    "DescribeConnection",
    "DescribeEventBus",
    "DescribeRule",
    "DisableRule",
    "EnableRule",
    "ListApiDestinations",
    "ListConnections",
    "ListEventBuses",
    "ListRuleNamesByTarget",
    "ListRules",
    "ListTagsForResource",
    "ListTargetsByRule",
    "PutEvents",
    "PutRule",
    "PutTargets",
    "RemoveTargets",
    "TagResource",
    "TestEventPattern",
    "UntagResource",
    "UpdateApiDestination",
    "UpdateConnection",
];

impl Service for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let (state, members) = (&self.0, input.members);
        Box::pin(async move {
            match operation {
                "CreateApiDestination" => api_destination::create(state, ctx, &members).await,
                "CreateConnection" => connection::create(state, ctx, &members).await,
                "CreateEventBus" => bus::create(state, ctx, &members).await,
                "DeauthorizeConnection" => connection::deauthorize(state, ctx, &members).await,
                "DeleteApiDestination" => api_destination::delete(state, ctx, &members).await,
                "DeleteConnection" => connection::delete(state, ctx, &members).await,
                "DeleteEventBus" => bus::delete(state, ctx, &members).await,
                "DeleteRule" => rule::delete(state, ctx, &members).await,
                "DescribeApiDestination" => api_destination::describe(state, ctx, &members),
                "DescribeConnection" => connection::describe(state, ctx, &members),
                "DescribeEventBus" => bus::describe(state, ctx, &members),
                "DescribeRule" => rule::describe(state, ctx, &members),
                "DisableRule" => rule::enable(state, ctx, &members, false).await,
                "EnableRule" => rule::enable(state, ctx, &members, true).await,
                "ListApiDestinations" => api_destination::list(state, ctx, &members),
                "ListConnections" => connection::list(state, ctx, &members),
                "ListEventBuses" => bus::list(state, ctx, &members),
                "ListRuleNamesByTarget" => rule::names_by_target(state, ctx, &members),
                "ListRules" => rule::list(state, ctx, &members),
                "ListTagsForResource" => tags::list(state, &members),
                "ListTargetsByRule" => target::list(state, ctx, &members),
                "PutEvents" => put_events::put(state, ctx, &members).await,
                "PutRule" => rule::put(state, ctx, &members).await,
                "PutTargets" => target::put(state, ctx, &members).await,
                "RemoveTargets" => target::remove(state, ctx, &members).await,
                "TagResource" => tags::add(state, &members).await,
                "TestEventPattern" => rule::test_pattern(&members),
                "UntagResource" => tags::remove(state, &members).await,
                "UpdateApiDestination" => api_destination::update(state, ctx, &members).await,
                "UpdateConnection" => connection::update(state, ctx, &members).await,
                other => Err(ServiceError::not_implemented(format!(
                    "Tule does not implement {other} of events yet"
                ))),
            }
        })
    }
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

fn text<'m>(members: &'m Members, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn not_found(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::bad_request("ResourceNotFoundException", format!("{what} does not exist."))
}

fn exists(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::bad_request("ResourceAlreadyExistsException", format!("{what} already exists."))
}

fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal(format!("it could not be stored: {error}")).with_source(error)
}

/// Refuses members that would act and do not yet.
fn refuse(members: &Members, names: &[&str]) -> Result<(), ServiceError> {
    match names.iter().find(|name| members.get(**name).is_some_and(|value| !value.is_null())) {
        None => Ok(()),
        Some(name) => {
            Err(ServiceError::not_implemented(format!("Tule does not implement {name} of EventBridge yet")))
        }
    }
}

fn scope_key(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

/// One page of a listing by name: `show` gives a record's name and what is listed of it.
fn page<T: serde::Serialize + serde::de::DeserializeOwned>(
    all: &Collection<T>,
    members: &Members,
    within: &Key,
    listing: &str,
    prefix: &str,
    show: impl Fn(&T) -> (String, Value),
) -> Result<(Vec<Value>, Option<String>), ServiceError> {
    let limit = members.get("Limit").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
    let limit = limit.unwrap_or(100).clamp(1, 100);
    let after = match text(members, "NextToken") {
        "" => None,
        token => {
            let token = PageToken::decode(listing, token);
            Some(token.ok_or_else(|| ServiceError::validation("Invalid nextToken"))?.after)
        }
    };
    let after = after.map(|name| within.clone().text(&name));
    let mut found: Vec<_> = all
        .page(&within.clone().beginning(prefix), after.as_ref(), limit + 1)
        .iter()
        .map(|it| show(it))
        .collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(name, _)| PageToken::encode(listing, name));
    Ok((found.into_iter().map(|(_, value)| value).collect(), next))
}

/// `{ name: items, NextToken }`.
fn listed(name: &str, (items, next): (Vec<Value>, Option<String>)) -> Output {
    let mut members = Map::new();
    members.insert(name.to_owned(), Value::Array(items));
    if let Some(next) = next {
        members.insert("NextToken".into(), next.into());
    }
    Output { members, ..Output::default() }
}
