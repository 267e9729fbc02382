//! `tule reset`: everything in a running Tule goes.

use std::process::ExitCode;

use clap::Args;

use super::client::{Client, Endpoint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let client = Client::new(&arguments.endpoint);
    let answer = client.send("POST", "/_tule/reset", "tule", &[], "").await?;
    answer.json()?;
    if arguments.json {
        println!("{{\"reset\": true}}");
    } else {
        println!("everything is gone");
    }
    Ok(ExitCode::SUCCESS)
}
