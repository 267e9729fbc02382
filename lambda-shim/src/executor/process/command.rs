//! The commands that run functions: program, arguments, folder and environment, exactly.

use std::path::Path;

use tokio::process::Command;

use super::interpreter::Interpreter;
use crate::{environment::deployment::Deployment, executor::ExecutorError};

/// Where an environment stands.
pub(crate) struct Site<'a> {
    /// The unpacked package.
    pub(crate) package: &'a Path,
    /// Its own folder for temporary files.
    pub(crate) scratch: &'a Path,
    /// `127.0.0.1:PORT`.
    pub(crate) runtime_api: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) endpoint: &'a str,
}

/// Python with our bootstrap.
pub(crate) fn python(
    deployment: &Deployment,
    site: &Site<'_>,
    python: &Interpreter,
    bootstrap: &Path,
    byte_code: &Path,
    sdk: Option<&Path>,
) -> Command {
    let mut command = Command::new(&python.path);
    command.arg(bootstrap).arg(site.package).arg(byte_code);
    surround(&mut command, deployment, site, python.path.parent());
    // The user's own come first; the SDK is found only where nothing else brings it.
    let own =
        deployment.environment.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| value.as_str());
    let parts: Vec<_> = own.into_iter().map(Path::new).chain(sdk).collect();
    if let Ok(path) = std::env::join_paths(parts)
        && !path.is_empty()
    {
        command.env("PYTHONPATH", path);
    }
    command
}

/// Node.js with our bootstrap.
pub(crate) fn node(
    deployment: &Deployment,
    site: &Site<'_>,
    node: &Interpreter,
    bootstrap: &Path,
    sdk: Option<&Path>,
) -> Command {
    let mut command = Command::new(&node.path);
    command.arg(format!("--max-old-space-size={}", deployment.memory * 9 / 10));
    command.arg(bootstrap).arg(sdk.unwrap_or(Path::new("")));
    surround(&mut command, deployment, site, node.path.parent());
    if !deployment.environment.iter().any(|(name, _)| name == "NODE_PATH") {
        let parts: Vec<_> = sdk.into_iter().chain([site.package]).collect();
        if let Ok(path) = std::env::join_paths(parts) {
            command.env("NODE_PATH", path);
        }
    }
    command
}

/// The package's own program.
pub(crate) fn provided(deployment: &Deployment, site: &Site<'_>) -> Result<Command, ExecutorError> {
    let program = site.package.join("bootstrap");
    if !program.is_file() {
        return Err(ExecutorError::Entrypoint(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned(),
        ));
    }
    let mut command = Command::new(program);
    surround(&mut command, deployment, site, None);
    Ok(command)
}

/// Nothing of our own environment reaches a function: it sees what Lambda would show it.
fn surround(command: &mut Command, deployment: &Deployment, site: &Site<'_>, programs: Option<&Path>) {
    command.env_clear().current_dir(site.package);
    let path = match programs {
        Some(programs) => format!("{}:/usr/local/bin:/usr/bin/:/bin:/opt/bin", programs.display()),
        None => "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned(),
    };
    command.env("PATH", path);
    let task = site.package.display();
    command.env("LD_LIBRARY_PATH", format!("{task}:{task}/lib"));
    command.env("AWS_LAMBDA_RUNTIME_API", site.runtime_api);
    command.env("LAMBDA_TASK_ROOT", site.package);
    command.env("LAMBDA_RUNTIME_DIR", site.scratch);
    command.env("TMPDIR", site.scratch);
    command.envs(deployment.lambda_variables(site.stream, site.endpoint));
}
