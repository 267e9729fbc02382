//! Nothing leaves the machine: the core runs in a network of its own whose only way out counts packets.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{io::Write as _, net::UdpSocket, process::Command};

use e2e::{Answer, Tule, skip_or_fail, wait_for};
use serde_json::{Value, json};

/// Set where this test runs itself once more, inside.
const INSIDE: &str = "TULE_TEST_INSIDE";

/// A device with an address and the default route: all that goes out passes it. Kernels without dummy devices have
/// pairs of connected ones. IPv6 is off, since it greets its neighbours by itself.
const WAY_OUT: &str = "
    echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 || exit 77
    ip link set lo up || exit 77
    ip link add out type dummy 2>/dev/null || ip link add out type veth peer name away || exit 77
    if ip link show away >/dev/null 2>&1; then ip link set away up || exit 77; fi
    ip address add 10.99.0.1/24 dev out && ip link set out up && ip route add default via 10.99.0.2 || exit 77
    exec \"$0\" --exact the_core_sends_no_packet_out --nocapture
";

/// Packets that went out so far.
fn sent() -> u64 {
    let devices = std::fs::read_to_string("/proc/net/dev").unwrap();
    let line = devices.lines().find_map(|line| line.trim_start().strip_prefix("out:")).unwrap();
    line.split_whitespace().nth(9).unwrap().parse().unwrap()
}

#[test]
fn the_core_sends_no_packet_out() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let mut outside = Command::new("unshare");
    outside.args(["--net", "sh", "-c", WAY_OUT]).arg(std::env::current_exe().unwrap()).env(INSIDE, "1");
    match outside.output() {
        Err(error) => skip_or_fail(&format!("unshare cannot be run ({error})")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let set_up = output.status.code() != Some(77) && !said.starts_with("unshare:");
            if set_up {
                assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
            } else {
                skip_or_fail(&format!("a network of its own cannot be made here: {}", said.trim()));
            }
        }
    }
}

fn inside() {
    let before = sent();
    let tule = Tule::start(&["--executor", "process"]);
    put(&tule, "/offline", b"");
    put(&tule, "/offline/code.zip", &zipped());
    let members = json!({
        "FunctionName": "greet", "Runtime": "python3.12", "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "S3Bucket": "offline", "S3Key": "code.zip" },
    });
    let made = tule.request(
        "POST",
        "/2015-03-31/functions",
        &[("authorization", &scope("lambda"))],
        &members.to_string(),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let function = &made.value()["FunctionArn"];
    let definition = json!({ "StartAt": "T", "States": {
        "T": { "Type": "Task", "Resource": function, "Next": "W" },
        "W": { "Type": "Wait", "Seconds": 1, "End": true },
    } });
    let machine = json!({ "name": "m", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": definition.to_string() });
    let machine = tule.states("CreateStateMachine", &machine);
    let start = json!({ "stateMachineArn": machine["stateMachineArn"], "input": "{\"name\": \"world\"}" });
    let execution = tule.states("StartExecution", &start);
    let ended = wait_for("the workflow", || {
        let described =
            tule.states("DescribeExecution", &json!({ "executionArn": execution["executionArn"] }));
        (described["status"] != "RUNNING").then_some(described)
    });
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["greeting"], "hello world");
    drop(tule);
    assert_eq!(sent(), before, "packets went out");
    // What does go out is counted: else this test could not fail.
    UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "192.0.2.1:9").unwrap();
    wait_for("the packet to be counted", || (sent() > before).then_some(()));
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h, Signature=0"
    )
}

fn put(tule: &Tule, path: &str, content: &[u8]) {
    let (address, scope, length) = (&tule.address, scope("s3"), content.len());
    let head = format!(
        "PUT {path} HTTP/1.0\r\nhost: {address}\r\nauthorization: {scope}\r\ncontent-length: {length}\r\n\r\n"
    );
    let answer = Answer::parse(&tule.raw(&[head.as_bytes(), content].concat()));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn zipped() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"def handler(event, context):\n    return {'greeting': 'hello ' + event['name']}\n")
        .unwrap();
    zip.finish().unwrap().into_inner()
}
