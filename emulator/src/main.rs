//! `tule`: a small AWS on your own machine.
//!
//! The composition root: the only crate that knows all others. Read [`startup`] for how the parts come together,
//! [`front_door`] for what happens to a request.

mod admin;
mod cli;
mod config;
mod delegate;
mod deploy;
mod dynamodb_local;
mod front_door;
mod progress;
mod registry;
mod server;
mod spoken;
mod startup;
mod tls;

use std::process::ExitCode;

/// A request makes many short-lived values; with the system's allocator they took a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
