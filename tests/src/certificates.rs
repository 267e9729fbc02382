//! Certificates made for a test.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Who issues certificates.
pub struct Authority {
    /// Its own, DER.
    pub certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Identity {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS #8, DER.
    pub key: Vec<u8>,
}

impl Authority {
    /// One of this name.
    ///
    /// # Panics
    /// Never: keys can be made.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("it can be signed").der().to_vec();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// What a client of this name shows.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(name, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// What a server shows that is reached by this name or address.
    pub fn server(&self, name: &str) -> Identity {
        self.issue(name, &[name.to_owned()], ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, name: &str, names: &[String], purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(names).expect("the names are names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        Identity { certificate: certificate.der().to_vec(), key: key.serialize_der() }
    }
}

/// `CERTIFICATE`, `PRIVATE KEY`: what stands in a file of text.
pub fn pem(what: &str, der: &[u8]) -> String {
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", BASE64_STANDARD.encode(der))
}
