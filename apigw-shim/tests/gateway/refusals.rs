//! What the control planes refuse, in AWS's words, and that nothing is changed by it.

use serde_json::{Value, json};

use crate::rig::{Rig, text, with};

/// What the validator of mappings says.
fn validation(error: &str) -> String {
    format!("Invalid mapping expression specified: Validation Result: warnings : [], errors : [{error}]")
}

fn replace(path: &str, value: &str) -> Value {
    json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]})
}

fn add(path: &str, value: &str) -> Value {
    json!({"patchOperations": [{"op": "add", "path": path, "value": value}]})
}

impl Rig {
    /// An operation of REST APIs that is refused as a mistake of the client's.
    async fn rest_mistakes(&self, operation: &str, members: Value, message: &str) {
        let said = self.rest_refuses(operation, members.clone()).await;
        assert_eq!((&*said.code, &*said.message), ("BadRequestException", message), "{operation} {members}");
    }

    /// The same of HTTP and WebSocket APIs.
    async fn http_mistakes(&self, operation: &str, members: Value, message: &str) {
        let said = self.http_refuses(operation, members.clone()).await;
        assert_eq!((&*said.code, &*said.message), ("BadRequestException", message), "{operation} {members}");
    }
}

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

#[tokio::test]
async fn there_is_one_variable_below_a_resource() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    for (parent, first, second) in [(&root, "{id}", "{proxy+}"), (&orders, "{proxy+}", "{id}")] {
        rig.resource(&api, parent, first).await;
        let said = format!(
            "A sibling ({first}) of this resource already has a variable path part -- only one is allowed"
        );
        let again = json!({"restApiId": api, "parentId": parent, "pathPart": second});
        rig.rest_mistakes("CreateResource", again, &said).await;
        let plain = rig.resource(&api, parent, "plain").await;
        let renamed = with(&json!({"restApiId": api, "resourceId": plain}), replace("/pathPart", second));
        rig.rest_mistakes("UpdateResource", renamed, &said).await;
    }
    let document = json!({
        "openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {"/a/{x}": {}, "/a/{y+}": {}},
    });
    let refused = rig.rest_document("ImportRestApi", json!({}), document).await.unwrap_err();
    let said = "Unable to create resource at path '/a/{y+}': A sibling ({x}) of this resource already has a variable \
                path part -- only one is allowed";
    assert!(refused.message.contains(said), "{}", refused.message);
}

#[tokio::test]
async fn routes_differ_by_more_than_the_names_of_variables() {
    let rig = Rig::new();
    let api = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    let route = |key: &str| json!({"ApiId": api, "RouteKey": key});
    let made = rig.http("CreateRoute", route("GET /e/{id}")).await;
    let conflict = |key: &str| {
        format!(
            "The provided route key \"{key}\" has a conflicting variable on the same hierarchical level as \"GET /e/{{id}}\""
        )
    };
    let said = rig.http_refuses("CreateRoute", route("GET /e/{other}")).await;
    assert_eq!((&*said.code, said.status), ("ConflictException", 409));
    assert_eq!(said.message, conflict("GET /e/{other}"));
    let other = rig.http("CreateRoute", route("GET /other")).await;
    for key in ["GET /e/{proxy+}", "POST /e/{other}", "GET /e/fixed", "GET /e/{id}/x", "GET /{e}/{id}"] {
        rig.http("CreateRoute", route(key)).await;
    }
    let change =
        |route: &Value, key: &str| json!({"ApiId": api, "RouteId": route["RouteId"], "RouteKey": key});
    let said = rig.http_refuses("UpdateRoute", change(&other, "GET /e/{renamed}")).await;
    assert_eq!(said.message, conflict("GET /e/{renamed}"));
    // A route is in its own way only by name.
    rig.http("UpdateRoute", change(&made, "GET /e/{renamed}")).await;
}

