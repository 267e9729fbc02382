//! The docker executor over Podman, where one is installed: its service is started for the test, and ends with it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![cfg(unix)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Tule, wait_for};
use serde_json::{Value, json};

/// A service of Podman on a socket of its own.
struct Podman {
    service: Child,
    runtime: &'static str,
    _folder: tempfile::TempDir,
    host: String,
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

fn podman(runtime: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("podman");
    command.args(["--runtime", runtime]).args(arguments).stdin(Stdio::null());
    command
}

/// An image that both engines know, moved over from Docker where Podman lacks it.
fn has_image(runtime: &str, image: &str) -> bool {
    let found = podman(runtime, &["image", "exists", image]).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.tar");
    let saved = Command::new("docker").args(["save", image, "--output"]).arg(&file).output();
    let loaded = || podman(runtime, &["load", "--quiet", "--input"]).arg(&file).output();
    saved.is_ok_and(|output| output.status.success()) && loaded().is_ok_and(|output| output.status.success())
}

impl Podman {
    /// `Err` says why there is none here.
    fn start(images: &[&str]) -> Result<Self, String> {
        if !podman("runc", &["--version"]).output().is_ok_and(|output| output.status.success()) {
            return Err("Podman is not installed".to_owned());
        }
        // Its usual runtime refuses some machines' control groups, and the other some kernels' limits.
        let run = "run --rm --network none --ulimit nofile=64:64 --ulimit nproc=64:64 --memory 64m --entrypoint /bin/true";
        let mut why = String::new();
        let runtime = ["crun", "runc"].into_iter().find(|runtime| {
            images.iter().all(|image| has_image(runtime, image)) && {
                let arguments: Vec<&str> = run.split(' ').chain([images[0]]).collect();
                let output = podman(runtime, &arguments).output().unwrap();
                why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                output.status.success()
            }
        });
        let runtime = runtime.ok_or_else(|| format!("Podman runs nothing here, or has no images: {why}"))?;
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        let host = format!("unix://{}", socket.display());
        let service = podman(runtime, &["system", "service", "--time", "0", &host])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self { service, runtime, _folder: folder, host };
        wait_for("Podman's socket", || Path::new(&socket).exists().then_some(()));
        Ok(started)
    }

    /// Names of what carries Tule's label.
    fn left(&self, what: &str, all: &[&str]) -> String {
        let arguments = [&[what, "ls", "--quiet", "--filter", "label=dev.tule.instance"], all].concat();
        let output = podman(self.runtime, &arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn create(tule: &Tule, name: &str, runtime: &str, file: &str, source: &str) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(file, zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    std::io::Write::write_all(&mut zip, source.as_bytes()).unwrap();
    let members = json!({
        "FunctionName": name, "Runtime": runtime, "Handler": "index.handler", "Timeout": 20,
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "ZipFile": STANDARD.encode(zip.finish().unwrap().into_inner()) }
    });
    tule.lambda("POST", "/2015-03-31/functions", &members);
}

const PYTHON: &str = "import os\n\
def handler(event, context):\n\
\x20   if event == 'exit':\n        os._exit(3)\n\
\x20   open('/tmp/x', 'w').write('x')\n\
\x20   try:\n        open('/var/task/x', 'w')\n    except OSError:\n        return [event, os.getuid()]\n";
const NODE: &str = "exports.handler = async (event) => ({ event, task: process.env.LAMBDA_TASK_ROOT });";

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so where the runner shows it")]
fn functions_run_in_podman() {
    let images = ["public.ecr.aws/lambda/python:3.11", "public.ecr.aws/lambda/nodejs:20"];
    let podman = match Podman::start(&images) {
        Ok(podman) => podman,
        Err(why) => return eprintln!("SKIPPED: {why}"),
    };
    let tule = Tule::start_in(&[("DOCKER_HOST", &podman.host)], &["--executor", "docker"]);
    assert!(tule.said.contains("Podman"), "{}", tule.said);
    create(&tule, "python", "python3.11", "index.py", PYTHON);
    create(&tule, "node", "nodejs20.x", "index.js", NODE);
    assert_eq!(tule.invoke("python", &json!("a")), Ok(json!(["a", 993])));
    assert_eq!(tule.invoke("node", &json!(1)), Ok(json!({ "event": 1, "task": "/var/task" })));
    let error: Value = tule.invoke("python", &json!("exit")).unwrap_err();
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    assert_eq!(tule.invoke("python", &json!("b")), Ok(json!(["b", 993])));
    let pid = tule.pid().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    wait_for("its containers to go", || podman.left("container", &["--all"]).is_empty().then_some(()));
    wait_for("its volumes to go", || podman.left("volume", &[]).is_empty().then_some(()));
}
