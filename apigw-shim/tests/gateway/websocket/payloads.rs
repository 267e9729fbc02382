//! What messages and answers become on their way: templates, and content handling.

use super::*;

#[tokio::test]
async fn templates_map_messages_to_services_and_answers_to_clients() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let queue = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "AWS", "IntegrationMethod": "POST",
            "IntegrationUri": "arn:aws:apigateway:us-east-1:states:action/StartExecution",
            "TemplateSelectionExpression": "\\$default",
            "RequestTemplates": {"$default": "{\"stateMachineArn\": \"$context.connectionId\", \"input\": \"$util.escapeJavaScript($input.json('$.order'))\"}"},
        }),
    )
    .await;
    let of = json!({"ApiId": api, "IntegrationId": queue});
    rig.http(
        "CreateIntegrationResponse",
        with(
            &of,
            json!({
                "IntegrationResponseKey": "/2\\d\\d/",
                "ResponseTemplates": {"$default": "started $input.path('$.executionArn')"},
            }),
        ),
    )
    .await;
    answering(&rig, &api, "start", &queue).await;
    rig.services_answer(|_, _, _| Ok(json!({"executionArn": "arn:x", "startDate": 1.0})));
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "start", "order": {"n": 1}}"#)).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("started arn:x"));
    let (service, operation, input) = rig.script.calls.lock().unwrap().last().unwrap().clone();
    assert_eq!((service.as_str(), operation.as_str()), ("stepfunctions", "StartExecution"));
    assert_eq!(input["input"], r#"{"n":1}"#);
}

#[tokio::test]
async fn parameters_of_messages_stay_single_values() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let object = integration(
        &rig,
        &api,
        json!({
            "IntegrationType": "AWS", "IntegrationMethod": "GET",
            "IntegrationUri": "arn:aws:apigateway:us-east-1:s3:action/GetObject&Bucket=bucket1&Key={key}",
            "RequestParameters": {
                "integration.request.path.key": "route.request.body.key",
                "integration.request.querystring.VersionId": "route.request.body.version",
            },
            "TemplateSelectionExpression": "\\$default", "RequestTemplates": {"$default": "{}"},
        }),
    )
    .await;
    let response = json!({"ApiId": api, "IntegrationId": object, "IntegrationResponseKey": "$default"});
    rig.http("CreateIntegrationResponse", response).await;
    answering(&rig, &api, "get", &object).await;
    rig.services_answer(|_, _, _| Ok(Value::from("an object")));
    let mut client = connect(&rig, &api).await;
    let message = json!({"action": "get", "key": "a b&Bucket=other", "version": "1+2=3"});
    client.send(Message::text(message.to_string())).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("an object"));
    let asked = rig.script.calls.lock().unwrap().last().unwrap().clone();
    let members = json!({"Bucket": "bucket1", "Key": "a b&Bucket=other", "VersionId": "1+2=3"});
    assert_eq!(asked, (String::from("s3"), String::from("GetObject"), members));
}

#[tokio::test]
async fn payloads_become_binary_and_text() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let rig = Rig::new();
    let api = api(&rig).await;
    let converting = json!({
        "IntegrationType": "AWS", "IntegrationUri": crate::rig::lambda("chat"), "IntegrationMethod": "POST",
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
    });
    let function = integration(&rig, &api, converting).await;
    answering(&rig, &api, "$default", &function).await;
    let response = json!({
        "ApiId": api, "IntegrationId": function, "IntegrationResponseKey": "$default",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
    });
    let made = rig.http("CreateIntegrationResponse", response).await;
    assert_eq!(made["ContentHandlingStrategy"], "CONVERT_TO_TEXT");
    rig.function_returns(json!({"seen": true}));
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(STANDARD.encode(r#"{"picture": 1}"#))).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), STANDARD.encode(r#"{"seen":true}"#));
    assert_eq!(rig.last_event(), json!({"picture": 1}));
    client.send(Message::text("no base64!")).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Internal server error");
}

#[tokio::test]
async fn what_templates_write_becomes_binary_and_what_they_read_is_text() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let rig = Rig::new();
    let api = api(&rig).await;
    let converting = json!({
        "IntegrationType": "AWS", "IntegrationUri": crate::rig::lambda("chat"), "IntegrationMethod": "POST",
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
        "RequestTemplates": {"$default": "$input.path('$.data')"},
    });
    let function = integration(&rig, &api, converting).await;
    answering(&rig, &api, "$default", &function).await;
    let response = json!({
        "ApiId": api, "IntegrationId": function, "IntegrationResponseKey": "$default",
        "ContentHandlingStrategy": "CONVERT_TO_TEXT", "ResponseTemplates": {"$default": r#"{"data": "$input.body"}"#},
    });
    let made = rig.http("CreateIntegrationResponse", response).await;
    rig.function_returns(json!({"seen": true}));
    let mut client = connect(&rig, &api).await;
    let message = json!({"data": STANDARD.encode(r#"{"picture": 1}"#)}).to_string();
    client.send(Message::text(message.clone())).await.unwrap();
    assert_eq!(next_json(&mut client).await, json!({"data": STANDARD.encode(r#"{"seen":true}"#)}));
    assert_eq!(rig.last_event(), json!({"picture": 1}));

    let of = json!({"ApiId": api, "IntegrationId": function});
    let id = json!({"IntegrationResponseId": made["IntegrationResponseId"]});
    let to_binary = json!({
        "ContentHandlingStrategy": "CONVERT_TO_BINARY", "ResponseTemplates": {"$default": "$input.path('$.data')"},
    });
    rig.http("UpdateIntegrationResponse", with(&with(&of, id), to_binary)).await;
    rig.function_returns(json!({"data": STANDARD.encode("plain words")}));
    client.send(Message::text(message)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "plain words");
}
