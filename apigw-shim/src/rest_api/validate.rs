//! Part of the second stage: whether a request has what its method's validator wants.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use super::{
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType},
};

/// Required parameters, then the body by the model of its content type.
pub(crate) fn check(exchange: Exchange<'_>) -> Result<Exchange<'_>, GatewayError> {
    let method = Arc::clone(&exchange.method);
    let validation = &method.validation;
    if validation.required.is_empty() && validation.models.is_empty() {
        return Ok(exchange);
    }
    let has = |place: &str, name: &str| {
        let among = |pairs: &[(String, String)]| {
            pairs.iter().any(|(known, value)| known == name && !value.trim().is_empty())
        };
        match place {
            "querystring" => among(&exchange.query),
            "header" => exchange.request.header(name).is_some_and(|value| !value.trim().is_empty()),
            _ => among(&exchange.path_parameters),
        }
    };
    let required = validation.required.iter();
    let missing: Vec<&str> =
        required.filter(|(place, name)| !has(place, name)).map(|(_, name)| name.as_str()).collect();
    if !missing.is_empty() {
        let list = format!("[{}]", missing.join(", "));
        let mut error = GatewayError::new(ResponseType::BadRequestParameters, "");
        error.message = Cow::Owned(format!("Missing required request parameters: {list}"));
        error.validation = Some(list);
        return Err(error);
    }
    let content_type = exchange.request.content_type().unwrap_or("application/json");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let named = |wanted: &str| validation.models.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
    if let Some((_, schema)) = named(essence).or_else(|| named("$default")) {
        let schema = schema.as_ref().map_err(|reason| GatewayError::configuration(reason.as_str()))?;
        let Ok(body) = serde_json::from_slice::<Value>(&exchange.request.body) else {
            return Err(invalid_body(String::from("[Unknown error parsing request body]")));
        };
        let found = schema.check(&body);
        if !found.is_empty() {
            return Err(invalid_body(format!("[{}]", found.join(", "))));
        }
    }
    Ok(exchange)
}

fn invalid_body(found: String) -> GatewayError {
    let mut error = GatewayError::new(ResponseType::BadRequestBody, "Invalid request body");
    error.reason = Some(format!("Request body does not match model schema for content type: {found}"));
    error.validation = Some(found);
    error
}
