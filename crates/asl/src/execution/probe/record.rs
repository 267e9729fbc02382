//! What a probe keeps from the interpreter, and what it notes as values pass by.

use std::{cell::RefCell, collections::BTreeMap};

use serde_json::Value;

use super::super::{Execution, scopes::ROOT};
use crate::{
    definition::{Next, State, StateKind},
    failure::Failure,
    payload::Payload,
    scope::Variables,
};

/// The values seen on a state's way, as TestState shows them. What a state never came to is not there.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of AWS's InspectionData")]
pub struct Inspection {
    pub after_input_path: Option<Payload>,
    pub after_parameters: Option<Payload>,
    pub after_arguments: Option<Payload>,
    pub after_items_path: Option<Payload>,
    pub after_item_selector: Vec<Payload>,
    pub result: Option<Payload>,
    pub after_result_selector: Option<Payload>,
    pub after_result_path: Option<Payload>,
    pub max_concurrency: Option<i64>,
    pub tolerated_failure_count: Option<i64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub variables: BTreeMap<String, Payload>,
    /// The retrier that would try the state again, and after how many milliseconds.
    pub retry: Option<(usize, u64)>,
    /// The catcher that took the failure.
    pub caught: Option<usize>,
}

/// A stage of input and output processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::execution) enum Stage {
    InputPath,
    Parameters,
    ItemsPath,
    ItemSelector,
    Result,
    ResultSelector,
    ResultPath,
}

/// A Map's number.
#[derive(Debug, Clone, Copy)]
pub(in crate::execution) enum Limit {
    MaxConcurrency(i64),
    ToleratedFailureCount(i64),
    ToleratedFailurePercentage(f64),
}

/// What an execution that is probed carries beside its data.
#[derive(Debug)]
pub(in crate::execution) struct Recorder {
    /// The context object in place of the execution's own.
    pub(super) context_object: Option<Value>,
    /// How many items a Map in the mode DISTRIBUTED has.
    pub(super) items: u64,
    /// How many iterations failed.
    pub(super) failed_iterations: u64,
    /// How often the retrier that a failure meets was used before.
    pub(super) retries: u32,
    seen: RefCell<Inspection>,
    /// The output the state was left with, and where it goes.
    pub(super) left: Option<(Payload, Next)>,
    /// The failure that was met last.
    pub(super) failure: Option<Failure>,
}

impl Recorder {
    pub(super) fn new(
        context_object: Option<Value>,
        failed_iterations: u64,
        retries: u32,
        variables: Variables,
    ) -> Self {
        let seen = Inspection { variables, ..Inspection::default() };
        Self {
            context_object,
            items: 0,
            failed_iterations,
            retries,
            seen: RefCell::new(seen),
            left: None,
            failure: None,
        }
    }

    pub(super) fn inspection(&self) -> Inspection {
        self.seen.borrow().clone()
    }

    fn see(&self, change: impl FnOnce(&mut Inspection)) {
        change(&mut self.seen.borrow_mut());
    }
}

impl Execution {
    /// Notes a value, if this is a probe. Which stages AWS shows depends on the state and its query language.
    pub(in crate::execution) fn note(&self, state: &State, stage: Stage, value: &Payload) {
        let Some(recorder) = &self.probe else { return };
        let parallel = matches!(state.kind, StateKind::Parallel { .. });
        let has_result = matches!(state.kind, StateKind::Task(_) | StateKind::Pass { result: Some(_) });
        let value = value.clone();
        recorder.see(|seen| match stage {
            Stage::ItemSelector => seen.after_item_selector.push(value),
            Stage::Parameters if parallel => {}
            Stage::Parameters if state.flow.jsonata => seen.after_arguments = Some(value),
            Stage::Result if !has_result => {}
            Stage::Result => seen.result = Some(value),
            _ if state.flow.jsonata => {}
            Stage::InputPath if parallel => {}
            Stage::InputPath => seen.after_input_path = Some(value),
            Stage::Parameters => seen.after_parameters = Some(value),
            Stage::ItemsPath => seen.after_items_path = Some(value),
            Stage::ResultSelector => seen.after_result_selector = Some(value),
            Stage::ResultPath => seen.after_result_path = Some(value),
        });
    }

    /// Notes a number of a Map.
    pub(in crate::execution) fn note_limit(&self, limit: Limit) {
        let Some(recorder) = &self.probe else { return };
        recorder.see(|seen| match limit {
            Limit::MaxConcurrency(most) => seen.max_concurrency = Some(most),
            Limit::ToleratedFailureCount(count) => seen.tolerated_failure_count = Some(count),
            Limit::ToleratedFailurePercentage(percentage) => {
                seen.tolerated_failure_percentage = Some(percentage);
            }
        });
    }

    /// Notes that a state is left. A probe goes no further, which the answer says.
    pub(in crate::execution) fn note_left(
        &mut self,
        next: Next,
        output: &Payload,
        assigned: &Variables,
    ) -> bool {
        let variables = self.data.scopes.get(&ROOT).map(|root| root.variables.clone()).unwrap_or_default();
        let Some(recorder) = &mut self.probe else { return false };
        recorder.see(|seen| {
            seen.variables = variables;
            seen.variables.extend(assigned.clone());
        });
        recorder.left = Some((output.clone(), next));
        true
    }

    /// Notes which retrier would try the state again after how long.
    pub(in crate::execution) fn note_retry(&mut self, index: usize, millis: u64, failure: &Failure) {
        let Some(recorder) = &mut self.probe else { return };
        recorder.see(|seen| seen.retry = Some((index, millis)));
        recorder.failure = Some(failure.clone());
    }

    /// Notes which catcher took a failure.
    pub(in crate::execution) fn note_caught(&mut self, index: usize, failure: &Failure) {
        let Some(recorder) = &mut self.probe else { return };
        recorder.see(|seen| seen.caught = Some(index));
        recorder.failure = Some(failure.clone());
    }

    /// How often a retrier was used: in a probe what the test says, whichever retrier it is.
    pub(in crate::execution) fn retries_used(&self, counted: u32) -> u32 {
        self.probe.as_ref().map_or(counted, |recorder| recorder.retries)
    }

    /// The context object that a test gives.
    pub(in crate::execution) fn context_given(&self) -> Option<&Value> {
        self.probe.as_ref()?.context_object.as_ref()
    }

    /// Whether this is a probe.
    pub(in crate::execution) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}
