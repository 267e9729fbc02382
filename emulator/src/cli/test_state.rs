//! `tule test-state DEFINITION`: runs one state on its own, shows how its data went, and exits by the outcome.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    client::{Client, Endpoint},
    invoke::read_value,
    style::Style,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The definition of a state or of a whole state machine: a file, or - for standard input.
    definition: String,
    /// The state to test, of a whole state machine.
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// The state's input: JSON, @FILE, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    input: String,
    /// What the state's task gives instead of being done: JSON or @FILE.
    #[arg(long, value_name = "JSON", conflicts_with = "mock_error")]
    mock_result: Option<String>,
    /// The error the state's task ends with instead of being done, and its cause.
    #[arg(long, value_name = "ERROR[=CAUSE]")]
    mock_error: Option<String>,
    /// How closely a mocked result must fit the service's model.
    #[arg(long, value_enum, default_value = "strict")]
    mock_validation: Validation,
    /// Variables that have been assigned: a JSON object or @FILE.
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// The context object, beside a mock: a JSON object or @FILE.
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// How often the retrier that the error meets was used before.
    #[arg(long, value_name = "COUNT")]
    retries: Option<u32>,
    /// The role that the state's context object shows.
    #[arg(long, default_value = "arn:aws:iam::000000000000:role/tule", value_name = "ARN")]
    role: String,
    /// How much is shown.
    #[arg(long, value_enum, default_value = "debug")]
    inspection_level: Level,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print the answer of TestState as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Validation {
    Strict,
    Present,
    None,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let request = request(&arguments)?;
    let client = Client::new(&arguments.endpoint);
    let answer = client.json("states", "AWSStepFunctions.TestState", &request).await?;
    if arguments.json {
        println!("{answer}");
    } else {
        print!("{}", shown(&answer, Style::of_stdout()));
    }
    let failed = answer["status"] == "FAILED";
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn request(arguments: &Arguments) -> Result<Value, String> {
    let definition = match arguments.definition.as_str() {
        "-" => read_value("-")?,
        path => read_value(&format!("@{path}"))?,
    };
    let level = match arguments.inspection_level {
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    };
    let mut request = json!({
        "definition": definition,
        "input": read_value(&arguments.input)?,
        "inspectionLevel": level,
        "roleArn": arguments.role,
    });
    if let Some(state) = &arguments.state {
        request["stateName"] = json!(state);
    }
    for (name, given) in [("variables", &arguments.variables), ("context", &arguments.context)] {
        if let Some(given) = given {
            request[name] = json!(read_value(given)?);
        }
    }
    if let Some(result) = &arguments.mock_result {
        let mode = match arguments.mock_validation {
            Validation::Strict => "STRICT",
            Validation::Present => "PRESENT",
            Validation::None => "NONE",
        };
        request["mock"] = json!({ "result": read_value(result)?, "fieldValidationMode": mode });
    }
    if let Some(error) = &arguments.mock_error {
        let (error, cause) = error.split_once('=').unwrap_or((error, ""));
        request["mock"] = json!({ "errorOutput": { "error": error, "cause": cause } });
    }
    if let Some(retries) = arguments.retries {
        request["stateConfiguration"] = json!({ "retrierRetryCount": retries });
    }
    Ok(request)
}

/// The stages of a state's data, in the order in which it passes them.
const STAGES: &[(&str, &str)] = &[
    ("input", "input"),
    ("afterInputPath", "after InputPath"),
    ("afterParameters", "after Parameters"),
    ("afterArguments", "after Arguments"),
    ("afterItemsPath", "after ItemsPath"),
    ("afterItemsPointer", "after ItemsPointer"),
    ("afterItemSelector", "after ItemSelector"),
    ("afterItemBatcher", "after ItemBatcher"),
    ("maxConcurrency", "max. concurrency"),
    ("toleratedFailureCount", "tolerated failures"),
    ("toleratedFailurePercentage", "tolerated failures, %"),
    ("request", "request"),
    ("response", "response"),
    ("result", "result"),
    ("afterResultSelector", "after ResultSelector"),
    ("afterResultPath", "after ResultPath"),
    ("variables", "variables"),
];

fn shown(answer: &Value, style: Style) -> String {
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let status = text("status").unwrap_or("?");
    let mut out = match status {
        "SUCCEEDED" => style.good(status),
        "FAILED" => style.bad(status),
        _ => style.warn(status),
    };
    if let Some(error) = text("error") {
        out.push_str(&format!(" {error}"));
    }
    if let Some(cause) = text("cause") {
        out.push_str(&format!(": {cause}"));
    }
    out.push('\n');
    let mut line = |name: &str, value: &str| {
        out.push_str(&format!("  {} {value}\n", style.dim(&format!("{name:<21}"))));
    };
    let data = &answer["inspectionData"];
    for (name, title) in STAGES {
        match &data[*name] {
            Value::Null => {}
            Value::String(value) => line(title, value),
            other => line(title, &other.to_string()),
        }
    }
    let details = &data["errorDetails"];
    if let Some(index) = details["retryIndex"].as_u64() {
        let seconds = &details["retryBackoffIntervalSeconds"];
        line("would be retried", &format!("after {seconds} s, by Retry[{index}]"));
    }
    if let Some(index) = details["catchIndex"].as_u64() {
        line("caught", &format!("by Catch[{index}]"));
    }
    if let Some(output) = text("output") {
        line("output", output);
    }
    if let Some(next) = text("nextState") {
        line("next state", &style.bold(next));
    }
    out
}
