//! What is written together, or not at all.

use bytes::Bytes;

use crate::Key;

/// A table, by its name. Each shim declares its own as constants, named `SERVICE.records`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(pub &'static str);

/// Writes that become visible and durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(crate) writes: Vec<Write>,
}

#[derive(Debug, Clone)]
pub(crate) enum Write {
    Put(Table, Bytes, Bytes),
    Delete(Table, Bytes),
    DeletePrefix(Table, Key),
    /// Everything in every table.
    Clear,
}

impl Write {
    /// The table it is about; `None` if it is about all.
    pub(crate) fn table(&self) -> Option<Table> {
        match self {
            Self::Put(table, ..) | Self::Delete(table, _) | Self::DeletePrefix(table, _) => Some(*table),
            Self::Clear => None,
        }
    }
}

impl Batch {
    /// A batch of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `key`, replacing what was there.
    pub fn put(&mut self, table: Table, key: Key, value: impl Into<Bytes>) -> &mut Self {
        self.writes.push(Write::Put(table, key.into(), value.into()));
        self
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, table: Table, key: Key) -> &mut Self {
        self.writes.push(Write::Delete(table, key.into()));
        self
    }

    /// Removes all keys that begin with `prefix`.
    pub fn delete_prefix(&mut self, table: Table, prefix: Key) -> &mut Self {
        self.writes.push(Write::DeletePrefix(table, prefix));
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Adds the writes of `other` behind its own.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.writes.append(&mut other.writes);
        self
    }
}
