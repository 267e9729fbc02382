//! Who is let in to REST APIs: authorizers, resource policies, API keys and limits.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::rig::{Rig, lambda, proxy, text, with};

/// An API with `GET /orders` behind what `method` asks for, deployed to `dev`.
async fn guarded(
    rig: &Rig,
    api: Value,
    authorizer: Option<Value>,
    method: Value,
) -> (String, Option<String>) {
    let made = rig.rest("CreateRestApi", with(&json!({"name": "orders"}), api)).await;
    let (api, root) = (text(&made, "id"), text(&made, "rootResourceId"));
    let resource = rig.resource(&api, &root, "orders").await;
    let of = json!({"restApiId": api, "resourceId": resource, "httpMethod": "GET"});
    let mut method = with(&json!({"authorizationType": "NONE"}), method);
    let mut id = None;
    if let Some(authorizer) = authorizer {
        let made = rig.rest("CreateAuthorizer", with(&json!({"restApiId": api}), authorizer)).await;
        id = Some(text(&made, "id"));
        method = with(&method, json!({"authorizerId": id}));
    }
    rig.rest("PutMethod", with(&of, method)).await;
    rig.rest("PutIntegration", with(&of, proxy())).await;
    rig.deploy(&api, "dev").await;
    (api, id)
}

fn policy(effect: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    ]})
}

/// What serves as an authorizer's answer and as the function's behind it.
fn says(effect: &str, resource: &str) -> Value {
    json!({
        "principalId": "ann", "policyDocument": policy(effect, resource), "context": {"plan": "gold", "age": 7},
        "usageIdentifierKey": "a-key-that-is-long-enough",
    })
}

fn token_authorizer() -> Value {
    json!({
        "name": "tokens", "type": "TOKEN", "authorizerUri": lambda("authorizer"),
        "identitySource": "method.request.header.Auth", "identityValidationExpression": "Bearer .+",
    })
}

fn invocations(rig: &Rig, function: &str) -> usize {
    let events = rig.script.events.lock().unwrap();
    events.iter().filter(|(name, _)| name.ends_with(function)).count()
}

