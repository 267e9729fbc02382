//! The inputs of a Map Run's children, kept in pages: few are in memory at a time.

use std::sync::Arc;

use asl::{Payload, map_run::ChildInput};
use aws_wire::ServiceError;
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Store};

use super::actor::index_of;
use crate::{
    errors,
    records::{self, MapRunKey},
};

/// How many inputs a page has at most, and about how many bytes.
const INPUTS: usize = 256;
const BYTES: usize = 256 * 1024;

/// A page as it is stored.
#[derive(Serialize, Deserialize)]
struct Page {
    inputs: Vec<(u64, Payload)>,
}

/// Collects inputs, and stores them page by page.
pub(super) struct PageWriter<'s> {
    store: &'s Store,
    key: &'s MapRunKey,
    page: Vec<(u64, Payload)>,
    bytes: usize,
    /// The index of the first input of the page.
    first: u64,
    /// How many items there are in all inputs.
    items: u64,
}

impl<'s> PageWriter<'s> {
    pub(super) fn new(store: &'s Store, key: &'s MapRunKey) -> Self {
        Self { store, key, page: Vec::new(), bytes: 0, first: 0, items: 0 }
    }

    pub(super) async fn add(&mut self, input: ChildInput) -> Result<(), ServiceError> {
        self.items += input.items;
        self.bytes += input.input.text().len();
        self.page.push((input.items, input.input));
        if self.page.len() >= INPUTS || self.bytes >= BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), ServiceError> {
        let page = Page { inputs: std::mem::take(&mut self.page) };
        let mut batch = Batch::new();
        batch.put(records::MAP_INPUTS, self.key.child(self.first), records::write(&page)?);
        self.first += page.inputs.len() as u64;
        self.bytes = 0;
        self.store.commit(batch).await.map_err(errors::storage)
    }

    /// How many children and items there are.
    pub(super) async fn finish(mut self) -> Result<(u64, u64), ServiceError> {
        if !self.page.is_empty() {
            self.flush().await?;
        }
        Ok((self.first, self.items))
    }
}

/// Finds inputs again, one page in memory.
pub(super) struct Pages {
    key: MapRunKey,
    first: u64,
    page: Vec<(u64, Payload)>,
}

impl Pages {
    pub(super) fn of(key: &MapRunKey) -> Self {
        Self { key: key.clone(), first: 0, page: Vec::new() }
    }

    /// The number of items and the input of a child.
    pub(super) fn get(&mut self, store: &Store, index: u64) -> Result<(u64, Payload), ServiceError> {
        if !(self.first..self.first + self.page.len() as u64).contains(&index) {
            self.load(store, index)?;
        }
        let place = usize::try_from(index.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        self.page.get(place).cloned().ok_or_else(|| errors::damaged("a Map Run's items"))
    }

    fn load(&mut self, store: &Store, index: u64) -> Result<(), ServiceError> {
        let prefix = self.key.key();
        let behind = self.key.child(index.saturating_add(1));
        let found = store.scan_backwards(records::MAP_INPUTS, &prefix, Some(Key::as_bytes(&behind)), 1);
        let found = found.map_err(errors::storage)?;
        let (place, value) = found.first().ok_or_else(|| errors::damaged("a Map Run's items"))?;
        self.first = index_of(place, &prefix).ok_or_else(|| errors::damaged("a Map Run's items"))?;
        self.page = records::read::<Page>(value, "a Map Run's items")?.inputs;
        Ok(())
    }
}

/// The name of a child, and the last part of its ARN if it is an Express execution: the same whenever they are asked for.
pub(super) fn name_of(seed: u64, index: u64) -> (Arc<str>, Arc<str>) {
    let seed = asl::Seed::new(seed ^ asl::Seed::new(index).next());
    (seed.uuid().into(), seed.uuid().into())
}
