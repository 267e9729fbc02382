//! TestState: one state on its own, with what its task really does or with what is supposed of it.
//!
//! This file is the order in which a request is checked and the state is run; `definition` finds the state, `mock` and
//! `context` check what is supposed, `map` makes what only Map states show, `answer` tells what came of it. The state
//! itself is run by the interpreter ([`asl::probe`]).

mod answer;
mod context;
mod definition;
mod map;
mod mock;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use asl::{
    ContextObject, Definition, Failure, MAX_BYTES, Payload, ScheduledTask,
    probe::{Awaits, Ending, Inspection, Probe, Setting, Supposed},
};
use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::{definition::Tested, mock::Mock};
use super::Request;
use crate::{effects, effects::Sight, members::Members, service::Inner};

/// How long a state may run, as AWS documents it.
const LONGEST: Duration = Duration::from_secs(5 * 60);

pub(super) async fn test(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let tested = definition::find(members.text("definition"), members.optional_text("stateName"))?;
    let mock = mock::of(members, &tested)?;
    let level = members.optional_text("inspectionLevel").unwrap_or("INFO");
    let reveal = members.boolean("revealSecrets") == Some(true);
    if reveal && level != "TRACE" {
        let message = "RevealSecrets can only be true when the InspectionLevel is TRACE.";
        return Err(ServiceError::validation(message));
    }
    let configuration = members.get("stateConfiguration");
    let reader_data = map::reader_data(&tested, configuration)?;
    if tested.is("Task") && mock.is_none() {
        definition::check_can_run(&tested)?;
        if members.optional_text("roleArn").is_none() {
            return Err(ServiceError::validation("RoleArn must be specified when testing a Task state"));
        }
    }
    let number = |name: &str| configuration.and_then(|it| it.get(name)).and_then(Value::as_u64).unwrap_or(0);
    let setting = Setting {
        context: context_object(request.scope, members),
        context_object: context::of(members, &tested)?,
        input: input(members)?,
        variables: variables(members)?,
        in_map: tested.in_map,
        retries: u32::try_from(number("retrierRetryCount")).unwrap_or(u32::MAX),
        failed_iterations: number("mapIterationFailureCount"),
        seed: Uuid::new_v4().as_u64_pair().0,
    };
    let inner_handlers = match configuration.and_then(|it| it.get("errorCausedByState")) {
        Some(Value::String(name)) => definition::inner_handlers(&tested, name)?,
        _ => Vec::new(),
    };
    let trial = Trial { inner, scope: request.scope, tested: &tested, setting, reader_data, inner_handlers };
    let sight = Sight::new(reveal);
    let Tried { ending, inspection, items } = trial.run(mock, &sight).await?;
    let shown = if level == "INFO" {
        None
    } else {
        let sight = Some(&sight).filter(|_| level == "TRACE");
        Some(answer::inspection(&trial.setting, &inspection, &ending, &items, sight))
    };
    Ok(Output::of(answer::of(&ending, shown.as_ref())))
}

/// A state, and what it is tried with.
struct Trial<'t> {
    inner: &'t Arc<Inner>,
    scope: &'t Scope,
    tested: &'t Tested,
    setting: Setting,
    /// What the ItemReader would get.
    reader_data: Option<&'t str>,
    /// What a mocked error meets before the state's own handlers.
    inner_handlers: Vec<Arc<Definition>>,
}

/// How a trial ended.
struct Tried {
    ending: Ending,
    inspection: Inspection,
    items: map::Seen,
}

