//! The history that users see: events as the API answers them, kept as they were made.

use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::operation::ErrorObject;

/// An event. Its members are those of the API, with their payloads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Event(pub(crate) Map<String, Value>);

impl Event {
    pub(crate) fn new(
        id: u64,
        kind: &'static str,
        at: Timestamp,
        mut members: Map<String, Value>,
        details: Value,
    ) -> Self {
        members.insert("EventType".into(), kind.into());
        members.insert("EventId".into(), id.into());
        members.insert("EventTimestamp".into(), at.epoch_seconds().into());
        members.insert(format!("{kind}Details"), details);
        Self(members)
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.get("EventId").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The event without payloads: what was left out is said to be.
    pub(crate) fn without_data(mut self) -> Self {
        for (name, details) in &mut self.0 {
            let Some(details) = details.as_object_mut().filter(|_| name.ends_with("Details")) else {
                continue;
            };
            for name in ["Input", "Result", "Error", "Reason"] {
                if let Some(data) = details.get_mut(name)
                    && data.get("Payload").is_some()
                {
                    *data = json!({ "Truncated": true });
                }
            }
        }
        self
    }
}

/// `EventInput`, `EventResult`, `EventPauseReason`.
pub(crate) fn payload(text: Option<&str>) -> Value {
    text.map_or_else(|| json!({}), |text| json!({ "Payload": text, "Truncated": false }))
}

/// `EventError`.
pub(crate) fn error(error: Option<&ErrorObject>) -> Value {
    error.map_or_else(|| json!({}), |error| json!({ "Payload": error, "Truncated": false }))
}
