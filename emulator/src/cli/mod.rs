//! The command line: one file for each subcommand.

mod client;
mod coverage;
mod env;
mod graph;
mod install_sdks;
mod invoke;
mod logs;
mod reset;
mod run;
mod start;
mod status;
mod style;
mod test_state;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A small AWS on your own machine: API Gateway, Lambda and Step Functions in one process.
#[derive(Debug, Parser)]
#[command(name = "tule", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deploy the template in a folder and serve it.
    Up(up::Arguments),
    /// Serve the bare endpoint.
    Start(start::Arguments),
    /// Show what a running Tule has.
    Status(status::Arguments),
    /// Run a function and print what it returned.
    Invoke(invoke::Arguments),
    /// Show what a function wrote.
    Logs(logs::Arguments),
    /// Start a workflow and follow it to its end.
    Run(run::Arguments),
    /// Draw a workflow as SVG.
    Graph(graph::Arguments),
    /// Run one state of a workflow on its own.
    TestState(test_state::Arguments),
    /// Print which operations are done, as Markdown.
    #[command(hide = true)]
    Coverage,
    /// Install AWS's SDKs for functions that run in local processes and bring none.
    InstallSdks,
    /// Remove everything in a running Tule.
    Reset(reset::Arguments),
    /// Print exports for the shell: eval "$(tule env)".
    Env(env::Arguments),
}

/// Parses, runs, and tells a failure in one place.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments.command)),
        Err(error) => Err(format!("the runtime cannot start: {error}")),
    };
    match done {
        Ok(code) => code,
        Err(message) => {
            say_error(&message);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Status(arguments) => status::run(arguments).await,
        Command::Invoke(arguments) => invoke::run(arguments).await,
        Command::Logs(arguments) => logs::run(arguments).await,
        Command::Run(arguments) => run::run(arguments).await,
        Command::Graph(arguments) => graph::run(&arguments),
        Command::TestState(arguments) => test_state::run(arguments).await,
        Command::Coverage => coverage::run().await,
        Command::InstallSdks => install_sdks::run().await,
        Command::Reset(arguments) => reset::run(arguments).await,
        Command::Start(arguments) => start::run(arguments).await,
        Command::Env(arguments) => {
            env::run(&arguments);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A failure, for the user.
fn say_error(message: &str) {
    say(&format!("error: {message}"));
}

/// A line for the user beside the output proper.
#[expect(clippy::print_stderr, reason = "this is where the user reads what is not the output")]
fn say(message: &str) {
    eprintln!("{message}");
}

/// A path segment, percent-encoded.
fn encode_path(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
