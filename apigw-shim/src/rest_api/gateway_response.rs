//! The answers that the gateway gives itself: what types there are, and how one is rendered.

use std::{borrow::Cow, collections::BTreeMap};

use aws_wire::ServiceError;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use runtime::Body;
use serde_json::{Map, Value};

use super::record::GatewayResponse;

/// A type of gateway response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseType {
    AccessDenied,
    ApiConfigurationError,
    AuthorizerConfigurationError,
    AuthorizerFailure,
    BadRequestBody,
    BadRequestParameters,
    Default4xx,
    Default5xx,
    ExpiredToken,
    IntegrationFailure,
    IntegrationTimeout,
    InvalidApiKey,
    InvalidSignature,
    MissingAuthenticationToken,
    QuotaExceeded,
    RequestTooLarge,
    ResourceNotFound,
    Throttled,
    Unauthorized,
    UnsupportedMediaType,
    WafFiltered,
}

use ResponseType as T;

impl ResponseType {
    /// All types, in the order of their names.
    pub const ALL: [Self; 21] = [
        T::AccessDenied,
        T::ApiConfigurationError,
        T::AuthorizerConfigurationError,
        T::AuthorizerFailure,
        T::BadRequestBody,
        T::BadRequestParameters,
        T::Default4xx,
        T::Default5xx,
        T::ExpiredToken,
        T::IntegrationFailure,
        T::IntegrationTimeout,
        T::InvalidApiKey,
        T::InvalidSignature,
        T::MissingAuthenticationToken,
        T::QuotaExceeded,
        T::RequestTooLarge,
        T::ResourceNotFound,
        T::Throttled,
        T::Unauthorized,
        T::UnsupportedMediaType,
        T::WafFiltered,
    ];

    /// AWS's name, the status it has unless the API changes it, and the type of error in `x-amzn-ErrorType`.
    fn facts(self) -> (&'static str, Option<u16>, &'static str) {
        match self {
            T::AccessDenied => ("ACCESS_DENIED", Some(403), "AccessDeniedException"),
            T::ApiConfigurationError => {
                ("API_CONFIGURATION_ERROR", Some(500), "InternalServerErrorException")
            }
            T::AuthorizerConfigurationError => {
                ("AUTHORIZER_CONFIGURATION_ERROR", Some(500), "AuthorizerConfigurationException")
            }
            T::AuthorizerFailure => ("AUTHORIZER_FAILURE", Some(500), "AuthorizerConfigurationException"),
            T::BadRequestBody => ("BAD_REQUEST_BODY", Some(400), "BadRequestException"),
            T::BadRequestParameters => ("BAD_REQUEST_PARAMETERS", Some(400), "BadRequestException"),
            T::Default4xx => ("DEFAULT_4XX", None, "BadRequestException"),
            T::Default5xx => ("DEFAULT_5XX", None, "InternalServerErrorException"),
            T::ExpiredToken => ("EXPIRED_TOKEN", Some(403), "ExpiredTokenException"),
            T::IntegrationFailure => ("INTEGRATION_FAILURE", Some(504), "InternalServerErrorException"),
            T::IntegrationTimeout => ("INTEGRATION_TIMEOUT", Some(504), "InternalServerErrorException"),
            T::InvalidApiKey => ("INVALID_API_KEY", Some(403), "ForbiddenException"),
            T::InvalidSignature => ("INVALID_SIGNATURE", Some(403), "InvalidSignatureException"),
            T::MissingAuthenticationToken => {
                ("MISSING_AUTHENTICATION_TOKEN", Some(403), "MissingAuthenticationTokenException")
            }
            T::QuotaExceeded => ("QUOTA_EXCEEDED", Some(429), "LimitExceededException"),
            T::RequestTooLarge => ("REQUEST_TOO_LARGE", Some(413), "RequestTooLargeException"),
            T::ResourceNotFound => ("RESOURCE_NOT_FOUND", Some(404), "ResourceNotFoundException"),
            T::Throttled => ("THROTTLED", Some(429), "TooManyRequestsException"),
            T::Unauthorized => ("UNAUTHORIZED", Some(401), "UnauthorizedException"),
            T::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", Some(415), "BadRequestException"),
            T::WafFiltered => ("WAF_FILTERED", Some(403), "ForbiddenException"),
        }
    }

    /// AWS's name.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The status it has unless the API changes it; the defaults for 4xx and 5xx have none.
    pub fn status(self) -> Option<u16> {
        self.facts().1
    }
}

