//! JSON values as workflows carry them: shared, never changed, with their text made at most once.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// The most bytes an input, an output or a task's result may have.
pub const MAX_BYTES: usize = 256 * 1024;

/// How deep values may nest. What the interpreter builds must be readable again by a JSON reader with the usual
/// limit of 128, and must not overflow the stack when it is dropped.
pub const MAX_DEPTH: usize = 120;

/// A JSON value with its text. Cloning shares it.
///
/// The text of an execution's input is kept as the caller wrote it, since AWS shows it so in the history.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    value: Value,
    text: OnceLock<Arc<str>>,
}

impl Payload {
    /// A payload of a value.
    pub fn new(value: Value) -> Self {
        Self(Arc::new(Inner { value, text: OnceLock::new() }))
    }

    /// Reads JSON text and keeps it as it is.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        let value = serde_json::from_str(text)?;
        Ok(Self(Arc::new(Inner { value, text: OnceLock::from(Arc::from(text)) })))
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self::new(Value::Object(serde_json::Map::new()))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// The JSON text, compact unless the caller wrote it otherwise.
    pub fn text(&self) -> &Arc<str> {
        self.0.text.get_or_init(|| Arc::from(self.0.value.to_string()))
    }

    /// Whether it is larger, or nests deeper, than a workflow may carry.
    pub fn exceeds_limits(&self) -> bool {
        self.0.text.get().is_none() && depth_exceeds(&self.0.value, MAX_DEPTH)
            || self.text().len() > MAX_BYTES
    }

    /// The value, taken out without copying where nobody else holds it.
    pub fn into_value(self) -> Value {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.value.clone(), |inner| inner.value)
    }
}

/// Whether `value` nests deeper than `limit`; looks no deeper than that.
fn depth_exceeds(value: &Value, limit: usize) -> bool {
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(|item| depth_exceeds(item, limit - 1)),
        Value::Object(members) => {
            limit == 0 || members.values().any(|member| depth_exceeds(member, limit - 1))
        }
        _ => false,
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.value == other.0.value
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_text(&text).map_err(D::Error::custom)
    }
}
