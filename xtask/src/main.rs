//! The project's chores: `cargo xtask bench | fuzz | models | parity | test | tidy`.
//!
//! Each chore is one module. None is needed to build or to run Tule.

mod bench;
mod fuzz;
mod models;
mod parity;
mod test;
mod tidy;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure Tule beside a bare echo.
    Bench(bench::Arguments),
    /// The bare echo, for `bench`.
    #[command(hide = true)]
    Echo,
    /// The bare reverse proxy, for `bench`.
    #[command(hide = true)]
    Proxy {
        /// The server behind it, `127.0.0.1:PORT`.
        behind: String,
    },
    /// Look for inputs that panic, hang or fill the memory.
    Fuzz(fuzz::Arguments),
    /// Read botocore's service models and write the stripped ones.
    Models {
        /// Change nothing; fail if a fresh run would differ.
        #[arg(long)]
        check: bool,
    },
    /// Replay answers recorded from AWS and hold the floors.
    Parity(parity::Arguments),
    /// Make ready what the tests need, build, and run them all; further arguments go to the test runner.
    Test {
        /// For the test runner.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Hold the house rules that compilers do not.
    Tidy,
}

/// What a chore says when it fails.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Echo => bench::run_echo(),
        Chore::Proxy { behind } => bench::run_proxy(&behind),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Models { check } => models::run(check),
        Chore::Parity(arguments) => parity::run(&arguments),
        Chore::Test { arguments } => test::run(&arguments),
        Chore::Tidy => tidy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            #[expect(clippy::print_stderr, reason = "a chore's failure is for its user")]
            {
                eprintln!("error: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Cargo in the project's root, without what the running one tells this program of its own package: build scripts look
/// at that (ring's does), and would have all that stands on them built anew.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// The project's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}
