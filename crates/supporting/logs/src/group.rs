//! Log groups, kept in the order of their names.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{room::Room, stream::LogStream};

/// What is stored of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) format: u32,
    pub(crate) created: Timestamp,
    pub(crate) retention_days: Option<u32>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Shown again and without effect here: there are no keys.
    pub(crate) kms_key: Option<String>,
    /// `STANDARD` and the like; shown again.
    pub(crate) class: String,
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    record: RwLock<GroupRecord>,
    streams: RwLock<BTreeMap<Arc<str>, Arc<LogStream>>>,
    room: Room,
}

impl Group {
    pub(crate) fn new(name: &str, record: GroupRecord, room: Room) -> Self {
        Self { name: name.into(), record: RwLock::new(record), streams: RwLock::default(), room }
    }

    pub(crate) fn record(&self) -> GroupRecord {
        self.record.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn edit(&self, change: impl FnOnce(&mut GroupRecord)) {
        change(&mut self.record.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn streams(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Arc<LogStream>>> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stream(&self, name: &str) -> Option<Arc<LogStream>> {
        self.streams().get(name).cloned()
    }

    /// The stream of a name, made at `now` if there is none; whether it was made. `lasts` is whether a new one stays
    /// without events.
    pub(crate) fn stream_or_new(&self, name: &str, now: Timestamp, lasts: bool) -> (Arc<LogStream>, bool) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get(name) {
            return (Arc::clone(stream), false);
        }
        let stream = Arc::new(LogStream::new(now, lasts, &self.room));
        streams.insert(name.into(), Arc::clone(&stream));
        (stream, true)
    }

    pub(crate) fn remove_stream(&self, name: &str) -> bool {
        let removed = self.streams.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        removed.inspect(|stream| stream.delete()).is_some()
    }

    /// Deletes all streams.
    pub(crate) fn clear(&self) {
        let streams = std::mem::take(&mut *self.streams.write().unwrap_or_else(PoisonError::into_inner));
        streams.values().for_each(|stream| stream.delete());
    }

    /// Forgets streams that have nothing left and that nobody writes to.
    pub(crate) fn forget_spent(&self) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, stream| !stream.is_spent() || Arc::strong_count(stream) > 1);
    }

    /// Before when events have expired, in milliseconds.
    pub(crate) fn cutoff(&self, now: Timestamp) -> i64 {
        let days = self.record.read().unwrap_or_else(PoisonError::into_inner).retention_days;
        days.map_or(i64::MIN, |days| now.millis().saturating_sub(i64::from(days) * 86_400_000))
    }

    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`.
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        scope.arn("logs", &format!("log-group:{}", self.name))
    }
}

impl GroupRecord {
    /// A group with nothing set.
    pub(crate) fn new(created: Timestamp) -> Self {
        Self {
            format: 1,
            created,
            retention_days: None,
            tags: BTreeMap::new(),
            kms_key: None,
            class: "STANDARD".to_owned(),
        }
    }
}

impl Group {
    /// Forgets what the retention policy says.
    pub(crate) fn expire(&self, now: Timestamp) {
        let cutoff = self.cutoff(now);
        if cutoff > i64::MIN {
            for stream in self.streams().values() {
                stream.expire(cutoff);
            }
        }
    }
}
