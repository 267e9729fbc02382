//! Engines that are elsewhere, found as `docker` finds them: by a context, over TLS, over ssh.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e::{
    Tule, binary,
    certificates::{Authority, Identity, pem},
    has_docker, skip_or_fail,
};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

/// The local engine over TLS, for clients of an authority. It listens at the address, as long as its runtime lives.
fn secured(authority: &Authority) -> (tokio::runtime::Runtime, String) {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone().into()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let Identity { certificate, key } = authority.server("127.0.0.1");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.into()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(near).await else { return };
                let mut far = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (runtime, address)
}

/// A folder as `docker context create engine --docker host=tcp://…,ca=…,cert=…,key=…` and `docker context use` leave it.
fn context(folder: &Path, host: &str, authority: &Authority, client: &Identity) {
    // The SHA-256 of "engine".
    const ID: &str = "ed9f6f25068608efd412958da4dfc19328ca3511251fa6d5f9c42baf230e32f8";
    let [meta, tls] = ["meta", "tls"].map(|kind| folder.join("contexts").join(kind).join(ID));
    let tls = tls.join("docker");
    for place in [&meta, &tls] {
        std::fs::create_dir_all(place).unwrap();
    }
    let about =
        json!({ "Name": "engine", "Endpoints": { "docker": { "Host": host, "SkipTLSVerify": false } } });
    std::fs::write(meta.join("meta.json"), about.to_string()).unwrap();
    std::fs::write(folder.join("config.json"), r#"{"currentContext": "engine"}"#).unwrap();
    std::fs::write(tls.join("ca.pem"), pem("CERTIFICATE", &authority.certificate)).unwrap();
    std::fs::write(tls.join("cert.pem"), pem("CERTIFICATE", &client.certificate)).unwrap();
    std::fs::write(tls.join("key.pem"), pem("PRIVATE KEY", &client.key)).unwrap();
}

/// A function runs, and one that ends its process is replaced.
fn functions_run(tule: &Tule) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    let source =
        "import os\ndef handler(event, context):\n    return os._exit(3) if event == 'exit' else event\n";
    std::io::Write::write_all(&mut zip, source.as_bytes()).unwrap();
    let members = json!({
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Timeout": 60,
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "ZipFile": BASE64_STANDARD.encode(zip.finish().unwrap().into_inner()) }
    });
    tule.lambda("POST", "/2015-03-31/functions", &members);
    let large = json!("x".repeat(1 << 20));
    for event in [json!(1), large] {
        assert!(tule.invoke("f", &event) == Ok(event));
    }
    let error: Value = tule.invoke("f", &json!("exit")).unwrap_err();
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    assert_eq!(tule.invoke("f", &json!(2)), Ok(json!(2)));
}

fn has_local_engine() -> bool {
    let is_there = has_docker();
    if is_there && !Path::new("/var/run/docker.sock").exists() {
        skip_or_fail("the engine's socket is not where this test puts itself before it");
        return false;
    }
    is_there
}

#[test]
fn an_engine_over_tls_is_found_by_its_context() {
    if !has_local_engine() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(Authority::new);
    let (_listening, address) = secured(&ours);
    let host = format!("tcp://{address}");
    context(folder.path(), &host, &ours, &ours.client("tule"));
    let variables = [("DOCKER_CONFIG", folder.path().to_str().unwrap())];
    let tule = Tule::start_in(&variables, &["--executor", "docker"]);
    assert!(tule.said.contains(&format!(" at {host}, linux/")), "{}", tule.said);
    functions_run(&tule);

    // Who is not who it should be, on either side, is not talked to.
    let refusals = [
        (&theirs, ours.client("tule"), "invalid peer certificate: UnknownIssuer"),
        (&ours, theirs.client("eve"), "received fatal alert: UnknownCA"),
    ];
    for (authority, client, why) in refusals {
        context(folder.path(), &host, authority, &client);
        let mut start = Command::new(binary());
        start.args(["start", "--port", "0", "--executor", "docker"]).envs(variables);
        let ended = start.output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{told}");
        assert!(told.contains(&format!("no Docker engine answers at {host}: {why}")), "{told}");
    }
}

/// An `ssh` that goes nowhere, and notes what it was called with: it runs the command here.
fn pretended_ssh(folder: &Path) -> PathBuf {
    let path = folder.join("ssh");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {}\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nunset DOCKER_HOST\nexec \"$@\"\n",
        folder.join("calls").display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder.join("calls")
}

#[test]
fn an_engine_behind_ssh_runs_functions() {
    if !has_local_engine() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = pretended_ssh(folder.path());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let variables = [("PATH", path.as_str()), ("DOCKER_HOST", "ssh://ann@build.example:2222")];
    let tule = Tule::start_in(&variables, &["--executor", "docker"]);
    assert!(tule.said.contains(" at ssh://ann@build.example:2222, linux/"), "{}", tule.said);
    functions_run(&tule);
    let called = std::fs::read_to_string(calls).unwrap();
    let expected =
        "-o ConnectTimeout=30 -o BatchMode=yes -T -l ann -p 2222 -- build.example docker system dial-stdio";
    assert!(called.lines().all(|line| line == expected), "{called}");
}
