//! Whatever a template says, it is planned or refused: nothing panics, hangs or grows without bound.

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use support::pseudo;
use templates::Template;

const ORDERS: &str = include_str!("../../../fixtures/apps/orders/template.yaml");

/// Plans a template and makes every call of it, as far as it goes.
fn run(text: &str) {
    let Ok(template) = Template::parse(text) else { return };
    let read = |_: &str| Ok("{\"StartAt\": \"é\", \"é\": {}}".to_owned());
    let Ok(plan) = template.plan(&pseudo(), &BTreeMap::new(), &read, &|_| true) else { return };
    let mut known = plan.known.clone();
    for step in &plan.steps {
        let _ = step.calls(&known);
        let _ = step.made(&BTreeMap::new(), &mut known);
    }
    let _ = plan.outputs(&known);
}

/// The fixture with some of its lines removed, repeated, swapped, indented otherwise or with other words in them.
fn mutated() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("!Sub '${a}${'"),
        Just("!GetAtt x"),
        Just("!If [a, b]"),
        Just("*a"),
        Just("&a"),
        Just("[]"),
        Just("{}"),
        Just("é"),
        Just("null"),
        Just("1e999"),
        Just("!Select [9, []]"),
        Just("- "),
        Just("? "),
        Just("|"),
        Just("{é: {ü: 1}}"),
        Just("AWS::Serverless::Api"),
        Just("AWS::Serverless::HttpApi"),
        Just("AWS::ApiGateway::RestApi"),
        Just("AWS::IAM::Role"),
    ];
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6_u8, word);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut lines: Vec<String> = ORDERS.lines().map(str::to_owned).collect();
        for (one, other, kind, word) in changes {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            match kind {
                0 => drop(lines.remove(one)),
                1 => lines.swap(one, other),
                2 => lines.insert(one, lines[other].clone()),
                3 => lines[one].insert_str(0, "  "),
                4 => {
                    let key = lines[one].split(':').next().unwrap_or_default().to_owned();
                    lines[one] = format!("{key}: {word}");
                }
                _ => lines[one].push_str(word),
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn a_template_with_mistakes_is_planned_or_refused(text in mutated()) {
        run(&text);
    }

    #[test]
    fn any_text_is_planned_or_refused(text in "([\\[\\]{}:,&*!|>?'\"#%@` \n\t-]|\\PC|Resources|Type|a|\r\n){0,60}") {
        run(&text);
        run(&format!("Resources:\n  A:\n    Type: AWS::S3::Bucket\n    {text}"));
    }
}

/// One resource with these properties, in JSON.
fn resource(kind: &str, properties: &str) -> String {
    format!("{{\"Resources\": {{\"A\": {{\"Type\": \"{kind}\", \"Properties\": {properties}}}}}}}")
}

#[test]
fn odd_shapes_inside_of_resources_do_not_panic() {
    let body = |responses: &str| {
        format!(
            "{{\"Body\": {{\"paths\": {{\"/a\": {{\"get\": {{\"x-amazon-apigateway-integration\": {{\"type\": \"mock\", \
             \"responses\": {responses}}}}}}}}}}}}}"
        )
    };
    for responses in ["{\"4..\": \"text\"}", "{\"4..\": [1]}", "{\"4..\": 1}", "{\"4..\": null}", "[]"] {
        run(&resource("AWS::ApiGateway::RestApi", &body(responses)));
    }
    let machine = "{\"Definition\": {}, \"LoggingConfiguration\": {\"\u{e9}t\u{e9}\": {\"\": 1}}}";
    run(&resource("AWS::StepFunctions::StateMachine", machine));
}

#[test]
fn every_property_of_api_gateway_takes_any_shape_without_a_panic() {
    const V1: &str = "Account ApiKey Authorizer BasePathMapping ClientCertificate Deployment DocumentationPart \
        DocumentationVersion DomainName GatewayResponse Method Model RequestValidator Resource RestApi Stage UsagePlan \
        UsagePlanKey VpcLink";
    const V2: &str = "Api ApiMapping Authorizer Deployment DomainName Integration IntegrationResponse Model Route \
        RouteResponse Stage VpcLink";
    const PROPERTIES: &str = "AutoPublishAlias CapacityProviderConfig CodeUri ContentUri CorsConfiguration DeadLetterQueue \
        Definition DefinitionUri Domain EventInvokeConfig Events FunctionUrlConfig Globals Layers Models OpenApiVersion \
        Policies RouteSelectionExpression Routes Actions Conditions ScalingConfig InstanceRequirements AccessLogSetting AccessLogSettings ApiStages Auth BinaryMediaTypes Body BodyS3Location \
        CanarySetting CloudWatchRoleArn Cors CorsConfiguration DefinitionBody DeploymentCanarySettings DomainName \
        DomainNameConfigurations EndpointConfiguration GatewayResponses Integration JwtConfiguration Location \
        MethodResponses MethodSettings Mode Name Policy Quota RequestParameters ResponseParameters RouteSettings Schema \
        SecurityGroupEgress SecurityGroupIngress StageDescription StageKeys StageName Tags Throttle Value Variables";
    const VALUES: [&str; 9] =
        ["null", "1", "\"\u{e9}\"", "[]", "[1]", "[{}]", "{}", "{\"\u{e9}\": 1}", "{\"a\": {\"b\": [{}]}}"];
    let sam = |kind: &str, properties: &str| {
        let transform = "{\"Transform\": \"AWS::Serverless-2016-10-31\", ";
        run(&resource(kind, properties).replacen('{', transform, 1));
    };
    let network = "VPC Subnet SecurityGroup SecurityGroupIngress SecurityGroupEgress".split_whitespace();
    let network = network.map(|kind| format!("AWS::EC2::{kind}"));
    let v1 = V1.split_whitespace().map(|kind| format!("AWS::ApiGateway::{kind}"));
    let v2 = V2.split_whitespace().map(|kind| format!("AWS::ApiGatewayV2::{kind}"));
    let serverless =
        ["Api", "HttpApi", "WebSocketApi", "Function", "StateMachine", "LayerVersion", "CapacityProvider"];
    let serverless = serverless.map(|kind| format!("AWS::Serverless::{kind}"));
    for kind in v1.chain(v2).chain(network).chain(serverless) {
        for property in PROPERTIES.split_whitespace() {
            VALUES.iter().for_each(|value| sam(&kind, &format!("{{\"{property}\": {value}}}")));
        }
    }
    for value in VALUES {
        let body = format!(
            "{{\"swagger\": 1, \"securityDefinitions\": {value}, \"paths\": {{\"/a\": {value}, \"/b\": {{\"get\": {value}, \
             \"put\": {{\"security\": {value}}}}}}}}}"
        );
        let beside =
            format!("\"Auth\": {{\"ApiKeyRequired\": true}}, \"GatewayResponses\": {{\"a\": {value}}}");
        sam("AWS::Serverless::Api", &format!("{{\"DefinitionBody\": {body}, \"Cors\": {value}, {beside}}}"));
    }
}

/// Values that go wherever the events, authorizers, policies and domains of SAM have any.
#[test]
fn every_part_of_sam_takes_any_shape_without_a_panic() {
    const VALUES: [&str; 7] = ["null", "1", "\"\u{e9}\"", "[1]", "[{}]", "{}", "{\"\u{e9}\": {\"a\": [1]}}"];
    const IN_EVENTS: &str = "ApiId Auth BatchSize DeadLetterConfig DestinationConfig Method Path Pattern Queue RequestModel \
        RequestParameters ResponseTransferMode RestApiId RouteSettings Schedule SqsSubscription Stream Target TimeoutInMillis \
        Topic";
    const IN_AUTH: &str = "ApiKeyRequired AuthArn AuthType Authorizers Authorizer AuthorizationScopes DefaultAuthorizer \
        InvokeRole OverrideApiAuth ResourcePolicy UsagePlan";
    const IN_AUTHORIZERS: &str = "AuthorizationScopes FunctionArn FunctionInvokeRole FunctionPayloadType Identity \
        IdentitySource JwtConfiguration UserPoolArn";
    const IN_DOMAINS: &str =
        "AccessAssociation BasePath EndpointConfiguration MutualTlsAuthentication Route53";
    let run = |api: &str, function: &str| {
        let text = format!(
            "{{\"Transform\": \"AWS::Serverless-2016-10-31\", \"Resources\": {{\
             \"A\": {{\"Type\": \"AWS::Serverless::Api\", \"Properties\": {{\"StageName\": \"s\", {api}}}}}, \
             \"H\": {{\"Type\": \"AWS::Serverless::HttpApi\", \"Properties\": {{{api}}}}}, \
             \"W\": {{\"Type\": \"AWS::Serverless::WebSocketApi\", \"Properties\": {{\"Routes\": {{\"$connect\": \
             {{\"FunctionArn\": \"f\"}}}}, {api}}}}}, \
             \"F\": {{\"Type\": \"AWS::Serverless::Function\", \"Properties\": {{{function}}}}}, \
             \"S\": {{\"Type\": \"AWS::Serverless::StateMachine\", \"Properties\": {{\"Definition\": {{\"a\": 1}}, {function}}}}}}}}}"
        );
        assert!(Template::parse(&text).is_ok(), "{text}");
        run(&text);
    };
    for value in VALUES {
        for kind in "Api HttpApi SQS Kinesis SNS Schedule EventBridgeRule".split_whitespace() {
            for name in IN_EVENTS.split_whitespace() {
                let properties = "\"Path\": \"/a\", \"Method\": \"get\", \"Queue\": \"q\", \"Topic\": \"t\"";
                let event = format!(
                    "{{\"Type\": \"{kind}\", \"Properties\": {{{properties}, \"{name}\": {value}}}}}"
                );
                run("\"Tags\": {}", &format!("\"Events\": {{\"E\": {event}}}"));
            }
        }
        for name in IN_AUTH.split_whitespace() {
            let event = "{\"Type\": \"Api\", \"Properties\": {\"Path\": \"/a\", \"Method\": \"get\", \"RestApiId\": \"A\", \"Auth\":";
            let function = format!("\"Events\": {{\"E\": {event} {{\"{name}\": {value}}}}}}}}}");
            run(&format!("\"Auth\": {{\"{name}\": {value}}}"), &function);
            let body = format!(
                "\"Auth\": {{\"{name}\": {value}}}, \"DefinitionBody\": {value}, \"MergeDefinitions\": true"
            );
            run(&body, &function);
        }
        for name in IN_AUTHORIZERS.split_whitespace() {
            let one = format!(
                "{{\"FunctionArn\": \"f\", \"AuthorizerPayloadFormatVersion\": \"2.0\", \"{name}\": {value}}}"
            );
            run(
                &format!("\"Auth\": {{\"DefaultAuthorizer\": \"a\", \"Authorizers\": {{\"a\": {one}}}}}"),
                "\"Tags\": {}",
            );
        }
        for name in IN_DOMAINS.split_whitespace() {
            let domain =
                format!("{{\"DomainName\": {value}, \"CertificateArn\": \"c\", \"{name}\": {value}}}");
            run(&format!("\"Domain\": {domain}"), "\"Tags\": {}");
        }
    }
}

#[test]
fn deep_and_multiplying_templates_end_soon() {
    let began = Instant::now();
    for open in ["[", "{a: ", "- ", "? ", "!a [", "!a "] {
        run(&open.repeat(300_000 / open.len()));
    }
    run(&format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)));
    run(&format!("{{\"a\": {}{}}}", "[".repeat(200_000), "]".repeat(200_000)));
    let chained = (1..60).fold(format!("a0: &a0 {}{}\n", "[".repeat(90), "]".repeat(90)), |text, at| {
        text + &format!("a{at}: &a{at} {}*a{}{}\n", "[".repeat(90), at - 1, "]".repeat(90))
    });
    assert!(Template::parse(&chained).is_err());
    let doubled = (0..30).fold("\"xxxxxxxxxxxxxxxx\"".to_owned(), |inner, _| {
        format!("{{\"Fn::Sub\": [\"${{a}}${{a}}${{a}}${{a}}\", {{\"a\": {inner}}}]}}")
    });
    run(&resource("AWS::S3::Bucket", &format!("{{\"BucketName\": {doubled}}}")));
    let joined = (0..30).fold("\"xxxxxxxxxxxxxxxx\"".to_owned(), |inner, _| {
        format!("{{\"Fn::Join\": [{inner}, [\"\", \"\", \"\", \"\", \"\"]]}}")
    });
    run(&resource("AWS::S3::Bucket", &format!("{{\"BucketName\": {joined}}}")));
    let quoted = (0..60).fold("\"\\\"\"".to_owned(), |inner, _| format!("{{\"Fn::ToJsonString\": {inner}}}"));
    run(&resource("AWS::S3::Bucket", &format!("{{\"BucketName\": {quoted}}}")));
    let given: Vec<_> =
        (10..60).map(|at| format!("\"a{at}\": \"${{a{}}}${{a{}}}\"", at + 1, at + 1)).collect();
    let given = format!(
        "{{\"DefinitionString\": \"${{a10}}\", \"DefinitionSubstitutions\": {{{}}}}}",
        given.join(", ")
    );
    run(&resource("AWS::StepFunctions::StateMachine", &given));
    let path = "/a".repeat(100_000);
    let body = format!("{{\"Body\": {{\"paths\": {{\"{path}\": {{}}}}}}}}");
    run(&resource("AWS::ApiGateway::RestApi", &body));
    let paths: Vec<_> = (0..2_000).map(|at| format!("\"/{at}\": {{\"get\": {{}}}}")).collect();
    let body = format!("{{\"swagger\": \"2.0\", \"paths\": {{{}}}}}", paths.join(", "));
    let policy = "{\"ResourcePolicy\": {\"IpRangeWhitelist\": [\"a\"], \"SourceVpcWhitelist\": [\"vpc-1\"]}}";
    let many = format!(
        "{{\"StageName\": \"s\", \"Cors\": \"'*'\", \"Auth\": {policy}, \"DefinitionBody\": {body}}}"
    );
    let many = resource("AWS::Serverless::Api", &many);
    run(&many.replacen('{', "{\"Transform\": \"AWS::Serverless-2016-10-31\", ", 1));
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}
