//! CloudWatch Logs as a service.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Scope, Service, Timestamp};
use store::{Batch, Key, Store, StoreError, Table};

use crate::{
    error,
    group::{Group, GroupRecord},
    operations,
    room::Room,
    stream::Event,
    token::Position,
};

const GROUPS: Table = Table("logs.groups");
const STREAMS: Table = Table("logs.streams");
const EVENTS: Table = Table("logs.events");

/// What the composition root decides for CloudWatch Logs.
#[derive(Clone)]
pub struct Options {
    /// Where groups, streams and acknowledged events are kept.
    pub store: Store,
    /// Service time.
    pub clock: Clock,
}

/// Amazon CloudWatch Logs. Cheap to clone.
#[derive(Clone)]
pub struct Logs(pub(crate) Arc<Inner>);

type Groups = BTreeMap<Arc<str>, Arc<Group>>;

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    scopes: DashMap<Scope, Arc<RwLock<Groups>>>,
    /// Counts events, over all streams.
    number: AtomicU64,
    room: Room,
}

impl Logs {
    /// Sets CloudWatch Logs up and loads what is stored.
    pub fn new(options: Options) -> Result<Self, StoreError> {
        let inner = Inner {
            store: options.store,
            clock: options.clock,
            scopes: DashMap::new(),
            number: AtomicU64::new(1),
            room: Room::default(),
        };
        inner.load()?;
        Ok(Self(Arc::new(inner)))
    }

    /// About how much memory events and streams take; older events go where it would become too much.
    pub fn kept_bytes(&self) -> usize {
        self.0.room.taken()
    }
}

impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn operations(&self) -> &'static [&'static str] {
        operations::NAMES
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        operations::call(&self.0, ctx, operation, input.members)
    }
}

impl Inner {
    /// All groups of a scope, for reading.
    pub(crate) fn groups(&self, scope: &Scope) -> Arc<RwLock<Groups>> {
        if let Some(groups) = self.scopes.get(scope) {
            return Arc::clone(&groups);
        }
        Arc::clone(&self.scopes.entry(scope.clone()).or_default())
    }

    pub(crate) fn group(&self, scope: &Scope, name: &str) -> Result<Arc<Group>, ServiceError> {
        let groups = self.groups(scope);
        let groups = groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned().ok_or_else(error::no_group)
    }

    /// Adds a group; `None` if there is one of its name.
    pub(crate) fn add_group(&self, scope: &Scope, name: &str, record: GroupRecord) -> Option<Arc<Group>> {
        let groups = self.groups(scope);
        let mut groups = groups.write().unwrap_or_else(PoisonError::into_inner);
        if groups.contains_key(name) {
            return None;
        }
        let group = Arc::new(Group::new(name, record, self.room.clone()));
        groups.insert(Arc::clone(&group.name), Arc::clone(&group));
        Some(group)
    }

    pub(crate) fn remove_group(&self, scope: &Scope, name: &str) -> bool {
        let removed = self.groups(scope).write().unwrap_or_else(PoisonError::into_inner).remove(name);
        removed.inspect(|group| group.clear()).is_some()
    }

    /// Has the oldest events go where all of them take too much memory, and streams with them of which nothing is left.
    /// To be called when some were added.
    pub(crate) fn make_room(&self) {
        if self.room.is_full() {
            let groups = self.all_groups();
            self.room.make(|| {
                groups
                    .iter()
                    .flat_map(|group| group.streams().values().cloned().collect::<Vec<_>>())
                    .collect()
            });
            groups.iter().for_each(|group| group.forget_spent());
        }
    }

