//! Settings: flags and `TULE_…` variables first, then `tule.toml`, then the defaults.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use http::Uri;
use lambda_shim::DebugPort;
use serde::Deserialize;

use crate::front_door::safety::Allowed;

/// The file that is read from the current folder.
const FILE: &str = "tule.toml";

/// Which executor runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Executor {
    /// Docker where an engine answers, else local processes.
    Auto,
    /// Containers of AWS's base images.
    Docker,
    /// Local interpreters.
    Process,
}

/// What the command line and the environment give.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// Port to listen on; 0 takes a free one and prints it.
    #[arg(long, env = "TULE_PORT")]
    port: Option<u16>,
    /// Port to listen on for HTTPS too; 0 takes a free one. Without it nothing is served over TLS.
    #[arg(long, env = "TULE_HTTPS_PORT", value_name = "PORT")]
    https_port: Option<u16>,
    /// Address to listen on.
    #[arg(long, env = "TULE_HOST")]
    host: Option<IpAddr>,
    /// Folder that keeps everything; without it all is gone when Tule ends.
    #[arg(long, env = "TULE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How functions run.
    #[arg(long, env = "TULE_EXECUTOR", value_enum)]
    executor: Option<Executor>,
    /// Serve a service from another endpoint: SERVICE=URL; may be given more than once.
    #[arg(long, env = "TULE_DELEGATE", value_name = "SERVICE=URL", value_delimiter = ',', value_parser = delegate)]
    delegate: Vec<(String, Uri)>,
    /// The address that stands for what a VPC link leads to, a load balancer's listener, say: ARN=URL; may be given more
    /// than once.
    #[arg(long, env = "TULE_VPC_LINK_TARGET", value_name = "ARN=URL", value_delimiter = ',', value_parser = vpc_link_target)]
    vpc_link_target: Vec<(String, Uri)>,
    /// Region of requests that name none.
    #[arg(long, env = "TULE_REGION")]
    region: Option<String>,
    /// Answer to this host name too; may be given more than once.
    #[arg(long, env = "TULE_ALLOWED_HOST", value_name = "NAME", value_delimiter = ',')]
    allowed_host: Vec<String>,
    /// Serve pages of this origin too; may be given more than once.
    #[arg(long, env = "TULE_ALLOWED_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    allowed_origin: Vec<String>,
    /// Refuse requests whose signature was not made with the secret `test`.
    #[arg(long, env = "TULE_VERIFY_SIGNATURES")]
    verify_signatures: bool,
    /// File of mocked integrations for workflows, in the format of Step Functions Local.
    #[arg(long, env = "SFN_MOCK_CONFIG", value_name = "FILE")]
    mock_config: Option<PathBuf>,
    /// Run a function under a debugger (debugpy, or node --inspect) and wait for it on 127.0.0.1:PORT, without a timeout;
    /// may be given more than once.
    #[arg(long, env = "TULE_DEBUG", value_name = "FUNCTION[:PORT]", value_delimiter = ',', value_parser = debugged)]
    debug: Vec<(String, DebugPort)>,
    /// How many execution environments of functions run at once on this machine (default: 256).
    #[arg(long, env = "TULE_MAX_ENVIRONMENTS", value_name = "N")]
    max_environments: Option<NonZeroUsize>,
    /// The engine's network that functions' containers join (default: the engine's own default; `none` gives them none,
    /// and Tule is reached all the same).
    #[arg(long, env = "TULE_DOCKER_NETWORK", value_name = "NETWORK", value_parser = network)]
    docker_network: Option<String>,
    /// Settings file (default: tule.toml, where there is one).
    #[arg(long, env = "TULE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

fn network(text: &str) -> Result<String, String> {
    // Each container has the Runtime API at the same port of its own.
    if text == "host" || text.starts_with("container:") {
        return Err(
            "functions' containers need network names of their own; make a network and name it".to_owned()
        );
    }
    Ok(text.to_owned())
}

