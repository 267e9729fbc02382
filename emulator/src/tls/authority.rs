//! Who issues the certificates that the HTTPS listener shows: an authority of this Tule's own.
//!
//! A name's certificate is made when it is first asked for and kept in memory with its key. The authority's own key is in
//! the data folder, or in memory where there is none. Whoever trusts the authority trusts whoever has that key, so it is
//! readable by its owner alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _,
};

/// The folder of the authority in the data folder.
const FOLDER: &str = "tls";
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the authority lasts, and how long the certificates it issues: longer ones are refused by some clients.
const AUTHORITY_LASTS: Duration = Duration::from_secs(3_650 * 24 * 60 * 60);
const LASTS: Duration = Duration::from_secs(397 * 24 * 60 * 60);

/// The authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// What clients are to trust.
    pub(crate) pem: String,
    /// Where that is, if it is in a file.
    pub(crate) file: Option<PathBuf>,
}

/// A certificate with its chain, and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// The authority of a data folder, made if it has none; one in memory without a folder.
    pub(crate) fn open(data: Option<&Path>) -> Result<Self, String> {
        let Some(folder) = data.map(|data| data.join(FOLDER)) else {
            let key = KeyPair::generate().map_err(|error| error.to_string())?;
            return Self::new(key, None, None);
        };
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let (key_file, certificate_file) = (folder.join(KEY), folder.join(CERTIFICATE));
        let key = match fs::read(&key_file) {
            Ok(key) => KeyPair::try_from(&PrivatePkcs8KeyDer::from(key))
                .map_err(|error| wrong(&format!("{KEY}: {error}")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(|error| wrong(&error))?;
                fs::create_dir_all(&folder).map_err(|error| wrong(&error))?;
                write_secret(&key_file, &key.serialize_der()).map_err(|error| wrong(&error))?;
                key
            }
            Err(error) => return Err(wrong(&error)),
        };
        // A crash may have left the key alone: then nobody has trusted a certificate of it yet.
        let before = fs::read_to_string(&certificate_file).ok();
        let made = Self::new(key, before, Some(certificate_file.clone()))?;
        fs::write(&certificate_file, &made.pem).map_err(|error| wrong(&error))?;
        Ok(made)
    }

    fn new(key: KeyPair, before: Option<String>, file: Option<PathBuf>) -> Result<Self, String> {
        let told = |error: rcgen::Error| format!("no certificate authority could be made: {error}");
        let mut params =
            params(Vec::new(), "Tule's local certificate authority", AUTHORITY_LASTS).map_err(told)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let kept = before.and_then(|text| CertificateDer::from_pem_slice(text.as_bytes()).ok());
        let certificate = match kept {
            Some(certificate) => certificate,
            None => params.self_signed(&key).map_err(told)?.der().clone(),
        };
        let pem = apigw_shim::pem(&certificate);
        Ok(Self { issuer: Issuer::new(params, key), certificate, pem, file })
    }

    /// A certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[String]) -> Result<Identity, String> {
        let told = |error: rcgen::Error| format!("no certificate for {names:?} could be made: {error}");
        let common = names.first().map_or("localhost", String::as_str);
        let mut params = params(names.to_vec(), common, LASTS).map_err(told)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python holds certificates strictly to RFC 5280.
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(told)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(told)?;
        Ok(Identity {
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }
}

fn params(names: Vec<String>, common: &str, lasts: Duration) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Tule");
    // Common names have an end, at 64; what counts is the alternative names.
    name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
    params.distinguished_name = name;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + now.saturating_sub(DAY);
    params.not_after = params.not_before + lasts;
    Ok(params)
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_secret(path: &Path, secret: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_outlives_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(Some(folder.path())).unwrap();
        let second = Authority::open(Some(folder.path())).unwrap();
        assert_eq!(first.pem, second.pem);
        assert_eq!(fs::read_to_string(second.file.as_ref().unwrap()).unwrap(), first.pem);
        let key = folder.path().join("tls/ca.key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        // Without its certificate it makes another, and a key that is none is not written over.
        fs::remove_file(folder.path().join("tls/ca.pem")).unwrap();
        assert_ne!(Authority::open(Some(folder.path())).unwrap().pem, "");
        fs::write(&key, "none").unwrap();
        assert!(Authority::open(Some(folder.path())).is_err());
        assert_ne!(Authority::open(None).unwrap().pem, first.pem);
    }
}
