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
    pub(crate) package: Place<'a>,
    /// The function's layers, merged: what Lambda has as `/opt`.
    pub(crate) layers: Option<Place<'a>>,
    /// Its own folder for temporary files, where that is not its `/tmp`.
    pub(crate) scratch: Option<&'a Path>,
    /// The folder of the bootstraps, as its processes see it.
    pub(crate) runtime: &'a Path,
    /// `127.0.0.1:PORT`.
    pub(crate) runtime_api: &'a str,
    pub(crate) initialization: Initialization,
    pub(crate) stream: &'a str,
    pub(crate) endpoint: &'a str,
}

/// A folder: where it is here, and where its processes see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) here: &'a Path,
    pub(crate) seen: &'a Path,
}

impl Place<'_> {
    /// The same of something in it.
    fn join(self, name: &str) -> (PathBuf, PathBuf) {
        (self.here.join(name), self.seen.join(name))
    }
}

impl Site<'_> {
    /// Where a path that means something on Lambda is here, and where processes see it.
    fn find(&self, path: &str) -> (PathBuf, PathBuf) {
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
    // What is printed is written at once, so that a crash or a timeout loses nothing. Only what belongs to the function
    // and to Lambda is found: the bootstrap does the rest of what `site` does.
    command.args(["-u", "-s", "-S"]);
    command.arg(bootstrap).arg(site.package.seen).arg(byte_code);
    surround(&mut command, deployment, site, python.path.parent());
    // The user's own come first; the SDK is found only where nothing else brings it.
    let own =
        deployment.environment.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| value.as_str());
    let version = &deployment.runtime.version;
    let layers = site.layers.into_iter().flat_map(|Place { seen: layers, .. }| {
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
    // As AWS's own start of Node.js has it (150 and 2707 MB of 3008): what is garbage must not fill the memory.
    command.arg(format!("--max-semi-space-size={}", (deployment.memory / 20).max(1)));
    command.arg(format!("--max-old-space-size={}", deployment.memory * 9 / 10));
    command.arg(bootstrap).arg(sdk.unwrap_or(Path::new("")));
    surround(&mut command, deployment, site, node.path.parent());
    if !deployment.environment.iter().any(|(name, _)| name == "NODE_PATH") {
        // In Lambda's order: layers, what the runtime brings, the package.
        let version = &deployment.runtime.version;
        let layers = site.layers.into_iter().flat_map(|Place { seen: layers, .. }| {
            [layers.join(format!("nodejs/node{version}/node_modules")), layers.join("nodejs/node_modules")]
        });
        let rest = sdk.into_iter().chain([site.package.seen]).map(Path::to_owned);
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
    let (here, path) = site.find(wrapper);
    let refused = match std::fs::metadata(&here) {
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
    let Some((_, program)) = std::iter::once(own).chain(of_layers).find(|(here, _)| here.is_file()) else {
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
    let name = program.file_name().unwrap_or_default();
    let mut command = match site.layers {
        Some(layers) => Command::new(layers.seen.join("extensions").join(name)),
        None => Command::new(program),
    };
    surround(&mut command, deployment, site, None);
    (name.to_string_lossy().into_owned(), command)
}

/// Nothing of our own environment reaches a function: it sees what Lambda would show it.
fn surround(command: &mut Command, deployment: &Deployment, site: &Site<'_>, programs: Option<&Path>) {
    command.env_clear();
    let opt = site.layers.map_or(Path::new("/opt"), |layers| layers.seen).display();
    let path = match programs {
        Some(programs) => format!("{}:/usr/local/bin:/usr/bin/:/bin:{opt}/bin", programs.display()),
        None => format!("/usr/local/bin:/usr/bin/:/bin:{opt}/bin"),
    };
    command.env("PATH", path);
    let task = site.package.seen.display();
    let libraries = match (site.layers, site.scratch) {
        (None, Some(_)) => format!("{task}:{task}/lib"),
        _ => format!("{task}:{task}/lib:{opt}/lib"),
    };
    command.env("LD_LIBRARY_PATH", libraries);
    command.env("AWS_LAMBDA_RUNTIME_API", site.runtime_api);
    command.env("LAMBDA_TASK_ROOT", site.package.seen);
    command.env("LAMBDA_RUNTIME_DIR", site.runtime);
    if let Some(scratch) = site.scratch {
        // With a view, the folder is the view's to change.
        command.current_dir(site.package.here).env("TMPDIR", scratch);
    }
    if let Some(port) = deployment.debug {
        command.env(debug::VARIABLE, port.to_string());
    }
    command.envs(deployment.lambda_variables(site.initialization, site.stream, site.endpoint));
}
