//! A SAM template whose API asks who calls and what is sent: each of its guards acts on requests.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use e2e::Tule;

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: nodejs20.x, Handler: index.handler }
Resources:
  Orders:
    Type: AWS::Serverless::Api
    Properties:
      Name: orders
      StageName: dev
      Models:
        Order: { type: object, required: [id], properties: { id: { type: string } } }
      Auth:
        DefaultAuthorizer: Guard
        ApiKeyRequired: true
        Authorizers:
          Guard: { FunctionArn: !GetAtt Guarding.Arn, Identity: { Header: X-Token, ReauthorizeEvery: 0 } }
        UsagePlan: { CreateUsagePlan: PER_API, Quota: { Limit: 3, Period: DAY } }

  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      Name: door
      Auth:
        Authorizers:
          Simple:
            FunctionArn: !GetAtt Letting.Arn
            AuthorizerPayloadFormatVersion: '2.0'
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: { Headers: [X-Pass] }

  Answer:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      FunctionUrlConfig: { AuthType: NONE }
      InlineCode: |
        exports.handler = async (event, context) => ({
          statusCode: 200, body: JSON.stringify({ who: event.requestContext?.authorizer?.principalId, arn: context.invokedFunctionArn }),
        });
      Events:
        Add:
          Type: Api
          Properties:
            RestApiId: !Ref Orders
            Path: /orders
            Method: post
            RequestModel: { Model: Order, Required: true, ValidateBody: true }
        Open:
          Type: Api
          Properties:
            RestApiId: !Ref Orders
            Path: /open
            Method: get
            Auth: { Authorizer: NONE, ApiKeyRequired: false }
        Door:
          Type: HttpApi
          Properties: { ApiId: !Ref Http, Path: /, Method: get, Auth: { Authorizer: Simple } }
  Guarding:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        exports.handler = async (event) => {
          if (event.authorizationToken === 'nobody') throw 'Unauthorized';
          const Effect = event.authorizationToken === 'friend' ? 'Allow' : 'Deny';
          return { principalId: event.authorizationToken, policyDocument: { Version: '2012-10-17', Statement: [
            { Action: 'execute-api:Invoke', Effect, Resource: event.methodArn }] } };
        };
  Letting:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "exports.handler = async (event) => ({ isAuthorized: event.headers['x-pass'] === 'friend' });"
Outputs:
  Stage: { Value: !Ref Orders.Stage }
  Key: { Value: !Ref OrdersApiKey }
  Alias: { Value: !Ref Answer.Alias }
  Url: { Value: !GetAtt AnswerUrl.FunctionUrl }
"#;

fn path(tule: &Tule, parts: &[&str]) -> String {
    tule.said_url(parts).split_once(&tule.address).unwrap().1.trim_end_matches('/').to_owned()
}

fn walk(folder: &std::path::Path) {
    let data = folder.join("data");
    let arguments = ["--executor", "process", "--data-dir", data.to_str().unwrap()];
    let tule = Tule::up(&folder.join("template.yaml"), &arguments);
    let base = path(&tule, &["  orders ", "/dev/"]);
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/apigateway/aws4_request, SignedHeaders=h, Signature=0";
    let keys = tule.request("GET", "/apikeys?includeValues=true", &[("authorization", scope)], "").value();
    let key = keys["item"][0]["value"].as_str().unwrap().to_owned();
    let order = |token: &str, key: &str, body: &str| {
        let headers = [("x-token", token), ("x-api-key", key), ("content-type", "application/json")];
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        tule.request("POST", &format!("{base}/orders"), &headers, body)
    };
    let good = r#"{"id": "1"}"#;
    assert_eq!(order("", &key, good).status, 401, "no token");
    assert_eq!(order("nobody", &key, good).status, 401, "the authorizer says Unauthorized");
    assert_eq!(order("foe", &key, good).status, 403, "the authorizer denies");
    assert_eq!(order("friend", "", good).status, 403, "no key");
    assert_eq!(order("friend", "wrong-key-of-many-letters", good).status, 403, "a key of nobody");
    let bad = order("friend", &key, r#"{"id": 1}"#);
    assert_eq!((bad.status, bad.body.contains("Invalid request body")), (400, true), "{}", bad.body);
    let served = order("friend", &key, good);
    assert_eq!(served.status, 200, "{}", served.body);
    assert!(served.body.contains("friend") && served.body.contains(":live"), "{}", served.body);
    let spent = (0..3).any(|_| order("friend", &key, good).status == 429);
    assert!(spent, "the plan's quota is spent");
    let open = tule.request("GET", &format!("{base}/open"), &[], "");
    assert_eq!(open.status, 200, "{}", open.body);

    let door = path(&tule, &["  door "]);
    let knock = |pass: &str| tule.request("GET", &format!("{door}/"), &[("x-pass", pass)], "").status;
    assert_eq!((knock("friend"), knock("foe")), (200, 403));
    assert_eq!(tule.request("GET", &format!("{door}/"), &[], "").status, 401);
    tule.kill();
}

#[test]
fn guards_of_a_sam_template_act_and_act_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("template.yaml"), TEMPLATE).unwrap();
    walk(folder.path());
    walk(folder.path());
}

/// One of everything beside the guards above.
const ALL: &str = include_str!("../../fixtures/apis/sam/everything/template.yaml");

#[test]
fn what_a_template_may_hold_is_made_and_made_again() {
    let source = e2e::root().join("fixtures/apis/sam/everything");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("layer/python")).unwrap();
    std::fs::copy(source.join("openapi.yaml"), folder.path().join("openapi.yaml")).unwrap();
    std::fs::write(folder.path().join("layer/python/shared.py"), "WORD = 'shared'\n").unwrap();
    std::fs::write(folder.path().join("template.yaml"), ALL).unwrap();
    let data = folder.path().join("data");
    let arguments = ["--executor", "process", "--data-dir", data.to_str().unwrap()];
    for _ in 0..2 {
        let tule = Tule::up(&folder.path().join("template.yaml"), &arguments);
        let doc = path(&tule, &["  doc ", "/v1/"]);
        assert_eq!(tule.request("GET", &format!("{doc}/hello"), &[], "").body, "hello");
        let by_rule = tule.raw(b"GET /doc/hello HTTP/1.0\r\nhost: ruled.example\r\n\r\n");
        assert!(by_rule.ends_with("hello"), "{by_rule}");
        let door = tule.raw(b"GET /x HTTP/1.0\r\nhost: door.example\r\n\r\n");
        assert!(door.starts_with("HTTP/1.0 401") || door.starts_with("HTTP/1.1 401"), "{door}");
        let prod = path(&tule, &["REST", "/Prod/"]);
        let json = [("content-type", "application/json")];
        let started = tule.request("POST", &format!("{prod}/start"), &json, "{}");
        assert!(started.body.contains("executionArn"), "{}", started.body);
        let full = format!("{}-Full", folder_name(folder.path()));
        let said = tule.invoke(&format!("{full}:live"), &serde_json::json!({})).unwrap();
        assert_eq!(said["body"], "shared", "the layer is there");
        let urls = tule.ask_lambda("GET", &format!("/2021-10-31/functions/{full}/urls"), "").value();
        assert_eq!(urls["FunctionUrlConfigs"].as_array().map(Vec::len), Some(1), "{urls}");
        tule.kill();
    }
}

/// The stack's name: the folder's, as far as a stack may be called so.
fn folder_name(folder: &std::path::Path) -> String {
    let name = folder.file_name().unwrap().to_string_lossy();
    let name: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let name = name.trim_matches('-').to_owned();
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) { name } else { format!("stack-{name}") }
}
