//! What a Map Run is started with: everything of its state, evaluated as far as it can be before there are items.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    definition::distributed::{ItemSource, ReaderConfig, WriterConfig},
    execution::TaskId,
    payload::Payload,
    scope::{ContextObject, Variables},
    time::Timestamp,
};

/// What a Map Run is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapRunSpec {
    /// Which visit of which state waits for it.
    pub run: TaskId,
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its label, given or made.
    pub label: Arc<str>,
    /// The place of the Map state: its machine, and its place there.
    pub state: (usize, usize),
    /// The name of the Map state.
    pub state_name: Arc<str>,
    /// The place of the machine that children run.
    pub processor: usize,
    /// Whether children are Express executions.
    pub express: bool,
    /// Where the items come from.
    pub items: Items,
    /// How items are put together, if they are.
    pub batch: Option<Batching>,
    /// Where the results go, and in which form.
    pub results: Results,
    /// How many may run and fail.
    pub limits: Limits,
    /// A number that names of children are made of.
    pub seed: u64,
    /// What ItemSelector can see.
    pub context: SelectorContext,
}

/// Where items come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Items {
    /// From the state's own input: an array, or an object whose members are the items.
    Given(Payload),
    /// From S3.
    Read(ReadItems),
}

/// An ItemReader, evaluated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadItems {
    /// Which operation.
    pub source: ItemSource,
    /// Its parameters.
    pub arguments: Payload,
    /// How bytes become items.
    pub config: ReaderConfig,
    /// The most items, if there is a limit.
    pub max_items: Option<u64>,
}

/// An ItemBatcher, evaluated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batching {
    /// MaxItemsPerBatch.
    pub max_items: Option<u64>,
    /// MaxInputBytesPerBatch.
    pub max_bytes: Option<u64>,
    /// BatchInput.
    pub input: Option<Payload>,
}

/// A ResultWriter, evaluated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// Bucket and Prefix, if results are exported.
    pub export: Option<Payload>,
    /// WriterConfig, where it is given.
    pub config: Option<WriterConfig>,
}

/// How many children may run at a time, and how many items may fail.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// MaxConcurrency; 0 stands for as many as there can be.
    pub max_concurrency: u64,
    /// ToleratedFailureCount.
    pub tolerated_count: Option<u64>,
    /// ToleratedFailurePercentage.
    pub tolerated_percentage: Option<f64>,
}

/// What an ItemSelector can see beside the item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SelectorContext {
    /// The execution.
    pub execution: ContextObject,
    /// When it was started.
    pub started: Timestamp,
    /// Its input.
    pub execution_input: Payload,
    /// When the Map state was entered.
    pub entered: Timestamp,
    /// How often it was retried.
    pub retry_count: u32,
    /// The moment of the step.
    pub now: Timestamp,
    /// The state's input after InputPath.
    pub input: Payload,
    /// All variables that the state sees.
    pub(crate) variables: Variables,
    /// How often the execution was redriven, and when last.
    pub redriven: (u64, Option<Timestamp>),
}
