//! Functions on other people's frameworks, in both executors, through REST APIs, HTTP APIs and function URLs, and given
//! events as AWS's tools make them.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Cursor, Write as _},
    net::TcpListener,
    process::{Command, Stdio},
    time::Instant,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e::{Tule, has_docker, root, skip_or_fail};
use serde_json::{Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// What curl got; bodies may be bytes.
struct Got {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Got {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.headers, self.text()))
    }

    fn has(&self, header: &str) -> bool {
        self.headers.lines().any(|line| line.to_lowercase().starts_with(header))
    }
}

fn curl(url: &str, arguments: &[&str]) -> Got {
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--globoff", "--max-time", "60", "--dump-header"])
        .arg(&headers)
        .args(arguments)
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "curl {url}: {}", String::from_utf8_lossy(&output.stderr));
    let headers = String::from_utf8_lossy(&fs::read(headers).unwrap()).into_owned();
    // An interim answer has a head of its own.
    let head = headers.trim_end().rsplit("\r\n\r\n").next().unwrap().to_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, headers: head, body: output.stdout }
}

/// The shelf as each framework must serve it, below a URL. `what` names it where it does not.
fn walk_shelf(what: &str, url: &str) {
    // Named here, so that a failure's output says which framework it is of.
    println!("{what}");
    // A REST API's event has the path as it was sent, and Powertools decodes nothing.
    let id = if what == "Powertools by REST" { "a%20b" } else { "a b" };
    let got = curl(&format!("{url}/items/a%20b?tag=x&tag=y%26z"), &["--header", "x-client: curl"]);
    let expected = json!({ "id": id, "tags": ["x", "y&z"], "client": "curl" });
    assert_eq!((got.status, got.json()), (200, expected), "{what}");
    let got = curl(&format!("{url}/items/plain"), &[]);
    assert_eq!(
        (got.status, got.json()),
        (200, json!({ "id": "plain", "tags": [], "client": null })),
        "{what}"
    );

    let item = json!({ "name": "Grüße 🍵" }).to_string();
    let got = curl(
        &format!("{url}/items"),
        &["--header", "content-type: application/json", "--data-binary", &item],
    );
    assert_eq!((got.status, got.json()), (201, json!({ "name": "Grüße 🍵", "made": true })), "{what}");
    let both = got.has("set-cookie: a=1") && got.has("set-cookie: b=2");
    assert!(both, "{what}: {}", got.headers);

    let bytes: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    let data = format!("@{}", file.path().display());
    let octets = "application/octet-stream";
    let got = curl(
        &format!("{url}/bytes"),
        &[
            "--header",
            &format!("content-type: {octets}"),
            "--header",
            &format!("accept: {octets}"),
            "--data-binary",
            &data,
        ],
    );
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    assert!(got.status == 200 && got.body == reversed, "{what}: {} {}", got.headers, got.body.len());

    let got = curl(&format!("{url}/teapot"), &[]);
    assert_eq!((got.status, got.text().as_str()), (418, "short and stout"), "{what}");
    assert!(got.has("content-type: text/plain"), "{what}: {}", got.headers);
    assert_eq!(curl(&format!("{url}/nowhere"), &[]).status, 404, "{what}");
}

/// A function URL of a function; it has no slash at its end.
fn function_url(tule: &Tule, function: &str, mode: &str) -> String {
    let policy = format!("/2015-03-31/functions/{function}/policy");
    for (id, action, more) in [
        ("url", "lambda:InvokeFunctionUrl", json!({ "FunctionUrlAuthType": "NONE" })),
        ("invoke", "lambda:InvokeFunction", json!({ "InvokedViaFunctionUrl": true })),
    ] {
        let mut statement = json!({ "StatementId": id, "Action": action, "Principal": "*" });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tule.lambda("POST", &policy, &statement);
    }
    let path = format!("/2021-10-31/functions/{function}/url");
    let made = tule.lambda("POST", &path, &json!({ "AuthType": "NONE", "InvokeMode": mode }));
    made["FunctionUrl"].as_str().unwrap().trim_end_matches('/').to_owned()
}

