//! The workloads, and the table they make.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    gateway,
    load::{Connection, Request},
    server::{self, Server},
    turns,
};
use crate::Failure;

pub(super) const ROLE: &str = "arn:aws:iam::000000000000:role/bench";

/// The figures so far, and what they are measured by.
pub(super) struct Bench<'o> {
    tule: Server,
    pub(super) echo: Server,
    seconds: f64,
    only: Option<&'o str>,
}

pub(super) fn run(seconds: f64, only: Option<&str>) -> Result<(), Failure> {
    let mut starts = (0..10).map(|_| server::spawn_to_answer()).collect::<Result<Vec<_>, _>>()?;
    starts.sort();
    println!("spawn to first answer: median {:.1} ms", starts[starts.len() / 2].as_secs_f64() * 1e3);
    let bench = Bench { tule: Server::tule()?, echo: Server::echo()?, seconds, only };
    println!("idle memory: {:.1} MiB", f64::from(u32::try_from(bench.tule.resident())?) / 1024.0);
    println!(
        "\n{:<44} {:>8} {:>10} {:>9} {:>9} {:>10} {:>8}",
        "workload", "clients", "req/s", "p50 us", "p99 us", "cpu us", "of floor"
    );
    bench.control_plane()?;
    gateway::rows(&bench)?;
    bench.functions()?;
    bench.workflows()?;
    bench.lists()
}

