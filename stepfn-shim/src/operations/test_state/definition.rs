//! Which state is tested, and its definition: a state on its own, or one of a whole state machine.
//!
//! The state is run as the only one of a machine, under AWS's name for it; the states it may go to are stubs there.

use std::{collections::BTreeSet, sync::Arc};

use asl::{Code, Definition, Pattern, Resource, Severity};
use aws_wire::ServiceError;
use serde_json::{Map, Value, json};

/// What AWS calls the state that is tested.
const NAME: &str = "StateName";

/// How deep definitions nest at most; deeper ones have been refused when they were compiled.
const MAX_DEPTH: usize = 200;

/// The state to be tested.
#[derive(Debug)]
pub(super) struct Tested {
    /// Its fields.
    pub(super) fields: Map<String, Value>,
    /// Whether its query language is JSONata.
    pub(super) jsonata: bool,
    /// Whether that of its machine is.
    machine_jsonata: bool,
    /// Whether it is within a Map.
    pub(super) in_map: bool,
    /// A machine of which it is the first state.
    pub(super) definition: Arc<Definition>,
}

impl Tested {
    /// Whether it is of a type.
    pub(super) fn is(&self, type_name: &str) -> bool {
        self.type_name() == type_name
    }

    pub(super) fn type_name(&self) -> &str {
        self.fields.get("Type").and_then(Value::as_str).unwrap_or("")
    }

    /// The resource, if it is a Task.
    pub(super) fn resource(&self) -> Option<Resource> {
        self.fields.get("Resource").and_then(Value::as_str).and_then(Resource::parse)
    }

    /// How many branches it has, if it is a Parallel.
    pub(super) fn branches(&self) -> usize {
        self.fields.get("Branches").and_then(Value::as_array).map_or(0, Vec::len)
    }
}

/// Finds the state in a request's definition, which must be right as a whole.
pub(super) fn find(text: &str, name: Option<&str>) -> Result<Tested, ServiceError> {
    let Some(name) = name else {
        let state = serde_json::from_str::<Value>(text).map_err(|_| refusal(text))?;
        let Value::Object(fields) = state else { return Err(refusal(text)) };
        check(&wrapped(&fields, false).to_string())?;
        return tested(fields, false, false);
    };
    check(text)?;
    let missing = || ServiceError::validation("State not found in definition");
    let machine: Value = serde_json::from_str(text).map_err(|_| missing())?;
    let jsonata = machine.get("QueryLanguage").and_then(Value::as_str) == Some("JSONata");
    let found = search(&machine, name, false, 0).ok_or_else(missing)?;
    let fields = found.path.last().copied().cloned().ok_or_else(missing)?;
    tested(fields, jsonata, found.in_map)
}

fn tested(fields: Map<String, Value>, jsonata: bool, in_map: bool) -> Result<Tested, ServiceError> {
    let definition = compile(&wrapped(&runnable(&fields), jsonata))?;
    let own = fields.get("QueryLanguage").and_then(Value::as_str);
    let machine_jsonata = jsonata;
    let jsonata = own.map_or(jsonata, |language| language == "JSONata");
    Ok(Tested { fields, jsonata, machine_jsonata, in_map, definition })
}

/// Without a mock only what ends by itself can be tested.
pub(super) fn check_can_run(tested: &Tested) -> Result<(), ServiceError> {
    let refused = |what: &str| {
        Err(ServiceError::bad_request("InvalidDefinition", format!("TestState API does not support {what}")))
    };
    match tested.resource() {
        Some(Resource::Activity { .. }) => refused("Activity tasks without a mock."),
        Some(Resource::Service { pattern, .. }) if pattern != Pattern::RequestResponse => {
            refused("'.sync' or '.waitForTaskToken' integration patterns.")
        }
        Some(Resource::Lambda { .. } | Resource::Service { .. }) | None => Ok(()),
    }
}

/// Whether it is an HTTP task, of which the request and the response can be seen.
pub(super) fn is_http(tested: &Tested) -> bool {
    matches!(tested.resource(), Some(Resource::Service { service, action, .. }) if (service.as_str(), action.as_str()) == ("http", "invoke"))
}

/// The handlers that the error of a state within a Map or Parallel meets before those of the Map or Parallel itself,
/// from the inside out.
pub(super) fn inner_handlers(tested: &Tested, name: &str) -> Result<Vec<Arc<Definition>>, ServiceError> {
    // The state itself has no name here that could be given.
    let machine = json!({ "States": { "": Value::Object(tested.fields.clone()) } });
    let Some(found) = search(&machine, name, false, 0) else {
        let message = format!("The state '{name}' given as errorCausedByState was not found");
        return Err(ServiceError::validation(message));
    };
    let within = found.path.iter().skip(1).rev();
    within.filter_map(|fields| handlers(fields, tested.machine_jsonata)).collect()
}