    fn all_groups(&self) -> Vec<Arc<Group>> {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| Arc::clone(scope.value())).collect();
        let groups = scopes.iter().map(|groups| groups.read().unwrap_or_else(PoisonError::into_inner));
        groups.flat_map(|groups| groups.values().cloned().collect::<Vec<_>>()).collect()
    }

    /// The next event's number.
    pub(crate) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn put_group(&self, scope: &Scope, group: &Group) -> Result<Batch, ServiceError> {
        let value = serde_json::to_vec(&group.record())
            .map_err(|failure| ServiceError::internal(failure.to_string()))?;
        let mut batch = Batch::new();
        batch.put(GROUPS, group_key(scope, &group.name), value);
        Ok(batch)
    }

    pub(crate) fn delete_group(scope: &Scope, group: &str) -> Batch {
        let key = group_key(scope, group);
        let mut batch = Batch::new();
        batch.delete(GROUPS, key.clone()).delete_prefix(STREAMS, key.clone()).delete_prefix(EVENTS, key);
        batch
    }

    pub(crate) fn put_stream(scope: &Scope, group: &str, stream: &str, created: Timestamp) -> Batch {
        let mut batch = Batch::new();
        batch.put(STREAMS, group_key(scope, group).text(stream), created.millis().to_be_bytes().to_vec());
        batch
    }

    pub(crate) fn delete_stream(scope: &Scope, group: &str, stream: &str) -> Batch {
        let key = group_key(scope, group).text(stream);
        let mut batch = Batch::new();
        batch.delete(STREAMS, key.clone()).delete_prefix(EVENTS, key);
        batch
    }

    /// One block of events; its first event's number is its key.
    pub(crate) fn put_events(
        scope: &Scope,
        group: &str,
        stream: &str,
        events: &[Event],
    ) -> Result<Batch, ServiceError> {
        let mut batch = Batch::new();
        let Some(first) = events.first() else { return Ok(batch) };
        let block: Vec<(i64, i64, &str)> =
            events.iter().map(|event| (event.at.millis, event.ingested.millis(), &*event.message)).collect();
        let value =
            serde_json::to_vec(&block).map_err(|failure| ServiceError::internal(failure.to_string()))?;
        batch.put(EVENTS, group_key(scope, group).text(stream).number(first.at.number), value);
        Ok(batch)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), ServiceError> {
        self.store.commit(batch).await.map_err(error::storage)
    }

    fn load(&self) -> Result<(), StoreError> {
        self.each(GROUPS, 3, |texts, _, value| {
            let record = serde_json::from_slice(value).ok()?;
            self.add_group(&Scope::new(&texts[0], &texts[1]), &texts[2], record).map(drop)
        })?;
        self.each(STREAMS, 4, |texts, _, value| {
            let created = Timestamp(i64::from_be_bytes(value.try_into().ok()?));
            let group = self.group(&Scope::new(&texts[0], &texts[1]), &texts[2]).ok()?;
            group.stream_or_new(&texts[3], created, true);
            Some(())
        })?;
        self.each(EVENTS, 4, |texts, rest, value| {
            let number = u64::from_be_bytes(rest.try_into().ok()?);
            let group = self.group(&Scope::new(&texts[0], &texts[1]), &texts[2]).ok()?;
            let block: Vec<(i64, i64, String)> = serde_json::from_slice(value).ok()?;
            // A function's stream has no row of its own, and PutLogEvents may have added to it.
            let created = block.first().map_or(0, |(_, ingested, _)| *ingested);
            let (stream, _) = group.stream_or_new(&texts[3], Timestamp(created), true);
            for (number, (millis, ingested, message)) in (number..).zip(block) {
                stream.add(Event {
                    at: Position { millis, number },
                    ingested: Timestamp(ingested),
                    message: message.into(),
                });
                self.number.fetch_max(number + 1, Ordering::Relaxed);
                self.make_room();
            }
            Some(())
        })
    }

    /// Every row of a table; a row that cannot be read is damage.
    fn each(
        &self,
        table: Table,
        texts: usize,
        mut take: impl FnMut(&[String], &[u8], &[u8]) -> Option<()>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let rows = self.store.scan(table, &Key::new(), after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            for (key, value) in &rows {
                let (found, rest) = Key::texts(key, texts).ok_or_else(|| damaged(table))?;
                take(&found, rest, value).ok_or_else(|| damaged(table))?;
            }
            after = Some(last.clone());
        }
    }
}

fn damaged(table: Table) -> StoreError {
    StoreError::Damaged(format!("a row of {}", table.0))
}

fn group_key(scope: &Scope, group: &str) -> Key {
    Key::new().text(&scope.account).text(&scope.region).text(group)
}
