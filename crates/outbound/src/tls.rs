//! TLS to servers of the user's: rustls, trusting what the platform trusts (`SSL_CERT_FILE` included), or whoever is asked
//! to be trusted.

use std::sync::Arc;

use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    },
};

/// What is special about connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Special {
    /// Whoever issued the server's certificate is trusted; its names and its time are checked all the same.
    pub any_issuer: bool,
    /// Who connects: a certificate, and its key as PKCS #8, both DER.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server is asked for and its certificate must have, where it is not the address's.
    pub server_name: Option<String>,
    /// The host and port that they go to, whatever addresses say.
    pub at: Option<(String, u16)>,
}

/// A name that a certificate can have.
pub(crate) fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).ok()
}

/// Whether [`Special::server_name`] can be this.
pub fn is_server_name(name: &str) -> bool {
    server_name(name).is_some()
}

/// Trusts the platform's certificates. Where there are none, every server is refused, and the error says so.
pub(crate) fn platform() -> TlsConnector {
    connector(rustls_native_certs::load_native_certs().certs.into_iter())
}

/// Trusts the given certificates; those that cannot be read are left out.
pub(crate) fn connector<'c>(roots: impl Iterator<Item = CertificateDer<'c>>) -> TlsConnector {
    let builder = builder().with_root_certificates(store(roots));
    TlsConnector::from(Arc::new(builder.with_no_client_auth()))
}

/// As [`Special`] says. An identity that is none is told.
pub(crate) fn special(tls: &Special) -> Result<TlsConnector, rustls::Error> {
    let builder = builder();
    let builder = if tls.any_issuer {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyIssuer(ring::default_provider())))
    } else {
        builder.with_root_certificates(store(rustls_native_certs::load_native_certs().certs.into_iter()))
    };
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
            builder.with_client_auth_cert(vec![certificate.clone().into()], key)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
}

fn store<'c>(roots: impl Iterator<Item = CertificateDer<'c>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.map(CertificateDer::into_owned));
    store
}

/// Trusts the issuer that a server names itself.
#[derive(Debug)]
struct AnyIssuer(CryptoProvider);

impl ServerCertVerifier for AnyIssuer {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let roots = store(issuers.iter().chain([server]).cloned());
        let provider = Arc::new(self.0.clone());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(server, issuers, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
