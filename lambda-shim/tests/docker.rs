//! The contract of executors, kept by the docker executor, with images under AWS's names.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use sha2::Digest as _;
use support::Rig;

/// A rig over the engine; where none answers, the test is skipped aloud, or fails in CI.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn rig() -> Option<Rig> {
    if engine_answers() {
        return Some(Rig::new(ExecutorChoice::Docker).await);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs a Docker engine");
    eprintln!("SKIPPED: no Docker engine answers, so the docker executor is not tested here");
    None
}

fn engine_answers() -> bool {
    let asked =
        std::process::Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    asked.is_ok_and(|output| output.status.success())
}

contract!(rig());
extensions_contract!(rig());
python_contract!(rig());

fn docker(arguments: &[&str]) -> String {
    let output = std::process::Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_live_in_lambdas_sandbox() {
    let Some(rig) = rig().await else { return };
    let source = "import os\ndef tried(path):\n    try:\n        open(path, 'w').close()\n        return True\n    except OSError:\n        return False\n\n\
        def handler(event, context):\n    return {'uid': os.getuid(), 'gid': os.getgid(), 'tmp': oct(os.stat('/tmp').st_mode & 0o777), 'writes': [tried(p) for p in \
        ('/tmp/x', '/var/task/x', '/x')], 'home': os.environ.get('HOME'), 'host': os.environ.get('HOSTNAME'), 'root': os.environ['LAMBDA_TASK_ROOT'], 'init': \
        tried('/proc/1/fd/1')}\n";
    rig.python("f", source).await;
    let answer = support::value(&rig.invoke("f", serde_json::json!({})).await);
    let expected = serde_json::json!({"uid": 993, "gid": 990, "tmp": "0o700", "writes": [true, false, false], "home": "/home/sbx_user1051", "host": null, "root": "/var/task", "init": false});
    assert_eq!(answer, expected);
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_reach_tule_without_a_network() {
    if rig().await.is_none() {
        return;
    }
    let door: lambda_shim::Door = std::sync::Arc::new(|mut connection| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        tokio::spawn(async move {
            let mut request = vec![0; 1000];
            let count = connection.read(&mut request).await.unwrap();
            let line =
                String::from_utf8_lossy(&request[..count]).lines().next().unwrap_or_default().to_owned();
            // Larger than any window.
            let body = format!("{line}{}", "x".repeat(3 << 20));
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        });
    });
    let rig = Rig::with(ExecutorChoice::Docker, |options| {
        options.endpoint = "http://127.0.0.1:4566".into();
        options.door = Some(door);
        options.network = Some("none".to_owned());
    })
    .await;
    let source = "import os, urllib.request\ndef handler(event, context):\n    body = urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/hello').read()\n    return [body[:19].decode(), len(body), os.environ['AWS_ENDPOINT_URL']]\n";
    rig.python("f", source).await;
    let answer = support::value(&rig.invoke("f", serde_json::json!({})).await);
    assert_eq!(answer, serde_json::json!(["GET /hello HTTP/1.1", 19 + (3 << 20), "http://127.0.0.1:4566"]));
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_image_is_a_clear_failure() {
    if rig().await.is_none() {
        return;
    }
    let rig = Rig::with(ExecutorChoice::Docker, |options| {
        options.images.insert("python3.11".to_owned(), "127.0.0.1:9/no/such:image".to_owned());
    })
    .await;
    rig.python("f", "").await;
    let shown = rig.settled("f").await;
    assert_eq!(shown["State"], "Failed");
    let reason = shown["StateReason"].as_str().unwrap();
    assert!(
        reason.starts_with(
            "The image 127.0.0.1:9/no/such:image is not on this machine and could not be pulled: "
        ),
        "{reason}"
    );
    let refused = rig.refused(runtime::Invocation::request_response("f", "{}")).await;
    assert!(refused.message.contains("could not be pulled"), "{refused}");
    rig.lambda.shutdown().await;
}

/// What was told of pulls: bytes here and bytes in all, and `None` for an end.
#[derive(Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<Progress>>);

type Progress = Vec<Option<(u64, u64)>>;

impl lambda_shim::PullWatcher for Told {
    fn pulled(&self, _: &str, done: u64, total: u64) {
        self.0.lock().unwrap().push(Some((done, total)));
    }

    fn ended(&self, _: &str) {
        self.0.lock().unwrap().push(None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_not_here_is_pulled() {
    if rig().await.is_none() {
        return;
    }
    let (image, told) = (support::registry::serve(), Told::default());
    let rig = Rig::with(ExecutorChoice::Docker, |options| {
        options.images.insert("provided.al2023".to_owned(), image.clone());
        options.pulls = Some(std::sync::Arc::new(told.clone()));
    })
    .await;
    let package = [("bootstrap", support::contract::PROVIDED)];
    rig.create("f", "provided.al2023", &package, serde_json::json!({})).await;
    let answer = support::value(&rig.invoke("f", serde_json::json!({"n": 1})).await);
    rig.lambda.shutdown().await;
    docker(&["rmi", "--force", &image]);
    assert_eq!(answer, serde_json::json!({"n": 1}));
    let told = told.0.lock().unwrap().clone();
    assert_eq!((told.iter().filter(|it| it.is_none()).count(), told.last()), (1, Some(&None)), "{told:?}");
    let (done, total) = told.iter().rev().find_map(|it| *it).unwrap();
    assert!(done > 0 && done <= total && total >= 4 << 20, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_left_is_swept_and_what_lives_is_not() {
    let Some(rig) = rig().await else { return };
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    let dead = gone.id().to_string();
    gone.wait().unwrap();
    let read = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let machine = format!(
        "dev.tule.machine={}/{}",
        read("/proc/sys/kernel/hostname"),
        read("/proc/sys/kernel/random/boot_id")
    );
    let make = |pid: &str, name: &str| {
        let pid = format!("dev.tule.pid={pid}");
        let labels = ["--label", "dev.tule.instance=test", "--label", &pid, "--label", &machine];
        docker(&[&["volume", "create"], &labels[..], &[&format!("tule-test-{name}")]].concat());
        docker(
            &[
                &["create"],
                &labels[..],
                &["--name", &format!("tule-test-{name}"), "public.ecr.aws/lambda/provided:al2023", "x"],
            ]
            .concat(),
        )
    };
    let own = std::process::id().to_string();
    let unique = uuid(&own);
    let (left, living) = (make(&dead, &format!("dead-{unique}")), make(&own, &format!("live-{unique}")));
    let again = Rig::new(ExecutorChoice::Docker).await;
    let all = docker(&["ps", "-aq", "--no-trunc"]);
    let volumes = docker(&["volume", "ls", "-q"]);
    docker(&["rm", &living]);
    docker(&["volume", "rm", &format!("tule-test-live-{unique}")]);
    assert!(!all.contains(&left) && all.contains(&living));
    assert!(!volumes.contains(&format!("dead-{unique}")) && volumes.contains(&format!("live-{unique}")));
    again.lambda.shutdown().await;
    rig.lambda.shutdown().await;
}

/// A part of a name that no other run uses.
fn uuid(own: &str) -> String {
    format!(
        "{own}-{}",
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_sdk_finds_what_it_needs() {
    let Some(rig) = rig().await else { return };
    let source = "import { LambdaClient } from '@aws-sdk/client-lambda';\nimport { homedir } from 'node:os';\nconst client = new LambdaClient({});\n\
        export const handler = async () => [homedir(), await client.config.region()];\n";
    rig.create("f", "nodejs20.x", &[("index.mjs", source)], serde_json::json!({})).await;
    let answer = support::value(&rig.invoke("f", serde_json::json!({})).await);
    assert_eq!(answer, serde_json::json!(["/home/sbx_user1051", "us-east-1"]));
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_without_the_sdk_get_one() {
    if rig().await.is_none() {
        return;
    }
    let sdk = tempfile::tempdir().unwrap();
    let package = sdk.path().join("@aws-sdk/client-x");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("package.json"), r#"{"name": "@aws-sdk/client-x", "main": "index.js"}"#)
        .unwrap();
    std::fs::write(package.join("index.js"), "exports.from = 'sdk';").unwrap();
    let folder = sdk.path().to_owned();
    // Ours have only three clients, and not the one that is looked for.
    let rig = Rig::with(ExecutorChoice::Docker, |options| options.node_sdk = Some(folder)).await;
    let esm = "import { from } from '@aws-sdk/client-x';\nexport const handler = async () => from;";
    rig.create("m", "nodejs20.x", &[("index.mjs", esm)], serde_json::json!({})).await;
    assert_eq!(support::value(&rig.invoke("m", serde_json::json!({})).await), "sdk");
    rig.node("c", "const { from } = require('@aws-sdk/client-x'); exports.handler = async () => from;").await;
    assert_eq!(support::value(&rig.invoke("c", serde_json::json!({})).await), "sdk");
    rig.lambda.shutdown().await;
}

/// An image made from one of the bases, and removed with this.
struct TestImage(String);

impl TestImage {
    /// Files in an image's `/var/task`, and more lines of its Dockerfile.
    fn build(tag: &str, files: &[(&str, &str)], lines: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let base = "FROM public.ecr.aws/lambda/python:3.11\nCOPY *.py /var/task/\n";
        std::fs::write(folder.path().join("Dockerfile"), format!("{base}{}\n", lines.join("\n"))).unwrap();
        // The older builder is there wherever the command is.
        let mut build = std::process::Command::new("docker");
        build.args(["build", "--quiet", "--tag", tag]).arg(folder.path()).env("DOCKER_BUILDKIT", "0");
        let output = build.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(tag.to_owned())
    }
}

impl TestImage {
    /// An image of nothing, for an architecture.
    fn load(tag: &str, arch: &str) -> Self {
        let layer = [0; 1024];
        let hash: String = sha2::Sha256::digest(layer).iter().map(|byte| format!("{byte:02x}")).collect();
        let config = serde_json::json!({"architecture": arch, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{hash}")]}});
        let manifest =
            serde_json::json!([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]);
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in [
            ("config.json", config.to_string().as_bytes()),
            ("manifest.json", manifest.to_string().as_bytes()),
            ("layer.tar", &layer),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, content).unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), archive.into_inner().unwrap()).unwrap();
        docker(&["load", "--input", file.path().to_str().unwrap()]);
        Self(tag.to_owned())
    }
}

impl Drop for TestImage {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker").args(["rmi", "--force", &self.0]).output();
    }
}

async fn create_image(rig: &Rig, name: &str, uri: &str, config: serde_json::Value) -> serde_json::Value {
    let members = serde_json::json!({"FunctionName": name, "Role": "arn:aws:iam::000000000000:role/r", "PackageType": "Image", "Code": {"ImageUri": uri}, "ImageConfig": config});
    rig.call("CreateFunction", members).await.unwrap()
}

const APP: &str = "import os, sys\ndef handler(event, context):\n    return ['one', os.getcwd(), event, context.function_name, os.environ.get('_HANDLER')]\ndef other(event, context):\n    return ['other', os.getcwd()]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_functions() {
    let Some(rig) = rig().await else { return };
    let tag = format!("tule-test-image:{}", uuid(&std::process::id().to_string()));
    let image = TestImage::build(
        &tag,
        &[("app.py", APP)],
        &["CMD [\"app.handler\"]", "ENTRYPOINT [\"/lambda-entrypoint.sh\"]"],
    );
    create_image(&rig, "f", &tag, serde_json::json!({})).await;
    let answer = support::value(&rig.invoke("f", serde_json::json!(7)).await);
    assert_eq!(answer, serde_json::json!(["one", "/var/task", 7, "f", "app.handler"]));
    let shown = rig.call("GetFunction", serde_json::json!({"FunctionName": "f"})).await.unwrap();
    let id = docker(&["image", "inspect", "--format", "{{.Id}}", &tag]);
    let configuration = &shown["Configuration"];
    assert_eq!(
        (&configuration["PackageType"], &configuration["Runtime"], &configuration["CodeSize"]),
        (&"Image".into(), &serde_json::Value::Null, &0.into())
    );
    assert_eq!(format!("sha256:{}", configuration["CodeSha256"].as_str().unwrap()), id);
    assert_eq!(
        shown["Code"],
        serde_json::json!({"RepositoryType": "ECR", "ImageUri": tag, "ResolvedImageUri": format!("tule-test-image@{id}")})
    );
    // ImageConfig speaks in place of the image.
    let config = serde_json::json!({"Command": ["app.other"], "WorkingDirectory": "/tmp"});
    create_image(&rig, "g", &tag, config.clone()).await;
    let refused = support::value(&rig.invoke("g", serde_json::json!({})).await);
    assert_eq!(refused, serde_json::json!(["other", "/tmp"]));
    assert_eq!(rig.settled("g").await["ImageConfigResponse"]["ImageConfig"], config);
    let entry = serde_json::json!({"FunctionName": "g", "ImageConfig": {"EntryPoint": ["/bin/sh", "-c", "export _HANDLER=app.other; exec /var/runtime/bootstrap"]}});
    rig.call("UpdateFunctionConfiguration", entry).await.unwrap();
    assert_eq!(
        support::value(&rig.invoke("g", serde_json::json!({})).await),
        serde_json::json!(["other", "/var/task"])
    );
    rig.settled("g").await;
    let entry = serde_json::json!({"FunctionName": "g", "ImageConfig": {"EntryPoint": ["/nowhere"]}});
    rig.call("UpdateFunctionConfiguration", entry).await.unwrap();
    let error = support::value(&rig.invoke("g", serde_json::json!({})).await);
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint", "{error}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Error: fork/exec /nowhere: no such file or directory"), "{message}");
    // A tag that moves changes nothing until the function is told.
    let _newer = TestImage::build(
        &tag,
        &[("app.py", &APP.replace("'one'", "'two'"))],
        &["CMD [\"app.handler\"]", "ENTRYPOINT [\"/lambda-entrypoint.sh\"]"],
    );
    rig.settled("f").await;
    rig.call("UpdateFunctionConfiguration", serde_json::json!({"FunctionName": "f", "Timeout": 30}))
        .await
        .unwrap();
    assert_eq!(support::value(&rig.invoke("f", serde_json::json!(1)).await)[0], "one");
    rig.settled("f").await;
    rig.call("UpdateFunctionCode", serde_json::json!({"FunctionName": "f", "ImageUri": tag})).await.unwrap();
    assert_eq!(support::value(&rig.invoke("f", serde_json::json!(1)).await)[0], "two");
    rig.lambda.shutdown().await;
    drop((image, TestImage(id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_cannot_run_say_why() {
    let Some(rig) = rig().await else { return };
    let unique = uuid(&std::process::id().to_string());
    let (foreign, ours) = if cfg!(target_arch = "aarch64") { ("amd64", "arm64") } else { ("arm64", "amd64") };
    let (other, empty) = (
        TestImage::load(&format!("tule-test-other:{unique}"), foreign),
        TestImage::load(&format!("tule-test-empty:{unique}"), ours),
    );
    for (name, image, why) in [
        (
            "other",
            other.0.as_str(),
            format!(
                "is for {foreign}, and the Docker engine runs {ours} containers. Build it for linux/{ours}."
            ),
        ),
        ("empty", empty.0.as_str(), "has neither an entry point nor a command.".to_owned()),
        ("missing", "127.0.0.1:9/no/such:image", "is not on this machine and could not be pulled".to_owned()),
    ] {
        create_image(&rig, name, image, serde_json::json!({})).await;
        let shown = rig.settled(name).await;
        assert_eq!(shown["State"], "Failed");
        assert!(shown["StateReason"].as_str().unwrap().contains(&why), "{shown}");
    }
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_runtimes_are_run_by_their_images() {
    if rig().await.is_none() {
        return;
    }
    // There is no image of Java's here: what is tested is that the runtime's image runs the function, whatever it is.
    let rig = Rig::with(ExecutorChoice::Docker, |options| {
        for runtime in ["java21", "ruby3.4", "dotnet8"] {
            options.images.insert(runtime.to_owned(), "public.ecr.aws/lambda/python:3.11".to_owned());
        }
    })
    .await;
    let source = "import os\ndef handler(event, context):\n    return os.environ['AWS_EXECUTION_ENV']\n";
    for runtime in ["java21", "ruby3.4", "dotnet8"] {
        let name = runtime.replace('.', "-");
        rig.create(&name, runtime, &[("index.py", source)], serde_json::json!({})).await;
        let answer = support::value(&rig.invoke(&name, serde_json::json!({})).await);
        assert_eq!(answer, format!("AWS_Lambda_{runtime}"));
    }
    rig.lambda.shutdown().await;
}
