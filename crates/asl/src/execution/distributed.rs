//! Map states in the mode DISTRIBUTED: they start a Map Run and wait for its end.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Command, Execution, TaskId, Turn,
    dataflow::After,
    probe::Limit,
    scopes::{Activity, RunningMapRun},
};
use crate::{
    definition::{
        Distributed, Map, Number, State,
        distributed::{ItemBatcher, ItemReader, ResultWriter},
    },
    failure::{self, Failure},
    history::{Details, EventType},
    map_run::{Batching, Items, Limits, MapRunOutcome, MapRunSpec, ReadItems, Results, SelectorContext},
    payload::Payload,
    scope::Variables,
    template::Template,
};

impl Execution {
    /// All Map Runs that have not ended, and how often each was redriven.
    pub fn outstanding_map_runs(&self) -> impl Iterator<Item = (Arc<MapRunSpec>, u64)> {
        self.data.map_runs.values().filter_map(|scope| match &self.data.visit(*scope)?.activity {
            Activity::MapRun(running) => Some((Arc::clone(&running.spec), running.redrives)),
            _ => None,
        })
    }

    pub(super) fn start_distributed(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        map: &Map,
        distributed: &Distributed,
    ) -> Result<(), Failure> {
        let input = self.selected_input(scope, state)?;
        let given = match distributed.reader {
            Some(_) => None,
            None => Some(self.items(scope, state, map, &input)?),
        };
        let length = given.as_ref().map_or(0, |items| match items.value() {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        });
        let wanted = match &map.max_concurrency {
            None => 0,
            Some(number) => self.whole(scope, state, "MaxConcurrencyPath", number, &input)?,
        };
        self.note_limit(Limit::MaxConcurrency(wanted));
        let max_concurrency =
            u64::try_from(wanted).map_err(|_| Failure::runtime("MaxConcurrency cannot be negative."))?;
        self.emit(turn, scope, EventType::MapStateStarted, Details::MapStarted { length });
        let (tolerated_count, tolerated_percentage) = self.tolerance(scope, state, map, &input)?;
        let items = match (given, &distributed.reader) {
            (None, Some(reader)) => Items::Read(self.read_items(scope, state, reader, &input)?),
            (given, _) => Items::Given(given.unwrap_or_else(Payload::empty_object)),
        };
        let batch = distributed.batcher.as_ref();
        let batch = batch.map(|batcher| self.batching(scope, state, batcher, &input)).transpose()?;
        let results = self.results(scope, state, distributed.writer.as_ref(), &input)?;
        let limits = Limits { max_concurrency, tolerated_count, tolerated_percentage };
        let (arn, label) = self.map_run_arn(distributed);
        let Some(found) = self.data.scopes.get(&scope) else { return Ok(()) };
        let place = found.visit.as_ref().map_or(0, |visit| visit.place);
        let spec = Arc::new(MapRunSpec {
            state: (found.machine, place),
            run: TaskId(self.data.next_id()),
            state_name: Arc::clone(&state.name),
            processor: map.processor,
            express: distributed.express,
            seed: self.data.seed.next(),
            context: self.selector_context(scope, input),
            arn: Arc::clone(&arn),
            label,
            items,
            batch,
            results,
            limits,
        });
        self.emit(turn, scope, EventType::MapRunStarted, Details::MapRunStarted { arn });
        turn.step.commands.push(Command::StartMapRun(Arc::clone(&spec)));
        self.data.map_runs.insert(spec.run, scope);
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::MapRun(RunningMapRun { spec, redrives: 0 });
        }
        Ok(())
    }

    /// The label given, or one that is made, and the ARN with it.
    fn map_run_arn(&self, distributed: &Distributed) -> (Arc<str>, Arc<str>) {
        let label = distributed.label.clone().unwrap_or_else(|| self.data.seed.uuid());
        let context = &self.data.context;
        let base = context.state_machine_arn.replacen(":stateMachine:", ":mapRun:", 1);
        // A child execution's machine has a label itself; the runs it starts are the outermost machine's.
        let base = base.split('/').next().unwrap_or("");
        (format!("{base}/{label}:{}", self.data.seed.uuid()).into(), label.into())
    }

    fn selector_context(&self, scope: u64, input: Payload) -> SelectorContext {
        let mut variables = Variables::new();
        let mut at = Some(scope);
        while let Some(found) = at.and_then(|id| self.data.scopes.get(&id)) {
            for (name, value) in &found.variables {
                variables.entry(name.clone()).or_insert_with(|| value.clone());
            }
            at = found.parent.map(|(parent, _)| parent);
        }
        let visit = self.data.visit(scope);
        SelectorContext {
            execution: self.data.context.clone(),
            started: self.data.started,
            execution_input: self.data.input.clone(),
            entered: visit.map_or(self.data.started, |visit| visit.entered),
            retry_count: visit.map_or(0, super::scopes::Visit::retry_count),
            now: self.data.now,
            input,
            variables,
            redriven: self.data.redriven,
        }
    }

    /// A template of one of the fields within, filled from the state's input.
    fn fill_from(
        &self,
        scope: u64,
        state: &State,
        template: Option<&Template>,
        input: &Payload,
    ) -> Result<Option<Payload>, Failure> {
        let Some(template) = template else { return Ok(None) };
        if state.flow.jsonata {
            return self.query_output(scope, state, Some(template), After::Nothing, input).map(Some);
        }
        self.fill(scope, state, Some(template), input.clone()).map(Some)
    }

    fn read_items(
        &self,
        scope: u64,
        state: &State,
        reader: &ItemReader,
        input: &Payload,
    ) -> Result<ReadItems, Failure> {
        let arguments = self.fill_from(scope, state, reader.arguments.as_ref(), input)?;
        let max_items = self.positive(scope, state, "MaxItemsPath", reader.max_items.as_ref(), input)?;
        Ok(ReadItems {
            source: reader.source,
            arguments: arguments.unwrap_or_else(Payload::empty_object),
            config: reader.config.clone(),
            // As recorded: 0 stands for all.
            max_items: max_items.filter(|most| *most > 0),
        })
    }

    fn batching(
        &self,
        scope: u64,
        state: &State,
        batcher: &ItemBatcher,
        input: &Payload,
    ) -> Result<Batching, Failure> {
        let whole = |field, number: &Option<Number>| {
            let found = self.positive(scope, state, field, number.as_ref(), input)?;
            if found == Some(0) {
                return Err(Failure::runtime(format!("The value of {field} must be a positive integer.")));
            }
            Ok(found)
        };
        Ok(Batching {
            max_items: whole("MaxItemsPerBatchPath", &batcher.max_items)?,
            max_bytes: whole("MaxInputBytesPerBatchPath", &batcher.max_bytes)?,
            input: self.fill_from(scope, state, batcher.input.as_ref(), input)?,
        })
    }

    fn results(
        &self,
        scope: u64,
        state: &State,
        writer: Option<&ResultWriter>,
        input: &Payload,
    ) -> Result<Results, Failure> {
        let Some(writer) = writer else { return Ok(Results { export: None, config: None }) };
        let export = self.fill_from(scope, state, writer.arguments.as_ref(), input)?;
        Ok(Results { export, config: writer.config })
    }

    fn positive(
        &self,
        scope: u64,
        state: &State,
        field: &str,
        number: Option<&Number>,
        input: &Payload,
    ) -> Result<Option<u64>, Failure> {
        let Some(number) = number else { return Ok(None) };
        let value = self.whole(scope, state, field, number, input)?;
        let bare = field.strip_suffix("Path").unwrap_or(field);
        u64::try_from(value).map(Some).map_err(|_| Failure::runtime(format!("{bare} cannot be negative.")))
    }

    pub(super) fn map_run_ended(&mut self, turn: &mut Turn<'_>, run: TaskId, outcome: MapRunOutcome) {
        let Some(scope) = self.data.map_runs.remove(&run) else { return };
        let Some(state) = self.state(turn, scope) else { return };
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let activity = std::mem::replace(&mut visit.activity, Activity::Passing);
        match outcome {
            MapRunOutcome::Succeeded { output } => {
                let ended = self.emit(turn, scope, EventType::MapRunSucceeded, Details::None);
                // The event of its success stands beside: what follows is linked to the end of the run.
                self.emit_beside(turn, ended, EventType::MapStateSucceeded, Details::None);
                if let Err(failure) = self.complete(turn, scope, state, output) {
                    self.fail_in_state(turn, scope, failure);
                }
            }
            MapRunOutcome::Failed(failure) => {
                let details = Details::Failed { error: failure.error.clone(), cause: failure.cause.clone() };
                self.emit(turn, scope, EventType::MapRunFailed, details);
                // A redrive starts another run after these errors, as AWS documents.
                if !matches!(failure.name(), failure::DATA_LIMIT_EXCEEDED | failure::RUNTIME) {
                    self.hold(scope, activity);
                }
                self.fail(turn, scope, failure, Some(EventType::MapStateFailed));
            }
            // Only a run that nobody waits for is aborted; somebody stopped this one from outside.
            MapRunOutcome::Aborted => {
                self.emit(turn, scope, EventType::MapRunAborted, Details::None);
                self.hold(scope, activity);
                let failure = Failure::runtime("The Map Run was aborted.");
                self.fail(turn, scope, failure, Some(EventType::MapStateFailed));
            }
        }
    }
}
