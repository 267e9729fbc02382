//! All mappings there are, what is under way with each, and how far each has read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Batch, Collection, Key, Lanes, Store, StoreError, Table};

use super::{
    poll::Poller,
    record::{Mapping, Phase, RECORD_VERSION},
    window::Window,
};
use crate::error;

const CHECKPOINTS: Table = Table("lambda.event_source_checkpoints");

/// Up to where a shard has been read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Position {
    /// From the oldest record.
    Horizon,
    /// What comes from now on.
    Latest,
    /// Records from a moment on.
    Since(Timestamp),
    /// Records after the one of this sequence number.
    After(String),
    /// All of it: the shard has ended.
    End,
}

/// How far a mapping is in a shard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) shard: String,
    pub(crate) position: Position,
    /// Tumbling windows that are open, by lane.
    pub(crate) windows: Vec<Option<Window>>,
}

/// See the module.
pub(crate) struct Mappings {
    store: Store,
    rows: Collection<Mapping>,
    checkpoints: Collection<Checkpoint>,
    /// Mappings by their function, and by their source.
    index: RwLock<BTreeSet<Key>>,
    live: DashMap<String, Arc<Live>>,
    /// Turns to create for a function, and to change a mapping.
    pub(crate) turns: Lanes,
}

/// What is under way with a mapping.
#[derive(Default)]
pub(crate) struct Live(Mutex<Now>);

struct Now {
    phase: Phase,
    /// Counts changes, so that the end of an older one is not taken for that of a newer one.
    change: u64,
    /// What the last batch came to.
    result: Option<&'static str>,
    /// Why the source cannot be read.
    problem: Option<String>,
    poller: Option<Poller>,
}

impl Default for Now {
    fn default() -> Self {
        Self { phase: Phase::Settled, change: 0, result: None, problem: None, poller: None }
    }
}

impl Live {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.now().phase
    }

    /// Begins a change; gives what [`Live::settle`] wants.
    pub(crate) fn enter(&self, phase: Phase) -> u64 {
        let mut now = self.now();
        now.phase = phase;
        now.change += 1;
        now.change
    }

    /// Ends a change, unless another one has begun.
    pub(crate) fn settle(&self, change: u64) {
        let mut now = self.now();
        if now.change == change {
            now.phase = Phase::Settled;
        }
    }

    /// Puts another poller in the place of the one before, which is given back.
    pub(crate) fn replace(&self, poller: Option<Poller>) -> Option<Poller> {
        std::mem::replace(&mut self.now().poller, poller)
    }

    /// Whether the last batch went well.
    pub(crate) fn worked(&self, well: bool) {
        self.now().result = Some(if well { "OK" } else { "PROBLEM: Function call failed" });
    }

    /// Why the source cannot be read; `None` once it can.
    pub(crate) fn source_problem(&self, problem: Option<String>) {
        let mut now = self.now();
        if now.problem != problem {
            if let Some(problem) = &problem {
                tracing::warn!(problem, "an event source cannot be read");
            }
            now.problem = problem;
        }
    }
}

fn key(mapping: &Mapping) -> Key {
    Key::new().text(&mapping.account).text(&mapping.region).text(&mapping.uuid)
}

fn of_function(function_arn: &str) -> Key {
    Key::new().text("function").text(function_arn)
}

fn of_source(scope: &Scope, source_arn: &str) -> Key {
    Key::new().text("source").text(&scope.account).text(&scope.region).text(source_arn)
}

/// The two places of a mapping in the index.
fn places(mapping: &Mapping) -> impl Iterator<Item = Key> {
    let source =
        mapping.source_arn.as_deref().map(|arn| of_source(&mapping.scope(), arn).text(&mapping.uuid));
    [of_function(&mapping.function_arn()).text(&mapping.uuid)].into_iter().chain(source)
}

