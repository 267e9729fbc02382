//! What a CORS configuration of an HTTP API may allow.

use aws_wire::ServiceError;
use serde_json::Value;

use super::Members;
use crate::error::bad_request;

const METHODS: &[&str] = &["*", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Checks the configuration among the members of an API, if there is one.
pub(super) fn check(members: &Members) -> Result<(), ServiceError> {
    let Some(configuration) = members.get("CorsConfiguration") else { return Ok(()) };
    let texts = |name: &str| {
        let all = configuration.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str)
    };
    if let Some(wrong) = texts("AllowOrigins").find(|origin| !is_origin(origin)) {
        return Err(bad_request(format!("Invalid format for origin {wrong}")));
    }
    // AWS's words for this are not known.
    if let Some(wrong) = texts("AllowMethods").find(|method| !METHODS.contains(method)) {
        return Err(bad_request(format!("Invalid format for method {wrong}")));
    }
    let with_credentials = configuration.get("AllowCredentials") == Some(&Value::Bool(true));
    if with_credentials && texts("AllowOrigins").any(|origin| origin == "*") {
        return Err(bad_request("allow-credentials is not supported if 'allow-origin' is *"));
    }
    Ok(())
}

/// `*`, all origins of a scheme, or one: a scheme, a host and perhaps a port. There is no star for a part of a host.
fn is_origin(origin: &str) -> bool {
    if origin == "*" {
        return true;
    }
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme)) else {
        return false;
    };
    if rest == "*" {
        return true;
    }
    let has_authority_only =
        rest.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty());
    has_authority_only && !rest.contains(['*', '@'])
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn origins() {
        for good in
            ["*", "http://*", "https://*", "https://a.com", "http://localhost:3000", "http://[::1]:80"]
        {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "foo",
            "a.com",
            "http://*.b.com",
            "capacitor://localhost",
            "https://",
            "https://a.com/",
            "https://a@b",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
