//! All functions there are: found by name without a common lock, listed in order, written through the store before
//! anybody is told.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64},
    },
};

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::Scope;
use store::{Batch, Key, Store, StoreError, Table};
use tokio::sync::watch;

use super::record::{Function, RECORD_VERSION};
use crate::{
    environment::pool::Pool,
    error,
    invoke::{
        concurrency::{Account, UnderWay},
        lineage,
        tenant::TenantPools,
    },
};

const FUNCTIONS: Table = Table("lambda.functions");

/// The table of functions.
pub(crate) struct FunctionTable {
    store: Store,
    by_name: DashMap<(Scope, Arc<str>), Arc<Entry>>,
    /// The same in order, for lists.
    ordered: RwLock<BTreeMap<Scope, Ordered>>,
    accounts: DashMap<Scope, Arc<Account>>,
    /// Function URLs by their id: the function, and the alias that the URL belongs to.
    urls: DashMap<String, (Arc<Entry>, Option<String>)>,
}

type Ordered = BTreeMap<Arc<str>, Arc<Entry>>;

/// One function: its record, and what runs it.
pub(crate) struct Entry {
    pub(crate) scope: Scope,
    pub(crate) name: Arc<str>,
    current: RwLock<Arc<Function>>,
    /// Held while the record is changed and stored.
    writing: tokio::sync::Mutex<()>,
    /// Counts changes, for those who wait for a state.
    changed: watch::Sender<u64>,
    /// Environments, by version.
    pub(crate) pools: Mutex<HashMap<String, Arc<Pool>>>,
    /// The same of functions that are isolated by tenants.
    pub(crate) tenants: Mutex<TenantPools>,
    /// Invocations under way.
    pub(crate) under_way: UnderWay,
    /// What it shares with the account's other functions.
    pub(crate) account: Arc<Account>,
    /// What it is counted by in chains of invocations.
    pub(crate) lineage: String,
    /// Counts invocations through aliases, for weighted routing.
    pub(crate) routed: AtomicU64,
    /// Set once it has been said that its URL would be closed on AWS.
    pub(crate) warned_of_url: AtomicBool,
}

impl Entry {
    fn new(scope: Scope, name: &str, function: Function, account: Arc<Account>) -> Self {
        let lineage = lineage::hash(&super::name::arn(&scope, name, None));
        Self {
            scope,
            lineage,
            name: name.into(),
            current: RwLock::new(Arc::new(function)),
            writing: tokio::sync::Mutex::new(()),
            changed: watch::Sender::new(0),
            pools: Mutex::default(),
            tenants: Mutex::default(),
            under_way: UnderWay::default(),
            account,
            routed: AtomicU64::new(0),
            warned_of_url: AtomicBool::new(false),
        }
    }

    /// The record as it stands.
    pub(crate) fn function(&self) -> Arc<Function> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `settled` says so of the record; ends early when the function is deleted.
    pub(crate) async fn wait_until(&self, settled: impl Fn(&Function) -> bool) -> Arc<Function> {
        let mut changes = self.changed.subscribe();
        loop {
            let function = self.function();
            if settled(&function) || changes.changed().await.is_err() {
                return function;
            }
        }
    }

    /// Takes the environments of all versions out, to be stopped.
    pub(crate) fn take_pools(&self) -> Vec<Arc<Pool>> {
        let tenants = std::mem::take(&mut *self.tenants.lock().unwrap_or_else(PoisonError::into_inner));
        let pools = std::mem::take(&mut *self.pools.lock().unwrap_or_else(PoisonError::into_inner));
        pools.into_values().chain(tenants.into_values()).collect()
    }

    /// Takes the environments of one version out, to be stopped.
    pub(crate) fn take_version(&self, version: &str) -> Vec<Arc<Pool>> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tenants.extract_if(|(of, _), _| of == version).map(|(_, pool)| pool);
        let own: Vec<_> = own.collect();
        let shared = self.pools.lock().unwrap_or_else(PoisonError::into_inner).remove(version);
        own.into_iter().chain(shared).collect()
    }

    fn set(&self, function: Function) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(function);
        self.changed.send_modify(|count| *count += 1);
    }
}

