//! Records of one kind: an ordered map in memory, written through to a table.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Batch, Key, Lanes, Store, StoreError, Table, store::is_empty};

/// All records of one kind, for services whose records are few enough to be held in memory. Reads take a shared lock
/// and copy nothing but an `Arc`; a write is visible when it is durable.
#[derive(Debug)]
pub struct Collection<T> {
    store: Store,
    table: Table,
    version: u32,
    rows: RwLock<BTreeMap<Bytes, Arc<T>>>,
    /// Writes of one key happen one after the other, so that memory ends with what the store ends with.
    writing: Lanes,
}

/// A change of a record that is in a batch and not yet seen.
#[derive(Debug)]
#[must_use = "what is staged is seen only when it is shown"]
pub struct Staged<T> {
    key: Key,
    record: Option<Arc<T>>,
}

/// A record as it is stored: its format's version, then itself.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    record: T,
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// Loads what the store holds. Records of another version than `version` are an error that names it.
    pub fn load(store: &Store, table: Table, version: u32) -> Result<Self, StoreError> {
        let mut rows = BTreeMap::new();
        for (key, value) in store.scan(table, &Key::new(), None, usize::MAX)? {
            let record: Versioned<T> = serde_json::from_slice(&value).map_err(|error| {
                StoreError::Damaged(format!("a record of {} cannot be read: {error}", table.0))
            })?;
            if record.version != version {
                let text = format!("records of {} have version {}, not {version}", table.0, record.version);
                return Err(StoreError::Damaged(text));
            }
            rows.insert(key, Arc::new(record.record));
        }
        Ok(Self { store: store.clone(), table, version, rows: RwLock::new(rows), writing: Lanes::default() })
    }

    /// The record under `key`.
    pub fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.read().get(key.as_bytes()).cloned()
    }

    /// At most `limit` records whose keys begin with `prefix`, in the order of their keys, from behind `after`.
    pub fn page(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Vec<Arc<T>> {
        let end = prefix.end_of_prefix();
        let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
        let after = after.filter(|after| *after >= prefix);
        let from =
            after.map_or(Bound::Included(prefix.as_bytes()), |after| Bound::Excluded(after.as_bytes()));
        if is_empty((from, to)) {
            return Vec::new();
        }
        self.read().range::<[u8], _>((from, to)).take(limit).map(|(_, record)| Arc::clone(record)).collect()
    }

    /// Stores a record and gives it back once it is durable.
    pub async fn put(&self, key: Key, record: T) -> Result<Arc<T>, StoreError> {
        let versioned = Versioned { version: self.version, record };
        let value = serde_json::to_vec(&versioned).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut batch = Batch::new();
        batch.put(self.table, key.clone(), value);
        let _alone = self.writing.turn(&key).await;
        self.store.commit(batch).await?;
        let record = Arc::new(versioned.record);
        self.write().insert(key.into(), Arc::clone(&record));
        Ok(record)
    }

    /// Removes a record and gives it back, if it was there, once its removal is durable.
    pub async fn remove(&self, key: &Key) -> Result<Option<Arc<T>>, StoreError> {
        let mut batch = Batch::new();
        batch.delete(self.table, key.clone());
        let _alone = self.writing.turn(key).await;
        self.store.commit(batch).await?;
        Ok(self.write().remove(key.as_bytes()))
    }

    /// Puts a record into a batch that others share. It is seen once it is [shown](Self::show), which is to be done
    /// when the batch is durable. Whoever changes several records at once sees to it that nobody else changes them.
    pub fn stage(&self, batch: &mut Batch, key: Key, record: T) -> Result<Staged<T>, StoreError> {
        let versioned = Versioned { version: self.version, record };
        let value = serde_json::to_vec(&versioned).map_err(|error| StoreError::Damaged(error.to_string()))?;
        batch.put(self.table, key.clone(), value);
        Ok(Staged { key, record: Some(Arc::new(versioned.record)) })
    }

    /// Puts a record's removal into a batch that others share.
    pub fn stage_removal(&self, batch: &mut Batch, key: Key) -> Staged<T> {
        batch.delete(self.table, key.clone());
        Staged { key, record: None }
    }

    /// Makes a batch durable, whatever tables it is of.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch).await
    }

    /// Lets everybody see what has been staged and is durable.
    pub fn show(&self, staged: Staged<T>) {
        match staged.record {
            Some(record) => drop(self.write().insert(staged.key.into(), record)),
            None => drop(self.write().remove(staged.key.as_bytes())),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Bytes, Arc<T>>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<Bytes, Arc<T>>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Table = Table("test.numbers");

    #[tokio::test]
    async fn records_come_back_in_order_and_after_a_reload() {
        let store = Store::memory();
        let numbers = Collection::<u32>::load(&store, NUMBERS, 1).unwrap();
        for number in [3, 1, 2] {
            numbers.put(Key::new().text("a").number(number.into()), number).await.unwrap();
        }
        numbers.put(Key::new().text("b"), 9).await.unwrap();
        numbers.remove(&Key::new().text("a").number(2)).await.unwrap();
        let reloaded = Collection::<u32>::load(&store, NUMBERS, 1).unwrap();
        let prefix = Key::new().text("a");
        let page: Vec<u32> = reloaded.page(&prefix, None, 10).iter().map(|it| **it).collect();
        assert_eq!(page, [1, 3]);
        let after = prefix.clone().number(1);
        assert_eq!(reloaded.page(&prefix, Some(&after), 10).len(), 1);
        // A position before all that is listed is no position, one behind all is the end.
        assert_eq!(reloaded.page(&Key::new().text("b"), Some(&after), 10).len(), 1);
        assert!(reloaded.page(&prefix, Some(&Key::new().text("z")), 10).is_empty());
        assert!(Collection::<u32>::load(&store, NUMBERS, 2).is_err());
    }

    #[tokio::test]
    async fn changes_of_several_tables_are_seen_when_they_are_durable() {
        const OTHERS: Table = Table("test.others");
        let store = Store::memory();
        let numbers = Collection::<u32>::load(&store, NUMBERS, 1).unwrap();
        let others = Collection::<u32>::load(&store, OTHERS, 1).unwrap();
        numbers.put(Key::new().text("old"), 1).await.unwrap();
        let mut batch = Batch::new();
        let new = numbers.stage(&mut batch, Key::new().text("new"), 2).unwrap();
        let old = numbers.stage_removal(&mut batch, Key::new().text("old"));
        let other = others.stage(&mut batch, Key::new().text("other"), 3).unwrap();
        assert!(
            numbers.get(&Key::new().text("new")).is_none() && others.get(&Key::new().text("other")).is_none()
        );
        numbers.commit(batch).await.unwrap();
        numbers.show(new);
        numbers.show(old);
        others.show(other);
        for (numbers, others) in [
            (numbers, others),
            (Collection::load(&store, NUMBERS, 1).unwrap(), Collection::load(&store, OTHERS, 1).unwrap()),
        ] {
            let all = |of: &Collection<u32>| {
                of.page(&Key::new(), None, 10).iter().map(|it| **it).collect::<Vec<_>>()
            };
            assert_eq!((all(&numbers), all(&others)), (vec![2], vec![3]));
        }
    }
}
