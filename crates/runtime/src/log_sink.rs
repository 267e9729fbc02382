//! The typed way to CloudWatch Logs, for what a service writes on its own: Lambda's function logs, access logs,
//! execution logs.

use std::sync::Arc;

use crate::{Scope, Timestamp};

/// CloudWatch Logs, as other services write to it.
pub trait LogSink: Send + Sync {
    /// A stream to write to. The group and the stream are made with the first event, if they are not there.
    fn stream(&self, scope: &Scope, group: &str, stream: &str) -> Arc<dyn LogStream>;
}

/// One log stream. Writing neither waits nor fails: a stream keeps what it has room for.
pub trait LogStream: Send + Sync {
    /// Adds an event.
    fn write(&self, at: Timestamp, message: String);
}
