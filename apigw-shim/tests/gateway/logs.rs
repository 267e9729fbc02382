//! What logs and tries tell, in AWS's words.

use serde_json::{Value, json};

use crate::rig::{Rig, lambda, proxy, text, with};

/// An API with `POST /{proxy+}` to a function, behind an authorizer.
async fn guarded(rig: &Rig, authorizer: Value) -> (String, String, String) {
    let (api, root) = rig.rest_api().await;
    let resource = rig.resource(&api, &root, "{proxy+}").await;
    let made = rig.rest("CreateAuthorizer", with(&json!({"restApiId": api}), authorizer)).await;
    let of = json!({"restApiId": api, "resourceId": resource, "httpMethod": "POST"});
    let custom = json!({"authorizationType": "CUSTOM", "authorizerId": made["id"]});
    rig.rest("PutMethod", with(&of, custom)).await;
    rig.rest("PutIntegration", with(&of, proxy())).await;
    rig.deploy(&api, "dev").await;
    (api, resource, text(&made, "id"))
}

fn by_header() -> Value {
    json!({
        "name": "requests", "type": "REQUEST", "authorizerUri": lambda("authorizer"),
        "identitySource": "method.request.header.Hash",
    })
}

fn allow() -> Value {
    json!({"principalId": "ann-of-ely", "policyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}})
}

/// The lines of a try's log, without their moments.
fn lines(tried: &Value) -> Vec<String> {
    let line = |line: &str| line.split_once(" : ").map_or(line.to_owned(), |(_, rest)| rest.to_owned());
    text(tried, "log").lines().map(line).collect()
}

const FUNCTION: &str = "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:authorizer/invocations";

#[tokio::test]
async fn the_log_of_an_authorizer_that_is_tried_is_as_aws_has_it() {
    let rig = Rig::new();
    let (api, _, id) = guarded(&rig, by_header()).await;
    rig.answers("authorizer", allow());
    let of = json!({"restApiId": api, "authorizerId": id});
    let tried =
        rig.rest("TestInvokeAuthorizer", with(&of, json!({"headers": {"Hash": "aaaaaaaaaaaaaa"}}))).await;
    let lines_of = lines(&tried);
    let request = lines_of[0].strip_prefix("Execution log for request ").unwrap();
    assert_eq!(lines_of[1], format!("Starting authorizer: {id} for request: {request}"));
    assert_eq!(lines_of[2], "Incoming identity: {method.request.header.Hash=********aaaaaa}");
    assert_eq!(lines_of[3], format!("Endpoint request URI: {FUNCTION}"));
    let headers = &lines_of[4];
    assert!(headers.starts_with("Endpoint request headers: {x-amzn-lambda-integration-tag="), "{headers}");
    let source =
        format!("X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:000000000000:{api}/authorizers/{id}");
    assert!(headers.contains(&source), "{headers}");
    let event = lines_of[5].strip_prefix("Endpoint request body after transformations: ").unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{api}/ESTestInvoke-stage/GET/");
    assert_eq!(event["methodArn"], arn);
    assert_eq!(event["headers"], json!({"Hash": "aaaaaaaaaaaaaa"}));
    let context = &event["requestContext"];
    assert_eq!(
        (&context["resourceId"], &context["path"], &context["stage"], &context["identity"]["apiKey"]),
        (
            &json!("test-invoke-resource-id"),
            &json!("/"),
            &json!("test-invoke-stage"),
            &json!("test-invoke-api-key")
        )
    );
    assert_eq!(lines_of[6], format!("Sending request to {FUNCTION}"));
    assert!(
        lines_of[7].starts_with("Authorizer result body before parsing: {\"principalId\":\"ann-of-ely\"")
    );
    assert_eq!(lines_of[8], "Using valid authorizer policy for principal: ****of-ely");
    assert_eq!(lines_of[9], "Successfully completed authorizer execution");
    assert_eq!(lines_of.len(), 10, "{lines_of:?}");

    let refused = rig.rest("TestInvokeAuthorizer", of.clone()).await;
    assert_eq!(refused["clientStatus"], 401);
    let ends = &lines(&refused)[2..];
    assert!(ends[0].starts_with("Unauthorized request: ") && ends[1] == "Unauthorized", "{ends:?}");

    rig.answers_nothing();
    rig.function_fails(json!({"errorMessage": "no", "errorType": "Error"}));
    let failed =
        rig.rest("TestInvokeAuthorizer", with(&of, json!({"headers": {"Hash": "aaaaaaaaaaaaaa"}}))).await;
    assert_eq!(failed["clientStatus"], 500);
    let ends = lines(&failed);
    let text = "Execution failed due to configuration error: Invalid JSON in response: Unrecognized field \"errorMessage\" , not marked as ignorable";
    assert_eq!(ends[ends.len() - 2..], [text, "AuthorizerConfigurationException"]);
}

#[tokio::test]
async fn a_stage_logs_its_authorizer_and_its_integration() {
    let rig = Rig::new();
    let (api, _, id) = guarded(&rig, by_header()).await;
    let set = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let patches = [set("/*/*/logging/loglevel", "INFO"), set("/*/*/logging/dataTrace", "true")];
    rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": patches})).await;
    rig.answers("authorizer", allow());
    let answer = rig.send(&api, "POST /dev/a", &[("hash", "aaaaaaaaaaaaaa")], "").await;
    assert_eq!(answer.status, 200);
    let logged = || -> Vec<String> {
        let lines = std::mem::take(&mut *rig.script.lines.lock().unwrap());
        lines.into_iter().filter_map(|(_, line)| Some(line.split_once(") ")?.1.to_owned())).collect()
    };
    let lines = logged();
    let order = [
        "Extended Request Id: ",
        &format!("Starting authorizer: {id} for request: "),
        "Incoming identity: {method.request.header.Hash=********aaaaaa}",
        "Successfully completed authorizer execution",
        "Starting execution for request: ",
        "Endpoint request URI: https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:orders/invocations",
        "Sending request to https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/",
        "Successfully completed execution",
        "Method completed with status: 200",
    ];
    let mut from = 0;
    for wanted in order {
        let at = lines[from..].iter().position(|line| line.starts_with(wanted));
        from += at.unwrap_or_else(|| panic!("no {wanted} after {from} in {lines:#?}"));
    }
    let source =
        format!("X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:000000000000:{api}/dev/POST/{{proxy+}}");
    assert!(
        lines.iter().any(|line| line.starts_with("Endpoint request headers: ") && line.contains(&source))
    );
    assert_eq!(rig.send(&api, "POST /dev/a", &[], "").await.status, 401);
    let lines = logged();
    assert!(lines.iter().any(|line| line.starts_with("Unauthorized request: ")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("Starting execution")), "{lines:?}");
}

#[tokio::test]
async fn a_method_that_is_tried_shows_functions_what_aws_shows_them() {
    let rig = Rig::new();
    let (api, resource, _) = guarded(&rig, by_header()).await;
    let of = json!({"restApiId": api, "resourceId": resource, "httpMethod": "POST"});
    let path = json!({"pathWithQueryString": "/message?a=1"});
    assert_eq!(rig.rest("TestInvokeMethod", with(&of, path.clone())).await["status"], 200);
    let event = rig.last_event();
    assert_eq!((&event["headers"], &event["multiValueHeaders"]), (&Value::Null, &Value::Null));
    assert_eq!(event["path"], "/message");
    let context = &event["requestContext"];
    assert_eq!(
        (&context["path"], &context["domainName"], &context["domainPrefix"], &context["stage"]),
        (
            &json!("/{proxy+}"),
            &json!("testPrefix.testDomainName"),
            &json!("testPrefix"),
            &json!("test-invoke-stage")
        )
    );
    assert_eq!(context.get("deploymentId"), None);
    let identity = &context["identity"];
    for (name, value) in [
        ("sourceIp", "test-invoke-source-ip"),
        ("apiKey", "test-invoke-api-key"),
        ("apiKeyId", "test-invoke-api-key-id"),
        ("userArn", "arn:aws:iam::000000000000:root"),
        ("caller", "000000000000"),
        ("user", "000000000000"),
        ("accountId", "000000000000"),
    ] {
        assert_eq!(identity[name], value, "{name}");
    }
    let headers = json!({"headers": {"x-Odd-name": "1", "authorization": "Bearer null"}});
    let tried = rig.rest("TestInvokeMethod", with(&of, with(&path, headers))).await;
    assert_eq!(rig.last_event()["headers"], json!({"x-Odd-name": "1", "authorization": "Bearer null"}));
    let log = text(&tried, "log");
    assert!(log.contains("x-Odd-name=1"), "{log}");
    assert!(log.contains(&format!("{api}/test-invoke-stage/POST/{{proxy+}}")), "{log}");
}

#[tokio::test]
async fn the_addresses_of_services_are_logged() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(json!({"MessageId": "m"})));
    let (api, root) = rig.rest_api().await;
    let integration = json!({
        "type": "AWS", "integrationHttpMethod": "POST", "credentials": "arn:aws:iam::000000000000:role/r",
        "uri": "arn:aws:apigateway:us-west-2:sns:action/Publish",
        "requestParameters": {"integration.request.querystring.Message": "'hi'"},
    });
    rig.method(&api, &root, "POST", integration).await;
    rig.response(&api, &root, "POST", "200", json!({})).await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "POST"});
    let lines = lines(&rig.rest("TestInvokeMethod", of).await);
    let uri = "https://sns.us-west-2.amazonaws.com/?Action=Publish&Message=hi";
    assert!(lines.contains(&format!("Endpoint request URI: {uri}")), "{lines:#?}");
    assert!(lines.contains(&format!("Sending request to {uri}")), "{lines:#?}");
}

