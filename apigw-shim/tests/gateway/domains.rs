//! Custom domain names: both control planes, mappings, routing rules, and what answers under them.

use serde_json::{Value, json};

use crate::rig::{Rig, proxy, text, with};

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/1";

async fn domain(rig: &Rig, name: &str) -> Value {
    let given = json!({
        "domainName": name,
        "regionalCertificateArn": CERTIFICATE,
        "endpointConfiguration": {"types": ["REGIONAL"]},
    });
    rig.rest("CreateDomainName", given).await
}

/// A REST API whose function gets all below `/orders`, deployed to `dev`.
async fn orders(rig: &Rig) -> String {
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    rig.method(&api, &orders, "GET", proxy()).await;
    let one = rig.resource(&api, &orders, "{id}").await;
    rig.method(&api, &one, "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    api
}

/// An HTTP API whose function gets everything.
async fn http_api(rig: &Rig) -> String {
    let target = "arn:aws:lambda:us-east-1:000000000000:function:orders";
    let given = json!({"Name": "http", "ProtocolType": "HTTP", "Target": target});
    text(&rig.http("CreateApi", given).await, "ApiId")
}

#[tokio::test]
async fn one_record_serves_both_control_planes() {
    let rig = Rig::new();
    let made = domain(&rig, "api.example.com").await;
    assert_eq!(made["domainNameArn"], "arn:aws:apigateway:us-east-1::/domainnames/api.example.com");
    assert_eq!(made["regionalHostedZoneId"], "Z1UJRXOUMOOFQ8");
    assert_eq!(made["routingMode"], "BASE_PATH_MAPPING_ONLY");
    assert_eq!(made["domainNameStatus"], "AVAILABLE");
    let seen = rig.http("GetDomainName", json!({"DomainName": "api.example.com"})).await;
    assert_eq!(seen["DomainNameConfigurations"][0]["ApiGatewayDomainName"], made["regionalDomainName"]);
    assert_eq!(seen["DomainNameConfigurations"][0]["CertificateArn"], CERTIFICATE);
    assert_eq!(seen["RoutingMode"], "API_MAPPING_ONLY");
    let given = json!({"DomainName": "api.example.com", "DomainNameConfigurations": [{"CertificateArn": CERTIFICATE}]});
    let error = rig.http_refuses("CreateDomainName", given).await;
    assert_eq!((error.status, &*error.message), (400, "The domain name you provided already exists."));
    rig.http(
        "UpdateDomainName",
        json!({"DomainName": "api.example.com", "RoutingMode": "ROUTING_RULE_THEN_API_MAPPING"}),
    )
    .await;
    let tagged = json!({"resourceArn": made["domainNameArn"], "tags": {"a": "b"}});
    rig.rest("TagResource", tagged).await;
    let seen = rig.rest("GetDomainNames", json!({})).await;
    assert_eq!(seen["items"][0]["routingMode"], "ROUTING_RULE_THEN_BASE_PATH_MAPPING");
    assert_eq!(seen["items"][0]["tags"], json!({"a": "b"}));
    let rig = rig.restarted();
    assert!(rig.gateway.has_domain("api.example.com") && !rig.gateway.has_domain("example.com"));
    rig.http("DeleteDomainName", json!({"DomainName": "api.example.com"})).await;
    assert!(!rig.gateway.has_domain("api.example.com"));
    let error = rig.rest_refuses("GetDomainName", json!({"domainName": "api.example.com"})).await;
    assert_eq!((error.status, &*error.message), (404, "Invalid domain name identifier specified"));
}

#[tokio::test]
async fn what_cannot_be_a_domain_is_refused() {
    let rig = Rig::new();
    let with_certificate =
        |name: &str| json!({"domainName": name, "certificateArn": CERTIFICATE, "certificateName": "c"});
    for name in ["", "127.0.0.1", "localhost", "a b", "a..b", "*.*.b", "-a.b"] {
        let error = rig.rest_refuses("CreateDomainName", with_certificate(name)).await;
        assert_eq!(error.status, 400, "{name}");
    }
    let bare = json!({"domainName": "a.example.com"});
    assert_eq!(rig.rest_refuses("CreateDomainName", bare.clone()).await.status, 400);
    let elsewhere = json!({"certificateArn": "arn:aws:acm:eu-west-1:000000000000:certificate/1"});
    let error = rig.rest_refuses("CreateDomainName", with(&bare, elsewhere)).await;
    assert!(error.message.ends_with("Certificate must be in 'us-east-1'."), "{}", error.message);
    let policy = json!({"certificateArn": CERTIFICATE, "policy": "{\"Statement\": []}"});
    assert_eq!(rig.rest_refuses("CreateDomainName", with(&bare, policy)).await.status, 400);
    assert!(!rig.gateway.has_domain("a.example.com"));
}

#[tokio::test]
async fn requests_go_by_base_path() {
    let rig = Rig::new();
    let api = orders(&rig).await;
    domain(&rig, "api.example.com").await;
    let of = json!({"domainName": "api.example.com"});
    let mapping = json!({"restApiId": api, "stage": "dev", "basePath": "shop"});
    let made = rig.rest("CreateBasePathMapping", with(&of, mapping.clone())).await;
    assert_eq!(made, json!({"basePath": "shop", "restApiId": api, "stage": "dev"}));
    let error = rig.rest_refuses("CreateBasePathMapping", with(&of, mapping)).await;
    assert_eq!((error.status, &*error.message), (409, "Base path already exists for this domain name"));

    let answer = rig.send_to("api.example.com", "GET /shop/orders/7?a=b", &[]).await;
    assert_eq!((answer.status, answer.text()), (200, "from the function"));
    let event = rig.last_event();
    assert_eq!(event["path"], "/shop/orders/7");
    assert_eq!(event["resource"], "/orders/{id}");
    assert_eq!(event["pathParameters"], json!({"id": "7"}));
    assert_eq!(event["queryStringParameters"], json!({"a": "b"}));
    assert_eq!(event["requestContext"]["path"], "/shop/orders/7");
    assert_eq!(event["requestContext"]["stage"], "dev");
    assert_eq!(event["requestContext"]["domainName"], "api.example.com");
    assert_eq!(event["requestContext"]["domainPrefix"], "api");

    let answer = rig.send_to("api.example.com", "GET /orders/7", &[]).await;
    assert_eq!((answer.status, answer.text()), (403, r#"{"message":"Forbidden"}"#));
    // Without a stage of its own a mapping takes it from the path.
    rig.rest("CreateBasePathMapping", with(&of, json!({"restApiId": api}))).await;
    assert_eq!(rig.send_to("api.example.com", "GET /dev/orders/7", &[]).await.status, 200);
    assert_eq!(rig.send_to("api.example.com", "GET /prod/orders/7", &[]).await.status, 403);
    let listed = rig.rest("GetBasePathMappings", of.clone()).await;
    assert_eq!(listed["items"][0]["basePath"], "(none)");
    assert_eq!(listed["items"][1]["basePath"], "shop");
    let patch = json!({"basePath": "shop", "patchOperations": [{"op": "replace", "path": "/basePath", "value": "s"}]});
    rig.rest("UpdateBasePathMapping", with(&of, patch)).await;
    let rig = rig.restarted();
    assert_eq!(rig.send_to("api.example.com", "GET /s/orders", &[]).await.status, 200);

    let error = rig.rest_refuses("DeleteRestApi", json!({"restApiId": api})).await;
    assert!(error.message.ends_with("related to the RestApi in your domains: api.example.com."), "{error:?}");
    rig.rest("DeleteBasePathMapping", with(&of, json!({"basePath": "s"}))).await;
    rig.rest("DeleteBasePathMapping", with(&of, json!({"basePath": "(none)"}))).await;
    assert_eq!(rig.send_to("api.example.com", "GET /s/orders", &[]).await.status, 403);
    let error = rig.rest_refuses("GetBasePathMapping", with(&of, json!({"basePath": "s"}))).await;
    assert_eq!(error.message, "Invalid base path mapping identifier specified");
    rig.rest("DeleteRestApi", json!({"restApiId": api})).await;
}

#[tokio::test]
async fn a_domain_answers_where_the_own_endpoint_is_disabled() {
    let rig = Rig::new();
    let api = orders(&rig).await;
    let patch = json!([{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}]);
    rig.rest("UpdateRestApi", json!({"restApiId": api, "patchOperations": patch})).await;
    rig.deploy(&api, "dev").await;
    domain(&rig, "*.example.com").await;
    let mapping = json!({"domainName": "*.example.com", "restApiId": api, "stage": "dev"});
    rig.rest("CreateBasePathMapping", mapping).await;
    assert_eq!(rig.get(&api, "/dev/orders").await.status, 403);
    assert_eq!(rig.send_to("a.example.com", "GET /orders", &[]).await.status, 200);
    assert!(!rig.gateway.has_domain("a.b.example.com"));
}

#[tokio::test]
async fn the_longest_mapping_key_wins() {
    let rig = Rig::new();
    let (rest, http) = (orders(&rig).await, http_api(&rig).await);
    let given = json!({
        "DomainName": "api.example.com",
        "DomainNameConfigurations": [{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}],
    });
    rig.http("CreateDomainName", given).await;
    let of = json!({"DomainName": "api.example.com"});
    let mapping = |api: &str, key: &str, stage: &str| {
        with(&of, json!({"ApiId": api, "ApiMappingKey": key, "Stage": stage}))
    };
    rig.http("CreateApiMapping", mapping(&rest, "v1", "dev")).await;
    let made = rig.http("CreateApiMapping", mapping(&http, "v1/items", "$default")).await;
    let error = rig.http_refuses("CreateApiMapping", mapping(&http, "v1", "$default")).await;
    assert_eq!((error.status, &*error.message), (409, "ApiMapping key already exists for this domain name"));
    for (api, key, stage) in
        [("none", "x", "dev"), (rest.as_str(), "x", "none"), (rest.as_str(), "/x", "dev")]
    {
        let error = rig.http_refuses("CreateApiMapping", mapping(api, key, stage)).await;
        assert!(matches!(error.status, 400 | 404), "{error:?}");
    }
    rig.send_to("api.example.com", "GET /v1/orders/7", &[]).await;
    assert_eq!(rig.last_event()["resource"], "/orders/{id}");
    rig.send_to("api.example.com", "GET /v1/items/7", &[]).await;
    let event = rig.last_event();
    assert_eq!((&event["rawPath"], &event["routeKey"]), (&json!("/v1/items/7"), &json!("$default")));
    let change = json!({"ApiMappingId": made["ApiMappingId"], "ApiId": http, "ApiMappingKey": "v2"});
    rig.http("UpdateApiMapping", with(&of, change)).await;
    assert_eq!(rig.send_to("api.example.com", "GET /v2", &[]).await.status, 200);
    assert_eq!(rig.last_event()["rawPath"], "/v2");
    let error = rig.http_refuses("DeleteApi", json!({"ApiId": http})).await;
    assert!(error.message.ends_with("from your custom domain names."), "{}", error.message);
    let listed = rig.http("GetApiMappings", of.clone()).await;
    assert_eq!(listed["Items"].as_array().unwrap().len(), 2);
    rig.http("DeleteApiMapping", with(&of, json!({"ApiMappingId": made["ApiMappingId"]}))).await;
    assert_eq!(rig.send_to("api.example.com", "GET /v2", &[]).await.status, 403);
    // WebSocket APIs have domain names of their own.
    let socket =
        json!({"Name": "s", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.a"});
    let socket = text(&rig.http("CreateApi", socket).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": socket, "StageName": "dev"})).await;
    assert_eq!(rig.http_refuses("CreateApiMapping", mapping(&socket, "ws", "dev")).await.status, 400);
}

#[tokio::test]
async fn rules_choose_by_headers_and_base_paths() {
    let rig = Rig::new();
    let (stable, beta) = (orders(&rig).await, orders(&rig).await);
    domain(&rig, "api.example.com").await;
    let of = json!({"DomainName": "api.example.com"});
    rig.http("UpdateDomainName", with(&of, json!({"RoutingMode": "ROUTING_RULE_THEN_API_MAPPING"}))).await;
    let rule = |priority: u32, api: &str, conditions: Value, strip: bool| {
        let action = json!({"InvokeApi": {"ApiId": api, "Stage": "dev", "StripBasePath": strip}});
        with(&of, json!({"Priority": priority, "Conditions": conditions, "Actions": [action]}))
    };
    let shop = json!({"MatchBasePaths": {"AnyOf": ["shop"]}});
    let is_beta = json!({"MatchHeaders": {"AnyOf": [{"Header": "X-Version", "ValueGlob": "b*"}]}});
    let first = rig.http("CreateRoutingRule", rule(10, &beta, json!([shop, is_beta]), true)).await;
    rig.http("CreateRoutingRule", rule(20, &stable, json!([shop]), true)).await;
    let domain_arn = "/domainnames/api.example.com/routingrules/";
    assert!(text(&first, "RoutingRuleArn").contains(domain_arn));

    let api_of = |event: Value| text(&event["requestContext"], "apiId");
    rig.send_to("api.example.com", "GET /shop/orders", &[("x-version", "beta")]).await;
    assert_eq!(api_of(rig.last_event()), beta);
    rig.send_to("api.example.com", "GET /shop/orders", &[]).await;
    assert_eq!(api_of(rig.last_event()), stable);
    assert_eq!(rig.send_to("api.example.com", "GET /orders", &[]).await.status, 403);
    let mapping = json!({"domainName": "api.example.com", "restApiId": stable, "stage": "dev"});
    rig.rest("CreateBasePathMapping", mapping).await;
    assert_eq!(rig.send_to("api.example.com", "GET /orders", &[]).await.status, 200);
    rig.http("UpdateDomainName", with(&of, json!({"RoutingMode": "ROUTING_RULE_ONLY"}))).await;
    assert_eq!(rig.send_to("api.example.com", "GET /orders", &[]).await.status, 403);

    let id = json!({"RoutingRuleId": first["RoutingRuleId"]});
    let replaced = with(&rule(30, &beta, json!([]), false), id.clone());
    rig.http("PutRoutingRule", replaced).await;
    let rig = rig.restarted();
    rig.send_to("api.example.com", "GET /orders", &[]).await;
    assert_eq!(api_of(rig.last_event()), beta);
    let page = rig.http("ListRoutingRules", with(&of, json!({"MaxResults": 1}))).await;
    assert_eq!(page["RoutingRules"][0]["Priority"], 20);
    let rest = rig.http("ListRoutingRules", with(&of, json!({"NextToken": page["NextToken"]}))).await;
    assert_eq!(rest["RoutingRules"].as_array().unwrap().len(), 1);

    let error = rig.http_refuses("CreateRoutingRule", rule(20, &beta, json!([]), false)).await;
    assert_eq!(error.status, 409);
    for (conditions, api, priority) in [
        (json!([shop, shop]), stable.as_str(), 40),
        (json!([is_beta, is_beta, is_beta]), &stable, 40),
        (json!([{"MatchHeaders": {"AnyOf": [{"Header": "a", "ValueGlob": "a*b"}]}}]), &stable, 40),
        (json!([{}]), &stable, 40),
        (json!([]), "none", 40),
        (json!([]), &stable, 1_000_001),
    ] {
        let error = rig.http_refuses("CreateRoutingRule", rule(priority, api, conditions, false)).await;
        assert_eq!(error.status, 400, "{error:?}");
    }
    rig.http("DeleteRoutingRule", with(&of, id.clone())).await;
    assert_eq!(rig.http_refuses("GetRoutingRule", with(&of, id)).await.status, 404);
}

#[tokio::test]
async fn client_certificates_are_real_and_kept() {
    let rig = Rig::new();
    let made =
        rig.rest("GenerateClientCertificate", json!({"description": "mine", "tags": {"a": "b"}})).await;
    let pem = text(&made, "pemEncodedCertificate");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END CERTIFICATE-----\n"));
    let (from, to) = (made["createdDate"].as_f64().unwrap(), made["expirationDate"].as_f64().unwrap());
    assert_eq!(to - from, 365.0 * 86_400.0);
    let of = json!({"clientCertificateId": made["clientCertificateId"]});
    let patch = json!([{"op": "replace", "path": "/description", "value": "yours"}]);
    rig.rest("UpdateClientCertificate", with(&of, json!({"patchOperations": patch}))).await;
    let rig = rig.restarted();
    let seen = rig.rest("GetClientCertificates", json!({})).await;
    assert_eq!(seen["items"], json!([with(&made, json!({"description": "yours"}))]));
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    let patch =
        json!([{"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}]);
    let named = json!({"restApiId": api, "stageName": "dev", "patchOperations": patch});
    rig.rest("UpdateStage", named).await;
    // A stage shows it.
    assert_eq!(rig.rest_refuses("DeleteClientCertificate", of.clone()).await.status, 400);
    rig.rest("DeleteStage", json!({"restApiId": api, "stageName": "dev"})).await;
    rig.rest("DeleteClientCertificate", of.clone()).await;
    assert_eq!(rig.rest_refuses("GetClientCertificate", of).await.status, 404);
}

#[tokio::test]
async fn web_sockets_are_opened_below_a_base_path() {
    let rig = Rig::new();
    let given =
        json!({"Name": "s", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.a"});
    let api = text(&rig.http("CreateApi", given).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "dev", "AutoDeploy": true})).await;
    let change = json!({"ApiId": api, "DisableExecuteApiEndpoint": true});
    rig.http("UpdateApi", change).await;
    domain(&rig, "ws.example.com").await;
    let mapping =
        json!({"DomainName": "ws.example.com", "ApiId": api, "Stage": "dev", "ApiMappingKey": "chat"});
    rig.http("CreateApiMapping", mapping).await;
    let open = async |path: &str| {
        let request = http::Request::get(path)
            .header("host", "ws.example.com")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer = [127, 0, 0, 1].into();
        let addressed = rig.gateway.at_domain("ws.example.com", &mut parts, peer)?;
        rig.gateway.connect(&addressed, &parts, peer).await
    };
    assert!(matches!(open("/chat").await, Some(apigw_shim::Opening::Accepted(..))));
    assert!(matches!(open("/chat/dev").await, Some(apigw_shim::Opening::Refused(_))));
    assert!(open("/other").await.is_none());
    let signed = [("authorization", "AWS4-HMAC-SHA256 Credential=t/1/r/execute-api/aws4_request")];
    let gone = rig.send_to("ws.example.com", "GET /chat/@connections/L0SM9cOFvHcCIhw=", &signed).await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (410, Some("GoneException")));
}

#[tokio::test]
async fn a_private_domain_needs_an_association_and_a_policy() {
    let rig = Rig::new();
    let policy = |resource: &str| {
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource});
        json!({"Version": "2012-10-17", "Statement": [allow]}).to_string()
    };
    let private = json!({"types": ["PRIVATE"]});
    let given = json!({"name": "p", "endpointConfiguration": private, "policy": policy("execute-api:/*")});
    let made = rig.rest("CreateRestApi", given).await;
    let api = text(&made, "id");
    rig.method(&api, &text(&made, "rootResourceId"), "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    let domain = json!({
        "domainName": "in.example.com", "certificateArn": CERTIFICATE, "endpointConfiguration": private,
        "policy": policy("*"),
    });
    let made = rig.rest("CreateDomainName", domain).await;
    let id = text(&made, "domainNameId");
    let arn = format!("arn:aws:apigateway:us-east-1:000000000000:/domainnames/in.example.com+{id}");
    assert_eq!(made["domainNameArn"], arn);
    assert_eq!(made["endpointConfiguration"]["ipAddressType"], "dualstack");
    let of = json!({"domainName": "in.example.com", "domainNameId": id});
    assert_eq!(rig.rest_refuses("GetDomainName", json!({"domainName": "in.example.com"})).await.status, 404);
    assert_eq!(rig.http("GetDomainNames", json!({})).await["Items"], json!([]));
    let public = orders(&rig).await;
    let mapping = |api: &str| with(&of, json!({"restApiId": api, "stage": "dev"}));
    assert_eq!(rig.rest_refuses("CreateBasePathMapping", mapping(&public)).await.status, 400);
    rig.rest("CreateBasePathMapping", mapping(&api)).await;

    assert_eq!(rig.send_to("in.example.com", "GET /", &[]).await.status, 403);
    let vpce = json!({"accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1"});
    let associate = with(&vpce, json!({"domainNameArn": arn}));
    let made = rig.rest("CreateDomainNameAccessAssociation", associate.clone()).await;
    assert_eq!(rig.rest_refuses("CreateDomainNameAccessAssociation", associate).await.status, 409);
    let rig = rig.restarted();
    assert_eq!(rig.send_to("in.example.com", "GET /", &[]).await.status, 200);
    let deny =
        json!([{"op": "replace", "path": "/policy", "value": policy("arn:aws:execute-api:*:*:other")}]);
    rig.rest("UpdateDomainName", with(&of, json!({"patchOperations": deny}))).await;
    assert_eq!(rig.send_to("in.example.com", "GET /", &[]).await.status, 403);
    let allow = json!([{"op": "replace", "path": "/policy", "value": policy("*")}]);
    rig.rest("UpdateDomainName", with(&of, json!({"patchOperations": allow}))).await;
    let public =
        json!([{"op": "replace", "path": "/endpointConfiguration/types/PRIVATE", "value": "REGIONAL"}]);
    assert_eq!(
        rig.rest_refuses("UpdateDomainName", with(&of, json!({"patchOperations": public}))).await.status,
        400
    );

    let seen = rig.rest("GetDomainNameAccessAssociations", json!({})).await;
    assert_eq!(seen["items"], json!([made]));
    let named = json!({"domainNameAccessAssociationArn": made["domainNameAccessAssociationArn"]});
    let reject = with(
        &named,
        json!({"domainNameArn": "arn:aws:apigateway:us-east-1:000000000000:/domainnames/other"}),
    );
    assert_eq!(rig.rest_refuses("RejectDomainNameAccessAssociation", reject).await.status, 404);
    rig.rest("DeleteDomainNameAccessAssociation", named).await;
    assert_eq!(rig.send_to("in.example.com", "GET /", &[]).await.status, 403);
    let elsewhere =
        with(&vpce, json!({"domainNameArn": "arn:aws:apigateway:us-east-1::/domainnames/in.example.com"}));
    assert_eq!(rig.rest_refuses("CreateDomainNameAccessAssociation", elsewhere).await.status, 404);
    rig.rest("DeleteDomainName", of).await;
    assert!(!rig.gateway.has_domain("in.example.com"));
}

#[tokio::test]
async fn a_management_policy_says_who_may_associate() {
    let rig = Rig::new();
    let given = json!({
        "domainName": "in.example.com", "certificateArn": CERTIFICATE, "endpointConfiguration": {"types": ["PRIVATE"]},
    });
    let made = rig.rest("CreateDomainName", given).await;
    let arn = text(&made, "domainNameArn");
    let of = json!({"domainName": "in.example.com", "domainNameId": made["domainNameId"]});
    let put = async |effect: &str, account: &str| {
        let statement = json!({
            "Effect": effect, "Principal": {"AWS": account}, "Action": "apigateway:CreateAccessAssociation",
            "Resource": arn,
        });
        let policy = json!({"Statement": [statement]}).to_string();
        let patches = json!([{"op": "replace", "path": "/managementPolicy", "value": policy}]);
        rig.rest("UpdateDomainName", with(&of, json!({"patchOperations": patches}))).await
    };
    let associate = |endpoint: &str| json!({"accessAssociationSourceType": "VPCE", "accessAssociationSource": endpoint, "domainNameArn": arn});
    const OTHER: &str = "222222222222";
    let operation = "CreateDomainNameAccessAssociation";
    let foreign = async |endpoint: &str| rig.rest_as(OTHER, operation, associate(endpoint)).await;
    assert_eq!(foreign("vpce-1").await.unwrap_err().code, "AccessDeniedException");
    let shown = put("Allow", OTHER).await;
    assert!(text(&shown, "managementPolicy").contains("\\\"Allow\\\""), "{shown}");
    let theirs = foreign("vpce-1").await.unwrap();
    let association = text(&theirs, "domainNameAccessAssociationArn");
    assert!(association.contains(OTHER), "{association}");
    put("Deny", "000000000000").await;
    let refused = rig.rest_refuses(operation, associate("vpce-2")).await;
    assert_eq!((refused.status, refused.code.as_ref()), (403, "AccessDeniedException"));

    let others = json!({"resourceOwner": "OTHER_ACCOUNTS"});
    let listed = rig.rest("GetDomainNameAccessAssociations", others).await;
    assert_eq!(listed["items"], json!([theirs]));
    let named = json!({"domainNameAccessAssociationArn": association, "domainNameArn": arn});
    let stranger = rig.rest_as("333333333333", "RejectDomainNameAccessAssociation", named.clone()).await;
    assert_eq!(stranger.unwrap_err().status, 404);
    rig.rest("RejectDomainNameAccessAssociation", named).await;
    assert_eq!(rig.rest("GetDomainNameAccessAssociations", json!({})).await["items"], json!([]));

    domain(&rig, "out.example.com").await;
    let patches = json!([{"op": "replace", "path": "/managementPolicy", "value": "{\"Statement\": []}"}]);
    let public = json!({"domainName": "out.example.com", "patchOperations": patches});
    assert_eq!(rig.rest_refuses("UpdateDomainName", public).await.status, 400);
}
