//! A change under way: decided upon beside the execution, so that one that is refused has changed nothing.

use std::collections::BTreeMap;

use runtime::Timestamp;
use serde_json::{Map, Value};

use super::{
    execution::{Execution, Outcome, Progress},
    history::Event,
    operation::Operation,
};

/// What is to be done once the change is durable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Invoke the function, with this request id and this event.
    Invoke { id: String, event: String },
    /// Run the function of a chained invocation that has no execution of its own.
    RunFunction { operation: String },
    /// Tell those who wait that the execution has ended.
    Ended,
}

/// A change of an execution.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) progress: Progress,
    /// Those that are new or have changed, by their place.
    pub(crate) operations: BTreeMap<usize, Operation>,
    pub(crate) events: Vec<Event>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) effects: Vec<Effect>,
}

/// A change as it is being made.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) base: &'a Execution,
    pub(crate) now: Timestamp,
    pub(crate) change: Change,
    added: BTreeMap<String, usize>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(base: &'a Execution, now: Timestamp) -> Self {
        let change = Change {
            progress: base.progress.clone(),
            operations: BTreeMap::new(),
            events: Vec::new(),
            outcome: None,
            effects: Vec::new(),
        };
        Self { base, now, change, added: BTreeMap::new() }
    }

    pub(crate) fn progress(&mut self) -> &mut Progress {
        &mut self.change.progress
    }

    /// The place of an operation.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.base.find(id).or_else(|| self.added.get(id).copied())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.base.operations.len() + self.added.len()
    }

    /// The operation at a place that [`Self::find`] or [`Self::add`] gave.
    pub(crate) fn operation(&self, at: usize) -> &Operation {
        self.change.operations.get(&at).unwrap_or_else(|| &self.base.operations[at])
    }

    /// All of them, as they would be.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        (0..self.count()).map(|at| self.operation(at))
    }

    /// The operation at a place, to be changed: the function will be told of it.
    pub(crate) fn edit(&mut self, at: usize) -> &mut Operation {
        self.change.progress.changes += 1;
        let changes = self.change.progress.changes;
        let operation = self.quietly(at);
        operation.changed = changes;
        operation
    }

    /// The same where the function need not be told.
    pub(crate) fn quietly(&mut self, at: usize) -> &mut Operation {
        let base = self.base;
        self.change.operations.entry(at).or_insert_with(|| Operation::clone(&base.operations[at]))
    }

    pub(crate) fn add(&mut self, mut operation: Operation) -> usize {
        self.change.progress.changes += 1;
        operation.changed = self.change.progress.changes;
        let at = self.count();
        self.added.insert(operation.id.clone(), at);
        self.change.operations.insert(at, operation);
        at
    }

    /// Adds an event of the execution itself.
    pub(crate) fn event(&mut self, kind: &'static str, members: Map<String, Value>, details: Value) {
        self.change.progress.events += 1;
        let event = Event::new(self.change.progress.events, kind, self.now, members, details);
        self.change.events.push(event);
    }

    /// Adds an event of an operation.
    pub(crate) fn operation_event(&mut self, at: usize, kind: &'static str, details: Value) {
        let operation = self.operation(at);
        let mut members = Map::new();
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.as_str().into());
            }
        };
        put("Id", &Some(operation.id.clone()));
        put("ParentId", &operation.parent);
        put("Name", &operation.name);
        put("SubType", &operation.sub_type);
        self.event(kind, members, details);
    }

    /// Whether something has happened that the function has not been told of.
    pub(crate) fn has_unseen(&self) -> bool {
        self.change.progress.changes > self.change.progress.seen
    }
}
