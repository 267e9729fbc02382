//! Task states: scheduling, and what is heard of the task.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    Command, Execution, ScheduledTask, TaskId, Turn,
    probe::Stage,
    scopes::{Activity, Purpose, RunningTask},
};
use crate::{
    definition::{Number, Resource, State, Task},
    failure::{self, Failure},
    history::{Details, EventType, Text},
    parameters,
    payload::{MAX_BYTES, Payload},
};

/// A task that was asked for and has not ended, as it is found after a restart.
#[derive(Debug, Clone)]
pub struct OutstandingTask {
    /// The task.
    pub scheduled: ScheduledTask,
    /// The service's answer, if it took the task on.
    pub submitted: Option<Payload>,
    /// Whether a worker has the activity's task.
    pub started: bool,
}

/// The execution and the task that a token stands for, if it has the form of one.
pub fn task_of_token(token: &str) -> Option<(String, TaskId)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.splitn(3, '\n');
    let execution = parts.next()?.to_owned();
    let task = parts.next()?.parse().ok()?;
    parts.next().map(|_| (execution, TaskId(task)))
}

impl Execution {
    /// All tasks that have not ended.
    pub fn outstanding_tasks(&self) -> impl Iterator<Item = OutstandingTask> {
        self.data.tasks.values().filter_map(|scope| self.running_task(*scope)).map(|task| OutstandingTask {
            scheduled: task.scheduled.clone(),
            submitted: task.submitted.clone(),
            started: task.started,
        })
    }

    /// The task that waits for this token.
    pub fn task_awaiting(&self, token: &str) -> Option<OutstandingTask> {
        let (_, task) = task_of_token(token)?;
        let task = self.running_task(*self.data.tasks.get(&task)?)?;
        (task.scheduled.token.as_deref() == Some(token)).then(|| OutstandingTask {
            scheduled: task.scheduled.clone(),
            submitted: task.submitted.clone(),
            started: task.started,
        })
    }

    fn running_task(&self, scope: u64) -> Option<&RunningTask> {
        match &self.data.visit(scope)?.activity {
            Activity::Task(task) => Some(task),
            Activity::Passing
            | Activity::Waiting(_)
            | Activity::Parallel(_)
            | Activity::Map(_)
            | Activity::MapRun(_) => None,
        }
    }

    fn running_task_mut(&mut self, task: TaskId) -> Option<(u64, &mut RunningTask)> {
        let scope = *self.data.tasks.get(&task)?;
        match &mut self.data.visit_mut(scope)?.activity {
            Activity::Task(running) => Some((scope, running)),
            Activity::Passing
            | Activity::Waiting(_)
            | Activity::Parallel(_)
            | Activity::Map(_)
            | Activity::MapRun(_) => None,
        }
    }

