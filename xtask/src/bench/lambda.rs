//! Lambda: cold and warm, in processes and in containers, beside what the interpreter or the engine alone takes.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    load::{Connection, Request},
    server::Server,
    turns,
    workloads::{ROLE, zipped},
};
use crate::Failure;

const COLD_STARTS: usize = 10;

struct Functions {
    server: Server,
    seconds: f64,
}

/// What a function is made of.
struct Source {
    runtime: &'static str,
    file: &'static str,
    text: &'static str,
}

const PYTHON: Source = Source {
    runtime: "python3.11",
    file: "index.py",
    text: "def handler(event, context):\n    return event\n",
};
const NODE: Source =
    Source { runtime: "nodejs20.x", file: "index.js", text: "exports.handler = async (event) => event;\n" };

pub(super) fn run(seconds: f64, only: Option<&str>) -> Result<(), Failure> {
    let wants = |name: &str| only.is_none_or(|only| name.contains(only));
    println!();
    if wants("lambda process") {
        in_processes(seconds)?;
    }
    if wants("lambda docker") && engine_answers() {
        in_containers(seconds)?;
    }
    if wants("lambda many functions") {
        many_functions(seconds)?;
    }
    if wants("lambda environments") {
        many_environments()?;
    }
    Ok(())
}

fn in_processes(seconds: f64) -> Result<(), Failure> {
    let functions = Functions { server: Server::tule()?, seconds };
    for (name, source, alone) in [
        ("Python", &PYTHON, ["python3", "-I", "-c", "pass"].as_slice()),
        ("Node", &NODE, &["node", "-e", "0"]),
    ] {
        functions.create("warm", source)?;
        functions.warm(
            &format!("{name}, process"),
            &functions.invoke("warm", "{\"a\": 1}", "1"),
            &[1, 16],
        )?;
        functions.delete("warm")?;
        let cold = functions.cold(source)?;
        let floor = median(COLD_STARTS, || timed(alone))?;
        told_cold(&format!("{name}, process"), cold, "the interpreter alone", floor);
    }
    functions.create("large", &PYTHON)?;
    let payload = json!("x".repeat(1 << 20)).to_string();
    functions.warm("Python, process, 1 MB", &functions.invoke("large", &payload, "xxx"), &[1])
}

fn in_containers(seconds: f64) -> Result<(), Failure> {
    let functions = Functions { server: Server::tule_in_docker()?, seconds };
    functions.create("warm", &PYTHON)?;
    functions.warm("Python, Docker", &functions.invoke("warm", "{\"a\": 1}", "1"), &[1, 16])?;
    functions.delete("warm")?;
    let image = "public.ecr.aws/lambda/python:3.11";
    let alone = ["docker", "run", "--rm", "--entrypoint", "/bin/true", image];
    let cold = functions.cold(&PYTHON)?;
    told_cold(
        "Python, Docker",
        cold,
        "docker run of a trivial program",
        median(COLD_STARTS, || timed(&alone))?,
    );
    Ok(())
}

/// GetFunction and a page of functions, among few and among many.
fn many_functions(seconds: f64) -> Result<(), Failure> {
    let functions = Functions { server: Server::tule()?, seconds };
    let get = functions.request("GET", "/2015-03-31/functions/f50", "").expecting("f50");
    let list = functions.request("GET", "/2015-03-31/functions?MaxItems=50", "").expecting("NextMarker");
    let mut made = 0;
    for size in [100, 10_000] {
        while made < size {
            functions.ask(&functions.creation(&format!("f{made}"), &PYTHON)?)?;
            made += 1;
        }
        let mut connection = Connection::open(&functions.server.address)?;
        let mut medians = Vec::new();
        for request in [&get, &list] {
            medians.push(median(500, || {
                let began = Instant::now();
                connection.ask(request)?;
                Ok(began.elapsed())
            })?);
        }
        let resident = functions.server.resident() / 1024;
        println!(
            "{size} functions: GetFunction {:.0} us, a page of 50 {:.0} us, {resident} MiB",
            medians[0].as_secs_f64() * 1e6,
            medians[1].as_secs_f64() * 1e6
        );
    }
    Ok(())
}

