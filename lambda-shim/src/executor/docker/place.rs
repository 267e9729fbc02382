//! Where the engine is: found as Docker's own command line finds it, so that whoever can say `docker ps` need say nothing
//! to Tule.
//!
//! `DOCKER_HOST` comes first, then the context (`DOCKER_CONTEXT`, or what `docker context use` chose), then the socket of
//! this machine; where that is not there, a plain user's or Docker Desktop's. The rules are those of
//! <https://docs.docker.com/engine/manage-resources/contexts/> and <https://docs.docker.com/reference/cli/docker/>.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// This machine's engine, as an installation has it.
const LOCAL: &str = "/var/run/docker.sock";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `unix:///var/run/docker.sock`, `tcp://192.0.2.1:2376`, `ssh://user@host`.
    pub(super) host: String,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`, where the engine speaks TLS.
    pub(super) certificates: Option<PathBuf>,
}

impl Place {
    /// The engine of this process's environment. The error is a sentence for people.
    pub(super) fn find() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::found(variable, std::env::home_dir().unwrap_or_default().as_path(), Path::new(LOCAL))
    }

    /// Whether it is on this machine.
    pub(super) fn is_here(&self) -> bool {
        self.host.starts_with("unix://")
    }

    fn found(variable: impl Fn(&str) -> Option<String>, home: &Path, local: &Path) -> Result<Self, String> {
        let folder = variable("DOCKER_CONFIG").map_or_else(|| home.join(".docker"), PathBuf::from);
        if let Some(host) = variable("DOCKER_HOST") {
            let certificates = variable("DOCKER_TLS_VERIFY").filter(|_| host.starts_with("tcp://"));
            let certificates =
                certificates.map(|_| variable("DOCKER_CERT_PATH").map_or(folder, PathBuf::from));
            return Ok(Self { host, certificates });
        }
        let chosen = variable("DOCKER_CONTEXT").or_else(|| current_context(&folder));
        if let Some(name) = chosen.filter(|name| name != "default") {
            return Self::of_context(&folder.join("contexts"), &name);
        }
        let others = [
            variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("docker.sock")),
            Some(home.join(".docker/run/docker.sock")),
        ];
        let mut places = std::iter::once(local.to_owned()).chain(others.into_iter().flatten());
        let socket = places.find(|place| place.exists()).unwrap_or_else(|| local.to_owned());
        Ok(Self { host: format!("unix://{}", socket.display()), certificates: None })
    }

    fn of_context(contexts: &Path, name: &str) -> Result<Self, String> {
        let id = hex(&Sha256::digest(name));
        let path = contexts.join("meta").join(&id).join("meta.json");
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let about: Value =
            read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string())).map_err(
                |why| format!("the Docker context {name} cannot be read from {}: {why}", path.display()),
            )?;
        let docker = &about["Endpoints"]["docker"];
        let host = docker["Host"].as_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("the Docker context {name} names no host"))?.to_owned();
        if docker["SkipTLSVerify"] == true {
            return Err(format!(
                "the Docker context {name} skips the check of the engine's certificate, and Tule does not"
            ));
        }
        let certificates = contexts.join("tls").join(&id).join("docker");
        Ok(Self { host, certificates: certificates.exists().then_some(certificates) })
    }
}

/// What `docker context use` chose. The command line, too, does without a file that it cannot read.
fn current_context(folder: &Path) -> Option<String> {
    let text = std::fs::read(folder.join("config.json")).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    config["currentContext"].as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A home with the contexts `desktop-linux`, which is chosen, and `far`.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".docker");
        for (name, host) in [("desktop-linux", "unix:///home/u/docker.sock"), ("far", "tcp://192.0.2.1:2376")]
        {
            let place = folder.join("contexts/meta").join(hex(&Sha256::digest(name)));
            std::fs::create_dir_all(&place).unwrap();
            let about =
                json!({ "Name": name, "Endpoints": { "docker": { "Host": host, "SkipTLSVerify": false } } });
            std::fs::write(place.join("meta.json"), about.to_string()).unwrap();
        }
        std::fs::create_dir_all(certificates(home.path())).unwrap();
        std::fs::write(folder.join("config.json"), r#"{"auths": {}, "currentContext": "desktop-linux"}"#)
            .unwrap();
        home
    }

    fn certificates(home: &Path) -> PathBuf {
        home.join(".docker/contexts/tls").join(hex(&Sha256::digest("far"))).join("docker")
    }

    fn found(home: &Path, variables: &[(&str, &str)]) -> Result<(String, Option<PathBuf>), String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Place::found(variable, home, &home.join("local.sock")).map(|place| (place.host, place.certificates))
    }

    #[test]
    fn the_host_wins_over_the_context_and_the_variable_over_the_file() {
        let home = home();
        let home = home.path();
        let plain = |host: &str| Ok((host.to_owned(), None));
        assert_eq!(found(home, &[]), plain("unix:///home/u/docker.sock"));
        let far = Ok(("tcp://192.0.2.1:2376".to_owned(), Some(certificates(home))));
        assert_eq!(found(home, &[("DOCKER_CONTEXT", "far")]), far);
        let host = ("DOCKER_HOST", "tcp://192.0.2.2:2375");
        assert_eq!(found(home, &[("DOCKER_CONTEXT", "far"), host]), plain(host.1));
        let tls = ("DOCKER_TLS_VERIFY", "1");
        assert_eq!(found(home, &[host, tls]), Ok((host.1.to_owned(), Some(home.join(".docker")))));
        let path = ("DOCKER_CERT_PATH", "/certs");
        assert_eq!(found(home, &[host, tls, path]), Ok((host.1.to_owned(), Some("/certs".into()))));
        assert_eq!(found(home, &[("DOCKER_HOST", "unix:///d.sock"), tls]), plain("unix:///d.sock"));
    }

    #[test]
    fn without_a_context_it_is_the_socket_that_is_there() {
        let home = home();
        let home = home.path();
        let context = ("DOCKER_CONTEXT", "default");
        let socket = |path: &Path| Ok((format!("unix://{}", path.display()), None));
        assert_eq!(found(home, &[context]), socket(&home.join("local.sock")));
        let desktop = home.join(".docker/run/docker.sock");
        std::fs::create_dir_all(desktop.parent().unwrap()).unwrap();
        std::fs::write(&desktop, "").unwrap();
        assert_eq!(found(home, &[context]), socket(&desktop));
        let own = home.join("docker.sock");
        std::fs::write(&own, "").unwrap();
        let runtime = ("XDG_RUNTIME_DIR", home.to_str().unwrap());
        assert_eq!(found(home, &[context, runtime]), socket(&own));
        std::fs::write(home.join("local.sock"), "").unwrap();
        assert_eq!(found(home, &[context, runtime]), socket(&home.join("local.sock")));
    }

    #[test]
    fn a_context_that_cannot_be_had_is_told() {
        let home = home();
        let home = home.path();
        let missing = found(home, &[("DOCKER_CONTEXT", "nowhere")]).unwrap_err();
        assert!(missing.starts_with("the Docker context nowhere cannot be read from "), "{missing}");
        let place = home.join(".docker/contexts/meta").join(hex(&Sha256::digest("far"))).join("meta.json");
        std::fs::write(&place, r#"{"Endpoints": {"docker": {"Host": "tcp://h:1", "SkipTLSVerify": true}}}"#)
            .unwrap();
        let insecure = found(home, &[("DOCKER_CONTEXT", "far")]).unwrap_err();
        assert!(insecure.contains("skips the check"), "{insecure}");
        std::fs::write(&place, "{}").unwrap();
        let nameless = found(home, &[("DOCKER_CONTEXT", "far")]).unwrap_err();
        assert_eq!(nameless, "the Docker context far names no host");
        std::fs::write(home.join(".docker/config.json"), "no JSON").unwrap();
        assert!(found(home, &[]).is_ok());
    }
}
