//! The handle that everybody holds.

use std::{ops::Bound, path::Path, pin::Pin, sync::Arc, task};

use bytes::Bytes;
use redb::StorageBackend;

use crate::{
    Batch, Blobs, Key, StoreError, Table,
    batch::Write,
    disk::{Disk, Done},
    memory::Memory,
};

/// Storage, as shims see it. Cheap to clone.
///
/// What [`Store::get`] and [`Store::scan`] show has been committed; a batch is visible once its [`Commit`] is done.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    blobs: Blobs,
}

#[derive(Debug, Clone)]
enum Engine {
    Memory(Arc<Memory>),
    Disk(Arc<Disk>),
}

/// A commit under way: resolves when the batch is durable (in memory: at once). Batches commit in the order in which
/// [`Store::commit`] was called, whether or not anybody awaits them.
#[must_use = "nothing may be acted upon or acknowledged before its commit is done"]
pub struct Commit(Progress);

enum Progress {
    Done(Option<Result<(), StoreError>>),
    Waiting(Done),
}

impl Store {
    /// A store that is gone with the process.
    pub fn memory() -> Self {
        Self { engine: Engine::Memory(Arc::default()), blobs: Blobs::memory() }
    }

    /// A store in a folder, which is made if it is not there. What it acknowledged survives the process.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has the folder, [`StoreError::NewerFormat`] if a newer Tule wrote it,
    /// and what the disk says.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let disk = Disk::open(folder)?;
        let blobs = Blobs::folder(&folder.join("blobs"))?;
        Ok(Self { engine: Engine::Disk(Arc::new(disk)), blobs })
    }

    /// A store on a storage backend of the caller's, with its blobs in memory: for tests that cut the power.
    #[doc(hidden)]
    pub fn open_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let disk = Disk::open_backend(backend)?;
        Ok(Self { engine: Engine::Disk(Arc::new(disk)), blobs: Blobs::memory() })
    }

    /// Writes a batch.
    pub fn commit(&self, batch: Batch) -> Commit {
        match &self.engine {
            Engine::Memory(memory) => {
                memory.apply(batch);
                Commit(Progress::Done(Some(Ok(()))))
            }
            Engine::Disk(disk) => Commit(Progress::Waiting(disk.commit(batch))),
        }
    }

    /// Removes everything: all tables at once, then all blobs. Whoever holds records in memory must let them go.
    pub async fn clear(&self) -> Result<(), StoreError> {
        self.commit(Batch { writes: vec![Write::Clear] }).await?;
        self.blobs.clear().await.map_err(StoreError::from)
    }

    /// The value under `key`.
    pub fn get(&self, table: Table, key: &Key) -> Result<Option<Bytes>, StoreError> {
        match &self.engine {
            Engine::Memory(memory) => Ok(memory.get(table, key.as_bytes())),
            Engine::Disk(disk) => disk.get(table, key.as_bytes()),
        }
    }

    /// At most `limit` rows whose keys begin with `prefix`, in the order of their keys, from behind the key `after`
    /// if that is given.
    pub fn scan(
        &self,
        table: Table,
        prefix: &Key,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let end = prefix.end_of_prefix();
        let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
        let after = after.filter(|after| *after >= prefix.as_bytes());
        let from = after.map_or(Bound::Included(prefix.as_bytes()), Bound::Excluded);
        self.range(table, (from, to), false, limit)
    }

    /// The same from the end: the last key first, from before the key `before` if that is given.
    pub fn scan_backwards(
        &self,
        table: Table,
        prefix: &Key,
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let end = prefix.end_of_prefix();
        let before = before.filter(|before| end.as_ref().is_none_or(|end| *before < end.as_bytes()));
        let to = match (before, &end) {
            (Some(before), _) => Bound::Excluded(before),
            (None, Some(end)) => Bound::Excluded(end.as_bytes()),
            (None, None) => Bound::Unbounded,
        };
        self.range(table, (Bound::Included(prefix.as_bytes()), to), true, limit)
    }

    /// Archives, objects and other large values.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    fn range(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        if is_empty(range) {
            return Ok(Vec::new());
        }
        match &self.engine {
            Engine::Memory(memory) => Ok(memory.scan(table, range, backwards, limit)),
            Engine::Disk(disk) => disk.scan(table, range, backwards, limit),
        }
    }
}

/// A range whose end lies before its start (a token of another listing): ordered maps panic at it.
pub(crate) fn is_empty((from, to): (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Excluded(to)) => from >= to,
        (Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

impl Future for Commit {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        match &mut self.0 {
            Progress::Done(result) => task::Poll::Ready(result.take().unwrap_or(Ok(()))),
            Progress::Waiting(done) => Pin::new(done).poll(context).map(|done| {
                done.unwrap_or_else(|_| Err(StoreError::Stopped("the writer has ended".to_owned())))
            }),
        }
    }
}
