//! What the control planes refuse, in AWS's words, and that nothing is changed by it.

use serde_json::{Value, json};

use crate::rig::{Rig, text, with};

mod mappings;

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
    let limit = json!({"patchOperations": [{"op": "remove", "path": throttle("//GET/rateLimit")}]});
    rig.rest_refuses("UpdateUsagePlan", with(&of, limit)).await;
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

#[tokio::test]
async fn links_are_there_while_something_goes_through_them() {
    let rig = Rig::new();
    let arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/x/1";
    let two = json!({"name": "l", "targetArns": [arn, arn]});
    rig.rest_mistakes("CreateVpcLink", two, "More than one target arn specified for vpc link.").await;
    let link = text(&rig.rest("CreateVpcLink", json!({"name": "l", "targetArns": [arn]})).await, "id");
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    rig.rest("PutMethod", with(&of, json!({"authorizationType": "NONE"}))).await;
    let through = |id: Option<&str>| {
        with(
            &of,
            json!({
                "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:1/",
                "connectionType": "VPC_LINK", "connectionId": id,
            }),
        )
    };
    let unsaid = "ConnectionId should be set to the vpcLinkId or stage variable on connection type VPC_LINK";
    rig.rest_mistakes("PutIntegration", through(None), unsaid).await;
    let nowhere = "Invalid VpcLink identifier specified nobody";
    let said = rig.rest_refuses("PutIntegration", through(Some("nobody"))).await;
    assert_eq!((&*said.code, &*said.message), ("NotFoundException", nowhere));
    rig.rest("PutIntegration", with(&through(Some("x")), json!({"connectionType": "INTERNET"}))).await;
    rig.rest_refuses("UpdateIntegration", with(&of, replace("/connectionType", "VPC_LINK"))).await;
    rig.rest_mistakes(
        "UpdateIntegration",
        with(&of, replace("/connectionType", "FOO")),
        "Invalid connection type specified. Valid options are INTERNET,VPC_LINK",
    )
    .await;
    rig.rest("PutIntegration", through(Some("${stageVariables.link}"))).await;
    let deployed = json!({"restApiId": api, "stageName": "s", "variables": {"link": link}});
    rig.rest("CreateDeployment", deployed).await;
    let used = format!(
        "Cannot delete vpc link. Vpc link '{link}', is referenced in [{api}:GET:{root}:s] in format of \
         [RESTApiId:Method:Resource:Stage]."
    );
    rig.rest_mistakes("DeleteVpcLink", json!({"vpcLinkId": link}), &used).await;
    rig.rest("DeleteStage", json!({"restApiId": api, "stageName": "s"})).await;
    rig.rest("DeleteVpcLink", json!({"vpcLinkId": link})).await;

    let document = json!({"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"get": {
        "x-amazon-apigateway-integration": {
            "type": "http_proxy", "httpMethod": "GET", "uri": "http://127.0.0.1:1/",
            "connectionType": "VPC_LINK", "connectionId": "nobody",
        },
    }}}});
    let refused = rig.rest_document("ImportRestApi", json!({}), document).await.unwrap_err();
    let said = format!("Unable to put integration on 'GET' for resource at path '/a': {nowhere}");
    assert!(refused.message.contains(&said), "{}", refused.message);
}

#[tokio::test]
async fn links_of_http_apis_are_there_while_routes_lead_through_them() {
    let rig = Rig::new();
    let api = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    let link =
        text(&rig.http("CreateVpcLink", json!({"Name": "l", "SubnetIds": ["subnet-1"]})).await, "VpcLinkId");
    let integration = json!({
        "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0",
        "IntegrationUri": "http://127.0.0.1:1/", "ConnectionType": "VPC_LINK", "ConnectionId": link,
    });
    let id = text(&rig.http("CreateIntegration", integration).await, "IntegrationId");
    let route = json!({"ApiId": api, "RouteKey": "ANY /a", "Target": format!("integrations/{id}")});
    let route = text(&rig.http("CreateRoute", route).await, "RouteId");
    let of = json!({"VpcLinkId": link});
    let used = format!(
        "Cannot delete vpc link. Vpc link '{link}', is referenced in [ANY:{route}] in format of [Method:Resource]."
    );
    rig.http_mistakes("DeleteVpcLink", of.clone(), &used).await;
    let said = rig.http_refuses("DeleteIntegration", json!({"ApiId": api, "IntegrationId": id})).await;
    let used = format!(
        "Cannot delete Integration because it is referenced by the following Routes with Ids: [{route}]"
    );
    assert_eq!((&*said.code, &*said.message), ("ConflictException", &*used));
    rig.http("DeleteRoute", json!({"ApiId": api, "RouteId": route})).await;
    rig.http("DeleteVpcLink", of).await;
}