impl Mappings {
    /// Loads what the store has.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let rows = Collection::load(store, Table("lambda.event_source_mappings"), RECORD_VERSION)?;
        let all: Vec<Arc<Mapping>> = rows.page(&Key::new(), None, usize::MAX);
        Ok(Self {
            store: store.clone(),
            checkpoints: Collection::load(store, CHECKPOINTS, RECORD_VERSION)?,
            index: RwLock::new(all.iter().flat_map(|mapping| places(mapping)).collect()),
            live: all.iter().map(|mapping| (mapping.uuid.clone(), Arc::default())).collect(),
            rows,
            turns: Lanes::default(),
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Mapping>> {
        self.rows.page(&Key::new(), None, usize::MAX)
    }

    pub(crate) fn get(&self, scope: &Scope, uuid: &str) -> Option<Arc<Mapping>> {
        self.rows.get(&Key::new().text(&scope.account).text(&scope.region).text(uuid))
    }

    /// What is under way with a mapping that is there.
    pub(crate) fn live(&self, uuid: &str) -> Arc<Live> {
        Arc::clone(&self.live.entry(uuid.to_owned()).or_default())
    }

    /// A mapping as the API shows it.
    pub(crate) fn shown(&self, mapping: &Mapping) -> Map<String, Value> {
        let live = self.live(&mapping.uuid);
        let now = live.now();
        // Mappings of queues have no such result on AWS; a problem is worth saying all the same.
        let result = match (&now.problem, now.result) {
            (Some(problem), _) => Some(problem.clone()),
            (None, Some(result)) if mapping.source.is_stream() => Some(result.to_owned()),
            (None, None) if mapping.source.is_stream() => Some("No records processed".to_owned()),
            (None, _) => None,
        };
        let phase = now.phase;
        drop(now);
        mapping.shown(phase, result)
    }

    /// At most `limit` behind the one of `after`, of a function's or a source's if one is named.
    pub(crate) fn page(
        &self,
        scope: &Scope,
        (function, source): (Option<&str>, Option<&str>),
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<Mapping>> {
        let prefix = match (function, source) {
            (Some(function), _) => of_function(function),
            (None, Some(source)) => of_source(scope, source),
            (None, None) => {
                let prefix = Key::new().text(&scope.account).text(&scope.region);
                let after = after.map(|after| prefix.clone().text(after));
                return self.rows.page(&prefix, after.as_ref(), limit);
            }
        };
        let Some(end) = prefix.end_of_prefix() else { return Vec::new() };
        let from = after.map_or_else(|| prefix.clone(), |after| prefix.clone().text(after));
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let parts = if function.is_some() { 3 } else { 5 };
        let uuids = index.range(from.clone()..end).filter(|key| after.is_none() || **key != from);
        let found = uuids.filter_map(|key| {
            let (texts, _) = Key::texts(key.as_bytes(), parts)?;
            self.get(scope, texts.last()?)
        });
        let wanted =
            |mapping: &Arc<Mapping>| source.is_none_or(|arn| mapping.source_arn.as_deref() == Some(arn));
        found.filter(wanted).take(limit).collect()
    }

    /// Stores a mapping, new or changed.
    pub(crate) async fn put(&self, mapping: Mapping) -> Result<Arc<Mapping>, ServiceError> {
        let before = self.rows.get(&key(&mapping));
        let stored = self.rows.put(key(&mapping), mapping).await.map_err(error::storage)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for place in before.iter().flat_map(|mapping| places(mapping)) {
            index.remove(&place);
        }
        index.extend(places(&stored));
        Ok(stored)
    }

    /// Changes a mapping's tags; its poller has nothing to do with them.
    pub(crate) async fn change_tags(
        &self,
        mapping: &Mapping,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let _turn = self.turns.turn(&Key::new().text(&mapping.uuid)).await;
        let gone = || error::not_found(format!("Event source mapping not found: {}", mapping.arn()));
        let found = self.get(&mapping.scope(), &mapping.uuid).ok_or_else(gone)?;
        let mut mapping = Mapping::clone(&found);
        change(&mut mapping.tags)?;
        self.put(mapping).await.map(drop)
    }

    /// Removes a mapping with all that is known of its shards.
    pub(crate) async fn remove(&self, mapping: &Mapping) -> Result<(), ServiceError> {
        self.rows.remove(&key(mapping)).await.map_err(error::storage)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for place in places(mapping) {
            index.remove(&place);
        }
        drop(index);
        self.live.remove(&mapping.uuid);
        Ok(())
    }

    /// How far a mapping is, in all shards that it has begun with.
    pub(crate) fn checkpoints(&self, uuid: &str) -> Vec<Arc<Checkpoint>> {
        self.checkpoints.page(&Key::new().text(uuid), None, usize::MAX)
    }

    /// Stores how far a mapping is in a shard.
    pub(crate) async fn pass(&self, uuid: &str, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let key = Key::new().text(uuid).text(&checkpoint.shard);
        self.checkpoints.put(key, checkpoint).await.map(drop)
    }

    /// Forgets how far a mapping was: it is gone, and so is its poller.
    pub(crate) async fn forget(&self, uuid: &str) {
        for checkpoint in self.checkpoints(uuid) {
            let key = Key::new().text(uuid).text(&checkpoint.shard);
            if let Err(failure) = self.checkpoints.remove(&key).await {
                tracing::warn!(%failure, "a checkpoint of a mapping that is gone stays stored");
            }
        }
    }

    /// Removes checkpoints that a crash left of mappings that are gone.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        let mut gone = Batch::new();
        for (stored, _) in self.store.scan(CHECKPOINTS, &Key::new(), None, usize::MAX)? {
            if let Some((texts, _)) = Key::texts(&stored, 2)
                && !self.live.contains_key(&texts[0])
            {
                gone.delete(CHECKPOINTS, Key::new().text(&texts[0]).text(&texts[1]));
            }
        }
        if gone.is_empty() { Ok(()) } else { self.store.commit(gone).await }
    }
}
