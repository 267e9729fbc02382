//! Tumbling windows: the state that invocations hand on while a window is open.

use std::time::Duration;

use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A larger state ends its window early.
const STATE_LIMIT: usize = 1024 * 1024;
/// How long after its end a window waits for records that were written in time.
const GRACE: Duration = Duration::from_secs(1);

/// A window that has had records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) start: Timestamp,
    pub(crate) state: Value,
    /// Its state has grown too large: it ends at the next chance.
    pub(crate) early: bool,
}

/// What an invocation is told of its window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowCall {
    pub(crate) window: Window,
    pub(crate) length: Duration,
    /// The window's last invocation: without records, to do something with the state.
    pub(crate) last: bool,
}

/// The beginning of the window that a moment is in.
pub(crate) fn start_of(at: Timestamp, length: Duration) -> Timestamp {
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp(at.millis().div_euclid(length) * length)
}

impl Window {
    pub(crate) fn opened(start: Timestamp) -> Self {
        Self { start, state: json!({}), early: false }
    }

    /// When it ends for good, where no later record ends it.
    pub(crate) fn closes(&self, length: Duration) -> Timestamp {
        self.start.plus(length).plus(GRACE)
    }

    /// The window after an invocation; `None` where the answer has no state, which is a failure.
    pub(crate) fn after(&self, answer: &Value) -> Option<Self> {
        let state = answer.get("state").filter(|state| state.is_object())?.clone();
        let early = state.to_string().len() > STATE_LIMIT;
        Some(Self { start: self.start, state, early })
    }
}

impl WindowCall {
    /// The members that an event has for it.
    pub(crate) fn members(&self, shard: &str, arn: &str) -> Value {
        // AWS leaves the fraction out.
        let shown = |at: Timestamp| at.rfc3339().replace(".000Z", "Z");
        let start = self.window.start;
        json!({
            "window": {"start": shown(start), "end": shown(start.plus(self.length))},
            "state": self.window.state,
            "shardId": shard,
            "eventSourceARN": arn,
            "isFinalInvokeForWindow": self.last,
            "isWindowTerminatedEarly": self.window.early,
        })
    }
}
