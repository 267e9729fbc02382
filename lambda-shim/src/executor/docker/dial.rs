//! Connections to the engine, by every way that Docker's command line knows: a socket of this machine, TCP, TLS, and ssh.
//! All are ours rather than the client library's, which knows neither ssh nor TLS as it is built here, and what goes
//! through the attached ones is an invocation's time.

use std::{
    io,
    os::{fd::OwnedFd, unix},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use http::Uri;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpStream, UnixStream},
    process::Command,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};

use super::place::Place;
use crate::{executor::quiet_stream::QuietStream, options::Connection};

/// How to connect.
pub(super) enum Dial {
    /// The socket's path.
    Unix(PathBuf),
    /// Host and port.
    Tcp((String, u16)),
    Tls((String, u16), TlsConnector, ServerName<'static>),
    /// What ssh is called with.
    Ssh(Vec<String>),
}

impl Dial {
    /// The way to a place. The error is a sentence for people.
    pub(super) fn to(place: &Place) -> Result<Self, String> {
        let host = &place.host;
        if let Some(path) = host.strip_prefix("unix://") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let unknown =
            || format!("{host} is no address of an engine that Tule knows (unix://, tcp:// or ssh://)");
        let uri: Uri = host.parse().map_err(|_| unknown())?;
        let name = uri.host().filter(|name| !name.is_empty()).ok_or_else(unknown)?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if uri.scheme_str() == Some("ssh") {
            return ssh(&uri, name).map(Self::Ssh);
        }
        if !matches!(uri.path(), "" | "/") {
            return Err(format!(
                "{host} names a path, and Tule knows only engines that have an address to themselves"
            ));
        }
        match (uri.scheme_str(), &place.certificates) {
            (Some("tcp" | "http"), None) => Ok(Self::Tcp((name.to_owned(), uri.port_u16().unwrap_or(2375)))),
            (Some("tcp"), Some(folder)) => {
                let connector = tls(folder).map_err(|why| {
                    format!("the certificates in {} cannot be used: {why}", folder.display())
                })?;
                let server = ServerName::try_from(name.to_owned()).map_err(|_| unknown())?;
                Ok(Self::Tls((name.to_owned(), uri.port_u16().unwrap_or(2376)), connector, server))
            }
            _ => Err(unknown()),
        }
    }

    /// A new connection.
    pub(super) async fn open(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match self {
            Self::Unix(path) => Box::new(QuietStream::new(UnixStream::connect(path).await?.into_std()?)?),
            Self::Tcp(address) => Box::new(tcp(address).await?),
            Self::Tls(address, connector, server) => {
                Box::new(connector.connect(server.clone(), tcp(address).await?).await?)
            }
            Self::Ssh(arguments) => Box::new(through_ssh(arguments)?),
        })
    }
}

async fn tcp((name, port): &(String, u16)) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((name.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Who we are, and whose signature the engine's certificate must have.
fn tls(folder: &Path) -> Result<TlsConnector, String> {
    let certificates = |name: &str| -> Result<Vec<CertificateDer<'static>>, String> {
        let read = CertificateDer::pem_file_iter(folder.join(name)).and_then(Iterator::collect);
        read.map_err(|error| format!("{name}: {error}"))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates("ca.pem")?);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    // An engine need not ask who comes.
    let config = if folder.join("cert.pem").exists() {
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"));
        let key = key.map_err(|error| format!("key.pem: {error}"))?;
        builder.with_client_auth_cert(certificates("cert.pem")?, key).map_err(|error| error.to_string())?
    } else {
        builder.with_no_client_auth()
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// As Docker's command line calls it, but that nothing is asked of a terminal.
fn ssh(uri: &Uri, name: &str) -> Result<Vec<String>, String> {
    let mut arguments: Vec<String> =
        ["-o", "ConnectTimeout=30", "-o", "BatchMode=yes", "-T"].map(str::to_owned).into();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if let Some((user, _)) = authority.rsplit_once('@') {
        if user.contains(':') {
            return Err("the engine's address holds a password, which ssh does not take".to_owned());
        }
        arguments.extend(["-l".to_owned(), user.to_owned()]);
    }
    if let Some(port) = uri.port_u16() {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    arguments.extend(["--", name, "docker"].map(str::to_owned));
    if !matches!(uri.path(), "" | "/") {
        arguments.extend(["--host".to_owned(), format!("unix://{}", uri.path())]);
    }
    arguments.extend(["system", "dial-stdio"].map(str::to_owned));
    Ok(arguments)
}

/// A connection that ssh carries over its standard streams. It ends with ours.
fn through_ssh(arguments: &[String]) -> io::Result<QuietStream> {
    let (ours, theirs) = unix::net::UnixStream::pair()?;
    let mut command = Command::new("ssh");
    command.args(arguments).stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
    let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    // The command would keep the other ends.
    drop(command);
    let ours = QuietStream::new(ours)?;
    if let Some(complaints) = child.stderr.take() {
        tokio::spawn(async move {
            let mut lines = BufReader::new(complaints).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::warn!("ssh to the Docker engine: {line}");
            }
            let _ = child.wait().await;
        });
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str) -> Result<Dial, String> {
        Dial::to(&Place { host: host.to_owned(), certificates: None })
    }

    #[test]
    fn addresses_are_read_as_dockers_command_line_reads_them() {
        assert!(
            matches!(to("unix:///run/a b.sock"), Ok(Dial::Unix(path)) if path.as_os_str() == "/run/a b.sock")
        );
        let tcp = |host: &str| match to(host) {
            Ok(Dial::Tcp(address)) => address,
            other => panic!("{host}: {:?}", other.err()),
        };
        assert_eq!(tcp("tcp://192.0.2.1:2300"), ("192.0.2.1".to_owned(), 2300));
        assert_eq!(tcp("tcp://[::1]"), ("::1".to_owned(), 2375));
        let ssh = |host: &str| match to(host) {
            Ok(Dial::Ssh(arguments)) => arguments[5..].join(" "),
            other => panic!("{host}: {:?}", other.err()),
        };
        assert_eq!(ssh("ssh://build"), "-- build docker system dial-stdio");
        assert_eq!(
            ssh("ssh://ann@build/run/d.sock"),
            "-l ann -- build docker --host unix:///run/d.sock system dial-stdio"
        );
    }

    #[test]
    fn what_is_no_address_of_an_engine_is_told() {
        for host in [
            "npipe:////./pipe/docker_engine",
            "docker",
            "tcp://",
            "tcp://host/path",
            "ssh://a:b@host",
            "fd://",
        ] {
            let why = to(host).err().unwrap_or_else(|| panic!("{host} is taken"));
            assert!(why.contains(host) || why.contains("password"), "{host}: {why}");
        }
        let folder = tempfile::tempdir().unwrap();
        let place = Place { host: "tcp://host".to_owned(), certificates: Some(folder.path().to_owned()) };
        let why = Dial::to(&place).err().unwrap();
        assert!(why.starts_with("the certificates in ") && why.contains("ca.pem: "), "{why}");
    }
}
