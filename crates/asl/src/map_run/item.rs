//! From items to the inputs of children: ItemSelector, then ItemBatcher.

use serde_json::{Map, Value};

use super::spec::{Batching, MapRunSpec};
use crate::{
    definition::{Definition, StateKind},
    failure::Failure,
    payload::{MAX_BYTES, Payload},
    scope::{Environment, MapItem, StateContext},
    seed::Seed,
};

/// An item as it was found.
#[derive(Debug, Clone)]
pub struct Item {
    /// The name it has in an object, if it is a member of one.
    pub key: Option<String>,
    /// The item.
    pub value: Value,
}

/// The input of a child, and how many items are in it.
#[derive(Debug, Clone)]
pub struct ChildInput {
    /// How many items.
    pub items: u64,
    /// The input.
    pub input: Payload,
}

/// Makes the inputs of children, item by item, in the order of the items.
#[derive(Debug)]
pub struct Inputs<'r> {
    definition: &'r Definition,
    spec: &'r MapRunSpec,
    /// The context object, where it is not the execution's own.
    context: Option<&'r Value>,
    /// Where the items come from, as the context object names it.
    source: String,
    seed: Seed,
    next: usize,
    batch: Vec<Value>,
    /// The length of the JSON text of the batch's input so far.
    bytes: usize,
    /// The same of a batch without items.
    empty: usize,
}

impl<'r> Inputs<'r> {
    /// Begins with the first item of a Map Run.
    pub fn new(definition: &'r Definition, spec: &'r MapRunSpec, source: impl Into<String>) -> Self {
        let empty = spec.batch.as_ref().map_or(0, |batch| batch_input(batch, Vec::new()).text().len());
        Self {
            definition,
            spec,
            context: None,
            source: source.into(),
            seed: Seed::new(spec.seed),
            next: 0,
            batch: Vec::new(),
            bytes: empty,
            empty,
        }
    }

    /// Lets ItemSelector see another context object than the execution's own.
    pub fn see_context(&mut self, context: Option<&'r Value>) {
        self.context = context;
    }

    /// Says where the next items come from.
    pub fn come_from(&mut self, source: impl Into<String>) {
        self.source = source.into();
    }

    /// How many items were taken.
    pub fn taken(&self) -> usize {
        self.next
    }

    /// Takes an item; what it answers is the input of a child that is now whole.
    pub fn take(&mut self, item: Item) -> Result<Option<ChildInput>, Failure> {
        let index = self.next;
        self.next += 1;
        let selected = self.select(index, item)?;
        let Some(batch) = &self.spec.batch else {
            return Ok(Some(ChildInput { items: 1, input: self.checked(Payload::new(selected))? }));
        };
        let length = selected.to_string().len();
        let comma = usize::from(!self.batch.is_empty());
        let most = batch.max_bytes.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_BYTES);
        let whole = if !self.batch.is_empty() && self.bytes + comma + length > most.min(MAX_BYTES) {
            self.finish()?
        } else {
            None
        };
        self.bytes += usize::from(!self.batch.is_empty()) + length;
        self.batch.push(selected);
        // An item that is too large for a batch of its own fails; another batch was finished before it at most.
        if self.batch.len() == 1 && self.bytes > MAX_BYTES {
            return Err(Failure::data_limit_exceeded(&self.spec.state_name));
        }
        let full = batch.max_items.is_some_and(|most| self.batch.len() as u64 >= most);
        if full && whole.is_none() { self.finish() } else { Ok(whole) }
    }

    /// The input of the last batch, if one is begun. To be asked until there is none.
    pub fn finish(&mut self) -> Result<Option<ChildInput>, Failure> {
        let Some(batch) = self.spec.batch.as_ref().filter(|_| !self.batch.is_empty()) else {
            return Ok(None);
        };
        let items = std::mem::take(&mut self.batch);
        self.bytes = self.empty;
        let count = items.len() as u64;
        Ok(Some(ChildInput { items: count, input: self.checked(batch_input(batch, items))? }))
    }

    fn checked(&self, input: Payload) -> Result<Payload, Failure> {
        if input.exceeds_limits() {
            return Err(Failure::data_limit_exceeded(&self.spec.state_name));
        }
        Ok(input)
    }

    /// The item after ItemSelector.
    fn select(&self, index: usize, item: Item) -> Result<Value, Failure> {
        let (machine, place) = self.spec.state;
        let state = self.definition.machines.get(machine).and_then(|machine| machine.states.get(place));
        let selector = match state.map(|state| &state.kind) {
            Some(StateKind::Map(map)) => map.item_selector.as_ref(),
            _ => None,
        };
        let Some(selector) = selector else { return Ok(item.value) };
        let seen = &self.spec.context;
        let context = StateContext {
            name: &self.spec.state_name,
            entered: seen.entered,
            retry_count: Some(seen.retry_count),
            task_token: None,
        };
        let item = MapItem {
            index,
            value: Payload::new(item.value),
            key: item.key,
            source: Some(self.source.clone()),
        };
        let variables = [&seen.variables];
        let mut env = Environment::new(
            &seen.execution,
            seen.started,
            &seen.execution_input,
            context,
            Some(&item),
            &variables,
            &self.seed,
            seen.input.value(),
        )
        .at(seen.now)
        .redriven(seen.redriven);
        if let Some(context) = self.context {
            env = env.with_context(context);
        }
        selector.evaluate(&env).map(std::borrow::Cow::into_owned)
    }
}

fn batch_input(batch: &Batching, items: Vec<Value>) -> Payload {
    let mut input = Map::new();
    if let Some(given) = &batch.input {
        input.insert("BatchInput".into(), given.value().clone());
    }
    input.insert("Items".into(), Value::Array(items));
    Payload::new(Value::Object(input))
}
