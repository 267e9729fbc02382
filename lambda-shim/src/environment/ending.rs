//! The end of an execution environment: at once without extensions, in order with them.
//!
//! AWS's order and budgets (the Runtime Interface Emulator's shutdown): the runtime gets SIGTERM and 30 % of the time,
//! then the extensions the SHUTDOWN event and the rest, then everything is killed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{
    running::{Environment, wait_for_exit},
    telemetry::Telemetry,
};
use crate::{
    executor::{Running, Signal},
    runtime_api::{extensions::Reason, session::Session},
};

/// With extensions that have a process of their own.
const WITH_EXTERNAL: Duration = Duration::from_millis(2000);
/// With those in the runtime's process alone.
const WITH_INTERNAL: Duration = Duration::from_millis(500);
/// The runtime's part of it.
const RUNTIME_SHARE: f64 = 0.3;

impl Environment {
    /// Ends it, once and for all.
    pub(super) fn end(&self, reason: Reason) {
        if !self.alive.swap(false, Ordering::AcqRel) {
            return;
        }
        self.finish(false);
        let in_order = self.session.has_extensions().then(|| self.me.upgrade()).flatten();
        self.session.close();
        match (in_order, tokio::runtime::Handle::try_current()) {
            (Some(me), Ok(runtime)) => {
                let ending = self.pool.upgrade().map(|pool| pool.host.ending());
                runtime.spawn(async move {
                    shut_down(&me.session, &*me.running, &me.log.telemetry, reason).await;
                    drop(ending);
                });
            }
            _ => self.running.stop(),
        }
        if let Some(pool) = self.pool.upgrade() {
            pool.forget(self);
        }
    }

    /// Its runtime or an extension of its has ended, or is about to: no request goes there any more. An invocation that
    /// is under way reports itself and ends it.
    pub(super) fn broke(&self) {
        if self.session.is_at_work() {
            self.session.close();
        } else {
            self.end(Reason::Failure);
        }
    }

    /// Ends what has never come to be an environment.
    pub(super) async fn abandon(
        session: Arc<Session>,
        running: Box<dyn Running>,
        telemetry: &Arc<Telemetry>,
        reason: Reason,
    ) {
        let in_order = session.has_extensions();
        session.close();
        if in_order {
            shut_down(&session, &*running, telemetry, reason).await;
        }
        running.stop();
        running.drain();
    }
}

async fn shut_down(session: &Session, running: &dyn Running, telemetry: &Telemetry, reason: Reason) {
    let budget = if session.has_external_extensions() { WITH_EXTERNAL } else { WITH_INTERNAL };
    let (began, end) = (Instant::now(), Instant::now() + budget);
    if running.exit().borrow().is_none() {
        running.signal(Signal::Terminate);
        let share = budget.mul_f64(RUNTIME_SHARE);
        if tokio::time::timeout(share, wait_for_exit(running.exit(), Duration::MAX)).await.is_err() {
            running.signal(Signal::Kill);
        }
    }
    running.drain();
    // What was said until now is there before the event is.
    telemetry.flush(budget.mul_f64(RUNTIME_SHARE)).await;
    let left = end.saturating_duration_since(Instant::now());
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + left;
    session.end(reason, u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    if tokio::time::timeout_at(end, session.extensions_ended()).await.is_err() {
        tracing::debug!(elapsed = ?began.elapsed(), "extensions did not end in time");
    }
    running.drain();
    running.stop();
}
