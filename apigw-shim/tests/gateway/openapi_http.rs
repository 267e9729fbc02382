//! OpenAPI documents into HTTP APIs, and back.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

const INTEGRATION: &str = "x-amazon-apigateway-integration";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:orders";

pub fn everything() -> Value {
    let proxy =
        json!({"type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION, "payloadFormatVersion": "2.0"});
    json!({
        "openapi": "3.0.1",
        "info": {"title": "everything", "description": "all of it", "version": "3"},
        "servers": [{"url": "https://x.test/", "x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": true, "ipAddressType": "dualstack"}}],
        "tags": [{"name": "team", "x-amazon-apigateway-tag-value": "food"}, {"name": "plain"}],
        "paths": {
            "/$default": {"x-amazon-apigateway-any-method": {"isDefaultRoute": true, INTEGRATION: {"$ref": "#/components/x-amazon-apigateway-integrations/orders"}}},
            "/pets/{id}": {
                "get": {
                    "operationId": "GetPet", "security": [{"jwt": ["pets/read"]}],
                    "parameters": [{"name": "id", "in": "path", "required": true}],
                    "responses": {"default": {"description": "x"}},
                    INTEGRATION: {"$ref": "#/components/x-amazon-apigateway-integrations/orders"},
                },
                "post": {"security": [{"guard": []}], INTEGRATION: {
                    "type": "http_proxy", "httpMethod": "ANY", "uri": "https://backend.test/pets", "timeoutInMillis": 2500,
                    "connectionType": "INTERNET", "payloadFormatVersion": "1.0",
                    "requestParameters": {"append:header.x": "$request.header.y"},
                    "responseParameters": {"500": {"overwrite:statuscode": "502"}},
                }},
                "delete": {"security": [{"signed": []}], INTEGRATION: {
                    "type": "aws_proxy", "integrationSubtype": "SQS-SendMessage", "payloadFormatVersion": "1.0",
                    "credentials": "arn:aws:iam::${AWS::AccountId}:role/r",
                    "requestParameters": {"QueueUrl": "$request.header.q", "MessageBody": "$request.body.m"},
                }},
            },
            "/files/{path+}": {"x-amazon-apigateway-any-method": {INTEGRATION: proxy.clone()}},
        },
        "components": {
            "x-amazon-apigateway-integrations": {"orders": proxy},
            "securitySchemes": {
                "jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {
                    "type": "jwt", "identitySource": "$request.header.Authorization",
                    "jwtConfiguration": {"issuer": "https://issuer.test", "audience": ["me", "you"]},
                }},
                "guard": {"type": "apiKey", "name": "X-Key", "in": "header", "x-amazon-apigateway-authorizer": {
                    "type": "request", "identitySource": "$request.header.X-Key, $context.routeKey",
                    "authorizerUri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"),
                    "authorizerPayloadFormatVersion": "2.0", "authorizerResultTtlInSeconds": 30, "enableSimpleResponses": true,
                }},
                "signed": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
            },
        },
        "x-amazon-apigateway-cors": {"allowOrigins": ["https://a.test"], "allowMethods": ["GET"], "maxAge": 60, "allowCredentials": true},
        "x-amazon-apigateway-importexport-version": "1.0",
    })
}

