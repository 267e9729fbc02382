//! CORS as HTTP APIs and function URLs have it: configured, answered for preflight requests, and put over what integrations say.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use runtime::Body;
use serde_json::Value;

use crate::Incoming;

/// A configuration of CORS.
#[derive(Debug)]
pub struct Cors {
    allow_credentials: bool,
    allow_headers: Vec<String>,
    allow_methods: Vec<String>,
    allow_origins: Vec<String>,
    expose_headers: Vec<String>,
    max_age: Option<i64>,
}

impl Cors {
    /// From the members of the configuration's shape, which both services have alike.
    pub fn new(configuration: &Value) -> Self {
        let list = |name: &str| {
            let values = configuration.get(name).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            allow_credentials: configuration.get("AllowCredentials") == Some(&Value::Bool(true)),
            allow_headers: list("AllowHeaders"),
            allow_methods: list("AllowMethods"),
            allow_origins: list("AllowOrigins"),
            expose_headers: list("ExposeHeaders"),
            max_age: configuration.get("MaxAge").and_then(Value::as_i64),
        }
    }

    /// The origin to allow, if the request's is one of those configured.
    fn origin<'r>(&self, request: &'r Incoming) -> Option<&'r str> {
        let origin = request.header("origin")?;
        let allows = |allowed: &String| match allowed.as_str() {
            "*" => true,
            // `https://*`: any host of that scheme.
            pattern if pattern.ends_with("://*") => origin.starts_with(pattern.trim_end_matches('*')),
            exact => exact.eq_ignore_ascii_case(origin),
        };
        if self.allow_origins.iter().any(|allowed| allowed == "*") {
            return Some("*");
        }
        self.allow_origins.iter().any(allows).then_some(origin)
    }

    /// Whether this is a preflight request, which the gateway answers itself whatever routes there are.
    pub fn is_preflight(request: &Incoming) -> bool {
        request.method == Method::OPTIONS
            && request.header("origin").is_some()
            && request.header("access-control-request-method").is_some()
    }

    /// The answer to a preflight request.
    pub fn preflight(&self, request: &Incoming) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let asked = request.header("access-control-request-method").unwrap_or_default();
        let allowed = self.allow_methods.iter().any(|method| method == "*" || method == asked);
        if let Some(origin) = self.origin(request).filter(|_| allowed) {
            let headers = response.headers_mut();
            set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods.join(","));
            if !self.allow_headers.is_empty() {
                set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers.join(","));
            }
            if let Some(age) = self.max_age {
                set(headers, header::ACCESS_CONTROL_MAX_AGE, &age.to_string());
            }
            self.add_credentials(headers);
        }
        response
    }

    fn add_credentials(&self, headers: &mut HeaderMap) {
        if self.allow_credentials {
            set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }

    /// Takes away what the integration says of CORS, and says what is configured.
    pub fn apply(&self, request: &Incoming, headers: &mut HeaderMap) {
        let own: Vec<HeaderName> =
            headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in own {
            headers.remove(name);
        }
        let Some(origin) = self.origin(request) else { return };
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !self.expose_headers.is_empty() {
            set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers.join(","));
        }
        self.add_credentials(headers);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
