//! Integrations with services of AWS: a request in the service's own protocol, answered by the service here.
//!
//! What operation a request names, and with what members, is `operation`'s to find.

mod operation;

use std::sync::Arc;

use aws_model::ServiceModel;
use aws_wire::{Encoded, ServiceError};
use bytes::Bytes;
use http::HeaderMap;
use runtime::{CallContext, Scope};

use super::{Reply, Selector, call_context};
use crate::{
    State,
    rest_api::{
        gateway_response::GatewayError,
        integration_request::{Prepared, Sent},
    },
};
use operation::{Asked, Dialect};

/// The most that a service's answer may have.
const MOST_ANSWER: usize = 10 * 1024 * 1024;

pub(super) async fn call(
    state: &State,
    prepared: &Prepared<'_>,
    service: &str,
    region: &str,
    action: Option<&str>,
    sent: &Sent,
) -> Result<Reply, GatewayError> {
    let scope = Scope::new(&prepared.exchange.stage.scope.account, region);
    let ctx = call_context(state, &scope, prepared.exchange.trace_header());
    let _ = prepared.exchange.trail.endpoint_request.set(Arc::clone(&ctx.request_id));
    let (status, headers, body) = perform(state, &ctx, service, action, sent).await?;
    Ok(Reply::Mapped { selector: Selector::Text(status.to_string()), headers, body })
}

/// Lets a service answer a request: by the action, or by where the request's path and headers lead.
pub(crate) async fn perform(
    state: &State,
    ctx: &CallContext,
    service: &str,
    action: Option<&str>,
    sent: &Sent,
) -> Result<Answered, GatewayError> {
    let Asked { model, dialect, found } = operation::find(state, &ctx.scope, service, action, sent)?;
    let (operation, input) = match found {
        Ok(found) => found,
        Err(error) => return Ok(refused(model, dialect, &error, &ctx.request_id)),
    };
    let output = match state.router.call(ctx, model.name, &operation.name, input).await {
        Ok(output) => output,
        Err(error) => return Ok(refused(model, dialect, &error, &ctx.request_id)),
    };
    let encoded = match dialect {
        Dialect::Own => {
            aws_wire::encode_output(model, operation, &output.members, output.status, &ctx.request_id)
        }
        Dialect::QueryInJson => {
            aws_wire::encode_query_output(model, operation, &output.members, &ctx.request_id)
        }
    };
    let body = match encoded.body {
        Some(body) => body,
        None => output.body.read(MOST_ANSWER).await.map_err(|error| {
            GatewayError::failure(format!("the answer of {service} could not be read: {error}"))
        })?,
    };
    Ok((encoded.status, encoded.headers, body))
}

/// Status, headers and body.
pub(crate) type Answered = (u16, HeaderMap, Bytes);

fn refused(
    model: &'static ServiceModel,
    dialect: Dialect,
    error: &ServiceError,
    request_id: &str,
) -> Answered {
    let Encoded { status, headers, body } = match dialect {
        Dialect::Own => aws_wire::encode_error(model, error, request_id),
        Dialect::QueryInJson => aws_wire::encode_query_error(model, error, request_id),
    };
    (status, headers, body.unwrap_or_default())
}
