//! Nothing that a SAM template says is dropped without a word: it acts, is refused by its place, or there is a notice
//! that it has no effect.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{call, calls, function, plan, planned, resources, sam};

/// Each template's resources, and the place that is refused of them.
fn refused(cases: &[(&str, &str)]) {
    cases.iter().for_each(|(resources, place)| support::refused(&sam(resources), place));
}

#[test]
fn a_scheduled_state_machine_has_its_own_role_and_target() {
    let text = sam("M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: { StartAt: A, States: { A: { Type: Succeed } } }
      Events:
        Tick: { Type: Schedule, Properties: { Schedule: rate(1 minute), RoleArn: r, Target: { Id: mine } } }
");
    let made = resources(&text).unwrap();
    let target = &made["MTick"]["Properties"]["Targets"][0];
    assert_eq!((&target["RoleArn"], &target["Id"]), (&json!("r"), &json!("mine")));
    assert!(!made.contains_key("MTickRole"), "the role is given");
    let of_function =
        function("Events: { Tick: { Type: Schedule, Properties: { Schedule: s, RoleArn: r } } }");
    refused(&[
        (&of_function, "Resources.F.Properties.Events.Tick.Properties.RoleArn"),
        (
            &function(
                "Events: { Tick: { Type: Schedule, Properties: { Schedule: s, Target: { Odd: 1 } } } }",
            ),
            "Resources.F.Properties.Events.Tick.Properties.Target.Odd",
        ),
    ]);
}

#[test]
fn a_function_s_destinations_are_its_own_whatever_its_name() {
    let text = sam(&format!(
        "{}Outputs: {{ Q: {{ Value: !GetAtt MyEventInvokeConfigFn.DestinationQueue.Arn }} }}\n",
        function("EventInvokeConfig: { DestinationConfig: { OnSuccess: { Type: SQS } } }")
            .replace("F:", "MyEventInvokeConfigFn:")
    ));
    let plan = plan(&text).unwrap();
    assert!(plan.steps.iter().any(|step| step.logical_id.ends_with("OnSuccessQueue")));
    let made = planned(&text).unwrap();
    assert_eq!(call(&made, "CreateQueue").service, "sqs");
    let place = "Resources.F.Properties.EventInvokeConfig.DestinationConfig";
    for (given, within) in [
        ("{ OnSucces: { Type: SQS } }", ".OnSucces"),
        ("{ 'Fn::If': [C, { OnSuccess: { Type: SQS } }, { Ref: AWS::NoValue }] }", ""),
        ("{ OnFailure: text }", ".OnFailure"),
        ("{ OnFailure: { Type: SQS, Odd: 1 } }", ".OnFailure.Odd"),
        ("[]", ""),
    ] {
        let function = function(&format!("EventInvokeConfig: {{ DestinationConfig: {given} }}"));
        refused(&[(&function, &format!("{place}{within}"))]);
    }
}

#[test]
fn two_resources_never_have_one_id() {
    let web_socket = "W:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes: { sendMessage: { FunctionArn: f }, sendmessage: { FunctionArn: f } }
";
    let own = "FRole: { Type: AWS::SQS::Queue }\n";
    refused(&[
        (web_socket, "Resources.W.Properties.Routes.sendmessage"),
        (&format!("{own}  {}", function("Timeout: 1")), "Resources.FRole"),
        (&format!("{}  {own}", function("Timeout: 1")), "Resources.FRole"),
    ]);
}

#[test]
fn a_domain_has_only_what_its_kind_has() {
    let domain = |kind: &str, more: &str| {
        let own = if kind == "Api" { "StageName: s" } else { "Name: n" };
        format!(
            "A: {{ Type: 'AWS::Serverless::{kind}', Properties: {{ {own}, Domain: {{ DomainName: d, CertificateArn: c, \
             {more} }} }} }}\n"
        )
    };
    for (kind, endpoint, names) in [
        ("Api", "EDGE", ["Policy", "AccessAssociation"].as_slice()),
        ("Api", "REGIONAL", &["Policy", "AccessAssociation"]),
        ("Api", "PRIVATE", &["MutualTlsAuthentication"]),
        (
            "HttpApi",
            "REGIONAL",
            &["Policy", "AccessAssociation", "IpAddressType", "EndpointAccessMode", "NormalizeBasePath"],
        ),
    ] {
        for name in names {
            let given = domain(kind, &format!("EndpointConfiguration: {endpoint}, {name}: {{ A: b }}"));
            refused(&[(&given, &format!("Resources.A.Properties.Domain.{name}"))]);
        }
    }
    let plain =
        domain("Api", "EndpointConfiguration: REGIONAL, IpAddressType: ipv4, NormalizeBasePath: false");
    calls(&sam(&plain));
}

#[test]
fn what_an_event_cannot_write_is_told() {
    let event = |kind: &str, more: &str| {
        let id = if kind == "Api" { "RestApiId" } else { "ApiId" };
        function(&format!(
            "Events: {{ E: {{ Type: {kind}, Properties: {{ Path: /a, Method: get, {id}: !Ref A, {more} }} }} }}"
        ))
    };
    let api = |kind: &str, more: &str| {
        let stage = if kind == "Api" { "StageName: s, " } else { "" };
        format!("A: {{ Type: 'AWS::Serverless::{kind}', Properties: {{ {stage}{more} }} }}\n  ")
    };
    let body = "DefinitionBody: { openapi: 3.0.1, info: { title: t }, paths: {} }";
    let many = "RequestParameters: [method.request.header.X], TimeoutInMillis: 5, Stage: x";
    for (kind, definition, given, told) in [
        ("Api", body, many, ["RequestParameters", "TimeoutInMillis", "Stage"].as_slice()),
        ("Api", "DefinitionUri: spec.json", "Auth: { ApiKeyRequired: true }", &["Auth"]),
        ("Api", body, "Auth: { OverrideApiAuth: true, ApiKeyRequired: true }", &[]),
        ("Api", "Name: managed", "TimeoutInMillis: 500", &[]),
        (
            "Api",
            &format!("MergeDefinitions: true, {body}"),
            "Auth: { ResourcePolicy: { AwsAccountWhitelist: ['1'] } }",
            &["Auth.ResourcePolicy"],
        ),
        (
            "HttpApi",
            "DefinitionUri: spec.json",
            "TimeoutInMillis: 5, RouteSettings: {}",
            &["TimeoutInMillis"],
        ),
        ("HttpApi", body, "TimeoutInMillis: 5, Stage: x", &["Stage"]),
    ] {
        let text = sam(&format!("{}{}", api(kind, definition), event(kind, given)));
        let mut places: Vec<String> = plan(&text).unwrap().notices.into_iter().map(|it| it.place).collect();
        let mut expected: Vec<String> =
            told.iter().map(|name| format!("Resources.F.Properties.Events.E.Properties.{name}")).collect();
        places.sort();
        expected.sort();
        assert_eq!(places, expected, "{text}");
    }
    let cors = api("Api", "Cors: { AllowOrigin: \"'https://a.example'\", AllowCredentials: 'true' }");
    let notices = plan(&sam(&format!("{cors}{}", event("Api", "TimeoutInMillis: 5")))).unwrap().notices;
    assert_eq!(notices[0].place, "Resources.A.Properties.Cors.AllowCredentials");
}

#[test]
fn a_list_is_no_map() {
    let of_api = |property: &str| {
        format!("A: {{ Type: 'AWS::Serverless::Api', Properties: {{ StageName: s, {property} }} }}\n")
    };
    refused(&[
        (&function("Events: [{ Type: Api }]"), "Resources.F.Properties.Events"),
        (&function("Tags: [{ Key: a, Value: b }]"), "Resources.F.Properties.Tags"),
        (
            &function("Events: { E: { Type: Schedule, Properties: [1] } }"),
            "Resources.F.Properties.Events.E.Properties",
        ),
        (&of_api("Models: []"), "Resources.A.Properties.Models"),
        (&of_api("GatewayResponses: []"), "Resources.A.Properties.GatewayResponses"),
        (
            &of_api("GatewayResponses: { UNAUTHORIZED: { ResponseParameters: [1] } }"),
            "Resources.A.Properties.GatewayResponses.UNAUTHORIZED.ResponseParameters",
        ),
    ]);
    let function = sam(&function("Timeout: 1"));
    for (globals, place) in [("{ Function: [] }", "Globals.Function"), ("[]", "Globals")] {
        support::refused(&format!("{function}Globals: {globals}\n"), place);
    }
}

#[test]
fn a_queue_of_a_topic_says_whether_it_is_read() {
    let event = |more: &str| {
        function(&format!(
            "Events: {{ E: {{ Type: SNS, Properties: {{ Topic: t, SqsSubscription: {{ QueueArn: a, QueueUrl: u, {more} \
             }} }} }} }}"
        ))
    };
    let made = resources(&sam(&event("BatchSize: 3, Enabled: false"))).unwrap();
    let mapping = &made["FEEventSourceMapping"]["Properties"];
    assert_eq!((&mapping["Enabled"], &mapping["BatchSize"]), (&json!(false), &json!(3)));
    refused(&[(&event("Odd: 1"), "Resources.F.Properties.Events.E.Properties.SqsSubscription.Odd")]);
}

#[test]
fn what_would_leave_an_api_open_or_code_unread_is_refused() {
    let policy = "A: { Type: 'AWS::Serverless::Api', Properties: { StageName: s, Auth: { ResourcePolicy: \
                  { SourceVpcWhitelist: [vcp-123] } } } }\n";
    let with_event = format!(
        "{policy}  {}",
        function("Events: { E: { Type: Api, Properties: { Path: /a, Method: get, RestApiId: !Ref A } } }")
    );
    let code = |more: &str| function("Timeout: 1").replace("InlineCode: x", more);
    refused(&[
        (&with_event, "Resources.A.Properties.Auth.ResourcePolicy.SourceVpcWhitelist"),
        (&code("CodeUri: { Bucket: b, Key: k, Odd: 1 }"), "Resources.F.Properties.CodeUri.Odd"),
        (&code("CodeUri: { Bucket: b }"), "Resources.F.Properties.CodeUri"),
        (&code("CodeUri: ./a\n      SourceKMSKeyArn: k"), "Resources.F.Properties.SourceKMSKeyArn"),
        (&function("SourceKMSKeyArn: k"), "Resources.F.Properties.SourceKMSKeyArn"),
    ]);
    let made = resources(&sam(&code("CodeUri: { Bucket: b, Key: k, VersionId: v }"))).unwrap();
    assert_eq!(
        made["F"]["Properties"]["Code"],
        json!({"S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"})
    );
}

#[test]
fn aliases_and_versions_take_all_they_are_told() {
    let alias = |more: &str| {
        format!(
            "A: {{ Type: 'AWS::Lambda::Alias', Properties: {{ FunctionName: f, FunctionVersion: '1', Name: n, {more} }} }}\n"
        )
    };
    let of_states = |more: &str| {
        format!(
            "A: {{ Type: 'AWS::StepFunctions::StateMachineAlias', Properties: {{ Name: n, Description: d, \
             DeploymentPreference: {{ StateMachineVersionArn: 'arn:m:1', Type: ALL_AT_ONCE{more} }} }} }}\n"
        )
    };
    let properties = "Resources.A.Properties";
    let routing = format!("{properties}.RoutingConfig.AdditionalVersionWeights.0");
    let provisioned = format!("{properties}.ProvisionedConcurrencyConfig");
    refused(&[
        (&alias("RoutingConfig: { AdditionalVersionWeights: [{ FunctionVersion: '2' }] }"), &routing),
        (&alias("RoutingConfig: { AdditionalVersionWeights: [{ FunctionWeight: 1 }] }"), &routing),
        (&alias("RoutingConfig: [1]"), &format!("{properties}.RoutingConfig")),
        (&alias("ProvisionedConcurrencyConfig: {}"), &provisioned),
        (
            "A: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: f, ProvisionedConcurrencyConfig: { A: 1 } } }\n",
            &format!("{provisioned}.A"),
        ),
        (&of_states(", Alarms: [a]"), &format!("{properties}.DeploymentPreference.Alarms")),
        (&of_states(", Interval: 1"), &format!("{properties}.DeploymentPreference.Interval")),
        (&of_states(", Percentage: 1"), &format!("{properties}.DeploymentPreference.Percentage")),
    ]);
    let made = calls(&sam(&of_states("")));
    let (_, again) = &call(&made, "CreateStateMachineAlias").otherwise[0];
    assert_eq!(
        again[0].members,
        json!({
            "stateMachineAliasArn": "arn:m:n", "description": "d",
            "routingConfiguration": [{"stateMachineVersionArn": "arn:m:1", "weight": 100}],
        })
    );
    let made = calls(&sam(&alias(
        "RoutingConfig: { AdditionalVersionWeights: [{ FunctionVersion: 2, FunctionWeight: 0.5 }] }",
    )));
    assert_eq!(
        call(&made, "CreateAlias").members["RoutingConfig"],
        json!({"AdditionalVersionWeights": {"2": 0.5}})
    );
}
