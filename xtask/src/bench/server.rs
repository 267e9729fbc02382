//! A server under measurement: started, watched by its process id, ended.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Failure;

pub(super) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
}

impl Server {
    /// The echo.
    pub(super) fn echo() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("echo");
        Self::start(command, |line| line.starts_with("http://"))
    }

    /// A bare reverse proxy to another server.
    pub(super) fn proxy(behind: &str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["proxy", behind]);
        Self::start(command, |line| line.starts_with("http://"))
    }

    /// Tule's release binary, in memory.
    pub(super) fn tule() -> Result<Self, Failure> {
        Self::tule_over(None)
    }

    /// Tule's release binary over a data folder.
    pub(super) fn tule_over(data: Option<&Path>) -> Result<Self, Failure> {
        let mut command = tule("process");
        if let Some(folder) = data {
            command.arg("--data-dir").arg(folder);
        }
        Self::start(command, |line| line == "Ready.")
    }

    /// Tule's release binary with functions in containers.
    pub(super) fn tule_in_docker() -> Result<Self, Failure> {
        Self::start(tule("docker"), |line| line == "Ready.")
    }

    fn start(mut command: Command, is_ready: impl Fn(&str) -> bool) -> Result<Self, Failure> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut address = None;
        loop {
            let line = lines.next().ok_or("the server ended before it was ready")??;
            let found = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
            address = address.or(found.map(str::to_owned));
            if is_ready(&line) {
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address: address.ok_or("the server named no address")? })
    }

    /// User and system time so far.
    pub(super) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name in brackets may hold spaces; the fields of interest are behind it.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// Its direct children: environments of functions.
    pub(super) fn children(&self) -> usize {
        let all = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let threads = all.map(|all| all.flatten().collect::<Vec<_>>()).unwrap_or_default();
        let lists = threads.iter().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists.map(|list| list.split_whitespace().count()).sum()
    }

    /// Memory in use, in KiB.
    pub(super) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, so that it removes its containers.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tule(executor: &str) -> Command {
    let mut command = Command::new(crate::root().join("target/release/tule"));
    command.args(["start", "--port", "0", "--executor", executor]);
    command
}

/// From the start of the process to its first answer.
pub(super) fn spawn_to_answer() -> Result<Duration, Failure> {
    let began = Instant::now();
    let server = Server::tule()?;
    let mut connection = super::load::Connection::open(&server.address)?;
    connection.ask(&super::load::Request::get("/_tule/health", ""))?;
    Ok(began.elapsed())
}
