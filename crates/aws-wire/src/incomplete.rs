//! What an `Authorization` header lacks that is to be a signature, in AWS's words.
//!
//! The wording is that of 2025, which shows the header as its hash; before, it repeated the header.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::ServiceError;

/// The refusal (403 `IncompleteSignatureException`) of an `Authorization` header that is no signature. `None` where
/// there is no such header, or nothing is missing in it.
pub fn incomplete_signature(headers: &HeaderMap) -> Option<ServiceError> {
    let given = headers.get(header::AUTHORIZATION)?.as_bytes().trim_ascii();
    if given.is_empty() {
        return None;
    }
    let hash = STANDARD.encode(Sha256::digest(given));
    let text = String::from_utf8_lossy(given);
    let (algorithm, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
    let parameters: Vec<&str> = rest.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    if parameters.iter().any(|parameter| !parameter.contains('=')) {
        return Some(incomplete(format!(
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with \
             Base64): '{hash}'."
        )));
    }
    let has = |name: &str| {
        parameters
            .iter()
            .any(|parameter| parameter.split_once('=').is_some_and(|(own, _)| own.trim() == name))
    };
    let lacks = ["Credential", "Signature", "SignedHeaders"].into_iter().filter(|name| !has(name));
    let mut lacks: Vec<String> =
        lacks.map(|name| format!("Authorization header requires '{name}' parameter.")).collect();
    if !headers.contains_key("x-amz-date") && !headers.contains_key(header::DATE) {
        let text = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        lacks.push(text.to_owned());
    }
    if !lacks.is_empty() {
        let lacks = lacks.join(" ");
        return Some(incomplete(format!(
            "{lacks} (Hashed with SHA-256 and encoded with Base64) Authorization={hash}"
        )));
    }
    (algorithm != "AWS4-HMAC-SHA256")
        .then(|| incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")))
}

fn incomplete(text: String) -> ServiceError {
    ServiceError::new("IncompleteSignatureException", 403, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        incomplete_signature(&headers).map(|error| error.message)
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(told(&[]), None);
        let token = told(&[("authorization", "Bearer sometoken")]).unwrap();
        let expected = "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded \
                        with Base64): 'y4iWy1aq4i5DGQIugs5IA1A9K9WCbZjwIJdx57Cnk3o='.";
        assert_eq!(token, expected);
        let basic = told(&[("authorization", "Basic dXNlcjo="), ("x-amz-date", "20261123T000000Z")]).unwrap();
        let expected = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
                        parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and \
                        encoded with Base64) Authorization=";
        assert!(basic.starts_with(expected), "{basic}");
        let bare = told(&[("authorization", "sometoken")]).unwrap();
        assert!(bare.contains("either a 'X-Amz-Date' or a 'Date' header. (Hashed"), "{bare}");
        let whole = "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host,Signature=0";
        assert_eq!(told(&[("authorization", whole), ("date", "now")]), None);
        let other = "AWS5-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0";
        let other = told(&[("authorization", other), ("date", "now")]).unwrap();
        assert_eq!(other, "Unsupported AWS 'algorithm': 'AWS5-HMAC-SHA256'.");
    }
}