#[tokio::test]
async fn patches_are_as_strict_as_what_they_change() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let mock = json!({"type": "MOCK", "cacheKeyParameters": []});
    rig.method(&api, &root, "GET", mock.clone()).await;
    rig.deploy(&api, "s").await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let gateway = json!({"restApiId": api, "responseType": "DEFAULT_4XX"});
    let stage = json!({"restApiId": api, "stageName": "s"});
    let arn = "Invalid ARN specified in the request";
    let content = "Invalid content handling specified. Valid options are CONVERT_TO_BINARY,CONVERT_TO_TEXT";
    let status = "Invalid response status code specified";
    let tls = "tlsConfig is only supported for HTTP and HTTP_PROXY integrations";
    let target = "integrationTarget can only be specified when connectionType is VPC_LINK";
    let ttl = "Invalid time-to-live setting, must be an integer no greater than 3600";
    for (operation, of, path, value, said) in [
        ("UpdateGatewayResponse", &gateway, "/statusCode", "99", status),
        ("UpdateGatewayResponse", &gateway, "/statusCode", "x", status),
        ("UpdateIntegration", &of, "/contentHandling", "X", content),
        ("UpdateIntegration", &of, "/credentials", "foo", arn),
        ("UpdateIntegration", &of, "/tlsConfig/insecureSkipVerification", "true", tls),
        ("UpdateIntegration", &of, "/integrationTarget", "arn:aws:x", target),
        ("UpdateAccount", &json!({}), "/cloudwatchRoleArn", "foo", arn),
        (
            "UpdateStage",
            &stage,
            "/*/*/throttling/rateLimit",
            "abc",
            "Invalid throttling rate limit, must be a number",
        ),
        (
            "UpdateStage",
            &stage,
            "/*/*/throttling/burstLimit",
            "1.5",
            "Invalid throttling burst limit, must be an integer",
        ),
        ("UpdateStage", &stage, "/*/*/caching/ttlInSeconds", "3601", ttl),
        ("UpdateStage", &stage, "/*/*/caching/ttlInSeconds", "x", ttl),
    ] {
        rig.rest_mistakes(operation, with(of, replace(path, value)), said).await;
    }
    let undeclared = with(&of, add("/cacheKeyParameters/method.request.querystring.q", ""));
    rig.rest_mistakes("UpdateIntegration", undeclared, "Invalid cache key parameter specified").await;
    assert_eq!(rig.rest("GetStage", stage).await["methodSettings"], json!({}));
}

#[tokio::test]
async fn stage_variables_have_few_characters() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", json!({"type": "MOCK"})).await;
    let deployment = rig.deploy(&api, "s").await;
    let name = "Invalid stage variable name: a b. Please use names with only word characters.";
    let value = "Invalid stage variable value of key a.  Please use values with alphanumeric characters and the symbols \
                 ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.";
    let http = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    for (variables, said) in [(json!({"a b": "x"}), name), (json!({"a": "x$%^"}), value)] {
        let deployed = json!({"restApiId": api, "stageName": "new", "variables": variables});
        rig.rest_mistakes("CreateDeployment", deployed, said).await;
        let staged =
            json!({"restApiId": api, "stageName": "new", "deploymentId": deployment, "variables": variables});
        rig.rest_mistakes("CreateStage", staged, said).await;
        let staged = json!({"ApiId": http, "StageName": "new", "StageVariables": variables});
        rig.http_mistakes("CreateStage", staged, said).await;
    }
    let deployments = rig.rest("GetDeployments", json!({"restApiId": api})).await;
    assert_eq!(deployments["items"].as_array().unwrap().len(), 1, "{deployments}");
    let patch = with(&json!({"restApiId": api, "stageName": "s"}), replace("/variables/a", "x$%^"));
    rig.rest_mistakes("UpdateStage", patch, value).await;
    let good = json!({"ApiId": http, "StageName": "new", "StageVariables": {"a_1": "https://a.b:1/c?d=e&f,g-h_i ~#"}});
    rig.http("CreateStage", good).await;
}