#[tokio::test]
async fn access_logs_name_the_functions_request_and_the_trace() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    let set = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let format = "$context.integration.requestId $context.awsEndpointRequestId $context.xrayTraceId $context.requestId";
    let update = async |patches: Value| {
        rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": patches}))
            .await
    };
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:access";
    update(json!([
        set("/accessLogSettings/destinationArn", group),
        set("/accessLogSettings/format", format)
    ]))
    .await;
    let trace = ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793");
    let get = async |header: (&str, &str)| {
        assert_eq!(rig.send(&api, "GET /dev", &[header], "").await.status, 200);
        let line = rig.script.lines.lock().unwrap().last().unwrap().1.clone();
        let line = line.rsplit_once(' ').unwrap().0.to_owned();
        let (request, traced) = rig.script.invocations.lock().unwrap().last().unwrap().clone();
        (line, request, traced)
    };
    let (line, request, traced) = get(trace).await;
    assert_eq!((line, traced.as_str()), (format!("{request} {request} -"), trace.1));
    update(json!([set("/tracingEnabled", "true")])).await;
    let (line, request, traced) = get(trace).await;
    assert_eq!(line, format!("{request} {request} 1-5759e988-bd862e3fe1be46a994272793"));
    let parent =
        traced.strip_prefix(&format!("{};Parent=", trace.1)).and_then(|it| it.strip_suffix(";Sampled=1"));
    assert!(
        parent.is_some_and(|it| it.len() == 16 && it.bytes().all(|it| it.is_ascii_hexdigit())),
        "{traced}"
    );
    // The client has decided.
    let unsampled = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0";
    assert_eq!(get((trace.0, unsampled)).await.2, unsampled);

    let made = rig.http("CreateApi", json!({"Name": "h", "ProtocolType": "HTTP", "Target": "arn:aws:lambda:us-east-1:000000000000:function:orders"})).await;
    let settings = json!({"DestinationArn": group, "Format": "$context.integration.requestId $context.awsEndpointRequestId $context.requestId"});
    let of = json!({"ApiId": made["ApiId"], "StageName": "$default", "AccessLogSettings": settings});
    rig.http("UpdateStage", of).await;
    assert_eq!(rig.get(&text(&made, "ApiId"), "/").await.status, 200);
    let line = rig.script.lines.lock().unwrap().last().unwrap().1.clone();
    let line = line.rsplit_once(' ').unwrap().0.to_owned();
    let request = rig.script.invocations.lock().unwrap().last().unwrap().0.clone();
    assert_eq!(line, format!("{request} {request}"));
}
