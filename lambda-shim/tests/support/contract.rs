//! What every executor must do. Each executor's test file runs all of these.

use std::time::{Duration, Instant};

use runtime::{FunctionInvoker, Invocation};
use serde_json::json;

use super::{Rig, tail, value};

pub async fn python_handlers_answer(rig: &Rig) {
    rig.python(
        "f",
        "import os\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    print('hello', event['who'])\n    return \
         {'n': n, 'who': event['who'], 'id': context.aws_request_id, 'arn': context.invoked_function_arn, 'left': \
         context.get_remaining_time_in_millis() > 1000, 'region': os.environ['AWS_REGION'], 'trace': \
         os.environ['_X_AMZN_TRACE_ID'][:7], 'cwd_is_root': os.getcwd() == os.environ['LAMBDA_TASK_ROOT'], 'home': \
         os.path.expanduser('~')[:1]}\n",
    )
    .await;
    let first = rig.invoke("f", json!({"who": "Zoë"})).await;
    assert_eq!(first.function_error, None, "{:?}", first);
    let answer = value(&first);
    assert_eq!((&answer["n"], &answer["who"]), (&json!(1), &json!("Zoë")));
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    assert_eq!(answer["left"], true);
    assert_eq!((&answer["region"], &answer["trace"]), (&json!("us-east-1"), &json!("Root=1-")));
    assert_eq!((&answer["cwd_is_root"], &answer["home"]), (&json!(true), &json!("/")), "a home can be found");
    let log = tail(&first);
    let id = answer["id"].as_str().unwrap();
    let lines: Vec<_> = log.lines().collect();
    assert!(
        lines[0]
            .starts_with("INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: arn:aws:lambda:"),
        "{log}"
    );
    assert_eq!(
        lines[1..4],
        [
            format!("START RequestId: {id} Version: $LATEST"),
            "hello Zoë".into(),
            format!("END RequestId: {id}")
        ]
    );
    assert!(
        lines[4].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")) && lines[4].ends_with(" ms\t"),
        "{log}"
    );
    assert!(lines[4].contains("\tInit Duration: "), "{log}");
    // The same environment serves the next request.
    let second = rig.invoke("f", json!({"who": "b"})).await;
    assert_eq!(value(&second)["n"], 2);
    assert!(!tail(&second).contains("Init"), "{}", tail(&second));
    assert_eq!(rig.lines.streams("f"), 1);
}

