//! The next moments of all executions: each stands in one queue once, with its next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use runtime::Timestamp;

use super::driver;
use crate::service::Inner;

/// See the module.
#[derive(Default)]
pub(crate) struct Timers {
    queue: runtime::Timers<String>,
    set: Mutex<HashMap<String, Timestamp>>,
}

impl Timers {
    fn set_ones(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when something is due of an execution, if anything is.
    pub(crate) fn set(&self, id: &str, at: Option<Timestamp>) {
        let mut set = self.set_ones();
        let before = match at {
            Some(at) => set.insert(id.to_owned(), at),
            None => set.remove(id),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(before, id.to_owned());
        }
        if let Some(at) = at {
            self.queue.add(at, id.to_owned());
        }
    }

    /// Lets moments come until Lambda is gone, or shut down.
    pub(crate) fn run(inner: &Arc<Inner>) {
        runtime::Timers::run(
            inner,
            |inner| (&inner.durable.timers.queue, &inner.clock),
            |inner, at, id| {
                {
                    let mut set = inner.durable.timers.set_ones();
                    if set.get(&id) == Some(&at) {
                        set.remove(&id);
                    }
                }
                if let (false, Some(entry)) = (inner.durable.is_closed(), inner.durable.by_id(&id)) {
                    let inner = Arc::clone(inner);
                    tokio::spawn(async move { driver::elapse(&inner, &entry).await });
                }
            },
        );
    }
}
