//! Turns for those who read a record, decide, and write it: one at a time for each key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::{Mutex, MutexGuard};

use crate::Key;

/// More lanes let more keys be changed side by side; two keys may share one.
const COUNT: usize = 64;

/// Locks by key. Who holds a turn must not ask the same `Lanes` for another: both keys may be in one lane.
#[derive(Debug)]
pub struct Lanes([Mutex<()>; COUNT]);

impl Default for Lanes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Lanes {
    /// Waits until nobody else has the turn of `key`.
    pub async fn turn(&self, key: &Key) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.as_bytes().hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % COUNT as u64).unwrap_or_default();
        self.0[lane].lock().await
    }
}
