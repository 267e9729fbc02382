//! Lambda as a service: its operations in one table, and the typed way in for other services.

use std::{net::IpAddr, sync::Arc};

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{
    Body, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Invocation, InvocationMode,
    InvocationOutcome, Output, Service, ServiceRouter,
};
use store::{BlobId, Store};

use crate::{
    access,
    capacity::CapacityProviders,
    code::{download, folder_package},
    code_signing::CodeSigning,
    durable::{self, invoke::Answered, table::Durable},
    environment::host::Host,
    event_source::{poll, table::Mappings},
    executor,
    function::{
        name::LATEST,
        table::{Entry, FunctionTable},
    },
    invoke::{
        asynchronous::Events,
        payload, streaming,
        synchronous::{self, Request},
        target::Target,
        tenant,
    },
    layer::table::Layers,
    operations,
    options::Options,
};

/// AWS Lambda. Cheap to clone.
#[derive(Clone)]
pub struct Lambda(pub(crate) Arc<Inner>);

/// What all operations share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) router: Arc<dyn ServiceRouter>,
    pub(crate) table: FunctionTable,
    pub(crate) layers: Layers,
    pub(crate) code_signing: CodeSigning,
    pub(crate) mappings: Mappings,
    pub(crate) capacity: CapacityProviders,
    pub(crate) host: Arc<Host>,
    pub(crate) events: Events,
    pub(crate) durable: Durable,
    /// What links to packages are signed with.
    pub(crate) secret: [u8; 16],
    pub(crate) update_time: std::time::Duration,
    /// Where Tule is reached, for calls made on its own.
    pub(crate) endpoint: Arc<str>,
}

/// Why Lambda could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The executor asked for is not to be had.
    #[error("the executor cannot be used: {0}")]
    Executor(String),
    /// Stored records could not be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// What was left of deleted layers could not be removed.
    #[error("deleted layers could not be removed: {0}")]
    Layers(ServiceError),
}