/// All that the control plane tells of an API, with names in place of ids.
async fn told(rig: &Rig, api: &str) -> Value {
    let of = |operation: &'static str| rig.http(operation, json!({"ApiId": api}));
    let mut all = json!({"api": of("GetApi").await});
    for listing in ["GetRoutes", "GetIntegrations", "GetAuthorizers"] {
        all[listing] = of(listing).await["Items"].clone();
    }
    let mut ids = vec![(api.to_owned(), String::from("<api>"))];
    for one in all["GetIntegrations"].as_array().unwrap() {
        let mut own = one.as_object().unwrap().clone();
        let id = own.remove("IntegrationId").unwrap();
        ids.push((
            id.as_str().unwrap().to_owned(),
            format!("<{} {}>", own["IntegrationType"], own["PayloadFormatVersion"]),
        ));
    }
    for (list, id, name) in [("GetAuthorizers", "AuthorizerId", "Name"), ("GetRoutes", "RouteId", "RouteKey")]
    {
        for one in all[list].as_array().unwrap() {
            ids.push((text(one, id), format!("<{}>", text(one, name))));
        }
    }
    all["api"].as_object_mut().unwrap().remove("CreatedDate");
    let whole = ids
        .iter()
        .fold(all.to_string(), |whole, (id, name)| whole.replace(id.as_str(), &name.replace('"', "")));
    let mut all: Value = serde_json::from_str(&whole).unwrap();
    all.sort_all_objects();
    for listing in ["GetRoutes", "GetIntegrations", "GetAuthorizers"] {
        all[listing].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    }
    all
}

async fn imported(rig: &Rig, document: &impl ToString) -> Value {
    rig.http("ImportApi", json!({"Body": document.to_string(), "FailOnWarnings": true})).await
}

#[tokio::test]
async fn everything_in_a_document_is_in_the_api() {
    let rig = Rig::new();
    let api = imported(&rig, &everything()).await;
    assert_eq!(
        (&api["Name"], &api["Version"], &api["ProtocolType"]),
        (&json!("everything"), &json!("3"), &json!("HTTP"))
    );
    assert_eq!(api["CorsConfiguration"]["AllowOrigins"], json!(["https://a.test"]));
    assert_eq!(
        (&api["DisableExecuteApiEndpoint"], &api["IpAddressType"]),
        (&json!(true), &json!("dualstack"))
    );
    assert_eq!(api["Tags"], json!({"team": "food"}));
    let told = told(&rig, &text(&api, "ApiId")).await;
    let route = |key: &str| {
        let found = told["GetRoutes"].as_array().unwrap().iter().find(|it| it["RouteKey"] == key);
        found.unwrap_or_else(|| panic!("no {key} in {told}")).clone()
    };
    let get = route("GET /pets/{id}");
    assert_eq!((&get["AuthorizationType"], &get["AuthorizerId"]), (&json!("JWT"), &json!("<jwt>")));
    assert_eq!(
        (&get["AuthorizationScopes"], &get["OperationName"]),
        (&json!(["pets/read"]), &json!("GetPet"))
    );
    assert_eq!(route("POST /pets/{id}")["AuthorizationType"], "CUSTOM");
    assert_eq!(route("DELETE /pets/{id}")["AuthorizationType"], "AWS_IAM");
    assert_eq!(route("$default")["Target"], get["Target"], "both refer to one integration");
    assert_eq!(told["GetIntegrations"].as_array().unwrap().len(), 4);
    route("ANY /files/{path+}");
}

#[tokio::test]
async fn what_is_exported_is_imported_to_the_same_api() {
    let rig = Rig::new();
    let api = text(&imported(&rig, &everything()).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "dev", "AutoDeploy": true})).await;
    let wanted = |output: &str, stage: Value| json!({"ApiId": api, "Specification": "OAS30", "OutputType": output, "StageName": stage});
    for (output, stage) in [("JSON", json!("dev")), ("YAML", json!("dev")), ("JSON", Value::Null)] {
        let exported = rig.http_exported(wanted(output, stage)).await.unwrap();
        let again = imported(&rig, &exported).await;
        let (before, mut after) = (told(&rig, &api).await, told(&rig, &text(&again, "ApiId")).await);
        // One integration that two routes share is written at each of them.
        let (one, other) = (before["GetIntegrations"].clone(), after["GetIntegrations"].take());
        let mut other = other.as_array().unwrap().clone();
        other.dedup();
        let mut alike = one.as_array().unwrap().clone();
        alike.dedup();
        assert_eq!(alike, other);
        after["GetIntegrations"] = one;
        for (name, before) in before.as_object().unwrap() {
            assert_eq!(*before, after[name], "{name} {output}");
        }
    }
}

