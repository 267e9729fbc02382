//! What a function says of its batch (Lambda, "Reporting batch item failures").

use serde_json::Value;

/// Which items of a batch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// None.
    None,
    /// All: the answer said so, or is not one that says anything.
    All,
    /// Those at these places in the batch, in order.
    Some(Vec<usize>),
}

/// Reads `batchItemFailures` of an answer; `place` finds an item by its identifier. An answer that is empty in any way
/// is success; one that names no item of the batch means that all failed.
pub(crate) fn failures(answer: &Value, place: impl Fn(&str) -> Option<usize>) -> Report {
    let empty = match answer {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.get("batchItemFailures").is_none_or(Value::is_null),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if empty {
        return Report::None;
    }
    let Some(items) = answer.get("batchItemFailures").and_then(Value::as_array) else { return Report::All };
    let places = items.iter().map(|item| place(item.get("itemIdentifier")?.as_str()?));
    match places.collect::<Option<Vec<usize>>>() {
        None => Report::All,
        Some(places) if places.is_empty() => Report::None,
        Some(mut places) => {
            places.sort_unstable();
            places.dedup();
            Report::Some(places)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Report {
        failures(answer, |id| ["a", "b", "c"].iter().position(|known| *known == id))
    }

    #[test]
    fn empty_answers_are_success() {
        for answer in [
            json!(null),
            json!({}),
            json!([]),
            json!(""),
            json!({"batchItemFailures": []}),
            json!({"batchItemFailures": null}),
        ] {
            assert_eq!(read(&answer), Report::None, "{answer}");
        }
    }

    #[test]
    fn answers_that_name_no_item_of_the_batch_are_failure() {
        for answer in [
            json!("done"),
            json!(true),
            json!([1]),
            json!({"batchItemFailures": "a"}),
            json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
            json!({"batchItemFailures": [{"itemIdentifier": null}]}),
            json!({"batchItemFailures": [{"foo": "a"}]}),
            json!({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "z"}]}),
        ] {
            assert_eq!(read(&answer), Report::All, "{answer}");
        }
    }

    #[test]
    fn items_are_named_once_and_in_order() {
        let items = ["c", "a", "c"].map(|id| json!({"itemIdentifier": id}));
        assert_eq!(read(&json!({"batchItemFailures": items})), Report::Some(vec![0, 2]));
    }
}
