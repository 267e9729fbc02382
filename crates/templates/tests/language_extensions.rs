//! `AWS::LanguageExtensions`: loops, and functions where logical ids stand; parameters of Systems Manager.

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{call, planned, pseudo, refused, resources};
use templates::Template;

fn extended(rest: &str) -> String {
    format!("Transform: AWS::LanguageExtensions\n{rest}")
}

#[test]
fn loops_make_resources_conditions_and_outputs() {
    let text = extended(
        "Parameters:
  Names: {Type: CommaDelimitedList, Default: 'orders,bills'}
Mappings:
  Sizes: {orders: {long: '60'}}
Conditions:
  Fn::ForEach::Wanted:
    - Name
    - [orders, bills]
    - Has${Name}: !Equals [!Ref Name, orders]
Resources:
  Fn::ForEach::Queues:
    - Name
    - !Ref Names
    - ${Name}Queue:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: !Sub '${AWS::StackName}-${Name}'
          VisibilityTimeout: !FindInMap [Sizes, !Ref Name, long, {DefaultValue: '30'}]
Outputs:
  Fn::ForEach::Urls:
    - Name
    - !Ref Names
    - ${Name}Url:
        Condition: Has${Name}
        Value: !Ref {'Fn::Sub': '${Name}Queue'}
",
    );
    let made = planned(&text).unwrap();
    let queues: Vec<(&Value, &Value)> = made
        .iter()
        .filter(|call| call.operation == "CreateQueue")
        .map(|call| (&call.members["QueueName"], &call.members["Attributes"]["VisibilityTimeout"]))
        .collect();
    assert_eq!(queues, [(&json!("s-orders"), &json!("60")), (&json!("s-bills"), &json!("30"))]);
    let plan = support::plan(&text).unwrap();
    let mut known = plan.known.clone();
    known.set_ref("ordersQueue", "url");
    let outputs = plan.outputs(&known).unwrap();
    assert_eq!(outputs, [("ordersUrl".to_owned(), json!("url"), None)]);
}

#[test]
fn loops_nest_and_keys_take_letters_and_digits() {
    let made = resources(&extended(
        "Resources:
  Fn::ForEach::Outer:
    - Area
    - [a.b, 'c/d']
    - Fn::ForEach::Inner:
        - Kind
        - [x, !Ref Area]
        - Q&{Area}&{Kind}:
            Type: AWS::SQS::Queue
            Properties:
              Tags:
                - Key: '${Area}-${Kind}'
                  Value: !Join ['', [!Ref Kind, '&{Area}']]
  Plain:
    Type: AWS::SQS::Queue
    Properties:
      Fn::ForEach::Settings:
        - Setting
        - [DelaySeconds]
        - ${Setting}: 5
",
    ))
    .unwrap();
    let names: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["Qabx", "Qabab", "Qcdx", "Qcdcd", "Plain"]);
    let tag = &made["Qabab"]["Properties"]["Tags"][0];
    assert_eq!(tag, &json!({"Key": "a.b-a.b", "Value": {"Fn::Join": ["", ["a.b", "ab"]]}}));
    assert_eq!(made["Plain"]["Properties"], json!({"DelaySeconds": 5}));
}

#[test]
fn what_an_item_holds_is_no_placeholder() {
    let items = "&{N}".repeat(1_000);
    let made = resources(&extended(&format!(
        "Resources:
  Fn::ForEach::Queues:
    - N
    - ['{items}']
    - Q&{{N}}: {{Type: AWS::SQS::Queue, Properties: {{Tags: ['<${{N}}&{{N}}>']}}}}
"
    )))
    .unwrap();
    let letters = "N".repeat(1_000);
    assert_eq!(made[&format!("Q{letters}")]["Properties"]["Tags"][0], format!("<{items}{letters}>"));
}

