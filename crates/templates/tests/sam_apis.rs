//! Who may call the APIs of SAM templates, and what is asked of requests: what the transform writes.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, calls, http_body, resources, rest_body};

const REST: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      Models: { Order: { type: object, required: [id] } }
      Auth:
        DefaultAuthorizer: Token
        AddDefaultAuthorizerToCorsPreflight: false
        UsagePlan: { CreateUsagePlan: PER_API, Quota: { Limit: 5, Period: DAY } }
        Authorizers:
          Token: { FunctionArn: !GetAtt F.Arn, Identity: { Header: X-Token, ValidationExpression: 'a.*', ReauthorizeEvery: 0 } }
          Request: { FunctionPayloadType: REQUEST, FunctionArn: !GetAtt F.Arn, Identity: { Headers: [A], QueryStrings: [b] } }
          Pool: { UserPoolArn: 'arn:aws:cognito-idp:us-east-1:000000000000:userpool/p', AuthorizationScopes: [s] }
      Cors: \"'https://a.example'\"
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events:
        Plain: { Type: Api, Properties: { Path: /plain, Method: get, RestApiId: !Ref A } }
        Open: { Type: Api, Properties: { Path: /open, Method: get, RestApiId: !Ref A, Auth: { Authorizer: NONE } } }
        Pool: { Type: Api, Properties: { Path: /pool, Method: get, RestApiId: !Ref A, Auth: { Authorizer: Pool } } }
        Iam: { Type: Api, Properties: { Path: /iam, Method: any, RestApiId: !Ref A, Auth: { Authorizer: AWS_IAM, ApiKeyRequired: true } } }
        Order:
          Type: Api
          Properties:
            Path: /orders/{id}
            Method: post
            RestApiId: !Ref A
            RequestModel: { Model: Order, Required: true, ValidateBody: true }
            RequestParameters: [method.request.header.X, { method.request.querystring.q: { Required: true, Caching: true } }]
            TimeoutInMillis: 500
";

#[test]
fn every_method_of_a_rest_api_has_the_security_it_asks_for() {
    let made = calls(REST);
    let body = rest_body(&made);
    let security = |path: &str, method: &str| body["paths"][path][method]["security"].clone();
    assert_eq!(security("/plain", "get"), json!([{"Token": []}]));
    assert_eq!(
        security("/open", "get"),
        json!([{"NONE": []}]),
        "the marker that stands where nothing else does"
    );
    assert_eq!(security("/pool", "get"), json!([{"Pool": ["s"]}]));
    let any = "x-amazon-apigateway-any-method";
    assert_eq!(security("/iam", any), json!([{"api_key": []}, {"AWS_IAM": []}]));
    assert_eq!(security("/plain", "options"), Value::Null, "a preflight brings nothing");
    assert_eq!(
        body["paths"]["/iam"][any]["x-amazon-apigateway-integration"]["credentials"],
        "arn:aws:iam::*:user/*"
    );
    let schemes = &body["securityDefinitions"];
    let of = |name: &str| schemes[name]["x-amazon-apigateway-authorizer"].clone();
    assert_eq!(
        (&schemes["Token"]["name"], &schemes["Request"]["name"]),
        (&json!("X-Token"), &json!("Unused"))
    );
    assert_eq!(
        (&of("Token")["identityValidationExpression"], &of("Token")["authorizerResultTtlInSeconds"]),
        (&json!("a.*"), &json!(0))
    );
    assert_eq!(of("Request")["identitySource"], "method.request.header.A, method.request.querystring.b");
    assert_eq!(of("Pool")["type"], "cognito_user_pools");
    assert_eq!(schemes["AWS_IAM"]["x-amazon-apigateway-authtype"], "awsSigv4");
    assert!(
        of("Token")["authorizerUri"].as_str().unwrap().ends_with("functions/F.arn/invocations"),
        "{schemes}"
    );
}

