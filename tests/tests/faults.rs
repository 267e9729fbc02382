//! What goes wrong around functions: containers and engines that go away, floods of logs, a full disk, evil archives.
//! Nothing hangs, nothing is left behind, and other functions go on.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![cfg(unix)]

use std::{
    io::{self, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Answer, Tule, has_docker, skip_or_fail, wait_for};
use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

/// Sleeps, floods its log, or answers, as it is told.
const SOURCE: &str = "import sys, time\n\
def handler(event, context):\n\
\x20   if event == 'sleep':\n        print('begun', flush=True)\n        time.sleep(50)\n\
\x20   if event == 'flood':\n        for _ in range(100):\n            sys.stdout.write(('x' * 1023 + '\\n') * 1024)\n\
\x20   return event\n";

fn archive(write: impl FnOnce(&mut ZipWriter<io::Cursor<Vec<u8>>>)) -> String {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    write(&mut zip);
    STANDARD.encode(zip.finish().unwrap().into_inner())
}

fn of_file(name: &str, content: &[u8]) -> String {
    archive(|zip| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    })
}

fn create(tule: &Tule, name: &str, zip: &str) -> Answer {
    let members = json!({
        "FunctionName": name, "Runtime": "python3.11", "Handler": "index.handler", "Timeout": 60, "MemorySize": 256,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": zip }
    });
    tule.ask_lambda("POST", "/2015-03-31/functions", &members.to_string())
}

fn create_both(tule: &Tule) {
    for name in ["victim", "other"] {
        let made = create(tule, name, &of_file("index.py", SOURCE.as_bytes()));
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(tule.invoke(name, &json!("ready")), Ok(json!("ready")));
    }
}

fn has_begun(tule: &Tule) {
    let members = json!({ "logGroupName": "/aws/lambda/victim", "filterPattern": "begun" });
    wait_for("the handler to begin", || {
        let answer = tule.json("logs", "Logs_20140328.FilterLogEvents", &members);
        answer.body.contains("begun").then_some(())
    });
}

