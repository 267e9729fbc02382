//! `tule start`: the bare endpoint, until a signal ends it.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use tokio::signal;

use super::say;
use crate::{
    config::{Config, Flags},
    deploy::install,
    startup::{self, FunctionSdks, Https, Tule},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let config = Config::load(arguments.flags)?;
    log_to_stderr();
    warn_of_host(&config);
    let mut sdks = installed_sdks();
    if !config.debug.is_empty() {
        sdks.debugpy = debugpy().await;
    }
    let tule = startup::start(&config, sdks.clone()).await?;
    println!("Tule {} at {}", env!("CARGO_PKG_VERSION"), tule.endpoint);
    if let Some(https) = &tule.https {
        println!("{}", https_line(https));
    }
    let executor = tule.worlds.now().lambda.describe();
    println!("functions run in {executor}");
    if executor.starts_with("process") && (sdks.python.is_none() || sdks.node.is_none()) {
        println!(
            "functions find only the AWS SDKs that they bring; `tule install-sdks` installs them as AWS has them"
        );
    }
    println!("Ready.");
    wait_for_end(tule).await;
    Ok(ExitCode::SUCCESS)
}

/// Where HTTPS is served, and what clients are to trust.
pub(crate) fn https_line(https: &Https) -> String {
    let certificate = https.certificate.as_ref().map_or_else(
        || "GET /_tule/tls/ca.pem over HTTP gives the certificate to trust".to_owned(),
        |file| format!("the certificate to trust is {}", file.display()),
    );
    format!("{} ({certificate})", https.endpoint)
}

/// What Python functions are debugged with.
pub(crate) async fn debugpy() -> Option<PathBuf> {
    match install::install_debugpy().await {
        Ok(folder) => Some(folder),
        Err(problem) => {
            tracing::warn!("functions in Python can be debugged only where they bring debugpy: {problem}");
            None
        }
    }
}

/// Who listens for others is told what that means.
pub(crate) fn warn_of_host(config: &Config) {
    if !config.host.is_loopback() {
        say(&format!(
            "warning: Tule listens on {}, so others on the network can reach it; any credentials work, and it runs code",
            config.host
        ));
    }
}

/// The SDKs for functions that `tule up` installed at some time.
pub(crate) fn installed_sdks() -> FunctionSdks {
    FunctionSdks { python: install::installed_sdk(true), node: install::installed_sdk(false), debugpy: None }
}

/// What Tule notices about itself goes to stderr; `TULE_LOG` chooses how much.
pub(crate) fn log_to_stderr() {
    use std::io::IsTerminal as _;
    let filter = tracing_subscriber::EnvFilter::try_from_env("TULE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Serves until Ctrl-C or SIGTERM, then ends in order. A second signal ends at once.
pub(crate) async fn wait_for_end(tule: Tule) {
    ended().await;
    tokio::select! {
        () = tule.shutdown() => {}
        () = ended() => {}
    }
}

#[cfg(unix)]
async fn ended() {
    let terminate = signal::unix::signal(signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn ended() {
    drop(signal::ctrl_c().await);
}
