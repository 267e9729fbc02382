//! Node.js functions behave as with AWS's own runtime: what is expected here was seen of `aws-lambda-ric` 3.3.0, and of
//! 4.0.2 for Node.js 24.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use serde_json::{Value, json};
use support::{Rig, tail, value};

async fn rig() -> Rig {
    Rig::new(ExecutorChoice::Process).await
}

/// What a function answers to `1`, made of one file.
async fn answer(rig: &Rig, name: &str, runtime: &str, source: &str) -> Value {
    rig.create(name, runtime, &[("index.js", source)], json!({})).await;
    value(&rig.invoke(name, json!(1)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_answer_by_promise_by_callback_or_null() {
    let rig = rig().await;
    let cases = [
        ("returns", "exports.handler = () => 'x';", json!(null)),
        ("generates", "exports.handler = function* () { yield 1; };", json!(null)),
        ("thenable", "exports.handler = () => ({ then: (done) => done(2) });", json!(2)),
        ("never", "exports.handler = () => new Promise(() => {});", json!(null)),
        (
            "idle",
            "exports.handler = async () => { setTimeout(() => {}, 1e6).unref(); await new Promise(() => {}); };",
            json!(null),
        ),
        (
            "calls-back-and-returns",
            "exports.handler = async (e, c, done) => { done(null, 3); return 4; };",
            json!(3),
        ),
        ("done", "exports.handler = (e, c) => { setInterval(() => {}, 1e6); c.done(null, 5); };", json!(5)),
        (
            "does-not-wait",
            "exports.handler = (e, c, done) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1e6); \
             done(null, 6); };",
            json!(6),
        ),
        (
            "waits",
            "exports.handler = (e, c, done) => { let n = 0; setTimeout(() => { n = 7; }, 20); done(null, { toJSON: () => n }); };",
            json!(7),
        ),
    ];
    for (name, source, expected) in cases {
        assert_eq!(answer(&rig, name, "nodejs20.x", source).await, expected, "{name}");
        assert_eq!(value(&rig.invoke(name, json!(1)).await), expected, "{name} once more");
        assert_eq!(rig.lines.streams(name), 1, "{name} goes on");
    }
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_never_loads_ends_the_process() {
    let rig = rig().await;
    let source = "await new Promise(() => {});\nexport const handler = async () => 1;";
    rig.create("never", "nodejs20.x", &[("index.mjs", source)], json!({})).await;
    let error = value(&rig.invoke("never", json!(1)).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().ends_with("exit status 13"), "{error}");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_behind_an_answer_ends_the_process_and_not_the_next_invocation() {
    let rig = rig().await;
    let source =
        "let n = 0;\nexports.handler = async () => { Promise.reject(new Error('behind')); return ++n; };";
    for n in 1..=5 {
        if n == 1 {
            assert_eq!(answer(&rig, "rejects", "nodejs20.x", source).await, 1);
        } else {
            assert_eq!(value(&rig.invoke("rejects", json!(1)).await), 1);
        }
        assert_eq!(rig.lines.streams("rejects"), n, "each has its own environment");
    }
    let said = rig.lines.of("rejects");
    let logged = "\tERROR\tUnhandled Promise Rejection \t{\"errorType\":\"Runtime.UnhandledPromiseRejection\",\
        \"errorMessage\":\"Error: behind\",\"reason\":{\"errorType\":\"Error\",\"errorMessage\":\"behind\",\"stack\":[\
        \"Error: behind\",";
    assert_eq!(said.matches(logged).count(), 5, "{said}");
    let rest = "\"promise\":{},\"stack\":[\"Runtime.UnhandledPromiseRejection: Error: behind\",";
    assert_eq!(said.matches(rest).count(), 5, "{said}");

    let streams = "exports.handler = awslambda.streamifyResponse(async (e, stream) => { stream.end('s'); \
        Promise.reject(new Error('behind')); });";
    rig.node("streams", streams).await;
    for _ in 0..2 {
        assert_eq!(rig.stream("streams", json!(1)).await, [json!("s"), json!({"InvokeComplete": {}})]);
    }
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_during_an_invocation_is_its_error() {
    let rig = rig().await;
    let source = "exports.handler = async () => { Promise.reject(new TypeError('now')); await new Promise((done) => setTimeout(done, 1e6)); };";
    let error = answer(&rig, "rejects", "nodejs20.x", source).await;
    assert_eq!(error["errorType"], "Runtime.UnhandledPromiseRejection");
    assert_eq!(error["errorMessage"], "TypeError: now");
    assert_eq!(error["trace"][0], "Runtime.UnhandledPromiseRejection: TypeError: now");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_during_the_start_is_its_error() {
    let rig = rig().await;
    let source = "Promise.reject(new Error('early')); exports.handler = async () => 1;";
    let error = answer(&rig, "rejects", "nodejs20.x", source).await;
    assert_eq!(error["errorType"], "Runtime.UnhandledPromiseRejection");
    assert_eq!(error["errorMessage"], "Error: early");

    let error = answer(&rig, "syntax", "nodejs20.x", "exports.handler = async () => { no good").await;
    assert_eq!(error["errorType"], "Runtime.UserCodeSyntaxError");
    let first = error["trace"][0].as_str().unwrap();
    assert!(first.starts_with("Runtime.UserCodeSyntaxError: SyntaxError: "), "{error}");

    let error =
        answer(&rig, "requires", "nodejs20.x", "require('nope'); exports.handler = async () => 1;").await;
    let first = error["trace"][0].as_str().unwrap();
    assert_eq!(first, "Runtime.ImportModuleError: Error: Cannot find module 'nope'", "{error}");
    let said = rig.lines.of("requires");
    assert!(
        said.contains("Uncaught Exception \t{\"errorType\":\"Runtime.ImportModuleError\"")
            && !said.contains("\"name\""),
        "{said}"
    );

    rig.create("imports", "nodejs20.x", &[("index.mjs", "import 'nope';")], json!({})).await;
    let error = value(&rig.invoke("imports", json!(1)).await);
    assert_eq!(error["errorType"], "Error", "{error}");
    assert!(
        error["errorMessage"].as_str().unwrap().starts_with("Cannot find package 'nope' imported from "),
        "{error}"
    );
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_thrown_is_told_as_awss_runtime_tells_it() {
    let rig = rig().await;
    let source = "exports.handler = async (what) => {
      if (what === 'bare') { const error = new Error('m'); error.stack = undefined; throw error; }
      throw what;
    };";
    rig.node("throws", source).await;
    for (thrown, kind, message) in [
        (json!("str"), "string", "str"),
        (json!(5), "number", "5"),
        (json!({"a": 1}), "object", "[object Object]"),
    ] {
        let outcome = rig.invoke("throws", thrown).await;
        assert_eq!(value(&outcome), json!({"errorType": kind, "errorMessage": message, "trace": []}));
        let logged = format!(
            "\tERROR\tInvoke Error \t{{\"errorType\":\"Error\",\"errorMessage\":\"{message}\",\"stack\":[\"Error: {message}\","
        );
        assert!(tail(&outcome).contains(&logged), "{}", tail(&outcome));
    }
    let outcome = rig.invoke("throws", json!("bare")).await;
    let problem = "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
    assert_eq!(value(&outcome), json!({"errorType": "handled", "errorMessage": problem}));
    let logged = "\tInvoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"m\"}\n";
    assert!(tail(&outcome).contains(logged), "{}", tail(&outcome));
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_in_json_hold_errors() {
    let rig = rig().await;
    let source = "exports.handler = async () => {
      console.error(new TypeError('alone'));
      console.error('with', new RangeError('others'), { x: 1 });
      console.log({ within: new Error('one') });
      console.log(1n);
      throw 'text';
    };";
    let extra = json!({"LoggingConfig": {"LogFormat": "JSON"}});
    rig.create("f", "nodejs20.x", &[("index.js", source)], extra).await;
    rig.invoke("f", json!(1)).await;
    let lines = rig.lines.of("f");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> = lines.iter().filter(|line| line["level"].is_string()).collect();
    let alone = &said[0]["message"];
    assert_eq!((&alone["errorType"], &alone["errorMessage"]), (&json!("TypeError"), &json!("alone")));
    assert_eq!(alone["stackTrace"][0], "TypeError: alone");
    let others = said[1];
    assert!(others["message"].as_str().unwrap().starts_with("with RangeError: others\n"), "{others}");
    assert_eq!((&others["errorType"], &others["errorMessage"]), (&json!("RangeError"), &json!("others")));
    assert_eq!(others["stackTrace"][0], "RangeError: others");
    assert_eq!(said[2]["message"]["within"]["errorMessage"], "one");
    assert_eq!(said[3]["message"], "1n");
    assert_eq!(said[4]["message"]["errorMessage"], "text");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_when_the_handler_ends_them() {
    let rig = rig().await;
    let source = "exports.handler = awslambda.streamifyResponse((what, stream) => {
      if (what === 'not-async') { stream.write('a'); return; }
      return (async () => {
        if (what === 'json') { stream.write({ a: 1 }); stream.end(); return 5; }
        if (what === 'later') { stream.write('a'); setTimeout(() => stream.end('b'), 20); }
        if (what === 'destroys') { stream.write('a'); stream.destroy(); }
        if (what === 'ended') { stream.end('a'); throw new Error('too late'); }
      })();
    });";
    rig.node("f", source).await;
    assert_eq!(rig.invoke("f", json!("json")).await.payload, "{\"a\":1}");
    assert!(rig.lines.of("f").contains("\tWARN\tStreaming handlers ignore return values.\n"));
    assert_eq!(rig.invoke("f", json!("later")).await.payload, "ab");
    assert_eq!(rig.invoke("f", json!("ended")).await.payload, "a");
    let told = rig.invoke("f", json!("not-async")).await;
    assert_eq!(value(&told)["errorMessage"], "Streaming does not support non-async handlers.");
    let told = rig.invoke("f", json!("destroys")).await;
    assert_eq!(value(&told)["errorMessage"], "Response stream is not finished.");
    assert_eq!(rig.lines.streams("f"), 1);
    // AWS's runtime waits for the end as well.
    rig.create("never", "nodejs20.x", &[("index.js", source)], json!({"Timeout": 1})).await;
    assert_eq!(value(&rig.invoke("never", json!("never")).await)["errorType"], "Sandbox.Timedout");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_24_knows_no_callbacks() {
    let rig = rig().await;
    let node = "nodejs24.x";
    let error = answer(&rig, "calls-back", node, "exports.handler = (e, c, done) => done(null, 1);").await;
    assert_eq!(error["errorType"], "Runtime.CallbackHandlerDeprecated");
    let message = "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ";
    assert!(error["errorMessage"].as_str().unwrap().starts_with(message), "{error}");
    let said = rig.lines.of("calls-back");
    assert!(
        said.contains("\t-\tERROR\tInit Error \t{\"errorType\":\"Runtime.CallbackHandlerDeprecated\""),
        "{said}"
    );

    let source = "exports.handler = (e, context) => Object.keys(context).concat(typeof context.done);";
    let keys = answer(&rig, "context", node, source).await;
    let has = |key: &str| keys.as_array().unwrap().contains(&json!(key));
    assert!(has("awsRequestId") && has("xRayTraceId") && has("undefined"), "{keys}");
    assert!(!has("succeed") && !has("callbackWaitsForEmptyEventLoop"), "{keys}");

    let error = answer(&rig, "never", node, "exports.handler = () => new Promise(() => {});").await;
    assert!(
        error["errorMessage"].as_str().unwrap().ends_with("Runtime exited without providing a reason"),
        "{error}"
    );
    let source = "exports.handler = async () => { Promise.reject(new Error('behind')); return 1; };";
    let error = answer(&rig, "rejects", node, source).await;
    assert!(error["errorMessage"].as_str().unwrap().ends_with("exit status 1"), "{error}");
    rig.lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_the_console_are_lines_of_their_own() {
    let rig = rig().await;
    let source = "exports.handler = async () => { process.stdout.write('open'); console.log('own'); \
        process.stdout.write(Buffer.from('ended\\n')); console.log('next'); };";
    rig.node("f", source).await;
    let outcome = rig.invoke("f", json!(1)).await;
    let said = tail(&outcome);
    let lines: Vec<_> = said.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    let at = lines.iter().position(|line| *line == "open").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(lines[at..at + 4], ["open", "own", "ended", "next"], "{said}");
    rig.lambda.shutdown().await;
}
