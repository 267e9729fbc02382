//! What only Map states have: the data their ItemReader read, and the batches their ItemBatcher makes.

use asl::{Payload, probe::Inspection};
use aws_wire::ServiceError;
use serde_json::{Map, Value, json};

use super::{Trial, definition::Tested};

/// The items that an ItemReader read, from the data a test gives for it.
pub(super) fn items_read(
    tested: &Tested,
    configuration: Option<&Value>,
) -> Result<Option<Payload>, ServiceError> {
    let Some(reader) = tested.fields.get("ItemReader").filter(|_| tested.is("Map")) else { return Ok(None) };
    let data = configuration.and_then(|it| it.get("mapItemReaderData")).and_then(Value::as_str);
    let Some(data) = data else {
        return Err(ServiceError::validation(
            "ItemReader data must be specified when testing a Map state with ItemReader specified.",
        ));
    };
    let config = reader.get("ReaderConfig");
    let setting = |name: &str| config.and_then(|config| config.get(name));
    let mut items = match setting("InputType").and_then(Value::as_str) {
        None | Some("JSON") => json_items(data, setting("ItemsPointer").and_then(Value::as_str))?,
        Some("JSONL") => {
            let lines = data.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(serde_json::from_str)
                .collect::<Result<Vec<Value>, _>>()
                .map_err(|_| unreadable("JSONL"))?
        }
        Some(other) => {
            return Err(ServiceError::not_implemented(format!(
                "TestState cannot read mapItemReaderData of the InputType {other} yet (ItemReader/ReaderConfig/InputType)"
            )));
        }
    };
    if let Some(most) =
        setting("MaxItems").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok())
        && most > 0
    {
        items.truncate(most);
    }
    Ok(Some(Payload::new(Value::Array(items))))
}

fn unreadable(kind: &str) -> ServiceError {
    ServiceError::validation(format!("mapItemReaderData is not valid {kind}"))
}

/// The items of a JSON document: an array, or the members of an object as keys and values.
fn json_items(data: &str, pointer: Option<&str>) -> Result<Vec<Value>, ServiceError> {
    let document: Value = serde_json::from_str(data).map_err(|_| unreadable("JSON"))?;
    let found = match pointer {
        None => Some(document),
        Some(pointer) => document.pointer(pointer).cloned(),
    };
    match found {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Object(members)) => {
            Ok(members.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect())
        }
        _ => Err(ServiceError::validation("mapItemReaderData must hold an array or an object")),
    }
}

/// The inputs of a Map whose items are handed out in batches; none if it does not batch.
pub(super) fn batches(trial: &Trial<'_>, seen: &Inspection) -> Result<Option<Value>, ServiceError> {
    let Some(Value::Object(batcher)) =
        trial.tested.fields.get("ItemBatcher").filter(|_| trial.tested.is("Map"))
    else {
        return Ok(None);
    };
    let given = seen.after_items_path.as_ref().or(trial.setting.items.as_ref());
    let items: Vec<Value> = if seen.after_item_selector.is_empty() {
        given.and_then(|items| items.value().as_array().cloned()).unwrap_or_default()
    } else {
        seen.after_item_selector.iter().map(|item| item.value().clone()).collect()
    };
    let shared = batcher.get("BatchInput").map(|template| trial.evaluate(template)).transpose()?;
    let most_items = limit(trial, batcher, "MaxItemsPerBatch")?.unwrap_or(usize::MAX);
    let most_bytes = limit(trial, batcher, "MaxInputBytesPerBatch")?.unwrap_or(asl::MAX_BYTES);
    let mut batches: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = item.to_string().len();
        match batches.last_mut() {
            Some(batch) if batch.len() < most_items && bytes + size <= most_bytes => {
                batch.push(item);
                bytes += size;
            }
            _ => {
                batches.push(vec![item]);
                bytes = size;
            }
        }
    }
    let batches = batches.into_iter().map(|items| {
        let mut batch = Map::new();
        if let Some(shared) = &shared {
            batch.insert("BatchInput".into(), shared.clone());
        }
        batch.insert("Items".into(), Value::Array(items));
        Value::Object(batch)
    });
    Ok(Some(batches.collect()))
}

/// A number of the batcher, as it stands or by a path or expression.
fn limit(trial: &Trial<'_>, batcher: &Map<String, Value>, name: &str) -> Result<Option<usize>, ServiceError> {
    let by_path = batcher.get(&format!("{name}Path"));
    let value = match (batcher.get(name), by_path) {
        (Some(Value::String(query)), _) => trial.evaluate(&json!({ "it": query }))?["it"].clone(),
        (Some(value), _) => value.clone(),
        (None, Some(path)) => trial.evaluate(&json!({ "it.$": path }))?["it"].clone(),
        (None, None) => return Ok(None),
    };
    Ok(value.as_u64().and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0))
}
