//! The credential scope of a signed request: which service and region a client means, and whose key it used.

use http::{HeaderMap, request::Parts};

use crate::text;

/// `AKID/DATE/REGION/SERVICE/aws4_request`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The access key id.
    pub access_key: String,
    /// `20261122`.
    pub date: String,
    /// `us-east-1`.
    pub region: String,
    /// The signing name, e.g. `states`.
    pub service: String,
}

impl Credential {
    /// The credential of a request, from its `Authorization` header or, when presigned, from its query.
    pub fn of(parts: &Parts) -> Option<Self> {
        Self::signing(&parts.headers, parts.uri.query().unwrap_or_default())
    }

    /// The credential of a request with these headers and this query.
    pub fn signing(headers: &HeaderMap, query: &str) -> Option<Self> {
        if let Some(header) = headers.get(http::header::AUTHORIZATION) {
            let header = header.to_str().ok()?;
            let (_, after) = text::split_at_mark(header, "Credential=")?;
            return Self::parse(after.split([',', ' ']).next()?);
        }
        if !query.contains("X-Amz-Credential=") {
            return None;
        }
        let (_, scope) = text::query_pairs(query).find(|(name, _)| name == "X-Amz-Credential")?;
        Self::parse(&scope)
    }

    fn parse(scope: &str) -> Option<Self> {
        // An access key may hold slashes only by accident; AWS's never do.
        let mut parts = scope.split('/');
        let credential = Self {
            access_key: parts.next()?.to_owned(),
            date: parts.next()?.to_owned(),
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
        };
        (parts.next() == Some("aws4_request")).then_some(credential)
    }
}

/// The account that an access key stands for: itself if it is twelve digits, else all zeros (the convention that
/// users of local emulators know).
pub fn account_of(access_key: Option<&str>) -> &str {
    match access_key {
        Some(key) if key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) => key,
        _ => "000000000000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(build: http::request::Builder) -> Parts {
        build.body(()).unwrap().into_parts().0
    }

    #[test]
    fn scopes_come_from_header_or_query() {
        let signed = parts(http::Request::builder().header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=0",
        ));
        let credential = Credential::of(&signed).unwrap();
        assert_eq!((credential.region.as_str(), credential.service.as_str()), ("eu-west-1", "states"));
        assert_eq!(account_of(Some(&credential.access_key)), "123456789012");
        let presigned = parts(
            http::Request::builder()
                .uri("/b/k?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&x=1"),
        );
        assert_eq!(Credential::of(&presigned).unwrap().service, "s3");
        assert_eq!(account_of(Some("test")), "000000000000");
    }

    #[test]
    fn rubbish_has_no_scope() {
        for header in
            ["", "Basic abc", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e"]
        {
            assert_eq!(
                Credential::of(&parts(http::Request::builder().header("authorization", header))),
                None
            );
        }
    }
}
