//! The docker executor over Podman, root's and a plain user's: its service is started for the test, and ends with it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![cfg(unix)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Tule, skip_or_fail, wait_for};
use serde_json::{Value, json};

/// Whose Podman it is, and what it runs containers with.
struct Program {
    runtime: &'static str,
    /// A plain user's name, where it is not this user's.
    user: Option<String>,
    /// Its socket is in here, and what a plain user's Podman needs while it runs.
    folder: tempfile::TempDir,
}

/// A service of Podman on a socket of its own.
struct Podman {
    program: Program,
    service: Child,
    host: String,
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

impl Program {
    fn of(user: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = &user {
            let whole = [user, ":"].concat();
            assert!(Command::new("chown").arg(whole).arg(folder.path()).status().unwrap().success());
        }
        Self { runtime: "runc", user, folder }
    }

    fn podman(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.user {
            None => Command::new("podman"),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups", "env", "-i"]);
                command.arg(format!("HOME=/home/{user}"));
                command.arg(format!("PATH={}", std::env::var("PATH").unwrap_or_default()));
                command.arg(format!("XDG_RUNTIME_DIR={}", self.folder.path().display()));
                command.arg("podman");
                command
            }
        };
        command.args(["--runtime", self.runtime]).args(arguments).stdin(Stdio::null());
        command
    }

    /// Whether it has an image; one that it lacks is moved over from Docker.
    fn has_image(&self, image: &str) -> bool {
        let found = self.podman(&["image", "exists", image]).output();
        if found.is_ok_and(|output| output.status.success()) {
            return true;
        }
        let file = self.folder.path().join("image.tar");
        let saved = Command::new("docker").args(["save", image, "--output"]).arg(&file).output();
        let everybodys = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let readable = || std::fs::set_permissions(&file, everybodys);
        let loaded = || self.podman(&["load", "--quiet", "--input"]).arg(&file).output();
        saved.is_ok_and(|output| output.status.success())
            && readable().is_ok()
            && loaded().is_ok_and(|output| output.status.success())
    }
}

impl Podman {
    /// `Err` says why there is none here.
    fn start(mut program: Program, images: &[&str]) -> Result<Self, String> {
        if !program.podman(&["--version"]).output().is_ok_and(|output| output.status.success()) {
            return Err("Podman is not installed".to_owned());
        }
        // Its usual runtime refuses some machines' control groups, and the other some kernels' limits.
        let run = "run --rm --network none --ulimit nofile=64:64 --ulimit nproc=64:64 --memory 64m --entrypoint /bin/true";
        let arguments: Vec<&str> = run.split(' ').chain([images[0]]).collect();
        let mut why = "it has no images".to_owned();
        let runs = ["crun", "runc"].into_iter().any(|runtime| {
            program.runtime = runtime;
            images.iter().all(|image| program.has_image(image)) && {
                let output = program.podman(&arguments).output().unwrap();
                why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                output.status.success()
            }
        });
        if !runs {
            return Err(format!("Podman runs nothing here: {why}"));
        }
        let socket = program.folder.path().join("podman.sock");
        let host = format!("unix://{}", socket.display());
        let mut service = program.podman(&["system", "service", "--time", "0", &host]);
        let service = service.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Self { program, service, host };
        wait_for("Podman's socket", || Path::new(&socket).exists().then_some(()));
        Ok(started)
    }

    /// Names of what carries Tule's label.
    fn left(&self, what: &str, all: &[&str]) -> String {
        let arguments = [&[what, "ls", "--quiet", "--filter", "label=dev.tule.instance"], all].concat();
        let output = self.program.podman(&arguments).output().unwrap();
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
fn functions_run_in_podman() {
    let images = ["public.ecr.aws/lambda/python:3.11", "public.ecr.aws/lambda/nodejs:20"];
    let Some((tule, podman)) = functions_run(Program::of(None), &images, &[]) else { return };
    create(&tule, "node", "nodejs20.x", "index.js", NODE);
    assert_eq!(tule.invoke("node", &json!(1)), Ok(json!({ "event": 1, "task": "/var/task" })));
    they_end(&tule, &podman);
}

/// `TULE_ROOTLESS_USER` names the user, where the tests are root's; who is a plain user has this of the other test.
#[test]
fn functions_run_in_a_plain_users_podman() {
    match std::env::var("TULE_ROOTLESS_USER") {
        Ok(user) => {
            let images = ["public.ecr.aws/lambda/python:3.11"];
            // Networks need devices that not every machine has.
            let flags = ["--docker-network", "none"];
            if let Some((tule, podman)) = functions_run(Program::of(Some(user)), &images, &flags) {
                they_end(&tule, &podman);
            }
        }
        Err(_) => skip_or_fail("TULE_ROOTLESS_USER names no user"),
    }
}

fn functions_run(program: Program, images: &[&str], flags: &[&str]) -> Option<(Tule, Podman)> {
    let podman = match Podman::start(program, images) {
        Ok(podman) => podman,
        Err(why) => {
            skip_or_fail(&why);
            return None;
        }
    };
    let flags = [&["--executor", "docker"], flags].concat();
    let tule = Tule::start_in(&[("DOCKER_HOST", &podman.host)], &flags);
    assert!(tule.said.contains("Podman"), "{}", tule.said);
    create(&tule, "python", "python3.11", "index.py", PYTHON);
    assert_eq!(tule.invoke("python", &json!("a")), Ok(json!(["a", 993])));
    let error: Value = tule.invoke("python", &json!("exit")).unwrap_err();
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    assert_eq!(tule.invoke("python", &json!("b")), Ok(json!(["b", 993])));
    Some((tule, podman))
}

fn they_end(tule: &Tule, podman: &Podman) {
    let pid = tule.pid().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    wait_for("its containers to go", || podman.left("container", &["--all"]).is_empty().then_some(()));
    wait_for("its volumes to go", || podman.left("volume", &[]).is_empty().then_some(()));
}
