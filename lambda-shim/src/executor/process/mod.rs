//! Functions as local processes: interpreters found on this machine with our own small bootstraps, `provided`
//! binaries as they are. Not a security boundary: a function may do what its user may.

use std::{path::PathBuf, sync::Arc};

use runtime::BoxFuture;
use tokio::net::TcpListener;

use super::{Executor, ExecutorError, Running, StartRequest, debug};
use crate::{environment::deployment::Deployment, function::runtimes::Family, options::Options, runtime_api};

mod child;
mod command;
mod interpreter;
mod merge;
mod packages;
mod sandbox;
mod system;

pub(crate) use system::is_alive;

use interpreter::Interpreters;
use packages::Packages;
use sandbox::{Runtime, Sandbox};

/// See the module.
pub(crate) struct ProcessExecutor {
    why: String,
    interpreters: Interpreters,
    packages: Packages,
    endpoint: Arc<str>,
    python_sdk: Option<PathBuf>,
    node_sdk: Option<PathBuf>,
    debugpy: Option<PathBuf>,
}

impl ProcessExecutor {
    /// Sets up the folders; `why` is for [`Executor::describe`].
    pub(crate) fn new(options: &Options, why: &str) -> Result<Self, String> {
        let packages = Packages::open(options.cache.as_deref(), options.store.blobs().clone())
            .map_err(|error| format!("no folder for functions' packages could be made: {error}"))?;
        Ok(Self {
            why: why.to_owned(),
            interpreters: Interpreters::default(),
            packages,
            endpoint: Arc::clone(&options.endpoint),
            python_sdk: options.python_sdk.clone(),
            node_sdk: options.node_sdk.clone(),
            debugpy: options.debugpy.clone(),
        })
    }

    async fn launch(&self, start: StartRequest) -> Result<Box<dyn Running>, ExecutorError> {
        let deployment = &start.deployment;
        if deployment.image.is_some() {
            return Err(unsupported(deployment));
        }
        let package = self.package(deployment).await?;
        let layers = self.packages.merged(&deployment.layers).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen for the function"))?;
        let address = listener.local_addr().map_err(failed("listen for the function"))?;
        let scratch = self.packages.scratch().map_err(failed("make the function's folder"))?;
        let site = command::Site {
            package: &package,
            layers: layers.as_deref(),
            scratch: scratch.path(),
            runtime_api: &address.to_string(),
            initialization: start.initialization,
            stream: &start.stream,
            endpoint: &self.endpoint,
        };
        let command = match deployment.runtime.family {
            Family::Python => {
                let python = self.interpreters.python(&deployment.runtime.version).await?;
                let sdks = command::PythonSdks {
                    aws: self.python_sdk.as_deref(),
                    debugpy: self.debugpy.as_deref().filter(|_| deployment.debug.is_some()),
                };
                command::python(
                    deployment,
                    &site,
                    &python,
                    self.packages.python_bootstrap(),
                    &self.packages.byte_code(&deployment.code),
                    &sdks,
                )
            }
            Family::Node => {
                let node = self.interpreters.node(&deployment.runtime.version).await?;
                command::node(
                    deployment,
                    &site,
                    &node,
                    self.packages.node_bootstrap(),
                    self.node_sdk.as_deref(),
                )
            }
            Family::Provided => command::provided(deployment, &site)?,
            Family::Other | Family::Image => return Err(unsupported(deployment)),
        };
        let extensions = sandbox::external_extensions(layers.as_deref())
            .into_iter()
            .map(|path| command::extension(deployment, &site, &path))
            .collect();
        let session = start.session;
        let is_ours = deployment.runtime.family != Family::Provided
            && deployment.wrapper().is_none()
            && deployment.at_once() == 1;
        let command = Runtime { command, is_ours };
        let running = Sandbox::start((Arc::clone(&session), start.log), scratch, extensions, command)?;
        // Extensions, what a function starts itself, and `provided` binaries, come by the address instead.
        running.serve(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // A set keeps what has ended until it is asked for.
                    Some(_) = connections.join_next() => continue,
                };
                let Ok((connection, _)) = accepted else { return };
                let _ = connection.set_nodelay(true);
                connections.spawn(runtime_api::serve::serve(Arc::clone(&session), connection));
            }
        });
        Ok(Box::new(running))
    }
}

impl ProcessExecutor {
    /// The folder that an environment runs from.
    async fn package(&self, deployment: &Deployment) -> Result<PathBuf, ExecutorError> {
        let Some(port) = deployment.debug else { return self.packages.unpacked(&deployment.code).await };
        drop(debug::listen(port).await?);
        let folder = if deployment.code.folders.is_empty() {
            self.packages.unpacked(&deployment.code).await?
        } else {
            self.packages.laid_out(&deployment.function, &deployment.code).await?
        };
        debug::announce(deployment, port, &folder);
        Ok(folder)
    }
}

impl Executor for ProcessExecutor {
    fn describe(&self) -> String {
        format!("process ({})", self.why)
    }

    fn prepare<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<(), ExecutorError>> {
        Box::pin(async move {
            match deployment.runtime.family {
                Family::Python => drop(self.interpreters.python(&deployment.runtime.version).await?),
                Family::Node => drop(self.interpreters.node(&deployment.runtime.version).await?),
                Family::Provided => {}
                Family::Other | Family::Image => return Err(unsupported(deployment)),
            }
            self.packages.unpacked(&deployment.code).await?;
            self.packages.merged(&deployment.layers).await.map(drop)
        })
    }

    fn image_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    fn start<'a>(&'a self, start: StartRequest) -> BoxFuture<'a, Result<Box<dyn Running>, ExecutorError>> {
        Box::pin(self.launch(start))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.packages.clean_up();
        Box::pin(std::future::ready(()))
    }
}

fn unsupported(deployment: &Deployment) -> ExecutorError {
    if let Some(image) = &deployment.image {
        return ExecutorError::Unsupported(format!(
            "The function's code is the container image {}, which needs the docker executor. Start a Docker engine, or \
             use --executor docker.",
            image.uri
        ));
    }
    ExecutorError::Unsupported(format!(
        "{} functions need the docker executor; the process executor runs Python, Node.js and provided binaries. \
         Start a Docker engine, or use --executor docker.",
        deployment.runtime_name
    ))
}

/// Puts what was tried before an error of the system.
fn failed(what: &str) -> impl FnOnce(std::io::Error) -> ExecutorError {
    let what = what.to_owned();
    move |error| ExecutorError::Failed(format!("Could not {what}: {error}"))
}
