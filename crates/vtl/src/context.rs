//! The variables of a rendering, and how much it may do.

use indexmap::IndexMap;

use crate::{
    error::RenderError,
    value::{Heap, Value},
};

/// How much a rendering may do. The defaults are API Gateway's where it documents one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rounds of one `#foreach`: the loop ends there, as it does on AWS.
    pub rounds: usize,
    /// Nodes rendered and expressions evaluated in all.
    pub steps: usize,
    /// Bytes of one text: the result, or a text made on the way.
    pub text: usize,
    /// Values in all lists and maps, and bytes of texts made on the way divided by 64.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rounds: 1_000, steps: 2_000_000, text: 10 * 1024 * 1024, values: 4_000_000 }
    }
}

/// Variables, their heap, and what is left of the limits.
#[derive(Debug)]
pub struct Context {
    variables: IndexMap<String, Value>,
    /// Where lists and maps live.
    pub heap: Heap,
    pub(crate) limits: Limits,
    pub(crate) loops: Vec<LoopState>,
    pub(crate) depth: usize,
    pub(crate) block_depth: usize,
}

/// Where a `#foreach` stands.
#[derive(Debug, Clone)]
pub(crate) struct LoopState {
    pub index: usize,
    pub has_next: bool,
    pub parent: Option<usize>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Context {
    /// A context without variables.
    pub fn new(limits: Limits) -> Self {
        Self {
            variables: IndexMap::new(),
            heap: Heap::new(limits.values),
            limits,
            loops: Vec::new(),
            depth: 0,
            block_depth: 0,
        }
    }

    /// Sets `$name`.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.variables.get_mut(name) {
            Some(slot) => *slot = value,
            None => {
                self.variables.insert(name.to_owned(), value);
            }
        }
    }

    /// The value of `$name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    pub(crate) fn restore(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.set(name, value),
            None => {
                self.variables.swap_remove(name);
            }
        }
    }

    pub(crate) fn step(&mut self) -> Result<(), RenderError> {
        self.limits.steps = self.limits.steps.checked_sub(1).ok_or(RenderError::Limit("steps"))?;
        Ok(())
    }

    /// Accounts for a text made on the way.
    pub(crate) fn text(&mut self, text: String) -> Result<Value, RenderError> {
        if text.len() > self.limits.text {
            return Err(RenderError::Limit("text"));
        }
        self.heap.charge(text.len() / 64)?;
        Ok(Value::from(text))
    }
}
