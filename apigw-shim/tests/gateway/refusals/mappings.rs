//! Mappings of parameters that there cannot be, over operations and documents.

use serde_json::{Value, json};

use super::{add, replace, validation};
use crate::rig::{Rig, text, with};

#[tokio::test]
async fn methods_declare_parameters_by_their_places() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let unmapped =
        |name: &str| validation(&format!("Invalid mapping expression parameter specified: {name}"));
    let put = |name: &str| with(&of, json!({"authorizationType": "NONE", "requestParameters": {name: true}}));
    for name in
        ["foo", "querystring.a", "method.request.body.a", "method.request.header.", "method.request.x.y"]
    {
        rig.rest_mistakes("PutMethod", put(name), &unmapped(name)).await;
    }
    let brackets = "Parameter name should match the following regular expression: ^[a-zA-Z0-9:._$-]+$";
    rig.rest_mistakes("PutMethod", put("method.request.querystring.page[size]"), &validation(brackets)).await;
    rig.rest_refuses("GetMethod", of.clone()).await;

    rig.rest("PutMethod", put("method.request.multivaluequerystring.a")).await;
    let patch = with(&of, add("/requestParameters/foo", "true"));
    rig.rest_mistakes("UpdateMethod", patch, &unmapped("foo")).await;
    let response = with(&of, json!({"statusCode": "200"}));
    let named = with(&response, json!({"responseParameters": {"foo": true}}));
    rig.rest_mistakes("PutMethodResponse", named, &unmapped("foo")).await;
    rig.rest("PutMethodResponse", response.clone()).await;
    let patch = with(&response, add("/responseParameters/method.request.header.X", "true"));
    rig.rest_mistakes("UpdateMethodResponse", patch, &unmapped("method.request.header.X")).await;
}

#[tokio::test]
async fn integrations_map_what_methods_declare() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let declared =
        json!({"method.request.header.X-Known": false, "method.request.multivaluequerystring.q": false});
    rig.rest("PutMethod", with(&of, json!({"authorizationType": "NONE", "requestParameters": declared})))
        .await;
    let put = |target: &str, source: &str| {
        with(&of, json!({"type": "MOCK", "requestParameters": {target: source}}))
    };
    let header = "integration.request.header.x";
    let unread = |text: &str| validation(&format!("Invalid mapping expression specified: {text}"));
    let unmapped =
        |text: &str| validation(&format!("Invalid mapping expression parameter specified: {text}"));
    for (target, source, message) in [
        (header, "foo", unread("foo")),
        (header, "\"quoted\"", unread("\"quoted\"")),
        (header, "'Content-Type',Authorization", unread("'Content-Type',Authorization")),
        (header, "method.request.body.$[", unread("method.request.body.$[")),
        (header, "context.", unread("context.")),
        (header, "integration.response.header.x", unread("integration.response.header.x")),
        ("integration.request.path.x", "method.request.path.zz", unmapped("method.request.path.zz")),
        (header, "method.request.multivalueheader.Y", unmapped("method.request.multivalueheader.Y")),
        ("bogus", "'1'", unmapped("bogus")),
        ("integration.request.bad.z", "'1'", unmapped("integration.request.bad.z")),
    ] {
        rig.rest_mistakes("PutIntegration", put(target, source), &message).await;
    }
    let two = json!({"type": "MOCK", "requestParameters": {"bogus": "'1'", header: "foo"}});
    let both =
        "Invalid mapping expression parameter specified: bogus, Invalid mapping expression specified: foo";
    rig.rest_mistakes("PutIntegration", with(&of, two), &validation(both)).await;
    for source in [
        "'text'",
        "''",
        "method.request.header.x-known",
        "method.request.multivalueheader.X-Known",
        "method.request.multivaluequerystring.q",
        // Declared of another place.
        "method.request.path.q",
        "method.request.body",
        "method.request.body.a[0].b",
        "context.requestId",
        "stageVariables.a",
    ] {
        rig.rest("PutIntegration", put(header, source)).await;
    }
    let path = format!("/requestParameters/{header}");
    rig.rest_mistakes("UpdateIntegration", with(&of, replace(&path, "foo")), &unread("foo")).await;
    let kept = rig.rest("GetIntegration", of.clone()).await;
    assert_eq!(kept["requestParameters"][header], "stageVariables.a");
}

