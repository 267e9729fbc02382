//! What TestState answers: how the state ended, and what was seen on the way.

use asl::{
    Payload,
    probe::{Ending, Inspection, Setting},
};
use serde_json::{Map, Value, json};

use super::map::Seen;
use crate::effects::Sight;

/// The answer as a whole.
pub(super) fn of(ending: &Ending, inspection: Option<&Value>) -> Value {
    let (status, output, next, failure) = match ending {
        Ending::Succeeded { output, next } => ("SUCCEEDED", Some(output), next.as_deref(), None),
        Ending::Caught { failure, output, next } => {
            ("CAUGHT_ERROR", Some(output), next.as_deref(), Some(failure))
        }
        Ending::Retriable(failure) => ("RETRIABLE", None, None, Some(failure)),
        Ending::Failed(failure) => ("FAILED", None, None, Some(failure)),
    };
    json!({
        "status": status,
        "output": output.map(|output| &**output.text()),
        "nextState": next,
        "error": failure.and_then(|failure| failure.error.as_deref()),
        "cause": failure.and_then(|failure| failure.cause.as_deref()),
        "inspectionData": inspection,
    })
}

/// InspectionData, at the levels that show it.
pub(super) fn inspection(
    setting: &Setting,
    seen: &Inspection,
    ending: &Ending,
    items: &Seen,
    sight: Option<&Sight>,
) -> Value {
    let mut shown = Map::new();
    let mut data = |name: &str, value: Option<&Payload>| {
        if let Some(value) = value {
            shown.insert(name.to_owned(), json!(&**value.text()));
        }
    };
    data("input", Some(&setting.input));
    data("afterArguments", seen.after_arguments.as_ref());
    data("afterInputPath", seen.after_input_path.as_ref());
    data("afterParameters", seen.after_parameters.as_ref());
    data("result", seen.result.as_ref());
    data("afterResultSelector", seen.after_result_selector.as_ref());
    data("afterResultPath", seen.after_result_path.as_ref());
    if !seen.variables.is_empty() {
        let variables = seen.variables.iter().map(|(name, value)| (name.clone(), value.value().clone()));
        data("variables", Some(&Payload::new(Value::Object(variables.collect()))));
    }
    let lists = [
        (
            "afterItemsPath",
            seen.after_items_path.as_ref().map(|items| list(items.value().as_array().into_iter().flatten())),
        ),
        ("afterItemsPointer", items.after_items_pointer.as_ref().map(pointed)),
        (
            "afterItemSelector",
            (!items.after_item_selector.is_empty()).then(|| list(&items.after_item_selector)),
        ),
        ("afterItemBatcher", items.after_item_batcher.as_ref().map(list)),
    ];
    shown.extend(lists.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
    let numbers = [
        ("maxConcurrency", seen.max_concurrency.map(|most| json!(most))),
        ("toleratedFailureCount", seen.tolerated_failure_count.map(|count| json!(count))),
        ("toleratedFailurePercentage", seen.tolerated_failure_percentage.map(|count| json!(count))),
    ];
    for (name, value) in numbers {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    }
    shown.extend(error_details(seen, ending).map(|details| ("errorDetails".to_owned(), details)));
    if let Some(sight) = sight {
        let exchange = [("request", sight.request()), ("response", sight.response())];
        shown.extend(exchange.into_iter().filter_map(|(name, seen)| Some((name.to_owned(), seen?.clone()))));
    }
    Value::Object(shown)
}

/// The items of a Map as AWS writes them here: with a blank between two of them.
fn list<'v>(items: impl IntoIterator<Item = &'v Value>) -> String {
    format!("[{}]", items.into_iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
}

/// What ItemsPointer points at: items, or an object whose members are the items.
fn pointed(value: &Value) -> String {
    value.as_array().map_or_else(|| value.to_string(), list)
}

/// Which handler took the failure.
fn error_details(seen: &Inspection, ending: &Ending) -> Option<Value> {
    match ending {
        Ending::Retriable(_) => seen.retry.map(|(index, millis)| {
            json!({ "retryIndex": index, "retryBackoffIntervalSeconds": (millis + 500) / 1000 })
        }),
        Ending::Caught { .. } => seen.caught.map(|index| json!({ "catchIndex": index })),
        Ending::Succeeded { .. } | Ending::Failed(_) => None,
    }
}
