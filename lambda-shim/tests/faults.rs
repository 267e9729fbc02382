//! Functions that misuse the Runtime API or misbehave: nothing hangs or leaks, and other functions go on.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::time::{Duration, Instant};

use lambda_shim::ExecutorChoice;
use serde_json::json;
use support::{Rig, processes_of, value};

/// A rig with a function of which each test sees that it goes on.
async fn rig() -> Rig {
    let rig = Rig::new(ExecutorChoice::Process).await;
    rig.python("other", "def handler(event, context):\n    return event\n").await;
    assert_eq!(value(&rig.invoke("other", json!(1)).await), 1);
    rig
}

async fn goes_on(rig: &Rig) {
    assert_eq!(value(&rig.invoke("other", json!(2)).await), 2);
    assert_eq!(rig.lines.streams("other"), 1, "in the same environment");
}

/// Speaks to the Runtime API from inside of a handler.
const RAW: &str = r"
import http.client, json, os, socket
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
base = '/2018-06-01/runtime/invocation/'

def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, base + path, body, headers)
    answer = connection.getresponse()
    return [answer.status, json.loads(answer.read())['errorType'] if answer.status >= 400 else None]
";

async fn raw(rig: &Rig, name: &str, handler: &str) {
    rig.create(name, "python3.11", &[("index.py", &format!("{RAW}\n{handler}"))], json!({"Timeout": 20}))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_out_of_turn_are_refused() {
    let rig = rig().await;
    let handler = "def handler(event, context):\n    mine = context.aws_request_id\n    return [call('GET', 'next'), \
        call('POST', 'no-such-id/response', '1'), call('POST', 'no-such-id/error', '1'), \
        call('POST', mine + '/response', '1', {'Lambda-Runtime-Function-Response-Mode': 'other'})]\n";
    raw(&rig, "turns", handler).await;
    for _ in 0..2 {
        let expected = json!([
            [403, "InvalidStateTransition"],
            [400, "InvalidRequestID"],
            [400, "InvalidRequestID"],
            [400, "Runtime.InvalidResponseModeHeader"]
        ]);
        assert_eq!(value(&rig.invoke("turns", json!({})).await), expected);
    }
    assert_eq!(rig.lines.streams("turns"), 1, "the environment is none the worse for it");
    goes_on(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_answer_is_refused_and_changes_nothing() {
    let rig = rig().await;
    // The client's own answer is the second one: it is refused, and the client ends as AWS's does.
    let handler = "def handler(event, context):\n    print(call('POST', context.aws_request_id + '/response', '\"first\"'))\n    \
        print(call('POST', context.aws_request_id + '/response', '\"second\"'))\n    return 'third'\n";
    raw(&rig, "twice", handler).await;
    for _ in 0..2 {
        assert_eq!(value(&rig.invoke("twice", json!({})).await), "first");
    }
    assert!(rig.lines.of("twice").contains("[403, 'InvalidStateTransition']\n"), "{}", rig.lines.of("twice"));
    goes_on(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_answer_is_none() {
    let rig = rig().await;
    let handler = "def handler(event, context):\n    s = socket.create_connection((host, int(port)))\n    \
        mode = 'Lambda-Runtime-Function-Response-Mode: streaming\\r\\n' if event else ''\n    \
        s.sendall(('POST ' + base + context.aws_request_id + '/response HTTP/1.1\\r\\nHost: x\\r\\n' + mode + \
        'Transfer-Encoding: chunked\\r\\n\\r\\nff\\r\\nhalf').encode())\n    import time\n    time.sleep(0.3)\n    s.close()\n    time.sleep(0.2)\n    return 'whole'\n";
    raw(&rig, "half", handler).await;
    assert_eq!(value(&rig.invoke("half", json!(false)).await), "whole");
    // A stream that breaks off is a failure, soon, and the next request gets another environment.
    let told = rig.stream("half", json!(true)).await;
    let last = &told.last().unwrap()["InvokeComplete"];
    assert!(last["ErrorCode"].is_string(), "{told:?}");
    assert!(!last["ErrorDetails"].as_str().unwrap().contains("timed out"), "{told:?}");
    assert_eq!(value(&rig.invoke("half", json!(false)).await), "whole");
    goes_on(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_output_holds_up_nobody_else() {
    let rig = rig().await;
    let source = "import os\ndef handler(event, context):\n    line = b'#' * 65535 + b'\\n'\n    for _ in range(1600):\n        os.write(1, line)\n    return 'done'\n";
    rig.create("flood", "python3.11", &[("index.py", source)], json!({"Timeout": 60})).await;
    let (flood, ()) = tokio::join!(rig.invoke("flood", json!({})), async {
        for _ in 0..20 {
            goes_on(&rig).await;
        }
    });
    assert_eq!(value(&flood), "done");
    assert_eq!(rig.lines.of("flood").matches('#').count(), 1600 * 65535);
    assert!(support::tail(&flood).len() <= 4096);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_by_a_signal_are_told_by_its_name() {
    let rig = rig().await;
    let source = "import ctypes, os\ndef handler(event, context):\n    if event == 'segfault':\n        ctypes.string_at(0)\n    os.kill(os.getpid(), event)\n";
    rig.python("crash", source).await;
    for (event, name) in
        [(json!("segfault"), "segmentation fault"), (json!(6), "aborted"), (json!(9), "killed")]
    {
        let error = value(&rig.invoke("crash", event).await);
        assert_eq!(error["errorType"], "Runtime.ExitError");
        let text = error["errorMessage"].as_str().unwrap();
        assert!(text.ends_with(&format!("Runtime exited with error: signal: {name}")), "{text}");
    }
    goes_on(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_ignores_the_end_is_ended() {
    let rig = rig().await;
    // With an extension the runtime is asked to end; this one, its child and the extension take no notice.
    let layer = rig.layer("stubborn", &[("extensions/agent", include_str!("support/extension.py"))]).await;
    let source = "import os, signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        child = subprocess.Popen(['sleep', '300'], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))\n\
        def handler(event, context):\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n";
    let extra = json!({"Layers": [layer], "Environment": {"Variables": {"MODE": "stays"}}});
    rig.create("stubborn", "python3.11", &[("index.py", source)], extra).await;
    let stream = value(&rig.invoke("stubborn", json!({})).await);
    let stream = stream.as_str().unwrap();
    assert_eq!(processes_of(stream).len(), 3, "runtime, child and extension");
    rig.settled("stubborn").await;
    rig.call("UpdateFunctionConfiguration", json!({"FunctionName": "stubborn", "MemorySize": 256}))
        .await
        .unwrap();
    let began = Instant::now();
    while !processes_of(stream).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?} live on", processes_of(stream));
        tokio::task::yield_now().await;
    }
    goes_on(&rig).await;
    // Shutting down waits for those that end in order, and no longer.
    rig.invoke("stubborn", json!({})).await;
    let began = Instant::now();
    rig.lambda.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
