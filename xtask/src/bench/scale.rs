//! What many executions cost: memory, time and disk, and a restart that finds them again.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    load::{Connection, Request},
    server::Server,
};
use crate::Failure;

const ROLE: &str = "arn:aws:iam::000000000000:role/bench";
/// As many connections start executions at once.
const CLIENTS: usize = 64;

/// A server with connections to it.
struct Scale {
    server: Server,
}

pub(super) fn run(only: Option<&str>) -> Result<(), Failure> {
    let wants = |name: &str| only.is_none_or(|only| name.contains(only));
    println!();
    if wants("durable") {
        durable()?;
    }
    if wants("memory") {
        memory()?;
    }
    if wants("waiting") {
        waiting()?;
    }
    if wants("history") {
        history()?;
    }
    if wants("lists") {
        lists()?;
    }
    Ok(())
}

/// Starts that are on disk when they are answered.
fn durable() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let scale = Scale::new(Some(folder.path()))?;
    let machine = scale.machine("one", &one_state())?;
    scale.start(&machine, 2_000)?;
    let took = scale.start(&machine, 20_000)?;
    println!(
        "20,000 executions on disk at {CLIENTS} clients: {:.0} per second",
        20_000.0 / took.as_secs_f64()
    );
    Ok(())
}

/// What an execution that has ended keeps in memory.
fn memory() -> Result<(), Failure> {
    let scale = Scale::new(None)?;
    let machine = scale.machine("one", &one_state())?;
    scale.start(&machine, 1_000)?;
    let before = scale.server.resident();
    scale.start(&machine, 50_000)?;
    let kib = f64::from(u32::try_from(scale.server.resident().saturating_sub(before))?) / 50_000.0;
    println!("memory of an execution that has ended: {kib:.1} KiB");
    Ok(())
}

/// Executions that wait, and are there after a kill.
fn waiting() -> Result<(), Failure> {
    const COUNT: usize = 100_000;
    let folder = tempfile::tempdir()?;
    let wait =
        json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 86_400, "End": true } } });
    let scale = Scale::new(Some(folder.path()))?;
    let machine = scale.machine("waits", &wait)?;
    let took = scale.start(&machine, COUNT)?;
    let resident = scale.server.resident() / 1024;
    println!("{COUNT} executions waiting: started in {:.1} s, {resident} MiB", took.as_secs_f64());
    drop(scale);
    let began = Instant::now();
    let again = Scale::new(Some(folder.path()))?;
    let ready = began.elapsed();
    let list = Request::states(
        "ListExecutions",
        &json!({ "stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1_000 }),
    );
    let page = again.ask(&list)?;
    let found = page["executions"].as_array().map_or(0, Vec::len);
    if found != 1_000 {
        return Err(format!("after a restart a page of 1,000 lists {found}").into());
    }
    let resident = again.server.resident() / 1024;
    println!("found again after a kill: ready in {:.2} s, {resident} MiB", ready.as_secs_f64());
    Ok(())
}

/// Every page of a long history.
fn history() -> Result<(), Failure> {
    let scale = Scale::new(None)?;
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let map =
        json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemProcessor": pass, "End": true } } });
    let machine = scale.machine("long", &map)?;
    let items: Vec<u32> = (0..2_500).collect();
    let input = json!({ "stateMachineArn": machine, "input": json!(items).to_string() });
    let execution = scale.ask(&Request::states("StartExecution", &input))?["executionArn"].clone();
    while scale.ask(&Request::states("DescribeExecution", &json!({ "executionArn": execution })))?["status"]
        == "RUNNING"
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut connection = Connection::open(&scale.server.address)?;
    let mut times = Vec::new();
    let mut events = 0;
    for _ in 0..20 {
        let began = Instant::now();
        let mut token = Value::Null;
        events = 0;
        loop {
            let mut members = json!({ "executionArn": execution, "maxResults": 1_000 });
            if !token.is_null() {
                members["nextToken"] = token;
            }
            let page = connection.ask(&Request::states("GetExecutionHistory", &members))?;
            // Counted without parsing, so that the server is measured and not the reader.
            events += page.matches("\"previousEventId\"").count();
            token = next_token(&page);
            if token.is_null() {
                break;
            }
        }
        times.push(began.elapsed());
    }
    times.sort();
    println!("paging a history of {events} events: median {:.1} ms", times[10].as_secs_f64() * 1e3);
    Ok(())
}

fn next_token(page: &str) -> Value {
    let after = page.split("\"nextToken\":\"").nth(1);
    after.and_then(|rest| rest.split('"').next()).map_or(Value::Null, Value::from)
}

/// A page of executions among few and among many.
fn lists() -> Result<(), Failure> {
    let scale = Scale::new(None)?;
    let machine = scale.machine("one", &one_state())?;
    let list = Request::states("ListExecutions", &json!({ "stateMachineArn": machine, "maxResults": 50 }));
    let mut made = 0;
    for size in [100, 10_000] {
        scale.start(&machine, size - made)?;
        made = size;
        let mut connection = Connection::open(&scale.server.address)?;
        let mut times = Vec::new();
        for _ in 0..500 {
            let began = Instant::now();
            connection.ask(&list)?;
            times.push(began.elapsed());
        }
        times.sort();
        println!("lists: 50 of {size} executions: median {:.0} us", times[250].as_secs_f64() * 1e6);
    }
    Ok(())
}

fn one_state() -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } })
}

impl Scale {
    fn new(data: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self { server: Server::tule_over(data)? })
    }

    fn ask(&self, request: &Request) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&Connection::open(&self.server.address)?.ask(request)?)?)
    }

    fn machine(&self, name: &str, definition: &Value) -> Result<String, Failure> {
        let members = json!({ "name": name, "roleArn": ROLE, "definition": definition.to_string() });
        let made = self.ask(&Request::states("CreateStateMachine", &members))?;
        Ok(made["stateMachineArn"].as_str().unwrap_or_default().to_owned())
    }

    /// Starts so many executions over all clients.
    fn start(&self, machine: &str, count: usize) -> Result<Duration, Failure> {
        let request =
            Request::states("StartExecution", &json!({ "stateMachineArn": machine, "input": "{}" }))
                .expecting("executionArn");
        let began = Instant::now();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let share = count / CLIENTS + usize::from(client < count % CLIENTS);
                    let request = request.clone();
                    scope.spawn(move || -> Result<(), String> {
                        let mut connection =
                            Connection::open(&self.server.address).map_err(|error| error.to_string())?;
                        for _ in 0..share {
                            connection.ask(&request).map_err(|error| error.to_string())?;
                        }
                        Ok(())
                    })
                })
                .collect();
            clients.into_iter().try_for_each(|client| client.join().expect("no client panics"))
        })?;
        Ok(began.elapsed())
    }
}