/// Why a request ends without the integration's answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", .response_type.name())]
pub(crate) struct GatewayError {
    pub response_type: ResponseType,
    /// What the client reads.
    pub message: Cow<'static, str>,
    /// The status, where it is not the type's own.
    pub status: Option<u16>,
    /// The type of error in `x-amzn-ErrorType`, where it is not the type's own.
    pub error_type: Option<&'static str>,
    /// What the log says.
    pub reason: Option<String>,
    /// `$context.error.validationErrorString`.
    pub validation: Option<String>,
    /// What is known of whoever asked: `$context.authorizer`.
    pub authorizer: Option<Box<Map<String, Value>>>,
}

impl GatewayError {
    pub fn new(response_type: ResponseType, message: &'static str) -> Self {
        Self {
            response_type,
            message: Cow::Borrowed(message),
            status: None,
            error_type: None,
            reason: None,
            validation: None,
            authorizer: None,
        }
    }

    /// The API cannot work as it is configured: 500.
    pub fn configuration(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(T::ApiConfigurationError, "Internal server error") }
    }

    /// What a Lambda function returned is no answer: 502.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self { status: Some(502), ..Self::configuration(reason) }
    }

    /// The integration could not be reached: 504.
    pub fn failure(reason: impl Into<String>) -> Self {
        let message = "Network error communicating with endpoint";
        Self { reason: Some(reason.into()), ..Self::new(T::IntegrationFailure, message) }
    }

    /// The integration took too long: 504.
    pub fn timeout() -> Self {
        Self::new(T::IntegrationTimeout, "Endpoint request timed out")
    }
}

/// The one that is not there: without it nobody could tell a wrong path from a missing signature, and neither does AWS.
/// An `Authorization` header is taken for a signature, and told what it lacks to be one.
pub(crate) fn missing_authentication_token(headers: &HeaderMap) -> GatewayError {
    match aws_wire::incomplete_signature(headers) {
        Some(incomplete) => bad_signature(&incomplete),
        None => GatewayError::new(T::MissingAuthenticationToken, "Missing Authentication Token"),
    }
}

/// A signature that is not whole, or not right.
pub(crate) fn bad_signature(error: &ServiceError) -> GatewayError {
    let error_type = (error.code == "IncompleteSignatureException").then_some("IncompleteSignatureException");
    let message = Cow::Owned(error.message.clone());
    GatewayError { message, error_type, ..GatewayError::new(T::InvalidSignature, "") }
}

/// What the API has made of its gateway responses.
pub(crate) type Customized = BTreeMap<String, GatewayResponse>;

/// The answer for an error. A type that the API has not changed takes what it has made of the default for its class.
/// `render` evaluates a template and `parameter` a mapped value.
pub(crate) fn render(
    error: &GatewayError,
    customized: &Customized,
    accept: Option<&str>,
    render: impl Fn(&str) -> Option<String>,
    parameter: impl Fn(&str) -> Option<String>,
) -> Response<Body> {
    let own_status = error.status.or(error.response_type.status()).unwrap_or(500);
    let class = if own_status < 500 { T::Default4xx } else { T::Default5xx };
    let custom = customized.get(error.response_type.name());
    let custom = custom.or_else(|| customized.get(class.name()));
    let status = custom.and_then(|custom| custom.status_code.as_deref()?.parse().ok()).unwrap_or(own_status);
    let template = custom.and_then(|custom| {
        let wanted = accept.and_then(|accept| custom.response_templates.get_key_value(accept));
        wanted
            .or_else(|| custom.response_templates.get_key_value("application/json"))
            .or_else(|| custom.response_templates.iter().next())
    });
    let (content_type, body) = match template {
        Some((content_type, template)) => (content_type.as_str(), render(template).unwrap_or_default()),
        None => ("application/json", default_body(error)),
    };
    let mut response = Response::new(Body::from(body.into_bytes()));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-amzn-errortype"),
        HeaderValue::from_static(error.error_type.unwrap_or(error.response_type.facts().2)),
    );
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    for (name, expression) in custom.iter().flat_map(|custom| &custom.response_parameters) {
        let name =
            name.strip_prefix("gatewayresponse.header.").and_then(|name| HeaderName::try_from(name).ok());
        let value = parameter(expression).and_then(|value| HeaderValue::try_from(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    response
}

/// AWS's default template, and what it answers without one once a method is known: that has a space.
fn default_body(error: &GatewayError) -> String {
    let message = Value::from(&*error.message);
    match error.response_type {
        // What went wrong with an authorizer is nobody's business.
        T::AuthorizerConfigurationError | T::AuthorizerFailure => String::from("{\"message\":null}"),
        T::AccessDenied if error.message.starts_with("User") => format!("{{\"Message\":{message}}}"),
        T::ApiConfigurationError
        | T::BadRequestBody
        | T::BadRequestParameters
        | T::Default5xx
        | T::IntegrationFailure
        | T::IntegrationTimeout
        | T::UnsupportedMediaType => format!("{{\"message\": {message}}}"),
        _ => format!("{{\"message\":{message}}}"),
    }
}
