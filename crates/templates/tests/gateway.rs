//! Resources of API Gateway: which calls make them.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, calls, planned};

#[test]
fn a_rest_api_s_settings_are_told_when_it_is_made_and_again_over_its_body() {
    let properties = "
      ApiKeySourceType: AUTHORIZER
      DisableExecuteApiEndpoint: 'true'
      EndpointConfiguration: { Types: [PRIVATE], VpcEndpointIds: [vpce-1] }
      MinimumCompressionSize: '10'
      Policy: { Version: '2012-10-17', Statement: [] }";
    let head = format!("Resources:\n  A:\n    Type: AWS::ApiGateway::RestApi\n    Properties:{properties}\n");
    let made = calls(&head);
    let create = &call(&made, "CreateRestApi").members;
    assert_eq!(create["endpointConfiguration"], json!({"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}));
    assert_eq!(
        (&create["minimumCompressionSize"], &create["disableExecuteApiEndpoint"], &create["apiKeySource"]),
        (&json!(10), &json!(true), &json!("AUTHORIZER"))
    );
    assert_eq!(create["policy"], "{\"Version\":\"2012-10-17\",\"Statement\":[]}");
    assert!(made.iter().all(|call| call.operation != "UpdateRestApi"), "nothing is put over it");

    let made = calls(&format!("{head}      Body: {{ openapi: 3.0.1, paths: {{}} }}\n"));
    let patches = call(&made, "UpdateRestApi").members["patchOperations"].as_array().unwrap().clone();
    for (path, value) in [
        ("/apiKeySource", "AUTHORIZER"),
        ("/disableExecuteApiEndpoint", "true"),
        ("/endpointConfiguration/types/0", "PRIVATE"),
        ("/minimumCompressionSize", "10"),
    ] {
        assert!(
            patches.contains(&json!({"op": "replace", "path": path, "value": value})),
            "{path}: {patches:?}"
        );
    }
}

#[test]
fn methods_have_their_integration_and_responses() {
    let made = calls(
        "Resources:
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref A
      ResourceId: !Ref R
      HttpMethod: POST
      AuthorizationType: NONE
      RequestModels: { application/json: !Ref Order }
      RequestParameters: { method.request.querystring.Q: 'true' }
      MethodResponses: [{ StatusCode: 200, ResponseParameters: { method.response.header.X: true } }]
      Integration:
        Type: MOCK
        TimeoutInMillis: '500'
        RequestTemplates: { application/json: '{}' }
        IntegrationResponses: [{ StatusCode: 200, SelectionPattern: 2.., ResponseTemplates: { a/b: c } }]
  R:
    Type: AWS::ApiGateway::Resource
    Properties: { RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: orders }
  Order:
    Type: AWS::ApiGateway::Model
    Properties: { RestApiId: !Ref A, ContentType: application/json, Schema: { type: object } }
  A: { Type: AWS::ApiGateway::RestApi, Properties: { Name: a } }
",
    );
    let operations: Vec<&str> = made.iter().map(|call| call.operation).skip(2).collect();
    let expected = [
        "CreateResource",
        "CreateModel",
        "PutMethod",
        "PutMethodResponse",
        "PutIntegration",
        "PutIntegrationResponse",
    ];
    assert_eq!(operations, expected);
    assert_eq!(
        call(&made, "CreateResource").members,
        json!({"restApiId": "A.id", "parentId": "A.root", "pathPart": "orders"})
    );
    assert_eq!(
        call(&made, "CreateModel").members,
        json!({"restApiId": "A.id", "contentType": "application/json", "schema": "{\"type\":\"object\"}", "name": "Order"})
    );
    let which = json!({"restApiId": "A.id", "resourceId": "R.reference", "httpMethod": "POST"});
    let with = |more: Value| {
        let mut all = which.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    assert_eq!(
        call(&made, "PutMethod").members,
        with(json!({
            "authorizationType": "NONE", "requestModels": {"application/json": "Order"},
            "requestParameters": {"method.request.querystring.Q": true},
        }))
    );
    assert_eq!(
        call(&made, "PutMethodResponse").members,
        with(json!({"statusCode": "200", "responseParameters": {"method.response.header.X": true}}))
    );
    assert_eq!(
        call(&made, "PutIntegration").members,
        with(json!({"type": "MOCK", "timeoutInMillis": 500, "requestTemplates": {"application/json": "{}"}}))
    );
    assert_eq!(
        call(&made, "PutIntegrationResponse").members,
        with(json!({"statusCode": "200", "selectionPattern": "2..", "responseTemplates": {"a/b": "c"}}))
    );
}

#[test]
fn a_stage_is_changed_behind_its_creation() {
    let made = calls(
        "Resources:
  S:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: a
      DeploymentId: d
      StageName: dev
      CacheClusterEnabled: 'true'
      CacheClusterSize: 0.5
      AccessLogSetting: { DestinationArn: 'arn:aws:logs:us-east-1:000000000000:log-group:g:*', Format: f }
      MethodSettings:
        - { ResourcePath: '/*', HttpMethod: '*', CachingEnabled: true, ThrottlingRateLimit: 1.5, LoggingLevel: INFO }
        - { ResourcePath: /~1a~1b, HttpMethod: GET, CacheTtlInSeconds: 3 }
",
    );
    let create = &call(&made, "CreateStage").members;
    assert_eq!((&create["cacheClusterEnabled"], &create["cacheClusterSize"]), (&json!(true), &json!("0.5")));
    let patches = call(&made, "UpdateStage").members["patchOperations"].as_array().unwrap().clone();
    let mut told: Vec<String> = patches
        .iter()
        .map(|patch| format!("{}={}", patch["path"].as_str().unwrap(), patch["value"].as_str().unwrap()))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "/*/*/caching/enabled=true",
            "/*/*/logging/loglevel=INFO",
            "/*/*/throttling/rateLimit=1.5",
            "/accessLogSettings/destinationArn=arn:aws:logs:us-east-1:000000000000:log-group:g",
            "/accessLogSettings/format=f",
            "/~1a~1b/GET/caching/ttlInSeconds=3",
        ]
    );
}

#[test]
fn what_is_not_of_one_api_outlives_a_stack_made_again() {
    let made = calls(
        "Resources:
  Domain: { Type: AWS::ApiGateway::DomainName, Properties: { DomainName: api.example } }
  Mapping: { Type: AWS::ApiGateway::BasePathMapping, Properties: { DomainName: !Ref Domain, RestApiId: a, Stage: b } }
  Key: { Type: AWS::ApiGateway::ApiKey, Properties: { Enabled: true } }
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    Properties:
      ApiStages: [{ ApiId: a, Stage: b, Throttle: { /orders/GET: { RateLimit: '2' } } }]
      Quota: { Limit: 5, Period: DAY }
  In: { Type: AWS::ApiGateway::UsagePlanKey, Properties: { KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan } }
",
    );
    let gone = call(&made, "DeleteDomainName");
    assert_eq!(
        (gone.otherwise[0].0, &gone.members["domainName"]),
        ("NotFoundException", &json!("api.example"))
    );
    assert_eq!(call(&made, "CreateBasePathMapping").members["domainName"], "Domain.reference");
    let key = call(&made, "CreateApiKey");
    assert_eq!((&key.members["name"], key.members["value"].as_str().unwrap().len()), (&json!("s-Key"), 20));
    let replaced: Vec<&str> = key.otherwise[0].1.iter().map(|call| call.operation).collect();
    assert_eq!(replaced, ["GetApiKey", "DeleteApiKey", "CreateApiKey"]);
    let plan = &call(&made, "CreateUsagePlan").members;
    assert_eq!(plan["apiStages"][0]["throttle"], json!({"/orders/GET": {"rateLimit": 2}}));
    assert_eq!(plan["quota"], json!({"limit": 5, "period": "DAY"}));
    let moved = &call(&made, "CreateUsagePlanKey").otherwise[0].1;
    let operations: Vec<&str> = moved.iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["GetUsagePlans", "DeleteUsagePlanKey", "CreateUsagePlanKey"]);
}

#[test]
fn parts_of_http_and_websocket_apis_keep_their_names() {
    let made = calls(
        "Resources:
  A:
    Type: AWS::ApiGatewayV2::Api
    Properties: { Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }
  I:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref A
      IntegrationType: MOCK
      ResponseParameters:
        '200': { ResponseParameters: [{ Destination: 'overwrite:header.x', Source: 1 }] }
  R:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref A
      RouteKey: $connect
      Target: !Sub integrations/${I}
      RequestParameters: { route.request.header.x: { Required: 'true' } }
  S:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref A, StageName: dev, DefaultRouteSettings: { ThrottlingBurstLimit: '3' } }
",
    );
    let api = &call(&made, "CreateApi").members;
    assert_eq!(
        (&api["ProtocolType"], &api["RouteSelectionExpression"]),
        (&json!("WEBSOCKET"), &json!("$request.body.action"))
    );
    let integration = &call(&made, "CreateIntegration").members;
    assert_eq!(integration["ResponseParameters"], json!({"200": {"overwrite:header.x": "1"}}));
    let route = &call(&made, "CreateRoute").members;
    assert_eq!(route["Target"], "integrations/I.reference");
    assert_eq!(route["RequestParameters"], json!({"route.request.header.x": {"Required": true}}));
    assert_eq!(
        call(&made, "CreateStage").members["DefaultRouteSettings"],
        json!({"ThrottlingBurstLimit": 3})
    );
}