/// 200 environments of 50 functions, reused.
fn many_environments() -> Result<(), Failure> {
    const FUNCTIONS: usize = 50;
    const EACH: usize = 4;
    const INVOKES: usize = 100_000;
    let functions = Functions { server: Server::tule()?, seconds: 0.0 };
    for at in 0..FUNCTIONS {
        functions.create(&format!("f{at}"), &PYTHON)?;
    }
    let mut before = (0, 0);
    for round in [INVOKES / 10, INVOKES] {
        let began = Instant::now();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..FUNCTIONS * EACH)
                .map(|client| {
                    let functions = &functions;
                    scope.spawn(move || -> Result<(), String> {
                        let request =
                            functions.invoke(&format!("f{}", client % FUNCTIONS), "{\"a\": 1}", "1");
                        let mut connection =
                            Connection::open(&functions.server.address).map_err(|error| error.to_string())?;
                        for _ in 0..round / (FUNCTIONS * EACH) {
                            connection.ask(&request).map_err(|error| error.to_string())?;
                        }
                        Ok(())
                    })
                })
                .collect();
            clients.into_iter().try_for_each(|client| client.join().expect("no client panics"))
        })?;
        let (children, resident) = (functions.server.children(), functions.server.resident() / 1024);
        println!(
            "{round} invokes over {FUNCTIONS} functions, {EACH} clients each: {:.1} s, {children} environments, \
             {resident} MiB (before: {} and {})",
            began.elapsed().as_secs_f64(),
            before.0,
            before.1
        );
        before = (children, resident);
    }
    Ok(())
}

impl Functions {
    fn request(&self, method: &str, path: &str, body: &str) -> Request {
        Request::new(method, path, "lambda", &[], body)
    }

    fn invoke(&self, name: &str, payload: &str, expected: &str) -> Request {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.request("POST", &path, payload).expecting(expected)
    }

    fn creation(&self, name: &str, source: &Source) -> Result<Request, Failure> {
        let members = json!({
            "FunctionName": name, "Runtime": source.runtime, "Handler": "index.handler", "Role": ROLE,
            "Code": { "ZipFile": zipped(source.file, source.text)? }, "Timeout": 30
        });
        Ok(self.request("POST", "/2015-03-31/functions", &members.to_string()))
    }

    fn ask(&self, request: &Request) -> Result<Value, Failure> {
        let body = Connection::open(&self.server.address)?.ask(request)?;
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }

    /// Creates a function and waits until it can be invoked.
    fn create(&self, name: &str, source: &Source) -> Result<(), Failure> {
        self.ask(&self.creation(name, source)?)?;
        let get = self.request("GET", &format!("/2015-03-31/functions/{name}/configuration"), "");
        while self.ask(&get)?["State"] != "Active" {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        self.ask(&self.request("DELETE", &format!("/2015-03-31/functions/{name}"), "")).map(drop)
    }

    fn warm(&self, what: &str, request: &Request, clients: &[usize]) -> Result<(), Failure> {
        let (echo, bare) = (Server::echo()?, Request::get("/", ""));
        for &clients in clients {
            let found = turns::measure((&self.server, request), (&echo, &bare), clients, self.seconds)?;
            println!(
                "warm, {what}, {clients} clients: {:.0} per second ({:.2} of the echo's), p50 {:.0} us, p99 {:.0} us, \
                 Tule's CPU {:.0} us",
                found.per_second, found.of_floor, found.p50, found.p99, found.cpu
            );
        }
        Ok(())
    }

    /// The first invocation of a function that is active.
    fn cold(&self, source: &Source) -> Result<Duration, Failure> {
        let mut at = 0;
        median(COLD_STARTS, || {
            at += 1;
            let name = format!("cold-{at}");
            self.create(&name, source)?;
            let request = self.invoke(&name, "{\"a\": 1}", "1");
            let mut connection = Connection::open(&self.server.address)?;
            let began = Instant::now();
            connection.ask(&request)?;
            let took = began.elapsed();
            self.delete(&name)?;
            Ok(took)
        })
    }
}

fn told_cold(what: &str, cold: Duration, floor_is: &str, floor: Duration) {
    println!(
        "cold, {what}: {:.0} ms; {floor_is}: {:.0} ms; ratio {:.2}",
        cold.as_secs_f64() * 1e3,
        floor.as_secs_f64() * 1e3,
        cold.as_secs_f64() / floor.as_secs_f64()
    );
}

fn median(times: usize, mut measure: impl FnMut() -> Result<Duration, Failure>) -> Result<Duration, Failure> {
    let mut found = (0..times).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
    found.sort();
    Ok(found[times / 2])
}

fn timed(command: &[&str]) -> Result<Duration, Failure> {
    let mut ran = Command::new(command[0]);
    ran.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    if !ran.status()?.success() {
        return Err(format!("{} failed", command.join(" ")).into());
    }
    Ok(began.elapsed())
}

fn engine_answers() -> bool {
    timed(&["docker", "version"]).is_ok()
}