#[tokio::test]
async fn integration_responses_map_to_what_method_responses_declare() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", json!({"type": "MOCK"})).await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET", "statusCode": "200"});
    let put = |name: &str, source: &str| {
        with(&of, json!({"responseParameters": {format!("method.response.header.{name}"): source}}))
    };
    let nowhere = validation("No method response exists for method.");
    rig.rest_mistakes("PutIntegrationResponse", put("X", "'1'"), &nowhere).await;
    // Without parameters there is nothing to look for.
    rig.rest("PutIntegrationResponse", of.clone()).await;
    let declares = json!({"responseParameters": {"method.response.header.X": false}});
    rig.rest("PutMethodResponse", with(&of, declares)).await;
    let unmapped = validation("Invalid mapping expression parameter specified: method.response.header.Y");
    rig.rest_mistakes("PutIntegrationResponse", put("Y", "'1'"), &unmapped).await;
    for source in ["foo", "*", "\"*\"", "method.request.header.a"] {
        let unread = validation(&format!("Invalid mapping expression specified: {source}"));
        rig.rest_mistakes("PutIntegrationResponse", put("X", source), &unread).await;
        let patch = with(&of, add("/responseParameters/method.response.header.X", source));
        rig.rest_mistakes("UpdateIntegrationResponse", patch, &unread).await;
    }
    for source in [
        "'*'",
        "integration.response.header.a",
        "integration.response.multivalueheader.a",
        "integration.response.body.b",
        "context.requestId",
        "stageVariables.v",
    ] {
        rig.rest("PutIntegrationResponse", put("X", source)).await;
    }
}

#[tokio::test]
async fn gateway_responses_set_headers_from_expressions() {
    let rig = Rig::new();
    let (api, _) = rig.rest_api().await;
    let of = json!({"restApiId": api, "responseType": "DEFAULT_4XX"});
    let put = |name: &str, source: &str| with(&of, json!({"responseParameters": {name: source}}));
    let unread = validation("Invalid mapping expression specified: test-value");
    let header = "gatewayresponse.header.X";
    rig.rest_mistakes("PutGatewayResponse", put(header, "test-value"), &unread).await;
    let patch = with(&of, add(&format!("/responseParameters/{header}"), "test-value"));
    rig.rest_mistakes("UpdateGatewayResponse", patch, &unread).await;
    let unmapped = validation("Invalid mapping expression parameter specified: foo");
    rig.rest_mistakes("PutGatewayResponse", put("foo", "'1'"), &unmapped).await;
    let kept = rig.rest("GetGatewayResponse", of.clone()).await;
    assert_eq!(kept["defaultResponse"], true);
    rig.rest("PutGatewayResponse", put(header, "method.request.header.Origin")).await;
}

