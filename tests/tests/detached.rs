//! Processes that functions start and that leave their parents, groups and sessions: none outlives a Tule that was
//! killed, as a power cut would, or at the latest the start of the next one.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![cfg(target_os = "linux")]

use std::{
    io::{Cursor, Write as _},
    path::Path,
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Tule, wait_for};
use serde_json::{Value, json};

/// Starts a process of this name's that belongs to nobody, and says what it sees.
const SOURCE: &str = "import os, signal, subprocess, sys, time\n\
def handler(event, context):\n\
\x20   if event == 'abort':\n        os.abort()\n\
\x20   if event == 'terminate':\n        os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)\n\
\x20   if event == 'zombies':\n\
\x20       states = [open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] for pid in os.listdir('/proc') if pid.isdigit()]\n\
\x20       return states.count('Z')\n\
\x20   if os.fork() == 0:\n\
\x20       os.setsid()\n\
\x20       if os.fork() == 0:\n\
\x20           for fd in range(3):\n                os.close(fd)\n\
\x20           os.execv('/bin/sh', ['sh', '-c', 'sleep 300; true', event])\n\
\x20       os._exit(0)\n\
\x20   os.wait()\n\
\x20   return [open('/proc/self/stat').read().split()[0] == str(os.getpid()), os.path.exists('/proc/%d/status' % os.getpid())]\n";

fn function(tule: &Tule) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(SOURCE.as_bytes()).unwrap();
    let members = json!({
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Timeout": 30,
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "ZipFile": STANDARD.encode(zip.finish().unwrap().into_inner()) }
    });
    tule.lambda("POST", "/2015-03-31/functions", &members);
}

/// Whether a process whose arguments hold `mark` is there.
fn is_there(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).any(|line| line.contains(mark))
}

/// What a function starts becomes what it is to be after the function has answered.
fn wait_until_it_is_there(mark: &str) {
    wait_for("what a function has left behind", || is_there(mark).then_some(()));
}

fn mark(test: &str) -> String {
    format!("tule-detached-{test}-{}", std::process::id())
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so where the runner shows it")]
fn what_a_function_leaves_behind_ends_with_a_tule_that_is_killed() {
    let tule = Tule::start(&["--executor", "process"]);
    if tule.said.contains("without /var/task") {
        return eprintln!("SKIPPED: this user has no namespaces here");
    }
    function(&tule);
    let mark = mark("killed");
    assert_eq!(tule.invoke("f", &json!(mark)), Ok(json!([true, true])), "/proc is of what it is in");
    wait_until_it_is_there(&mark);
    tule.kill();
    wait_for("what has detached itself to end", || (!is_there(&mark)).then_some(()));
}

#[test]
fn a_function_in_a_namespace_ends_as_it_would_elsewhere() {
    let tule = Tule::start(&["--executor", "process"]);
    function(&tule);
    for (event, signal) in [("abort", "aborted"), ("terminate", "terminated")] {
        let error: Value = tule.invoke("f", &json!(event)).unwrap_err();
        assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
        assert!(error["errorMessage"].as_str().unwrap().ends_with(&format!("signal: {signal}")), "{error}");
    }
    if tule.said.contains("without /var/task") {
        return;
    }
    let mark = mark("buried");
    assert_eq!(tule.invoke("f", &json!(mark)), Ok(json!([true, true])));
    assert_eq!(tule.invoke("f", &json!("zombies")), Ok(json!(0)), "the dead are buried");
}

/// A Tule without the right to make namespaces.
fn without_namespaces(folder: &Path) -> Option<Tule> {
    let drop = ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
    let can = Command::new("setpriv").args(drop).args(["unshare", "--mount", "true"]).output().ok()?;
    let works = Command::new("setpriv").args(drop).arg("true").output().ok()?.status.success();
    if can.status.success() || !works {
        return None;
    }

    let mut command = Command::new("setpriv");
    command.args(drop).arg(e2e::binary()).args(["start", "--port", "0", "--executor", "process"]);
    command.env("TMPDIR", folder);
    Some(Tule::spawn(command))
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so where the runner shows it")]
fn where_there_are_no_namespaces_the_next_tule_ends_what_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tule) = without_namespaces(folder.path()) else {
        return eprintln!("SKIPPED: namespaces cannot be taken from this user");
    };
    assert!(tule.said.contains("without /var/task"), "{}", tule.said);
    function(&tule);
    let mark = mark("swept");
    assert_eq!(tule.invoke("f", &json!(mark)), Ok(json!([true, true])));
    wait_until_it_is_there(&mark);
    tule.kill();
    assert!(is_there(&mark), "nothing could end it so far");
    drop(without_namespaces(folder.path()));
    wait_for("what was left to end", || (!is_there(&mark)).then_some(()));
}
