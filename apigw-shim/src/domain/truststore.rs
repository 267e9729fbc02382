//! Mutual TLS of custom domain names: the truststore, read from S3 when it is set, and whether a request has come from
//! one of those it trusts. The handshake itself is the listener's.

use aws_wire::ServiceError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::request::Parts;
use proxy_events::Secured;
use runtime::{CallContext, Input, Scope};
use serde_json::{Map, Value};
use x509_parser::pem::Pem;

use super::{
    certificate,
    record::{Domain, EndpointType, MutualTls},
};
use crate::{State, error::bad_request};

/// Larger truststores are refused.
const MOST_BYTES: usize = 1 << 20;

/// Whose certificates clients of a domain must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truststore {
    /// Certificates (DER) of those who may have issued them.
    pub certificates: Vec<Vec<u8>>,
    /// What tells this truststore from all others.
    pub fingerprint: [u8; 32],
}

impl Truststore {
    /// The truststore that a domain has.
    pub(super) fn of(domain: &Domain) -> Option<Self> {
        let tls = domain.mutual_tls.as_ref()?;
        let certificates: Vec<Vec<u8>> =
            tls.certificates.iter().filter_map(|text| STANDARD.decode(text).ok()).collect();
        let digest = ring::digest::digest(&ring::digest::SHA256, &certificates.concat());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest.as_ref());
        Some(Self { certificates, fingerprint })
    }

    /// Whether a certificate (DER) of version 1 is by one of these, at a time in seconds since 1970. The chain of others
    /// is the listener's to follow.
    pub fn trusts_version_1(&self, der: &[u8], now: i64) -> bool {
        self.certificates.iter().any(|authority| certificate::has_issued_version_1(authority, der, now))
    }

    /// Whether a request comes over a connection that was opened for its host, and whose client this truststore, as it is
    /// now, has been asked about and trusts. Without TLS nobody has been asked.
    pub(crate) fn admits(&self, host: &str, parts: &Parts) -> bool {
        let secured = parts.extensions.get::<Secured>();
        let secured = secured
            .filter(|it| it.server_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host)));
        let client = secured.and_then(|secured| secured.client.as_ref());
        match client.map(|client| (&client.trusted_by, &client.subject)) {
            Some((Ok(fingerprint), _)) => *fingerprint == self.fingerprint,
            Some((Err(reason), subject)) => {
                tracing::warn!(subject, "Access denied. Reason: {reason}");
                false
            }
            None => false,
        }
    }
}

/// Reads a truststore: what is wrong with parts of it becomes warnings, and one that trusts nobody is refused.
pub(crate) async fn read(
    state: &State,
    scope: &Scope,
    uri: &str,
    version: Option<&str>,
) -> Result<MutualTls, ServiceError> {
    let named = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) = named
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| bad_request(format!("Invalid truststore URI specified: {uri}")))?;
    let mut members = Map::new();
    members.insert(String::from("Bucket"), bucket.into());
    members.insert(String::from("Key"), key.into());
    if let Some(version) = version {
        members.insert(String::from("VersionId"), version.into());
    }
    let ctx = CallContext::internal(scope.clone(), state.options.endpoint.clone());
    let input = Input { members, ..Input::default() };
    let unreadable = |reason: &dyn std::fmt::Display| {
        bad_request(format!("The truststore {uri} cannot be read: {reason}"))
    };
    let output = state.router.call(&ctx, "s3", "GetObject", input).await;
    let body = output.map_err(|error| unreadable(&error.message))?.body;
    let text = body.read(MOST_BYTES).await.map_err(|error| unreadable(&error))?;
    let (certificates, warnings) = parse(&text, state.clock.now().millis() / 1000);
    if certificates.is_empty() {
        let reasons: String = warnings.iter().map(|warning| format!(" {warning}.")).collect();
        return Err(bad_request(format!(
            "The truststore {uri} has no certificate that can be used.{reasons}"
        )));
    }
    Ok(MutualTls {
        truststore_uri: uri.to_owned(),
        truststore_version: version.map(str::to_owned),
        warnings,
        certificates: certificates.iter().map(|certificate| STANDARD.encode(certificate)).collect(),
    })
}

/// The certificates (DER) in a text of PEM, and what is wrong with any.
fn parse(text: &[u8], now: i64) -> (Vec<Vec<u8>>, Vec<String>) {
    let (mut certificates, mut warnings) = (Vec::new(), Vec::new());
    for block in Pem::iter_from_buffer(text) {
        let Ok(block) = block else {
            warnings.push(String::from("The truststore has a part that is no PEM"));
            break;
        };
        if block.label != "CERTIFICATE" {
            warnings.push(format!("The truststore has a part that is no certificate: {}", block.label));
            continue;
        }
        match certificate::fault(&block.contents, now) {
            None => certificates.push(block.contents),
            Some(fault) => warnings.push(fault),
        }
    }
    (certificates, warnings)
}

/// Whether a domain can have mutual TLS.
pub(super) fn check(domain: &Domain) -> Result<(), ServiceError> {
    if domain.mutual_tls.is_none() {
        return Ok(());
    }
    if domain.endpoint_type != EndpointType::Regional {
        return Err(bad_request("Mutual TLS is supported for regional domain names only"));
    }
    if domain.security_policy == "TLS_1_0" {
        return Err(bad_request("Mutual TLS requires a security policy of TLS 1.2 or later"));
    }
    Ok(())
}

/// What is shown of it; `uri`, `version` and `warnings` are a control plane's names for that.
pub(crate) fn render(domain: &Domain, [uri, version, warnings]: [&str; 3]) -> Value {
    let Some(tls) = &domain.mutual_tls else { return Value::Null };
    let mut shown = Map::new();
    shown.insert(uri.to_owned(), tls.truststore_uri.as_str().into());
    shown.insert(version.to_owned(), tls.truststore_version.clone().into());
    if !tls.warnings.is_empty() {
        shown.insert(warnings.to_owned(), tls.warnings.clone().into());
    }
    shown.into()
}
