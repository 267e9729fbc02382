//! Expressions that would not end, or would fill the memory, end in an error.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use jsonata::{Expression, Moment};
use serde_json::{Value, json};

const MOMENT: Moment = Moment { now: 1_700_000_000_000, seed: 7 };

/// Fails, and soon.
#[track_caller]
fn stops(source: &str) {
    let began = Instant::now();
    let expression = Expression::compile(source).expect("it is an expression");
    let bindings =
        json!({ "states": { "input": { "long": "a".repeat(60), "many": (0..2_000).collect::<Vec<_>>() } } });
    let found = expression.evaluate(
        |name, part: jsonata::Part<'_>| bindings.get(name).map(|value| Cow::Owned::<Value>(part.of(value))),
        MOMENT,
    );
    let shown = format!("{found:?}").chars().take(200).collect::<String>();
    assert!(found.is_err(), "{source} gives {shown}");
    assert!(began.elapsed() < Duration::from_secs(120), "{source} took {:?}", began.elapsed());
}

#[test]
fn recursion_ends() {
    stops("($f := function($x) { 1 + $f($x + 1) }; $f(0))");
    stops("($f := function($x) { $f($x + 1) }; $f(0))");
    stops("($f := function($x) { $x & $f($x & $x) }; $f('a'))");
    stops("($y := function($f) { $f($f) }; $y($y))");
    stops("($f := function($n) { $n = 0 ? 1 : $f($n - 1) + $f($n - 1) }; $f(64))");
}

#[test]
fn sizes_have_limits() {
    stops("[1..9000000]");
    stops("[1..1000].([1..10000])");
    stops("$range(1, 1000000000, 1)");
    stops("$pad('', 1000000000, 'x')");
    stops("$reduce([1..64], function($a, $n) { $a & $a }, 'ab')");
    stops("$reduce([1..40], function($a, $n) { $append($a, $a) }, [1, 2])");
    stops("$reduce([1..40], function($a, $n) { { 'l': $a, 'r': $a } }, 1)");
    stops("$join($map([1..100000], function($n) { $pad('', 1000, 'y') }))");
}

#[test]
fn regular_expressions_that_go_back_and_forth_end() {
    stops("$match($states.input.long & '!', /^(a+)+$/)");
    stops("$replace($states.input.long & '!', /(a|aa)+$/, 'b')");
    stops("$contains($states.input.long & '!', /^(([a-z])+.)+[A-Z]([a-z])+$/)");
}

#[test]
fn loops_over_loops_end() {
    stops(
        "$sum($states.input.many.($a := $; $sum($states.input.many.($b := $; $sum($states.input.many.($a * $b * $))))))",
    );
    stops("($t := $pad('', 3000000, 'x'); $count([1..100000].$length($uppercase($t))))");
    stops("($t := $pad('', 3000000, 'x,'); $count([1..100000].$count($split($t, ','))))");
    stops("($s := [1..1000000]; $count([1..1000].$sum($sort($s, function($l, $r) { $l < $r }))))");
    stops("$count($distinct([1..1000000]))");
    stops("($s := [1..5000]; $count([1..1000].$distinct($s)))");
}

#[test]
fn deep_texts_are_refused_or_work() {
    for (open, close) in [("[", "]"), ("(", ")"), ("{'a':", "}"), ("-", ""), ("$not(", ")")] {
        let source = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        // Neither may take the process down.
        if let Ok(expression) = Expression::compile(&source) {
            let _ = expression.evaluate(|_, _| None, MOMENT);
        }
    }
}
