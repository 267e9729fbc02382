//! `cargo xtask test`: makes ready what the tests need, builds, and runs them all.
//!
//! The clients that users bring (boto3, the AWS CLI, the SDKs for JavaScript and for durable functions) are installed
//! below `target/clients`, in pinned versions; functions on other people's crates (`fixtures/workloads/rust`) and the
//! Lambda Web Adapter are built below `target/workloads`. What cannot be installed is told; the tests that need it say that they are skipped, and
//! fail when `CI=true`.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::Failure;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let root = crate::root();
    let clients = root.join("target/clients");
    let made = [
        ("the Python clients", python(&root, &clients)),
        ("the Node clients", node(&clients.join("node"), &root.join("tests/clients/package.json"))),
        ("the SDK for durable functions in Python", durable_python(&root, &clients)),
        (
            "the SDK for durable functions in JavaScript",
            node(&clients.join("durable-node"), &root.join("tests/clients/durable/package.json")),
        ),
        ("the functions in Rust", workloads(&root)),
        ("the Lambda Web Adapter", web_adapter(&root)),
    ];
    for (what, done) in made {
        if let Err(failure) = done {
            let text = format!("{what} could not be made ready: {failure}");
            if env::var("CI").as_deref() == Ok("true") {
                return Err(text.into());
            }
            tell(&format!("warning: {text}; tests that need them are skipped"));
        }
    }
    step(crate::cargo().args(["build", "--package", "emulator"]))?;
    let has_nextest = crate::cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut tests = crate::cargo();
    if has_nextest {
        tests.args(["nextest", "run", "--workspace"]);
        if env::var("CI").as_deref() == Ok("true") {
            tests.args(["--profile", "ci"]);
        }
    } else {
        tests.args(["test", "--workspace"]);
    }
    step(tests.args(arguments))
}

#[expect(clippy::print_stderr, reason = "a chore tells its user what it could not do")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn step(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed ({status})").into()) }
}

fn python(root: &Path, clients: &Path) -> Result<(), Failure> {
    let wanted = root.join("tests/clients/requirements.txt");
    let folder = clients.join("python");
    if is_done(&folder, &wanted)? {
        return Ok(());
    }
    step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join("bin/python");
    step(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&wanted),
    )?;
    mark_done(&folder, &wanted)
}

/// AWS's SDK for durable functions in Python, in a folder that becomes a layer.
fn durable_python(root: &Path, clients: &Path) -> Result<(), Failure> {
    let wanted = root.join("tests/clients/durable/requirements.txt");
    let folder = clients.join("durable-python");
    if is_done(&folder, &wanted)? {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut pip = Command::new(clients.join("python/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    step(pip.arg(&folder).arg("--requirement").arg(&wanted))?;
    mark_done(&folder, &wanted)
}

fn node(folder: &Path, wanted: &Path) -> Result<(), Failure> {
    if is_done(folder, wanted)? {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::copy(wanted, folder.join("package.json"))?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    step(
        Command::new(npm)
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder),
    )?;
    mark_done(folder, wanted)
}

/// Builds the functions in Rust as a folder that a function's code can be: `target/workloads/functions`.
fn workloads(root: &Path) -> Result<(), Failure> {
    let source = root.join("fixtures/workloads/rust");
    let target = root.join("target/workloads");
    let triple = host()?;
    let mut build = static_build(&target, &triple);
    step(build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(source.join("Cargo.toml")))?;
    let functions = target.join("functions");
    fs::create_dir_all(&functions)?;
    replace(&target.join("build").join(&triple).join("debug/bootstrap"), &functions.join("bootstrap"))
}

/// The Lambda Web Adapter, in a version that is in the registry of crates.
const ADAPTER: &str = "lambda_web_adapter@=1.0.0-rc1";

/// Builds the Lambda Web Adapter with the versions of its own lock file, as the extension that it is in AWS's layer:
/// `target/workloads/adapter`.
fn web_adapter(root: &Path) -> Result<(), Failure> {
    let target = root.join("target/workloads");
    let folder = target.join("adapter");
    let installed = folder.join("installed");
    if fs::read_to_string(&installed).is_ok_and(|found| found == ADAPTER) {
        return Ok(());
    }
    let into = target.join("build/adapter");
    let mut build = static_build(&target, &host()?);
    build.args(["install", "--quiet", "--locked", "--debug", "--no-track", "--force", ADAPTER, "--root"]);
    // What it is told of its own sources would make it five times as large.
    step(build.arg(&into).env("CARGO_PROFILE_DEV_STRIP", "symbols"))?;
    fs::create_dir_all(&folder)?;
    replace(&into.join("bin/lambda-adapter"), &folder.join("lambda-adapter"))?;
    Ok(fs::write(installed, ADAPTER)?)
}

/// Cargo, to build programs that do not ask for the C library of the machine that built them.
fn static_build(target: &Path, triple: &str) -> Command {
    let mut cargo = crate::cargo();
    let flags = if cfg!(target_os = "linux") { "-C target-feature=+crt-static" } else { "" };
    cargo
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", target.join("build"))
        .env("CARGO_BUILD_TARGET", triple);
    cargo
}

/// Copies a file unless it is there already, so that folders of functions do not change without need.
fn replace(from: &Path, to: &Path) -> Result<(), Failure> {
    let content = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    fs::copy(from, to)?;
    Ok(())
}

/// This machine, as rustc names it.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let said = String::from_utf8(output.stdout)?;
    let line = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not name its host")?.to_owned())
}

/// Whether a folder holds what a file asks for: the file's content stands in it.
fn is_done(folder: &Path, wanted: &Path) -> Result<bool, Failure> {
    Ok(fs::read(folder.join("installed"))
        .is_ok_and(|installed| fs::read(wanted).is_ok_and(|wanted| installed == wanted)))
}

fn mark_done(folder: &Path, wanted: &Path) -> Result<(), Failure> {
    fs::copy(wanted, folder.join("installed"))?;
    Ok(())
}
