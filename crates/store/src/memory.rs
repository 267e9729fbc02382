//! The engine without a folder: ordered maps, one lock a table.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;

use crate::{
    Key, Table,
    batch::{Batch, Write},
};

type Rows = BTreeMap<Bytes, Bytes>;

/// All tables in memory. A batch locks its tables in the order of their names, so batches are atomic to readers of one
/// table, and never deadlock.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: RwLock<HashMap<Table, Arc<RwLock<Rows>>>>,
}

impl Memory {
    fn table(&self, table: Table) -> Arc<RwLock<Rows>> {
        if let Some(rows) = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&table) {
            return Arc::clone(rows);
        }
        Arc::clone(self.tables.write().unwrap_or_else(PoisonError::into_inner).entry(table).or_default())
    }

    pub(crate) fn apply(&self, batch: Batch) {
        if batch.writes.iter().any(|write| matches!(write, Write::Clear)) {
            self.tables.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        let mut tables: Vec<Table> = batch.writes.iter().filter_map(Write::table).collect();
        tables.sort_unstable();
        tables.dedup();
        let tables: Vec<_> = tables.into_iter().map(|table| (table, self.table(table))).collect();
        let mut locked: Vec<_> = tables
            .iter()
            .map(|(table, rows)| (*table, rows.write().unwrap_or_else(PoisonError::into_inner)))
            .collect();
        for write in batch.writes {
            let table = write.table();
            let Some((_, rows)) = locked.iter_mut().find(|(name, _)| Some(*name) == table) else { continue };
            match write {
                Write::Put(_, key, value) => {
                    rows.insert(key, value);
                }
                Write::Delete(_, key) => {
                    rows.remove(&key);
                }
                Write::DeletePrefix(_, prefix) => delete_prefix(rows, &prefix),
                Write::Clear => {}
            }
        }
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<Bytes> {
        self.table(table).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn scan(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        backwards: bool,
        limit: usize,
    ) -> Vec<(Bytes, Bytes)> {
        let rows = self.table(table);
        let rows = rows.read().unwrap_or_else(PoisonError::into_inner);
        let found = rows.range::<[u8], _>(range).map(|(key, value)| (key.clone(), value.clone()));
        if backwards { found.rev().take(limit).collect() } else { found.take(limit).collect() }
    }
}

fn delete_prefix(rows: &mut Rows, prefix: &Key) {
    let mut from = rows.split_off(prefix.as_bytes());
    if let Some(end) = prefix.end_of_prefix() {
        rows.append(&mut from.split_off(end.as_bytes()));
    }
}
