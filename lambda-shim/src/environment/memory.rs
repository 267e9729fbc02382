//! The look at the memory of functions that are at work.
//!
//! One look serves all environments of a pool, and rests when nothing has been at work for a while: a timer of each
//! invocation's own would cost more than the invocation.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::pool::Pool;

/// How often memory is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// How many looks that find nothing at work are the last.
const IDLE_LOOKS: u32 = 40;

impl Pool {
    /// Has the memory of its environments looked at from now on. Called when one of them is at work.
    pub(super) fn watch_memory(self: &Arc<Self>) {
        if self.watched.load(Ordering::SeqCst) || self.watched.swap(true, Ordering::SeqCst) {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut idle = 0;
            while idle < IDLE_LOOKS {
                tokio::time::sleep(LOOK).await;
                let Some(pool) = pool.upgrade() else { return };
                idle = if pool.look_at_memory() { 0 } else { idle + 1 };
                if idle == IDLE_LOOKS {
                    pool.watched.store(false, Ordering::SeqCst);
                    // Who began in between has found it watched.
                    if pool.look_at_memory() && !pool.watched.swap(true, Ordering::SeqCst) {
                        idle = 0;
                    }
                }
            }
        });
    }

    /// Whether any of its environments is at work.
    fn look_at_memory(&self) -> bool {
        self.started().iter().fold(false, |at_work, environment| environment.look_at_memory() | at_work)
    }
}
