//! `cargo xtask bench`: Tule beside a bare hyper echo, on the same machine in the same run.
//!
//! Every answer that is timed is checked. Machines differ and are noisy, so what counts are the ratios to the echo and
//! the server's own CPU time a request. Builds the release binary first.

mod echo;
mod gateway;
mod lambda;
mod load;
mod proxy;
mod scale;
mod server;
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
    let built = crate::cargo().args(["build", "--release", "--package", "emulator"]).status()?;
    if !built.success() {
        return Err("the release binary does not build".into());
    }
    workloads::run(arguments.seconds, arguments.only.as_deref())?;
    gateway::sockets(arguments.only.as_deref())?;
    scale::run(arguments.only.as_deref())?;
    lambda::run(arguments.seconds, arguments.only.as_deref())
}
