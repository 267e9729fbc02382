//! The commands that run functions: program, arguments, folder and environment, exactly.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::interpreter::Interpreter;
use crate::{
    environment::deployment::{Deployment, Initialization},
    executor::{ExecutorError, debug},
};

/// Where an environment stands.
pub(crate) struct Site<'a> {
    /// The unpacked package.
    pub(crate) package: &'a Path,
    /// The function's layers, merged: what Lambda has as `/opt`.
    pub(crate) layers: Option<&'a Path>,
    /// Its own folder for temporary files.
    pub(crate) scratch: &'a Path,
    /// `127.0.0.1:PORT`.
    pub(crate) runtime_api: &'a str,
    pub(crate) initialization: Initialization,
    pub(crate) stream: &'a str,
    pub(crate) endpoint: &'a str,
}

impl Site<'_> {
    /// Where a path that means something on Lambda is found here.
    fn here(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("/opt/"), self.layers) {
            (Some(rest), Some(layers)) => layers.join(rest),
            _ => self.package.join(path.strip_prefix("/var/task/").unwrap_or(path)),
        }
    }
}

/// Packages that Python functions find without bringing them.
pub(crate) struct PythonSdks<'a> {
    pub(crate) aws: Option<&'a Path>,
    pub(crate) debugpy: Option<&'a Path>,
}

/// Python with our bootstrap.
pub(crate) fn python(
    deployment: &Deployment,
    site: &Site<'_>,
    python: &Interpreter,
    bootstrap: &Path,
    byte_code: &Path,
    sdks: &PythonSdks<'_>,
) -> Command {
    let mut command = interpreted(deployment, site, &python.path);
    command.arg(bootstrap).arg(site.package).arg(byte_code);
    surround(&mut command, deployment, site, python.path.parent());
    // The user's own come first; the SDK is found only where nothing else brings it.
    let own =
        deployment.environment.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| value.as_str());
    let version = &deployment.runtime.version;
    let layers = site.layers.into_iter().flat_map(|layers| {
        [layers.join(format!("python/lib/python{version}/site-packages")), layers.join("python")]
    });
    let own = own.into_iter().map(PathBuf::from);
    let parts: Vec<_> =
        own.chain(layers).chain([sdks.debugpy, sdks.aws].into_iter().flatten().map(Path::to_owned)).collect();
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
    let mut command = interpreted(deployment, site, &node.path);
    command.arg(format!("--max-old-space-size={}", deployment.memory * 9 / 10));
    command.arg(bootstrap).arg(sdk.unwrap_or(Path::new("")));
    surround(&mut command, deployment, site, node.path.parent());
    if !deployment.environment.iter().any(|(name, _)| name == "NODE_PATH") {
        // In Lambda's order: layers, what the runtime brings, the package.
        let version = &deployment.runtime.version;
        let layers = site.layers.into_iter().flat_map(|layers| {
            [layers.join(format!("nodejs/node{version}/node_modules")), layers.join("nodejs/node_modules")]
        });
        let rest = sdk.into_iter().chain([site.package]).map(Path::to_owned);
        let parts: Vec<_> = layers.chain(rest).collect();
        if let Ok(path) = std::env::join_paths(parts) {
            command.env("NODE_PATH", path);
        }
    }
    command
}

/// An interpreter, or the function's own program that is to start it.
fn interpreted(deployment: &Deployment, site: &Site<'_>, interpreter: &Path) -> Command {
    let Some(wrapper) = deployment.wrapper() else { return Command::new(interpreter) };
    let path = site.here(wrapper);
    let refused = match std::fs::metadata(&path) {
        Err(_) => Some(("does not exist", 127)),
        Ok(about) if !about.is_file() => Some(("does not exist", 127)),
        Ok(about) if about.permissions().mode() & 0o111 == 0 => Some(("is not an executable", 126)),
        Ok(_) => None,
    };
    match refused {
        // As the runtimes' own scripts say it.
        Some((why, code)) => {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "echo \"$1: $2\"; exit $3", "sh", wrapper, why, &code.to_string()]);
            command
        }
        None => {
            let mut command = Command::new(path);
            command.arg(interpreter);
            command
        }
    }
}

/// The package's own program.
pub(crate) fn provided(deployment: &Deployment, site: &Site<'_>) -> Result<Command, ExecutorError> {
    let own = site.package.join("bootstrap");
    let of_layers = site.layers.map(|layers| layers.join("bootstrap"));
    let Some(program) = std::iter::once(own).chain(of_layers).find(|program| program.is_file()) else {
        return Err(ExecutorError::Entrypoint(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned(),
        ));
    };
    let mut command = Command::new(program);
    surround(&mut command, deployment, site, None);
    Ok(command)
}

/// An extension of the function's layers, by its name.
pub(crate) fn extension(deployment: &Deployment, site: &Site<'_>, program: &Path) -> (String, Command) {
    let mut command = Command::new(program);
    surround(&mut command, deployment, site, None);
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (name, command)
}

/// Nothing of our own environment reaches a function: it sees what Lambda would show it.
fn surround(command: &mut Command, deployment: &Deployment, site: &Site<'_>, programs: Option<&Path>) {
    command.env_clear().current_dir(site.package);
    let opt = site.layers.unwrap_or(Path::new("/opt")).display();
    let path = match programs {
        Some(programs) => format!("{}:/usr/local/bin:/usr/bin/:/bin:{opt}/bin", programs.display()),
        None => format!("/usr/local/bin:/usr/bin/:/bin:{opt}/bin"),
    };
    command.env("PATH", path);
    let task = site.package.display();
    let libraries = match site.layers {
        Some(_) => format!("{task}:{task}/lib:{opt}/lib"),
        None => format!("{task}:{task}/lib"),
    };
    command.env("LD_LIBRARY_PATH", libraries);
    command.env("AWS_LAMBDA_RUNTIME_API", site.runtime_api);
    command.env("LAMBDA_TASK_ROOT", site.package);
    command.env("LAMBDA_RUNTIME_DIR", site.scratch);
    command.env("TMPDIR", site.scratch);
    if let Some(port) = deployment.debug {
        command.env(debug::VARIABLE, port.to_string());
    }
    command.envs(deployment.lambda_variables(site.initialization, site.stream, site.endpoint));
}