/// What of a Tule's is in the engine: containers or volumes.
fn left(what: &str, pid: u32) -> Vec<String> {
    let label = format!("label=dev.tule.pid={pid}");
    let mut command = Command::new("docker");
    command.args([what, "ls", "--quiet", "--filter", &label]);
    if what == "container" {
        command.args(["--all", "--no-trunc"]);
    }
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Ends a Tule politely; nothing of it may stay in the engine.
fn end(tule: Tule) {
    let pid = tule.pid();
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    wait_for("its containers to go", || left("container", pid).is_empty().then_some(()));
    wait_for("its volumes to go", || left("volume", pid).is_empty().then_some(()));
    drop(tule);
}

#[test]
fn a_container_that_is_killed_ends_its_invocation_and_nothing_else() {
    if !has_docker() {
        return;
    }
    let tule = Tule::start(&["--executor", "docker"]);
    create_both(&tule);
    std::thread::scope(|scope| {
        let began = Instant::now();
        let asked = scope.spawn(|| tule.invoke("victim", &json!("sleep")));
        has_begun(&tule);
        for container in left("container", tule.pid()) {
            let format = ["inspect", "--format", "{{.Config.Env}}", &container];
            let told = Command::new("docker").args(format).output().unwrap();
            let names = String::from_utf8_lossy(&told.stdout).into_owned();
            if names.contains("victim") || !names.contains("AWS_LAMBDA_FUNCTION_NAME=other") {
                let _ = Command::new("docker").args(["kill", &container]).output();
            }
        }
        let error = asked.join().unwrap().unwrap_err();
        assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    });
    assert_eq!(tule.invoke("other", &json!(1)), Ok(json!(1)));
    assert_eq!(tule.invoke("victim", &json!(2)), Ok(json!(2)));
    end(tule);
}

/// Starts processes that outlive their parent, and ends as it is told.
const LEAKS: &str = "import ctypes, os, subprocess, sys\n\
def handler(event, context):\n\
\x20   for _ in range(3):\n        subprocess.Popen(['sleep', '7351'], start_new_session=True)\n\
\x20   if event == 'segfault':\n        ctypes.string_at(0)\n\
\x20   if event == 'exit':\n        os._exit(3)\n\
\x20   return event\n";

/// Processes that functions of [`LEAKS`] have started.
fn leaked() -> usize {
    let found = Command::new("pgrep").args(["-f", "-c", "^sleep 7351$"]).output().unwrap();
    String::from_utf8_lossy(&found.stdout).trim().parse().unwrap()
}

fn crash_and_leak(executor: &str) {
    let tule = Tule::start(&["--executor", executor]);
    let lacks = tule.said.contains("without /var/task");
    for name in ["victim", "other"] {
        let made = create(&tule, name, &of_file("index.py", LEAKS.as_bytes()));
        assert_eq!(made.status, 201, "{}", made.body);
    }
    assert_eq!(tule.invoke("other", &json!(1)), Ok(json!(1)));
    for (event, message) in [
        ("segfault", "signal: segmentation fault"),
        ("exit", "exit status 3"),
        ("segfault", "segmentation fault"),
    ] {
        let error = tule.invoke("victim", &json!(event)).unwrap_err();
        assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
        assert!(error["errorMessage"].as_str().unwrap().ends_with(message), "{error}");
        if !lacks {
            wait_for("the victim's children to end", || (leaked() == 3).then_some(()));
        }
    }
    assert_eq!(tule.invoke("victim", &json!(2)), Ok(json!(2)));
    assert_eq!(tule.invoke("other", &json!(3)), Ok(json!(3)), "it has gone on");
    let pid = tule.pid();
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    if !lacks {
        wait_for("all to end with Tule", || (leaked() == 0).then_some(()));
    }
    drop(tule);
}

#[test]
fn handlers_that_crash_leave_nothing_behind() {
    // One after the other: processes of both would be counted together.
    crash_and_leak("process");
    if has_docker() {
        crash_and_leak("docker");
    }
}

/// A way to the engine that can be cut, as an engine that stops cuts it.
struct Way {
    path: PathBuf,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Way {
    fn new(path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let (is_cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let way = Self { path, is_cut: is_cut.clone(), open: open.clone() };
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = UnixStream::connect("/var/run/docker.sock").unwrap();
                open.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                pass(near.try_clone().unwrap(), far.try_clone().unwrap());
                pass(far, near);
            }
        });
        way
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn an_engine_that_stops_ends_invocations_and_one_that_is_back_is_used() {
    if !has_docker() {
        return;
    }
    if !Path::new("/var/run/docker.sock").exists() {
        return skip_or_fail("the engine's socket is not where this test puts itself between");
    }
    let folder = tempfile::tempdir().unwrap();
    let way = Way::new(folder.path().join("docker.sock"));
    let host = format!("unix://{}", way.path.display());
    let tule = Tule::start_in(&[("DOCKER_HOST", &host)], &["--executor", "docker"]);
    create_both(&tule);
    std::thread::scope(|scope| {
        let began = Instant::now();
        let path = "/2015-03-31/functions/victim/invocations";
        let asked = scope.spawn(|| tule.ask_lambda("POST", path, "\"sleep\""));
        has_begun(&tule);
        way.cut(true);
        let answer = asked.join().unwrap();
        assert!(answer.status >= 500 || answer.headers.contains("x-amz-function-error"), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    });
    // Without an engine nothing runs, and that is said at once; the control plane goes on.
    let answer = tule.ask_lambda("POST", "/2015-03-31/functions/other/invocations", "1");
    assert_eq!(answer.status, 500, "{answer:?}");
    tule.lambda("GET", "/2015-03-31/functions/other", &json!({}));
    way.cut(false);
    assert_eq!(tule.invoke("other", &json!(1)), Ok(json!(1)));
    assert_eq!(tule.invoke("victim", &json!(2)), Ok(json!(2)));
    end(tule);
}

/// The most memory a process has had, in MB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn flood(executor: &str) -> Tule {
    let tule = Tule::start(&["--executor", executor]);
    create_both(&tule);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| tule.invoke("victim", &json!("flood")));
        assert_eq!(tule.invoke("other", &json!(1)), Ok(json!(1)));
        assert_eq!(asked.join().unwrap(), Ok(json!("flood")));
    });
    assert_eq!(tule.invoke("victim", &json!(2)), Ok(json!(2)));
    let most = peak(tule.pid());
    assert!(most < 400, "{most} MB for 100 MB of logs");
    tule
}

