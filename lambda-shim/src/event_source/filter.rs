//! Which records a mapping gives to its function (Lambda, "Control which events Lambda sends to your function").

use event_pattern::Pattern;
use serde_json::Value;

/// The patterns of a mapping, of which one must match. None: all records are taken.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<Pattern>);

impl Filters {
    /// Compiles `FilterCriteria`; `None` where a pattern is not one.
    pub(crate) fn of(criteria: &Value) -> Option<Self> {
        let filters = criteria["Filters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let compiled = filters.iter().map(|filter| Pattern::parse(filter["Pattern"].as_str()?).ok());
        compiled.collect::<Option<_>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record, in the form that patterns are written for, is taken.
    pub(crate) fn take(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(record))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(patterns: &[&str]) -> Option<Filters> {
        let filters: Vec<Value> = patterns.iter().map(|pattern| json!({"Pattern": pattern})).collect();
        Filters::of(&json!({"Filters": filters}))
    }

    #[test]
    fn one_pattern_must_match() {
        let filters = filters(&[r#"{"body": {"a": [1]}}"#, r#"{"body": {"b": ["x"]}}"#]).unwrap();
        assert!(filters.take(&json!({"body": {"a": 1}})));
        assert!(filters.take(&json!({"body": {"a": 2, "b": "x"}})));
        assert!(!filters.take(&json!({"body": {"a": 2}})));
        assert!(!filters.take(&json!({"body": "plain"})));
        assert!(Filters::default().take(&json!({})));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["text", "[]", r#"{"a": "b"}"#, r#"{"a": []}"#, r#"{"eventName": ["INSERT"=1}"#, ""] {
            assert!(filters(&[wrong]).is_none(), "{wrong}");
        }
        assert!(Filters::of(&json!({"Filters": [{}]})).is_none());
    }
}
