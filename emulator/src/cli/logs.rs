//! `tule logs FUNCTION`: what a function wrote, and with `-f` what it writes.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, Endpoint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A function's name, or a log group's (with a slash).
    name: String,
    /// Go on with what is written.
    #[arg(long, short)]
    follow: bool,
    /// Only events that match this filter pattern.
    #[arg(long)]
    filter: Option<String>,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// How often a followed group is asked for more.
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let client = Client::new(&arguments.endpoint);
    let group = if arguments.name.contains('/') {
        arguments.name.clone()
    } else {
        format!("/aws/lambda/{}", arguments.name)
    };
    let mut from = 0;
    let mut shown = BTreeSet::new();
    loop {
        let mut token = Value::Null;
        // A page's token belongs to the question that it was given for, so that stays the same for the round.
        let mut latest = from;
        loop {
            let mut ask = json!({ "logGroupName": group, "startTime": from, "limit": 10_000 });
            if let Some(filter) = &arguments.filter {
                ask["filterPattern"] = Value::from(filter.as_str());
            }
            if !token.is_null() {
                ask["nextToken"] = token;
            }
            let page = match client.json("logs", "Logs_20140328.FilterLogEvents", &ask).await {
                Err(error) if arguments.follow && error.starts_with("ResourceNotFoundException") => json!({}),
                page => page?,
            };
            for event in page["events"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let at = event["timestamp"].as_i64().unwrap_or_default();
                latest = latest.max(at);
                // The last round's latest millisecond comes again; ids tell its events apart.
                if shown.insert((at, event["eventId"].to_string())) {
                    print(event, arguments.json);
                }
            }
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        from = latest;
        shown.retain(|(at, _)| *at >= from);
        if !arguments.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn print(event: &Value, as_json: bool) {
    if as_json {
        println!("{event}");
        return;
    }
    println!("{}", event["message"].as_str().unwrap_or_default().trim_end());
}
