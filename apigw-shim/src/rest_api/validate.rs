//! Part of the second stage: whether a request has what its method's validator wants.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType},
};

/// Required parameters, then the body. The models are those that every API has: both are of objects.
pub(crate) fn check(exchange: Exchange<'_>) -> Result<Exchange<'_>, GatewayError> {
    let method = std::sync::Arc::clone(&exchange.method);
    let has = |place: &str, name: &str| {
        let among = |pairs: &[(String, String)]| pairs.iter().any(|(known, _)| known == name);
        match place {
            "querystring" => among(&exchange.query),
            "header" => exchange.request.headers.contains_key(name),
            _ => among(&exchange.path_parameters),
        }
    };
    let required = method.validation.required.iter();
    let missing: Vec<&str> =
        required.filter(|(place, name)| !has(place, name)).map(|(_, name)| name.as_str()).collect();
    if !missing.is_empty() {
        let mut error = GatewayError::new(ResponseType::BadRequestParameters, "");
        error.message = Cow::Owned(format!("Missing required request parameters: [{}]", missing.join(", ")));
        return Err(error);
    }
    let content_type = exchange.request.content_type().unwrap_or("application/json");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let mut models = method.validation.models.iter();
    let model = models.find(|(known, _)| known.eq_ignore_ascii_case(essence));
    if model.is_some_and(|(_, model)| !fits(model, &exchange.request.body)) {
        return Err(GatewayError::new(ResponseType::BadRequestBody, "Invalid request body"));
    }
    Ok(exchange)
}

fn fits(model: &str, body: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else { return false };
    model != "Error" || members.get("message").is_none_or(Value::is_string)
}
