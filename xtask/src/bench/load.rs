//! A closed loop of clients over kept-alive connections, bounded by time; every answer is checked.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::Failure;

/// A request made once and sent many times, with what its answer must hold.
#[derive(Clone)]
pub(super) struct Request {
    bytes: Vec<u8>,
    expected: String,
}

impl Request {
    pub(super) fn get(path: &str, service: &str) -> Self {
        Self::new("GET", path, service, &[], "")
    }

    pub(super) fn new(method: &str, path: &str, service: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n", body.len());
        if !service.is_empty() {
            let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
            text.push_str(&format!(
                "authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n"
            ));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Self { bytes: text.into_bytes(), expected: String::new() }
    }

    /// An operation of Step Functions.
    pub(super) fn states(operation: &str, members: &serde_json::Value) -> Self {
        let target = format!("AWSStepFunctions.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
        Self::new("POST", "/", "states", &headers, &members.to_string())
    }

    /// The same, with what its answer must hold.
    pub(super) fn expecting(mut self, expected: &str) -> Self {
        expected.clone_into(&mut self.expected);
        self
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends and reads one answer; anything but a success that holds what is expected is a failure.
    pub(super) fn ask(&mut self, request: &Request) -> Result<String, Failure> {
        self.stream.write_all(&request.bytes)?;
        self.buffer.clear();
        let mut chunk = [0; 64 << 10];
        loop {
            let length = self.stream.read(&mut chunk)?;
            if length == 0 {
                return Err("the connection closed".into());
            }
            self.buffer.extend_from_slice(&chunk[..length]);
            if let Some(end) = self.whole()? {
                let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                let status: u16 = text.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                if !(200..300).contains(&status) || !body.contains(&request.expected) {
                    return Err(format!("a wrong answer ({status}): {}", &body[..body.len().min(300)]).into());
                }
                return Ok(body.to_owned());
            }
        }
    }

    /// The length of the answer, once it has all come.
    fn whole(&self) -> Result<Option<usize>, Failure> {
        let Some(head) = self.buffer.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(None) };
        let lines = String::from_utf8_lossy(&self.buffer[..head]).to_lowercase();
        if lines.contains("transfer-encoding: chunked") {
            return Ok(self.buffer.ends_with(b"0\r\n\r\n").then_some(self.buffer.len()));
        }
        let length = lines.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.unwrap_or("0").trim().parse()?;
        let end = head + 4 + length;
        Ok((self.buffer.len() >= end).then_some(end))
    }
}

/// What a load came to.
pub(super) struct Outcome {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) p50: f64,
    /// Microseconds.
    pub(super) p99: f64,
}

/// `clients` connections ask for `seconds`, each as soon as it has its answer.
pub(super) fn run(
    address: &str,
    request: &Request,
    clients: usize,
    seconds: f64,
) -> Result<Outcome, Failure> {
    let latencies = Mutex::new(Vec::new());
    let failure = Mutex::new(None);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let done = client(address, request, end);
                match done {
                    Ok(mut own) => latencies.lock().expect("no client panics").append(&mut own),
                    Err(error) => *failure.lock().expect("no client panics") = Some(error.to_string()),
                }
            });
        }
    });
    let elapsed = began.elapsed().as_secs_f64();
    if let Some(failure) = failure.into_inner()? {
        return Err(failure.into());
    }
    let mut latencies = latencies.into_inner()?;
    latencies.sort_unstable();
    let requests = latencies.len() as u64;
    let at = |percent: usize| {
        latencies.get(latencies.len() * percent / 100).copied().map(f64::from).unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below the limit")]
    let per_second = requests as f64 / elapsed;
    Ok(Outcome { requests, per_second, p50: at(50), p99: at(99) })
}

fn client(address: &str, request: &Request, end: Instant) -> Result<Vec<u32>, Failure> {
    let mut connection = Connection::open(address)?;
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        connection.ask(request)?;
        latencies.push(u32::try_from(sent.elapsed().as_micros())?);
    }
    Ok(latencies)
}