impl Lambda {
    /// Sets Lambda up: chooses the executor, sweeps what a crash left, loads what is stored, goes on with events.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let executor = executor::choose::choose(&options).await.map_err(StartError::Executor)?;
        let host = Host::new(
            executor,
            options.logs,
            options.clock.clone(),
            options.debug,
            options.max_environments,
            options.idle_time,
        );
        host.spawn_reaper();
        let inner = Arc::new(Inner {
            table: FunctionTable::load(options.store.clone())?,
            layers: Layers::load(&options.store)?,
            code_signing: CodeSigning::load(&options.store)?,
            mappings: Mappings::load(&options.store)?,
            capacity: CapacityProviders::load(&options.store)?,
            events: Events::new(options.store.clone()),
            durable: Durable::load(&options.store)?,
            store: options.store,
            clock: options.clock,
            router: options.router,
            host,
            secret: *uuid::Uuid::new_v4().as_bytes(),
            update_time: options.update_time,
            endpoint: options.endpoint,
        });
        for entry in inner.table.all() {
            operations::activate::resume(&inner, &entry);
            operations::provision::apply(&inner, &entry);
        }
        for arn in inner.layers.deleted() {
            inner.layers.release(&arn, &inner.table).await.map_err(StartError::Layers)?;
        }
        inner.mappings.sweep().await?;
        Events::resume(&inner)?;
        durable::recover::resume(&inner).await;
        Ok(Self(inner))
    }

    /// Goes on with the event source mappings that were stored. For when the router knows all services; mappings that
    /// are made later begin by themselves.
    pub fn poll_event_sources(&self) {
        for mapping in self.0.mappings.all() {
            poll::start(&self.0, &mapping);
        }
    }

    /// Begins no more batches of event sources: for before the services end that are polled.
    pub fn stop_event_sources(&self) {
        poll::stop_all(&self.0);
    }

    /// One line for people: which executor runs functions, and why.
    pub fn describe(&self) -> String {
        self.0.host.executor.describe()
    }

    /// The package behind a link that GetFunction gave out: for the front door, which answers
    /// `GET /_tule/lambda/code/…` with it (`application/zip`). `None` where the link is not good (403).
    pub async fn package(&self, path: &str, query: &str) -> Option<Bytes> {
        let blob = download::asked_for(path, query, &self.0.secret, self.0.clock.now())?;
        if folder_package::is_key(blob) {
            return self.folder_package(blob).await;
        }
        self.0.store.blobs().get(&BlobId::parse(blob)?).await.ok()
    }

    async fn folder_package(&self, key: &str) -> Option<Bytes> {
        let folders = folder_package::folders(&self.0.table, key)?;
        let zipped =
            tokio::task::spawn_blocking(move || (folder_package::zipped(&folders), folders)).await.ok()?;
        match zipped {
            (Ok(package), _) => Some(package.into()),
            (Err(problem), folders) => {
                tracing::warn!(?folders, %problem, "a function's folder cannot be downloaded");
                None
            }
        }
    }

    /// Ends all environments and removes what was made for them.
    pub async fn shutdown(&self) {
        self.stop_event_sources();
        self.0.durable.close();
        for entry in self.0.table.all() {
            for pool in entry.take_pools() {
                pool.stop_all();
            }
        }
        self.0.host.all_ended().await;
        self.0.host.executor.shutdown().await;
    }

    /// Whether a function URL of this id exists.
    pub fn has_url(&self, id: &str) -> bool {
        self.0.table.by_url(id).is_some()
    }

    /// Answers a request to a function URL, `ID.lambda-url.REGION.…`; one that is not there is forbidden, as on AWS.
    pub async fn serve_url(
        &self,
        id: &str,
        request: http::Request<Body>,
        peer: IpAddr,
    ) -> http::Response<Body> {
        crate::url::serve(self, id, request, peer).await
    }

    /// What an invocation runs and with what; refused if it may not.
    fn checked(&self, ctx: &CallContext, invocation: &Invocation) -> Result<(Target, Request), ServiceError> {
        let target = Target::find(&self.0.table, &ctx.scope, invocation)?;
        let payload = payload::checked(invocation.payload.clone(), invocation.mode)?;
        let function = target.entry.function();
        let isolated = function.version(&target.version).is_some_and(|found| found.tenancy.is_some());
        tenant::must_suit(isolated, invocation.tenant_id.as_deref())?;
        let client_context = payload::client_context(invocation.client_context.as_deref())?;
        let mut request = Request::new(ctx, payload, client_context, invocation.log_tail);
        request.tenant_id.clone_from(&invocation.tenant_id);
        Ok((target, request))
    }

    /// Invokes a function whose response is wanted as it comes. Gives the version that runs, too.
    pub(crate) async fn stream(
        &self,
        ctx: &CallContext,
        invocation: Invocation,
    ) -> Result<(String, streaming::Response), ServiceError> {
        let (target, request) = self.checked(ctx, &invocation)?;
        let version = target.version.clone();
        let asked = (&target, &request);
        if let Some(answered) = durable::invoke::invoke(&self.0, &ctx.scope, asked, &invocation, None).await?
        {
            return Ok((version, streaming::Response::Whole(answered.outcome)));
        }
        Ok((version, streaming::run(&self.0, target, request).await?))
    }

    pub(crate) async fn invoke_function(
        &self,
        ctx: &CallContext,
        invocation: Invocation,
    ) -> Result<InvocationOutcome, ServiceError> {
        self.invoke_named(ctx, invocation, None).await.map(|answered| answered.outcome)
    }

    /// The same for `execution`, which is the name of a durable one.
    pub(crate) async fn invoke_named(
        &self,
        ctx: &CallContext,
        invocation: Invocation,
        execution: Option<&str>,
    ) -> Result<Answered, ServiceError> {
        let inner = &self.0;
        let (target, request) = self.checked(ctx, &invocation)?;
        let asked = (&target, &request);
        if let Some(answered) =
            durable::invoke::invoke(inner, &ctx.scope, asked, &invocation, execution).await?
        {
            return Ok(answered);
        }
        let accepted = |status| InvocationOutcome {
            status,
            payload: Bytes::new(),
            function_error: None,
            executed_version: target.version.clone(),
            log_result: None,
        };
        let outcome = match invocation.mode {
            InvocationMode::RequestResponse => synchronous::run(inner, target, request).await?,
            InvocationMode::DryRun => accepted(204),
            InvocationMode::Event => {
                let named = crate::function::name::FunctionRef::parse(
                    &ctx.scope,
                    &invocation.function,
                    invocation.qualifier.as_deref(),
                )?;
                Events::take(inner, &target, named.qualifier.as_deref(), &request).await?;
                accepted(202)
            }
        };
        Ok(Answered { outcome, execution: None })
    }
}

/// Ends the environments of `$LATEST`; published versions do not change.
pub(crate) fn stop_latest(entry: &Entry) {
    for pool in entry.take_version(LATEST) {
        pool.retire();
    }
}

/// Ends a function's environments.
pub(crate) fn stop(entry: &Entry) {
    for pool in entry.take_pools() {
        pool.retire();
    }
}

impl FunctionInvoker for Lambda {
    fn invoke<'a>(
        &'a self,
        ctx: &'a CallContext,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<InvocationOutcome, ServiceError>> {
        Box::pin(self.invoke_function(ctx, invocation))
    }
}

impl Service for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
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
        match access::owner(&self.0.table, ctx, operation, &input.members) {
            Ok(None) => operations::call(self, ctx, operation, input),
            Ok(Some(scope)) => Box::pin(async move {
                let ctx = CallContext { scope, ..ctx.clone() };
                operations::call(self, &ctx, operation, input).await
            }),
            Err(refusal) => Box::pin(std::future::ready(Err(refusal))),
        }
    }
}