impl Bench<'_> {
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| name.contains(only))
    }

    pub(super) fn ask(&self, request: &Request) -> Result<Value, Failure> {
        let body = Connection::open(&self.tule.address)?.ask(request)?;
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }

    /// Tule beside the echo.
    pub(super) fn row(&self, name: &str, request: &Request, clients: usize) -> Result<(), Failure> {
        self.row_beside(&self.echo, name, request, clients)
    }

    /// Tule beside another floor.
    pub(super) fn row_beside(
        &self,
        floor: &Server,
        name: &str,
        request: &Request,
        clients: usize,
    ) -> Result<(), Failure> {
        if !self.wants(name) {
            return Ok(());
        }
        let bare = Request::get("/", "");
        let found = turns::measure((&self.tule, request), (floor, &bare), clients, self.seconds)?;
        println!(
            "{name:<44} {clients:>8} {:>10.0} {:>9.0} {:>9.0} {:>10.1} {:>8.2}",
            found.per_second, found.p50, found.p99, found.cpu, found.of_floor
        );
        Ok(())
    }

    pub(super) fn create_function(&self, name: &str, source: &str) -> Result<(), Failure> {
        let zip = zipped("index.py", source)?;
        let members = json!({
            "FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Role": ROLE,
            "Code": { "ZipFile": zip }
        });
        self.ask(&Request::new("POST", "/2015-03-31/functions", "lambda", &[], &members.to_string()))?;
        Ok(())
    }

    fn control_plane(&self) -> Result<(), Failure> {
        self.create_function("echo", "def handler(event, context):\n    return event\n")?;
        let request =
            Request::get("/2015-03-31/functions/echo", "lambda").expecting("\"FunctionName\":\"echo\"");
        self.row("GetFunction", &request, 1)?;
        self.row("GetFunction", &request, 16)
    }

    fn functions(&self) -> Result<(), Failure> {
        let path = "/2015-03-31/functions/echo/invocations";
        let request = Request::new("POST", path, "lambda", &[], r#"{"a": 1}"#).expecting("\"a\": 1");
        self.row("warm Python invoke, process", &request, 1)?;
        self.row("warm Python invoke, process", &request, 16)
    }

    fn machine(&self, name: &str, kind: &str, definition: &Value) -> Result<String, Failure> {
        let members =
            json!({ "name": name, "type": kind, "roleArn": ROLE, "definition": definition.to_string() });
        let made = self.ask(&Request::states("CreateStateMachine", &members))?;
        Ok(text(&made, "stateMachineArn").to_owned())
    }

    fn workflows(&self) -> Result<(), Failure> {
        let one = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
        let start =
            |arn: &str| Request::states("StartExecution", &json!({ "stateMachineArn": arn, "input": "{}" }));
        let sync = |arn: &str, input: String| {
            Request::states("StartSyncExecution", &json!({ "stateMachineArn": arn, "input": input }))
                .expecting("SUCCEEDED")
        };
        let standard = self.machine("one", "STANDARD", &one)?;
        self.row("Standard, one Pass: StartExecution", &start(&standard).expecting("executionArn"), 16)?;
        let express = self.machine("one-express", "EXPRESS", &one)?;
        self.row("Express, one Pass: StartSyncExecution", &sync(&express, "{}".to_owned()), 16)?;
        let chain: serde_json::Map<String, Value> = (0..100)
            .map(|at| {
                let last = at == 99;
                let end = if last {
                    json!({ "Type": "Pass", "End": true })
                } else {
                    json!({ "Type": "Pass", "Next": format!("S{}", at + 1) })
                };
                (format!("S{at}"), end)
            })
            .collect();
        let chain = self.machine("chain", "EXPRESS", &json!({ "StartAt": "S0", "States": chain }))?;
        self.row("Express, chain of 100 Pass", &sync(&chain, "{}".to_owned()), 1)?;
        let map = json!({ "StartAt": "M", "States": { "M": {
            "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": one, "End": true
        } } });
        let map = self.machine("map", "EXPRESS", &map)?;
        let looped = self.machine("loop", "EXPRESS", &counting_loop())?;
        self.row("Express, loop of 1,000 Choice and MathAdd", &sync(&looped, r#"{"n": 0}"#.to_owned()), 1)?;
        let looped = self.machine("loop-jsonata", "EXPRESS", &jsonata_loop())?;
        self.row("Express, the same loop in JSONata", &sync(&looped, r#"{"n": 0}"#.to_owned()), 1)?;
        for count in [1_000, 10_000] {
            let items: Vec<u32> = (0..count).collect();
            let request = sync(&map, json!({ "items": items }).to_string());
            self.row(&format!("Express, inline Map over {count}"), &request, 1)?;
        }
        Ok(())
    }

    /// A listing must cost the same however much there is.
    fn lists(&self) -> Result<(), Failure> {
        if !self.wants("lists") {
            return Ok(());
        }
        let one = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
        let list = Request::states("ListStateMachines", &json!({ "maxResults": 50 }));
        let mut made = 0;
        for size in [100, 10_000] {
            while made < size {
                self.machine(&format!("listed-{made}"), "STANDARD", &one)?;
                made += 1;
            }
            let mut connection = Connection::open(&self.tule.address)?;
            let mut times = Vec::new();
            for _ in 0..500 {
                let began = Instant::now();
                connection.ask(&list)?;
                times.push(began.elapsed());
            }
            times.sort();
            let median: Duration = times[times.len() / 2];
            println!("lists: 50 of {size} state machines: median {:.0} us", median.as_secs_f64() * 1e6);
        }
        Ok(())
    }
}

/// Counts to 1,000.
fn counting_loop() -> Value {
    json!({ "StartAt": "Add", "States": {
        "Add": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Enough" },
        "Enough": {
            "Type": "Choice", "Default": "Add",
            "Choices": [{ "Variable": "$.n", "NumericGreaterThanEquals": 1_000, "Next": "Done" }],
        },
        "Done": { "Type": "Succeed" },
    } })
}

/// Counts to 1,000.
fn jsonata_loop() -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "Add", "States": {
        "Add": { "Type": "Pass", "Output": { "n": "{% $states.input.n + 1 %}" }, "Next": "Enough" },
        "Enough": {
            "Type": "Choice", "Default": "Add",
            "Choices": [{ "Condition": "{% $states.input.n >= 1000 %}", "Next": "Done" }],
        },
        "Done": { "Type": "Succeed" },
    } })
}

pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn zipped(name: &str, source: &str) -> Result<String, Failure> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default())?;
    zip.write_all(source.as_bytes())?;
    Ok(STANDARD.encode(zip.finish()?.into_inner()))
}
