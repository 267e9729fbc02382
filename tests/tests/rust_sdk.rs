//! AWS's SDK for Rust against Tule.

use aws_sdk_lambda::{primitives::Blob, types::FunctionCode};
use aws_sdk_s3::primitives::ByteStream;
use e2e::Tule;
use std::io::Write as _;

macro_rules! config {
    ($sdk:ident, $tule:expr) => {
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .endpoint_url($tule.endpoint())
            .region($sdk::config::Region::new("us-east-1"))
            .credentials_provider(aws_credential_types::Credentials::from_keys("test", "test", None))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
    };
}

fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn functions_are_created_and_invoked() {
    let tule = Tule::start(&["--executor", "process"]);
    let lambda = aws_sdk_lambda::Client::from_conf(config!(aws_sdk_lambda, tule).build());
    let source = "def handler(event, context):\n    return {'greeting': 'hello ' + event['name']}\n";
    let code = FunctionCode::builder().zip_file(Blob::new(zipped("index.py", source))).build();
    let made = lambda
        .create_function()
        .function_name("greet")
        .runtime("python3.12".into())
        .handler("index.handler")
        .role("arn:aws:iam::000000000000:role/r")
        .code(code)
        .send()
        .await
        .unwrap();
    assert_eq!(made.function_arn(), Some("arn:aws:lambda:us-east-1:000000000000:function:greet"));
    let answer = lambda.invoke().function_name("greet").payload(Blob::new(r#"{"name": "Tule"}"#)).send().await.unwrap();
    assert_eq!(answer.payload().unwrap().as_ref(), br#"{"greeting": "hello Tule"}"#);
    let missing = lambda.get_function().function_name("none").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing}");
}

#[tokio::test]
async fn objects_are_put_and_listed() {
    let tule = Tule::start(&["--executor", "process"]);
    let s3 = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, tule).force_path_style(true).build());
    s3.create_bucket().bucket("from-rust").send().await.unwrap();
    let body = ByteStream::from(vec![7; 200_000]);
    s3.put_object().bucket("from-rust").key("a/b c").metadata("colour", "red").body(body).send().await.unwrap();
    let got = s3.get_object().bucket("from-rust").key("a/b c").send().await.unwrap();
    assert_eq!(got.metadata().unwrap()["colour"], "red");
    assert_eq!(got.body.collect().await.unwrap().into_bytes().len(), 200_000);
    let listed = s3.list_objects_v2().bucket("from-rust").prefix("a/").send().await.unwrap();
    assert_eq!(listed.contents()[0].key(), Some("a/b c"));
    let missing = s3.get_object().bucket("from-rust").key("none").send().await.unwrap_err().into_service_error();
    assert!(missing.is_no_such_key(), "{missing}");
}

#[tokio::test]
async fn workflows_run_and_show_their_history() {
    let tule = Tule::start(&["--executor", "process"]);
    let states = aws_sdk_sfn::Client::from_conf(config!(aws_sdk_sfn, tule).build());
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"done": true}, "End": true}}}"#;
    let role = "arn:aws:iam::000000000000:role/r";
    let made = states.create_state_machine().name("m").definition(definition).role_arn(role).send().await.unwrap();
    let started = states.start_execution().state_machine_arn(made.state_machine_arn()).send().await.unwrap();
    loop {
        let described = states.describe_execution().execution_arn(started.execution_arn()).send().await.unwrap();
        if described.status() != &aws_sdk_sfn::types::ExecutionStatus::Running {
            assert_eq!(described.output(), Some(r#"{"done":true}"#));
            break;
        }
    }
    let history = states.get_execution_history().execution_arn(started.execution_arn()).send().await.unwrap();
    let kinds: Vec<_> = history.events().iter().map(|event| event.r#type().as_str().to_owned()).collect();
    assert_eq!(kinds, ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
}