fn debugged(text: &str) -> Result<(String, DebugPort), String> {
    match text.split_once(':') {
        None if text.is_empty() => Err("name a function".to_owned()),
        None => Ok((text.to_owned(), None)),
        Some((name, port)) => match port.parse() {
            Ok(port @ 1..) if !name.is_empty() => Ok((name.to_owned(), Some(port))),
            _ => Err("give it as FUNCTION or FUNCTION:PORT".to_owned()),
        },
    }
}

fn delegate(text: &str) -> Result<(String, Uri), String> {
    let (service, url) =
        text.split_once('=').ok_or("give it as SERVICE=URL, e.g. dynamodb=http://127.0.0.1:8000")?;
    if aws_model::service(service).is_none() {
        return Err(format!("there is no service {service}; known are {}", aws_model::NAMES.join(", ")));
    }
    let url: Uri = url.parse().map_err(|_| format!("{url} is no URL"))?;
    if url.scheme_str() != Some("http") || url.authority().is_none() {
        return Err(format!("{url} must begin with http:// and name a host"));
    }
    Ok((service.to_owned(), url))
}

fn vpc_link_target(text: &str) -> Result<(String, Uri), String> {
    let (arn, url) =
        text.rsplit_once('=').filter(|(arn, _)| arn.starts_with("arn:")).ok_or("give it as ARN=URL")?;
    let url: Uri = url.parse().map_err(|_| format!("{url} is no URL"))?;
    let is_server = matches!(url.scheme_str(), Some("http" | "https"))
        && url.authority().is_some_and(|authority| !authority.host().is_empty());
    // The path is the request's own.
    if !is_server || url.path() != "/" || url.query().is_some() {
        return Err(format!("{url} must be http:// or https:// and a host, without a path"));
    }
    Ok((arn.to_owned(), url))
}

/// `tule.toml`. Unknown keys are errors, so that a misspelt one is not ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    port: Option<u16>,
    https_port: Option<u16>,
    host: Option<IpAddr>,
    data_dir: Option<PathBuf>,
    executor: Option<Executor>,
    delegate: BTreeMap<String, String>,
    vpc_link_target: BTreeMap<String, String>,
    region: Option<String>,
    allowed_host: Vec<String>,
    allowed_origin: Vec<String>,
    verify_signatures: bool,
    mock_config: Option<PathBuf>,
    debug: Vec<String>,
    max_environments: Option<NonZeroUsize>,
    docker_network: Option<String>,
    images: BTreeMap<String, String>,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) port: u16,
    /// Where HTTPS is served, if it is.
    pub(crate) https_port: Option<u16>,
    pub(crate) host: IpAddr,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) executor: Executor,
    pub(crate) delegates: BTreeMap<String, Uri>,
    /// What stands for what VPC links lead to, by ARN.
    pub(crate) vpc_link_targets: BTreeMap<String, Uri>,
    pub(crate) region: String,
    pub(crate) allowed: Allowed,
    pub(crate) verify_signatures: bool,
    /// Mocked integrations.
    pub(crate) mock_config: Option<PathBuf>,
    /// Functions that run under a debugger.
    pub(crate) debug: Vec<(String, DebugPort)>,
    /// How many environments run at once, where it is not the default.
    pub(crate) max_environments: Option<NonZeroUsize>,
    /// The network of functions' containers, where it is not the default.
    pub(crate) docker_network: Option<String>,
    /// Images by runtime, where they are not AWS's.
    pub(crate) images: BTreeMap<String, String>,
}

/// Where Tule listens when nothing else is said; what existing clients and scripts expect.
pub(crate) const PORT: u16 = 4566;

