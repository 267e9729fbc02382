//! The container engine: the one file that knows its client library.

use std::{collections::HashMap, io, pin::Pin, sync::Arc, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, BollardRequest, Docker, body_full,
    container::LogOutput,
    models::{
        ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
        ResourcesUlimits, VolumeCreateRequest,
    },
    query_parameters::{
        AttachContainerOptionsBuilder, ContainerArchiveInfoOptions, CreateContainerOptions,
        CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptions, StartContainerOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, Response, Uri, header};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;

use super::{dial::Dial, place::Place};
use crate::options::PullWatcher;

/// How long an engine may take to say that it is there.
const PING: Duration = Duration::from_secs(2);
/// The same where it is on another machine.
const FAR_PING: Duration = Duration::from_secs(20);
/// How many seconds an engine may take to begin an answer, as the client has it.
const ANSWER: u64 = 120;
/// How long one call may take that pulls nothing.
const CALL: Duration = Duration::from_secs(60);

/// An engine that answered.
#[derive(Clone)]
pub(super) struct Engine {
    docker: Docker,
    /// `20.10.24, linux/amd64`, with its place where that is not this machine.
    pub(super) version: String,
    pub(super) arch: String,
    /// Podman serves Docker's API, with differences.
    is_podman: bool,
}

/// A failure of the engine; the text is its own.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct EngineError(pub(super) String);

type Answer<T> = Result<T, EngineError>;

/// A container as we want it.
pub(super) struct Wanted {
    pub(super) image: String,
    /// The program and its arguments.
    pub(super) entrypoint: Vec<String>,
    pub(super) environment: Vec<String>,
    pub(super) labels: HashMap<String, String>,
    /// Volumes, by where they are mounted; read-only.
    pub(super) volumes: Vec<(String, &'static str)>,
    /// Bytes of memory.
    pub(super) memory: u64,
    /// MB of `/tmp`.
    pub(super) storage: u32,
    pub(super) network: Option<String>,
    pub(super) working_directory: String,
}

/// What an image says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct ImageFacts {
    /// `sha256:…`.
    pub(super) id: String,
    /// `amd64`, `arm64`, ….
    pub(super) arch: String,
    pub(super) entry_point: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) working_directory: String,
}

/// Both directions of a container's standard streams.
pub(super) struct Attached {
    pub(super) output: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    pub(super) input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// How a container ended, as the engine knows it.
pub(super) struct Ended {
    pub(super) running: bool,
    pub(super) code: i64,
    pub(super) out_of_memory: bool,
    pub(super) error: String,
}

impl Engine {
    /// The engine that `docker` would use. The error is a sentence for people.
    pub(super) async fn connect() -> Result<Self, String> {
        let place = Place::find()?;
        let client = client(&place)?;
        Self::meet(client, &place)
            .await
            .map_err(|failure| format!("no Docker engine answers at {}: {failure}", place.host))
    }

    async fn meet(docker: Docker, place: &Place) -> Answer<Self> {
        let patience = if place.is_here() { PING } else { FAR_PING };
        tokio::time::timeout(patience, docker.ping())
            .await
            .map_err(|_| EngineError(format!("no answer within {} s", patience.as_secs())))?
            .map_err(said)?;
        // An engine that is there may take its time: Podman runs its parts one after the other to ask their versions.
        let docker = timely(docker.negotiate_version()).await?;
        let found = timely(docker.version()).await?;
        let is_podman = found
            .components
            .is_some_and(|components| components.iter().any(|part| part.name.starts_with("Podman")));
        let arch = found.arch.unwrap_or_default();
        let name = if is_podman { "Podman " } else { "" };
        let far = if place.is_here() { String::new() } else { format!(" at {}", place.host) };
        let (number, system) = (found.version.unwrap_or_default(), found.os.unwrap_or_default());
        let version = format!("{name}{number}{far}, {system}/{arch}");
        Ok(Self { docker, version, arch, is_podman })
    }

