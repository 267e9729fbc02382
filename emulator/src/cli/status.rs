//! `tule status`: what a running Tule has.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{
    client::{Client, Endpoint},
    style::Style,
};

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
    let health = client.get("/_tule/health", "tule").await?;
    let info = client.get("/_localstack/info", "tule").await?;
    let functions = client.get("/2015-03-31/functions?MaxItems=1000", "lambda").await?;
    let machines = client.json("states", "AWSStepFunctions.ListStateMachines", &json!({ "maxResults": 1000 })).await?;
    let rest = client.get("/restapis?limit=500", "apigateway").await?;
    let http = client.get("/v2/apis?maxResults=500", "apigateway").await?;
    let names = |value: &Value, list: &str, name: &str| -> Vec<String> {
        let items = value.get(list).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.get(name)?.as_str().map(str::to_owned)).collect()
    };
    let status = json!({
        "version": health["version"],
        "executor": info["executor"],
        "functions": names(&functions, "Functions", "FunctionName"),
        "stateMachines": names(&machines, "stateMachines", "name"),
        "restApis": names(&rest, "item", "name"),
        "httpApis": names(&http, "items", "name"),
        "services": health["services"],
    });
    if arguments.json {
        println!("{status}");
        return Ok(ExitCode::SUCCESS);
    }
    let style = Style::of_stdout();
    println!("{} {}", style.bold("Tule"), status["version"].as_str().unwrap_or_default());
    println!("  functions run in {}", status["executor"].as_str().unwrap_or_default());
    for (title, key) in
        [("Functions", "functions"), ("State machines", "stateMachines"), ("REST APIs", "restApis"), ("HTTP APIs", "httpApis")]
    {
        let items = status[key].as_array().map(Vec::as_slice).unwrap_or_default();
        println!("{} {}", style.bold(title), style.dim(&items.len().to_string()));
        items.iter().filter_map(Value::as_str).for_each(|item| println!("  {item}"));
    }
    Ok(ExitCode::SUCCESS)
}
