//! The project's chores: `cargo xtask models | tidy`.
//!
//! Each chore is one module. None is needed to build or to run Tule.

mod models;
mod tidy;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Read botocore's service models and write the stripped ones.
    Models {
        /// Change nothing; fail if a fresh run would differ.
        #[arg(long)]
        check: bool,
    },
    /// Hold the house rules that compilers do not.
    Tidy,
}

/// What a chore says when it fails.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Models { check } => models::run(check),
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

/// The project's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}