    /// An image by its name or its id; `None` where there is none.
    pub(super) async fn image(&self, image: &str) -> Answer<Option<ImageFacts>> {
        let found = match timely(self.docker.inspect_image(image)).await {
            Ok(found) => found,
            Err(Failure::Missing) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let config = found.config.unwrap_or_default();
        Ok(Some(ImageFacts {
            id: found.id.unwrap_or_default(),
            arch: found.architecture.unwrap_or_default(),
            entry_point: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            working_directory: config.working_dir.unwrap_or_default(),
        }))
    }

    /// Fetches an image, and tells of the bytes of its layers as they come.
    pub(super) async fn pull(&self, image: &str, watcher: Option<&dyn PullWatcher>) -> Answer<()> {
        let options = CreateImageOptionsBuilder::default().from_image(image).build();
        let mut progress = self.docker.create_image(Some(options), None, None);
        let mut layers: HashMap<String, (u64, u64)> = HashMap::new();
        while let Some(step) = progress.next().await {
            let step = step.map_err(said)?;
            let (Some(watcher), Some(layer), Some(detail)) = (watcher, step.id, step.progress_detail) else {
                continue;
            };
            let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
            // Layers are unpacked behind being fetched, and told of again; only what is fetched counts.
            if let (Some("Downloading"), Some(done), Some(total)) =
                (step.status.as_deref(), bytes(detail.current), bytes(detail.total))
            {
                layers.insert(layer, (done, total));
                let sum = layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
                watcher.pulled(image, sum.0, sum.1);
            }
        }
        Ok(())
    }

    pub(super) async fn create(&self, wanted: Wanted) -> Answer<String> {
        let created =
            self.docker.create_container(None::<CreateContainerOptions>, body(wanted, self.is_podman));
        Ok(timely(created).await?.id)
    }

    /// A container that is never started: the way into a volume, or a look into an image.
    pub(super) async fn create_helper(
        &self,
        image: &str,
        volume: Option<(&str, &'static str)>,
        labels: HashMap<String, String>,
    ) -> Answer<String> {
        let mounts = volume.map(|(volume, at)| vec![mount(volume.to_owned(), at, false)]);
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: Some(vec!["/nothing".to_owned()]),
            labels: Some(labels),
            host_config: Some(HostConfig { mounts, ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        Ok(timely(self.docker.create_container(None::<CreateContainerOptions>, body)).await?.id)
    }

    pub(super) async fn upload(&self, container: &str, path: &str, archive: Bytes) -> Answer<()> {
        let options = UploadToContainerOptionsBuilder::default().path(path).build();
        Ok(timely(self.docker.upload_to_container(container, Some(options), body_full(archive))).await?)
    }

    /// Whether there is something at `path` in a container, running or not.
    pub(super) async fn has_path(&self, container: &str, path: &str) -> Answer<bool> {
        let options = ContainerArchiveInfoOptions { path: path.to_owned() };
        match timely(self.docker.get_container_archive_info(container, Some(options))).await {
            Ok(_) => Ok(true),
            Err(Failure::Missing) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn attach(&self, container: &str) -> Answer<Attached> {
        let options = AttachContainerOptionsBuilder::default()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let attached = timely(self.docker.attach_container(container, Some(options))).await?;
        let output = attached.output.filter_map(|item| {
            // A broken stream ends; the container's state says the rest. What the init says on its error output is for us.
            std::future::ready(match item {
                Ok(LogOutput::StdOut { message }) => Some(message),
                Ok(LogOutput::StdErr { message }) => {
                    tracing::warn!(message = %String::from_utf8_lossy(&message).trim_end(), "a container's init complains");
                    None
                }
                Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) | Err(_) => None,
            })
        });
        Ok(Attached { output: Box::pin(output), input: attached.input })
    }

    pub(super) async fn start(&self, container: &str) -> Answer<()> {
        Ok(timely(self.docker.start_container(container, None::<StartContainerOptions>)).await?)
    }

    pub(super) async fn ended(&self, container: &str) -> Answer<Ended> {
        let state = timely(self.docker.inspect_container(container, None)).await?.state.unwrap_or_default();
        Ok(Ended {
            running: state.running == Some(true),
            code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed == Some(true),
            error: state.error.unwrap_or_default(),
        })
    }

    /// Kills and removes a container; one that is gone is fine.
    pub(super) async fn remove(&self, container: &str) {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match timely(self.docker.remove_container(container, Some(options))).await {
            Ok(()) | Err(Failure::Missing) => {}
            Err(failure) => tracing::debug!(container, %failure, "a container could not be removed"),
        }
    }

    pub(super) async fn create_volume(&self, name: &str, labels: HashMap<String, String>) -> Answer<()> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        timely(self.docker.create_volume(request)).await?;
        Ok(())
    }

    /// Removes a volume; `false` if it is in use.
    pub(super) async fn remove_volume(&self, name: &str) -> bool {
        match timely(self.docker.remove_volume(name, None::<RemoveVolumeOptions>)).await {
            Ok(()) | Err(Failure::Missing) => true,
            Err(failure) => {
                tracing::debug!(name, %failure, "a volume could not be removed");
                false
            }
        }
    }

    /// Ids and labels of containers that carry a label, running or not.
    pub(super) async fn containers(&self, label: &str) -> Answer<Vec<(String, HashMap<String, String>)>> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(&labelled(label)).build();
        let listed = async {
            match self.docker.list_containers(Some(options)).await {
                Ok(found) => Ok(found
                    .into_iter()
                    .filter_map(|found| Some((found.id?, found.labels.unwrap_or_default())))
                    .collect()),
                Err(failure) => identities(&failure).ok_or(failure),
            }
        };
        Ok(timely(listed).await?)
    }

    /// Names and labels of volumes that carry a label.
    pub(super) async fn volumes(&self, label: &str) -> Answer<Vec<(String, HashMap<String, String>)>> {
        let options = ListVolumesOptionsBuilder::default().filters(&labelled(label)).build();
        let found = timely(self.docker.list_volumes(Some(options))).await?;
        Ok(found.volumes.unwrap_or_default().into_iter().map(|volume| (volume.name, volume.labels)).collect())
    }
}

/// The client of the engine at a place. Every request has a connection to itself, as Docker's command line does it.
fn client(place: &Place) -> Result<Docker, String> {
    let dial = Arc::new(Dial::to(place)?);
    let transport = move |request: BollardRequest| {
        let dial = Arc::clone(&dial);
        async move { send(&dial, request).await.map_err(|error| io::Error::other(error).into()) }
    };
    // The name is nobody's: all connections go to the place.
    Docker::connect_with_custom_transport(transport, Some("http://docker"), ANSWER, API_DEFAULT_VERSION)
        .map_err(|error| error.to_string())
}

async fn send(dial: &Dial, mut request: BollardRequest) -> Result<Response<Incoming>, String> {
    let connected = dial.open().await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(connected)).await.map_err(|error| cause(&error))?;
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("docker"));
    let connection = tokio::spawn(connection.with_upgrades());
    match sender.send_request(request).await {
        Ok(answer) => Ok(answer),
        // Why the connection ended says more: over TLS that may be who we are.
        Err(error) => Err(match connection.await {
            Ok(Err(ended)) => cause(&ended),
            _ => cause(&error),
        }),
    }
}

/// What was at the bottom of it.
fn cause(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Ids and labels in a list of containers that the client cannot read whole: Podman has states of its own.
fn identities(failure: &bollard::errors::Error) -> Option<Vec<(String, HashMap<String, String>)>> {
    #[derive(serde::Deserialize)]
    struct Identity {
        #[serde(rename = "Id")]
        id: String,
        #[serde(rename = "Labels", default)]
        labels: Option<HashMap<String, String>>,
    }
    let bollard::errors::Error::JsonDataError { contents, .. } = failure else { return None };
    let found: Vec<Identity> = serde_json::from_str(contents).ok()?;
    Some(found.into_iter().map(|found| (found.id, found.labels.unwrap_or_default())).collect())
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there is no such thing")]
    Missing,
    #[error("{0}")]
    Said(String),
    #[error("no answer within {} s", CALL.as_secs())]
    Silent,
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

async fn timely<T>(call: impl Future<Output = Result<T, bollard::errors::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(CALL, call).await {
        Err(_) => Err(Failure::Silent),
        Ok(Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. })) => {
            Err(Failure::Missing)
        }
        Ok(Err(failure)) => Err(Failure::Said(said(failure).0)),
        Ok(Ok(answer)) => Ok(answer),
    }
}

fn said(error: bollard::errors::Error) -> EngineError {
    EngineError(match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message,
        other => other.to_string(),
    })
}

fn labelled(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

fn mount(volume: String, at: &str, read_only: bool) -> Mount {
    Mount {
        source: Some(volume),
        target: Some(at.to_owned()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        // Otherwise the engine copies what the image has there into the volume.
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

/// Lambda's user, and what it may do: write to `/tmp`, and little else.
const USER: &str = "993:990";

fn body(wanted: Wanted, is_podman: bool) -> ContainerCreateBody {
    let limit = |name: &str, most: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(most),
        hard: Some(most),
    };
    // Podman knows no owner of a tmpfs: there the init gives it to Lambda's user, and becomes that.
    let owner = if is_podman { "mode=1777" } else { "mode=0700,uid=993,gid=990" };
    // As recorded on Lambda, but for the number of processes: a user's is counted over all containers.
    let mut ulimits = vec![limit("nofile", 1024), limit("core", 10_737_418_240), limit("memlock", 65_536)];
    if is_podman {
        // Its own default is more than some kernels let it set.
        ulimits.push(limit("nproc", 16_384));
    }
    let memory = i64::try_from(wanted.memory).unwrap_or(i64::MAX);
    let host = HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        pids_limit: Some(1024),
        ulimits: Some(ulimits),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: is_podman.then(|| ["CHOWN", "SETGID", "SETUID"].map(str::to_owned).to_vec()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), format!("size={}m,{owner},exec", wanted.storage))])),
        network_mode: wanted.network,
        // The names under which extensions take telemetry.
        extra_hosts: Some(vec!["sandbox.localdomain:127.0.0.1".to_owned(), "sandbox:127.0.0.1".to_owned()]),
        // The default driver would store every byte of what passes.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        mounts: Some(wanted.volumes.into_iter().map(|(volume, at)| mount(volume, at, true)).collect()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(wanted.image),
        entrypoint: Some(wanted.entrypoint),
        cmd: Some(Vec::new()),
        env: Some(wanted.environment),
        labels: Some(wanted.labels),
        user: Some(if is_podman { "0:0" } else { USER }.to_owned()),
        working_dir: Some(wanted.working_directory),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{HashMap, identities};

    #[test]
    fn lists_with_states_of_podmans_own_name_containers() {
        let contents =
            r#"[{"Id":"a","State":"stopped","Labels":{"l":"1"}},{"Id":"b","State":"exited","Labels":null}]"#;
        let read = |contents: &str| {
            serde_json::from_str::<Vec<bollard::models::ContainerSummary>>(contents).map_err(|failure| {
                bollard::errors::Error::JsonDataError {
                    message: failure.to_string(),
                    contents: contents.to_owned(),
                    column: failure.column(),
                }
            })
        };
        let labels = HashMap::from([("l".to_owned(), "1".to_owned())]);
        let found = vec![("a".to_owned(), labels), ("b".to_owned(), HashMap::new())];
        assert_eq!(identities(&read(contents).unwrap_err()), Some(found));
        assert_eq!(identities(&read("{}").unwrap_err()), None);
    }
}