#[tokio::test]
async fn tls_behind_a_link_is_exported_with_a_name_and_without() {
    let rig = Rig::new();
    let link = rig.http("CreateVpcLink", json!({"Name": "link", "SubnetIds": ["subnet-1"]})).await;
    for config in [json!({}), json!({"ServerNameToVerify": "backend.internal"})] {
        let api = text(&rig.http("CreateApi", json!({"Name": "x", "ProtocolType": "HTTP"})).await, "ApiId");
        let integration = json!({
            "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY",
            "IntegrationUri": "https://backend.test/", "PayloadFormatVersion": "1.0",
            "ConnectionType": "VPC_LINK", "ConnectionId": link["VpcLinkId"], "TlsConfig": config,
        });
        let id = text(&rig.http("CreateIntegration", integration).await, "IntegrationId");
        let route = json!({"ApiId": api, "RouteKey": "GET /", "Target": format!("integrations/{id}")});
        rig.http("CreateRoute", route).await;
        let export = json!({"ApiId": api, "Specification": "OAS30", "OutputType": "JSON"});
        let again = imported(&rig, &rig.http_exported(export).await.unwrap()).await;
        let told = rig.http("GetIntegrations", json!({"ApiId": again["ApiId"]})).await;
        assert_eq!(told["Items"][0]["TlsConfig"], config);
    }
}

#[tokio::test]
async fn exports_have_awss_shape() {
    let rig = Rig::new();
    let document = json!({
        "openapi": "3.0.1", "info": {"title": "pets", "version": "1"},
        "paths": {"/pets/{id}": {"get": {INTEGRATION: {
            "type": "http_proxy", "httpMethod": "ANY", "uri": "https://backend.test", "payloadFormatVersion": "1.0",
        }}}},
    });
    let api = text(&imported(&rig, &document).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "$default", "AutoDeploy": true})).await;
    let wanted =
        json!({"ApiId": api, "Specification": "OAS30", "OutputType": "JSON", "StageName": "$default"});
    let exported: Value = serde_json::from_str(&rig.http_exported(wanted).await.unwrap()).unwrap();
    let expected = json!({
        "openapi": "3.0.1",
        "info": {"title": "pets", "version": "1"},
        "servers": [{
            "url": format!("https://{api}.execute-api.us-east-1.amazonaws.com/{{basePath}}"),
            "variables": {"basePath": {"default": ""}},
        }],
        "paths": {"/pets/{id}": {"get": {
            "parameters": [{
                "name": "id", "in": "path", "description": "Generated path parameter for id", "required": true,
                "schema": {"type": "string"},
            }],
            "responses": {"default": {"description": "Default response for GET /pets/{id}"}},
            INTEGRATION: {
                "payloadFormatVersion": "1.0", "type": "http_proxy", "httpMethod": "ANY",
                "uri": "https://backend.test", "connectionType": "INTERNET",
            },
        }}},
        "components": {},
        "x-amazon-apigateway-importexport-version": "1.0",
    });
    assert_eq!(exported, expected);
    let plain =
        json!({"ApiId": api, "Specification": "OAS30", "OutputType": "JSON", "IncludeExtensions": false});
    let plain = rig.http_exported(plain).await.unwrap();
    assert!(!plain.contains("x-amazon"), "{plain}");
    let refused = json!({"ApiId": api, "Specification": "OAS30", "OutputType": "JSON", "StageName": "none"});
    assert_eq!(rig.http_exported(refused).await.unwrap_err().status, 404);
    let refused = json!({"ApiId": api, "Specification": "RAML", "OutputType": "JSON"});
    assert_eq!(rig.http_exported(refused).await.unwrap_err().status, 400);
}

