//! The HTTPS listener's handshakes: which certificate a client is shown, and whether it must show one itself.
//!
//! Both follow from the name that the client asks for (SNI). A custom domain name with mutual TLS asks for a certificate
//! and remembers what its truststore says of it; everything else asks for none. What a request may then do is decided
//! where requests are: by the front door and API Gateway, which see [`Secured`].

mod authority;

use std::{io, net::IpAddr, sync::Arc};

use apigw_shim::Truststore;
use dashmap::DashMap;
use proxy_events::Secured;
use tokio::net::TcpStream;
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        self, CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
        SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::{ring, verify_tls13_signature_with_raw_key},
        pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime},
        server::{
            Acceptor, WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
    },
    server::TlsStream,
};

use crate::front_door::FrontDoor;
use authority::{Authority, Identity};

/// More bytes of authorities' names are not sent.
const MOST_HINTS: usize = 16 << 10;
/// Identities of more names than this are made again when they are needed again.
const MOST_NAMES: usize = 1_000;

/// What handshakes need.
pub(crate) struct Tls {
    authority: Authority,
    door: Arc<FrontDoor>,
    /// The address that is listened on, which clients may ask for too.
    host: IpAddr,
    /// What names are shown by; the empty one is for clients that name nothing we know.
    known: DashMap<String, Arc<Known>>,
}

struct Known {
    identity: Identity,
    /// For all that asks clients for nothing.
    config: Arc<ServerConfig>,
}

impl Tls {
    /// With an authority of the data folder, or one in memory.
    pub(crate) fn new(
        data: Option<&std::path::Path>,
        host: IpAddr,
        door: Arc<FrontDoor>,
    ) -> Result<Self, String> {
        let authority = Authority::open(data).map_err(|reason| format!("HTTPS: {reason}"))?;
        Ok(Self { authority, door, host, known: DashMap::new() })
    }

    /// The certificate that clients are to trust.
    pub(crate) fn pem(&self) -> &str {
        &self.authority.pem
    }

    /// Where that is, if it is in a file.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        self.authority.file.as_deref()
    }

    /// Does the handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Secured)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
        let known = self.known(name.as_deref()).map_err(io::Error::other)?;
        let truststore = name.as_deref().and_then(|name| self.door.truststore(name));
        let server_name = name.map(Arc::from);
        let Some(truststore) = truststore else {
            let stream = start.into_stream(Arc::clone(&known.config)).await?;
            return Ok((stream, Secured { server_name, client: None }));
        };
        let verifier = verifier(&truststore).map_err(io::Error::other)?;
        let config = config(&known.identity, Some(Arc::clone(&verifier))).map_err(io::Error::other)?;
        let stream = start.into_stream(config).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let client = chain.split_first().and_then(|(own, issuers)| {
            let now = UnixTime::now();
            let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let trusted_by = match verifier.verify_client_cert(own, issuers, now) {
                Ok(_) => Ok(truststore.fingerprint),
                Err(_) if truststore.trusts_version_1(own, seconds) => Ok(truststore.fingerprint),
                Err(error) => Err(reason(&error)),
            };
            apigw_shim::client_certificate(own, trusted_by).map(Arc::new)
        });
        Ok((stream, Secured { server_name, client }))
    }

    /// What a name is shown by. Names that are not served get the certificate of those that are; their requests are
    /// refused by the front door.
    fn known(&self, name: Option<&str>) -> Result<Arc<Known>, String> {
        let name = name.filter(|name| self.door.answers_to(name)).unwrap_or_default();
        if let Some(known) = self.known.get(name) {
            return Ok(Arc::clone(&known));
        }
        let names = if name.is_empty() {
            let own = ["localhost", "*.localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let mut names = Vec::from(own);
            if !self.host.is_unspecified() && !self.host.is_loopback() {
                names.push(self.host.to_string());
            }
            names
        } else {
            vec![name.to_owned()]
        };
        let identity = self.authority.issue(&names)?;
        let config = config(&identity, None).map_err(|error| error.to_string())?;
        if self.known.len() >= MOST_NAMES {
            self.known.clear();
        }
        let known = Arc::new(Known { identity, config });
        self.known.insert(name.to_owned(), Arc::clone(&known));
        Ok(known)
    }
}

/// Why a certificate is not trusted, as AWS's logs say it.
fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)) => {
            String::from("Could not find issuer for certificate")
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => String::from("Certificate has expired"),
        other => other.to_string(),
    }
}

fn config(
    identity: &Identity,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(Asking(verifier))),
    };
    let mut config = builder.with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(truststore: &Truststore) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        truststore.certificates.iter().map(|it| CertificateDer::from(it.as_slice())),
    );
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())
}

/// Asks for a certificate, and for the proof that the client has its key, but lets those in that the truststore does not
/// know: as with AWS they are answered 403, which tells more than a connection that breaks. Who has come without any is
/// not let in at all. What the truststore says is asked behind the handshake, in [`Tls::accept`].
#[derive(Debug)]
struct Asking(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Asking {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A handshake has room for so many; clients of larger truststores choose without a hint.
        let hints = self.0.root_hint_subjects();
        let bytes: usize = hints.iter().map(|name| name.as_ref().len() + 2).sum();
        if bytes > MOST_HINTS { &[] } else { hints }
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Certificates of version 1 are none to rustls; the proof is made with the key in them all the same. TLS 1.2 has
        // no such way, so clients with those need 1.3.
        match apigw_shim::key_of_version_1(certificate) {
            None => self.0.verify_tls13_signature(message, certificate, signed),
            Some(key) => verify_tls13_signature_with_raw_key(
                message,
                &SubjectPublicKeyInfoDer::from(key),
                signed,
                &ring::default_provider().signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
