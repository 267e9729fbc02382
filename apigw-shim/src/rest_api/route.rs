//! The first stage: which resource and method a request is for.

use std::sync::Mutex;

use super::{
    compiled::RestStage,
    exchange::{Exchange, Trail},
    gateway_response::{GatewayError, ResponseType, missing_authentication_token},
};
use crate::mapping::Overrides;
use proxy_events::Incoming;

pub(crate) fn resolve<'r>(
    stage: &'r RestStage,
    request: &'r Incoming,
    trail: &'r Trail,
) -> Result<Exchange<'r>, GatewayError> {
    if stage.is_disabled && request.custom_domain.is_none() {
        return Err(GatewayError::new(ResponseType::AccessDenied, "Forbidden"));
    }
    let nowhere = || missing_authentication_token(&request.headers);
    let found = stage.api.routes.find(&request.path, |_| true).ok_or_else(nowhere)?;
    let _ = trail.resource.set(std::sync::Arc::clone(found.value));
    let method = found.value.method(request.method.as_str()).ok_or_else(nowhere)?;
    Ok(Exchange {
        stage,
        request,
        trail,
        resource: std::sync::Arc::clone(found.value),
        method: std::sync::Arc::clone(method),
        path_parameters: found.parameters,
        query: request.query_pairs(),
        overrides: Mutex::new(Overrides::default()),
    })
}