impl Config {
    /// Brings flags, file and defaults together.
    pub(crate) fn load(flags: Flags) -> Result<Self, String> {
        let file = read_file(flags.config.as_deref())?;
        let delegates = urls(&file.delegate, delegate, flags.delegate)?;
        let vpc_link_targets = urls(&file.vpc_link_target, vpc_link_target, flags.vpc_link_target)?;
        let either = |flags: Vec<String>, file: Vec<String>| if flags.is_empty() { file } else { flags };
        Ok(Self {
            port: flags.port.or(file.port).unwrap_or(PORT),
            https_port: flags.https_port.or(file.https_port),
            host: flags.host.or(file.host).unwrap_or(IpAddr::from([127, 0, 0, 1])),
            data_dir: flags.data_dir.or(file.data_dir),
            executor: flags.executor.or(file.executor).unwrap_or(Executor::Auto),
            delegates,
            vpc_link_targets,
            region: flags.region.or(file.region).unwrap_or_else(|| "us-east-1".to_owned()),
            allowed: Allowed {
                hosts: either(flags.allowed_host, file.allowed_host),
                origins: either(flags.allowed_origin, file.allowed_origin),
            },
            verify_signatures: flags.verify_signatures || file.verify_signatures,
            mock_config: flags.mock_config.or(file.mock_config).filter(|path| !path.as_os_str().is_empty()),
            debug: match flags.debug {
                flags if flags.is_empty() => {
                    file.debug.iter().map(|it| debugged(it)).collect::<Result<_, _>>()?
                }
                flags => flags,
            },
            max_environments: flags.max_environments.or(file.max_environments),
            docker_network: match (flags.docker_network, file.docker_network) {
                (None, Some(given)) => Some(network(&given).map_err(|error| format!("{FILE}: {error}"))?),
                (given, _) => given,
            },
            images: file.images,
        })
    }
}

/// What stands for names: of the file, and of flags, which win.
fn urls(
    file: &BTreeMap<String, String>,
    parse: impl Fn(&str) -> Result<(String, Uri), String>,
    flags: Vec<(String, Uri)>,
) -> Result<BTreeMap<String, Uri>, String> {
    let of_file = file
        .iter()
        .map(|(name, url)| parse(&format!("{name}={url}")).map_err(|error| format!("{FILE}: {error}")));
    let mut all = of_file.collect::<Result<BTreeMap<_, _>, _>>()?;
    all.extend(flags);
    Ok(all)
}

fn read_file(given: Option<&Path>) -> Result<File, String> {
    let path = given.unwrap_or(Path::new(FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(File::default());
        }
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tule.toml");
        std::fs::write(
            &path,
            "port = 1\nregion = \"eu-west-1\"\n[delegate]\ndynamodb = \"http://127.0.0.1:8000\"\n",
        )
        .unwrap();
        let flags = Flags { port: Some(2), config: Some(path.clone()), ..Flags::default() };
        let config = Config::load(flags).unwrap();
        assert_eq!((config.port, config.region.as_str()), (2, "eu-west-1"));
        assert_eq!(config.delegates["dynamodb"].port_u16(), Some(8000));
        assert!(config.host.is_loopback());
        std::fs::write(&path, "prot = 1\n").unwrap();
        let misspelt = Config::load(Flags { config: Some(path), ..Flags::default() }).unwrap_err();
        assert!(misspelt.contains("prot"), "{misspelt}");
    }

    #[test]
    fn targets_of_links_are_checked() {
        let service = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1?stage=prod";
        let (arn, url) = vpc_link_target(&format!("{service}=http://127.0.0.1:3000")).unwrap();
        assert_eq!((arn.as_str(), url.port_u16()), (service, Some(3000)));
        for wrong in
            ["arn:aws:x", "a=http://a", "arn:a=ftp://a", "arn:a=/x", "arn:a=http://a/path", "arn:a=b"]
        {
            assert!(vpc_link_target(wrong).is_err(), "{wrong}");
        }
        let given = BTreeMap::from([(service.to_owned(), "http://a".to_owned())]);
        let flags = vec![(service.to_owned(), Uri::from_static("http://b"))];
        assert_eq!(urls(&given, vpc_link_target, flags).unwrap()[service], "http://b/");
        assert!(urls(&BTreeMap::from([("x".to_owned(), "y".to_owned())]), delegate, Vec::new()).is_err());
    }

    #[test]
    fn delegates_are_checked() {
        assert!(delegate("dynamodb=http://127.0.0.1:8000").is_ok());
        for wrong in ["dynamodb", "nope=http://a", "sqs=ftp://a", "sqs=/x"] {
            assert!(delegate(wrong).is_err(), "{wrong}");
        }
    }
}
