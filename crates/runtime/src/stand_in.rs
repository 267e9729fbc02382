//! Routers for tests of one service: what stands for all others.

use aws_wire::ServiceError;

use crate::{BoxFuture, CallContext, Input, Output, ServiceRouter};

/// A router that reaches nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoServices;

impl ServiceRouter for NoServices {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        _: &'a str,
        _: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let refusal = ServiceError::not_implemented(format!("Tule does not emulate {service}"));
        Box::pin(std::future::ready(Err(refusal)))
    }
}

/// A router that answers as a function of context, service, operation and input says.
pub struct ScriptedRouter<F>(F);

impl<F> ScriptedRouter<F> {
    /// What `answer` gives is waited for.
    pub fn new<R>(answer: F) -> Self
    where
        F: Fn(&CallContext, &str, &str, Input) -> R + Send + Sync,
        R: Future<Output = Result<Output, ServiceError>> + Send + 'static,
    {
        Self(answer)
    }
}

impl<F, R> ServiceRouter for ScriptedRouter<F>
where
    F: Fn(&CallContext, &str, &str, Input) -> R + Send + Sync,
    R: Future<Output = Result<Output, ServiceError>> + Send + 'static,
{
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(self.0(ctx, service, operation, input))
    }
}
