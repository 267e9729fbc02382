//! AWS's own clients, as users have them: boto3, the CLI, the SDK for JavaScript; and a server of others' services.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use e2e::{Tule, client, root, skip_or_fail, wait_for};

/// moto, as the server of what Tule has none of.
struct Moto(Child, String);

impl Moto {
    /// `None` where it is missing and may be.
    fn start() -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap();
        let mut server = Command::new(root().join("target/clients/python/bin/moto_server"));
        let server = server.args(["-p", &address.port().to_string()]);
        match server.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => {
                let server = Self(child, format!("http://{address}"));
                wait_for("moto", || TcpStream::connect(address).ok());
                Some(server)
            }
            Err(error) => {
                skip_or_fail(&format!("moto cannot be run ({error})"));
                None
            }
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn streams_of_another_server_are_read() {
    let Some(moto) = Moto::start() else { return };
    let delegates: Vec<String> =
        ["dynamodb", "dynamodbstreams", "kinesis"].map(|service| format!("{service}={}", moto.1)).into();
    let mut arguments = vec!["--executor", "process"];
    for delegate in &delegates {
        arguments.extend(["--delegate", delegate]);
    }
    let tule = Tule::start(&arguments);
    if let Some(said) = client(&tule, "python", &["streams.py"]) {
        assert!(said.contains("moto's streams are read"), "{said}");
    }
}

#[test]
fn chalices_calls_deploy_an_api_twice() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["chalice_calls.py"]) {
        assert!(said.contains("chalice is content"), "{said}");
    }
}

#[test]
fn boto3_is_content() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["boto3_client.py"]) {
        assert!(said.contains("boto3 is content"), "{said}");
    }
}

#[test]
fn terraforms_calls_see_no_drift() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["terraform.py"]) {
        assert!(said.contains("Terraform is content"), "{said}");
    }
}

#[test]
fn terraforms_calls_of_api_gateway_see_no_drift() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["terraform_apigateway.py"]) {
        assert!(said.contains("Terraform is content"), "{said}");
    }
}

#[test]
fn schemathesis_finds_no_server_error() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["openapi.py"]) {
        assert!(said.contains("schemathesis is content"), "{said}");
    }
}

#[test]
fn the_sdk_for_javascript_is_content() {
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "node", &["sdk_client.cjs"]) {
        assert!(said.contains("the SDK for JavaScript is content"), "{said}");
    }
}

#[test]
fn the_command_line_is_content() {
    let tule = Tule::start(&["--executor", "process"]);
    let aws = |arguments: &[&str]| client(&tule, "aws", arguments);
    let Some(identity) = aws(&["sts", "get-caller-identity", "--query", "Account", "--output", "text"])
    else {
        return;
    };
    assert_eq!(identity.trim(), "000000000000");
    aws(&["s3", "mb", "s3://from-cli"]).unwrap();
    aws(&["s3", "cp", "boto3_client.py", "s3://from-cli/a.py"]).unwrap();
    assert!(aws(&["s3", "ls", "s3://from-cli"]).unwrap().contains("a.py"));
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#;
    let role = "arn:aws:iam::000000000000:role/r";
    let made = aws(&[
        "stepfunctions",
        "create-state-machine",
        "--name",
        "m",
        "--role-arn",
        role,
        "--definition",
        definition,
    ]);
    assert!(made.unwrap().contains("stateMachine:m"));
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("f.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
    archive.start_file("index.mjs", zip::write::SimpleFileOptions::default()).unwrap();
    let source =
        b"export const handler = async (event) => { console.log('seen', event.a); return event.a + 1; };";
    std::io::Write::write_all(&mut archive, source).unwrap();
    archive.finish().unwrap();
    let zip = format!("fileb://{}", zip.display());
    aws(&[
        "lambda",
        "create-function",
        "--function-name",
        "plus",
        "--runtime",
        "nodejs20.x",
        "--handler",
        "index.handler",
        "--role",
        role,
        "--zip-file",
        &zip,
    ])
    .unwrap();
    let out = folder.path().join("out.json");
    aws(&["lambda", "invoke", "--function-name", "plus", "--payload", r#"{"a": 1}"#, out.to_str().unwrap()])
        .unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "2");
    let group = "/aws/lambda/plus";
    let found =
        aws(&["logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", "seen"]).unwrap();
    assert!(found.contains("seen 1"), "{found}");
    // `logs tail` is the second version's; that one takes its endpoint from the command line.
    let endpoint = tule.endpoint();
    if let Some(tail) =
        client(&tule, "aws2", &["logs", "tail", group, "--since", "1h", "--endpoint-url", &endpoint])
    {
        assert!(tail.contains("seen 1") && tail.contains("REPORT RequestId:"), "{tail}");
    }
}