#[test]
fn floods_of_logs_pass_in_containers() {
    if has_docker() {
        end(flood("docker"));
    }
}

#[test]
fn floods_of_logs_pass_in_local_processes() {
    flood("process");
}

/// Resident memory, in MB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[test]
fn what_many_functions_print_over_time_has_a_bound() {
    const PRINTS: &str = "import sys\nline = 'x' * 199 + '\\n'\n\
        def handler(event, context):\n    for _ in range(75):\n        sys.stdout.write(line * 1000)\n";
    let tule = Tule::start(&["--executor", "process"]);
    // Each prints 15 MB, which one stream keeps.
    for round in 0..16 {
        let name = format!("f{round}");
        let made = create(&tule, &name, &of_file("index.py", PRINTS.as_bytes()));
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(tule.invoke(&name, &json!(null)), Ok(json!(null)));
        tule.ask_lambda("DELETE", &format!("/2015-03-31/functions/{name}"), "");
    }
    let most = resident(tule.pid());
    assert!(most < 200, "{most} MB are kept of 240 MB of logs");
    // The newest are there.
    let members = json!({ "logGroupName": "/aws/lambda/f15", "filterPattern": "REPORT" });
    assert!(tule.json("logs", "Logs_20140328.FilterLogEvents", &members).body.contains("REPORT RequestId"));
}

#[test]
fn evil_archives_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tule = Tule::start(&["--executor", "process", "--data-dir", folder.path().to_str().unwrap()]);
    let link = |target: &str| {
        archive(|zip| zip.add_symlink("index.py", target, SimpleFileOptions::default()).unwrap())
    };
    for (what, zip) in [
        ("a path that leaves", of_file("../../index.py", b"x")),
        ("an absolute path", of_file("/etc/evil", b"x")),
        ("a bomb", of_file("index.py", &vec![0; 40 << 20])),
        ("a link that leaves", link("../../../etc/passwd")),
        ("an absolute link", link("/etc/passwd")),
        ("no archive", STANDARD.encode("rubbish")),
    ] {
        let refused = create(&tule, "evil", &zip);
        assert_eq!(refused.status, 400, "{what}: {}", refused.body);
        assert!(refused.headers.contains("x-amzn-errortype: invalidparametervalueexception"), "{refused:?}");
    }
    let listed = tule.lambda("GET", "/2015-03-31/functions", &json!({}));
    assert_eq!(listed["Functions"], json!([]));
    create_both(&tule);
}

/// A file system of a few MB, unmounted with this.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(self.0.path()).output();
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so where the runner shows it")]
fn a_full_disk_refuses_code_and_keeps_what_is_there() {
    let Some(small) = Small::mount() else {
        return eprintln!("SKIPPED: no file system can be mounted here");
    };
    let data = small.0.path().to_str().unwrap();
    let tule = Tule::start(&["--executor", "process", "--data-dir", data]);
    create_both(&tule);
    // Not to be compressed, and more than there is room for.
    let mut seed = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 56) as u8
    })
    .take(16 << 20)
    .collect();
    let refused = create(&tule, "large", &of_file("index.py", &noise));
    assert_eq!(refused.status, 500, "{}", refused.body);
    assert_eq!(tule.invoke("other", &json!(1)), Ok(json!(1)));
    tule.kill();
    let tule = Tule::start(&["--executor", "process", "--data-dir", data]);
    assert_eq!(tule.ask_lambda("GET", "/2015-03-31/functions/large", "").status, 404);
    assert_eq!(tule.invoke("victim", &json!(2)), Ok(json!(2)));
}
