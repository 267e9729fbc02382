//! TLS to servers of the user's: rustls, trusting what the platform trusts (`SSL_CERT_FILE` included).

use std::sync::Arc;

use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer},
};

/// Trusts the platform's certificates. Where there are none, every server is refused, and the error says so.
pub(crate) fn platform() -> TlsConnector {
    connector(rustls_native_certs::load_native_certs().certs.into_iter())
}

/// Trusts the given certificates; those that cannot be read are left out.
pub(crate) fn connector<'c>(roots: impl Iterator<Item = CertificateDer<'c>>) -> TlsConnector {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.map(CertificateDer::into_owned));
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(store)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