/// A state that does nothing but handle errors as another one does; none if that handles none.
fn handlers(fields: &Map<String, Value>, jsonata: bool) -> Option<Result<Arc<Definition>, ServiceError>> {
    let mut state = Map::from_iter([
        ("Type".to_owned(), json!("Task")),
        ("Resource".to_owned(), json!("arn:aws:lambda:us-east-1:000000000000:function:handled")),
        ("End".to_owned(), json!(true)),
    ]);
    if !["Retry", "Catch"].iter().any(|name| fields.contains_key(*name)) {
        return None;
    }
    for name in ["Retry", "Catch", "QueryLanguage"] {
        state.extend(fields.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Some(compile(&wrapped(&state, jsonata)))
}

/// A state that was found.
struct Found<'v> {
    /// The states around it, from the outermost one, and itself at the end.
    path: Vec<&'v Map<String, Value>>,
    in_map: bool,
}

/// A state by its name, wherever in a machine, and whether it is within a Map.
fn search<'v>(machine: &'v Value, name: &str, in_map: bool, depth: usize) -> Option<Found<'v>> {
    let states = machine.get("States")?.as_object().filter(|_| depth < MAX_DEPTH)?;
    if let Some(Value::Object(found)) = states.get(name) {
        return Some(Found { path: vec![found], in_map });
    }
    states.values().filter_map(Value::as_object).find_map(|state| {
        let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
        let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
        let mut branches = branches.map(|branch| (branch, in_map)).chain(processor.map(|it| (it, true)));
        let mut found = branches.find_map(|(machine, in_map)| search(machine, name, in_map, depth + 1))?;
        found.path.insert(0, state);
        Some(found)
    })
}

/// The state as the first one of a machine, and stubs for all states it may go to.
fn wrapped(fields: &Map<String, Value>, jsonata: bool) -> Value {
    let mut targets = BTreeSet::new();
    let mut lead = |from: &Value, field: &str| {
        targets.extend(from.get(field).and_then(Value::as_str).map(str::to_owned));
    };
    let state = Value::Object(fields.clone());
    lead(&state, "Next");
    lead(&state, "Default");
    for list in ["Choices", "Catch"] {
        let items = fields.get(list).and_then(Value::as_array);
        items.into_iter().flatten().for_each(|item| lead(item, "Next"));
    }
    let mut states = Map::new();
    states.insert(NAME.to_owned(), state);
    for target in targets {
        states.entry(target).or_insert_with(|| json!({ "Type": "Succeed" }));
    }
    let language = if jsonata { "JSONata" } else { "JSONPath" };
    json!({ "QueryLanguage": language, "StartAt": NAME, "States": states })
}

/// The state as it is run: nothing within it runs.
fn runnable(fields: &Map<String, Value>) -> Map<String, Value> {
    // Names that no state of the definition can be expected to have: all names of a machine differ.
    let stub = |place: usize| {
        let name = format!("\u{0}{place}");
        json!({ "StartAt": name, "States": { name.clone(): { "Type": "Succeed" } } })
    };
    let mut fields = fields.clone();
    match fields.get("Type").and_then(Value::as_str) {
        Some("Map") => {
            for name in ["ItemProcessor", "Iterator"] {
                if let Some(processor) = fields.get_mut(name) {
                    let config = processor.get("ProcessorConfig").cloned();
                    *processor = stub(0);
                    // The mode decides how the items are found.
                    if let Some(config) = config {
                        processor["ProcessorConfig"] = config;
                    }
                }
            }
        }
        Some("Parallel") => {
            if let Some(Value::Array(branches)) = fields.get_mut("Branches") {
                branches.iter_mut().enumerate().for_each(|(place, branch)| *branch = stub(place));
            }
        }
        _ => {}
    }
    fields
}

/// Refuses a definition that is wrong. One that only cannot be run here can be tested nevertheless.
fn check(text: &str) -> Result<(), ServiceError> {
    let (_, diagnostics) = Definition::parse(text, false);
    let wrong = diagnostics
        .iter()
        .any(|found| found.severity == Severity::Error && found.code != Code::NotImplemented);
    if wrong { Err(refusal(text)) } else { Ok(()) }
}

fn refusal(text: &str) -> ServiceError {
    match crate::operations::validate::compile(text, false) {
        Err(refused) => refused,
        Ok(_) => ServiceError::bad_request("InvalidDefinition", "Definition must be a valid JSON object"),
    }
}

fn compile(machine: &Value) -> Result<Arc<Definition>, ServiceError> {
    crate::operations::validate::compile(&machine.to_string(), false)
}
