//! Settings of APIs that templates make: they act, and the same template again finds its own domain names and keys.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::path::Path;

use e2e::{Answer, Tule};

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      Name: rest
      StageName: dev
      EndpointConfiguration: REGIONAL
      Cors: "'*'"
      GatewayResponses:
        INVALID_API_KEY: { StatusCode: 418, ResponseParameters: { Headers: { X-Why: "'no key'" } } }
        ACCESS_DENIED: { StatusCode: 451 }
      Auth:
        ApiKeyRequired: true
        AddApiKeyRequiredToCorsPreflight: false
        ResourcePolicy:
          CustomStatements:
            - { Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' }
            - { Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/dev/GET/closed' }
      MethodSettings: [{ ResourcePath: '/*', HttpMethod: '*', ThrottlingRateLimit: 100, ThrottlingBurstLimit: 100 }]
  Key: { Type: AWS::ApiGateway::ApiKey, Properties: { Enabled: true, Value: a-key-of-twenty-letters } }
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    DependsOn: RestdevStage
    Properties: { ApiStages: [{ ApiId: !Ref Rest, Stage: dev }] }
  InPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: { KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan }
  RestDomain:
    Type: AWS::ApiGateway::DomainName
    Properties:
      DomainName: rest.example
      RegionalCertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/a
      EndpointConfiguration: { Types: [REGIONAL] }
  RestMapping:
    Type: AWS::ApiGateway::BasePathMapping
    DependsOn: RestdevStage
    Properties: { DomainName: !Ref RestDomain, BasePath: shop, RestApiId: !Ref Rest, Stage: dev }

  Http: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: http, ProtocolType: HTTP } }
  HttpStage: { Type: AWS::ApiGatewayV2::Stage, Properties: { ApiId: !Ref Http, StageName: $default, AutoDeploy: true } }
  HttpIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Http
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt Answer.Arn
      PayloadFormatVersion: '2.0'
      ResponseParameters: { '200': { ResponseParameters: [{ Destination: 'overwrite:header.x-by', Source: tule }] } }
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Http
      Name: guard
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: '2.0'
      AuthorizerResultTtlInSeconds: 0
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Guarding.Arn}/invocations
      EnableSimpleResponses: true
      IdentitySource: [$request.header.x-pass]
  HttpRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Http
      RouteKey: GET /
      Target: !Sub integrations/${HttpIntegration}
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Guard
  HttpDomain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties:
      DomainName: http.example
      DomainNameConfigurations:
        - { CertificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/a', EndpointType: REGIONAL }
  HttpMapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    DependsOn: HttpStage
    Properties: { DomainName: !Ref HttpDomain, ApiId: !Ref Http, Stage: $default }

  Answer:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: "exports.handler = async () => ({ statusCode: 200, body: 'answered' });"
      Events:
        Open: { Type: Api, Properties: { RestApiId: !Ref Rest, Path: /open, Method: get } }
        Closed: { Type: Api, Properties: { RestApiId: !Ref Rest, Path: /closed, Method: get } }
  Guarding:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: "exports.handler = async (event) => ({ isAuthorized: event.headers['x-pass'] === 'friend' });"
"#;

fn get(tule: &Tule, host: &str, path: &str, headers: &str) -> Answer {
    Answer::parse(&tule.raw(format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n{headers}\r\n").as_bytes()))
}

fn walk(folder: &Path) {
    let data = folder.join("data");
    let arguments = ["--executor", "process", "--data-dir", data.to_str().unwrap()];
    let tule = Tule::up(&folder.join("template.yaml"), &arguments);
    let key = "x-api-key: a-key-of-twenty-letters\r\n";
    let open = get(&tule, "rest.example", "/shop/open", key);
    assert_eq!((open.status, open.body.as_str()), (200, "answered"));
    let keyless = get(&tule, "rest.example", "/shop/open", "");
    assert_eq!(keyless.status, 418, "{}", keyless.body);
    assert!(keyless.headers.contains("x-why: no key"), "{}", keyless.headers);
    assert_eq!(get(&tule, "rest.example", "/shop/closed", key).status, 451);
    let base = tule.said_url(&["  rest "]).split_once(&tule.address).unwrap().1.to_owned();
    let preflight = tule.request("OPTIONS", &format!("{base}/open"), &[], "");
    assert_eq!(preflight.status, 200, "{}", preflight.body);
    assert!(preflight.headers.contains("access-control-allow-methods: get,options"), "{}", preflight.headers);

    let passed = get(&tule, "http.example", "/", "x-pass: friend\r\n");
    assert_eq!((passed.status, passed.body.as_str()), (200, "answered"));
    assert!(passed.headers.contains("x-by: tule"), "{}", passed.headers);
    assert_eq!(get(&tule, "http.example", "/", "x-pass: foe\r\n").status, 403);
    assert_eq!(get(&tule, "http.example", "/", "").status, 401);
    tule.kill();
}

#[test]
fn what_a_template_says_of_apis_acts_and_acts_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("template.yaml"), TEMPLATE).unwrap();
    walk(folder.path());
    walk(folder.path());
}
