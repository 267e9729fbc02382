//! A state machine's definition, compiled once: names are places, paths and templates are parsed.
//!
//! Start at [`Definition::parse`]; the diagnostics it gives are those of ValidateStateMachineDefinition.

mod diagnostic;
pub mod distributed;
mod fields;
mod handlers;
mod label;
mod machine;
mod map;
mod reachability;
mod resource;
mod state;
mod task;
mod whole;

use std::sync::Arc;

pub use diagnostic::{Code, Diagnostic, Severity};
pub use distributed::Distributed;
pub use label::quoted;
pub use resource::{Pattern, Resource};

use jsonpath::ReferencePath;

use crate::{
    choice::Rule,
    intrinsic::Expression,
    path::Path,
    payload::Payload,
    template::{Query, Template},
    time::Timestamp,
};

/// A whole definition. Branches and item processors are machines of their own, referred to by their place.
#[derive(Debug)]
pub struct Definition {
    /// All machines; the last one is the outermost.
    pub machines: Vec<Machine>,
    /// How long an execution may run.
    pub timeout_seconds: Option<u64>,
}

impl Definition {
    /// Compiles a definition. With an error among the diagnostics there is no definition; warnings may stand beside one.
    pub fn parse(text: &str, express: bool) -> (Option<Self>, Vec<Diagnostic>) {
        machine::parse(text, express)
    }

    /// The place of the outermost machine.
    pub fn outermost(&self) -> usize {
        self.machines.len() - 1
    }

    /// The names of its Task states.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        let states = self.machines.iter().flat_map(|machine| &machine.states);
        states.filter(|state| matches!(state.kind, StateKind::Task(_))).map(|state| &*state.name)
    }

    /// The variables each state reads, by state, in the order of the definition.
    pub fn variable_references(&self) -> Vec<(&str, Vec<&str>)> {
        let states = self.machines.iter().flat_map(|machine| &machine.states);
        let references = states.map(|state| (&*state.name, state.variables()));
        references.filter(|(_, variables)| !variables.is_empty()).collect()
    }
}

/// States and where they start.
#[derive(Debug)]
pub struct Machine {
    /// The place of the first state.
    pub start: usize,
    /// All states.
    pub states: Vec<State>,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub name: Arc<str>,
    /// Where it goes.
    pub next: Next,
    /// What it does with its input and its result.
    pub flow: Flow,
    /// What it is.
    pub kind: StateKind,
}

/// Where a state goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To the state at a place.
    State(usize),
    /// Nowhere: it ends its machine.
    End,
}

/// What a state does with its input and its result.
#[derive(Debug)]
pub struct Flow {
    /// InputPath.
    pub input_path: Selection,
    /// Parameters, or Arguments.
    pub parameters: Option<Template>,
    /// ResultSelector.
    pub result_selector: Option<Template>,
    /// ResultPath.
    pub result_path: ResultPath,
    /// OutputPath.
    pub output_path: Selection,
    /// Output, of states whose query language is JSONata.
    pub output: Option<Template>,
    /// Whether the query language is JSONata.
    pub jsonata: bool,
    /// Assign.
    pub assign: Option<Template>,
}

/// InputPath and OutputPath.
#[derive(Debug)]
pub enum Selection {
    /// All of it.
    Whole,
    /// `null`: an empty object instead.
    Nothing,
    /// A part.
    Path(Path),
}

/// ResultPath.
#[derive(Debug)]
pub enum ResultPath {
    /// The result takes the input's place.
    Replace,
    /// `null`: the input stays as it is.
    Discard,
    /// The result goes there in the input.
    At(ReferencePath, String),
}

