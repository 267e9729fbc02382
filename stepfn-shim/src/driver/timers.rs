//! The timers of all executions, in one queue on the service clock.

use std::sync::Arc;

use asl::{Signal, TimerId};

use crate::service::Inner;

/// See the module.
#[derive(Default)]
pub(crate) struct Timers(runtime::Timers<(Arc<str>, TimerId)>);

impl Timers {
    pub(crate) fn add(&self, at: asl::Timestamp, arn: &Arc<str>, timer: TimerId) {
        self.0.add(runtime::Timestamp(at.0), (Arc::clone(arn), timer));
    }

    pub(crate) fn remove(&self, at: asl::Timestamp, arn: &Arc<str>, timer: TimerId) {
        self.0.remove(runtime::Timestamp(at.0), (Arc::clone(arn), timer));
    }

    /// Fires timers until the service is gone.
    pub(crate) fn run(inner: &Arc<Inner>) {
        runtime::Timers::run(
            inner,
            |inner| (&inner.timers.0, &inner.clock),
            |inner, _, (arn, timer)| {
                let inner = Arc::clone(inner);
                tokio::spawn(async move {
                    let fired = match inner.find(&arn) {
                        Ok(Some(running)) => inner.deliver(&running, Signal::TimerFired { timer }).await,
                        Ok(None) => Ok(()),
                        Err(error) => Err(error),
                    };
                    if let Err(error) = fired {
                        tracing::error!(execution = &*arn, %error, "a timer could not be delivered");
                    }
                });
            },
        );
    }
}