#[tokio::test]
async fn an_api_is_imported_again_in_its_place() {
    let rig = Rig::new();
    let document = |path: &str| {
        json!({
            "openapi": "3.0.1", "info": {"title": path, "version": "1"},
            "paths": {"/stays": {"get": {INTEGRATION: {"type": "aws_proxy", "uri": FUNCTION, "payloadFormatVersion": "2.0"}}},
                path: {"get": {INTEGRATION: {"type": "aws_proxy", "uri": FUNCTION, "payloadFormatVersion": "2.0"}}}},
        })
    };
    let api = text(&imported(&rig, &document("/a")).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "$default", "AutoDeploy": true})).await;
    assert_eq!(rig.get(&api, "/a").await.status, 200);
    let ids = |listed: &Value, key: &str| {
        let found = listed["Items"].as_array().unwrap().iter().find(|it| it["RouteKey"] == key);
        found.map(|it| text(it, "RouteId"))
    };
    let before = rig.http("GetRoutes", json!({"ApiId": api})).await;
    let again = json!({"ApiId": api, "Body": document("/b").to_string(), "Basepath": "ignore"});
    assert_eq!(rig.http("ReimportApi", again).await["Name"], "/b");
    let after = rig.http("GetRoutes", json!({"ApiId": api})).await;
    assert_eq!(ids(&before, "GET /stays"), ids(&after, "GET /stays"));
    assert_eq!(ids(&after, "GET /a"), None);
    assert_eq!((rig.get(&api, "/a").await.status, rig.get(&api, "/b").await.status), (404, 200));
    let rig = rig.restarted();
    assert_eq!((rig.get(&api, "/a").await.status, rig.get(&api, "/b").await.status), (404, 200));
    assert_eq!(
        rig.http("GetIntegrations", json!({"ApiId": api})).await["Items"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let rig = Rig::new();
    let with = |operation: Value| {
        json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {"/p": {"get": operation}},
            "components": {"securitySchemes": {
                "one": {"type": "apiKey", "name": "a", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
                "two": {"type": "apiKey", "name": "b", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
            }},
        })
    };
    for (document, said) in [
        (
            json!({"swagger": "2.0", "info": {"title": "t"}, "paths": {}}),
            "HTTP APIs are imported from OpenAPI 3.0",
        ),
        (
            with(json!({INTEGRATION: 1})),
            "Unable to parse API definition because of a malformed integration at path /p",
        ),
        (with(json!({INTEGRATION: {"type": "mock"}})), "Invalid integration type specified"),
        (with(json!({"security": [{"one": []}, {"two": []}]})), "Multiple security requirements"),
        (
            json!({"openapi": "3.0.1", "info": {"title": "t"}, "paths": {},
                "components": {"securitySchemes": {"j": {"x-amazon-apigateway-authorizer": {"type": "jwt"}}}}}),
            "Unable to create authorizer 'j'",
        ),
        (json!({"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/{a+}/b": {"get": {}}}}), "greedy"),
    ] {
        let refused = rig.http_refuses("ImportApi", json!({"Body": document.to_string()})).await;
        assert_eq!((&*refused.code, refused.status), ("BadRequestException", 400), "{refused:?}");
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    assert_eq!(rig.http("GetApis", json!({})).await["Items"], json!([]));
    let used = with(json!({"requestBody": {}, INTEGRATION: {
        "type": "http_proxy", "httpMethod": "GET", "uri": "http://a", "passthroughBehavior": "never", "colour": "red"}}));
    let made = rig.http("ImportApi", json!({"Body": used.to_string()})).await;
    assert_eq!(made["ImportInfo"].as_array().unwrap().len(), 2);
    assert_eq!(made["Warnings"].as_array().unwrap().len(), 1);
    let refused =
        rig.http_refuses("ImportApi", json!({"Body": used.to_string(), "FailOnWarnings": true})).await;
    assert!(refused.message.starts_with("Warnings found during import:"), "{refused:?}");
}