#[tokio::test]
async fn a_function_lets_in_by_token() {
    let rig = Rig::new();
    let custom = json!({"authorizationType": "CUSTOM"});
    let (api, _) = guarded(&rig, json!({}), Some(token_authorizer()), custom).await;
    rig.answers("authorizer", says("Allow", "arn:aws:execute-api:*:*:*/dev/GET/orders"));

    let missing = rig.get(&api, "/dev/orders").await;
    assert_eq!((missing.status, missing.text()), (401, r#"{"message":"Unauthorized"}"#));
    assert_eq!(rig.send(&api, "GET /dev/orders", &[("auth", "Basic x")], "").await.status, 401);
    assert_eq!(invocations(&rig, ":authorizer"), 0, "nobody is asked about what cannot be right");

    let headers = [("auth", "Bearer 1")];
    assert_eq!(rig.send(&api, "GET /dev/orders", &headers, "").await.status, 200);
    let event = rig.last_event();
    let known = &event["requestContext"]["authorizer"];
    assert_eq!(
        (&known["principalId"], &known["plan"], &known["age"]),
        (&json!("ann"), &json!("gold"), &json!("7"))
    );
    let asked = rig.script.events.lock().unwrap()[0].1.clone();
    let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{api}/dev/GET/orders");
    assert_eq!(asked, json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": "Bearer 1"}));

    rig.send(&api, "GET /dev/orders", &headers, "").await;
    assert_eq!(invocations(&rig, ":authorizer"), 1, "what it said holds for a while");
    rig.clock.advance(Duration::from_secs(301));
    rig.send(&api, "GET /dev/orders", &headers, "").await;
    assert_eq!(invocations(&rig, ":authorizer"), 2);
    rig.rest("FlushStageAuthorizersCache", json!({"restApiId": api, "stageName": "dev"})).await;
    rig.send(&api, "GET /dev/orders", &headers, "").await;
    assert_eq!(invocations(&rig, ":authorizer"), 3);
}

#[tokio::test]
async fn what_a_function_says_may_refuse() {
    let rig = Rig::new();
    let custom = json!({"authorizationType": "CUSTOM"});
    let (api, _) = guarded(&rig, json!({}), Some(token_authorizer()), custom).await;
    let send = async |token: &str| rig.send(&api, "GET /dev/orders", &[("auth", token)], "").await;
    rig.answers("authorizer", says("Deny", "*"));
    let denied = send("Bearer deny").await;
    let text = r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
    assert_eq!((denied.status, denied.text()), (403, text));
    assert_eq!(denied.header("x-amzn-errortype"), Some("AccessDeniedException"));
    rig.answers("authorizer", says("Allow", "arn:aws:execute-api:*/POST/*"));
    let denied = send("Bearer other").await;
    assert_eq!(denied.text(), r#"{"Message":"User is not authorized to access this resource"}"#);
    rig.answers("authorizer", json!({"principalId": "ann"}));
    let broken = send("Bearer broken").await;
    assert_eq!((broken.status, broken.text()), (500, r#"{"message":null}"#));
    rig.function_fails(json!({"errorMessage": "Unauthorized"}));
    rig.answers_nothing();
    assert_eq!(send("Bearer refused").await.status, 401);
}

#[tokio::test]
async fn a_request_is_known_by_its_identity_sources() {
    let rig = Rig::new();
    let authorizer = json!({
        "name": "requests", "type": "REQUEST", "authorizerUri": lambda("authorizer"),
        "identitySource": "method.request.header.Auth, method.request.querystring.who",
    });
    let (api, _) = guarded(&rig, json!({}), Some(authorizer), json!({"authorizationType": "CUSTOM"})).await;
    rig.answers("authorizer", says("Allow", "*"));
    assert_eq!(rig.send(&api, "GET /dev/orders", &[("auth", "1")], "").await.status, 401);
    assert_eq!(rig.send(&api, "GET /dev/orders?who=ann", &[("auth", "1")], "").await.status, 200);
    let asked = rig.script.events.lock().unwrap()[0].1.clone();
    assert_eq!((&asked["type"], &asked["path"]), (&json!("REQUEST"), &json!("/orders")));
    assert_eq!(asked["queryStringParameters"], json!({"who": "ann"}));
    assert_eq!(asked["pathParameters"], json!({}));
    assert!(asked.get("body").is_none());
}

#[tokio::test]
async fn tokens_are_checked_with_the_issuers_keys() {
    let rig = Rig::new();
    let random = ring::rand::SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({"kty": "EC", "kid": "one", "x": part(&point[1..33]), "y": part(&point[33..])});
    let path = std::env::temp_dir().join(format!("jwks-{}.json", part(&point[1..9])));
    std::fs::write(&path, json!({"keys": [key]}).to_string()).unwrap();
    let issuer = format!("file://{}", path.display());
    let sign = |claims: Value| {
        let header = json!({"alg": "ES256", "kid": "one"}).to_string();
        let signed = format!("{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", part(signature.as_ref()))
    };
    let authorizer = json!({"name": "jwt", "type": "JWT", "jwtConfiguration": {
        "issuers": [{"issuer": issuer, "audiences": ["app"]}], "defaultAlgorithms": ["ES256"],
    }});
    let method = json!({"authorizationType": "JWT", "authorizationScopes": ["read", "write"]});
    let (api, _) = guarded(&rig, json!({}), Some(authorizer), method).await;
    let send = async |token: &str| {
        rig.send(&api, "GET /dev/orders", &[("authorization", &format!("Bearer {token}"))], "").await
    };
    let now = rig.clock.now().millis() / 1000;
    let claims = json!({"iss": issuer, "aud": ["app"], "sub": "ann", "scope": "read", "exp": now + 60});
    let good = sign(claims.clone());
    assert_eq!(send(&good).await.status, 200);
    assert_eq!(rig.last_event()["requestContext"]["authorizer"]["claims"]["sub"], "ann");
    for (name, other) in [
        ("aud", json!("another")),
        ("iss", json!("https://example.com")),
        ("scope", json!("nothing")),
        ("nbf", json!(now + 30)),
    ] {
        assert_eq!(send(&sign(with(&claims, json!({name: other})))).await.status, 401, "{name}");
    }
    let (signed, _) = good.rsplit_once('.').unwrap();
    assert_eq!(send(&format!("{signed}.{}", part(&[0; 64]))).await.status, 401);
    rig.clock.advance(Duration::from_secs(61));
    let expired = send(&good).await;
    assert_eq!((expired.status, expired.text()), (401, r#"{"message":"The incoming token has expired"}"#));
    std::fs::remove_file(path).unwrap();
}

/// A P-521 key, as a set of keys in a file, and what signs with it.
fn p521_issuer(name: &str) -> (std::path::PathBuf, impl Fn(&Value) -> String) {
    use p521::ecdsa::{Signature, SigningKey, VerifyingKey, signature::Signer as _};
    let mut secret = [7_u8; 66];
    secret[0] = 0;
    let signing = SigningKey::from_slice(&secret).unwrap();
    let point = VerifyingKey::from(&signing).to_encoded_point(false);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key =
        json!({"kty": "EC", "crv": "P-521", "x": part(point.x().unwrap()), "y": part(point.y().unwrap())});
    let path = std::env::temp_dir().join(format!("jwks-{}-{name}.json", std::process::id()));
    std::fs::write(&path, json!({"keys": [key]}).to_string()).unwrap();
    let sign = move |claims: &Value| {
        let header = json!({"alg": "ES512"}).to_string();
        let signed = format!("{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
        let signature: Signature = signing.sign(signed.as_bytes());
        format!("{signed}.{}", part(&signature.to_bytes()))
    };
    (path, sign)
}

#[tokio::test]
async fn what_jwt_authorizers_take_can_be_changed() {
    let rig = Rig::new();
    let (path, sign) = p521_issuer("patched");
    let issuer = format!("file://{}", path.display());
    let authorizer = json!({"name": "jwt", "type": "JWT", "jwtConfiguration": {
        "issuers": [{"issuer": "https://elsewhere.test", "audiences": ["app"]}], "defaultAlgorithms": ["RS256"],
    }});
    let (api, id) = guarded(&rig, json!({}), Some(authorizer), json!({"authorizationType": "JWT"})).await;
    let of = json!({"restApiId": api, "authorizerId": id});
    let patched = |op: &str, path: &str, value: &str| {
        let patch = json!({"op": op, "path": format!("/jwtConfiguration{path}"), "value": value});
        with(&of, json!({"patchOperations": [patch]}))
    };
    let send = async |token: &str| {
        rig.deploy(&api, "dev").await;
        rig.send(&api, "GET /dev/orders", &[("authorization", &format!("Bearer {token}"))], "").await.status
    };
    let claims = json!({"iss": issuer, "aud": "app", "exp": rig.clock.now().millis() / 1000 + 60});
    let token = sign(&claims);
    assert_eq!(send(&token).await, 401);
    rig.rest("UpdateAuthorizer", patched("add", "/defaultAlgorithms", "ES512")).await;
    let one = json!({"issuer": issuer, "audiences": ["app"]}).to_string();
    let shown = rig.rest("UpdateAuthorizer", patched("add", "/issuers", &one)).await;
    assert_eq!(shown["jwtConfiguration"]["defaultAlgorithms"], json!(["RS256", "ES512"]));
    assert_eq!(send(&token).await, 200);
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(send(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode([1; 132]))).await, 401);

    let audiences = format!("/issuers/{}/audiences", issuer.replace('/', "~1"));
    rig.rest("UpdateAuthorizer", patched("replace", &audiences, "[\"other\"]")).await;
    assert_eq!(send(&token).await, 401);
    rig.rest("UpdateAuthorizer", patched("add", "/issuers/1/audiences", "app")).await;
    assert_eq!(send(&token).await, 200);
    let claim = json!({"claimName": "team", "format": "SINGLE_STRING", "required": true}).to_string();
    rig.rest("UpdateAuthorizer", patched("add", "/issuers/1/additionalClaims", &claim)).await;
    assert_eq!(send(&token).await, 401);
    rig.rest("UpdateAuthorizer", patched("remove", "/issuers/1/additionalClaims", "team")).await;
    let left = rig.rest("UpdateAuthorizer", patched("remove", "/issuers", "https://elsewhere.test")).await;
    assert_eq!(left["jwtConfiguration"]["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(send(&token).await, 200);
    for (op, path, value) in [
        ("remove", "/issuers", issuer.as_str()),
        ("add", "/defaultAlgorithms", "HS256"),
        ("replace", "/issuers", "nothing"),
        ("replace", "/issuers/0/jwksUri", "https://a.test"),
        ("replace", "/issuers/9/audiences", "a"),
        ("replace", "/colour", "red"),
    ] {
        assert_eq!(
            rig.rest_refuses("UpdateAuthorizer", patched(op, path, value)).await.status,
            400,
            "{op} {path}"
        );
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn an_authorizer_is_tried_with_more_context() {
    let rig = Rig::new();
    let authorizer = json!({
        "name": "requests", "type": "REQUEST", "authorizerUri": lambda("authorizer"),
        "identitySource": "context.identity.sourceIp, context.tenant.name",
    });
    let (api, id) = guarded(&rig, json!({}), Some(authorizer), json!({"authorizationType": "CUSTOM"})).await;
    rig.answers("authorizer", says("Allow", "*"));
    let asked = json!({"restApiId": api, "authorizerId": id});
    assert_eq!(rig.rest("TestInvokeAuthorizer", asked.clone()).await["clientStatus"], 401);
    let context = json!({"identity.sourceIp": "198.51.100.4", "tenant.name": "blue"});
    let answer = rig.rest("TestInvokeAuthorizer", with(&asked, json!({"additionalContext": context}))).await;
    assert_eq!((&answer["clientStatus"], &answer["principalId"]), (&json!(0), &json!("ann")));
    let seen = &rig.last_event()["requestContext"];
    assert_eq!(
        (&seen["identity"]["sourceIp"], &seen["tenant"]["name"]),
        (&json!("198.51.100.4"), &json!("blue"))
    );
}

#[tokio::test]
async fn a_resource_policy_looks_at_addresses() {
    let rig = Rig::new();
    let everybody = json!({
        "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    });
    let allow = json!({"Statement": [everybody]}).to_string();
    let (api, _) = guarded(&rig, json!({"policy": allow}), None, json!({})).await;
    assert_eq!(rig.get(&api, "/dev/orders").await.status, 200);
    let shown = rig.rest("GetRestApi", json!({"restApiId": api})).await;
    assert!(text(&shown, "policy").contains("\\\"Statement\\\""), "{shown}");

    let elsewhere = allow.replace("203.0.113.0", "198.51.100.0");
    let (api, _) = guarded(&rig, json!({"policy": elsewhere}), None, json!({})).await;
    let refused = rig.get(&api, "/dev/orders").await;
    let who = "User: anonymous is not authorized to perform: execute-api:Invoke on resource:";
    let message = format!("{who} arn:aws:execute-api:us-east-1:********0000:{api}/dev/GET/orders");
    assert_eq!((refused.status, refused.json()), (403, json!({"Message": message})));

    let odd = r#"{"Statement": {"Effect": "Perhaps"}}"#;
    let error = rig.rest_refuses("CreateRestApi", json!({"name": "odd", "policy": odd})).await;
    assert_eq!((&*error.code, error.status), ("BadRequestException", 400));
}

#[tokio::test]
async fn signed_requests_are_let_in_by_iam() {
    let rig = Rig::new();
    let (api, _) = guarded(&rig, json!({}), None, json!({"authorizationType": "AWS_IAM"})).await;
    let missing = rig.get(&api, "/dev/orders").await;
    assert_eq!((missing.status, missing.text()), (403, r#"{"message":"Missing Authentication Token"}"#));
    let signature =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, Signature=0";
    assert_eq!(rig.send(&api, "GET /dev/orders", &[("authorization", signature)], "").await.status, 200);
    let identity = rig.last_event()["requestContext"]["identity"].clone();
    assert_eq!(
        (&identity["accessKey"], &identity["accountId"]),
        (&json!("AKIDEXAMPLE"), &json!("000000000000"))
    );
    // What is no signature is told what it lacks, where one is wanted and where there is nothing.
    for path in ["GET /dev/orders", "GET /dev/nowhere", "PUT /dev/orders"] {
        let token = rig.send(&api, path, &[("authorization", "Bearer sometoken")], "").await;
        assert_eq!(
            (token.status, token.header("x-amzn-errortype")),
            (403, Some("IncompleteSignatureException"))
        );
        assert!(token.text().starts_with("{\"message\":\"Invalid key=value pair (missing equal-sign) in"));
    }
    let rig = rig.verifying();
    let send = async |credential: &str| {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/{credential}, SignedHeaders=host, Signature=0"
        );
        let headers = [("authorization", signature.as_str()), ("x-amz-date", "20261122T000000Z")];
        let refused = rig.send(&api, "GET /dev/orders", &headers, "").await;
        assert_eq!(refused.header("x-amzn-errortype"), Some("InvalidSignatureException"));
        (refused.status, refused.json()["message"].as_str().unwrap().to_owned())
    };
    let right = send("us-east-1/execute-api/aws4_request").await;
    assert!(
        right.1.starts_with("Signature expired") || right.1.starts_with("Signature not yet"),
        "{right:?}"
    );
    let text = "Credential should be scoped to correct service: 'execute-api'. ";
    assert_eq!(send("us-east-1/lambda/aws4_request").await, (403, text.to_owned()));
    let text = "Credential should be scoped to a valid region. ";
    assert_eq!(send("eu-west-1/execute-api/aws4_request").await, (403, text.to_owned()));
}

const KEY: &str = "a-key-that-is-long-enough";

async fn plan(rig: &Rig, api: &str, limits: Value) -> String {
    let stages = json!({"name": "gold", "apiStages": [{"apiId": api, "stage": "dev"}]});
    let plan = text(&rig.rest("CreateUsagePlan", with(&stages, limits)).await, "id");
    let key = rig.rest("CreateApiKey", json!({"name": "ann", "value": KEY, "enabled": true})).await;
    let of = json!({"usagePlanId": plan, "keyId": key["id"], "keyType": "API_KEY"});
    rig.rest("CreateUsagePlanKey", of).await;
    plan
}

#[tokio::test]
async fn a_key_has_a_rate_and_a_quota() {
    let mut rig = Rig::new();
    let (api, _) = guarded(&rig, json!({}), None, json!({"apiKeyRequired": true})).await;
    let limits = json!({
        "throttle": {"rateLimit": 1.0, "burstLimit": 2}, "quota": {"limit": 4, "period": "DAY"},
    });
    let plan = plan(&rig, &api, limits).await;
    let none = rig.get(&api, "/dev/orders").await;
    assert_eq!((none.status, none.text()), (403, r#"{"message":"Forbidden"}"#));
    let headers = [("x-api-key", KEY)];
    for expected in [200, 200, 429] {
        assert_eq!(rig.send(&api, "GET /dev/orders", &headers, "").await.status, expected);
    }
    assert_eq!(rig.last_event()["requestContext"]["identity"]["apiKey"], KEY);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.send(&api, "GET /dev/orders", &headers, "").await.status, 200);

    let date = rig.clock.now().rfc3339()[..10].to_owned();
    let of = json!({"usagePlanId": plan, "startDate": date, "endDate": date});
    let usage = rig.rest("GetUsage", of.clone()).await;
    let id = text(&rig.rest("GetApiKeys", json!({})).await["items"][0], "id");
    assert_eq!(usage["items"][&id], json!([[3, 1]]));
    let more = json!([{"op": "replace", "path": "/remaining", "value": "2"}]);
    rig.rest("UpdateUsage", json!({"usagePlanId": plan, "keyId": id, "patchOperations": more})).await;
    rig = rig.restarted();
    for expected in [200, 200, 429] {
        rig.clock.advance(Duration::from_secs(1));
        let answer = rig.send(&api, "GET /dev/orders", &headers, "").await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    let over = rig.send(&api, "GET /dev/orders", &headers, "").await;
    assert_eq!(over.status, 429);
    rig.clock.advance(Duration::from_secs(86_400));
    assert_eq!(rig.send(&api, "GET /dev/orders", &headers, "").await.status, 200, "a new day");

    let off = json!([{"op": "replace", "path": "/enabled", "value": "false"}]);
    rig.rest("UpdateApiKey", json!({"apiKey": id, "patchOperations": off})).await;
    assert_eq!(rig.send(&api, "GET /dev/orders", &headers, "").await.status, 403);
}

#[tokio::test]
async fn an_authorizer_may_name_the_key() {
    let rig = Rig::new();
    let api = json!({"apiKeySource": "AUTHORIZER"});
    let method = json!({"authorizationType": "CUSTOM", "apiKeyRequired": true});
    let (api, _) = guarded(&rig, api, Some(token_authorizer()), method).await;
    plan(&rig, &api, json!({})).await;
    rig.answers("authorizer", says("Allow", "*"));
    assert_eq!(rig.send(&api, "GET /dev/orders", &[("auth", "Bearer 1")], "").await.status, 200);
    let nobody = with(&says("Allow", "*"), json!({"usageIdentifierKey": "another"}));
    rig.answers("authorizer", nobody);
    assert_eq!(rig.send(&api, "GET /dev/orders", &[("auth", "Bearer 2")], "").await.status, 403);
}

#[tokio::test]
async fn a_stage_limits_its_methods() {
    let rig = Rig::new();
    let (api, _) = guarded(&rig, json!({}), None, json!({})).await;
    let set = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let patches = [set("/*/*/throttling/burstLimit", "1"), set("/~1orders/GET/throttling/burstLimit", "2")];
    rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": patches})).await;
    for expected in [200, 200] {
        assert_eq!(rig.get(&api, "/dev/orders").await.status, expected);
    }
    let over = rig.get(&api, "/dev/orders").await;
    assert_eq!((over.status, over.text()), (429, r#"{"message":"Too Many Requests"}"#));
}

#[tokio::test]
async fn an_authorizer_can_be_tried() {
    let rig = Rig::new();
    let custom = json!({"authorizationType": "CUSTOM"});
    let (api, authorizer) = guarded(&rig, json!({}), Some(token_authorizer()), custom).await;
    rig.answers("authorizer", says("Allow", "*"));
    let of = json!({"restApiId": api, "authorizerId": authorizer});
    let tried = rig.rest("TestInvokeAuthorizer", with(&of, json!({"headers": {"Auth": "Bearer 1"}}))).await;
    assert_eq!((&tried["clientStatus"], &tried["principalId"]), (&json!(0), &json!("ann")));
    assert!(text(&tried, "policy").contains("execute-api:Invoke"));
    let refused = rig.rest("TestInvokeAuthorizer", of.clone()).await;
    assert_eq!(refused["clientStatus"], 401);
    let error = rig.rest_refuses("DeleteAuthorizer", of).await;
    assert_eq!(&*error.code, "ConflictException");
}