#[tokio::test]
async fn cors_allows_what_browsers_can_ask_for() {
    let rig = Rig::new();
    let with_cors = |cors: Value| json!({"Name": "x", "ProtocolType": "HTTP", "CorsConfiguration": cors});
    let api = rig.http("CreateApi", with_cors(json!({"AllowOrigins": ["https://a.com", "http://*"]}))).await;
    let everybody = "allow-credentials is not supported if 'allow-origin' is *";
    for (cors, said) in [
        (json!({"AllowOrigins": ["*"], "AllowCredentials": true}), everybody),
        (json!({"AllowOrigins": ["foo"]}), "Invalid format for origin foo"),
        (json!({"AllowOrigins": ["*", "http://*.b.com"]}), "Invalid format for origin http://*.b.com"),
        (json!({"AllowMethods": ["GET", "FOO"]}), "Invalid format for method FOO"),
    ] {
        rig.http_mistakes("CreateApi", with_cors(cors.clone()), said).await;
        let change = json!({"ApiId": api["ApiId"], "CorsConfiguration": cors});
        rig.http_mistakes("UpdateApi", change, said).await;
    }
    let kept = rig.http("GetApi", json!({"ApiId": api["ApiId"]})).await;
    assert_eq!(kept["CorsConfiguration"], json!({"AllowOrigins": ["https://a.com", "http://*"]}));
}

#[tokio::test]
async fn usage_plans_limit_methods_by_paths_with_slashes() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let test = rig.resource(&api, &root, "test").await;
    rig.method(&api, &test, "GET", json!({"type": "MOCK"})).await;
    rig.deploy(&api, "s").await;
    let stages = json!([{"apiId": api, "stage": "s"}]);
    let plan = rig.rest("CreateUsagePlan", json!({"name": "p", "apiStages": stages})).await;
    let of = json!({"usagePlanId": plan["id"]});
    let throttle = |rest: &str| format!("/apiStages/{api}:s/throttle/{rest}");
    for path in ["/test/GET/rateLimit", "~1test/GET/burstLimit", "~1a~1b/GET/rateLimit", "//GET/rateLimit"] {
        rig.rest("UpdateUsagePlan", with(&of, replace(&throttle(path), "3"))).await;
    }
    let of_stage = |plan: &Value| plan["apiStages"][0]["throttle"].clone();
    let kept = of_stage(&rig.rest("GetUsagePlan", of.clone()).await);
    assert_eq!(kept["/test/GET"], json!({"rateLimit": 3.0, "burstLimit": 3}));
    assert_eq!(kept["/a/b/GET"]["rateLimit"], 3.0);
    assert_eq!(kept["//GET"]["rateLimit"], 3.0);
    for path in ["/test/GET", "~1a~1b/GET"] {
        let patch = json!({"patchOperations": [{"op": "remove", "path": throttle(path)}]});
        rig.rest("UpdateUsagePlan", with(&of, patch)).await;
    }
    let kept = of_stage(&rig.rest("GetUsagePlan", of.clone()).await);
    assert_eq!(kept.as_object().unwrap().keys().collect::<Vec<_>>(), ["//GET"]);
    for path in ["rateLimit", "GET/rateLimit", "/test/GET/foo"] {
        rig.rest_refuses("UpdateUsagePlan", with(&of, replace(&throttle(path), "3"))).await;
    }
}

#[tokio::test]
async fn documents_of_http_apis_are_refused_for_the_same() {
    let rig = Rig::new();
    let integration = json!({
        "type": "http_proxy", "httpMethod": "ANY", "uri": "http://a.test/", "payloadFormatVersion": "1.0",
    });
    let get = json!({"get": {"x-amazon-apigateway-integration": integration}});
    let document = |paths: Value, cors: Value| {
        let document = json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths,
            "x-amazon-apigateway-cors": cors,
        });
        json!({"Body": document.to_string()})
    };
    let conflicting = json!({"/e/{a}": get, "/e/{b}": get});
    let credentials = json!({"allowOrigins": ["*"], "allowCredentials": true});
    for (body, said) in [
        (document(conflicting, json!({})), "has a conflicting variable on the same hierarchical level as"),
        (document(json!({}), credentials), "allow-credentials is not supported if 'allow-origin' is *"),
    ] {
        let refused = rig.http_refuses("ImportApi", body).await;
        assert_eq!(refused.code, "BadRequestException");
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    assert_eq!(rig.http("GetApis", json!({})).await["Items"], json!([]));
}
