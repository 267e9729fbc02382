//! The core of shards, on a clock that tests move.

use serde_json::json;

use super::*;

fn settings() -> StreamSettings {
    StreamSettings {
        batch_size: 3,
        window: Duration::ZERO,
        lanes: 1,
        retries: None,
        maximum_age: None,
        bisect: false,
        report: false,
        tumbling: None,
    }
}

fn item(sequence: u32, arrived: i64, key: &str) -> Item {
    let sequence = sequence.to_string();
    Item {
        event: format!("{{\"n\":{sequence}}}"),
        sequence,
        arrived: Timestamp(arrived),
        key: key.to_owned(),
        taken: true,
    }
}

fn items(sequences: std::ops::RangeInclusive<u32>) -> Vec<Item> {
    sequences.map(|sequence| item(sequence, 0, "k")).collect()
}

fn shard(change: impl FnOnce(&mut StreamSettings)) -> Shard {
    let mut settings = settings();
    change(&mut settings);
    Shard::new(settings, Vec::new())
}

const NOW: Timestamp = Timestamp(0);

fn invoke(shard: &mut Shard, now: Timestamp) -> Batch {
    match shard.next(now) {
        Step::Invoke(batch) => batch,
        other => panic!("an invocation, not {other:?}"),
    }
}

fn wait(shard: &mut Shard, now: Timestamp) -> Option<Timestamp> {
    match shard.next(now) {
        Step::Wait(until) => until,
        other => panic!("a wait, not {other:?}"),
    }
}

fn sequences(batch: &Batch) -> Vec<&str> {
    batch.items.iter().map(|placed| placed.item.sequence.as_str()).collect()
}

fn ran(error: bool, answer: Value) -> Outcome {
    let function_error = error.then(|| "Unhandled".to_owned());
    Outcome::Ran(Ran { request_id: "r".to_owned(), version: "1".to_owned(), function_error }, answer)
}

fn ok() -> Outcome {
    ran(false, Value::Null)
}

fn failed() -> Outcome {
    ran(true, Value::Null)
}