pub async fn python_errors_are_awss(rig: &Rig) {
    rig.python(
        "raises",
        "class Odd(Exception):\n    pass\n\ndef handler(event, context):\n    raise Odd('no\\nway')\n",
    )
    .await;
    let outcome = rig.invoke("raises", json!({})).await;
    assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
    let error = value(&outcome);
    assert_eq!((&error["errorMessage"], &error["errorType"]), (&json!("no\nway"), &json!("Odd")));
    assert_eq!(
        error["stackTrace"],
        json!(["  File \"/var/task/index.py\", line 5, in handler\n    raise Odd('no\\nway')\n"])
    );
    assert!(tail(&outcome).contains("[ERROR] Odd: no\nway\nTraceback (most recent call last):\n\u{a0}\u{a0}File \"/var/task/index.py\""), "{}", tail(&outcome));

    rig.create("nowhere", "python3.11", &[("index.py", "")], json!({"Handler": "nope.handler"})).await;
    let outcome = rig.invoke("nowhere", json!({})).await;
    assert_eq!(
        value(&outcome),
        json!({"errorMessage": "Unable to import module 'nope': No module named 'nope'", "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []})
    );
    assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));

    rig.create("no-handler", "python3.11", &[("index.py", "")], json!({})).await;
    let error = value(&rig.invoke("no-handler", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.HandlerNotFound");
    assert_eq!(error["errorMessage"], "Handler 'handler' missing on module 'index'");

    rig.python("strange", "def handler(event, context):\n    return {1, 2}\n").await;
    let error = value(&rig.invoke("strange", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.MarshalError");
    assert_eq!(
        error["errorMessage"],
        "Unable to marshal response: Object of type set is not JSON serializable"
    );
}

pub async fn exits_are_errors_at_once(rig: &Rig) {
    rig.python(
        "leaves",
        "import os\ndef handler(event, context):\n    print('bye', flush=True)\n    os._exit(event)\n",
    )
    .await;
    for (code, text) in
        [(0, "Runtime exited without providing a reason"), (7, "Runtime exited with error: exit status 7")]
    {
        let outcome = rig.invoke("leaves", json!(code)).await;
        let error = value(&outcome);
        assert_eq!(error["errorType"], "Runtime.ExitError");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            message.starts_with("RequestId: ") && message.ends_with(&format!(" Error: {text}")),
            "{message}"
        );
        assert!(tail(&outcome).contains("bye\n"), "{}", tail(&outcome));
        assert!(
            tail(&outcome).contains("\tStatus: error\tError Type: Runtime.ExitError\n"),
            "{}",
            tail(&outcome)
        );
    }
    rig.python("at-init", "import sys\nsys.exit(3)\n").await;
    let error = value(&rig.invoke("at-init", json!({})).await);
    assert!(
        error["errorMessage"].as_str().unwrap().ends_with("Error: Runtime exited with error: exit status 3"),
        "{error}"
    );
    // A start that fails is made once more, as part of the invocation.
    let said = rig.lines.of("at-init");
    for phase in ["init", "invoke"] {
        let end = format!("\tPhase: {phase}\tStatus: error\tError Type: Runtime.ExitError\n");
        assert_eq!(said.matches(&end).count(), 1, "{said}");
    }
    rig.python("killed", "import os\ndef handler(event, context):\n    os.kill(os.getpid(), 9)\n").await;
    let error = value(&rig.invoke("killed", json!({})).await);
    assert!(error["errorMessage"].as_str().unwrap().ends_with("signal: killed"), "{error}");
}

pub async fn timeouts_end_the_environment(rig: &Rig) {
    let source = "import time\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    time.sleep(event)\n    return n\n";
    rig.create("slow", "python3.11", &[("index.py", source)], json!({"Timeout": 1})).await;
    assert_eq!(value(&rig.invoke("slow", json!(0)).await), 1);
    let outcome = rig.invoke("slow", json!(30)).await;
    let error = value(&outcome);
    assert_eq!(
        (&error["errorType"], outcome.function_error.as_deref()),
        (&json!("Sandbox.Timedout"), Some("Unhandled"))
    );
    assert!(
        error["errorMessage"].as_str().unwrap().ends_with(" Error: Task timed out after 1.00 seconds"),
        "{error}"
    );
    assert!(tail(&outcome).contains(" Task timed out after 1.00 seconds\n"), "{}", tail(&outcome));
    assert!(tail(&outcome).trim_end().ends_with("\tStatus: timeout"), "{}", tail(&outcome));
    assert_eq!(value(&rig.invoke("slow", json!(0)).await), 1, "a new environment");
}

pub async fn node_handlers_answer(rig: &Rig) {
    rig.node("async", "exports.handler = async (event, context) => { console.log('hi', event); return {event, v: context.functionVersion}; };").await;
    let outcome = rig.invoke("async", json!({"a": "ü"})).await;
    assert_eq!(value(&outcome), json!({"event": {"a": "ü"}, "v": "$LATEST"}));
    assert!(tail(&outcome).contains("\tINFO\thi { a: 'ü' }\n"), "{}", tail(&outcome));
    rig.node("callback", "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, event + 1), 5); };").await;
    assert_eq!(value(&rig.invoke("callback", json!(1)).await), 2);
    assert_eq!(value(&rig.invoke("callback", json!(2)).await), 3);
    let esm =
        "import { readFileSync } from 'node:fs';\nexport const handler = async () => typeof readFileSync;";
    rig.create("esm", "nodejs20.x", &[("index.mjs", esm)], json!({})).await;
    assert_eq!(value(&rig.invoke("esm", json!(1)).await), "function");
    rig.node("undefined", "exports.handler = async () => {};").await;
    assert_eq!(value(&rig.invoke("undefined", json!(1)).await), json!(null));
}

pub async fn node_errors_are_awss(rig: &Rig) {
    rig.node("throws", "exports.handler = async () => { throw new TypeError('bad'); };").await;
    let outcome = rig.invoke("throws", json!({})).await;
    let error = value(&outcome);
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("TypeError"), &json!("bad")));
    assert_eq!(error["trace"][0], "TypeError: bad");
    assert!(error["trace"][1].as_str().unwrap().contains("/var/task/index.js:1:"), "{error}");
    assert!(
        tail(&outcome)
            .contains("\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"bad\""),
        "{}",
        tail(&outcome)
    );
    rig.create("nowhere-js", "nodejs20.x", &[("index.js", "")], json!({"Handler": "nope.handler"})).await;
    let error = value(&rig.invoke("nowhere-js", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.ImportModuleError");
    assert!(
        error["errorMessage"].as_str().unwrap().starts_with("Error: Cannot find module 'nope'"),
        "{error}"
    );
    rig.node("later", "exports.handler = async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise(r => setTimeout(r, 2000)); };").await;
    let error = value(&rig.invoke("later", json!({})).await);
    assert_eq!(error["errorMessage"], "late", "{error}");
}

/// Writes what it is told, piece by piece: `{"pieces": […], "fail": true, "head": {…}}`, each when it is asked to go on.
pub const STREAMS: &str = r#"
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const wanted = event.body ? JSON.parse(event.body) : event;
  if (wanted.head) stream = awslambda.HttpResponseStream.from(stream, wanted.head);
  for (const piece of wanted.pieces) {
    stream.write(piece);
    await new Promise((done) => setTimeout(done, wanted.wait ?? 0));
  }
  if (wanted.fail) throw new TypeError('in the middle');
  stream.end();
});
"#;

pub async fn responses_are_streamed(rig: &Rig) {
    rig.node("f", STREAMS).await;
    let told = rig.stream("f", json!({"pieces": ["a", "bc", "d"], "wait": 100})).await;
    assert_eq!(told, [json!("a"), json!("bc"), json!("d"), json!({"InvokeComplete": {}})]);
    let told = rig.stream("f", json!({"pieces": ["a"], "wait": 20, "fail": true})).await;
    assert_eq!((&told[0], told.len()), (&json!("a"), 2));
    let complete = &told[1]["InvokeComplete"];
    assert_eq!(complete["ErrorCode"], "Unhandled");
    assert!(complete["ErrorDetails"].as_str().unwrap().contains("in the middle"), "{complete}");
    let told = rig.stream("f", json!({"pieces": [], "fail": true})).await;
    assert!(told[0]["InvokeComplete"]["ErrorDetails"].as_str().unwrap().contains("TypeError"), "{told:?}");
    // Who asks for the whole gets the whole, and a function that does not stream answers in one piece.
    assert_eq!(rig.invoke("f", json!({"pieces": ["a", "b"]})).await.payload, "ab");
    rig.python("whole", "def handler(event, context):\n    return event\n").await;
    assert_eq!(
        rig.stream("whole", json!({"n": 1})).await,
        [json!("{\"n\": 1}"), json!({"InvokeComplete": {}})]
    );
    // Large, and slower read than written.
    let large = "x".repeat(1 << 20);
    let told = rig.stream("f", json!({"pieces": vec![&large; 4]})).await;
    let size: usize = told.iter().filter_map(serde_json::Value::as_str).map(str::len).sum();
    assert_eq!((size, told.last().unwrap()), (4 << 20, &json!({"InvokeComplete": {}})));
    let said = rig.lines.of("f");
    assert_eq!(said.matches("REPORT RequestId").count(), 5, "{said}");
}

/// The smallest program that speaks the Runtime API: bash, without curl. It answers with what it was asked.
pub const PROVIDED: &str = r#"#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%:*}; port=${AWS_LAMBDA_RUNTIME_API#*:}
while true; do
  exec 3<>/dev/tcp/$host/$port
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  id=; length=0
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: };;
      content-length:*) length=${line#*: };;
    esac
  done
  IFS= read -r -N "$length" body <&3
  exec 3>&-
  echo "got $body"
  exec 3<>/dev/tcp/$host/$port
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$id" "${#body}" "$body" >&3
  cat <&3 >/dev/null
  exec 3>&-
done
"#;

pub async fn provided_programs_run(rig: &Rig) {
    rig.create("own", "provided.al2023", &[("bootstrap", PROVIDED)], json!({})).await;
    let outcome = rig.invoke("own", json!({"n": 1})).await;
    assert_eq!(value(&outcome), json!({"n": 1}));
    assert!(tail(&outcome).contains("got {\"n\":1}\n"), "{}", tail(&outcome));
    assert_eq!(value(&rig.invoke("own", json!(2)).await), 2);
    rig.create("none", "provided.al2023", &[("other", "x")], json!({})).await;
    let error = value(&rig.invoke("none", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint", "{error}");
    assert!(error["errorMessage"].as_str().unwrap().contains("Couldn't find valid bootstrap(s)"), "{error}");
    let bootstrap = [("bootstrap", "#!/nowhere/interpreter\n")];
    rig.create("interpreter", "provided.al2023", &bootstrap, json!({})).await;
    let error = value(&rig.invoke("interpreter", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint", "{error}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.ends_with("Error: fork/exec /var/task/bootstrap: no such file or directory"),
        "{message}"
    );
}

pub async fn large_payloads_pass_and_larger_ones_are_refused(rig: &Rig) {
    rig.python(
        "big",
        "def handler(event, context):\n    return 'a' * event if isinstance(event, int) else len(event)\n",
    )
    .await;
    let large = "x".repeat(5 << 20);
    assert_eq!(value(&rig.invoke("big", json!(large)).await), large.len());
    assert_eq!(rig.invoke("big", json!(6 << 20)).await.payload.len(), (6 << 20) + 2);
    for _ in 0..2 {
        let outcome = rig.invoke("big", json!(7 << 20)).await;
        assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
        assert_eq!(
            value(&outcome),
            json!({"errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).", "errorType": "Function.ResponseSizeTooLarge"})
        );
    }
    let refused = rig.refused(Invocation::request_response("big", vec![b' '; (6 << 20) + 1])).await;
    assert_eq!((refused.code.as_ref(), refused.status), ("RequestEntityTooLargeException", 413));
}

pub async fn requests_at_once_have_an_environment_each(rig: &Rig) {
    rig.python("nap", "import time\ndef handler(event, context):\n    time.sleep(2)\n    return event\n")
        .await;
    let began = Instant::now();
    let all = (0..4).map(|number| rig.invoke("nap", json!(number)));
    let answers = futures::future::join_all(all).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(value(answer), number);
    }
    assert!(
        rig.lines.streams("nap") >= 3,
        "{} environments in {:?}",
        rig.lines.streams("nap"),
        began.elapsed()
    );
}

pub async fn a_new_deployment_takes_over(rig: &Rig) {
    rig.python("changes", "def handler(event, context):\n    return 1\n").await;
    assert_eq!(value(&rig.invoke("changes", json!(0)).await), 1);
    rig.settled("changes").await;
    let archive = super::zip(&[(
        "index.py",
        "import os\ndef handler(event, context):\n    return os.environ.get('V', 2)\n",
    )]);
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, archive);
    rig.call("UpdateFunctionCode", json!({"FunctionName": "changes", "ZipFile": encoded})).await.unwrap();
    assert_eq!(value(&rig.invoke("changes", json!(0)).await), 2);
    rig.settled("changes").await;
    let variables = json!({"FunctionName": "changes", "Environment": {"Variables": {"V": "three"}}});
    rig.call("UpdateFunctionConfiguration", variables).await.unwrap();
    assert_eq!(value(&rig.invoke("changes", json!(0)).await), "three");
}

pub async fn an_edited_folder_is_picked_up(rig: &Rig) {
    let (source, installed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let handler = |says: &str| format!("import installed\ndef handler(event, context):\n    return {says}\n");
    std::fs::write(source.path().join("index.py"), handler("installed.NAME")).unwrap();
    std::fs::write(installed.path().join("installed.py"), "NAME = 'installed'\n").unwrap();
    let folders = std::env::join_paths([source.path(), installed.path()]).unwrap();
    let code = json!({"S3Bucket": "hot-reload", "S3Key": folders.to_str().unwrap()});
    rig.create("edited", "python3.11", &[], json!({"Code": code})).await;
    assert_eq!(value(&rig.invoke("edited", json!(0)).await), "installed");
    assert_eq!(value(&rig.invoke("edited", json!(0)).await), "installed");
    assert_eq!(rig.lines.streams("edited"), 1, "nothing was edited");
    // As long as before and within the same second: byte code made of the older file must not be taken.
    std::fs::write(source.path().join("index.py"), handler("'edited in place'")).unwrap();
    assert_eq!(value(&rig.invoke("edited", json!(0)).await), "edited in place");
    std::fs::write(source.path().join("index.py"), handler("'edited twice...'")).unwrap();
    assert_eq!(value(&rig.invoke("edited", json!(0)).await), "edited twice...");
    let nowhere = json!({"S3Bucket": "hot-reload", "S3Key": "relative"});
    let refused = rig.call(
        "UpdateFunctionCode",
        json!({"FunctionName": "edited", "S3Bucket": nowhere["S3Bucket"],
        "S3Key": nowhere["S3Key"]}),
    );
    assert!(refused.await.unwrap_err().message.contains("absolute path of a folder"));
    drop(source);
    let gone = rig.lambda.invoke(&rig.fresh(), Invocation::request_response("edited", "0")).await;
    assert!(gone.unwrap_err().message.contains("could not be read"));
}

pub async fn the_log_holds_what_was_printed_in_order(rig: &Rig) {
    rig.python("prints", "import sys\ndef handler(event, context):\n    for n in range(event):\n        print('line', n)\n    print('err', file=sys.stderr)\n    sys.stdout.write('cut')\n").await;
    let outcome = rig.invoke("prints", json!(20_000)).await;
    let log = rig.lines.of("prints");
    let expected: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    assert!(log.contains(&format!("{expected}err\ncut\nEND RequestId: ")), "{}", tail(&outcome));
}

pub async fn callers_that_go_away_do_not_break_the_environment(rig: &Rig) {
    rig.python("steady", "import time\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    time.sleep(0.2)\n    return n\n").await;
    rig.invoke("steady", json!({})).await;
    let ctx = rig.fresh();
    let cut = rig.lambda.invoke(&ctx, Invocation::request_response("steady", "{}"));
    assert!(tokio::time::timeout(Duration::from_millis(50), cut).await.is_err());
    let answer = value(&rig.invoke("steady", json!({})).await);
    assert!(answer == 3 || answer == 1, "{answer}");
}

pub async fn layers_are_merged_into_opt(rig: &Rig) {
    let first = rig.layer(
        "first",
        &[
            ("python/inlayer.py", "where = 'first'"),
            ("python/lib/python3.11/site-packages/deep.py", "where = 'site-packages'"),
            ("nodejs/node_modules/inlayer/index.js", "exports.where = 'first';"),
            ("bin/tool", "#!/bin/sh\necho from-a-layer\n"),
            ("lib/marker", "1"),
        ],
    );
    let first = first.await;
    let second = rig.layer(
        "second",
        &[
            ("python/inlayer.py", "where = 'second'"),
            ("nodejs/node_modules/inlayer/index.js", "exports.where = 'second';"),
            ("bootstrap", super::contract::PROVIDED),
        ],
    );
    let second = second.await;
    let python = "import os, subprocess, inlayer, deep\ndef handler(event, context):\n    opt = os.environ['LD_LIBRARY_PATH'].split(':')[-1]\n    \
        return [inlayer.where, deep.where, subprocess.check_output('tool').decode(), os.path.exists(opt + '/marker')]\n";
    rig.create("p", "python3.11", &[("index.py", python)], json!({"Layers": [first, second]})).await;
    assert_eq!(
        value(&rig.invoke("p", json!({})).await),
        json!(["second", "site-packages", "from-a-layer\n", true]),
        "the later layer lies above the earlier one"
    );
    let node = "import inlayer from 'inlayer'; import { createRequire } from 'node:module'; \
        export const handler = async () => [inlayer.where, createRequire(import.meta.url)('inlayer').where];";
    let require = "const { where } = require('inlayer'); exports.handler = async () => where;";
    rig.create("c", "nodejs20.x", &[("index.js", require)], json!({"Layers": [second, first]})).await;
    assert_eq!(value(&rig.invoke("c", json!({})).await), "first");
    if rig.lambda.describe().starts_with("process") {
        rig.create("m", "nodejs20.x", &[("index.mjs", node)], json!({"Layers": [second]})).await;
        assert_eq!(value(&rig.invoke("m", json!({})).await), json!(["second", "second"]));
    }
    rig.create("b", "provided.al2023", &[("other", "")], json!({"Layers": [second]})).await;
    assert_eq!(
        value(&rig.invoke("b", json!({"n": 1})).await),
        json!({"n": 1}),
        "a layer may bring the program"
    );
    // A function without its layers any more.
    rig.settled("p").await;
    rig.call("UpdateFunctionConfiguration", json!({"FunctionName": "p", "Layers": []})).await.unwrap();
    assert_eq!(value(&rig.invoke("p", json!({})).await)["errorType"], "Runtime.ImportModuleError");
}

pub async fn environments_are_made_ready_ahead(rig: &Rig) {
    let source = "import os\nprint('begins', flush=True)\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n";
    rig.create("ahead", "python3.11", &[("index.py", source)], json!({"Publish": true})).await;
    let of = json!({"FunctionName": "ahead", "Qualifier": "1"});
    let mut put = of.clone();
    put["ProvisionedConcurrentExecutions"] = json!(2);
    rig.call("PutProvisionedConcurrencyConfig", put).await.unwrap();
    while rig.call("GetProvisionedConcurrencyConfig", of.clone()).await.unwrap()["Status"] != "READY" {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.lines.of("ahead").matches("begins\n").count(), 2);
    let outcome = rig.invoke("ahead:1", json!({})).await;
    assert_eq!(value(&outcome), "provisioned-concurrency");
    assert_eq!(rig.lines.of("ahead").matches("begins\n").count(), 2, "nothing had to be started");
}

/// What a function starts ends with its environment, whatever group it has put itself into.
pub async fn what_a_function_leaves_behind_ends_with_it(rig: &Rig) {
    let source = "import os, subprocess, time\ndef handler(event, context):\n    \
        child = subprocess.Popen(['sleep', '7654321'], start_new_session=True)\n    \
        if event:\n        os.kill(os.getpid(), 11)\n        time.sleep(5)\n    return child.pid\n";
    rig.create("leaves", "python3.11", &[("index.py", source)], json!({"Timeout": 10})).await;
    assert!(value(&rig.invoke("leaves", json!(false)).await).is_u64());
    let error = value(&rig.invoke("leaves", json!(true)).await);
    assert!(error["errorMessage"].as_str().unwrap().ends_with("signal: segmentation fault"), "{error}");
    let began = Instant::now();
    loop {
        let left = std::process::Command::new("pgrep").args(["-f", "^sleep 7654321$"]).output().unwrap();
        if left.stdout.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{}", String::from_utf8_lossy(&left.stdout));
        tokio::task::yield_now().await;
    }
}

/// Paths mean what they mean on Lambda, and what is installed on this machine is not a function's.
pub async fn functions_see_lambdas_folders(rig: &Rig) {
    if rig.lambda.describe().contains("without /var/task") {
        return;
    }
    let layer = rig.layer("seen", &[("python/mine.py", "x = 1"), ("marker", "")]).await;
    let source = "import mine, os, socket, sys\nopen('/tmp/mine', 'w').close()\ndef handler(event, context):\n    return {'file': __file__, \
        'root': os.environ['LAMBDA_TASK_ROOT'], 'cwd': os.getcwd(), 'opt': sorted(os.listdir('/opt')), 'layer': mine.__file__, \
        'tmp': 'mine' in os.listdir('/tmp'), 'name': socket.gethostbyname('sandbox.localdomain')[:4], \
        'site': [p for p in sys.path if 'dist-packages' in p], 'exit': callable(exit)}\n";
    rig.create("seen", "python3.11", &[("index.py", source)], json!({"Layers": [layer]})).await;
    let mut answer = value(&rig.invoke("seen", json!({})).await);
    if rig.lambda.describe().starts_with("docker") {
        // What an image brings is the image's to say.
        answer["site"] = json!([]);
    }
    let none: [&str; 0] = [];
    let expected = json!({"file": "/var/task/index.py", "root": "/var/task", "cwd": "/var/task", "opt": ["marker", "python"],
        "layer": "/opt/python/mine.py", "tmp": true, "name": "127.", "site": none, "exit": true});
    assert_eq!(answer, expected);
    assert!(!std::path::Path::new("/tmp/mine").exists(), "this machine's /tmp is another one");
}

/// Programs that start the runtime in the place of its own script (`AWS_LAMBDA_EXEC_WRAPPER`).
pub async fn wrappers_start_the_runtime(rig: &Rig) {
    let wrapper = "#!/bin/sh\nexport WRAPPED=\"$#\"\nexec \"$@\"\n";
    let layer = rig.layer("wrapper", &[("wrap/it", wrapper)]).await;
    let wrapped = |path: &str| json!({"Layers": [layer], "Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}}});
    let python = "import os\ndef handler(event, context):\n    return os.environ.get('WRAPPED')\n";
    rig.create("w", "python3.11", &[("index.py", python)], wrapped("/opt/wrap/it")).await;
    assert!(value(&rig.invoke("w", json!({})).await).is_string());
    let node = "exports.handler = async () => process.env.WRAPPED;";
    let files = [("index.js", node), ("own", wrapper)];
    rig.create("n", "nodejs20.x", &files, wrapped("/var/task/own")).await;
    assert!(value(&rig.invoke("n", json!({})).await).is_string());
    rig.create("none", "python3.11", &[("index.py", python)], wrapped("/opt/nothing")).await;
    let outcome = rig.invoke("none", json!({})).await;
    let message = value(&outcome)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.ends_with("Runtime exited with error: exit status 127"), "{message}");
    let said = rig.lines.of("none");
    assert!(said.contains("/opt/nothing: does not exist\n"), "{said}");
}

/// Environments on managed instances have several requests at once.
pub async fn managed_environments_work_on_several_requests(rig: &Rig) {
    let capacity = rig.capacity("several", 4).await;
    // Requests of a round wait until there are four of them in their environment.
    let source = "import glob, os, time\nplace = '/tmp/' + os.environ['AWS_LAMBDA_LOG_STREAM_NAME'].split(']')[1]\n\
        def handler(event, context):\n    print(context.aws_request_id)\n    \
        open(f'{place}-{event}-{context.aws_request_id}', 'w').close()\n    \
        while len(glob.glob(f'{place}-{event}-*')) < 4:\n        time.sleep(0.01)\n    \
        return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], os.environ['AWS_LAMBDA_MAX_CONCURRENCY'], context.aws_request_id]\n";
    let extra = json!({"CapacityProviderConfig": capacity, "PublishTo": "LATEST_PUBLISHED", "Timeout": 20});
    rig.create("m", "python3.13", &[("index.py", source)], extra).await;
    rig.active("m", "$LATEST.PUBLISHED").await;
    let one = json!({"FunctionName": "m", "Qualifier": "$LATEST.PUBLISHED", "FunctionScalingConfig":
        {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 1}});
    rig.call("PutFunctionScalingConfig", one).await.unwrap();
    rig.active("m", "$LATEST.PUBLISHED").await;
    let all = futures::future::join_all((0..4).map(|_| rig.invoke("m", json!(1)))).await;
    let again = futures::future::join_all((0..4).map(|_| rig.invoke("m", json!(2)))).await;
    let mut ids = Vec::new();
    for outcome in all.iter().chain(&again) {
        let answer = value(outcome);
        assert_eq!(answer[0], "lambda-managed-instances", "{answer}");
        assert_eq!((&answer[1], outcome.executed_version.as_str()), (&json!("4"), "$LATEST.PUBLISHED"));
        let id = answer[2].as_str().unwrap().to_owned();
        let log = tail(outcome);
        assert!(log.lines().all(|line| line.contains(&id)), "lines of another request: {log}");
        assert!(log.contains("platform.report") && log.lines().count() >= 3, "{log}");
        assert!(!log.contains("billedDurationMs"), "instances are billed, not invocations: {log}");
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), rig.lines.streams("m")), (8, 3), "as many are ready as on AWS, and no more");
}

pub async fn memory_beyond_a_functions_own_is_not_had(rig: &Rig) {
    if rig.lambda.describe().contains("without a limit of memory") {
        return;
    }
    // What is too much waits for its end.
    let source = "import time\ndef handler(event, context):\n    mine = bytearray(event << 20)\n    while event > 128:\n        \
                  time.sleep(1)\n    return len(mine)\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"Timeout": 60})).await;
    assert_eq!(value(&rig.invoke("f", json!(64)).await), 64 << 20);
    let error = value(&rig.invoke("f", json!(200)).await);
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Error: Runtime exited with error: signal: killed"), "{error}");
    let log = rig.lines.of("f");
    assert!(log.contains(&format!("{message}\nRuntime.ExitError\n")), "{log}");
    assert!(log.contains("Memory Size: 128 MB\tMax Memory Used: 128 MB\tStatus: error"), "{log}");
    assert_eq!(value(&rig.invoke("f", json!(1)).await), 1 << 20, "another environment takes over");
}

pub async fn memory_that_forks_have_in_common_counts_once(rig: &Rig) {
    let source = "import os, time\ndef handler(event, context):\n    mine = bytearray(60 << 20)\n    forks = []\n    for _ in \
                  range(3):\n        fork = os.fork()\n        if fork == 0:\n            time.sleep(0.5)\n            \
                  os._exit(len(mine) >> 20)\n        forks.append(fork)\n    return [os.WEXITSTATUS(os.waitpid(fork, \
                  0)[1]) for fork in forks]\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"Timeout": 60})).await;
    assert_eq!(value(&rig.invoke("f", json!({})).await), json!([60, 60, 60]));
}

pub async fn files_have_their_place_and_its_limit(rig: &Rig) {
    if rig.lambda.describe().contains("without /var/task") {
        return;
    }
    let source = "import errno\ndef attempt(name, size):\n    try:\n        with open(name, 'wb') as file:\n            \
                  for _ in range(size):\n                file.write(bytes(1 << 20))\n    except OSError as error:\n        \
                  return errno.errorcode[error.errno]\ndef handler(event, context):\n    return [attempt(name, size) for \
                  name, size in event]\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"Timeout": 60})).await;
    let tried =
        rig.invoke("f", json!([["/tmp/a", 500], ["/tmp/b", 20], ["/a", 0], ["/var/task/a", 0]])).await;
    assert_eq!(value(&tried), json!([null, "ENOSPC", "EROFS", "EROFS"]));
}

/// Runs every test of the contract with the executor that `rig` starts.
#[macro_export]
macro_rules! contract {
    ($module:ident $rig:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(rig) = $rig.await {
                    support::$module::$name(&rig).await;
                    rig.lambda.shutdown().await;
                }
            }
        )*
    };
    ($rig:expr) => {
        $crate::contract! { contract $rig;
            python_handlers_answer,
            python_errors_are_awss,
            exits_are_errors_at_once,
            timeouts_end_the_environment,
            node_handlers_answer,
            node_errors_are_awss,
            provided_programs_run,
            responses_are_streamed,
            large_payloads_pass_and_larger_ones_are_refused,
            requests_at_once_have_an_environment_each,
            a_new_deployment_takes_over,
            an_edited_folder_is_picked_up,
            the_log_holds_what_was_printed_in_order,
            layers_are_merged_into_opt,
            environments_are_made_ready_ahead,
            callers_that_go_away_do_not_break_the_environment,
            wrappers_start_the_runtime,
            functions_see_lambdas_folders,
            memory_beyond_a_functions_own_is_not_had,
            memory_that_forks_have_in_common_counts_once,
            files_have_their_place_and_its_limit,
            what_a_function_leaves_behind_ends_with_it,
            managed_environments_work_on_several_requests,
        }
    };
}