#[test]
fn the_transform_goes_before_sams() {
    let functions = "Resources:
  Fn::ForEach::Functions:
    - Name
    - [A, B]
    - ${Name}Function:
        Type: AWS::Serverless::Function
        Properties: {Runtime: python3.12, Handler: '${Name}.handler', InlineCode: x}
";
    let made =
        planned(&format!("Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\n{functions}"));
    let made = made.unwrap();
    assert_eq!(made.iter().filter(|call| call.operation == "CreateFunction").count(), 2);
    assert_eq!(call(&made, "CreateFunction").members["Handler"], "A.handler");
    refused(
        &format!("Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]\n{functions}"),
        "Transform",
    );
    refused(functions, "Resources.Fn::ForEach::Functions");
}

#[test]
fn loops_that_cannot_be_are_refused() {
    let queues = |argument: &str| extended(&format!("Resources:\n  Fn::ForEach::Q: {argument}\n"));
    let queue = "{Type: AWS::SQS::Queue}";
    let place = "Resources.Fn::ForEach::Q";
    for argument in [
        "x".to_owned(),
        format!("[N, [a], {{Fixed: {queue}}}]"),
        format!("[N, text, {{'Q${{N}}': {queue}}}]"),
        format!("[N, [[a]], {{'Q${{N}}': {queue}}}]"),
        format!("['N!', [a], {{'Q${{N!}}': {queue}}}]"),
        format!("[N, !Ref Elsewhere, {{'Q${{N}}': {queue}}}]"),
    ] {
        let found = planned(&queues(&argument)).unwrap_err();
        assert!(found.contains(place), "{argument}: {found}");
    }
    refused(&queues(&format!("[N, [a, a], {{'Q${{N}}': {queue}}}]")), &format!("{place}.Qa"));
    // Each loop doubles the one around it.
    let key: String = (0..40).map(|at| format!("${{N{at}}}")).collect();
    let deep = (0..40).fold(format!("{{'Q{key}': {queue}}}"), |inner, at| {
        format!("{{'Fn::ForEach::L{at}': [N{at}, [a, b], {inner}]}}")
    });
    let found = planned(&extended(&format!("Resources: {deep}\n"))).unwrap_err();
    assert!(found.contains("loops make more than"), "{found}");
    // What is gone through counts, though nothing comes of it.
    let many = vec!["x"; 100_000].join(",");
    let idle = format!(
        "Parameters: {{P: {{Type: String, Default: '{many}'}}}}
Resources:
  Q: {queue}
  Fn::ForEach::A: [N, !Split [',', !Ref P], {{'Fn::ForEach::B': [M, !Split [',', !Ref P], {{}}]}}]
"
    );
    let found = planned(&extended(&idle)).unwrap_err();
    assert!(found.contains("loops make more than"), "{found}");
}

#[test]
fn parameters_of_systems_manager_are_read() {
    let text = "Parameters:
  Name: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /queue}
  Zones: {Type: 'AWS::SSM::Parameter::Value<List<String>>'}
  Key: {Type: 'AWS::SSM::Parameter::Name', Default: /queue}
Resources:
  Q:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Join ['-', [!Ref Name, !Select [1, !Ref Zones], !Ref Key]]}
";
    let given = BTreeMap::from([("Zones".to_owned(), "/zones".to_owned())]);
    let template = Template::parse(text).unwrap();
    assert_eq!(template.wants_stored(&given), ["/queue", "/zones"]);
    let read = |_: &str| Err(String::new());
    let found = template.plan(&pseudo(), &given, &read, &|_| false).unwrap_err().to_string();
    assert!(found.contains("Parameters.Name: ") && found.contains("--delegate ssm=URL"), "{found}");
    let stored = [("/queue", "orders"), ("/zones", "a, b")];
    let stored = stored.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let plan = template.with_stored(stored.into()).plan(&pseudo(), &given, &read, &|_| false).unwrap();
    let calls = plan.steps[0].calls(&plan.known).unwrap();
    assert_eq!(call(&calls, "CreateQueue").members["QueueName"], "orders-b-/queue");
}
