//! The engine with a folder: redb, one writer, group commit.
//!
//! All batches that wait when the writer comes round share one transaction and its syncs. A transaction that fails
//! fails all its batches, and no later batch is written: a sync that failed once cannot be trusted to succeed later.
//!
//! Commits are in one phase (checksums tell a torn commit), which needs half of the syncs that two phases need.
//! `tests/crash.rs` chose: it cuts the power at every write and again inside of recovery; in 600 runs of work with one
//! phase every image opened and nothing acknowledged was lost.

use std::{
    ops::Bound,
    path::Path,
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use bytes::Bytes;
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition, TableError,
};
use tokio::sync::oneshot;

use crate::{Batch, StoreError, Table, batch::Write};

/// The format of what is stored. A folder of a newer one is refused.
pub(crate) const FORMAT: u32 = 1;
const META: TableDefinition<'static, &str, u32> = TableDefinition::new("tule.meta");

/// redb's own default is 1 GiB.
const CACHE_BYTES: usize = 32 << 20;
/// Batches that share a transaction at most.
const GROUP: usize = 1_024;
/// Batches that may wait; then callers wait with them.
const QUEUE: usize = 65_536;

/// Done with, and how.
pub(crate) type Done = oneshot::Receiver<Result<(), StoreError>>;

#[derive(Debug)]
pub(crate) struct Disk {
    database: Arc<Database>,
    jobs: mpsc::SyncSender<Job>,
    stopped: Arc<OnceLock<StoreError>>,
    writer: Option<thread::JoinHandle<()>>,
}

struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<(), StoreError>>,
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.0)
}

fn damaged(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => error.into(),
        other => StoreError::Damaged(other.to_string()),
    }
}

impl Disk {
    /// Opens or makes the database in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let shown = || folder.display().to_string();
        let opened = Builder::new().set_cache_size(CACHE_BYTES).create(folder.join("tule.redb"));
        let database = opened.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { folder: shown() },
            other => damaged(other),
        })?;
        Self::start(database, &shown())
    }

    /// Opens a database on a backend of the caller's; for tests of crashes.
    pub(crate) fn open_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let database =
            Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(backend).map_err(damaged)?;
        Self::start(database, "(test)")
    }

    fn start(database: Database, folder: &str) -> Result<Self, StoreError> {
        check_format(&database, folder)?;
        let database = Arc::new(database);
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let stopped = Arc::new(OnceLock::new());
        let writer = thread::Builder::new().name("store-writer".to_owned()).spawn({
            let (database, stopped) = (Arc::clone(&database), Arc::clone(&stopped));
            move || write_jobs(&database, &waiting, &stopped)
        })?;
        Ok(Self { database, jobs, stopped, writer: Some(writer) })
    }

    /// Hands a batch to the writer. The answer comes when it is durable.
    pub(crate) fn commit(&self, batch: Batch) -> Done {
        let (done, receiver) = oneshot::channel();
        if let Err(mpsc::SendError(job)) = self.jobs.send(Job { batch, done }) {
            let gone = StoreError::Stopped("the writer has ended".to_owned());
            let _ = job.done.send(Err(self.stopped.get().cloned().unwrap_or(gone)));
        }
        receiver
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let transaction = self.database.begin_read().map_err(damaged)?;
        let rows = match transaction.open_table(definition(table)) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        let found = rows.get(key).map_err(damaged)?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(crate) fn scan(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let transaction = self.database.begin_read().map_err(damaged)?;
        let rows = match transaction.open_table(definition(table)) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(damaged(error)),
        };
        let mut found = rows.range::<&[u8]>(range).map_err(damaged)?;
        let mut page = Vec::new();
        while page.len() < limit {
            let Some(row) = (if backwards { found.next_back() } else { found.next() }) else { break };
            let (key, value) = row.map_err(damaged)?;
            page.push((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())));
        }
        Ok(page)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The writer ends when the last sender is gone, after what is queued; then the file's lock can go.
        let (unused, _) = mpsc::sync_channel(0);
        drop(std::mem::replace(&mut self.jobs, unused));
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn check_format(database: &Database, folder: &str) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(damaged)?;
    {
        let mut meta = transaction.open_table(META).map_err(damaged)?;
        let found = meta.get("format").map_err(damaged)?.map(|format| format.value());
        match found {
            Some(found) if found > FORMAT => {
                return Err(StoreError::NewerFormat { folder: folder.to_owned(), found, known: FORMAT });
            }
            Some(FORMAT) => return Ok(()),
            _ => drop(meta.insert("format", FORMAT).map_err(damaged)?),
        }
    }
    transaction.commit().map_err(damaged)
}

fn write_jobs(database: &Database, waiting: &mpsc::Receiver<Job>, stopped: &OnceLock<StoreError>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let result = match stopped.get() {
            Some(error) => Err(error.clone()),
            None => write_group(database, group.iter().map(|job| &job.batch)),
        };
        if let Err(error) = &result {
            let stop = StoreError::Stopped(error.to_string());
            if stopped.set(stop).is_ok() {
                tracing::error!(%error, "the data folder takes no more writes");
            }
        }
        for job in group {
            // Nobody may be waiting any more; the batch is written all the same.
            let _ = job.done.send(result.clone());
        }
    }
}

fn write_group<'b>(database: &Database, batches: impl Iterator<Item = &'b Batch>) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(damaged)?;
    for write in batches.flat_map(|batch| &batch.writes) {
        match write {
            Write::Put(table, key, value) => {
                let mut rows = transaction.open_table(definition(*table)).map_err(damaged)?;
                rows.insert(&**key, &**value).map_err(damaged)?;
            }
            Write::Delete(table, key) => {
                let mut rows = transaction.open_table(definition(*table)).map_err(damaged)?;
                rows.remove(&**key).map_err(damaged)?;
            }
            Write::DeletePrefix(table, prefix) => {
                let mut rows = transaction.open_table(definition(*table)).map_err(damaged)?;
                let end = prefix.end_of_prefix();
                let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
                let range = (Bound::Included(prefix.as_bytes()), to);
                rows.retain_in::<&[u8], _>(range, |_, _| false).map_err(damaged)?;
            }
        }
    }
    transaction.commit().map_err(damaged)
}