#[tokio::test]
async fn access_logs_name_the_request() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", json!({"type": "MOCK"})).await;
    rig.deploy(&api, "s").await;
    let of = json!({"restApiId": api, "stageName": "s"});
    let said =
        "Access Log format must include either $context.requestId or $context.extendedRequestId : 'foo'";
    rig.rest_mistakes("UpdateStage", with(&of, replace("/accessLogSettings/format", "foo")), said).await;
    rig.rest("UpdateStage", with(&of, replace("/accessLogSettings/format", "$context.extendedRequestId")))
        .await;
    let http = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    let staged = |format: &str| {
        json!({"ApiId": http, "StageName": "s", "AccessLogSettings": {
            "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:g", "Format": format,
        }})
    };
    let prefixed = format!("The following errors are found in Access Log Format: {said}");
    rig.http_mistakes("CreateStage", staged("foo"), &prefixed).await;
    let unknown = "The following context variables are not supported: [$context.request.header.a]";
    rig.http_mistakes("CreateStage", staged("$context.requestId $context.request.header.a"), unknown).await;
    rig.http("CreateStage", staged("$context.requestId")).await;
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", json!({"type": "MOCK"})).await;
    rig.deploy(&api, "test").await;
    let stages = json!([{"apiId": api, "stage": "test"}]);
    let plan = text(&rig.rest("CreateUsagePlan", json!({"name": "p", "apiStages": stages})).await, "id");
    let said = format!(
        "Cannot delete Usage Plan {plan} because there are API Stages associated with it, including {api}:test"
    );
    rig.rest_mistakes("DeleteUsagePlan", json!({"usagePlanId": plan}), &said).await;

    let http = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    let jwt = json!({
        "ApiId": http, "Name": "jwt", "AuthorizerType": "JWT", "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": "https://issuer.test", "Audience": ["a"]},
    });
    let id = text(&rig.http("CreateAuthorizer", jwt).await, "AuthorizerId");
    let route =
        json!({"ApiId": http, "RouteKey": "$default", "AuthorizationType": "JWT", "AuthorizerId": id});
    rig.http("CreateRoute", route).await;
    let said = rig.http_refuses("DeleteAuthorizer", json!({"ApiId": http, "AuthorizerId": id})).await;
    assert_eq!((&*said.code, said.status), ("ConflictException", 409));
    assert_eq!(said.message, "Cannot delete authorizer 'jwt', is referenced in route: $default");
}

#[tokio::test]
async fn authorizers_read_identities_where_there_are_any() {
    let rig = Rig::new();
    let (api, _) = rig.rest_api().await;
    let authorizer = |kind: &str, source: &str| {
        json!({
            "restApiId": api, "name": kind, "type": kind, "authorizerUri": crate::rig::lambda("auth"),
            "identitySource": source,
        })
    };
    for (kind, source, wrong) in [
        ("TOKEN", "foo", "foo"),
        ("TOKEN", "method.request.querystring.x", "method.request.querystring.x"),
        (
            "TOKEN",
            "method.request.header.A, method.request.header.B",
            "method.request.header.A, method.request.header.B",
        ),
        ("REQUEST", "method.request.header.A,'text'", "'text'"),
        ("REQUEST", "method.request.body", "method.request.body"),
    ] {
        let said = format!("Invalid identity source expression: {wrong}");
        rig.rest_mistakes("CreateAuthorizer", authorizer(kind, source), &said).await;
    }
    let request =
        "method.request.header.A, method.request.querystring.q, context.httpMethod, stageVariables.v";
    let made = rig.rest("CreateAuthorizer", authorizer("REQUEST", request)).await;
    let of = json!({"restApiId": api, "authorizerId": made["id"]});
    let said = "Provider ARNs are only supported for COGNITO_USER_POOLS authorizers";
    rig.rest_mistakes("UpdateAuthorizer", with(&of, add("/providerARNs", "x")), said).await;
    rig.rest_mistakes(
        "UpdateAuthorizer",
        with(&of, replace("/identitySource", "foo")),
        "Invalid identity source expression: foo",
    )
    .await;
}