#[test]
fn events_ask_for_models_parameters_and_time() {
    let body = rest_body(&calls(REST));
    let method = &body["paths"]["/orders/{id}"]["post"];
    assert_eq!(body["definitions"]["order"], json!({"type": "object", "required": ["id"]}));
    assert_eq!(
        method["parameters"],
        json!([
            {"in": "body", "name": "order", "schema": {"$ref": "#/definitions/order"}, "required": true},
            {"in": "header", "name": "X", "required": false, "type": "string"},
            {"in": "query", "name": "q", "required": true, "type": "string"},
        ])
    );
    let validator = method["x-amazon-apigateway-request-validator"].as_str().unwrap();
    assert_eq!(
        body["x-amazon-apigateway-request-validators"][validator],
        json!({"validateRequestBody": true, "validateRequestParameters": false})
    );
    let integration = &method["x-amazon-apigateway-integration"];
    assert_eq!(integration["timeoutInMillis"], 500);
    assert_eq!(integration["cacheKeyParameters"], json!(["method.request.querystring.q"]));

    let of_three = REST.replace("StageName: dev", "{ StageName: dev, OpenApiVersion: 3.0.1 }");
    let of_three = of_three.replace(
        "Properties:\n      { StageName: dev, OpenApiVersion: 3.0.1 }",
        "Properties:\n      OpenApiVersion: 3.0.1\n      StageName: dev",
    );
    let body = rest_body(&calls(&of_three));
    assert_eq!((&body["openapi"], &body["swagger"]), (&json!("3.0.1"), &Value::Null));
    assert!(
        body["components"]["schemas"]["order"].is_object()
            && body["components"]["securitySchemes"]["Token"].is_object()
    );
    let content = &body["paths"]["/orders/{id}"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(content["schema"]["$ref"], "#/components/schemas/order");
}

#[test]
fn a_usage_plan_comes_with_its_key() {
    let made = calls(REST);
    let plan = &call(&made, "CreateUsagePlan").members;
    assert_eq!(plan["apiStages"], json!([{"apiId": "A.id", "stage": "dev"}]));
    assert_eq!(plan["quota"], json!({"limit": 5, "period": "DAY"}));
    assert_eq!(call(&made, "CreateApiKey").members["enabled"], true);
    let link = &call(&made, "CreateUsagePlanKey").members;
    assert_eq!(
        (&link["keyId"], &link["usagePlanId"]),
        (&json!("AApiKey.reference"), &json!("AUsagePlan.reference"))
    );

    let shared = "Transform: AWS::Serverless-2016-10-31
Globals: { Api: { Auth: { ApiKeyRequired: true, UsagePlan: { CreateUsagePlan: SHARED } } } }
Resources:
  A: { Type: AWS::Serverless::Api, Properties: { StageName: a } }
  B: { Type: AWS::Serverless::Api, Properties: { StageName: b } }
";
    let made = resources(shared).unwrap();
    let plan = &made["ServerlessUsagePlan"];
    assert_eq!(plan["DependsOn"], json!(["A", "B"]));
    assert_eq!(
        plan["Properties"]["ApiStages"][1],
        json!({"ApiId": {"Ref": "B"}, "Stage": {"Ref": "BbStage"}})
    );
    assert_eq!(made["ServerlessApiKey"]["Properties"]["StageKeys"].as_array().unwrap().len(), 2);
    let none = resources(&shared.replace("SHARED", "NONE")).unwrap();
    assert!(!none.contains_key("ServerlessUsagePlan"));
    assert!(resources(&shared.replace("SHARED", "SOME")).unwrap_err().contains("UsagePlan.CreateUsagePlan"));
}

#[test]
fn a_policy_lets_in_whom_it_names() {
    let made = resources(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      Auth: { ResourcePolicy: { IpRangeWhitelist: [10.0.0.0/8], SourceVpcBlacklist: [vpc-1, vpce-2] } }
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events: { Get: { Type: Api, Properties: { Path: '/a/{id}/', Method: get, RestApiId: !Ref A } } }
",
    )
    .unwrap();
    let statements = &made["A"]["Properties"]["Body"]["x-amazon-apigateway-policy"]["Statement"];
    let resource = json!([{"Fn::Sub": ["execute-api:/${__Stage__}/GET/a/*", {"__Stage__": "dev"}]}]);
    let allow =
        json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource, "Principal": "*"});
    assert_eq!(statements[0], allow);
    assert_eq!(statements[1]["Condition"], json!({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}));
    assert_eq!(
        statements[2]["Condition"],
        json!({"StringEquals": {"aws:SourceVpc": ["vpc-1"], "aws:SourceVpce": ["vpce-2"]}})
    );
    assert_eq!(statements.as_array().unwrap().len(), 3, "everybody is allowed once");
}

const HTTP: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::HttpApi
    Properties:
      Name: mine
      Tags: { Team: a }
      CorsConfiguration: { AllowOrigins: ['https://a.example'], MaxAge: 0 }
      Auth:
        EnableIamAuthorizer: true
        DefaultAuthorizer: Tokens
        Authorizers:
          Tokens:
            IdentitySource: $request.header.Authorization
            AuthorizationScopes: [read]
            JwtConfiguration: { Issuer: 'https://issuer.example', Audience: [me] }
          Function:
            FunctionArn: !GetAtt F.Arn
            AuthorizerPayloadFormatVersion: '2.0'
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: { Headers: [X-Pass], ReauthorizeEvery: 30 }
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events:
        Plain: { Type: HttpApi, Properties: { Path: '/plain/{id}', Method: get, ApiId: !Ref A, RouteSettings: { ThrottlingBurstLimit: 1 } } }
        Open: { Type: HttpApi, Properties: { Path: /open, Method: get, ApiId: !Ref A, Auth: { Authorizer: NONE } } }
        More: { Type: HttpApi, Properties: { Path: /more, Method: get, ApiId: !Ref A, Auth: { AuthorizationScopes: [write] } } }
        Own: { Type: HttpApi, Properties: { Path: /own, Method: get, ApiId: !Ref A, Auth: { Authorizer: Function } } }
        Iam: { Type: HttpApi, Properties: { Path: /iam, Method: get, ApiId: !Ref A, Auth: { Authorizer: AWS_IAM } } }