impl FunctionTable {
    /// Loads what the store has.
    pub(crate) fn load(store: Store) -> Result<Self, StoreError> {
        let table = Self {
            store,
            by_name: DashMap::new(),
            ordered: RwLock::default(),
            accounts: DashMap::new(),
            urls: DashMap::new(),
        };
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let rows = table.store.scan(FUNCTIONS, &Key::new(), after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(table) };
            after = Some(last.clone());
            for (key, value) in &rows {
                let (texts, _) = Key::texts(key, 3).ok_or_else(|| damaged("a key of lambda.functions"))?;
                let function: Function =
                    serde_json::from_slice(value).map_err(|error| damaged(&error.to_string()))?;
                if function.format > RECORD_VERSION {
                    return Err(damaged("a function's record was written by a newer Tule"));
                }
                let scope = Scope::new(&texts[0], &texts[1]);
                let account = table.account(&scope);
                account.replace(None, Some(&function));
                table.place(Arc::new(Entry::new(scope, &texts[2], function, account)));
            }
        }
    }

    fn account(&self, scope: &Scope) -> Arc<Account> {
        Arc::clone(&self.accounts.entry(scope.clone()).or_default())
    }

    /// The function of a name.
    pub(crate) fn get(&self, scope: &Scope, name: &str) -> Option<Arc<Entry>> {
        self.by_name.get(&(scope.clone(), Arc::from(name))).map(|entry| Arc::clone(entry.value()))
    }

    /// The function and the alias that a function URL belongs to.
    pub(crate) fn by_url(&self, id: &str) -> Option<(Arc<Entry>, Option<String>)> {
        self.urls.get(id).map(|found| found.value().clone())
    }

    /// Brings the URLs found by id in line with a record that has changed.
    fn index_urls(&self, entry: &Entry, before: &Function, after: &Function) {
        if before.urls == after.urls {
            return;
        }
        for url in before.urls.values() {
            self.urls.remove(&url.id);
        }
        if let Some(entry) = self.get(&entry.scope, &entry.name) {
            self.place_urls(&entry, after);
        }
    }

    fn place_urls(&self, entry: &Arc<Entry>, function: &Function) {
        for (alias, url) in &function.urls {
            let alias = Some(alias.clone()).filter(|alias| !alias.is_empty());
            self.urls.insert(url.id.clone(), (Arc::clone(entry), alias));
        }
    }

    /// Whether any version of any function has a layer's version.
    pub(crate) fn refers_to_layer(&self, arn: &str) -> bool {
        self.by_name.iter().any(|entry| entry.function().layers().any(|layer| layer == arn))
    }

    /// Everything there is, for start-up and shutdown.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.by_name.iter().map(|entry| Arc::clone(entry.value())).collect()
    }

    /// At most `limit` functions behind the name `after`.
    pub(crate) fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Arc<Entry>> {
        let ordered = self.ordered.read().unwrap_or_else(PoisonError::into_inner);
        let Some(functions) = ordered.get(scope) else { return Vec::new() };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        functions
            .range::<str, _>((from, Bound::Unbounded))
            .take(limit)
            .map(|(_, entry)| Arc::clone(entry))
            .collect()
    }

    /// Adds a function, unless there is one of its name.
    pub(crate) async fn insert(
        &self,
        scope: &Scope,
        name: &str,
        function: Function,
    ) -> Result<Arc<Entry>, ServiceError> {
        let entry = Arc::new(Entry::new(scope.clone(), name, function, self.account(scope)));
        let taken = || error::conflict(format!("Function already exist: {name}"));
        match self.by_name.entry((scope.clone(), Arc::clone(&entry.name))) {
            dashmap::Entry::Occupied(_) => return Err(taken()),
            dashmap::Entry::Vacant(place) => {
                place.insert(Arc::clone(&entry));
            }
        }
        if let Err(failure) = self.write(&entry, &entry.function()).await {
            self.by_name.remove(&(scope.clone(), Arc::clone(&entry.name)));
            return Err(failure);
        }
        self.place(Arc::clone(&entry));
        Ok(entry)
    }

    /// Changes a function's record. What `change` answers is passed on once the record is stored; where it refuses,
    /// nothing has changed.
    pub(crate) async fn update<T>(
        &self,
        entry: &Entry,
        change: impl FnOnce(&mut Function) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let _writing = entry.writing.lock().await;
        if !self.holds(entry) {
            return Err(error::function_not_found(&super::name::arn(&entry.scope, &entry.name, None)));
        }
        let mut function = Function::clone(&entry.function());
        let answer = change(&mut function)?;
        self.write(entry, &function).await?;
        self.index_urls(entry, &entry.function(), &function);
        entry.account.replace(Some(&entry.function()), Some(&function));
        entry.set(function);
        Ok(answer)
    }

    /// Removes a function; `false` if it was gone already.
    pub(crate) async fn remove(&self, entry: &Entry) -> Result<bool, ServiceError> {
        let _writing = entry.writing.lock().await;
        if !self.holds(entry) {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.delete(FUNCTIONS, key(entry));
        self.store.commit(batch).await.map_err(error::storage)?;
        self.by_name.remove(&(entry.scope.clone(), Arc::clone(&entry.name)));
        for url in entry.function().urls.values() {
            self.urls.remove(&url.id);
        }
        entry.account.replace(Some(&entry.function()), None);
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(functions) = ordered.get_mut(&entry.scope) {
            functions.remove(&entry.name);
        }
        Ok(true)
    }

    /// Whether `entry` is still the function of its name, not one deleted or made anew.
    fn holds(&self, entry: &Entry) -> bool {
        self.get(&entry.scope, &entry.name).is_some_and(|current| std::ptr::eq(&raw const *current, entry))
    }

    async fn write(&self, entry: &Entry, function: &Function) -> Result<(), ServiceError> {
        let value = serde_json::to_vec(function).map_err(|error| error::service(error.to_string()))?;
        let mut batch = Batch::new();
        batch.put(FUNCTIONS, key(entry), value);
        self.store.commit(batch).await.map_err(error::storage)
    }

    fn place(&self, entry: Arc<Entry>) {
        self.by_name.insert((entry.scope.clone(), Arc::clone(&entry.name)), Arc::clone(&entry));
        self.place_urls(&entry, &entry.function());
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        ordered.entry(entry.scope.clone()).or_default().insert(Arc::clone(&entry.name), entry);
    }
}

fn key(entry: &Entry) -> Key {
    Key::new().text(&entry.scope.account).text(&entry.scope.region).text(&entry.name)
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}