#[tokio::test]
async fn websocket_apis_have_their_own_words() {
    let rig = Rig::new();
    let api =
        json!({"Name": "x", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"});
    let api = text(&rig.http("CreateApi", api).await, "ApiId");
    let authorizer = |source: &str| {
        json!({
            "ApiId": api, "Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": crate::rig::lambda("auth"),
            "IdentitySource": [source],
        })
    };
    for source in ["$request.header.x", "request.header.x", "route.request.header."] {
        let said = format!("Invalid request identity source expression: {source}");
        rig.http_mistakes("CreateAuthorizer", authorizer(source), &said).await;
    }
    rig.http("CreateAuthorizer", authorizer("route.request.header.x")).await;
    let said = "Stage name only allows a-zA-Z0-9_-";
    rig.http_mistakes("CreateStage", json!({"ApiId": api, "StageName": "$default"}), said).await;
    let integration = json!({
        "ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": crate::rig::lambda("f"),
        "PayloadFormatVersion": "2.0",
    });
    rig.http_mistakes("CreateIntegration", integration, "Unsupported PayloadFormatVersion: 2.0").await;

    let http = text(&rig.http("CreateApi", json!({"Name": "h", "ProtocolType": "HTTP"})).await, "ApiId");
    let of_http = |source: &str| {
        with(&authorizer(source), json!({"ApiId": http, "AuthorizerPayloadFormatVersion": "2.0"}))
    };
    for source in ["route.request.header.x", "request.header.x", "context.path"] {
        let said = format!("Invalid identity source expression: {source}");
        rig.http_mistakes("CreateAuthorizer", of_http(source), &said).await;
    }
    rig.http("CreateAuthorizer", of_http("$request.header.x")).await;
}

#[tokio::test]
async fn subtypes_that_are_not_here_are_told_from_those_that_are_nowhere() {
    let rig = Rig::new();
    let api = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
    let integration = |subtype: &str| {
        json!({
            "ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationSubtype": subtype, "PayloadFormatVersion": "1.0",
            "CredentialsArn": "arn:aws:iam::000000000000:role/r", "RequestParameters": {"Application": "a"},
        })
    };
    let said = rig.http_refuses("CreateIntegration", integration("AppConfig-GetConfiguration")).await;
    assert_eq!(said.code, "NotImplemented", "{said:?}");
    assert!(said.message.contains("AppConfig-GetConfiguration"), "{}", said.message);
    let said = "Operation: SQS-Foo is not supported.";
    rig.http_mistakes("CreateIntegration", integration("SQS-Foo"), said).await;
}

#[tokio::test]
async fn resource_policies_are_asked_what_requests_have() {
    let rig = Rig::new();
    let policy = |condition: Value| {
        let statement = json!({
            "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": condition,
        });
        json!({"name": "guarded", "policy": json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()})
    };
    let unknown = policy(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}));
    let said = rig.rest_refuses("CreateRestApi", unknown).await;
    assert_eq!(said.code, "NotImplemented");
    assert!(said.message.contains("aws:principalorgid"), "{}", said.message);
    let wrong =
        rig.rest_refuses("CreateRestApi", policy(json!({"Foo": {"aws:SourceIp": "10.0.0.0/8"}}))).await;
    assert_eq!(wrong.code, "BadRequestException");
    assert!(wrong.message.starts_with("Invalid policy document."), "{}", wrong.message);

    // The rig's clock starts in November 2026.
    for (until, status) in [("2026-01-01T00:00:00Z", 403), ("2027-01-01T00:00:00Z", 200)] {
        let api =
            rig.rest("CreateRestApi", policy(json!({"DateLessThan": {"aws:CurrentTime": until}}))).await;
        let (api, root) = (text(&api, "id"), text(&api, "rootResourceId"));
        let template = json!({"application/json": "{\"statusCode\": 200}"});
        rig.method(&api, &root, "GET", json!({"type": "MOCK", "requestTemplates": template})).await;
        rig.response(&api, &root, "GET", "200", json!({})).await;
        rig.deploy(&api, "s").await;
        assert_eq!(rig.get(&api, "/s").await.status, status, "{until}");
    }
}

