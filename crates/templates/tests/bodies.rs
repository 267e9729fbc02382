//! OpenAPI bodies of templates: they go to the APIs whole.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, calls, http_body, planned, rest_body};

#[test]
fn a_rest_api_s_body_goes_over_a_new_api_and_its_own_properties_over_that() {
    let made = calls(
        "Resources:
  A:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Name: mine
      BinaryMediaTypes: [image/png]
      FailOnWarnings: true
      Body: { openapi: 3.0.1, info: { title: !Ref AWS::StackName }, paths: { /a: { get: { parameters: [] } } } }
",
    );
    let put = call(&made, "PutRestApi");
    let body: Value = serde_json::from_str(put.body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"openapi": "3.0.1", "info": {"title": "s"}, "paths": {"/a": {"get": {"parameters": []}}}})
    );
    assert_eq!((&put.members["mode"], &put.members["failOnWarnings"]), (&json!("overwrite"), &json!(true)));
    let patches = &call(&made, "UpdateRestApi").members["patchOperations"];
    assert_eq!(patches[0], json!({"op": "replace", "path": "/name", "value": "mine"}));
    assert_eq!(patches[1], json!({"op": "add", "path": "/binaryMediaTypes/image~1png"}));
}

#[test]
fn an_http_api_s_body_is_imported_again() {
    let made = calls(
        "Resources:
  A:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      CorsConfiguration: { AllowOrigins: ['*'] }
      Body: { openapi: 3.0.1, info: { title: t }, paths: {} }
",
    );
    let body = call(&made, "ReimportApi").members["Body"].as_str().unwrap();
    assert!(body.contains("3.0.1"), "{body}");
    assert_eq!(call(&made, "UpdateApi").members["CorsConfiguration"], json!({"AllowOrigins": ["*"]}));
}

#[test]
fn events_add_to_the_definition_that_a_template_gives_where_that_merges() {
    let template = "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      MergeDefinitions: true
      DefinitionBody:
        swagger: '2.0'
        info: { title: given }
        paths: { /a: { get: { operationId: own } } }
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events:
        Same: { Type: Api, Properties: { Path: /a, Method: get, RestApiId: !Ref A } }
        More: { Type: Api, Properties: { Path: /a, Method: post, RestApiId: !Ref A } }
";
    let body = rest_body(&calls(template));
    assert_eq!(body["info"]["title"], "given");
    assert_eq!(body["paths"]["/a"]["get"]["operationId"], "own");
    assert!(body["paths"]["/a"]["get"]["x-amazon-apigateway-integration"].is_object(), "{body}");
    assert!(body["paths"]["/a"]["post"]["x-amazon-apigateway-integration"].is_object(), "{body}");
    // As on AWS, a definition that does not merge is the template's own.
    let body = rest_body(&calls(&template.replace("      MergeDefinitions: true\n", "")));
    assert_eq!(body["paths"], json!({"/a": {"get": {"operationId": "own"}}}));
}

#[test]
fn documents_beside_the_template_are_read() {
    let of = |kind: &str, more: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  A:\n    Type: AWS::Serverless::{kind}\n    \
             Properties: {{ StageName: dev, {more} }}\n"
        )
    };
    let included =
        "DefinitionBody: { 'Fn::Transform': { Name: AWS::Include, Parameters: { Location: spec.json } } }";
    for given in ["DefinitionUri: spec.json", included] {
        assert!(rest_body(&calls(&of("Api", given)))["paths"]["/read"].is_object(), "{given}");
        assert!(http_body(&calls(&of("HttpApi", given)))["paths"]["/read"].is_object(), "{given}");
    }
    let refused = planned(&of("Api", "DefinitionUri: other.json")).unwrap_err();
    assert!(refused.contains("other.json is not there"), "{refused}");
    let refused = planned(&of("Api", "DefinitionUri: s3://bucket/key")).unwrap_err();
    assert!(refused.contains("BodyS3Location"), "{refused}");
}
