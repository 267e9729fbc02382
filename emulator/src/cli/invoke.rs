//! `tule invoke FUNCTION`: runs a function and prints what it returned.

use std::{io::Read as _, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::{Value, json};

use super::{
    client::{Client, Endpoint},
    say,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The function's name or ARN.
    function: String,
    /// The event: JSON, @FILE, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    payload: String,
    /// Show the end of the log on stderr.
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print the answer with its status as JSON.
    #[arg(long)]
    json: bool,
}

/// A value given in place, as @FILE, or on standard input.
pub(crate) fn read_value(given: &str) -> Result<String, String> {
    if given == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
        return Ok(text);
    }
    match given.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        None => Ok(given.to_owned()),
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let client = Client::new(&arguments.endpoint);
    let payload = read_value(&arguments.payload)?;
    let name = super::encode_path(&arguments.function);
    let path = format!("/2015-03-31/functions/{name}/invocations");
    let headers: &[(&str, &str)] = if arguments.log { &[("x-amz-log-type", "Tail")] } else { &[] };
    let answer = client.send("POST", &path, "lambda", headers, payload).await?;
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if answer.status >= 300 {
        answer.json()?;
    }
    let log = header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok());
    if let Some(log) = log.map(|log| String::from_utf8_lossy(&log).into_owned()) {
        say(log.trim_end());
    }
    let failed = header("x-amz-function-error");
    let payload = String::from_utf8_lossy(&answer.body).into_owned();
    if arguments.json {
        let payload = serde_json::from_str::<Value>(&payload).unwrap_or(Value::from(payload));
        println!("{}", json!({ "status": answer.status, "functionError": failed, "payload": payload }));
    } else {
        println!("{payload}");
    }
    Ok(if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
