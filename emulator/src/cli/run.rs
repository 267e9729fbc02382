//! `tule run MACHINE`: starts an execution, follows it state by state, and exits by its outcome.

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use asl::layout::{Mark, Progress};
use clap::Args;
use serde_json::{Value, json};

use super::{
    client::{Client, Endpoint},
    graph,
    invoke::read_value,
    style::Style,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The state machine's name or ARN; with #CASE behind it, a test case of the mock configuration.
    machine: String,
    /// The input: JSON, @FILE, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    input: String,
    /// A name for the execution.
    #[arg(long)]
    name: Option<String>,
    /// Draw what happened as SVG, into this file.
    #[arg(long, value_name = "FILE.svg")]
    graph: Option<PathBuf>,
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
    let mut follower = Follower::new(arguments.json, style);
    loop {
        let described = client.json("states", "AWSStepFunctions.DescribeExecution", &execution).await?;
        // An Express execution has no history that could be followed.
        if !arguments.json || arguments.graph.is_some() {
            follower.read(&client, &execution).await?;
        }
        let status = described["status"].as_str().unwrap_or_default();
        if status != "RUNNING" && status != "PENDING_REDRIVE" {
            if let Some(path) = &arguments.graph {
                draw(&client, &execution, &follower.progress, path).await?;
            }
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

/// Draws the definition that an execution ran, with what became of its states.
async fn draw(client: &Client, execution: &Value, progress: &Progress, path: &Path) -> Result<(), String> {
    let target = "AWSStepFunctions.DescribeStateMachineForExecution";
    let machine = client.json("states", target, execution).await?;
    let definition = machine["definition"].as_str().unwrap_or_default();
    graph::write(path, &graph::draw(definition, Some(progress))?)
}

/// The ARN of a machine that is given by its name.
async fn arn(client: &Client, machine: &str) -> Result<String, String> {
    if machine.starts_with("arn:") {
        return Ok(machine.to_owned());
    }
    // A test case of mocked integrations stands behind the name as behind an ARN.
    let (machine, case) = machine
        .split_once('#')
        .map_or((machine, String::new()), |(machine, case)| (machine, format!("#{case}")));
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
            return Ok(arn.to_owned() + &case);
        }
        token = page["nextToken"].clone();
        if token.is_null() {
            let region = client.region();
            return Err(format!(
                "there is no state machine {machine} in {region}; `tule status` lists what there is"
            ));
        }
    }
}

/// Reads an execution's history as it grows, and shows it.
struct Follower {
    /// The token of the page that was not full when it was last read.
    page: Value,
    seen: u64,
    began: Option<f64>,
    /// When the states being visited were entered, by their names; iterations leave in the order in which they came.
    entered: BTreeMap<String, VecDeque<f64>>,
    progress: Progress,
    quiet: bool,
    style: Style,
}

impl Follower {
    fn new(quiet: bool, style: Style) -> Self {
        Self {
            page: Value::Null,
            seen: 0,
            began: None,
            entered: BTreeMap::new(),
            progress: Progress::default(),
            quiet,
            style,
        }
    }

    /// Reads what is new. Pages that were read whole are not read again.
    async fn read(&mut self, client: &Client, execution: &Value) -> Result<(), String> {
        loop {
            let mut ask = execution.clone();
            ask["maxResults"] = Value::from(1000);
            if !self.page.is_null() {
                ask["nextToken"] = self.page.clone();
            }
            let page = client.json("states", "AWSStepFunctions.GetExecutionHistory", &ask).await?;
            for event in page["events"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let id = event["id"].as_u64().unwrap_or_default();
                if id > self.seen {
                    self.seen = id;
                    self.take(event, id);
                }
            }
            if page["nextToken"].is_null() {
                return Ok(());
            }
            self.page = page["nextToken"].clone();
        }
    }

    fn take(&mut self, event: &Value, id: u64) {
        let details = event.as_object().into_iter().flatten();
        let details = details.filter(|(key, _)| key.ends_with("EventDetails")).map(|(_, it)| it).next();
        let text = |name: &str| details.and_then(|it| it.get(name)).and_then(Value::as_str);
        let kind = event["type"].as_str().unwrap_or_default();
        let previous = event["previousEventId"].as_u64().unwrap_or_default();
        // What is scheduled in a state that has failed is its next attempt.
        let owner = self.progress.owner(previous).map(str::to_owned);
        let failing = |name: &String| self.progress.mark(name) == Some(Mark::Failed);
        let retried = owner.filter(failing).filter(|_| kind.ends_with("Scheduled"));
        self.progress.note(id, previous, kind, text("name"));
        if !self.quiet {
            let at = event["timestamp"].as_f64().unwrap_or_default();
            let failure = match (text("error"), text("cause")) {
                (None, None) => String::new(),
                (error, cause) => format!("{}: {}", error.unwrap_or(""), cause.unwrap_or("")),
            };
            self.show(kind, at, text("name").unwrap_or_default(), retried.as_deref(), &failure);
        }
    }

    fn show(&mut self, kind: &str, at: f64, name: &str, retried: Option<&str>, failure: &str) {
        let began = *self.began.get_or_insert(at);
        let style = self.style;
        let clock = style.dim(&format!("{:8.3}s", at - began));
        if let Some(state_type) = kind.strip_suffix("StateEntered") {
            self.entered.entry(name.to_owned()).or_default().push_back(at);
            println!("{clock}  {} {}", style.bold(name), style.dim(state_type));
        } else if kind.ends_with("StateExited") {
            let entered = self.entered.get_mut(name).and_then(VecDeque::pop_front);
            let took = at - entered.unwrap_or(at);
            // What takes no time needs no line of its own.
            if took >= SHOWN_FROM {
                println!("{clock}  {} {}", style.dim(name), style.dim(&format!("took {took:.3}s")));
            }
        } else if let Some(state) = retried {
            let (_, count) = self.progress.counts(state);
            println!("{clock}  {state} {}", style.warn(&format!("retry {count}")));
        } else if (kind.ends_with("Failed") || kind.ends_with("TimedOut")) && !kind.starts_with("Execution") {
            println!("{clock}  {} {failure}", style.bad(kind));
        }
    }
}

/// Visits of at least this many seconds are shown with their duration.
const SHOWN_FROM: f64 = 0.001;

fn outcome(described: &Value, style: Style) -> String {
    let text = |name: &str| described[name].as_str().unwrap_or_default();
    match text("status") {
        "SUCCEEDED" => format!("{}\n{}", style.good("SUCCEEDED"), text("output")),
        status => format!("{} {}: {}", style.bad(status), text("error"), text("cause")),
    }
}
