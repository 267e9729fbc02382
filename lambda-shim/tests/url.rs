//! Function URLs, with the process executor.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::net::IpAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Request;
use lambda_shim::ExecutorChoice;
use runtime::Body;
use serde_json::{Value, json};
use support::{Lines, Rig, options};

const MIRROR: &str = "def handler(event, context):\n    return event.get('body') and __import__('json').loads(event['body']) or event\n";

/// An answer: status, headers, body.
struct Said(u16, http::HeaderMap, String);

impl Said {
    fn value(&self) -> Value {
        serde_json::from_str(&self.2).unwrap_or_else(|error| panic!("{error}: {}", self.2))
    }
}

async fn ask(rig: &Rig, id: &str, request: http::request::Builder, body: &str) -> Said {
    let request = request.body(Body::from(body.as_bytes().to_vec())).unwrap();
    let answer = rig.lambda.serve_url(id, request, IpAddr::from([127, 0, 0, 1])).await;
    let (parts, body) = answer.into_parts();
    let body = body.read(10 << 20).await.unwrap();
    Said(parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// A function with a URL that everybody may use, and the URL's id.
async fn mirror(rig: &Rig, extra: Value) -> String {
    rig.python("f", MIRROR).await;
    let mut members = json!({"FunctionName": "f", "AuthType": "NONE"});
    members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let made = rig.call("CreateFunctionUrlConfig", members).await.unwrap();
    let permission = json!({
        "FunctionName": "f", "StatementId": "all", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
        "FunctionUrlAuthType": "NONE",
    });
    rig.call("AddPermission", permission).await.unwrap();
    id(&made)
}

fn id(made: &Value) -> String {
    let url = made["FunctionUrl"].as_str().unwrap();
    assert!(url.contains(".lambda-url.us-east-1.localhost"), "{url}");
    url.strip_prefix("http://").unwrap().split('.').next().unwrap().to_owned()
}

#[tokio::test]
async fn requests_become_events_and_returned_values_answers() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let id = mirror(&rig, json!({})).await;
    let get = Request::get("/a%20b/c?x=1&x=2&y=").header("host", "u.localhost").header("cookie", "a=1; b=2");
    let said = ask(&rig, &id, get, "").await;
    assert_eq!(
        (said.0, &said.1["content-type"]),
        (200, &"application/json".parse::<http::HeaderValue>().unwrap())
    );
    let event = said.value();
    assert_eq!(
        json!([
            event["version"],
            event["routeKey"],
            event["rawPath"],
            event["rawQueryString"],
            event["cookies"]
        ]),
        json!(["2.0", "$default", "/a b/c", "x=1&x=2&y=", ["a=1", "b=2"]])
    );
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": ""}));
    assert_eq!(event["requestContext"]["accountId"], "anonymous");
    assert_eq!(event["requestContext"]["apiId"], id.as_str());
    for (returned, status, body) in [
        (json!("text"), 200, "text"),
        (json!(3), 200, "3"),
        (
            json!({"statusCode": 201, "body": "made", "headers": {"X-A": "b"}, "cookies": ["c=d"]}),
            201,
            "made",
        ),
        (json!({"statusCode": "nothing"}), 502, "Internal Server Error"),
    ] {
        let post = || Request::post("/").header("content-type", "application/json");
        let said = ask(&rig, &id, post(), &returned.to_string()).await;
        assert_eq!((said.0, said.2.as_str()), (status, body), "{returned}");
        if status == 201 {
            assert_eq!(
                (&said.1["x-a"], &said.1["set-cookie"]),
                (&"b".parse().unwrap(), &"c=d".parse().unwrap())
            );
        }
    }
    rig.python("fails", "def handler(event, context):\n    raise Exception('no')\n").await;
    let post = Request::post("/").header("content-type", "application/json");
    let said = ask(&rig, &id, post, "not json").await;
    assert_eq!((said.0, said.2.as_str()), (502, "Internal Server Error"));
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn only_those_who_may_are_answered() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let forbidden = |said: &Said| said.0 == 403 && said.1["x-amzn-errortype"] == "AccessDeniedException";
    assert!(forbidden(&ask(&rig, "nothing", Request::get("/"), "").await));
    rig.python("f", MIRROR).await;
    let made =
        rig.call("CreateFunctionUrlConfig", json!({"FunctionName": "f", "AuthType": "NONE"})).await.unwrap();
    let id = id(&made);
    assert!(forbidden(&ask(&rig, &id, Request::get("/"), "").await), "no policy lets everybody in");
    rig.call("UpdateFunctionUrlConfig", json!({"FunctionName": "f", "AuthType": "AWS_IAM"})).await.unwrap();
    assert!(forbidden(&ask(&rig, &id, Request::get("/"), "").await), "unsigned");
    let signed = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
    let said = ask(&rig, &id, Request::get("/").header("authorization", signed), "").await;
    assert_eq!(said.value()["requestContext"]["authorizer"]["iam"]["accessKey"], "AKID");
    rig.call("DeleteFunctionUrlConfig", json!({"FunctionName": "f"})).await.unwrap();
    assert!(forbidden(&ask(&rig, &id, Request::get("/"), "").await), "deleted");
    let gone = rig.call("GetFunctionUrlConfig", json!({"FunctionName": "f"})).await.unwrap_err();
    assert_eq!((&*gone.code, gone.status), ("ResourceNotFoundException", 404));
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn policies_that_are_put_whole_say_who_may_with_lists_and_denials_too() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    rig.python("f", MIRROR).await;
    let made = rig.call("CreateFunctionUrlConfig", json!({"FunctionName": "f", "AuthType": "NONE"})).await;
    let id = id(&made.unwrap());
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let allow = json!({
        "Sid": "a", "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Resource": arn,
        "Action": ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"],
    });
    let deny =
        json!({"Sid": "d", "Effect": "Deny", "Principal": "*", "Action": "lambda:Invoke*", "Resource": arn});
    for (statements, status) in [(json!([allow]), 200), (json!([allow, deny]), 403)] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        rig.call("PutResourcePolicy", json!({"ResourceArn": arn, "Policy": policy})).await.unwrap();
        assert_eq!(ask(&rig, &id, Request::get("/"), "").await.0, status, "{policy}");
    }
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn cors_is_the_configurations() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let cors =
        json!({"Cors": {"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "MaxAge": 60}});
    let id = mirror(&rig, cors).await;
    let ask_first = |origin| {
        Request::options("/").header("origin", origin).header("access-control-request-method", "POST")
    };
    let granted = ask(&rig, &id, ask_first("https://a.example"), "").await;
    assert_eq!(granted.1["access-control-allow-origin"], "https://a.example");
    assert_eq!(granted.1["access-control-max-age"], "60");
    let refused = ask(&rig, &id, ask_first("https://b.example"), "").await;
    assert!(!refused.1.contains_key("access-control-allow-origin"));
    let said = ask(&rig, &id, Request::get("/").header("origin", "https://a.example"), "").await;
    assert_eq!(said.1["access-control-allow-origin"], "https://a.example");
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn urls_outlive_a_restart_and_end_with_their_alias() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let own = mirror(&rig, json!({})).await;
    rig.settled("f").await;
    rig.call("PublishVersion", json!({"FunctionName": "f"})).await.unwrap();
    rig.call("CreateAlias", json!({"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}))
        .await
        .unwrap();
    let alias = json!({"FunctionName": "f", "Qualifier": "live", "AuthType": "NONE"});
    let made = rig.call("CreateFunctionUrlConfig", alias.clone()).await.unwrap();
    let aliased = id(&made);
    let twice = rig.call("CreateFunctionUrlConfig", alias).await.unwrap_err();
    assert_eq!(twice.code, "ResourceConflictException");
    let version = json!({"FunctionName": "f", "Qualifier": "1", "AuthType": "NONE"});
    assert!(rig.call("CreateFunctionUrlConfig", version).await.is_err(), "versions have no URLs");
    let lines = Lines::default();
    let again =
        Rig::start(options(ExecutorChoice::Process, rig.store.clone(), &lines), lines, rig.store.clone())
            .await;
    assert!(again.lambda.has_url(&own) && again.lambda.has_url(&aliased));
    let listed = again.call("ListFunctionUrlConfigs", json!({"FunctionName": "f"})).await.unwrap();
    assert_eq!(listed["FunctionUrlConfigs"].as_array().unwrap().len(), 2);
    again.call("DeleteAlias", json!({"FunctionName": "f", "Name": "live"})).await.unwrap();
    assert!(again.lambda.has_url(&own) && !again.lambda.has_url(&aliased));
    again.call("DeleteFunction", json!({"FunctionName": "f"})).await.unwrap();
    assert!(!again.lambda.has_url(&own));
    again.lambda.shutdown().await;
    rig.lambda.shutdown().await;
}

#[tokio::test]
async fn urls_stream_with_status_and_headers() {
    let rig = Rig::new(ExecutorChoice::Process).await;
    let id = mirror(&rig, json!({"InvokeMode": "RESPONSE_STREAM"})).await;
    let said = ask(&rig, &id, Request::get("/"), "").await;
    assert_eq!((said.0, &said.1["content-type"]), (200, &"application/octet-stream".parse().unwrap()));
    rig.settled("f").await;
    let code = json!({"FunctionName": "f", "ZipFile": BASE64_STANDARD.encode(support::zip(&[("index.js", support::contract::STREAMS)]))});
    rig.call("UpdateFunctionConfiguration", json!({"FunctionName": "f", "Runtime": "nodejs20.x"}))
        .await
        .unwrap();
    rig.settled("f").await;
    rig.call("UpdateFunctionCode", code).await.unwrap();
    rig.settled("f").await;
    let post = || Request::post("/").header("content-type", "application/json");
    let head = json!({"statusCode": 418, "headers": {"X-Kind": "pot"}, "cookies": ["a=b"]});
    let wanted = json!({"pieces": ["short", " and stout"], "head": head});
    let said = ask(&rig, &id, post(), &wanted.to_string()).await;
    assert_eq!((said.0, said.2.as_str()), (418, "short and stout"));
    assert_eq!(
        (&said.1["x-kind"], &said.1["set-cookie"]),
        (&"pot".parse().unwrap(), &"a=b".parse().unwrap())
    );
    let said = ask(&rig, &id, post(), &json!({"pieces": [], "fail": true}).to_string()).await;
    assert_eq!(said.0, 502);
    rig.lambda.shutdown().await;
}