#[test]
fn sam_writes_what_an_api_says_into_its_document() {
    let text = "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      EndpointConfiguration: { Type: REGIONAL }
      MinimumCompressionSize: 5
      TracingEnabled: true
      MethodSettings: [{ ResourcePath: '/*', HttpMethod: '*', MetricsEnabled: true }]
      Cors: { AllowOrigin: \"'*'\", AllowHeaders: \"'x-a'\" }
      Auth: { ApiKeyRequired: true, AddApiKeyRequiredToCorsPreflight: false, ResourcePolicy: { CustomStatements: { Effect: Allow } } }
      GatewayResponses:
        UNAUTHORIZED: { StatusCode: 401, ResponseParameters: { Headers: { X: \"'y'\" } } }
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events:
        Get: { Type: Api, Properties: { Path: /a, Method: get, RestApiId: !Ref A } }
        Any: { Type: Api, Properties: { Path: /b, Method: any, RestApiId: !Ref A } }
";
    let made = calls(text);
    let by_default = calls(&text.replace("AddApiKeyRequiredToCorsPreflight: false, ", ""));
    let body: Value = serde_json::from_str(call(&by_default, "PutRestApi").body.as_ref().unwrap()).unwrap();
    assert_eq!(body["paths"]["/a"]["options"]["security"], json!([{"api_key": []}]), "as SAM has it");
    let create = &call(&made, "CreateRestApi").members;
    assert_eq!(create["endpointConfiguration"], json!({"types": ["REGIONAL"]}));
    assert_eq!(create["minimumCompressionSize"], 5);
    assert_eq!(call(&made, "CreateStage").members["tracingEnabled"], true);
    assert_eq!(call(&made, "UpdateStage").members["patchOperations"][0]["path"], "/*/*/metrics/enabled");
    let body: Value = serde_json::from_str(call(&made, "PutRestApi").body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body["x-amazon-apigateway-gateway-responses"],
        json!({"UNAUTHORIZED": {"statusCode": "401", "responseTemplates": {}, "responseParameters": {"gatewayresponse.header.X": "'y'"}}})
    );
    assert_eq!(body["x-amazon-apigateway-policy"]["Statement"], json!([{"Effect": "Allow"}]));
    assert_eq!(body["securityDefinitions"]["api_key"]["in"], "header");
    assert_eq!(body["paths"]["/a"]["get"]["security"], json!([{"api_key": []}]));
    let headers = |path: &str| {
        let options = &body["paths"][path]["options"];
        assert!(options["security"].is_null(), "a preflight brings no key");
        options["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"].clone()
    };
    assert_eq!(
        headers("/a"),
        json!({
            "method.response.header.Access-Control-Allow-Headers": "'x-a'",
            "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
            "method.response.header.Access-Control-Allow-Origin": "'*'",
        })
    );
    assert_eq!(
        headers("/b")["method.response.header.Access-Control-Allow-Methods"],
        "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'"
    );
}

#[test]
fn what_is_unknown_deep_inside_is_refused_by_name() {
    for (kind, properties, place) in [
        ("AWS::ApiGateway::UsagePlan", "Quota: { Limits: 1 }", "Quota.Limits"),
        ("AWS::ApiGateway::Method", "Integration: { Odd: 1 }", "Integration.Odd"),
        ("AWS::ApiGateway::Stage", "MethodSettings: [{ Odd: 1 }]", "MethodSettings.0.Odd"),
        ("AWS::ApiGateway::Stage", "AccessLogSetting: { Odd: 1 }", "AccessLogSetting.Odd"),
        ("AWS::ApiGateway::Model", "Odd: 1", "Odd"),
        ("AWS::ApiGatewayV2::Api", "CorsConfiguration: { Odd: 1 }", "CorsConfiguration.Odd"),
        (
            "AWS::ApiGatewayV2::RoutingRule",
            "Conditions: [{ MatchHeaders: { All: [] } }]",
            "Conditions.0.MatchHeaders.All",
        ),
        ("AWS::Serverless::Api", "{ StageName: s, Auth: { Authorizers: { A: 1 } } }", "Auth.Authorizers.A"),
        (
            "AWS::Serverless::Api",
            "{ StageName: s, Auth: { Authorizers: { A: { Odd: 1 } } } }",
            "Auth.Authorizers.A.Odd",
        ),
        ("AWS::Serverless::Api", "{ StageName: s, DefinitionBody: text, Cors: 'x' }", "Cors"),
        (
            "AWS::Serverless::Api",
            "{ StageName: s, DefinitionBody: { 'Fn::Transform': {} }, Auth: { A: 1 } }",
            "Auth",
        ),
        (
            "AWS::Serverless::Api",
            "{ StageName: s, GatewayResponses: { A: { StatusCode: x } } }",
            "GatewayResponses.A.StatusCode",
        ),
        ("AWS::Serverless::Api", "{ StageName: s, DefinitionBody: [1] }", "DefinitionBody"),
        (
            "AWS::Serverless::Api",
            "{ StageName: s, GatewayResponses: { A: { Odd: 1 } } }",
            "GatewayResponses.A.Odd",
        ),
        (
            "AWS::Serverless::Api",
            "{ StageName: s, EndpointConfiguration: { Odd: 1 } }",
            "EndpointConfiguration.Odd",
        ),
        ("AWS::Serverless::Api", "{ StageName: s, Domain: { DomainName: d } }", "Domain"),
        ("AWS::Serverless::HttpApi", "Auth: { Authorizers: { A: { Odd: 1 } } }", "Auth.Authorizers.A.Odd"),
        ("AWS::Serverless::HttpApi", "CorsConfiguration: { Odd: 1 }", "CorsConfiguration.Odd"),
    ] {
        let transform =
            if kind.contains("Serverless") { "Transform: AWS::Serverless-2016-10-31\n" } else { "" };
        let text =
            format!("{transform}Resources:\n  A:\n    Type: {kind}\n    Properties:\n      {properties}\n");
        let refused = planned(&text).unwrap_err();
        assert!(refused.contains(&format!("Resources.A.Properties.{place}")), "{kind}: {refused}");
    }
}

#[test]
fn cdk_s_assets_stand_for_what_it_would_upload() {
    let text = json!({
        "Parameters": {"BootstrapVersion": {
            "Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}},
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}},
        "Resources": {
            "F": {"Type": "AWS::Lambda::Function", "Properties": {
                "Runtime": "nodejs22.x", "Handler": "index.handler", "Role": "r",
                "Code": {"S3Bucket": {"Fn::Sub": "cdk-${AWS::Region}"}, "S3Key": "1.zip"}},
                "Metadata": {"aws:asset:path": "asset.1", "aws:asset:property": "Code"}},
            "A": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"BodyS3Location": {"Bucket": "b", "Key": "k"}},
                "Metadata": {"aws:asset:path": "spec.json", "aws:asset:property": "BodyS3Location"}},
            "M": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}},
        },
    });
    let made = calls(&text.to_string());
    let code = call(&made, "CreateFunction").code.clone().unwrap();
    assert!(matches!(code, templates::Code::Path { path, .. } if path == "asset.1"));
    assert!(call(&made, "PutRestApi").body.as_ref().unwrap().contains("/read"));

    let without = text.to_string().replace("aws:asset:path", "other");
    assert!(planned(&without).unwrap_err().contains("BodyS3Location"));
    let more = text.to_string().replace("CheckBootstrapVersion", "CheckMore");
    assert!(planned(&more).unwrap_err().contains("Rules.CheckMore"));
    let other = text.to_string().replace("/cdk-bootstrap/hnb659fds/version", "/mine");
    assert!(planned(&other).unwrap_err().contains("Parameters.BootstrapVersion"));
}
