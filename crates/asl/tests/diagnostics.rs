//! What AWS says of definitions that are wrong, or right but hardly meant: one row a rule.
//!
//! A row is what is found (severity, code, place and words) and the states it is found in; a state named `A` comes
//! first. Rows marked *recorded* have AWS's own words.

use asl::{Definition, Diagnostic};

/// The findings of a definition, one a line.
fn found(text: &str, express: bool) -> String {
    let (definition, diagnostics) = Definition::parse(text, express);
    let errors = diagnostics.iter().any(|found| found.severity == asl::Severity::Error);
    assert_eq!(
        definition.is_none(),
        errors,
        "a definition without errors can be used, and only that: {text}"
    );
    let line = |found: &Diagnostic| {
        let (severity, code) = (found.severity.as_str(), found.code.as_str());
        format!("{severity} {code} {}: {}", found.location.as_deref().unwrap_or("-"), found.message)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (expected, states) in rows {
        let machine = format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#);
        let said = found(&machine, false);
        if said != *expected {
            wrong.push(format!("{states}\n  expected {expected}\n  found    {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_and_their_values() {
    check(&[
        ("", r#""A":{"Type":"Pass","End":true}"#),
        // recorded
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Type: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            r#""A":{"Type":"Own","End":true}"#,
        ),
        // recorded
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Timestamp: String does not match RFC3339 timestamp",
            r#""A":{"Type":"Wait","Timestamp":"tomorrow","End":true}"#,
        ),
        // recorded
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Branches: Value cannot be empty",
            r#""A":{"Type":"Parallel","Branches":[],"End":true}"#,
        ),
        // recorded
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Resource: The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.",
            r#""A":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:query","End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Comment: Expected value of type STRING but was NUMBER",
            r#""A":{"Type":"Pass","Comment":1,"End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Own: Field is not supported",
            r#""A":{"Type":"Pass","Own":1,"End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A: These fields are required: [Next or End]",
            r#""A":{"Type":"Pass"}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Seconds: Value is higher than the maximum allowed value 99999999",
            r#""A":{"Type":"Wait","Seconds":100000000,"End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A: Only one of these fields is allowed: [Seconds, SecondsPath]",
            r#""A":{"Type":"Wait","Seconds":1,"SecondsPath":"$.a","End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/SecondsPath: Value is not a Reference Path: Path must lead to one place",
            r#""A":{"Type":"Wait","SecondsPath":"$.a[*]","End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Parameters/a.$: The field 'a' is given twice: as it stands and as 'a.$'",
            r#""A":{"Type":"Pass","Parameters":{"a":1,"a.$":"$"},"End":true}"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/QueryLanguage: The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
            r#""A":{"Type":"Pass","QueryLanguage":"SQL","End":true}"#,
        ),
    ]);
}

#[test]
fn retriers_and_catchers() {
    let task = |more: &str| {
        format!(r#""A":{{"Type":"Task","Resource":"arn:aws:states:::sns:publish",{more},"End":true}}"#)
    };
    for (expected, more) in [
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Retry[0]: These fields are required: [ErrorEquals]",
            r#""Retry":[{"MaxAttempts":1}]"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/ErrorEquals: States.ALL must appear alone and at end of list",
            r#""Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}]"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/BackoffRate: Value is lower than the minimum allowed value 1",
            r#""Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/IntervalSeconds: Value is higher than the maximum allowed value 99999999",
            r#""Retry":[{"ErrorEquals":["E"],"IntervalSeconds":100000000}]"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Retry[0]/MaxDelaySeconds: MaxDelaySeconds must be greater than IntervalSeconds",
            r#""Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}]"#,
        ),
        (
            "ERROR MISSING_TRANSITION_TARGET /States/A/Catch[0]/Next: Missing 'Next' target: B",
            r#""Catch":[{"ErrorEquals":["E"],"Next":"B"}]"#,
        ),
        (
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/HeartbeatSeconds: HeartbeatSeconds must be smaller than TimeoutSeconds",
            r#""TimeoutSeconds":5,"HeartbeatSeconds":5"#,
        ),
        (
            // recorded
            "ERROR SCHEMA_VALIDATION_FAILED /States/A/Credentials: The field 'RoleArn' is required but was missing",
            r#""Credentials":{}"#,
        ),
    ] {
        check(&[(expected, &task(more))]);
    }
}

#[test]
fn the_machine_as_a_whole() {
    check(&[
        (
            "ERROR MISSING_TRANSITION_TARGET /States/A/Next: Missing 'Next' target: B",
            r#""A":{"Type":"Pass","Next":"B"}"#,
        ),
        (
            "ERROR MISSING_TRANSITION_TARGET /States/B: State \"B\" is not reachable.",
            r#""A":{"Type":"Pass","End":true},"B":{"Type":"Pass","End":true}"#,
        ),
        (
            "ERROR MISSING_END_STATE /States: The workflow does not have a terminal state",
            r#""A":{"Type":"Pass","Next":"A"}"#,
        ),
        (
            "ERROR DUPLICATE_STATE_NAME /States/A/Branches[0]/States/A: Duplicate State name: A (it is also at /States/A)",
            r#""A":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true}"#,
        ),
        (
            "ERROR INVALID_STATE_NAME /States/: The length of a state's name must be between 1 and 80 characters",
            r#""A":{"Type":"Pass","Next":""},"":{"Type":"Succeed"}"#,
        ),
    ]);
    let mut nested = String::from(r#"{"StartAt":"S0","States":{"S0":{"Type":"Succeed"}}}"#);
    for depth in 1..60 {
        nested = format!(
            r#"{{"StartAt":"S{depth}","States":{{"S{depth}":{{"Type":"Parallel","Branches":[{nested}],"End":true}}}}}}"#
        );
    }
    // The JSON itself is refused where it is deeper than any reader goes; machines are refused before that.
    assert!(found(&nested, false).contains("ERROR"), "{}", found(&nested, false));
    // recorded
    assert_eq!(found(" ", false), "ERROR SCHEMA_VALIDATION_FAILED -: Definition must be a valid JSON object");
    let missing = "ERROR SCHEMA_VALIDATION_FAILED /: These fields are required: [States, StartAt]";
    assert_eq!(found("{}", false), missing);
    let language = r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","QueryLanguage":"JSONPath","End":true}}}"#;
    assert_eq!(
        found(language, false),
        "ERROR SCHEMA_VALIDATION_FAILED /States/A/QueryLanguage: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
    );
    // recorded
    let activity = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:000000000000:activity:a","End":true}}}"#;
    assert_eq!(
        found(activity, true),
        "ERROR SCHEMA_VALIDATION_FAILED /States/A/Resource: Express state machine does not support Activity ARN"
    );
    assert_eq!(found(activity, false), "");
}

#[test]
fn warnings_stand_beside_a_definition_that_is_right() {
    check(&[
        (
            "WARNING NO_DOLLAR /States/A/Parameters/a: The value of 'a' looks like a path or an intrinsic function, but the field's name does not end with '.$'",
            r#""A":{"Type":"Pass","Parameters":{"a":"$.a","b.$":"$.b","c":"$5","d":"States.UUID"},"End":true}"#,
        ),
        (
            "WARNING NO_PATH /States/A/Cause: The value of 'Cause' looks like a path; use 'CausePath' to read it from there",
            r#""A":{"Type":"Fail","Cause":"$.cause"}"#,
        ),
        (
            "WARNING NO_PATH /States/A/Choices[0]/Not/StringEquals: The value of 'StringEquals' looks like a path; use 'StringEqualsPath' to read it from there",
            r#""A":{"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","StringEquals":"$.b"},"Next":"B"}]},"B":{"Type":"Succeed"}"#,
        ),
        (
            "WARNING PASS_RESULT_IS_STATIC /States/A/Result: The Result of a Pass state is taken as it stands, but holds what looks like a path",
            r#""A":{"Type":"Pass","Result":{"a.$":"$.a"},"End":true}"#,
        ),
        ("", r#""A":{"Type":"Pass","QueryLanguage":"JSONata","Output":{"a":"$.a"},"End":true}"#),
    ]);
}
