//! What was sent to a FIFO queue in the last five minutes: a message that is sent again is accepted and not delivered
//! (SQS Developer Guide, "Exactly-once processing in Amazon SQS").

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_wire::ServiceError;
use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Collection, Key, Store, StoreError, Table};

use crate::{VERSION, line::Sequence, queue::Queue, storage};

const TABLE: Table = Table("sqs.deduplication");
/// For how long a message that is sent again is not delivered.
const INTERVAL: Duration = Duration::from_secs(300);

/// A message that was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The message's id and place, which whoever sends it again is told.
    pub(crate) id: String,
    pub(crate) sequence: Sequence,
    until: Timestamp,
    /// Its own name, to forget it by.
    name: Name,
}

/// What a message is known by: the queue's account, region and name, the group where the queue tells groups apart, and
/// the message's id.
pub(crate) type Name = [String; 5];

/// See the module.
pub(crate) struct Deduplication {
    rows: Collection<Sent>,
    /// When each is to be forgotten.
    ends: Mutex<BTreeSet<(Timestamp, Name)>>,
}

impl Deduplication {
    /// Loads what the store has.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let rows: Collection<Sent> = Collection::load(store, TABLE, VERSION)?;
        let all = rows.page(&Key::new(), None, usize::MAX);
        let ends = all.iter().map(|sent| (sent.until, sent.name.clone())).collect();
        Ok(Self { rows, ends: Mutex::new(ends) })
    }

    fn ends(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, Name)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The message that was sent with the same id lately.
    pub(crate) fn find(&self, name: &Name, now: Timestamp) -> Option<std::sync::Arc<Sent>> {
        self.rows.get(&key(name)).filter(|sent| sent.until > now)
    }

    /// Notes a message that was sent, and forgets those of long ago.
    pub(crate) async fn note(
        &self,
        name: Name,
        (id, sequence): (&str, Sequence),
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let until = now.plus(INTERVAL);
        let sent = Sent { id: id.to_owned(), sequence, until, name: name.clone() };
        self.rows.put(key(&name), sent).await.map_err(storage)?;
        self.ends().insert((until, name));
        self.forget(now).await
    }

    async fn forget(&self, now: Timestamp) -> Result<(), ServiceError> {
        loop {
            let name = {
                let mut ends = self.ends();
                match ends.first() {
                    Some((until, _)) if *until <= now => ends.pop_first().map(|(_, name)| name),
                    _ => None,
                }
            };
            let Some(key) = name.map(|name| key(&name)) else { return Ok(()) };
            // It may have been sent anew since.
            if self.rows.get(&key).is_some_and(|sent| sent.until <= now) {
                self.rows.remove(&key).await.map_err(storage)?;
            }
        }
    }

    /// Forgets all of a queue: it is gone.
    pub(crate) async fn forget_queue(&self, queue: &Queue) -> Result<(), ServiceError> {
        for sent in self.rows.page(&queue.key(), None, usize::MAX) {
            self.ends().remove(&(sent.until, sent.name.clone()));
            self.rows.remove(&key(&sent.name)).await.map_err(storage)?;
        }
        Ok(())
    }
}

fn key(name: &Name) -> Key {
    name.iter().fold(Key::new(), |key, part| key.text(part))
}

/// The name of a message: its id within the queue, or within its group where the queue says so.
pub(crate) fn name(queue: &Queue, group: &str, id: &str) -> Name {
    let of_group = queue.attributes.get("DeduplicationScope").is_some_and(|scope| scope == "messageGroup");
    let group = if of_group { group } else { "" };
    [&queue.account, &queue.region, &queue.name, group, id].map(str::to_owned)
}

/// The id of a message that is known by its content.
pub(crate) fn of_content(body: &str) -> String {
    aws_wire::sigv4::hex(&Sha256::digest(body))
}