/// The two lines that a function streams a second apart: the first must be here well before the second.
fn reads_as_it_comes(url: &str) {
    let mut curl = Command::new("curl")
        .args(["--silent", "--no-buffer", "--max-time", "60", url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    let first = Instant::now();
    assert_eq!(lines.next().unwrap().unwrap(), "two");
    assert!(first.elapsed().as_millis() > 500, "the answer came at once, after {:?}", first.elapsed());
    assert!(lines.next().is_none() && curl.wait().unwrap().success());
}

/// The URLs of the template's REST API, which is told which bodies are bytes, and of its HTTP API.
fn doors(tule: &Tule) -> (String, String) {
    let prefix = |url: String| {
        let names = [
            "/fastapi",
            "/powertools",
            "/apollo",
            "/express",
            "/codegenie",
            "/fastify",
            "/hono",
            "/middy",
            "/rust-http",
            "/web-express",
        ];
        let end = names.iter().filter_map(|name| url.find(name)).min().unwrap_or(url.len());
        url[..end].trim_end_matches('/').to_owned()
    };
    let apis = tule.request("GET", "/restapis", &[("authorization", API_GATEWAY)], "").value();
    let id = apis["item"][0]["id"].as_str().unwrap();
    let change = json!({ "patchOperations": [{ "op": "add", "path": "/binaryMediaTypes/application~1octet-stream" }] });
    for (method, path, body) in [
        ("PATCH", format!("/restapis/{id}"), change),
        ("POST", format!("/restapis/{id}/deployments"), json!({ "stageName": "Prod" })),
    ] {
        let headers = [("authorization", API_GATEWAY), ("content-type", "application/json")];
        let answer = tule.request(method, &path, &headers, &body.to_string());
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
    }
    (prefix(tule.said_url(&["REST"])), prefix(tule.said_url(&["HTTP"])))
}

const API_GATEWAY: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/apigateway/aws4_request, SignedHeaders=h, Signature=0";

/// Frameworks that are the same function behind every kind of door.
fn walk_frameworks(tule: &Tule, doors: &(String, String)) {
    let (rest, http) = doors;
    for (path, function) in [
        ("fastapi", "FastApi"),
        ("express", "Express"),
        ("codegenie", "Codegenie"),
        ("fastify", "Fastify"),
        ("hono", "Hono"),
    ] {
        let url = function_url(tule, &format!("workloads-{function}"), "BUFFERED");
        for (door, base) in [("REST", rest), ("HTTP", http), ("URL", &url)] {
            walk_shelf(&format!("{function} by {door}"), &format!("{base}/{path}"));
        }
    }
    for (door, base) in [("REST", rest), ("HTTP", http)] {
        walk_shelf(&format!("Powertools by {door}"), &format!("{base}/powertools"));
    }
    let url = function_url(tule, "workloads-HonoStream", "RESPONSE_STREAM");
    walk_shelf("Hono, streamed", &format!("{url}/hono"));
    reads_as_it_comes(&format!("{url}/hono/slowly"));
}

fn walk_graphql(doors: &(String, String)) {
    let (rest, http) = doors;
    for base in [rest, http] {
        let ask = |query: &str, arguments: &[&str]| {
            let body = json!({ "query": query, "variables": { "id": "a b" } }).to_string();
            let head = ["--header", "content-type: application/json", "--data", &body];
            curl(&format!("{base}/apollo"), &[&head, arguments].concat())
        };
        let query = "query($id: ID!) { item(id: $id, tags: [\"x\"]) { id tags client } }";
        let got = ask(query, &["--header", "x-client: curl"]).json();
        assert_eq!(
            got,
            json!({ "data": { "item": { "id": "a b", "tags": ["x"], "client": "curl" } } }),
            "{base}"
        );
        let got = ask("mutation { make(name: \"x\") { id } }", &[]).json();
        assert_eq!(got["errors"][0]["message"], "the shelf is full", "{got}");
        assert_eq!(ask("{ nonsense }", &[]).status, 400);
        // A query in the URL, as caches like it.
        let url = format!("{base}/apollo?query=%7Bitem(id:%221%22)%7Bid%7D%7D");
        let got = curl(&url, &["--header", "apollo-require-preflight: true"]);
        assert_eq!(got.json(), json!({ "data": { "item": { "id": "1" } } }));
    }
}

fn walk_middy(doors: &(String, String)) {
    let (rest, http) = doors;
    for base in [rest, http] {
        let order = |body: &str| {
            let arguments = ["--header", "content-type: application/json", "--data", body];
            curl(&format!("{base}/middy/orders"), &arguments)
        };
        let got = order(r#"{"total": 3}"#);
        assert_eq!((got.status, got.json()), (201, json!({ "total": 3, "made": true })), "{base}");
        assert!(got.has("x-left: true"), "{}", got.headers);
        let got = order(r#"{"total": -1}"#);
        assert_eq!((got.status, got.text().as_str()), (422, "an order costs something"));
        assert_eq!(order("{").status, 422, "no JSON");
        let got =
            curl(&format!("{base}/middy/orders"), &["--header", "content-type: text/plain", "--data", "x"]);
        assert_eq!(got.status, 415);
    }
}

/// The log of a function, as the client of logs reads it.
fn log(tule: &Tule, function: &str) -> Vec<String> {
    let members = json!({ "logGroupName": format!("/aws/lambda/{function}") });
    let answer = tule.json("logs", "Logs_20140328.FilterLogEvents", &members);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let events = answer.value()["events"].as_array().unwrap().clone();
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

fn walk_powertools(tule: &Tule) {
    let written: Vec<Value> = log(tule, "workloads-PowertoolsRest")
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let made = written.iter().find(|line| line["message"] == "made").unwrap();
    assert_eq!((&made["service"], &made["item"]), (&json!("shelf"), &json!("Grüße 🍵")), "{made}");
    assert_eq!(made["function_name"], "workloads-PowertoolsRest");
    assert!(made["correlation_id"].is_string() && made["cold_start"].is_boolean(), "{made}");
    let metric = written.iter().find(|line| line["_aws"].is_object()).unwrap();
    assert_eq!(metric["Made"], json!([1.0]), "{metric}");

    let queue = tule.json("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": "shelf" })).value();
    let queue = queue["QueueUrl"].as_str().unwrap();
    let attributes = json!({ "QueueUrl": queue, "Attributes": { "VisibilityTimeout": "20" } });
    assert_eq!(tule.json("sqs", "AmazonSQS.SetQueueAttributes", &attributes).status, 200);
    let mapping = json!({
        "FunctionName": "workloads-PowertoolsBatch", "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:shelf",
        "FunctionResponseTypes": ["ReportBatchItemFailures"]
    });
    for (bad, id) in [(false, "a"), (true, "b"), (false, "c")] {
        let message =
            json!({ "QueueUrl": queue, "MessageBody": json!({ "bad": bad, "id": id }).to_string() });
        assert_eq!(tule.json("sqs", "AmazonSQS.SendMessage", &message).status, 200);
    }
    tule.lambda("POST", "/2015-03-31/event-source-mappings", &mapping);
    // The good ones are gone, and the bad one waits until it is visible again.
    let asked = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
    e2e::wait_for("the bad message alone", || {
        let told = tule.json("sqs", "AmazonSQS.GetQueueAttributes", &asked).value();
        let count = |name: &str| told["Attributes"][name].as_str().unwrap().to_owned();
        let left = (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"));
        (left == ("0".to_owned(), "1".to_owned())).then_some(())
    });
}

const KINDS: [&str; 9] = ["alb", "rest", "http", "dynamodb", "eventbridge", "kinesis", "s3", "sns", "sqs"];

/// What Powertools' models refuse of them: a version is missing, `EXAMPLE` is no URL, a body is missing.
const STRICT: [(&str, &str); 3] = [("sam", "eventbridge"), ("sam", "sns"), ("aws_lambda_events", "alb")];

fn event(from: &str, kind: &str) -> Value {
    let path = root().join("fixtures/workloads/events").join(from).join(format!("{kind}.json"));
    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()
}

/// Where `kept` has another value than the event it was read from; what one of both leaves out does not count.
fn differences(event: &Value, kept: &Value, at: &str, found: &mut Vec<String>) {
    match (event, kept) {
        (Value::Object(event), Value::Object(kept)) => {
            for (name, value) in event {
                if let Some(other) = kept.get(name) {
                    differences(value, other, &format!("{at}.{name}"), found);
                }
            }
        }
        (Value::Array(event), Value::Array(kept)) if event.len() == kept.len() => {
            for (value, other) in event.iter().zip(kept) {
                differences(value, other, at, found);
            }
        }
        (Value::String(_) | Value::Number(_) | Value::Null, _) | (_, Value::Null) => {}
        (event, kept) if event == kept => {}
        (event, kept) => found.push(format!("{at}: {event} is {kept}")),
    }
}

/// Events that AWS's tools make are read by a function's types of events.
fn walk_events(tule: &Tule, parser: &str) {
    for from in ["sam", "aws_lambda_events"] {
        for kind in KINDS {
            let event = event(from, kind);
            let kept = tule.invoke(parser, &json!({ "kind": kind, "event": event }));
            if parser != "rust-Parse" && STRICT.contains(&(from, kind)) {
                assert_eq!(kept.unwrap_err()["errorType"], "ValidationError", "{from}/{kind}");
                continue;
            }
            let kept = kept.unwrap_or_else(|error| panic!("{parser} cannot read {from}/{kind}: {error}"));
            let records = |event: &Value| event["Records"].as_array().map(Vec::len);
            assert!(kept.is_object() && records(&kept) == records(&event), "{from}/{kind}: {kept}");
            // Powertools makes plain values of what is encoded; the crate's types keep an event's shape.
            if parser == "rust-Parse" {
                let mut found = Vec::new();
                differences(&event, &kept, "", &mut found);
                assert!(found.is_empty(), "{from}/{kind}: {found:?}");
            }
        }
    }
}

/// The same events, given to the adapters that know them.
fn walk_adapters_by_events(tule: &Tule) {
    for (function, prefix) in
        [("FastApi", "fastapi"), ("Express", "express"), ("Hono", "hono"), ("Fastify", "fastify")]
    {
        for kind in ["rest", "http", "alb"] {
            if function == "Fastify" && kind == "alb" {
                continue;
            }
            let mut event = event("sam", kind);
            let path = json!(format!("/{prefix}/teapot"));
            for (name, value) in [("path", &path), ("rawPath", &path), ("httpMethod", &json!("GET"))] {
                if event[name].is_string() {
                    event[name] = value.clone();
                }
            }
            event["body"] = Value::Null;
            event["isBase64Encoded"] = json!(false);
            if event["requestContext"]["http"].is_object() {
                event["requestContext"]["http"]["method"] = json!("GET");
                event["requestContext"]["http"]["path"] = path;
            }
            let answer = tule.invoke(&format!("workloads-{function}"), &event).unwrap();
            assert_eq!(answer["statusCode"], 418, "{function}, {kind}: {answer}");
            assert_eq!(answer["body"], "short and stout", "{function}, {kind}");
        }
    }
}

/// The Lambda Web Adapter as a layer: an extension, and the program that starts the web server in the runtime's place.
fn adapter_layer(tule: &Tule, adapter: &[u8]) -> String {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let wrapper = b"#!/bin/bash\nexec -- \"${LAMBDA_TASK_ROOT}/${_HANDLER}\"\n";
    for (name, content) in [("extensions/lambda-adapter", adapter), ("bootstrap", wrapper)] {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options.unix_permissions(0o755)).unwrap();
        zip.write_all(content).unwrap();
    }
    let zip = BASE64_STANDARD.encode(zip.finish().unwrap().into_inner());
    let members = json!({ "Content": { "ZipFile": zip } });
    let made = tule.lambda("POST", "/2018-10-31/layers/web-adapter/versions", &members);
    made["LayerVersionArn"].as_str().unwrap().to_owned()
}

/// Ordinary web servers, which the Lambda Web Adapter asks.
fn walk_web_servers(tule: &Tule, doors: &(String, String)) {
    let Ok(adapter) = fs::read(root().join("target/workloads/adapter/lambda-adapter")) else {
        return skip_or_fail("the Lambda Web Adapter is not built; `cargo xtask test` does that");
    };
    let layer = adapter_layer(tule, &adapter);
    // Environments in local processes share this machine's ports.
    let set_up = |function: &str, mode: &str| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let variables = json!({
            "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap", "AWS_LWA_PORT": port.to_string(),
            "AWS_LWA_READINESS_CHECK_PROTOCOL": "tcp", "AWS_LWA_INVOKE_MODE": mode
        });
        let members = json!({ "Layers": [layer], "Environment": { "Variables": variables } });
        tule.lambda("PUT", &format!("/2015-03-31/functions/{function}/configuration"), &members);
    };
    set_up("workloads-WebExpress", "buffered");
    let url = function_url(tule, "workloads-WebExpress", "BUFFERED");
    for (door, base) in [("REST", &doors.0), ("HTTP", &doors.1), ("URL", &url)] {
        walk_shelf(&format!("the web adapter by {door}"), &format!("{base}/web-express"));
    }

    set_up("workloads-WebPython", "buffered");
    let url = function_url(tule, "workloads-WebPython", "BUFFERED");
    let got = curl(&format!("{url}/a%20b?c=d"), &["--header", "x-client: curl"]).json();
    assert_eq!(got, json!({ "path": "/a%20b?c=d", "client": "curl" }));
    // Events that are no HTTP requests come by a path of their own.
    let event = json!({ "Records": [{ "eventSource": "aws:sqs", "body": "x" }] });
    let got = tule.invoke("workloads-WebPython", &event).unwrap();
    assert_eq!(got["Records"][0]["body"], "x", "{got}");

    set_up("workloads-WebExpress", "response_stream");
    let path = "/2021-10-31/functions/workloads-WebExpress/url";
    tule.lambda("PUT", path, &json!({ "InvokeMode": "RESPONSE_STREAM" }));
    let url = tule.lambda("GET", path, &json!({}))["FunctionUrl"].as_str().unwrap().to_owned();
    walk_shelf("the web adapter, streamed", &format!("{}web-express", url));
    reads_as_it_comes(&format!("{url}slowly"));
}

fn walk(executor: &str) {
    let tule = Tule::up(&root().join("fixtures/workloads"), &["--executor", executor]);
    assert!(!tule.said.contains("failed"), "{}", tule.said);
    let doors = doors(&tule);
    walk_frameworks(&tule, &doors);
    walk_graphql(&doors);
    walk_middy(&doors);
    walk_powertools(&tule);
    walk_events(&tule, "workloads-PowertoolsParser");
    walk_adapters_by_events(&tule);
    walk_web_servers(&tule, &doors);
}

#[test]
fn frameworks_run_in_local_processes() {
    walk("process");
}

#[test]
fn frameworks_run_in_containers() {
    if has_docker() {
        walk("docker");
    }
}

/// Three frameworks behind a REST API and behind HTTP APIs of both payload formats.
fn up_doors() -> (Tule, [(&'static str, String); 3]) {
    let tule = Tule::up(&root().join("fixtures/workloads/doors.yaml"), &["--executor", "process"]);
    let doors = ["rest", "older", "newer"]
        .map(|name| (name, tule.said_url(&[&format!("  {name} ")]).trim_end_matches('/').to_owned()));
    (tule, doors)
}

#[test]
fn frameworks_take_every_format_of_events() {
    let (_tule, doors) = up_doors();
    for (door, base) in &doors {
        walk_shelf(&format!("FastAPI by {door}"), &format!("{base}/fastapi"));
        walk_shelf(&format!("Express by {door}"), &format!("{base}/express"));
    }
    let [(_, rest), (_, older), (_, newer)] = doors;
    walk_graphql(&(rest, older.clone()));
    walk_graphql(&(older, newer));
}

/// A page asks each framework through one door; every request but the last has a preflight that is answered for it.
#[cfg(unix)]
const PAGE: &str = r#"<!doctype html><script>
const json = {'content-type': 'application/json', 'x-client': 'page'};
async function tried(path, options) {
  try { const answer = await fetch('DOOR' + path, options); return {status: answer.status, body: await answer.json()}; }
  catch (error) { return 'blocked'; }
}
(async () => {
  const item = {method: 'POST', headers: json, body: JSON.stringify({name: 'tea'})};
  const query = '{ item(id: "7", tags: ["x"]) { id tags client } }';
  const said = {};
  for (const path of ['fastapi', 'express']) {
    said[path] = [
      await tried(`/${path}/items/a%20b?tag=x&tag=y`, {headers: json}),
      await tried(`/${path}/items`, item),
      await tried(`/${path}/items/1`, {headers: {'x-unlisted': '1'}}),
    ];
  }
  said.apollo = await tried('/apollo', {method: 'POST', headers: json, body: JSON.stringify({query})});
  said.simple = await tried('/express/items/plain');
  fetch('/said', {method: 'POST', body: JSON.stringify(said)});
})();
</script>"#;

#[cfg(unix)]
#[test]
fn pages_reach_frameworks_through_every_door() {
    let (tule, doors) = up_doors();
    for (door, base) in &doors {
        let page = PAGE.replace("DOOR", base);
        let Some(said) = e2e::browser::visit(&tule, &page, "http://page.example/page") else { return };
        let read = json!({ "id": "a b", "tags": ["x", "y"], "client": "page" });
        let expected = json!([
            { "status": 200, "body": read },
            { "status": 201, "body": { "name": "tea", "made": true } },
            "blocked",
        ]);
        assert_eq!(said["fastapi"], expected, "FastAPI by {door}");
        assert_eq!(said["express"], expected, "Express by {door}");
        let item = json!({ "id": "7", "tags": ["x"], "client": "page" });
        assert_eq!(said["apollo"], json!({ "status": 200, "body": { "data": { "item": item } } }), "{door}");
        assert_eq!(said["simple"]["status"], 200, "{door}");
        // The same page of another origin is let in nowhere.
        let Some(said) = e2e::browser::visit(&tule, &page, "http://other.example/page") else { return };
        let blocked = json!(["blocked", "blocked", "blocked"]);
        assert_eq!((&said["fastapi"], &said["express"]), (&blocked, &blocked), "{door}");
        assert_eq!(json!([said["apollo"], said["simple"]]), json!(["blocked", "blocked"]), "{door}");
    }
}

/// Whether `cargo xtask test` could build the functions in Rust.
fn are_built() -> bool {
    let built = root().join("target/workloads/functions/bootstrap").is_file();
    if !built {
        skip_or_fail("the functions in Rust are not built");
    }
    built
}

fn walk_rust(executor: &str) {
    let tule = Tule::up(&root().join("fixtures/workloads/rust"), &["--executor", executor]);
    let (rest, http) = &doors(&tule);
    let url = function_url(&tule, "rust-Shelf", "BUFFERED");
    for (door, base) in [("REST", rest), ("HTTP", http), ("URL", &url)] {
        walk_shelf(&format!("lambda_http by {door}"), &format!("{base}/rust-http"));
    }
    reads_as_it_comes(&function_url(&tule, "rust-Stream", "RESPONSE_STREAM"));
    walk_events(&tule, "rust-Parse");
    let error = tule.invoke("rust-Parse", &json!({ "kind": "none" })).unwrap_err();
    assert_eq!(error["errorMessage"], "there is no kind none", "{error}");
}

#[test]
fn functions_in_rust_run_in_local_processes() {
    if are_built() {
        walk_rust("process");
    }
}

#[test]
fn functions_in_rust_run_in_containers() {
    if are_built() && has_docker() {
        walk_rust("docker");
    }
}
