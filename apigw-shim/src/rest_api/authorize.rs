//! The second stage: whether the caller may use the method.

use super::{
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType, missing_authentication_token},
};

/// `AWS_IAM` wants a signed request; whose signature it is is not checked, as everywhere in Tule. A method that wants an
/// API key takes none, since there are no API keys yet.
pub(crate) fn check(exchange: Exchange<'_>) -> Result<Exchange<'_>, GatewayError> {
    let signature = exchange.request.header("authorization").unwrap_or_default();
    let is_signed =
        signature.starts_with("AWS4-") || exchange.query.iter().any(|(name, _)| name == "X-Amz-Signature");
    if exchange.method.needs_signature && !is_signed {
        return Err(missing_authentication_token());
    }
    if exchange.method.needs_api_key {
        return Err(GatewayError::new(ResponseType::InvalidApiKey, "Forbidden"));
    }
    Ok(exchange)
}
