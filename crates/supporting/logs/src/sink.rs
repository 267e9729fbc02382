//! The typed way in, for Tule's own services: no request, no JSON, no waiting.

use std::sync::{Arc, OnceLock};

use runtime::{LogSink, Scope, Timestamp};

use crate::{
    Logs,
    group::GroupRecord,
    service::Inner,
    stream::{Event, LogStream},
    token::Position,
};

struct Writer {
    logs: Arc<Inner>,
    scope: Scope,
    group: String,
    stream: String,
    /// The stream, once it was written to.
    place: OnceLock<Arc<LogStream>>,
}

impl LogSink for Logs {
    fn stream(&self, scope: &Scope, group: &str, stream: &str) -> Arc<dyn runtime::LogStream> {
        Arc::new(Writer {
            logs: Arc::clone(&self.0),
            scope: scope.clone(),
            group: group.to_owned(),
            stream: stream.to_owned(),
            place: OnceLock::new(),
        })
    }
}

impl runtime::LogStream for Writer {
    fn write(&self, at: Timestamp, message: String) {
        let stream = self.place.get_or_init(|| self.make());
        let at = Position { millis: at.millis(), number: self.logs.next_number() };
        stream.add(Event { at, ingested: self.logs.clock.now(), message: message.into() });
        self.logs.make_room();
    }
}

impl Writer {
    fn make(&self) -> Arc<LogStream> {
        let now = self.logs.clock.now();
        let group = loop {
            if let Ok(group) = self.logs.group(&self.scope, &self.group) {
                break group;
            }
            let record = GroupRecord::new(now);
            if let Some(group) = self.logs.add_group(&self.scope, &self.group, record)
                && let Ok(batch) = self.logs.put_group(&self.scope, &group)
            {
                // Nobody waits for this one: the group is made again with the next event if it is lost.
                drop(self.logs.store.commit(batch));
            }
        };
        group.expire(now);
        group.stream_or_new(&self.stream, now, false).0
    }
}