#[tokio::test]
async fn http_apis_are_refused_what_they_do_not_have() {
    let rig = Rig::new();
    let api = |more: Value| with(&json!({"Name": "x", "ProtocolType": "HTTP"}), more);
    let expression =
        "Route selection expression is currently limited to \"${request.method} ${request.path}\"";
    rig.http_mistakes("CreateApi", api(json!({"RouteSelectionExpression": "$request.body.a"})), expression)
        .await;
    let socket = json!({"Name": "x", "ProtocolType": "WEBSOCKET"});
    rig.http_mistakes("CreateApi", socket.clone(), "Invalid routeSelectionExpression").await;
    let shared = with(&socket, json!({"CorsConfiguration": {"AllowOrigins": ["*"]}}));
    rig.http_mistakes("CreateApi", shared, "Cors is not supported for WEBSOCKET protocolType").await;

    let id = text(&rig.http("CreateApi", api(json!({}))).await, "ApiId");
    let route = |more: Value| with(&json!({"ApiId": id, "RouteKey": "GET /"}), more);
    let scopes = "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization type";
    for (more, said) in [
        (json!({"ApiKeyRequired": true}), "ApiKeyRequired is not currently supported for HTTP APIs."),
        (
            json!({"AuthorizationType": "JWT"}),
            "Setting the authorization type to JWT requires a valid JWT authorizer.",
        ),
        (json!({"AuthorizationScopes": ["a"]}), scopes),
        (
            json!({"Target": "zzz"}),
            "Unexpected or malformed target in route. Correct format should be integrations/<integration_id>.",
        ),
    ] {
        rig.http_mistakes("CreateRoute", route(more), said).await;
    }
    let made = rig.http("CreateRoute", route(json!({}))).await;
    let response = json!({"ApiId": id, "RouteId": made["RouteId"], "RouteResponseKey": "$default"});
    let said = "RouteResponses are currently not supported for this API protocol type.";
    rig.http_mistakes("CreateRouteResponse", response, said).await;

    let proxy = json!({
        "ApiId": id, "IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://127.0.0.1:1/",
        "IntegrationMethod": "GET", "PayloadFormatVersion": "1.0",
    });
    let subtype = json!({
        "ApiId": id, "IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-PurgeQueue",
        "RequestParameters": {"QueueUrl": "x"},
    });
    for (integration, said) in [
        (
            with(&proxy, json!({"PayloadFormatVersion": "2.0"})),
            "PayloadFormatVersion 2.0 is not supported for integration of type HTTP_PROXY",
        ),
        (
            with(&proxy, json!({"IntegrationMethod": null})),
            "HttpMethod parameter method must be specified for integrationType HTTPPROXY",
        ),
        (
            with(&proxy, json!({"ConnectionType": "VPC_LINK"})),
            "ConnectionId must be set to vpcLinkId for ConnectionType VPC_LINK",
        ),
        (
            subtype.clone(),
            "Role ARN must be specified for AWS integration configuration with Subtype: SQS-PurgeQueue",
        ),
        (
            with(&subtype, json!({"PayloadFormatVersion": "2.0"})),
            "Operation: SQS-PurgeQueue is not supported.",
        ),
    ] {
        rig.http_mistakes("CreateIntegration", integration, said).await;
    }
    assert_eq!(rig.http("GetIntegrations", json!({"ApiId": id})).await["Items"], json!([]));
}

#[tokio::test]
async fn methods_have_scopes_with_tokens_only() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let method = json!({
        "restApiId": api, "resourceId": root, "httpMethod": "GET", "authorizationType": "NONE",
        "authorizationScopes": ["a"],
    });
    let said = "Authorization Scopes are only valid for COGNITO_USER_POOLS authorization type";
    rig.rest_mistakes("PutMethod", method, said).await;
}