#[tokio::test]
async fn documents_map_by_the_same_rules() {
    let rig = Rig::new();
    let document = |parameters: Value, of_integration: Value, of_response: Value, gateway: Value| {
        let responses = json!({"default": {"statusCode": "200", "responseParameters": of_response}});
        json!({
            "openapi": "3.0.1", "info": {"title": "a", "version": "1"},
            "x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": {"responseParameters": gateway}},
            "paths": {"/a": {"get": {
                "parameters": parameters,
                "responses": {"200": {"description": "", "headers": {"X": {"schema": {"type": "string"}}}}},
                "x-amazon-apigateway-integration": {
                    "type": "mock", "requestParameters": of_integration, "responses": responses,
                },
            }}},
        })
    };
    let none = json!({});
    let brackets = json!([{"name": "page[size]", "in": "query", "schema": {"type": "string"}}]);
    let unread = "Invalid mapping expression specified: foo";
    let foo = |name: &str| json!({name: "foo"});
    for (document, said) in [
        (
            document(brackets, none.clone(), none.clone(), none.clone()),
            "should match the following regular expression",
        ),
        (document(json!([]), foo("integration.request.header.a"), none.clone(), none.clone()), unread),
        (document(json!([]), none.clone(), foo("method.response.header.X"), none.clone()), unread),
        (document(json!([]), none.clone(), none.clone(), foo("gatewayresponse.header.X")), unread),
    ] {
        let refused = rig.rest_document("ImportRestApi", json!({"failOnWarnings": false}), document).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, "BadRequestException");
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    for (more, said) in [
        (json!({"contentHandling": "x"}), "Invalid content handling specified."),
        (json!({"credentials": "foo"}), "Invalid ARN specified in the request"),
        (
            json!({"cacheKeyParameters": ["method.request.querystring.q"]}),
            "Invalid cache key parameter specified",
        ),
    ] {
        let integration = with(&json!({"type": "mock"}), more);
        let document = json!({
            "openapi": "3.0.1", "info": {"title": "a", "version": "1"},
            "paths": {"/a": {"get": {"x-amazon-apigateway-integration": integration}}},
        });
        let refused = rig.rest_document("ImportRestApi", json!({}), document).await.unwrap_err();
        let place = "Unable to put integration on 'GET' for resource at path '/a': ";
        assert!(refused.message.contains(&format!("{place}{said}")), "{}", refused.message);
    }
    assert_eq!(rig.rest("GetRestApis", json!({})).await["items"], json!([]));
}

#[tokio::test]
async fn http_integrations_map_what_there_can_be() {
    let rig = Rig::new();
    let api = rig.http("CreateApi", json!({"name": "x", "Name": "x", "ProtocolType": "HTTP"})).await;
    let of = json!({
        "ApiId": api["ApiId"], "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY",
        "IntegrationUri": "http://127.0.0.1:1/", "PayloadFormatVersion": "1.0",
    });
    let request = |target: &str, source: &str| with(&of, json!({"RequestParameters": {target: source}}));
    let response = |status: &str, target: &str, source: &str| {
        with(&of, json!({"ResponseParameters": {status: {target: source}}}))
    };
    for source in [
        "$request.foo.x",
        "$foo",
        "$request.header",
        "${request.header.a} ${foo.b}",
        "${request.path",
        "$response.header.a",
        "$context.",
    ] {
        let unread = validation(&format!("Invalid mapping expression specified: {source}"));
        rig.http_mistakes("CreateIntegration", request("append:querystring.q", source), &unread).await;
    }
    let nowhere = validation("Invalid Request Actioned Parameter destination specified: foo:header.x");
    rig.http_mistakes("CreateIntegration", request("foo:header.x", "1"), &nowhere).await;
    let own = validation("Operations on header host are restricted");
    rig.http_mistakes("CreateIntegration", request("overwrite:header.host", "x"), &own).await;
    let nowhere = validation("Invalid Response Actioned Parameter destination specified: overwrite:path");
    rig.http_mistakes("CreateIntegration", response("200", "overwrite:path", "1"), &nowhere).await;
    let unread = validation("Invalid mapping expression specified: $request.header.a");
    rig.http_mistakes("CreateIntegration", response("200", "append:header.x", "$request.header.a"), &unread)
        .await;
    rig.http_refuses("CreateIntegration", response("99", "append:header.x", "1")).await;
    for source in [
        "text",
        "$request.path",
        "$request.path.p",
        "$request.body",
        "$request.body.a[0].b",
        "${request.querystring.a}-$context",
        "$context.requestId",
        "$stageVariables.a",
    ] {
        rig.http("CreateIntegration", request("append:header.x", source)).await;
    }
    let made = rig.http("CreateIntegration", response("404", "append:header.x", "$response.body.a")).await;
    let changed = json!({
        "ApiId": api["ApiId"], "IntegrationId": text(&made, "IntegrationId"),
        "RequestParameters": {"append:header.x": "$request.foo.x"},
    });
    let unread = validation("Invalid mapping expression specified: $request.foo.x");
    rig.http_mistakes("UpdateIntegration", changed, &unread).await;
}