";

#[test]
fn every_method_of_an_http_api_has_the_security_it_asks_for() {
    let made = calls(HTTP);
    let body = http_body(&made);
    let security = |path: &str| body["paths"][path]["get"]["security"].clone();
    assert_eq!(security("/plain/{id}"), json!([{"Tokens": ["read"]}]));
    assert_eq!(security("/open"), json!([{"NONE": []}]));
    assert_eq!(security("/more"), json!([{"Tokens": ["write"]}]));
    assert_eq!((security("/own"), security("/iam")), (json!([{"Function": []}]), json!([{"AWS_IAM": []}])));
    let schemes = &body["components"]["securitySchemes"];
    let of = |name: &str| schemes[name]["x-amazon-apigateway-authorizer"].clone();
    assert_eq!(
        of("Tokens"),
        json!({"jwtConfiguration": {"issuer": "https://issuer.example", "audience": ["me"]},
               "identitySource": "$request.header.Authorization", "type": "jwt"})
    );
    let function = of("Function");
    assert_eq!(
        (
            &function["identitySource"],
            &function["enableSimpleResponses"],
            &function["authorizerResultTtlInSeconds"]
        ),
        (&json!(["$request.header.X-Pass"]), &json!(true), &json!(30))
    );
    assert_eq!(body["x-amazon-apigateway-cors"], json!({"allowOrigins": ["https://a.example"], "maxAge": 0}));
    assert_eq!(body["info"]["title"], "mine");
    assert_eq!(
        body["paths"]["/plain/{id}"]["get"]["parameters"],
        json!([{"name": "id", "in": "path", "required": true}])
    );
    let stage = &call(&made, "CreateStage").members;
    assert_eq!(stage["RouteSettings"], json!({"GET /plain/{id}": {"ThrottlingBurstLimit": 1}}));
    let permitted = made.iter().filter(|call| call.operation == "AddPermission");
    let guard =
        permitted.filter(|call| call.members["StatementId"] == "s-AFunctionAuthorizerPermission").count();
    assert_eq!(guard, 1);
}

#[test]
fn what_nobody_declares_is_refused_where_it_is_asked_for() {
    for (from, to, place) in [
        ("Authorizer: Pool }", "Authorizer: Pools }", "F.Properties.Events.Pool.Properties.Auth.Authorizer"),
        ("DefaultAuthorizer: Token", "DefaultAuthorizer: Tokens", "A.Properties.Auth.DefaultAuthorizer"),
        ("Model: Order", "Model: Orders", "F.Properties.Events.Order.Properties.RequestModel.Model"),
        ("ValidateBody: true", "ValidateBody: 'yes'", "F.Properties.Events.Order.Properties.RequestModel"),
        ("method.request.header.X", "header.X", "F.Properties.Events.Order.Properties.RequestParameters.0"),
        ("Headers: [A], QueryStrings: [b]", "Headers: []", "A.Properties.Auth.Authorizers.Request"),
        (
            "Authorizer: NONE",
            "ApiKeyRequired: false",
            "F.Properties.Events.Open.Properties.Auth.ApiKeyRequired",
        ),
    ] {
        support::refused(&REST.replace(from, to), &format!("Resources.{place}"));
    }
    for (from, to, place) in [
        (
            "Authorizer: Function }",
            "Authorizer: Other }",
            "F.Properties.Events.Own.Properties.Auth.Authorizer",
        ),
        (
            "EnableIamAuthorizer: true",
            "EnableIamAuthorizer: false",
            "F.Properties.Events.Iam.Properties.Auth.Authorizer",
        ),
        (
            "IdentitySource: $request.header.Authorization",
            "FunctionInvokeRole: r",
            "A.Properties.Auth.Authorizers.Tokens",
        ),
    ] {
        support::refused(&HTTP.replace(from, to), &format!("Resources.{place}"));
    }
}

#[test]
fn domains_have_their_mappings_and_records_are_left_out_with_a_word() {
    let text = "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      Domain:
        DomainName: api.example
        CertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/a
        BasePath: [/shop, two]
        Route53: { HostedZoneId: z }
  H:
    Type: AWS::Serverless::HttpApi
    Properties:
      Domain: { DomainName: http.example, CertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/a }
Outputs: { Stage: { Value: !Ref A.Stage }, Domain: { Value: !Ref A.DomainName } }
";
    let made = calls(text);
    let paths: Vec<&Value> = made
        .iter()
        .filter(|call| call.operation == "CreateBasePathMapping")
        .map(|call| &call.members["basePath"])
        .collect();
    assert_eq!(paths, ["shop", "two"]);
    assert_eq!(call(&made, "CreateApiMapping").members["Stage"], "$default");
    let plan = support::plan(text).unwrap();
    assert!(
        plan.notices.iter().any(|notice| notice.message.contains("serves no names")),
        "{:?}",
        plan.notices
    );
}
