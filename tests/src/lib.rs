//! What the end-to-end tests share: a Tule of their own, a bare HTTP client, the clients' tools.
//!
//! Every test starts the real binary on a free port and talks to it from outside. The binary and the tools are made
//! ready by `cargo xtask test`; a missing tool is a failure when `CI=true`, and else a skip that says so.

#[cfg(unix)]
pub mod browser;
pub mod certificates;
pub mod dynamodb;
pub mod fake;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long anything here may take before the test says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A running Tule, killed with the test.
pub struct Tule {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// What it printed before it was ready.
    pub said: String,
}

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The binary under test: `TULE_BIN`, else beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TULE_BIN") {
        return path.into();
    }
    let here = std::env::current_exe().expect("a test knows where it is");
    let target = here.ancestors().nth(2).expect("tests are two folders below their profile's");
    let path = target.join("tule");
    assert!(path.is_file(), "{} is not built; run the tests by `cargo xtask test`", path.display());
    path
}

impl Tule {
    /// `tule start` with these arguments, on a free port.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(&[&["start", "--port", "0"], arguments].concat())
    }

    /// `tule up PATH` with these arguments, on a free port.
    pub fn up(path: &Path, arguments: &[&str]) -> Self {
        let path = path.to_str().expect("the fixtures' paths are text");
        Self::run(&[&["up", path, "--port", "0"], arguments].concat())
    }

    fn run(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments);
        Self::spawn(command)
    }

    /// `tule start` with these arguments and variables, on a free port.
    pub fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["start", "--port", "0"]).args(arguments).envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// `tule start` as a shell starts it after `before`, which may set limits or change the folder.
    pub fn start_after(before: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        let script = format!("{before} && exec \"$0\" start --port 0 \"$@\"");
        command.arg("-c").arg(script).arg(binary()).args(arguments);
        Self::spawn(command)
    }

    /// What a command starts that runs `tule start --port 0`.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("tule starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let mut said = String::new();
        let began = Instant::now();
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("tule ended before it was ready, having said:\n{said}")
            };
            if line == "Ready." {
                break;
            }
            said.push_str(&line);
            said.push('\n');
            assert!(began.elapsed() < PATIENCE * 4, "tule does not get ready");
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = said.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = address.expect("tule says where it listens").to_owned();
        Self { child, address, said }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends raw bytes, and gives what comes back until the connection closes.
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        // A refusal may come before all is sent; what it says is what counts.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request over HTTP/1.0, so that the body is what follows the headers.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        Answer::parse(&self.raw(request.as_bytes()))
    }

    /// An operation of a JSON service.
    pub fn json(&self, service: &str, target: &str, members: &Value) -> Answer {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h, Signature=0"
        );
        let headers = [
            ("authorization", scope.as_str()),
            ("x-amz-target", target),
            ("content-type", "application/x-amz-json-1.0"),
        ];
        self.request("POST", "/", &headers, &members.to_string())
    }

    /// An operation of Lambda by its path, whatever comes of it.
    pub fn ask_lambda(&self, method: &str, path: &str, body: &str) -> Answer {
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=h, Signature=0";
        self.request(method, path, &[("authorization", scope)], body)
    }

    /// An operation of Lambda that must succeed.
    pub fn lambda(&self, method: &str, path: &str, members: &Value) -> Value {
        let answer = self.ask_lambda(method, path, &members.to_string());
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.value() }
    }

    /// Invokes a function; `Err` has the payload of a function's error.
    pub fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Value> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.ask_lambda("POST", &path, &payload.to_string());
        assert_eq!(answer.status, 200, "{function}: {}", answer.body);
        if answer.headers.contains("x-amz-function-error") { Err(answer.value()) } else { Ok(answer.value()) }
    }

    /// An operation of Step Functions that must succeed.
    pub fn states(&self, operation: &str, members: &Value) -> Value {
        let answer = self.json("states", &format!("AWSStepFunctions.{operation}"), members);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        answer.value()
    }

    /// The URL of an API's route, from the summary: the first line that holds all of `parts`.
    pub fn said_url(&self, parts: &[&str]) -> String {
        self.said_url_of("http", parts)
    }

    /// The same, of this scheme.
    pub fn said_url_of(&self, scheme: &str, parts: &[&str]) -> String {
        let begin = format!("{scheme}://");
        let line = self
            .said
            .lines()
            .find(|line| line.contains(&begin) && parts.iter().all(|part| line.contains(part)));
        let line = line.unwrap_or_else(|| panic!("the summary names no URL with {parts:?}:\n{}", self.said));
        let at = line.find(&begin).expect("just found");
        line[at..].split_whitespace().next().expect("just found").to_owned()
    }
}

impl Drop for Tule {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// 200.
    pub status: u16,
    /// All header lines, in lower case.
    pub headers: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// From the bytes of a connection.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, headers: head.to_lowercase(), body: body.to_owned() }
    }

    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Asks until the answer is there.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a client's program against a Tule and gives its output; `None` where the tool is missing and may be.
pub fn client(tule: &Tule, program: &str, arguments: &[&str]) -> Option<String> {
    let tools = root().join("target/clients");
    let path = match program {
        "python" => tools.join("python/bin/python"),
        "aws" => tools.join("python/bin/aws"),
        // Debian's package; other systems have it elsewhere, and their tests do without.
        "aws2" => PathBuf::from("/usr/bin/aws"),
        other => PathBuf::from(other),
    };
    let output = Command::new(&path)
        .args(arguments)
        .current_dir(root().join("tests/clients"))
        .env("AWS_ENDPOINT_URL", tule.endpoint())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_PAGER", "")
        .env("NODE_PATH", tools.join("node/node_modules"))
        .env("TULE_TEST_MODULES", tools.join("node/node_modules"))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            skip_or_fail(&format!("{} cannot be run ({error})", path.display()));
            return None;
        }
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?} failed\n{out}\n{err}");
    Some(out.into_owned())
}

/// Runs one of Tule's own commands against a running Tule.
pub fn command(tule: &Tule, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(binary());
    command.args(arguments).env("AWS_ENDPOINT_URL", tule.endpoint()).env("TULE_ENDPOINT", tule.endpoint());
    command.env("AWS_REGION", "us-east-1").output().expect("tule runs")
}

/// A missing tool or engine: a failure in CI, elsewhere a skip that is told.
#[expect(clippy::print_stderr, reason = "a skipped test says so where the runner shows it")]
pub fn skip_or_fail(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether a Docker engine answers; where none does the test is skipped, but fails in CI.
pub fn has_docker() -> bool {
    let answers = Command::new("docker").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if answers.is_ok_and(|status| status.success()) {
        return true;
    }
    skip_or_fail("no Docker engine answers");
    false
}
