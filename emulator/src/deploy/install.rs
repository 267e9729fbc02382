//! Packages that functions require: installed by pip or npm into a cache, keyed by what asks for them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::progress;

/// What a function requires.
pub(crate) struct Manifest {
    kind: Kind,
    /// The function's runtime, e.g. `python3.12`.
    runtime: String,
    /// Names and contents of the files that ask.
    files: Vec<(&'static str, Vec<u8>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Pip,
    Npm,
}

/// Where installed packages and finished zips are kept.
pub(crate) fn cache_folder() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("TULE_CACHE_DIR") {
        return Ok(folder.into());
    }
    let strategy =
        etcetera::choose_base_strategy().map_err(|error| format!("there is no home folder: {error}"))?;
    Ok(strategy.cache_dir().join("tule"))
}

impl Manifest {
    /// A folder's requirements, by the function's runtime.
    pub(crate) fn find(folder: &Path, runtime: &str) -> Option<Self> {
        let (kind, names): (_, &[&str]) = match () {
            () if runtime.starts_with("python") => (Kind::Pip, &["requirements.txt"]),
            () if runtime.starts_with("nodejs") => (Kind::Npm, &["package.json", "package-lock.json"]),
            () => return None,
        };
        let files = names.iter().filter_map(|name| Some((*name, std::fs::read(folder.join(name)).ok()?)));
        let files: Vec<_> = files.collect();
        let first = files.first().filter(|(name, _)| *name == names[0])?;
        let asks = match kind {
            Kind::Pip => first
                .1
                .split(|byte| *byte == b'\n')
                .any(|line| !line.trim_ascii().is_empty() && line[0] != b'#'),
            Kind::Npm => serde_json::from_slice::<serde_json::Value>(&first.1).is_ok_and(|package| {
                package.get("dependencies").and_then(|it| it.as_object()).is_some_and(|it| !it.is_empty())
            }),
        };
        asks.then(|| Self { kind, runtime: runtime.to_owned(), files })
    }

    fn key(&self, tool: &str) -> String {
        let mut key = Sha256::new();
        key.update(tool);
        key.update(&self.runtime);
        for (name, content) in &self.files {
            key.update(name);
            key.update((content.len() as u64).to_le_bytes());
            key.update(content);
        }
        aws_wire::sigv4::hex(&key.finalize())[..24].to_owned()
    }
}

/// The folder with what `manifest` asks for, installed now or earlier. The error is for people: what is missing and
/// what to do.
pub(crate) async fn install(cache: &Path, manifest: &Manifest) -> Result<PathBuf, String> {
    let name = match manifest.kind {
        Kind::Pip => "python",
        Kind::Npm => "node",
    };
    let done = cache.join(name).join(manifest.key(name));
    if done.is_dir() {
        return Ok(done);
    }
    let parent = done.parent().unwrap_or(cache);
    let told = |error: std::io::Error| format!("the cache {} cannot be written: {error}", parent.display());
    std::fs::create_dir_all(parent).map_err(told)?;
    // Made beside and renamed when whole, so that an interrupted install is never taken for a finished one.
    let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(parent).map_err(told)?;
    for (name, content) in &manifest.files {
        std::fs::write(unfinished.path().join(name), content).map_err(told)?;
    }
    match manifest.kind {
        Kind::Pip => pip(unfinished.path(), &manifest.runtime).await?,
        Kind::Npm => npm(unfinished.path(), manifest.files.len() > 1).await?,
    }
    for (name, _) in &manifest.files {
        std::fs::remove_file(unfinished.path().join(name)).map_err(told)?;
    }
    let unfinished = unfinished.keep();
    match std::fs::rename(&unfinished, &done) {
        Err(error) if !done.is_dir() => Err(told(error)),
        _ => Ok(done),
    }
}

/// Packages with native parts fit one version of Python: the runtime's own is taken where this machine has it.
async fn pip(folder: &Path, runtime: &str) -> Result<(), String> {
    let python = if is_there(runtime).await { runtime } else { "python3" };
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--requirement",
    ]);
    command.arg(folder.join("requirements.txt")).arg("--target").arg(folder);
    run(command, "python3 with pip", "installing Python packages").await
}

async fn is_there(python: &str) -> bool {
    let mut ask = Command::new(python);
    ask.args(["-m", "pip", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().await.is_ok_and(|status| status.success())
}

async fn npm(folder: &Path, locked: bool) -> Result<(), String> {
    let mut command = Command::new("npm");
    command.arg(if locked { "ci" } else { "install" });
    command.args(["--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    command.current_dir(folder);
    run(command, "npm", "installing npm packages").await?;
    // npm writes a lock of its own where none came; it is no part of the package.
    if !locked {
        let _ = std::fs::remove_file(folder.join("package-lock.json"));
    }
    Ok(())
}

async fn run(mut command: Command, tool: &str, what: &'static str) -> Result<(), String> {
    let bar = progress::spinner(what);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await;
    bar.finish_and_clear();
    let output = output.map_err(|error| {
        format!("{tool} cannot be started ({error}); install it, or install the packages yourself")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    Err(format!("{tool} failed: {last}"))
}

/// The packages that functions find without bringing them, as AWS's runtimes have them.
const PYTHON_SDK: &str = "boto3\n";
const NODE_SDK: &str = r#"{"private": true, "dependencies": {
    "@aws-sdk/client-dynamodb": "3", "@aws-sdk/client-eventbridge": "3", "@aws-sdk/client-lambda": "3",
    "@aws-sdk/client-s3": "3", "@aws-sdk/client-secrets-manager": "3", "@aws-sdk/client-sfn": "3",
    "@aws-sdk/client-sns": "3", "@aws-sdk/client-sqs": "3", "@aws-sdk/client-ssm": "3",
    "@aws-sdk/client-apigatewaymanagementapi": "3", "@aws-sdk/lib-dynamodb": "3"
}}"#;

fn sdk(python: bool) -> Manifest {
    match python {
        true => Manifest {
            kind: Kind::Pip,
            runtime: "python3".to_owned(),
            files: vec![("requirements.txt", PYTHON_SDK.into())],
        },
        false => Manifest {
            kind: Kind::Npm,
            runtime: "nodejs".to_owned(),
            files: vec![("package.json", NODE_SDK.into())],
        },
    }
}

/// Installs the debugger for Python functions, unless it is there.
pub(crate) async fn install_debugpy() -> Result<PathBuf, String> {
    let files = vec![("requirements.txt", b"debugpy\n".to_vec())];
    let manifest = Manifest { kind: Kind::Pip, runtime: "python3".to_owned(), files };
    install(&cache_folder()?, &manifest).await
}

/// The SDK for Python or Node functions, if it was installed earlier.
pub(crate) fn installed_sdk(python: bool) -> Option<PathBuf> {
    let name = if python { "python" } else { "node" };
    let folder = cache_folder().ok()?.join(name).join(sdk(python).key(name));
    let folder = if python { folder } else { folder.join("node_modules") };
    folder.is_dir().then_some(folder)
}

/// Installs the SDK for Python or Node functions, unless it is there.
pub(crate) async fn install_sdk(python: bool) -> Result<PathBuf, String> {
    let folder = install(&cache_folder()?, &sdk(python)).await?;
    Ok(if python { folder } else { folder.join("node_modules") })
}
