//! Reading the members of a request, which the model has validated.

use serde_json::{Map, Value};

/// A request's members.
pub(crate) struct Members(pub(crate) Map<String, Value>);

impl Members {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.optional_text(name).unwrap_or("")
    }

    pub(crate) fn optional_text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// A page's size: what was asked for, or the default; 0 stands for the default, as AWS documents.
    pub(crate) fn page_size(&self, default: usize) -> usize {
        let asked =
            self.0.get("maxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        asked.filter(|size| *size > 0).unwrap_or(default).min(1000)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// Whether a name may be a state machine's, an execution's or an activity's.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let forbidden = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
            || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    (1..=80).contains(&name.chars().count()) && !name.chars().any(forbidden)
}
