//! No template makes the crate panic, hang, overflow the stack or fill the memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::json;
use vtl::{Context, Limits, ParseError, RenderError, Template};

fn render_within(limits: Limits, template: &str) -> Result<String, RenderError> {
    let mut context = Context::new(limits);
    let value = context
        .heap
        .json(&json!({"list": [1, "two", {"three": null}], "text": "größe 😀", "n": 1.5}))
        .unwrap();
    context.set("a", value);
    Template::parse(template).unwrap().render(&mut context)
}

fn render(template: &str) -> Result<String, RenderError> {
    render_within(Limits::default(), template)
}

fn run(template: &str) {
    if let Ok(template) = Template::parse(template) {
        let limits = Limits { steps: 20_000, text: 100_000, values: 20_000, ..Limits::default() };
        let mut context = Context::new(limits);
        let value = context.heap.json(&json!({"list": [1, 2, {"x": "y"}], "text": "größe 😀"})).unwrap();
        context.set("a", value);
        let _ = template.render(&mut context);
    }
}

/// Texts that look like templates more often than not.
fn template_like() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("$a"),
        Just("$a.list"),
        Just("${a.text}"),
        Just("$!b"),
        Just("$"),
        Just("#"),
        Just("\\"),
        Just("#if("),
        Just("#if($a)"),
        Just("#elseif($b)"),
        Just("#else"),
        Just("#end"),
        Just("#foreach($x in $a.list)"),
        Just("#foreach($x in [1..9])"),
        Just("#set($b = "),
        Just(")"),
        Just("("),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("\"$a\""),
        Just("'x'"),
        Just("\""),
        Just("1"),
        Just("-2.5e3"),
        Just(" + "),
        Just(" * "),
        Just(" == "),
        Just(" && "),
        Just("!"),
        Just(".."),
        Just(":"),
        Just(","),
        Just("#define($d)"),
        Just("$d"),
        Just("#macro(m)"),
        Just("#m()"),
        Just("#stop"),
        Just("#break"),
        Just("##"),
        Just("#*"),
        Just("*#"),
        Just("\n"),
        Just(" "),
        Just(".add($a)"),
        Just(".put('k', $a)"),
        Just(".get(0)"),
        Just(".substring(1, 3)"),
        Just(".replaceAll('(.)', '$1$1')"),
        Just(".split('')"),
        Just(".keySet()"),
        Just("$foreach.count"),
        Just("[0]"),
        Just("['list']"),
        Just("ß"),
    ];
    proptest::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_renders_or_fails(template in "\\PC{0,60}") {
        run(&template);
    }

    #[test]
    fn anything_like_a_template_renders_or_fails(template in template_like()) {
        run(&template);
    }

    #[test]
    fn text_without_marks_is_itself(text in "[^$#\\\\]{0,60}") {
        prop_assert_eq!(Template::parse(&text).unwrap().render(&mut Context::default()).unwrap(), text);
    }
}

#[test]
fn nesting_is_limited() {
    for (open, close) in [
        ("#if(true)", "#end"),
        ("#foreach($x in [1])", "#end"),
        ("#set($x = ((", "))"),
        ("$a.get(", ")"),
        ("#set($x = [", "])"),
        ("#set($x = {1:", "})"),
        ("#if(!", ")#end"),
        ("#set($x = \"$a.get(", ")\")"),
        ("$a[", "]"),
    ] {
        let template = format!("{}{}", open.repeat(10_000), close.repeat(10_000));
        assert!(Template::parse(&template).is_err(), "{open}");
        assert!(Template::parse(&"x".repeat(301 * 1024)).is_err());
    }
}

#[test]
fn loops_end_where_they_end_on_aws() {
    assert_eq!(
        render("#foreach($x in [1..5000])#end$!x#foreach($x in [1..5000]).#end").unwrap().len(),
        1_000
    );
    let nested = "#foreach($x in [1..1000])#foreach($y in [1..1000])#foreach($z in [1..1000])x#end#end#end";
    assert_eq!(render(nested), Err(RenderError::Limit("steps")));
}

#[test]
fn texts_and_values_are_limited() {
    let doubling = "#set($x = 'xxxxxxxx')#foreach($i in [1..40])#set($x = \"$x$x\")#end";
    assert_eq!(render(doubling), Err(RenderError::Limit("text")));
    let doubling = "#set($x = 'xxxxxxxx')#foreach($i in [1..40])#set($x = $x + $x)#end";
    assert_eq!(render(doubling), Err(RenderError::Limit("text")));
    let growing = "#set($x = [1])#foreach($i in [1..60])#set($y = $x.addAll($x))#end";
    assert_eq!(render(growing), Err(RenderError::Limit("values")));
    let replaced =
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..30])#set($x = $x.replaceAll('a', 'aaaaaaaaaa'))#end";
    assert_eq!(render(replaced), Err(RenderError::Limit("text")));
}

#[test]
fn a_map_may_contain_itself() {
    let printed = render("#set($m = {})#set($m.self = $m)#set($l = [$m])$!m.put('l', $l)$m").unwrap();
    assert!(printed.contains("..."));
    render("#set($m = {})#set($m.self = $m)#set($n = {})#set($n.self = $n)#if($m == $n)x#end").unwrap();
    render("#define($d)$d$d#end#set($m = {'d': $d})$m $d").unwrap();
}

#[test]
fn patterns_are_limited() {
    let evil = "#set($x = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac')$x.matches('(a|a|(?=a)a)*(?<!a)b')";
    assert!(
        matches!(render(evil), Ok(text) if text == "false")
            || matches!(render(evil), Err(RenderError::Method { .. }))
    );
}

#[test]
fn what_throws_in_java_fails() {
    for template in
        ["$a.list.get(3)", "$a.text.substring(5, 2)", "$a.text.matches('(')", "$a.text.replaceAll('g', '$7')"]
    {
        assert!(matches!(render(template), Err(RenderError::Method { .. })), "{template}");
    }
}

#[test]
fn what_does_not_parse_says_where() {
    let error = Template::parse("one\n  #if($a").unwrap_err();
    assert_eq!(
        error,
        ParseError { message: String::from("Expected ')' but the text ends"), line: 2, column: 9 }
    );
    for template in [
        "#if(true)",
        "#end",
        "#else",
        "#set($x)",
        "#foreach($x of [1])#end",
        "#* open",
        "#set($x = \"a\\\"b\")",
    ] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}
