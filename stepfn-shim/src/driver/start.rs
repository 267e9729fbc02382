//! Starting an execution.

use std::sync::{Arc, Mutex, atomic::Ordering};

use asl::{ContextObject, Execution, Payload, Seed, Signal, Status, Timestamp};
use aws_wire::ServiceError;
use dashmap::Entry;
use runtime::Scope;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Live, Running};
use crate::{
    errors,
    logging::Logging,
    mocks::TestCase,
    records::{self, ChildOf, ExecutionKey, ExecutionRecord, Machine, Revision},
    service::Inner,
};

/// What an execution is started with.
pub(crate) struct Start {
    pub(crate) scope: Scope,
    pub(crate) machine: Arc<str>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) express: bool,
    /// The name given; else it gets one.
    pub(crate) name: Option<String>,
    pub(crate) input: Payload,
    pub(crate) trace_header: Option<String>,
    pub(crate) alias_arn: Option<Arc<str>>,
    pub(crate) version_arn: Option<Arc<str>>,
    /// The test case it runs under.
    pub(crate) test_case: Option<(String, Arc<TestCase>)>,
    /// The Map Run that starts it.
    pub(crate) child: Option<ChildOf>,
}

/// An execution that was started, now or before.
pub(crate) struct Started {
    pub(crate) arn: Arc<str>,
    pub(crate) at: runtime::Timestamp,
    pub(crate) running: Option<Arc<Running>>,
}

impl Inner {
    /// Starts an execution. Its answer may leave: what it rests on is stored.
    pub(crate) async fn start(self: &Arc<Self>, start: Start) -> Result<Started, ServiceError> {
        let named = start.name.is_some();
        let name: Arc<str> = start.name.clone().unwrap_or_else(|| Uuid::new_v4().to_string()).into();
        let key = ExecutionKey { scope: start.scope.clone(), machine: Arc::clone(&start.machine), name };
        let arn: Arc<str> = if start.express {
            let suffix = start.child.as_ref().map(|child| child.suffix.to_string());
            let suffix = suffix.unwrap_or_else(|| Uuid::new_v4().to_string());
            key.scope.arn("states", &format!("express:{}:{}:{suffix}", key.machine, key.name)).into()
        } else {
            key.arn().into()
        };
        if named
            && !start.express
            && start.child.is_none()
            && let Some(started) = self.started_before(&arn, &key, &start.input)?
        {
            return Ok(started);
        }
        let at = self.now();
        let (running, step) = self.prepare(&start, key, Arc::clone(&arn), at);
        // The place in the table is taken before anything is stored, so that a name is used once.
        match self.running.entry(Arc::clone(&arn)) {
            Entry::Occupied(_) => return Err(already_exists(&arn)),
            Entry::Vacant(place) => {
                place.insert(Arc::clone(&running));
            }
        }
        let commit = if running.durable {
            Some(self.commit_start(&running, &mut running.live(), &step))
        } else {
            None
        };
        let committed = match commit {
            None => Ok(()),
            Some(Err(error)) => Err(error),
            Some(Ok(commit)) => commit.await.map_err(errors::storage),
        };
        if let Err(error) = committed {
            self.discard(&running);
            return Err(error);
        }
        let more = step.more;
        self.act(&running, step);
        if more {
            let (inner, running) = (Arc::clone(self), Arc::clone(&running));
            tokio::spawn(async move { inner.deliver(&running, Signal::Continue).await });
        }
        Ok(Started { arn, at: runtime::Timestamp(at.0), running: Some(running) })
    }

    /// The execution that already has the name: the same one again if it runs with the same input.
    fn started_before(
        &self,
        arn: &Arc<str>,
        key: &ExecutionKey,
        input: &Payload,
    ) -> Result<Option<Started>, ServiceError> {
        let Some(record) = self.execution_record(key)? else { return Ok(None) };
        if record.status == Status::Running && record.input == *input.text() {
            return Ok(Some(Started { arn: Arc::clone(arn), at: record.started, running: None }));
        }
        Err(already_exists(arn))
    }

    /// The stored record of an execution.
    pub(crate) fn execution_record(
        &self,
        key: &ExecutionKey,
    ) -> Result<Option<ExecutionRecord>, ServiceError> {
        let found = self.store.get(records::EXECUTIONS, &key.key()).map_err(errors::storage)?;
        found.map(|bytes| records::read(&bytes, "the execution")).transpose()
    }

    fn prepare(
        &self,
        start: &Start,
        key: ExecutionKey,
        arn: Arc<str>,
        at: Timestamp,
    ) -> (Arc<Running>, asl::Step) {
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        let mut record = ExecutionRecord {
            revision: start.revision.record.id.clone(),
            input: Arc::clone(start.input.text()),
            seed,
            order: self.next_order(at),
            started: runtime::Timestamp(at.0),
            stopped: None,
            status: Status::Running,
            output: None,
            error: None,
            cause: None,
            trace_header: start.trace_header.clone(),
            alias_arn: start.alias_arn.clone(),
            version_arn: start.version_arn.clone(),
            test_case: start.test_case.as_ref().map(|(name, _)| name.clone()),
            interpreter: asl::VERSION,
            child: start.child.clone(),
            redrives: 0,
            redriven: None,
            redrive_tokens: Vec::new(),
            events: 0,
        };
        let context = context_object(&key, &arn, &start.revision, start.express, &record);
        let definition = Arc::clone(&start.revision.definition);
        let machine = record.child.as_ref().map_or_else(|| definition.outermost(), |child| child.machine);
        let (execution, step) =
            Execution::start_at(definition, machine, context, start.input.clone(), Seed::new(seed), at);
        record.status = Status::Running;
        let logging = Logging::of(start.revision.record.logging.as_ref());
        let mut live = Live {
            execution,
            record,
            next_entry: 0,
            first_entry: 0,
            discarded: false,
            interrupted: Vec::new(),
        };
        live.note_outcome(&step, at);
        let running = Running {
            arn,
            key,
            durable: !start.express,
            live: Mutex::new(live),
            changed: Notify::new(),
            logging,
            log_turn: tokio::sync::Mutex::default(),
            mocked: start.test_case.as_ref().map(|(_, case)| Ok(Arc::clone(case))),
        };
        (Arc::new(running), step)
    }

    /// A number that grows with every execution started, and with time across restarts.
    pub(crate) fn next_order(&self, at: Timestamp) -> u64 {
        let from_time = u64::try_from(at.0).unwrap_or(0) << 12;
        let before = self
            .last_order
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(from_time.max(last + 1)));
        from_time.max(before.unwrap_or(0) + 1)
    }
}

pub(super) fn context_object(
    key: &ExecutionKey,
    arn: &Arc<str>,
    revision: &Revision,
    express: bool,
    record: &ExecutionRecord,
) -> ContextObject {
    ContextObject {
        execution_arn: Arc::clone(arn),
        execution_name: Arc::clone(&key.name),
        role_arn: revision.record.role_arn.as_str().into(),
        state_machine_arn: Machine::arn(&key.scope, &key.machine).into(),
        state_machine_name: Arc::clone(&key.machine),
        alias_arn: record.alias_arn.clone(),
        version_arn: record.version_arn.clone(),
        region: Arc::clone(&key.scope.region),
        express,
        counts_attempts: record.test_case.is_some(),
    }
}

fn already_exists(arn: &str) -> ServiceError {
    ServiceError::bad_request("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"))
}