impl Trial<'_> {
    /// Runs the state to its end.
    async fn run(&self, mock: Option<Mock>, sight: &Sight) -> Result<Tried, ServiceError> {
        let clock = &self.inner.clock;
        let began = self.inner.now();
        let deadline = asl::Timestamp(clock.now().plus(LONGEST).0);
        let mut probe = Probe::begin(Arc::clone(&self.tested.definition), self.setting.clone(), began);
        let mut items = map::inline(&probe.inspection());
        if let Some(spec) = probe.map_run() {
            match map::read(self, &spec).await? {
                Ok((count, seen)) => {
                    probe.count_items(count);
                    items = seen;
                }
                Err(failure) => probe.suppose(Supposed::Failed(failure), self.inner.now()),
            }
        }
        let mut mock = mock;
        loop {
            match probe.awaits() {
                Awaits::Nothing(ending) => {
                    return Ok(Tried { ending, inspection: probe.inspection(), items });
                }
                Awaits::Task(_) | Awaits::Children if mock.is_some() => {
                    let Some(supposed) = mock.take().map(Mock::supposed) else { continue };
                    if let Some((ending, handled)) = self.handled_within(&supposed) {
                        let Inspection { retry, caught, .. } = handled;
                        let inspection = Inspection { retry, caught, ..probe.inspection() };
                        return Ok(Tried { ending, inspection, items });
                    }
                    probe.suppose(supposed, self.inner.now());
                }
                Awaits::Children => probe.suppose(Supposed::Failed(Failure::runtime("")), began),
                Awaits::Time(at) => {
                    clock.sleep_until(runtime::Timestamp(at.min(deadline).0)).await;
                    if at > deadline {
                        probe.time_out();
                    } else {
                        probe.pass_time(self.inner.now().max(at));
                    }
                }
                Awaits::Task(task) => self.perform(&mut probe, &task, deadline, sight).await,
            }
        }
    }

    /// What the handlers within a Map or Parallel make of a mocked error, if one of them takes it.
    fn handled_within(&self, supposed: &Supposed) -> Option<(Ending, Inspection)> {
        let Supposed::Failed(_) = supposed else { return None };
        self.inner_handlers.iter().find_map(|handlers| {
            let now = self.inner.now();
            let mut probe = Probe::begin(Arc::clone(handlers), self.setting.clone(), now);
            probe.suppose(supposed.clone(), now);
            match probe.awaits() {
                Awaits::Nothing(ending @ (Ending::Retriable(_) | Ending::Caught { .. })) => {
                    Some((ending, probe.inspection()))
                }
                _ => None,
            }
        })
    }

    /// Has the task really done, as long as it may take.
    async fn perform(
        &self,
        probe: &mut Probe,
        task: &ScheduledTask,
        deadline: asl::Timestamp,
        sight: &Sight,
    ) {
        let ctx = CallContext::internal(
            effects::scope_of(self.scope, task),
            Arc::clone(&self.inner.options.endpoint),
        );
        let due = probe.next_timer().map_or(deadline, |at| at.min(deadline));
        let effect = async {
            if definition::is_http(self.tested) {
                return effects::http_seen(self.inner, &ctx, task, sight).await;
            }
            effects::attempt(self.inner, &ctx, task, None, false).await
        };
        tokio::select! {
            answer = effect => {
                let supposed = match answer {
                    Ok(answer) => Supposed::Result(Payload::new(answer)),
                    Err(failure) => Supposed::Failed(Failure::new(failure.error, failure.cause)),
                };
                probe.suppose(supposed, self.inner.now());
            }
            () = self.inner.clock.sleep_until(runtime::Timestamp(due.0)) => {
                probe.pass_time(self.inner.now().max(due));
                if !matches!(probe.awaits(), Awaits::Nothing(_)) {
                    probe.time_out();
                }
            }
        }
    }
}

/// What is known of the execution that a test stands for: an Express one, of a machine that nobody else sees.
fn context_object(scope: &Scope, members: &Members) -> ContextObject {
    let (machine, name) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    ContextObject {
        execution_arn: scope.arn("states", &format!("express:{machine}:{name}")).into(),
        execution_name: name.into(),
        role_arn: members.optional_text("roleArn").unwrap_or("").into(),
        state_machine_arn: scope.arn("states", &format!("stateMachine:{machine}")).into(),
        state_machine_name: machine.into(),
        alias_arn: None,
        version_arn: None,
        region: Arc::clone(&scope.region),
        express: true,
        counts_attempts: false,
    }
}

fn input(members: &Members) -> Result<Payload, ServiceError> {
    let text = members.optional_text("input").unwrap_or("{}");
    let refused = |what: String| ServiceError::bad_request("InvalidExecutionInput", what);
    if text.len() > MAX_BYTES {
        return Err(refused(format!("Invalid execution input: the input is longer than {MAX_BYTES} bytes")));
    }
    let input = Payload::from_text(text);
    input.map_err(|error| refused(format!("Invalid State Machine Execution Input: '{error}'")))
}

fn variables(members: &Members) -> Result<BTreeMap<String, Payload>, ServiceError> {
    let Some(text) = members.optional_text("variables") else { return Ok(BTreeMap::new()) };
    let refused = || ServiceError::validation("Variables must be a valid JSON object");
    let values: Map<String, Value> = serde_json::from_str(text).map_err(|_| refused())?;
    Ok(values.into_iter().map(|(name, value)| (name, Payload::new(value))).collect())
}
