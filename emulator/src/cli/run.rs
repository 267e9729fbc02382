//! `tule run MACHINE`: starts an execution, follows it state by state, and exits by its outcome.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::{
    client::{Client, Endpoint},
    invoke::read_value,
    style::Style,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The state machine's name or ARN.
    machine: String,
    /// The input: JSON, @FILE, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    input: String,
    /// A name for the execution.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print only the execution, as JSON, when it has ended.
    #[arg(long)]
    json: bool,
}

/// How often a running execution is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let client = Client::new(&arguments.endpoint);
    let machine = arn(&client, &arguments.machine).await?;
    let mut start = json!({ "stateMachineArn": machine, "input": read_value(&arguments.input)? });
    if let Some(name) = &arguments.name {
        start["name"] = Value::from(name.as_str());
    }
    let started = client.json("states", "AWSStepFunctions.StartExecution", &start).await?;
    let execution = json!({ "executionArn": started["executionArn"] });
    let style = Style::of_stdout();
    let mut follower = Follower { seen: 0, began: None, style };
    loop {
        let described = client.json("states", "AWSStepFunctions.DescribeExecution", &execution).await?;
        if !arguments.json {
            follower.show_new(&client, &execution).await?;
        }
        let status = described["status"].as_str().unwrap_or_default();
        if status != "RUNNING" && status != "PENDING_REDRIVE" {
            let succeeded = status == "SUCCEEDED";
            if arguments.json {
                println!("{described}");
            } else {
                println!("{}", outcome(&described, style));
            }
            return Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The ARN of a machine that is given by its name.
async fn arn(client: &Client, machine: &str) -> Result<String, String> {
    if machine.starts_with("arn:") {
        return Ok(machine.to_owned());
    }
    let mut token = Value::Null;
    loop {
        let mut ask = json!({ "maxResults": 1000 });
        if !token.is_null() {
            ask["nextToken"] = token;
        }
        let page = client.json("states", "AWSStepFunctions.ListStateMachines", &ask).await?;
        let machines = page["stateMachines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = machines.iter().find(|found| found["name"] == machine);
        if let Some(arn) = found.and_then(|found| found["stateMachineArn"].as_str()) {
            return Ok(arn.to_owned());
        }
        token = page["nextToken"].clone();
        if token.is_null() {
            let region = client.region();
            return Err(format!("there is no state machine {machine} in {region}; `tule status` lists what there is"));
        }
    }
}

/// What has been shown of an execution.
struct Follower {
    seen: u64,
    began: Option<f64>,
    style: Style,
}

impl Follower {
    async fn show_new(&mut self, client: &Client, execution: &Value) -> Result<(), String> {
        let mut token = Value::Null;
        loop {
            let mut ask = execution.clone();
            ask["maxResults"] = Value::from(1000);
            if !token.is_null() {
                ask["nextToken"] = token;
            }
            let page = client.json("states", "AWSStepFunctions.GetExecutionHistory", &ask).await?;
            for event in page["events"].as_array().map(Vec::as_slice).unwrap_or_default() {
                if event["id"].as_u64().unwrap_or_default() > self.seen {
                    self.seen = event["id"].as_u64().unwrap_or_default();
                    self.show(event);
                }
            }
            token = page["nextToken"].clone();
            if token.is_null() {
                return Ok(());
            }
        }
    }

    fn show(&mut self, event: &Value) {
        let at = event["timestamp"].as_f64().unwrap_or_default();
        let began = *self.began.get_or_insert(at);
        let kind = event["type"].as_str().unwrap_or_default();
        let details = event.as_object().into_iter().flatten().find(|(key, _)| key.ends_with("EventDetails")).map(|(_, it)| it);
        let text = |name: &str| details.and_then(|it| it.get(name)).and_then(Value::as_str).unwrap_or_default();
        let clock = self.style.dim(&format!("{:8.3}s", at - began));
        if kind.ends_with("StateEntered") {
            println!("{clock}  {} {}", self.style.bold(text("name")), self.style.dim(kind.trim_end_matches("StateEntered")));
        } else if kind.ends_with("Failed") || kind.ends_with("TimedOut") {
            println!("{clock}  {} {}: {}", self.style.bad(kind), text("error"), text("cause"));
        }
    }
}

fn outcome(described: &Value, style: Style) -> String {
    let text = |name: &str| described[name].as_str().unwrap_or_default();
    match text("status") {
        "SUCCEEDED" => format!("{}\n{}", style.good("SUCCEEDED"), text("output")),
        status => format!("{} {}: {}", style.bad(status), text("error"), text("cause")),
    }
}
