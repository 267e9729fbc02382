//! Every service there is, by name: ours, or one delegated to another endpoint.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Input, Output, Service, ServiceRouter};

use crate::delegate::Delegates;

/// The router that all services and the front door share.
///
/// Services need the router and the router needs the services, so it is made first and filled once.
pub(crate) struct Registry {
    services: OnceLock<HashMap<&'static str, Arc<dyn Service>>>,
    delegates: Delegates,
}

impl Registry {
    pub(crate) fn new(delegates: Delegates) -> Self {
        Self { services: OnceLock::new(), delegates }
    }

    /// Makes the services known; once.
    pub(crate) fn fill(&self, services: Vec<Arc<dyn Service>>) {
        let services = services.into_iter().map(|service| (service.name(), service)).collect();
        let filled = self.services.set(services);
        debug_assert!(filled.is_ok(), "the registry is filled once, at start-up");
    }

    pub(crate) fn delegates(&self) -> &Delegates {
        &self.delegates
    }

    /// The names of the services emulated here, sorted.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.services.get().into_iter().flat_map(|it| it.keys().copied()).collect();
        names.sort_unstable();
        names
    }

    /// The operations that a service does here.
    pub(crate) fn operations(&self, service: &str) -> &'static [&'static str] {
        self.services
            .get()
            .and_then(|services| services.get(service))
            .map_or(&[], |service| service.operations())
    }

    fn find(&self, service: &str, operation: &str) -> Result<&Arc<dyn Service>, ServiceError> {
        let found = self.services.get().and_then(|services| services.get(service));
        match found {
            Some(found) if found.operations().contains(&operation) => Ok(found),
            Some(_) => Err(ServiceError::not_implemented(format!(
                "Tule does not implement {operation} of {service} yet"
            ))),
            None => Err(ServiceError::not_implemented(format!(
                "Tule does not emulate {service} ({operation}); delegate it to another endpoint with --delegate {service}=URL"
            ))),
        }
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
        Box::pin(async move {
            let model = aws_model::service(service)
                .ok_or_else(|| ServiceError::not_implemented(format!("Tule knows no service {service}")))?;
            let known = model.operation(operation).ok_or_else(|| {
                ServiceError::bad_request(
                    "UnknownOperationException",
                    format!("{service} has no operation {operation}"),
                )
            })?;
            if let Some(endpoint) = self.delegates.endpoint(service) {
                return self.delegates.call(endpoint, ctx, model, known, input).await;
            }
            let found = self.find(service, operation)?;
            aws_wire::validate(model, known, &input.members)?;
            found.call(ctx, operation, input).await
        })
    }
}
