//! OpenAPI documents into REST APIs, and back.

use serde_json::{Value, json};

use crate::rig::{Rig, lambda, text, with};

const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// A document that says all there is to say.
pub fn everything() -> Value {
    let authorizer = |kind: &str, more: Value| {
        let mut authorizer = json!({
            "type": kind, "authorizerUri": lambda("guard"), "authorizerResultTtlInSeconds": 60,
            "authorizerCredentials": "arn:aws:iam::000000000000:role/r",
        });
        authorizer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        authorizer
    };
    let proxy = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": lambda("orders")});
    json!({
        "openapi": "3.0.1",
        "info": {"title": "everything", "description": "all of it", "version": "7"},
        "servers": [{
            "url": "https://x.test/v1",
            "x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": false, "vpcEndpointIds": ["vpce-1"]},
        }],
        "paths": {
            "/": {"x-amazon-apigateway-any-method": {
                "responses": {"default": {"description": "all"}},
                "security": [{"signed": []}],
                INTEGRATION: {"$ref": "#/components/x-amazon-apigateway-integrations/proxy"},
            }},
            "/pets/{id}": {
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                    {"$ref": "#/components/parameters/trace"},
                ],
                "get": {
                    "operationId": "GetPet",
                    "parameters": [{"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}],
                    "responses": {
                        "200": {
                            "description": "a pet",
                            "headers": {"X-Tag": {"schema": {"type": "string"}}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                        },
                        "404": {"$ref": "#/components/responses/missing"},
                    },
                    "security": [{"token": []}, {"api_key": []}],
                    "x-amazon-apigateway-request-validator": "all",
                    INTEGRATION: {
                        "type": "http", "httpMethod": "GET", "uri": "http://backend.test/pets/{id}",
                        "requestParameters": {"integration.request.path.id": "method.request.path.id"},
                        "requestTemplates": {"application/json": "{\"a\": 1}"},
                        "passthroughBehavior": "never", "timeoutInMillis": 3000,
                        "contentHandling": "CONVERT_TO_TEXT", "credentials": "arn:aws:iam::000000000000:role/r",
                        "cacheNamespace": "mine", "cacheKeyParameters": ["method.request.path.id"],
                        "responses": {
                            "default": {
                                "statusCode": "200", "contentHandling": "CONVERT_TO_BINARY",
                                "responseParameters": {"method.response.header.X-Tag": "'t'"},
                                "responseTemplates": {"application/json": "$input.body"},
                            },
                            "4\\d{2}": {"statusCode": 404},
                        },
                    },
                },
                "put": {
                    "requestBody": {"content": {
                        "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}},
                        "text/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                    }},
                    "responses": {"200": {"description": "done"}},
                    "security": [{"pool": ["pets/write"]}],
                    "x-amazon-apigateway-request-validator": "body",
                    INTEGRATION: {
                        "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
                        "responses": {"default": {"statusCode": "200"}},
                    },
                },
                "delete": {"responses": {}, "security": [{"request": []}], INTEGRATION: proxy.clone()},
                "patch": {"responses": {}, "security": [{"jwt": ["a"]}], INTEGRATION: proxy.clone()},
            },
            "/files/{path+}": {"post": {"responses": {"200": {"description": "x"}}, INTEGRATION: {
                "type": "aws", "httpMethod": "POST", "uri": "arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/q",
                "connectionType": "INTERNET",
                "responses": {"default": {"statusCode": "200"}},
            }}},
        },
        "components": {
            "parameters": {"trace": {"name": "X-Trace", "in": "header", "schema": {"type": "string"}}},
            "responses": {"missing": {"description": "none", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}},
            "x-amazon-apigateway-integrations": {"proxy": proxy},
            "schemas": {
                "Pet": {
                    "type": "object", "description": "One pet", "required": ["name", "age"],
                    "properties": {
                        "name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
                        "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
                        "example": {"type": "string", "example": "dropped"},
                    },
                },
                "Problem": {"type": "object", "properties": {"message": {"type": "string"}}},
            },
            "securitySchemes": {
                "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "signed": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
                "token": {
                    "type": "apiKey", "name": "X-Token", "in": "header", "x-amazon-apigateway-authtype": "oauth2",
                    "x-amazon-apigateway-authorizer": authorizer("token", json!({"identityValidationExpression": "^x.*"})),
                },
                "request": {
                    "type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom",
                    "x-amazon-apigateway-authorizer":
                        authorizer("request", json!({"identitySource": "method.request.header.A, context.stage"})),
                },
                "pool": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {
                        "type": "cognito_user_pools",
                        "providerARNs": ["arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a"],
                    },
                },
                "jwt": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authorizer": {
                        "type": "jwt",
                        "jwtConfiguration": {
                            "issuers": [{"issuer": "https://issuer.test", "audiences": ["me"]}], "defaultAlgorithms": ["RS256"],
                        },
                    },
                },
            },
        },
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-binary-media-types": ["image/png", "application/*"],
        "x-amazon-apigateway-minimum-compression-size": 512,
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.X": "'x'"}},
            "UNAUTHORIZED": {"statusCode": 418, "responseTemplates": {"application/json": "{}"}},
        },
        "x-amazon-apigateway-policy": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}],
        },
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": true, "validateRequestParameters": true},
            "body": {"validateRequestBody": true, "validateRequestParameters": false},
        },
        "x-amazon-apigateway-documentation": {
            "version": "1", "createdDate": "2026-01-01T00:00:00Z",
            "documentationParts": [
                {"location": {"type": "METHOD", "path": "/pets", "method": "*"}, "properties": {"summary": "of pets"}},
            ],
        },
    })
}

/// All that the control plane tells of an API, with names in place of ids.
async fn told(rig: &Rig, api: &str) -> Value {
    let of = |listing: &'static str| rig.rest(listing, json!({"restApiId": api}));
    let record = rig.rest("GetRestApi", json!({"restApiId": api})).await;
    let listings = ["GetModels", "GetAuthorizers", "GetRequestValidators", "GetDocumentationParts"];
    let mut all = json!({"api": record, "gateway": of("GetGatewayResponses").await["items"]});
    for listing in listings {
        all[listing] = of(listing).await["items"].clone();
    }
    let resources = json!({"restApiId": api, "embed": ["methods"], "limit": 500});
    all["resources"] = rig.rest("GetResources", resources).await["items"].clone();
    let mut ids: Vec<(String, String)> = vec![(api.to_owned(), String::from("<api>"))];
    for (list, name) in [("GetAuthorizers", "name"), ("GetRequestValidators", "name"), ("resources", "path")]
    {
        for one in all[list].as_array().unwrap() {
            ids.push((text(one, "id"), format!("<{}>", text(one, name))));
        }
    }
    for models in all["GetModels"].as_array_mut().unwrap() {
        models["schema"] = serde_json::from_str(models["schema"].as_str().unwrap()).unwrap();
    }
    for list in listings {
        for one in all[list].as_array_mut().unwrap() {
            one.as_object_mut().unwrap().remove("id");
        }
        all[list].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    }
    let record = all["api"].as_object_mut().unwrap();
    record.remove("createdDate");
    let whole = ids.iter().fold(all.to_string(), |whole, (id, name)| whole.replace(id.as_str(), name));
    let mut all: Value = serde_json::from_str(&whole).unwrap();
    all.sort_all_objects();
    all
}

async fn imported(rig: &Rig, document: &Value) -> String {
    let members = json!({"failOnWarnings": true});
    let made = rig.rest_document("ImportRestApi", members, document).await;
    text(&made.unwrap_or_else(|error| panic!("{error:?}")), "id")
}

#[tokio::test]
async fn everything_in_a_document_is_in_the_api() {
    let rig = Rig::new();
    let api = imported(&rig, &everything()).await;
    let told = told(&rig, &api).await;
    let record = &told["api"];
    for (name, value) in [
        ("name", json!("everything")),
        ("version", json!("7")),
        ("apiKeySource", json!("AUTHORIZER")),
        ("minimumCompressionSize", json!(512)),
        ("binaryMediaTypes", json!(["image/png", "application/*"])),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    assert_eq!(record["endpointConfiguration"]["vpcEndpointIds"], json!(["vpce-1"]));
    let at = |path: &str| {
        let found = told["resources"].as_array().unwrap().iter().find(|it| it["path"] == path);
        found.unwrap_or_else(|| panic!("no {path}"))["resourceMethods"].clone()
    };
    assert_eq!(at("/")["ANY"]["authorizationType"], "AWS_IAM");
    assert_eq!(at("/")["ANY"]["methodIntegration"]["type"], "AWS_PROXY");
    let get = &at("/pets/{id}")["GET"];
    assert_eq!(get["authorizationType"], "CUSTOM");
    assert_eq!(get["authorizerId"], "<token>");
    assert_eq!(get["apiKeyRequired"], true);
    assert_eq!(get["requestValidatorId"], "<all>");
    assert_eq!(
        get["requestParameters"],
        json!({
            "method.request.path.id": true, "method.request.querystring.q": true,
            "method.request.header.X-Trace": false,
        })
    );
    assert_eq!(get["methodResponses"]["404"]["responseModels"], json!({"application/json": "Problem"}));
    let integration = &get["methodIntegration"];
    assert_eq!(integration["integrationResponses"]["404"]["selectionPattern"], "4\\d{2}");
    assert_eq!(
        (&integration["cacheNamespace"], &integration["timeoutInMillis"]),
        (&json!("mine"), &json!(3000))
    );
    let put = &at("/pets/{id}")["PUT"];
    assert_eq!(put["authorizationScopes"], json!(["pets/write"]));
    assert!(put["requestModels"]["application/json"].as_str().unwrap().starts_with("MODEL"));
    assert_eq!(at("/pets/{id}")["PATCH"]["authorizationType"], "JWT");
    let uri = &at("/files/{path+}")["POST"]["methodIntegration"]["uri"];
    assert_eq!(uri, "arn:aws:apigateway:us-east-1:sqs:path/000000000000/q");
    assert_eq!(at("/files/{path+}")["POST"]["requestParameters"], json!({"method.request.path.path": true}));
    let pet = told["GetModels"].as_array().unwrap().iter().find(|it| it["name"] == "Pet").unwrap();
    assert_eq!(pet["schema"]["required"], json!(["age", "name"]));
    let of_friends = &pet["schema"]["properties"]["friends"]["items"]["$ref"];
    assert_eq!(of_friends, "https://apigateway.amazonaws.com/restapis/<api>/models/Pet");
    assert_eq!(pet["schema"]["properties"]["example"], json!({"type": "string"}));
    let unauthorized =
        told["gateway"].as_array().unwrap().iter().find(|it| it["responseType"] == "UNAUTHORIZED");
    assert_eq!(unauthorized.unwrap()["statusCode"], "418");
}

#[tokio::test]
async fn what_is_exported_is_imported_to_the_same_api() {
    let plain = json!({
        "swagger": "2.0", "info": {"title": "plain", "version": "1"}, "consumes": ["application/json"],
        "paths": {"/a": {"post": {
            "parameters": [{"in": "body", "name": "b", "schema": {"$ref": "#/definitions/B"}}],
            "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/B"}}},
            INTEGRATION: {"type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
                "responses": {"default": {"statusCode": "200"}}},
        }}},
        "definitions": {"B": {"type": "object"}},
    });
    for document in [everything(), plain] {
        for format in ["oas30", "swagger"] {
            for accepts in ["application/json", "application/yaml"] {
                let rig = Rig::new();
                let mut document = document.clone();
                if format == "swagger" && document.get("openapi").is_some() {
                    // Swagger 2.0 has one schema for all media types of a body.
                    let body = "/paths/~1pets~1{id}/put/requestBody/content/text~1json";
                    document.pointer_mut(body).unwrap()["schema"] =
                        json!({"type": "array", "items": {"$ref": "#/components/schemas/Pet"}});
                }
                let api = imported(&rig, &document).await;
                rig.deploy(&api, "dev").await;
                let wanted = json!({
                    "restApiId": api, "stageName": "dev", "exportType": format, "accepts": accepts,
                    "parameters": {"extensions": "apigateway"},
                });
                let (exported, answer) = rig.exported(wanted).await;
                let ending = if accepts.ends_with("yaml") { "yaml" } else { "json" };
                let disposition = text(&answer, "contentDisposition");
                assert!(
                    disposition.starts_with(&format!("attachment; filename=\"{format}_")),
                    "{disposition}"
                );
                assert!(disposition.ends_with(&format!(".{ending}\"")), "{disposition}");
                let members = json!({"failOnWarnings": true, "parameters": {"ignore": "documentation"}});
                let again = rig.rest_document("ImportRestApi", members, &exported).await;
                let again = text(&again.unwrap_or_else(|error| panic!("{error:?}\n{exported}")), "id");
                let (mut before, mut after) = (told(&rig, &api).await, told(&rig, &again).await);
                for told in [&mut before, &mut after] {
                    told.as_object_mut().unwrap().remove("GetDocumentationParts");
                }
                for (name, before) in before.as_object().unwrap() {
                    assert_eq!(*before, after[name], "{name} {format} {accepts}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_imported_api_answers() {
    let rig = Rig::new();
    let document = "
openapi: 3.0.1
info: {title: yaml, version: 2}
paths:
  /hello/{name}:
    get:
      responses:
        200: {description: hello, content: {application/json: {schema: {type: object}}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{\"statusCode\": 200}'}
        responses:
          default: {statusCode: 200, responseTemplates: {application/json: '{\"hello\": \"$input.params(''name'')\"}'}}
";
    let made = rig.rest_document("ImportRestApi", json!({}), document).await.unwrap();
    let api = text(&made, "id");
    assert_eq!(made["version"], "2");
    rig.deploy(&api, "dev").await;
    assert_eq!(rig.get(&api, "/dev/hello/you").await.json(), json!({"hello": "you"}));
    let rig = rig.restarted();
    assert_eq!(rig.get(&api, "/dev/hello/you").await.json(), json!({"hello": "you"}));
}

/// The paths of an API's resources, with their ids.
async fn paths(rig: &Rig, api: &str) -> Vec<(String, String)> {
    let listed = rig.rest("GetResources", json!({"restApiId": api})).await;
    let all = listed["items"].as_array().unwrap();
    all.iter().map(|it| (text(it, "path"), text(it, "id"))).collect()
}

#[tokio::test]
async fn documents_go_over_an_api_or_into_it() {
    let rig = Rig::new();
    let document = |path: &str, media: &str, model: &str| {
        json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1"},
            "paths": {path: {"get": {"operationId": model, INTEGRATION: {"type": "mock"}}}},
            "components": {"schemas": {model: {"type": "object"}}},
            "x-amazon-apigateway-binary-media-types": [media],
        })
    };
    let api = imported(&rig, &document("/a/b", "image/png", "A")).await;
    let before = paths(&rig, &api).await;
    let merged = json!({"restApiId": api, "mode": "merge"});
    let merged = rig.rest_document("PutRestApi", merged, document("/a/c", "image/gif", "C")).await.unwrap();
    assert_eq!(merged["binaryMediaTypes"], json!(["image/png", "image/gif"]));
    assert_eq!(merged["tags"], json!({}));
    let now = paths(&rig, &api).await;
    assert_eq!(now.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["/", "/a", "/a/b", "/a/c"]);
    assert_eq!(now[..3], before[..]);
    let models = rig.rest("GetModels", json!({"restApiId": api})).await;
    assert_eq!(models["items"].as_array().unwrap().len(), 2);

    let over = json!({"restApiId": api, "mode": "overwrite"});
    let over = rig.rest_document("PutRestApi", over, document("/a/c", "image/gif", "C")).await.unwrap();
    assert_eq!(over["binaryMediaTypes"], json!(["image/gif"]));
    let last = paths(&rig, &api).await;
    assert_eq!(last, [now[0].clone(), now[1].clone(), now[3].clone()]);
    let gone = rig.rest_refuses("GetResource", json!({"restApiId": api, "resourceId": now[2].1})).await;
    assert_eq!(gone.status, 404);
    let models = rig.rest("GetModels", json!({"restApiId": api})).await;
    assert_eq!(models["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_awss_words_and_changes_nothing() {
    let rig = Rig::new();
    let with = |operation: Value| {
        json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1"},
            "paths": {"/p": {"get": operation}},
        })
    };
    let cases = [
        (json!({"a": 1}), "Invalid OpenAPI input."),
        (json!({"openapi": "3.0.1", "paths": {}}), "Invalid OpenAPI input. (it has no title)"),
        (
            with(json!({INTEGRATION: {"type": "aws", "httpMethod": "POST", "uri": "arn:aws:lambda:x"}})),
            "Errors found during import:\n\tUnable to put integration on 'GET' for resource at path '/p': AWS ARN for integration must contain path or action",
        ),
        (
            with(json!({INTEGRATION: {"type": "http", "uri": "http://a"}})),
            "Errors found during import:\n\tUnable to put integration on 'GET' for resource at path '/p': Enumeration value for HttpMethod must be non-empty",
        ),
        (
            with(json!({INTEGRATION: {"type": "mock", "responses": {"default": {
                "statusCode": "200", "responseParameters": {"method.response.header.X": "'x'"}}}}})),
            "Unable to put integration response on 'GET' for resource at path '/p': Invalid mapping expression specified: Validation Result: warnings : [], errors : [No method response exists for method.]",
        ),
        (
            with(
                json!({"responses": {"200": {"description": ""}}, INTEGRATION: {"type": "mock", "responses": {"default": {
                "statusCode": "200", "responseParameters": {"method.response.header.X": "'x'"}}}}}),
            ),
            "Unable to put integration response on 'GET' for resource at path '/p': Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: method.response.header.X]",
        ),
        (
            with(json!({"x-amazon-apigateway-request-validator": "none"})),
            "Invalid Request Validator identifier specified",
        ),
        (
            json!({"openapi": "3.0.1", "info": {"title": "t"}, "paths": {},
                "components": {"schemas": {"a_b": {"type": "object"}}}}),
            "Unable to create model for 'a_b': Model name must be alphanumeric: a_b",
        ),
        (
            json!({"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/{a}": {}, "/{b}": {}}}),
            "Unable to create resource at path '/{b}': A sibling ({a}) of this resource already has a variable path part -- only one is allowed",
        ),
        (
            json!({"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/a{b}c": {}}}),
            "Unable to create resource at path '/a{b}c': Resource's path part only allow",
        ),
    ];
    for (document, said) in cases {
        let refused = rig.rest_document("ImportRestApi", json!({}), &document).await.unwrap_err();
        assert_eq!((&*refused.code, refused.status), ("BadRequestException", 400), "{refused:?}");
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    assert_eq!(rig.rest("GetRestApis", json!({})).await["items"], json!([]));
}

#[tokio::test]
async fn warnings_are_told_and_may_count_as_errors() {
    let rig = Rig::new();
    let document = json!({
        "swagger": "2.0", "info": {"title": "t", "version": "1"}, "basePath": "/v1/b",
        "x-amazon-apigateway-colour": "red",
        "paths": {"/p": {"get": {
            "parameters": [{"in": "body", "name": "b", "schema": {"$ref": "#/definitions/None"}}],
            INTEGRATION: {"type": "mock", "requestParameters": {"integration.request.header.a": 1}},
        }}},
    });
    let warnings = json!([
        "Unknown extension 'x-amazon-apigateway-colour'. Ignoring.",
        "Reference to model 'None' not found. Ignoring.",
        "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.a' of resource '/v1/b/p' and method 'GET' but got '1'",
    ]);
    let parameters = json!({"parameters": {"basepath": "prepend", "endpointConfigurationTypes": "REGIONAL"}});
    let made = rig.rest_document("ImportRestApi", parameters, &document).await.unwrap();
    assert_eq!(made["warnings"], warnings);
    assert_eq!(made["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    let refused =
        rig.rest_document("ImportRestApi", json!({"failOnWarnings": true}), &document).await.unwrap_err();
    assert!(refused.message.starts_with("Warnings found during import:\n\tUnknown extension"), "{refused:?}");
    let refused = rig
        .rest_document("ImportRestApi", json!({"parameters": {"basepath": "x"}}), &document)
        .await
        .unwrap_err();
    assert!(refused.message.contains("basepath"), "{refused:?}");
}

#[tokio::test]
async fn documentation_comes_with_a_document_and_goes_with_an_export() {
    let rig = Rig::new();
    let document = json!({
        "openapi": "3.0.1", "info": {"title": "t", "version": "1", "description": "an API"},
        "paths": {"/p/{q}": {"get": {
            "summary": "gets", "tags": ["x"],
            "parameters": [{"name": "q", "in": "path", "required": true, "description": "which", "schema": {}}],
            "responses": {"200": {"description": "fine"}}, INTEGRATION: {"type": "mock"},
        }}},
        "x-amazon-apigateway-documentation": {"documentationParts": [
            {"location": {"type": "RESPONSE", "method": "*", "statusCode": "200"}, "properties": {"description": "good"}},
        ]},
    });
    let api = imported(&rig, &document).await;
    let parts = rig.rest("GetDocumentationParts", json!({"restApiId": api})).await;
    let kinds: Vec<String> =
        parts["items"].as_array().unwrap().iter().map(|it| text(&it["location"], "type")).collect();
    assert_eq!(kinds, ["RESPONSE", "API", "METHOD", "PATH_PARAMETER", "RESPONSE"]);

    rig.rest("CreateDocumentationVersion", json!({"restApiId": api, "documentationVersion": "v1"})).await;
    let more = json!({"x-amazon-apigateway-documentation": {"documentationParts": [
        {"location": {"type": "API"}, "properties": {"info": {"description": "later"}}},
        {"location": {"type": "NOTHING"}, "properties": {}},
    ]}});
    let merged = json!({"restApiId": api, "mode": "merge"});
    let merged = rig.rest_document("ImportDocumentationParts", merged, &more).await.unwrap();
    assert_eq!(merged["ids"].as_array().unwrap().len(), 1);
    assert_eq!(merged["ids"][0], parts["items"][1]["id"]);
    assert_eq!(merged["warnings"].as_array().unwrap().len(), 1);
    let all = rig.rest("GetDocumentationParts", json!({"restApiId": api})).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 5);

    rig.deploy(&api, "dev").await;
    let version = json!([{"op": "replace", "path": "/documentationVersion", "value": "v1"}]);
    rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": version})).await;
    let wanted = |extensions: &str| json!({"restApiId": api, "stageName": "dev", "exportType": "oas30", "parameters": {"extensions": extensions}});
    let exported: Value = serde_json::from_str(&rig.exported(wanted("documentation")).await.0).unwrap();
    let given = &exported["x-amazon-apigateway-documentation"];
    assert_eq!((&given["version"], given["documentationParts"].as_array().unwrap().len()), (&json!("v1"), 5));
    let woven: Value = serde_json::from_str(&rig.exported(wanted("")).await.0).unwrap();
    assert_eq!(woven["info"]["description"], "an API");
    let get = &woven["paths"]["/p/{q}"]["get"];
    assert_eq!((&get["summary"], &get["tags"]), (&json!("gets"), &json!(["x"])));
    assert_eq!(get["parameters"][0]["description"], "which");
    assert_eq!(get["responses"]["200"]["description"], "fine");

    let over = json!({"restApiId": api, "mode": "overwrite", "failOnWarnings": true});
    let refused = rig.rest_document("ImportDocumentationParts", over, &more).await.unwrap_err();
    assert!(refused.message.starts_with("Warnings found during import:"), "{refused:?}");
}

#[tokio::test]
async fn exports_are_refused_by_name() {
    let rig = Rig::new();
    let api = imported(&rig, &everything()).await;
    rig.deploy(&api, "dev").await;
    let wanted = |stage: &str, kind: &str, more: Value| {
        let mut wanted = json!({"restApiId": api, "stageName": stage, "exportType": kind});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wanted
    };
    for (wanted, status, said) in [
        (wanted("prod", "oas30", json!({})), 404, "Invalid stage identifier specified"),
        (wanted("dev", "raml", json!({})), 400, "No API exporter found for type 'raml'"),
        (wanted("dev", "oas30", json!({"accepts": "text/html"})), 400, "Invalid accept type"),
        (wanted("dev", "oas30", json!({"parameters": {"extensions": "postman"}})), 501, "postman"),
    ] {
        let refused = rig.rest_refuses("GetExport", wanted).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.message.contains(said), "{}", refused.message);
    }
}

#[tokio::test]
async fn documents_that_are_bombs_are_refused_in_time() {
    let rig = Rig::new();
    let circles = json!({
        "openapi": "3.0.1", "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"get": {
            "parameters": [{"$ref": "#/components/parameters/a"}],
            "requestBody": {"$ref": "#/components/requestBodies/a"},
            "responses": {"200": {"$ref": "#/components/responses/a"}},
        }}, "/b": {"$ref": "#/paths/~1b"}},
        "components": {
            "parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}},
            "requestBodies": {"a": {"$ref": "#/components/requestBodies/a"}},
            "responses": {"a": {"$ref": "#/components/responses/a"}},
        },
    });
    let refused = rig.rest_document("ImportRestApi", json!({}), &circles).await.unwrap_err();
    assert!(refused.message.contains("'/b'"), "{refused:?}");

    // A few kilobytes that would become gigabytes.
    let template = "x".repeat(200_000);
    let operation = json!({"get": {INTEGRATION: {"$ref": "#/components/x/i"}}});
    let paths: serde_json::Map<String, Value> =
        (0..4_000).map(|at| (format!("/p{at}"), operation.clone())).collect();
    let wide = json!({
        "openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths,
        "components": {"x": {"i": {"type": "mock", "requestTemplates": {"application/json": template}}}},
    });
    let refused = rig.rest_document("ImportRestApi", json!({}), &wide).await.unwrap_err();
    assert!(refused.message.contains("make it too large"), "{refused:?}");

    let long = format!("/{}", "a/".repeat(100_000));
    let long = json!({"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {long: {}}});
    let refused = rig.rest_document("ImportRestApi", json!({}), &long).await.unwrap_err();
    assert!(refused.message.contains("too long paths"), "{refused:?}");
}

#[tokio::test]
async fn stages_are_served_with_the_address_that_works() {
    let rig = Rig::new();
    let api = imported(&rig, &everything()).await;
    rig.deploy(&api, "dev").await;
    let served = rig.gateway.openapi(&api, "dev").unwrap();
    let url = format!("http://127.0.0.1:4566/restapis/{api}/dev/_user_request_");
    assert_eq!(served["servers"], json!([{"url": url}]));
    assert!(served["paths"]["/pets/{id}"]["get"]["responses"]["200"].is_object());
    assert_eq!(
        served["paths"]["/pets/{id}"]["get"].get(INTEGRATION),
        None,
        "addresses of backends are not shown"
    );
    assert_eq!(rig.gateway.openapi(&api, "prod"), None);
    assert_eq!(rig.gateway.openapi("none", "dev"), None);
    let members = json!({"Name": "h", "ProtocolType": "HTTP", "Target": "http://backend.test"});
    let http = text(&rig.http("CreateApi", members).await, "ApiId");
    let served = rig.gateway.openapi(&http, "$default").unwrap();
    assert_eq!(served["servers"], json!([{"url": format!("http://127.0.0.1:4566/_aws/execute-api/{http}")}]));
    let members =
        json!({"Name": "w", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.a"});
    let socket = text(&rig.http("CreateApi", members).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": socket, "StageName": "dev"})).await;
    assert_eq!(rig.gateway.openapi(&socket, "dev"), None);
}

/// SAM's translator made these of templates that were deployed on AWS.
#[tokio::test]
async fn what_sam_makes_is_taken() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/apis/sam/bodies.json");
    let bodies: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(bodies.len() > 10);
    let rig = Rig::new();
    for one in &bodies {
        let (from, body) = (&one["from"], &one["body"]);
        if one["kind"] == "REST" {
            let (api, _) = rig.rest_api().await;
            let over = json!({"restApiId": api, "mode": "overwrite", "failOnWarnings": true});
            let put = rig.rest_document("PutRestApi", over, body).await;
            put.unwrap_or_else(|error| panic!("{from}: {error:?}"));
            rig.deploy(&api, "dev").await;
        } else {
            let made = rig.http("CreateApi", json!({"Name": "n", "ProtocolType": "HTTP"})).await;
            let again = json!({"ApiId": made["ApiId"], "Body": body.to_string(), "FailOnWarnings": true});
            let again = rig.http("ReimportApi", again).await;
            assert_eq!(again["ApiId"], made["ApiId"], "{from}");
        }
    }
}

#[tokio::test]
async fn what_is_not_documented_is_listed() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    let of = json!({"restApiId": api, "resourceId": orders, "httpMethod": "GET"});
    let method =
        json!({"authorizationType": "NONE", "requestParameters": {"method.request.querystring.page": false}});
    rig.rest("PutMethod", with(&of, method)).await;
    rig.rest("PutIntegration", with(&of, json!({"type": "MOCK"}))).await;
    let response = json!({"statusCode": "200", "responseParameters": {"method.response.header.etag": false}});
    rig.rest("PutMethodResponse", with(&of, response)).await;
    let list = async |more: Value| {
        let asked = with(&json!({"restApiId": api, "locationStatus": "UNDOCUMENTED"}), more);
        rig.rest("GetDocumentationParts", asked).await
    };
    let at_orders = list(json!({"path": "/orders"})).await;
    let get = json!({"path": "/orders", "method": "GET"});
    let expected = [
        json!({"type": "RESOURCE", "path": "/orders"}),
        with(&get, json!({"type": "METHOD"})),
        with(&get, json!({"type": "QUERY_PARAMETER", "name": "page"})),
        with(&get, json!({"type": "RESPONSE", "statusCode": "200"})),
        with(&get, json!({"type": "RESPONSE_HEADER", "statusCode": "200", "name": "etag"})),
    ];
    let expected: Vec<Value> = expected.into_iter().map(|location| json!({"location": location})).collect();
    assert_eq!(at_orders["items"], json!(expected));

    let part = async |location: Value| {
        let given = json!({"restApiId": api, "location": location, "properties": "{\"description\": \"d\"}"});
        rig.rest("CreateDocumentationPart", given).await
    };
    part(json!({"type": "API"})).await;
    // What is said of all methods below the root is said of this one too.
    part(json!({"type": "METHOD", "path": "/", "method": "*"})).await;
    let kinds = async |more: Value| -> Vec<String> {
        let all = list(more).await;
        all["items"].as_array().unwrap().iter().map(|item| text(&item["location"], "type")).collect()
    };
    let left = kinds(json!({})).await;
    assert!(!left.iter().any(|kind| kind == "API" || kind == "METHOD"), "{left:?}");
    assert_eq!(kinds(json!({"nameQuery": "pag"})).await, ["QUERY_PARAMETER"]);
    let first = list(json!({"limit": 2})).await;
    let rest = kinds(json!({"limit": 500, "position": first["position"]})).await;
    assert_eq!(rest.len() + 2, left.len());
    let documented =
        rig.rest("GetDocumentationParts", json!({"restApiId": api, "locationStatus": "DOCUMENTED"})).await;
    assert_eq!(documented["items"].as_array().unwrap().len(), 2);
}
