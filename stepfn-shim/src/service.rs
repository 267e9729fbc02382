//! The service as others hold it: options in, operations out.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use aws_wire::ServiceError;
use dashmap::DashMap;
use outbound::{Outbound, connection::Connections};
use runtime::{
    ApiInvoker, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Output, Scope, Service, ServiceRouter,
};
use store::{Store, StoreError};

use crate::{
    activities::Activities,
    driver::{Running, Timers},
    map_runs::MapRuns,
    mocks::Mocks,
    operations::{self, catalog::Catalog},
    records::Revision,
};

/// What may be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// The base under which other services are reached, for the calls that workflows make.
    pub endpoint: Arc<str>,
    /// The file of mocked integrations, if there is one; [`MockFile::read`](crate::MockFile::read) checks it.
    pub mock_config: Option<PathBuf>,
}

/// Ways to the rest of the world that some integrations need.
#[derive(Clone)]
pub struct Integrations {
    /// `apigateway:invoke`.
    pub apis: Arc<dyn ApiInvoker>,
    /// `http:invoke`.
    pub outbound: Outbound,
    /// Whose authorisation `http:invoke` goes with.
    pub connections: Arc<dyn Connections>,
}

/// Step Functions. Cheap to clone.
#[derive(Clone)]
pub struct StepFunctions(pub(crate) Arc<Inner>);

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) router: Arc<dyn ServiceRouter>,
    pub(crate) invoker: Arc<dyn FunctionInvoker>,
    /// Set once, by [`StepFunctions::connect`].
    pub(crate) integrations: OnceLock<Integrations>,
    pub(crate) machines: Catalog,
    /// Compiled definitions by scope, machine and revision.
    pub(crate) revisions: DashMap<(Scope, Arc<str>, Arc<str>), Arc<Revision>>,
    /// Running executions by ARN.
    pub(crate) running: DashMap<Arc<str>, Arc<Running>>,
    /// The tasks that wait for an execution's end, by its ARN.
    pub(crate) watchers: DashMap<Arc<str>, Vec<(Arc<str>, asl::TaskId)>>,
    pub(crate) map_runs: MapRuns,
    pub(crate) timers: Timers,
    pub(crate) activities: Activities,
    pub(crate) mocks: Mocks,
    /// The place the last execution started got among all.
    pub(crate) last_order: AtomicU64,
}

impl StepFunctions {
    /// The service over a store, with all that the store holds. Timers of running executions run from here on, which
    /// needs a Tokio runtime; call [`StepFunctions::resume`] once the other services can be reached.
    pub fn new(
        options: Options,
        store: Store,
        clock: Clock,
        router: Arc<dyn ServiceRouter>,
        invoker: Arc<dyn FunctionInvoker>,
    ) -> Result<Self, StoreError> {
        let mocks = Mocks::new(options.mock_config.clone());
        let inner = Arc::new(Inner {
            options,
            store,
            clock,
            router,
            invoker,
            integrations: OnceLock::new(),
            machines: Catalog::default(),
            revisions: DashMap::new(),
            running: DashMap::new(),
            watchers: DashMap::new(),
            map_runs: MapRuns::default(),
            timers: Timers::default(),
            activities: Activities::default(),
            mocks,
            last_order: AtomicU64::new(0),
        });
        inner.load_machines()?;
        inner.load_activities()?;
        inner.load_timers()?;
        Timers::run(&inner);
        Ok(Self(inner))
    }

    /// Gives the ways that `apigateway:invoke` and `http:invoke` take; without them these fail. Services need each other,
    /// so this comes after all are made.
    pub fn connect(&self, integrations: Integrations) {
        // The first one stays: there is one composition.
        let _ = self.0.integrations.set(integrations);
    }

    /// Takes up the effects that a restart interrupted: tasks are done again with the token they had.
    pub async fn resume(&self) -> Result<(), ServiceError> {
        self.0.resume_effects().await
    }

    /// How many executions run.
    pub fn running_executions(&self) -> usize {
        self.0.running.len()
    }
}

impl Service for StepFunctions {
    fn name(&self) -> &'static str {
        "stepfunctions"
    }

    fn operations(&self) -> &'static [&'static str] {
        operations::NAMES
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        operations::call(&self.0, ctx, operation, input)
    }
}

impl Inner {
    /// Now, as the interpreter takes it.
    pub(crate) fn now(&self) -> asl::Timestamp {
        asl::Timestamp(self.clock.now().0)
    }
}
