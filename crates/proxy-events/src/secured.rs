//! What is known of a request's connection where it came over TLS.

use std::sync::Arc;

use http::request::Parts;
use serde_json::{Value, json};

/// How a connection is secured: an extension of requests that came over TLS.
#[derive(Debug, Clone)]
pub struct Secured {
    /// The name that the client asked for in the handshake, in small letters.
    pub server_name: Option<Arc<str>>,
    /// The certificate that the client has shown, where it was asked for one.
    pub client: Option<Arc<ClientCertificate>>,
}

impl Secured {
    /// Takes the client's certificate from what is known of a request: the custom domain name that has asked for it is not
    /// the request's.
    pub fn forget_client(parts: &mut Parts) {
        if let Some(secured) = parts.extensions.get_mut::<Self>() {
            secured.client = None;
        }
    }
}

/// A certificate that a client has shown, and has proven to have the key of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate itself.
    pub pem: String,
    /// `CN=client,O=Example,C=US`.
    pub subject: String,
    /// The same of whoever issued it.
    pub issuer: String,
    /// `a1:b2`.
    pub serial_number: String,
    /// `May 28 12:30:02 2019 GMT`.
    pub not_before: String,
    /// The same of its end.
    pub not_after: String,
    /// The truststore by which it is trusted; or why it is not.
    pub trusted_by: Result<[u8; 32], String>,
}

impl ClientCertificate {
    /// `clientCert` of events and of `$context`.
    pub fn value(&self) -> Value {
        json!({
            "clientCertPem": self.pem,
            "subjectDN": self.subject,
            "issuerDN": self.issuer,
            "serialNumber": self.serial_number,
            "validity": {"notBefore": self.not_before, "notAfter": self.not_after},
        })
    }
}
