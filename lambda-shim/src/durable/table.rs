//! All durable executions there are: found by id and by name, listed by their function in the order of their starts.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use dashmap::DashMap;
use runtime::{Scope, Timestamp};
use store::{Lanes, Store, StoreError};
use tokio::sync::watch;

use super::{
    engine::execution::{Execution, Identity, Progress},
    rows,
    timers::Timers,
};

/// One execution.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) identity: Arc<Identity>,
    state: Mutex<Execution>,
    /// How far it is for all to see: what is not durable yet is shown to nobody.
    shown: RwLock<(u64, Arc<Progress>)>,
    /// Counts changes, in the order in which they are committed.
    changed: AtomicU64,
    /// Becomes true at its end.
    pub(crate) ended: watch::Sender<bool>,
    /// While its function is being invoked: how many checkpoints there were.
    pub(crate) invoked: watch::Sender<Option<u64>>,
}

impl Entry {
    pub(crate) fn new(execution: Execution) -> Arc<Self> {
        let ended = !execution.progress.status.is_open();
        Arc::new(Self {
            identity: Arc::clone(&execution.identity),
            shown: RwLock::new((0, Arc::new(execution.progress.clone()))),
            changed: AtomicU64::new(0),
            state: Mutex::new(execution),
            ended: watch::Sender::new(ended),
            invoked: watch::Sender::new(None),
        })
    }

    /// The execution as it stands. Nobody waits for anything while holding it.
    pub(crate) fn state(&self) -> MutexGuard<'_, Execution> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the execution is, as people see it.
    pub(crate) fn shown(&self) -> Arc<Progress> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// The number of a change that is being committed; taken while the state is held.
    pub(crate) fn next_change(&self) -> u64 {
        self.changed.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Shows what the change of a number came to, now that it is durable.
    pub(crate) fn show(&self, number: u64, progress: Progress) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if number > shown.0 {
            *shown = (number, Arc::new(progress));
        }
    }
}

/// When it started, and its id.
type Place = (Timestamp, String);
/// The executions of a function of a scope.
type OfFunction = BTreeMap<(Scope, String), BTreeMap<Place, Arc<Entry>>>;

/// All executions.
pub(crate) struct Durable {
    pub(crate) timers: Timers,
    /// Held while an execution of a name is made.
    pub(crate) starting: Lanes,
    by_id: DashMap<String, Arc<Entry>>,
    by_name: DashMap<(Scope, String, String), Arc<Entry>>,
    ordered: RwLock<OfFunction>,
    closed: AtomicBool,
}

impl Durable {
    /// Loads what the store has. Nothing goes on before [`super::recover::resume`] says so.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let durable = Self {
            timers: Timers::default(),
            starting: Lanes::default(),
            by_id: DashMap::new(),
            by_name: DashMap::new(),
            ordered: RwLock::default(),
            closed: AtomicBool::new(false),
        };
        rows::load(store, |execution| durable.insert(&Entry::new(execution)))?;
        Ok(durable)
    }

    /// From now on nothing changes any more: what is under way goes on at the next start.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes a new execution in, now that it is stored.
    pub(crate) fn admit(&self, entry: &Arc<Entry>) {
        self.insert(entry);
        let next = entry.state().next_due();
        self.timers.set(&entry.identity.id, next);
    }

    fn insert(&self, entry: &Arc<Entry>) {
        let Identity { function, name, id, started, .. } = &*entry.identity;
        let scope = entry.identity.scope();
        self.by_id.insert(id.clone(), Arc::clone(entry));
        self.by_name.insert((scope.clone(), function.clone(), name.clone()), Arc::clone(entry));
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        let of_function = ordered.entry((scope, function.clone())).or_default();
        of_function.insert((*started, id.clone()), Arc::clone(entry));
    }

    pub(crate) fn remove(&self, entry: &Entry) {
        let Identity { function, name, id, started, .. } = &*entry.identity;
        let scope = entry.identity.scope();
        self.by_id.remove(id);
        self.by_name
            .remove_if(&(scope.clone(), function.clone(), name.clone()), |_, found| found.identity.id == *id);
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        let of = (scope, function.clone());
        if let Some(of_function) = ordered.get_mut(&of) {
            of_function.remove(&(*started, id.clone()));
            if of_function.is_empty() {
                ordered.remove(&of);
            }
        }
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Entry>> {
        self.by_id.get(id).map(|found| Arc::clone(&found))
    }

    /// The execution of an ARN.
    pub(crate) fn by_arn(&self, arn: &str) -> Option<Arc<Entry>> {
        let (_, id) = arn.rsplit_once('/')?;
        self.by_id(id).filter(|found| found.identity.arn() == arn)
    }

    pub(crate) fn by_name(&self, scope: &Scope, function: &str, name: &str) -> Option<Arc<Entry>> {
        let key = (scope.clone(), function.to_owned(), name.to_owned());
        self.by_name.get(&key).map(|found| Arc::clone(&found))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.by_id.iter().map(|found| Arc::clone(&found)).collect()
    }

    /// At most `limit` executions of a function that `wanted` takes, from behind the place `after`: the newest first,
    /// or the oldest.
    pub(crate) fn list(
        &self,
        (scope, function): (&Scope, &str),
        after: Option<&Place>,
        limit: usize,
        oldest_first: bool,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Vec<Arc<Entry>> {
        let ordered = self.ordered.read().unwrap_or_else(PoisonError::into_inner);
        let Some(all) = ordered.get(&(scope.clone(), function.to_owned())) else { return Vec::new() };
        let wanted = |entry: &&Arc<Entry>| wanted(entry);
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        if oldest_first {
            let range = all.range::<Place, _>((after, Bound::Unbounded));
            range.map(|(_, entry)| entry).filter(wanted).take(limit).cloned().collect()
        } else {
            let range = all.range::<Place, _>((Bound::Unbounded, after));
            range.rev().map(|(_, entry)| entry).filter(wanted).take(limit).cloned().collect()
        }
    }
}
