//! Every service there is, by name: ours, or one delegated to another endpoint.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Input, Output, Service, ServiceRouter};

use crate::delegate::Delegates;

/// How long calls under way are waited for, in hundredths of a second.
const CALLS_END_IN: u32 = 200;

type Services = HashMap<&'static str, Arc<dyn Service>>;

/// The router that all services and the front door share.
///
/// Services need the router and the router needs the services, so it is made first and filled then.
pub(crate) struct Registry {
    services: ArcSwapOption<Services>,
    delegates: Arc<Delegates>,
}

impl Registry {
    pub(crate) fn new(delegates: Arc<Delegates>) -> Self {
        Self { services: ArcSwapOption::empty(), delegates }
    }

    /// Makes the services known.
    pub(crate) fn fill(&self, services: Vec<Arc<dyn Service>>) {
        let services = services.into_iter().map(|service| (service.name(), service)).collect();
        self.services.store(Some(Arc::new(services)));
    }

    /// Lets the services go: nothing reaches them from here on, and with the calls under way they end. Waits for those
    /// calls, but not for ever: some wait themselves, for messages or activities.
    pub(crate) async fn close(&self) {
        let Some(services) = self.services.swap(None) else { return };
        for _ in 0..CALLS_END_IN {
            if Arc::strong_count(&services) == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn delegates(&self) -> &Delegates {
        &self.delegates
    }

    /// The names of the services emulated here, sorted.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.services.load().iter().flat_map(|it| it.keys().copied()).collect();
        names.sort_unstable();
        names
    }

    /// The operations that a service does here.
    pub(crate) fn operations(&self, service: &str) -> &'static [&'static str] {
        let services = self.services.load();
        services
            .as_ref()
            .and_then(|services| services.get(service))
            .map_or(&[], |service| service.operations())
    }
}

/// A service that does the operation, or the refusal that names what is missing.
fn find<'s>(
    services: &'s Services,
    service: &str,
    operation: &str,
) -> Result<&'s Arc<dyn Service>, ServiceError> {
    match services.get(service) {
        Some(found) if found.operations().contains(&operation) => Ok(found),
        Some(_) => Err(ServiceError::not_implemented(format!(
            "Tule does not implement {operation} of {service} yet"
        ))),
        None => Err(ServiceError::not_implemented(format!(
            "Tule does not emulate {service} ({operation}); delegate it to another endpoint with --delegate {service}=URL"
        ))),
    }
}

impl Registry {
    /// Validates a request and answers it, long answers as documents.
    pub async fn answer(
        &self,
        ctx: &CallContext,
        service: &str,
        operation: &str,
        input: Input,
    ) -> Result<Output, ServiceError> {
        let model = aws_model::service(service).ok_or_else(|| {
            ServiceError::not_implemented(format!(
                "Tule has no model of the service {service}, so cannot call it"
            ))
        })?;
        let known = model.operation(operation).ok_or_else(|| {
            ServiceError::bad_request(
                "UnknownOperationException",
                format!("{service} has no operation {operation}"),
            )
        })?;
        if let Some(endpoint) = self.delegates.endpoint(service) {
            return self.delegates.call(endpoint, ctx, model, known, input).await;
        }
        let Some(services) = self.services.load_full() else {
            return Err(ServiceError::new("ServiceUnavailable", 503, "Tule is being reset; try again"));
        };
        let found = find(&services, service, operation)?;
        aws_wire::validate(model, known, &input.members)?;
        found.call(ctx, operation, input).await
    }
}

impl ServiceRouter for Registry {
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(async move { Ok(self.answer(ctx, service, operation, input).await?.opened()) })
    }
}
