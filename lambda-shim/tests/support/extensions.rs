//! What every executor must do with extensions and telemetry. Each executor's test file runs all of these.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Rig, tail, value};

/// Registers, prints what it is told, and does wrong what `MODE` says.
const EXTENSION: &str = include_str!("extension.py");

const HANDLER: &str = "import logging, os, sys\ndef handler(event, context):\n    print('said', event)\n    sys.stdout.flush()\n    \
    if event == 'fail':\n        raise ValueError('no')\n    if event == 'exit':\n        os._exit(4)\n    return event\n";

/// Makes a function with one extension, called `agent`.
async fn with_extension(rig: &Rig, name: &str, variables: Value, extra: Value) {
    let layer = rig.layer(&format!("layer-{name}"), &[("extensions/agent", EXTENSION)]).await;
    let mut members = json!({"Layers": [layer], "Environment": {"Variables": variables}, "Timeout": 10});
    if let (Some(members), Value::Object(extra)) = (members.as_object_mut(), extra) {
        members.extend(extra);
    }
    rig.create(name, "python3.11", &[("index.py", HANDLER)], members).await;
}

/// Waits until the function's log has `text`.
async fn said(rig: &Rig, name: &str, text: &str) -> String {
    let began = Instant::now();
    loop {
        let log = rig.lines.of(name);
        if log.contains(text) {
            return log;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{text} was not said: {log}");
        tokio::task::yield_now().await;
    }
}

/// Ends the environments of a function in order.
async fn update(rig: &Rig, name: &str) {
    rig.settled(name).await;
    let members = json!({"FunctionName": name, "Description": "changed", "MemorySize": 256});
    rig.call("UpdateFunctionConfiguration", members).await.unwrap();
}

/// What the extension said that it was told of telemetry.
fn told(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| line.strip_prefix("ext: told "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub async fn extensions_live_with_their_function(rig: &Rig) {
    with_extension(rig, "lives", json!({}), json!({})).await;
    let outcome = rig.invoke("lives", json!("x")).await;
    assert_eq!(value(&outcome), "x");
    let log = said(rig, "lives", "REPORT RequestId").await;
    let registered = "ext: registered 200 {\"functionName\":\"lives\",\"functionVersion\":\"$LATEST\",\"handler\":\"index.handler\",\"accountId\":\"000000000000\"}\n";
    assert!(log.contains(registered), "{log}");
    assert!(log.contains("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"), "{log}");
    let event = log.lines().find_map(|line| line.strip_prefix("ext: event - ")).unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["eventType"], "INVOKE");
    assert_eq!(event["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:lives");
    assert_eq!(event["tracing"]["type"], "X-Amzn-Trace-Id");
    assert!(event["deadlineMs"].as_u64().unwrap() > 1_700_000_000_000, "{event}");
    assert!(log.contains(&format!("START RequestId: {} ", event["requestId"].as_str().unwrap())), "{log}");
    // The environment is used again, and its extension is told again.
    assert_eq!(value(&rig.invoke("lives", json!("y")).await), "y");
    assert_eq!(rig.lines.streams("lives"), 1);
    update(rig, "lives").await;
    assert_eq!(value(&rig.invoke("lives", json!("z")).await), "z");
    let log = said(rig, "lives", "ext: goes agent\n").await;
    assert!(log.contains("\"eventType\": \"SHUTDOWN\", \"shutdownReason\": \"spindown\"}"), "{log}");
}

pub async fn answers_do_not_wait_for_extensions(rig: &Rig) {
    with_extension(rig, "slow-agent", json!({"MODE": "slow"}), json!({})).await;
    rig.invoke("slow-agent", json!(0)).await;
    said(rig, "slow-agent", "REPORT RequestId").await;
    assert_eq!(value(&rig.invoke("slow-agent", json!(1)).await), 1);
    let reports = rig.lines.of("slow-agent").matches("REPORT RequestId").count();
    assert_eq!(reports, 1, "it is answered before its extension has ended it");
    // The environment is not free before its extension is: the next request starts another one or waits.
    assert_eq!(value(&rig.invoke("slow-agent", json!(2)).await), 2);
    loop {
        let log = rig.lines.of("slow-agent");
        let reports: Vec<_> = log.lines().filter(|line| line.starts_with("REPORT")).collect();
        if reports.len() == 3 {
            // What an extension takes longer than its function is billed.
            for report in reports {
                let (_, duration) = report.split_once("\tDuration: ").unwrap();
                let duration: f64 = duration.split_once(" ms").unwrap().0.parse().unwrap();
                assert!(duration >= 1000.0, "{log}");
            }
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn failing_extensions_fail_their_function(rig: &Rig) {
    let cases = [
        ("crash", "Extension.Crash", "exit status 7", "State: Ready"),
        ("exit-error", "Extension.ExitError", "exit status 1", "State: Ready"),
        (
            "init-error",
            "Extension.InitError",
            "exit status 1",
            "State: InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.NoConfig",
        ),
        ("leave-early", "Extension.Crash", "exit status 3", "State: Started\tEvents: []"),
    ];
    for (mode, kind, message, state) in cases {
        with_extension(rig, mode, json!({"MODE": mode}), json!({})).await;
        // A crash in the invocation and the function's answer are a race; what follows is none.
        let outcome = rig.invoke(mode, json!("x")).await;
        if outcome.function_error.is_some() {
            let error = value(&outcome);
            assert_eq!(error["errorType"], kind, "{mode}: {error}");
            let text = error["errorMessage"].as_str().unwrap();
            assert!(
                text.starts_with("RequestId: ") && text.ends_with(&format!(" Error: {message}")),
                "{text}"
            );
        } else {
            assert!(mode == "crash" || mode == "exit-error", "{mode}");
        }
        let log = said(rig, mode, &format!("\tStatus: error\tError Type: {kind}\n")).await;
        assert!(log.contains(&format!("EXTENSION\tName: agent\t{state}")), "{mode}: {log}");
        if mode.ends_with("early") || mode == "init-error" {
            for phase in ["init", "invoke"] {
                let report = format!("\tPhase: {phase}\tStatus: error\tError Type: {kind}\n");
                assert!(log.contains(&report), "{mode}: {log}");
            }
        }
    }
    // A file that is no program.
    let layer = rig.layer("no-program", &[("extensions/agent", "#!/no/such/program\n")]).await;
    rig.create("no-program", "python3.11", &[("index.py", HANDLER)], json!({"Layers": [layer]})).await;
    let error = value(&rig.invoke("no-program", json!(1)).await);
    assert_eq!(error["errorType"], "Extension.LaunchError", "{error}");
    let text = error["errorMessage"].as_str().unwrap();
    assert!(text.ends_with("fork/exec /opt/extensions/agent: no such file or directory"), "{text}");
    // More than there may be.
    let many: Vec<_> = (0..11).map(|number| format!("extensions/e{number:02}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), EXTENSION)).collect();
    let layer = rig.layer("many", &many).await;
    rig.create("many", "python3.11", &[("index.py", HANDLER)], json!({"Layers": [layer]})).await;
    let error = value(&rig.invoke("many", json!(1)).await);
    assert_eq!(error["errorType"], "Extension.LaunchError", "{error}");
    assert!(rig.lines.of("many").contains("State: LaunchError\tEvents: []\tError Type: TooManyExtensions\n"));
}

pub async fn environments_with_extensions_end_in_order(rig: &Rig) {
    // The runtime's end, and a timeout: extensions learn of both, and those that stay are ended.
    with_extension(rig, "exits", json!({}), json!({})).await;
    let error = value(&rig.invoke("exits", json!("exit")).await);
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    said(rig, "exits", "\"shutdownReason\": \"failure\"}").await;
    said(rig, "exits", "ext: goes agent\n").await;
    assert_eq!(value(&rig.invoke("exits", json!("x")).await), "x");

    with_extension(rig, "stays", json!({"MODE": "stays"}), json!({"Timeout": 2})).await;
    assert_eq!(value(&rig.invoke("stays", json!("x")).await), "x");
    update(rig, "stays").await;
    rig.invoke("stays", json!("y")).await;
    said(rig, "stays", "\"shutdownReason\": \"spindown\"}").await;

    // One that does not ask for more in time: the function has answered, and its environment ends.
    with_extension(rig, "hangs", json!({"MODE": "hangs"}), json!({"Timeout": 2})).await;
    assert_eq!(value(&rig.invoke("hangs", json!("x")).await), "x");
    let log = said(rig, "hangs", "\tStatus: timeout\n").await;
    assert!(log.contains(" Task timed out after 2.00 seconds\n"), "{log}");
    assert_eq!(value(&rig.invoke("hangs", json!("y")).await), "y");
    assert_eq!(rig.lines.streams("hangs"), 2);
}

pub async fn the_extensions_api_refuses_as_awss(rig: &Rig) {
    with_extension(rig, "probes", json!({"MODE": "probe"}), json!({})).await;
    rig.invoke("probes", json!("x")).await;
    let log = rig.lines.of("probes");
    let kinds: Vec<_> = log
        .lines()
        .filter_map(|line| line.strip_prefix("ext: probe 403 "))
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["errorType"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "Extension.MissingExtensionIdentifier",
            "Extension.InvalidExtensionIdentifier",
            "Extension.UnknownExtensionIdentifier",
            "Extension.InvalidExtensionName",
            "Extension.InvalidExtensionState",
            "Extension.InvalidEventType",
            "Extension.MissingHeader",
        ],
        "{log}"
    );
}

pub async fn telemetry_is_delivered(rig: &Rig) {
    let wanted = json!({"schemaVersion": "2022-12-13", "types": ["platform", "function"], "buffering": {"timeoutMs": 25}});
    with_extension(rig, "tells", json!({"TELEMETRY": wanted.to_string()}), json!({})).await;
    assert_eq!(value(&rig.invoke("tells", json!("x")).await), "x");
    let log = said(rig, "tells", "\"type\": \"platform.report\"").await;
    assert!(log.contains("ext: subscribed 200 \"OK\"\n"), "{log}");
    assert!(log.contains("ext: refused 400 {\"errorMessage\":\"schemaVersion should be one of "), "{log}");
    assert!(
        log.contains("TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n"),
        "{log}"
    );
    let told = told(&log);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.telemetrySubscription",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ];
    assert_eq!(kinds, expected, "{log}");
    let record = |kind: &str| told.iter().find(|event| event["type"] == kind).unwrap()["record"].clone();
    let start = record("platform.initStart");
    assert_eq!((&start["initializationType"], &start["phase"]), (&json!("on-demand"), &json!("init")));
    assert_eq!(
        (&start["functionName"], &start["runtimeVersion"]),
        (&json!("tells"), &json!("python:3.11.v1"))
    );
    assert_eq!(record("platform.initReport")["status"], "success");
    assert_eq!(
        record("platform.extension"),
        json!({"name": "agent", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]})
    );
    assert_eq!(record("function"), "said x");
    let done = record("platform.runtimeDone");
    assert_eq!((&done["status"], &done["metrics"]["producedBytes"]), (&json!("success"), &json!(3)));
    let spans: Vec<_> = done["spans"].as_array().unwrap().iter().map(|span| span["name"].clone()).collect();
    assert_eq!(spans, ["responseLatency", "responseDuration", "runtimeOverhead"]);
    let report = record("platform.report");
    assert_eq!((&report["requestId"], &report["status"]), (&done["requestId"], &json!("success")));
    assert!(report["metrics"]["initDurationMs"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["spans"][0]["name"], "extensionOverhead");
}

pub async fn telemetry_is_there_before_the_end(rig: &Rig) {
    // With a buffer that would be kept for half a minute.
    let wanted =
        json!({"schemaVersion": "2025-01-29", "types": ["function"], "buffering": {"timeoutMs": 30000}});
    let logging = json!({"LoggingConfig": {"LogFormat": "JSON"}});
    with_extension(rig, "flushes", json!({"TELEMETRY": wanted.to_string()}), logging).await;
    rig.invoke("flushes", json!("fail")).await;
    update(rig, "flushes").await;
    rig.invoke("flushes", json!("x")).await;
    let log = said(rig, "flushes", "ext: goes agent\n").await;
    let told = told(&log);
    assert!(!told.is_empty(), "{log}");
    assert_eq!(told[0]["record"], "said fail", "{log}");
    assert_eq!(told[1]["record"]["level"], "ERROR", "objects of JSON stay objects: {log}");
    assert!(log.find("ext: told").unwrap() < log.find("SHUTDOWN\", \"shutdownReason").unwrap(), "{log}");
}

pub async fn the_logs_api_is_served_too(rig: &Rig) {
    let wanted = json!({"protocol": "TCP", "path": "/2020-08-15/logs", "schemaVersion": "2020-08-15", "types": ["platform", "function"], "buffering": {"timeoutMs": 25}});
    with_extension(rig, "logs", json!({"TELEMETRY": wanted.to_string()}), json!({})).await;
    rig.invoke("logs", json!("x")).await;
    let log = said(rig, "logs", "\"type\": \"platform.report\"").await;
    assert!(log.contains("LOGS\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n"), "{log}");
    let told = told(&log);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "platform.logsSubscription",
        "platform.extension",
        "platform.start",
        "function",
        "platform.end",
        "platform.report",
    ];
    assert_eq!(kinds, expected, "{log}");
    assert!(told.last().unwrap()["record"]["status"].is_null(), "{log}");
}

/// An extension in the runtime's own process.
pub async fn internal_extensions_are_served(rig: &Rig) {
    let source = "import json, os, threading, urllib.request\napi = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2020-01-01/extension/'\n\
        def call(path, body, **headers):\n    headers = {'Lambda-Extension-' + k: v for k, v in headers.items()}\n    \
        with urllib.request.urlopen(urllib.request.Request(api + path, body, headers)) as a:\n        return a.headers, a.read()\n\
        headers, _ = call('register', b'{\"events\": [\"INVOKE\"]}', Name='inside')\nme = headers['Lambda-Extension-Identifier']\nseen = []\n\
        def run():\n    while True:\n        seen.append(json.loads(call('event/next', None, Identifier=me)[1])['eventType'])\n\
        threading.Thread(target=run, daemon=True).start()\n\
        def handler(event, context):\n    import time\n    while not seen:\n        time.sleep(0.01)\n    return seen\n";
    rig.python("inside", source).await;
    assert_eq!(value(&rig.invoke("inside", json!(1)).await), json!(["INVOKE"]));
    let log = said(rig, "inside", "REPORT RequestId").await;
    assert!(log.contains("EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]\n"), "{log}");
    let outcome = rig.invoke("inside", json!(2)).await;
    assert!(outcome.function_error.is_none() && tail(&outcome).contains("START RequestId"), "{outcome:?}");
}

pub async fn snapshots_run_their_hooks(rig: &Rig) {
    let source = "import os\nfrom snapshot_restore_py import register_before_snapshot, register_after_restore\nseen = []\n\
        @register_before_snapshot\ndef before():\n    seen.append('before')\n\n\
        @register_after_restore\ndef after():\n    if os.environ.get('FAIL'):\n        raise ValueError('stale')\n    seen.append('after')\n\n\
        def handler(event, context):\n    return seen + [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']]\n";
    let snap_start = json!({"SnapStart": {"ApplyOn": "PublishedVersions"}});
    rig.create("snap", "python3.12", &[("index.py", source)], snap_start.clone()).await;
    assert_eq!(value(&rig.invoke("snap", json!(1)).await), json!(["on-demand"]), "$LATEST has no snapshot");
    rig.settled("snap").await;
    let published = rig.call("PublishVersion", json!({"FunctionName": "snap"})).await.unwrap();
    assert_eq!((&published["State"], &published["Version"]), (&json!("Pending"), &json!("1")));
    let outcome = rig.invoke("snap:1", json!(1)).await;
    assert_eq!(value(&outcome), json!(["before", "after", "snap-start"]), "{outcome:?}");
    let of_version = json!({"FunctionName": "snap", "Qualifier": "1"});
    let shown = rig.call("GetFunctionConfiguration", of_version).await.unwrap();
    assert_eq!(
        (&shown["State"], &shown["SnapStart"]["OptimizationStatus"]),
        (&json!("Active"), &json!("On"))
    );
    let log = said(rig, "snap", "\tRestore Duration: ").await;
    for line in [
        "RESTORE_START Runtime Version: python:3.12.v1\t",
        "RESTORE_REPORT Restore Duration: ",
        "ms\tPhase: init\n",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(log.contains(" ms\tBilled Restore Duration: "), "{log}");

    let mut broken = snap_start;
    broken["Environment"] = json!({"Variables": {"FAIL": "1"}});
    broken["Publish"] = json!(true);
    rig.create("stale", "python3.12", &[("index.py", source)], broken).await;
    let outcome = rig.invoke("stale:1", json!(1)).await;
    assert_eq!(value(&outcome)["errorMessage"], "stale", "{outcome:?}");
    let log = rig.lines.of("stale");
    assert!(log.contains("\tStatus: error\tError Type: ValueError\n"), "{log}");

    // A version whose start fails has no snapshot.
    let extra = json!({"SnapStart": {"ApplyOn": "PublishedVersions"}, "Publish": true});
    rig.create("broken", "python3.12", &[("index.py", "raise ValueError('no')")], extra).await;
    let refused = rig.refused(runtime::Invocation::request_response("broken:1", "{}")).await;
    assert!(refused.message.contains("Failed. The function failed to initialize: "), "{refused}");
}

/// Runs every test of this file with the executor that `rig` starts.
#[macro_export]
macro_rules! extensions_contract {
    ($rig:expr) => {
        $crate::contract! { extensions $rig;
            extensions_live_with_their_function,
            answers_do_not_wait_for_extensions,
            failing_extensions_fail_their_function,
            environments_with_extensions_end_in_order,
            the_extensions_api_refuses_as_awss,
            telemetry_is_delivered,
            telemetry_is_there_before_the_end,
            the_logs_api_is_served_too,
            internal_extensions_are_served,
            snapshots_run_their_hooks,
        }
    };
}