/// What a state is, and what only states of its type have.
#[derive(Debug)]
pub enum StateKind {
    /// Passes its input, or a fixed result, on.
    Pass {
        /// Result.
        result: Option<Payload>,
    },
    /// Has work done.
    Task(Box<Task>),
    /// Goes where the first rule that holds says.
    Choice {
        /// Choices.
        choices: Vec<Choice>,
        /// Default.
        default: Option<usize>,
    },
    /// Waits.
    Wait(WaitFor),
    /// Ends its machine well.
    Succeed,
    /// Ends its machine with an error.
    Fail {
        /// Error or ErrorPath.
        error: FailText,
        /// Cause or CausePath.
        cause: FailText,
    },
    /// Runs machines side by side.
    Parallel {
        /// The places of its branches.
        branches: Vec<usize>,
        /// Retry and Catch.
        handlers: Handlers,
    },
    /// Runs a machine for each item.
    Map(Box<Map>),
}

/// Task.
#[derive(Debug)]
pub struct Task {
    /// Resource.
    pub resource: Arc<Resource>,
    /// TimeoutSeconds or TimeoutSecondsPath.
    pub timeout: Option<Number>,
    /// HeartbeatSeconds or HeartbeatSecondsPath.
    pub heartbeat: Option<Number>,
    /// The role of Credentials.
    pub credentials: Option<Template>,
    /// Retry and Catch.
    pub handlers: Handlers,
}

/// One of a Choice state's Choices.
#[derive(Debug)]
pub struct Choice {
    /// When it is taken.
    pub rule: Rule,
    /// Where it goes.
    pub next: usize,
    /// Output.
    pub output: Option<Template>,
    /// Assign.
    pub assign: Option<Template>,
}

/// The four forms of Wait.
#[derive(Debug)]
pub enum WaitFor {
    /// Seconds.
    Seconds(u64),
    /// SecondsPath.
    SecondsPath(Path),
    /// Timestamp.
    Timestamp(Timestamp),
    /// TimestampPath.
    TimestampPath(Path),
    /// Seconds by an expression.
    SecondsQuery(Box<Query>),
    /// Timestamp by an expression.
    TimestampQuery(Box<Query>),
}

/// Error and Cause of a Fail state.
#[derive(Debug)]
pub enum FailText {
    /// Not given.
    Absent,
    /// As it stands.
    Literal(String),
    /// A path or an intrinsic function, and the field's name.
    Computed(&'static str, Expression),
    /// A JSONata expression.
    Query(Box<Query>),
}

/// Map.
#[derive(Debug)]
pub struct Map {
    /// The place of the item processor's machine.
    pub processor: usize,
    /// ItemsPath.
    pub items_path: Option<Path>,
    /// Items.
    pub items: Option<Template>,
    /// ItemSelector, or Parameters in older definitions.
    pub item_selector: Option<Template>,
    /// MaxConcurrency or MaxConcurrencyPath.
    pub max_concurrency: Option<Number>,
    /// ToleratedFailureCount or ToleratedFailureCountPath.
    pub tolerated_failure_count: Option<Number>,
    /// ToleratedFailurePercentage or ToleratedFailurePercentagePath.
    pub tolerated_failure_percentage: Option<Number>,
    /// Retry and Catch.
    pub handlers: Handlers,
    /// What it has in the mode DISTRIBUTED.
    pub distributed: Option<Box<Distributed>>,
}

/// A number of the definition, or where to find it.
#[derive(Debug)]
pub enum Number {
    /// As it stands.
    Literal(f64),
    /// In the input.
    Path(Path),
    /// By a JSONata expression.
    Query(Box<Query>),
}

/// Retry and Catch.
#[derive(Debug, Default)]
pub struct Handlers {
    /// Retry.
    pub retry: Vec<Retrier>,
    /// Catch.
    pub catch: Vec<Catcher>,
}

/// One of Retry.
#[derive(Debug)]
pub struct Retrier {
    /// ErrorEquals.
    pub error_equals: Vec<String>,
    /// IntervalSeconds; 1 if not given.
    pub interval_seconds: u64,
    /// MaxAttempts; 3 if not given.
    pub max_attempts: u32,
    /// BackoffRate; 2 if not given.
    pub backoff_rate: f64,
    /// MaxDelaySeconds.
    pub max_delay_seconds: Option<u64>,
    /// Whether JitterStrategy is FULL.
    pub full_jitter: bool,
}

/// One of Catch.
#[derive(Debug)]
pub struct Catcher {
    /// ErrorEquals.
    pub error_equals: Vec<String>,
    /// Where it goes.
    pub next: usize,
    /// ResultPath.
    pub result_path: ResultPath,
    /// Output.
    pub output: Option<Template>,
    /// Assign.
    pub assign: Option<Template>,
}

impl State {
    /// Retry and Catch, of states that have them.
    pub fn handlers(&self) -> Option<&Handlers> {
        match &self.kind {
            StateKind::Task(task) => Some(&task.handlers),
            StateKind::Parallel { handlers, .. } => Some(handlers),
            StateKind::Map(map) => Some(&map.handlers),
            StateKind::Pass { .. }
            | StateKind::Choice { .. }
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail { .. } => None,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            StateKind::Pass { .. } => "Pass",
            StateKind::Task(_) => "Task",
            StateKind::Choice { .. } => "Choice",
            StateKind::Wait(_) => "Wait",
            StateKind::Succeed => "Succeed",
            StateKind::Fail { .. } => "Fail",
            StateKind::Parallel { .. } => "Parallel",
            StateKind::Map(_) => "Map",
        }
    }

