//! What only Map states have: the items they run over, selected and in batches.
//!
//! A Map in the mode INLINE makes its inputs itself. The items of one in the mode DISTRIBUTED are read here, as a Map Run
//! reads them, but that a test gives the data its ItemReader would get.

use asl::{Failure, map_run::MapRunSpec, probe::Inspection};
use aws_wire::ServiceError;
use serde_json::Value;

use super::{Trial, definition::Tested};
use crate::map_runs;

/// What InspectionData shows of a Map's items.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) after_items_pointer: Option<Value>,
    pub(super) after_item_selector: Vec<Value>,
    pub(super) after_item_batcher: Option<Vec<Value>>,
}

/// The data of a request's ItemReader, which must be there if the state has one.
pub(super) fn reader_data<'c>(
    tested: &Tested,
    configuration: Option<&'c Value>,
) -> Result<Option<&'c str>, ServiceError> {
    if !tested.is("Map") || !tested.fields.contains_key("ItemReader") {
        return Ok(None);
    }
    let data = configuration.and_then(|it| it.get("mapItemReaderData")).and_then(Value::as_str);
    let missing = "ItemReader data must be specified when testing a Map state with ItemReader specified.";
    data.map(Some).ok_or_else(|| ServiceError::validation(missing))
}

/// What an INLINE Map has selected.
pub(super) fn inline(inspection: &Inspection) -> Seen {
    let selected = inspection.after_item_selector.iter().map(|item| item.value().clone()).collect();
    Seen { after_item_selector: selected, ..Seen::default() }
}

/// Reads the items of a DISTRIBUTED Map; how many they are, and what is seen of them.
pub(super) async fn read(
    trial: &Trial<'_>,
    spec: &MapRunSpec,
) -> Result<Result<(u64, Seen), Failure>, ServiceError> {
    let Trial { inner, scope, tested, setting, reader_data, .. } = trial;
    let context = setting.context_object.as_ref();
    let read = map_runs::tried(inner, scope, &tested.definition, spec, *reader_data, context).await?;
    if let Ok(tried) = &read
        && setting.failed_iterations > tried.items
    {
        let (failed, items) = (setting.failed_iterations, tried.items);
        let message =
            format!("mapIterationFailureCount '{failed}' cannot exceed the number of items '{items}'");
        return Err(ServiceError::validation(message));
    }
    Ok(read.map(|tried| {
        let inputs = tried.inputs.into_iter().map(asl::Payload::into_value).collect::<Vec<_>>();
        let batches = spec.batch.is_some().then(|| inputs.clone());
        let selected = match (tested.fields.contains_key("ItemSelector"), spec.batch.is_some()) {
            (false, _) => Vec::new(),
            (true, false) => inputs,
            (true, true) => inputs.iter().flat_map(batched).cloned().collect(),
        };
        let seen = Seen {
            // As documented, of states in JSONPath only.
            after_items_pointer: tried.pointed.filter(|_| !tested.jsonata),
            after_item_selector: selected,
            after_item_batcher: batches,
        };
        (tried.items, seen)
    }))
}

/// The items of a batch.
fn batched(batch: &Value) -> impl Iterator<Item = &Value> {
    batch.get("Items").and_then(Value::as_array).into_iter().flatten()
}
