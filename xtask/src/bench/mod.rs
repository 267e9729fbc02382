//! `cargo xtask bench`: Tule beside a bare hyper echo, on the same machine in the same run.
//!
//! Every answer that is timed is checked. Machines differ and are noisy, so what counts are the ratios to the echo, or to
//! a bare proxy for what is one, and the server's own CPU time a request. Builds the release binary first, and clients,
//! echo and proxy as well optimised.

mod echo;
mod gateway;
mod lambda;
mod load;
mod proxy;
mod scale;
mod server;
mod turns;
mod workloads;

use crate::Failure;

pub(crate) use echo::run as run_echo;
pub(crate) use proxy::run as run_proxy;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of load for each figure.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only workloads whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        return build_and_run();
    }
    workloads::run(arguments.seconds, arguments.only.as_deref())?;
    gateway::sockets(arguments.only.as_deref())?;
    scale::run(arguments.only.as_deref())?;
    lambda::run(arguments.seconds, arguments.only.as_deref())
}

/// Builds Tule as it is released, and clients and floors as fast; then measures.
fn build_and_run() -> Result<(), Failure> {
    let release = ["build", "--release", "--package", "emulator"];
    let measure = ["run", "--quiet", "--profile", "floor", "--package", "xtask", "--"];
    let again = std::env::args().skip(1);
    let steps =
        [release.map(str::to_owned).to_vec(), measure.map(str::to_owned).into_iter().chain(again).collect()];
    for step in steps {
        if !crate::cargo().args(step).status()?.success() {
            return Err("the benchmark did not build, or did not end well".into());
        }
    }
    Ok(())
}