#[test]
fn batches_are_full_or_their_window_is_over() {
    let mut shard = shard(|settings| settings.window = Duration::from_secs(5));
    shard.offer(items(1..=4), NOW);
    let first = invoke(&mut shard, NOW);
    assert_eq!(sequences(&first), ["1", "2", "3"]);
    assert_eq!(first.event("s", "a"), r#"{"Records":[{"n":1},{"n":2},{"n":3}]}"#);
    // One batch at a time, in order.
    assert_eq!(wait(&mut shard, Timestamp(60_000)), None);
    assert!(shard.finished(first, ok(), NOW).is_none());
    assert_eq!(shard.passed(), Some("3"));
    assert_eq!(wait(&mut shard, NOW), Some(Timestamp(5_000)));
    let second = invoke(&mut shard, Timestamp(5_000));
    assert_eq!(sequences(&second), ["4"]);
    shard.finished(second, ok(), NOW);
    assert_eq!(shard.passed(), Some("4"));
    assert!(shard.is_done());
}

#[test]
fn batches_are_within_the_limit_of_events() {
    let mut shard = shard(|_| {});
    let large = |sequence: u32| Item { event: "x".repeat(BATCH_BYTES / 2), ..item(sequence, 0, "k") };
    shard.offer(vec![large(1), large(2), large(3)], NOW);
    assert_eq!(sequences(&invoke(&mut shard, NOW)), ["1"]);
}

#[test]
fn records_that_filters_leave_out_are_passed() {
    let mut shard = shard(|_| {});
    let out = |sequence| Item { taken: false, ..item(sequence, 0, "k") };
    shard.offer(vec![out(1), item(2, 0, "k"), out(3)], NOW);
    assert_eq!(shard.passed(), Some("1"));
    let batch = invoke(&mut shard, NOW);
    assert_eq!(sequences(&batch), ["2"]);
    shard.finished(batch, ok(), NOW);
    assert_eq!(shard.passed(), Some("3"));
}

#[test]
fn failures_are_tried_again_until_the_attempts_are_over() {
    let mut shard = shard(|settings| settings.retries = Some(2));
    shard.offer(items(1..=2), NOW);
    let mut now = NOW;
    for wait_ms in [500, 1_000] {
        let batch = invoke(&mut shard, now);
        assert!(shard.finished(batch, failed(), now).is_none());
        let until = wait(&mut shard, now).unwrap();
        assert_eq!(until, now.plus(Duration::from_millis(wait_ms)));
        now = until;
    }
    let batch = invoke(&mut shard, now);
    let (batch, condition) = shard.finished(batch, failed(), now).unwrap();
    assert_eq!((condition, batch.invokes), (Condition::RetryAttemptsExhausted, 3));
    assert_eq!(batch.ran.as_ref().unwrap().function_error.as_deref(), Some("Unhandled"));
    assert_eq!(shard.passed(), None);
    shard.dropped(&batch);
    assert_eq!(shard.passed(), Some("2"));
}

#[test]
fn throttling_is_no_attempt() {
    let mut shard = shard(|settings| settings.retries = Some(0));
    shard.offer(items(1..=1), NOW);
    let mut now = NOW;
    for _ in 0..5 {
        let batch = invoke(&mut shard, now);
        assert!(shard.finished(batch, Outcome::NotRun, now).is_none());
        now = wait(&mut shard, now).unwrap();
    }
    let batch = invoke(&mut shard, now);
    assert!(shard.finished(batch, failed(), now).is_some());
}

#[test]
fn batches_are_split_until_one_record_is_left() {
    let mut shard =
        shard(|settings| (settings.bisect, settings.retries, settings.batch_size) = (true, Some(0), 5));
    shard.offer(items(1..=5), NOW);
    let mut seen = Vec::new();
    let mut given_up = Vec::new();
    while let Step::Invoke(batch) = shard.next(NOW) {
        seen.push(sequences(&batch).join(""));
        let outcome = if seen.last().unwrap().contains('4') { failed() } else { ok() };
        if let Some((batch, _)) = shard.finished(batch, outcome, NOW) {
            given_up.push((sequences(&batch).join(""), batch.invokes));
            shard.dropped(&batch);
        }
    }
    assert_eq!(seen, ["12345", "123", "45", "4", "5"]);
    assert_eq!(given_up, [("4".to_owned(), 3)]);
    assert_eq!(shard.passed(), Some("5"));
}

#[test]
fn reported_failures_begin_a_batch_of_their_own() {
    let mut shard = shard(|settings| (settings.report, settings.retries) = (true, Some(1)));
    shard.offer(items(1..=3), NOW);
    let report = |sequence: &str| ran(false, json!({"batchItemFailures": [{"itemIdentifier": sequence}]}));
    let batch = invoke(&mut shard, NOW);
    shard.finished(batch, report("3"), NOW);
    assert_eq!(shard.passed(), Some("2"));
    let mut now = NOW;
    for _ in 0..2 {
        now = wait(&mut shard, now).unwrap();
        let batch = invoke(&mut shard, now);
        assert_eq!(sequences(&batch), ["3"]);
        if let Some((batch, _)) = shard.finished(batch, report("3"), now) {
            assert_eq!((batch.invokes, batch.ran.as_ref().unwrap().function_error.clone()), (2, None));
            shard.dropped(&batch);
        }
    }
    assert_eq!(shard.passed(), Some("3"));
    shard.offer(items(4..=5), now);
    let batch = invoke(&mut shard, now);
    // An identifier that is none of the batch's: nothing of it is taken to be done.
    shard.finished(batch, report("nobody"), now);
    assert_eq!(shard.passed(), Some("3"));
}

#[test]
fn records_that_are_too_old_are_dropped_and_the_others_go_on() {
    let mut shard = shard(|settings| settings.maximum_age = Some(Duration::from_secs(60)));
    shard.offer(vec![item(1, 0, "k"), item(2, 30_000, "k")], NOW);
    let Step::Drop(batch, condition) = shard.next(Timestamp(61_000)) else { panic!("a drop") };
    assert_eq!((sequences(&batch), condition), (vec!["1"], Condition::RecordAgeExceeded));
    assert_eq!(batch.invokes, 0);
    assert_eq!(wait(&mut shard, Timestamp(61_000)), None);
    shard.dropped(&batch);
    assert_eq!(sequences(&invoke(&mut shard, Timestamp(61_000))), ["2"]);
}

#[test]
fn lanes_run_side_by_side_and_the_checkpoint_waits_for_the_slowest() {
    let mut shard = shard(|settings| (settings.lanes, settings.batch_size) = (10, 10));
    let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
    let given = keys.iter().zip(1_u32..).map(|(key, sequence)| item(sequence, 0, key));
    shard.offer(given.collect(), NOW);
    let mut batches = Vec::new();
    while let Step::Invoke(batch) = shard.next(NOW) {
        batches.push(batch);
    }
    assert!(batches.len() > 5, "{}", batches.len());
    let at = batches.iter().position(|batch| sequences(batch).contains(&"1")).unwrap();
    let slowest = batches.remove(at);
    for batch in batches {
        shard.finished(batch, ok(), NOW);
    }
    while let Step::Invoke(batch) = shard.next(NOW) {
        shard.finished(batch, ok(), NOW);
    }
    assert_eq!(shard.passed(), None);
    shard.finished(slowest, ok(), NOW);
    assert_eq!(shard.passed(), Some("40"));
}

#[test]
fn a_shard_that_is_stuck_reads_no_further() {
    let mut shard = shard(|_| {});
    shard.offer(items(1..=9_999), NOW);
    assert!(shard.has_room());
    shard.offer(items(10_000..=10_001), NOW);
    assert!(!shard.has_room());
}

#[test]
fn windows_hand_their_state_on_and_end() {
    let mut shard = shard(|settings| settings.tumbling = Some(Duration::from_secs(60)));
    shard.offer(vec![item(1, 1_000, "k"), item(2, 59_000, "k"), item(3, 61_000, "k")], NOW);
    let batch = invoke(&mut shard, NOW);
    assert_eq!(sequences(&batch), ["1", "2"]);
    let event: Value = serde_json::from_str(&batch.event("shard", "arn")).unwrap();
    assert_eq!(event["window"], json!({"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00Z"}));
    assert_eq!(
        (&event["state"], &event["shardId"], &event["eventSourceARN"]),
        (&json!({}), &json!("shard"), &json!("arn"))
    );
    assert_eq!(
        (&event["isFinalInvokeForWindow"], &event["isWindowTerminatedEarly"]),
        (&json!(false), &json!(false))
    );
    shard.finished(batch, ran(false, json!({"state": {"sum": 2}})), NOW);
    assert_eq!(shard.windows()[0].as_ref().unwrap().state, json!({"sum": 2}));
    let batch = invoke(&mut shard, NOW);
    let event: Value = serde_json::from_str(&batch.event("shard", "arn")).unwrap();
    assert_eq!((&event["isFinalInvokeForWindow"], &event["Records"]), (&json!(true), &json!([])));
    assert_eq!(event["state"], json!({"sum": 2}));
    shard.finished(batch, ok(), NOW);
    let batch = invoke(&mut shard, NOW);
    assert_eq!(sequences(&batch), ["3"]);
    assert_eq!(batch.window.as_ref().unwrap().window.start, Timestamp(60_000));
    // An answer without a state is a failure.
    assert!(shard.finished(batch, ok(), NOW).is_none());
    let now = wait(&mut shard, NOW).unwrap();
    let batch = invoke(&mut shard, now);
    shard.finished(batch, ran(false, json!({"state": {"text": "x".repeat(1024 * 1024)}})), now);
    let batch = invoke(&mut shard, now);
    let event: Value = serde_json::from_str(&batch.event("shard", "arn")).unwrap();
    assert_eq!(
        (&event["isFinalInvokeForWindow"], &event["isWindowTerminatedEarly"]),
        (&json!(true), &json!(true))
    );
    shard.finished(batch, ok(), now);
    assert_eq!(shard.windows(), [None]);
}

#[test]
fn a_window_ends_by_the_clock_where_nothing_comes() {
    let mut shard = shard(|settings| settings.tumbling = Some(Duration::from_secs(60)));
    shard.offer(vec![item(1, 1_000, "k")], NOW);
    let batch = invoke(&mut shard, NOW);
    shard.finished(batch, ran(false, json!({"state": {"a": 1}})), NOW);
    let until = wait(&mut shard, NOW).unwrap();
    assert_eq!(until, Timestamp(61_000));
    // A later process goes on with it.
    let windows = shard.windows();
    let mut later = Shard::new(shard.settings.clone(), windows);
    let batch = invoke(&mut later, until);
    assert!(batch.window.as_ref().unwrap().last);
    assert_eq!(batch.window.as_ref().unwrap().window.state, json!({"a": 1}));
}