    /// The variables it reads, each once, in the order of their names.
    fn variables(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let flow = &self.flow;
        let templates = [&flow.parameters, &flow.result_selector, &flow.assign, &flow.output];
        templates.into_iter().flatten().for_each(|template| template.variables(&mut found));
        for selection in [&flow.input_path, &flow.output_path] {
            if let Selection::Path(path) = selection {
                found.extend(path.variable());
            }
        }
        for number in self.kind_variables(&mut found) {
            match number {
                Number::Literal(_) => {}
                Number::Path(path) => found.extend(path.variable()),
                Number::Query(query) => query.variables(&mut found),
            }
        }
        for catcher in self.handlers().map_or(&[][..], |handlers| &handlers.catch) {
            catcher.assign.iter().chain(&catcher.output).for_each(|template| template.variables(&mut found));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The variables that only fields of its type read; answers its numbers, which may read some too.
    fn kind_variables<'s>(&'s self, found: &mut Vec<&'s str>) -> Vec<&'s Number> {
        let mut numbers = Vec::new();
        match &self.kind {
            StateKind::Pass { .. } | StateKind::Succeed | StateKind::Parallel { .. } => {}
            StateKind::Wait(WaitFor::SecondsPath(path) | WaitFor::TimestampPath(path)) => {
                found.extend(path.variable());
            }
            StateKind::Wait(WaitFor::Seconds(_) | WaitFor::Timestamp(_)) => {}
            StateKind::Wait(WaitFor::SecondsQuery(query) | WaitFor::TimestampQuery(query)) => {
                query.variables(found);
            }
            StateKind::Task(task) => {
                task.credentials.iter().for_each(|template| template.variables(found));
                numbers.extend([&task.timeout, &task.heartbeat]);
            }
            StateKind::Choice { choices, .. } => {
                for choice in choices {
                    choice.rule.variables(found);
                    choice.output.iter().for_each(|template| template.variables(found));
                    choice.assign.iter().for_each(|template| template.variables(found));
                }
            }
            StateKind::Fail { error, cause } => {
                for text in [error, cause] {
                    match text {
                        FailText::Absent | FailText::Literal(_) => {}
                        FailText::Computed(_, expression) => expression.variables(found),
                        FailText::Query(query) => query.variables(found),
                    }
                }
            }
            StateKind::Map(map) => {
                map.item_selector.iter().chain(&map.items).for_each(|template| template.variables(found));
                found.extend(map.items_path.as_ref().and_then(Path::variable));
                let tolerated = [&map.tolerated_failure_count, &map.tolerated_failure_percentage];
                map.distributed.iter().for_each(|distributed| distributed.variables(found, &mut numbers));
                numbers.push(&map.max_concurrency);
                numbers.extend(tolerated);
            }
        }
        numbers.into_iter().flatten().collect()
    }
}