    pub(super) fn start_task(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        task: &Task,
    ) -> Result<(), Failure> {
        let id = TaskId(self.data.next_id());
        let by_token = task.resource.waits_for_token() || matches!(*task.resource, Resource::Activity { .. });
        let token = by_token.then(|| self.new_token(id));
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.task_token.clone_from(&token);
        }
        let selected = self.selected_input(scope, state)?;
        let timeout =
            self.task_seconds(scope, state, "TimeoutSecondsPath", task.timeout.as_ref(), &selected)?;
        let heartbeat =
            self.task_seconds(scope, state, "HeartbeatSecondsPath", task.heartbeat.as_ref(), &selected)?;
        let input = self.fill(scope, state, state.flow.parameters.as_ref(), selected.clone())?;
        self.note(state, Stage::Parameters, &input);
        let role_arn = self.role(scope, state, task, &selected)?;
        if input.exceeds_limits() {
            return Err(Failure::data_limit_exceeded(&state.name));
        }
        parameters::check(&task.resource, &input)?;
        let request_token: Arc<str> = self.data.seed.uuid().into();
        let scheduled = ScheduledTask {
            task: id,
            resource: Arc::clone(&task.resource),
            input,
            token,
            request_token,
            role_arn,
            place: self.data.next_attempt(&state.name),
        };
        self.emit_scheduled(turn, scope, &scheduled, timeout, heartbeat);
        let timeout =
            timeout.map(|s| self.start_timer(turn, scope, Purpose::TaskTimeout, turn.at.plus_seconds(s)));
        let beats = task.resource.waits_for_token().then_some(heartbeat).flatten();
        let timer = beats.map(|s| self.start_timer(turn, scope, Purpose::Heartbeat, turn.at.plus_seconds(s)));
        self.data.tasks.insert(id, scope);
        turn.step.commands.push(Command::ScheduleTask(scheduled.clone()));
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Task(RunningTask {
                scheduled,
                timeout,
                heartbeat: timer,
                heartbeat_seconds: heartbeat,
                submitted: None,
                started: false,
            });
        }
        Ok(())
    }

    fn new_token(&self, task: TaskId) -> Arc<str> {
        let (arn, random) = (&self.data.context.execution_arn, self.data.seed.uuid());
        URL_SAFE_NO_PAD.encode(format!("{arn}\n{}\n{random}", task.0)).into()
    }

    fn task_seconds(
        &self,
        scope: u64,
        state: &State,
        field: &str,
        number: Option<&Number>,
        input: &Payload,
    ) -> Result<Option<u64>, Failure> {
        let Some(number) = number else { return Ok(None) };
        let value = self.number_value(scope, state, number, input)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and positive"
        )]
        let seconds =
            value.as_f64().filter(|s| s.fract() == 0.0 && *s >= 1.0 && *s <= 99_999_999.0).map(|s| s as u64);
        let path = match number {
            Number::Literal(_) => "",
            Number::Path(path) => path.text(),
            Number::Query(query) => match seconds {
                Some(seconds) => return Ok(Some(seconds)),
                None => return Err(query.unexpected("positive integer", &value)),
            },
        };
        let failure = || {
            Failure::runtime(format!(
                "The {field} parameter does not reference a positive integer: {path} == {value}"
            ))
        };
        seconds.map(Some).ok_or_else(failure)
    }

    fn role(
        &self,
        scope: u64,
        state: &State,
        task: &Task,
        input: &Payload,
    ) -> Result<Option<Arc<str>>, Failure> {
        let Some(credentials) = &task.credentials else { return Ok(None) };
        let filled = self.fill(scope, state, Some(credentials), input.clone())?;
        Ok(filled.value().get("RoleArn").and_then(Value::as_str).map(Arc::from))
    }

    fn emit_scheduled(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        task: &ScheduledTask,
        timeout: Option<u64>,
        heartbeat: Option<u64>,
    ) {
        let input = Arc::clone(task.input.text());
        let role_arn = task.role_arn.clone();
        match &*task.resource {
            Resource::Lambda { arn } => {
                let details =
                    Details::LambdaScheduled { resource: arn.as_str().into(), input, timeout, role_arn };
                self.emit(turn, scope, EventType::LambdaFunctionScheduled, details);
                self.emit(turn, scope, EventType::LambdaFunctionStarted, Details::None);
            }
            Resource::Activity { arn } => {
                let details =
                    Details::ActivityScheduled { resource: arn.as_str().into(), input, timeout, heartbeat };
                self.emit(turn, scope, EventType::ActivityScheduled, details);
            }
            Resource::Service { service, .. } => {
                let (resource_type, resource) = (Text::from(service.as_str()), resource_text(&task.resource));
                let details = Details::TaskScheduled {
                    resource_type: Arc::clone(&resource_type),
                    resource: Arc::clone(&resource),
                    region: Arc::clone(&self.data.context.region),
                    parameters: input,
                    timeout,
                    heartbeat,
                    role_arn,
                };
                self.emit(turn, scope, EventType::TaskScheduled, details);
                self.emit(
                    turn,
                    scope,
                    EventType::TaskStarted,
                    Details::TaskStarted { resource_type, resource },
                );
            }
        }
    }

    pub(super) fn task_submitted(&mut self, turn: &mut Turn<'_>, task: TaskId, output: &Payload) {
        let Some((scope, running)) = self.running_task_mut(task) else { return };
        if running.submitted.is_some() {
            return;
        }
        running.submitted = Some(output.clone());
        let resource = Arc::clone(&running.scheduled.resource);
        let details = output_details(&resource, output);
        self.emit(turn, scope, EventType::TaskSubmitted, details);
    }

    pub(super) fn activity_started(&mut self, turn: &mut Turn<'_>, task: TaskId, worker: Option<String>) {
        let Some((scope, running)) = self.running_task_mut(task) else { return };
        if std::mem::replace(&mut running.started, true) {
            return;
        }
        let seconds = running.heartbeat_seconds;
        self.emit(turn, scope, EventType::ActivityStarted, Details::ActivityStarted { worker });
        let timer =
            seconds.map(|s| self.start_timer(turn, scope, Purpose::Heartbeat, turn.at.plus_seconds(s)));
        if let Some((_, running)) = self.running_task_mut(task) {
            running.heartbeat = timer;
        }
    }

    pub(super) fn heartbeat(&mut self, turn: &mut Turn<'_>, task: TaskId) {
        let Some((scope, running)) = self.running_task_mut(task) else { return };
        let Some(seconds) = running.heartbeat_seconds else { return };
        let old = running.heartbeat.take();
        self.cancel_timer(turn, old);
        let timer = self.start_timer(turn, scope, Purpose::Heartbeat, turn.at.plus_seconds(seconds));
        if let Some((_, running)) = self.running_task_mut(task) {
            running.heartbeat = Some(timer);
        }
    }

    /// Takes a task that has ended out of the tables.
    fn end_task(&mut self, turn: &mut Turn<'_>, task: TaskId) -> Option<(u64, ScheduledTask)> {
        let (scope, _) = self.running_task_mut(task)?;
        self.data.tasks.remove(&task);
        let activity = std::mem::replace(&mut self.data.visit_mut(scope)?.activity, Activity::Passing);
        let Activity::Task(running) = activity else { return None };
        self.cancel_timer(turn, running.timeout);
        self.cancel_timer(turn, running.heartbeat);
        Some((scope, running.scheduled))
    }

    pub(super) fn task_succeeded(&mut self, turn: &mut Turn<'_>, task: TaskId, output: Payload) {
        let Some((scope, scheduled)) = self.end_task(turn, task) else { return };
        let Some(state) = self.state(turn, scope) else { return };
        if output.text().len() > MAX_BYTES || output.exceeds_limits() {
            let name = match &*scheduled.resource {
                Resource::Lambda { arn } | Resource::Activity { arn } => arn,
                Resource::Service { service, .. } => service,
            };
            let failure = Failure::data_limit_exceeded(name);
            return self.end_badly(turn, scope, &scheduled, failure);
        }
        let text = || Details::Output { output: Arc::clone(output.text()) };
        let (event, details) = match &*scheduled.resource {
            Resource::Lambda { .. } => (EventType::LambdaFunctionSucceeded, text()),
            Resource::Activity { .. } => (EventType::ActivitySucceeded, text()),
            Resource::Service { .. } => {
                (EventType::TaskSucceeded, output_details(&scheduled.resource, &output))
            }
        };
        self.emit(turn, scope, event, details);
        if let Err(failure) = self.complete(turn, scope, state, output) {
            self.fail_in_state(turn, scope, failure);
        }
    }

    pub(super) fn task_failed(
        &mut self,
        turn: &mut Turn<'_>,
        task: TaskId,
        error: Option<String>,
        cause: Option<String>,
    ) {
        let Some((scope, scheduled)) = self.end_task(turn, task) else { return };
        self.end_badly(turn, scope, &scheduled, Failure::given(error, cause));
    }

    pub(super) fn task_timed_out(&mut self, turn: &mut Turn<'_>, scope: u64, heartbeat: bool) {
        let Some(task) = self.running_task(scope).map(|running| running.scheduled.task) else { return };
        let Some((scope, scheduled)) = self.end_task(turn, task) else { return };
        turn.step.commands.push(Command::CancelTask { task });
        let failure = Failure { heartbeat, ..Failure::named(failure::TIMEOUT) };
        let details = failed_details(&scheduled.resource, &failure);
        let event = match &*scheduled.resource {
            Resource::Lambda { .. } => EventType::LambdaFunctionTimedOut,
            Resource::Activity { .. } => EventType::ActivityTimedOut,
            Resource::Service { .. } => EventType::TaskTimedOut,
        };
        self.emit(turn, scope, event, details);
        self.fail(turn, scope, failure, None);
    }

    fn end_badly(&mut self, turn: &mut Turn<'_>, scope: u64, scheduled: &ScheduledTask, failure: Failure) {
        let details = failed_details(&scheduled.resource, &failure);
        let event = match &*scheduled.resource {
            Resource::Lambda { .. } => EventType::LambdaFunctionFailed,
            Resource::Activity { .. } => EventType::ActivityFailed,
            Resource::Service { .. } => EventType::TaskFailed,
        };
        self.emit(turn, scope, event, details);
        self.fail(turn, scope, failure, None);
    }
}

/// `sendMessage.waitForTaskToken`.
fn resource_text(resource: &Resource) -> Text {
    match resource {
        Resource::Lambda { arn } | Resource::Activity { arn } => arn.as_str().into(),
        Resource::Service { action, pattern, .. } => format!("{action}{}", pattern.suffix()).into(),
    }
}

fn resource_type(resource: &Resource) -> Text {
    match resource {
        Resource::Lambda { .. } | Resource::Activity { .. } => "".into(),
        Resource::Service { service, .. } => service.as_str().into(),
    }
}

fn output_details(resource: &Resource, output: &Payload) -> Details {
    Details::TaskOutput {
        resource_type: resource_type(resource),
        resource: resource_text(resource),
        output: Arc::clone(output.text()),
    }
}

fn failed_details(resource: &Resource, failure: &Failure) -> Details {
    let (error, cause) = (failure.error.clone(), failure.cause.clone());
    match resource {
        Resource::Lambda { .. } | Resource::Activity { .. } => Details::Failed { error, cause },
        Resource::Service { .. } => Details::TaskFailed {
            resource_type: resource_type(resource),
            resource: resource_text(resource),
            error,
            cause,
        },
    }
}
