//! Integrations with services of AWS, in the forms that AWS's documentation has for them.

use aws_wire::ServiceError;
use serde_json::{Value, json};

use crate::rig::{Answered, Rig, with};

const QUEUE: &str = "http://127.0.0.1:4566/000000000000/orders";

/// An API with one method, `POST /dev`, whose integration is a service's. A name of a request's query string that
/// parameters are mapped from is `message` or `key`.
async fn api(rig: &Rig, uri: &str, integration: Value) -> String {
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "POST"});
    let parameters = json!({
        "method.request.querystring.message": false,
        "method.request.querystring.key": false,
    });
    rig.rest("PutMethod", with(&of, json!({"authorizationType": "NONE", "requestParameters": parameters})))
        .await;
    let plain = json!({
        "type": "AWS", "integrationHttpMethod": "POST",
        "uri": format!("arn:aws:apigateway:us-east-1:{uri}"),
        "credentials": "arn:aws:iam::000000000000:role/r",
    });
    rig.rest("PutIntegration", with(&of, with(&plain, integration))).await;
    rig.response(&api, &root, "POST", "200", json!({})).await;
    rig.response(&api, &root, "POST", "400", json!({"selectionPattern": "4\\d{2}"})).await;
    rig.deploy(&api, "dev").await;
    api
}

/// What the integration was asked: the service, the operation and its members.
fn asked(rig: &Rig) -> (String, String, Value) {
    rig.script.calls.lock().unwrap().last().cloned().unwrap()
}

async fn post(rig: &Rig, api: &str, query: &str, body: &str) -> Answered {
    let headers = [("content-type", "application/json")];
    rig.send(api, &format!("POST /dev?{query}"), &headers, body).await
}

fn called(service: &str, operation: &str, members: Value) -> (String, String, Value) {
    (service.to_owned(), operation.to_owned(), members)
}

#[tokio::test]
async fn actions_take_their_members_from_the_query_string() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(json!({"MessageId": "m1"})));
    let parameters = json!({"requestParameters": {
        "integration.request.querystring.TopicArn": "'arn:aws:sns:us-east-1:000000000000:t'",
        "integration.request.querystring.Message": "method.request.querystring.message",
    }});
    let topic = api(&rig, "sns:action/Publish", parameters).await;
    let answer = post(&rig, &topic, "message=hi%20%26%20there", r#"{"x":1}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let result = &answer.json()["PublishResponse"]["PublishResult"];
    assert_eq!(result, &json!({"MessageId": "m1", "SequenceNumber": null}));
    assert!(answer.json()["PublishResponse"]["ResponseMetadata"]["RequestId"].is_string());
    let members = json!({"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": "hi & there"});
    assert_eq!(asked(&rig), called("sns", "Publish", members));

    let parameters = json!({"requestParameters": {
        "integration.request.querystring.QueueUrl": format!("'{QUEUE}'"),
        "integration.request.querystring.MessageBody": "method.request.querystring.message",
    }});
    let queue = api(&rig, "sqs:action/SendMessage", parameters).await;
    let answer = post(&rig, &queue, "message=hi", r#"{"x":1}"#).await;
    assert_eq!(answer.json()["SendMessageResponse"]["SendMessageResult"]["MessageId"], "m1");
    assert_eq!(asked(&rig), called("sqs", "SendMessage", json!({"QueueUrl": QUEUE, "MessageBody": "hi"})));
}

#[tokio::test]
async fn queues_are_asked_at_their_own_addresses() {
    let rig = Rig::new();
    rig.services_answer(|_, operation, _| {
        Ok(if operation == "ReceiveMessage" { json!({}) } else { json!({"MessageId": "m1"}) })
    });
    let parameters = json!({"requestParameters": {
        "integration.request.querystring.Action": "'SendMessage'",
        "integration.request.querystring.MessageBody": "method.request.querystring.message",
    }});
    let send = api(&rig, "sqs:path/000000000000/orders", parameters).await;
    let answer = post(&rig, &send, "message=hi", "{}").await;
    assert_eq!(answer.json()["SendMessageResponse"]["SendMessageResult"]["MessageId"], "m1");
    assert_eq!(asked(&rig), called("sqs", "SendMessage", json!({"QueueUrl": QUEUE, "MessageBody": "hi"})));

    let parameters = json!({"integrationHttpMethod": "GET", "requestParameters": {
        "integration.request.querystring.Action": "'ReceiveMessage'",
        "integration.request.querystring.AttributeName": "'All'",
    }});
    let receive = api(&rig, "sqs:path/000000000000/orders", parameters).await;
    let answer = post(&rig, &receive, "", "").await;
    let result = json!({"messages": null});
    assert_eq!(answer.json()["ReceiveMessageResponse"]["ReceiveMessageResult"], result);
    let members = json!({"AttributeNames": ["All"], "QueueUrl": QUEUE});
    assert_eq!(asked(&rig), called("sqs", "ReceiveMessage", members));

    // The target in a header means the other protocol.
    let parameters = json!({"requestParameters": {
        "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
        "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
    }});
    let in_json = api(&rig, "sqs:path/000000000000/orders", parameters).await;
    let body = json!({"QueueUrl": QUEUE, "MessageBody": "b"});
    assert_eq!(post(&rig, &in_json, "", &body.to_string()).await.json(), json!({"MessageId": "m1"}));
    assert_eq!(asked(&rig), called("sqs", "SendMessage", body));

    // Without an action a queue does not know what is wanted.
    let calls = rig.script.calls.lock().unwrap().len();
    let nothing = api(&rig, "sqs:path/000000000000/orders", json!({})).await;
    assert_eq!(post(&rig, &nothing, "", "{}").await.status, 400);
    assert_eq!(rig.script.calls.lock().unwrap().len(), calls);
}

#[tokio::test]
async fn refusals_of_the_query_protocol_are_told_in_json() {
    let rig = Rig::new();
    rig.services_answer(|service, _, _| {
        Err(match service {
            "sqs" => ServiceError::bad_request("QueueDoesNotExist", "The specified queue does not exist."),
            _ => ServiceError::bad_request("InvalidParameter", "Invalid parameter: TopicArn"),
        })
    });
    let parameters = json!({"requestParameters": {"integration.request.querystring.TopicArn": "'x'"}});
    let topic = api(&rig, "sns:action/Publish", parameters).await;
    let answer = post(&rig, &topic, "", "{}").await;
    let expected =
        json!({"Code": "InvalidParameter", "Message": "Invalid parameter: TopicArn", "Type": "Sender"});
    assert_eq!((answer.status, &answer.json()["Error"]), (400, &expected));
    let parameters = json!({"requestParameters": {"integration.request.querystring.Action": "'PurgeQueue'"}});
    let queue = api(&rig, "sqs:path/000000000000/orders", parameters).await;
    let answer = post(&rig, &queue, "", "{}").await;
    assert_eq!(answer.json()["Error"]["Code"], "AWS.SimpleQueueService.NonExistentQueue");
    // XML is for who asks for it.
    let parameters = json!({"requestParameters": {
        "integration.request.querystring.TopicArn": "'x'",
        "integration.request.header.Accept": "'text/xml'",
    }});
    let topic = api(&rig, "sns:action/Publish", parameters).await;
    assert!(post(&rig, &topic, "", "{}").await.text().starts_with("<ErrorResponse"));
    let unknown = api(&rig, "sns:action/Nothing", json!({})).await;
    assert_eq!(post(&rig, &unknown, "", "{}").await.json()["Error"]["Code"], "InvalidAction");
}

#[tokio::test]
async fn forms_publish_messages_and_other_bodies_do_not() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(json!({"MessageId": "m1"})));
    let template = json!({"requestTemplates": {"application/json":
        "Action=Publish&TopicArn=t&Message=$util.urlEncode($input.body)&MessageAttributes.entry.1.Name=k&\
         MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v"}});
    let form = json!({"requestParameters": {
        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}});
    let members = json!({
        "TopicArn": "t", "Message": "{\"a\":1}",
        "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}},
    });
    for path in ["sns:path//", "sns:path/000000000000/t", "sns:action/Publish"] {
        let api = api(&rig, path, with(&template, form.clone())).await;
        assert_eq!(post(&rig, &api, "", r#"{"a":1}"#).await.status, 200, "{path}");
        assert_eq!(asked(&rig), called("sns", "Publish", members.clone()), "{path}");
    }
    let plain = api(&rig, "sns:action/Publish", template).await;
    post(&rig, &plain, "", r#"{"a":1}"#).await;
    assert_eq!(asked(&rig), called("sns", "Publish", json!({})), "it is no form");
}

#[tokio::test]
async fn objects_are_named_by_path_action_and_subdomain() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(Value::from("an object")));
    let key = json!({
        "integrationHttpMethod": "GET",
        "requestParameters": {"integration.request.path.key": "method.request.querystring.key"},
    });
    let get = json!({"Bucket": "bucket1", "Key": "a b"});
    for uri in [
        "s3:path/bucket1/{key}",
        "bucket1.s3:path/{key}",
        "s3:action/GetObject&Bucket=bucket1&Key={key}",
        "bucket1.s3:action/GetObject&Key={key}",
    ] {
        let api = api(&rig, uri, key.clone()).await;
        let answer = post(&rig, &api, "key=a%20b", "").await;
        assert_eq!((answer.status, answer.text()), (200, "an object"), "{uri}");
        assert_eq!(asked(&rig), called("s3", "GetObject", get.clone()), "{uri}");
    }
    let parameters = json!({"integrationHttpMethod": "PUT", "requestParameters": {
        "integration.request.querystring.Bucket": "'bucket1'",
        "integration.request.querystring.Key": "method.request.querystring.key",
        "integration.request.header.Content-Type": "'text/plain'",
    }});
    let put = api(&rig, "s3:action/PutObject", parameters).await;
    assert_eq!(post(&rig, &put, "key=k", "{}").await.status, 200);
    let (_, operation, members) = asked(&rig);
    assert_eq!((operation.as_str(), &members["ContentType"]), ("PutObject", &json!("text/plain")));
    let unknown = api(&rig, "bucket1.s4:path/{key}", key).await;
    assert_eq!(post(&rig, &unknown, "key=k", "").await.status, 500);
}

#[tokio::test]
async fn clients_add_no_parameters_of_their_own() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(Value::from("an object")));
    let key = json!({
        "integrationHttpMethod": "GET",
        "requestParameters": {"integration.request.path.key": "method.request.querystring.key"},
    });
    let get = json!({"Bucket": "bucket1", "Key": "1+2&Bucket=other"});
    for uri in ["s3:action/GetObject&Key={key}&Bucket=bucket1", "bucket1.s3:action/GetObject&Key={key}"] {
        let api = api(&rig, uri, key.clone()).await;
        assert_eq!(post(&rig, &api, "key=1%2B2%26Bucket%3Dother", "").await.status, 200);
        assert_eq!(asked(&rig), called("s3", "GetObject", get.clone()), "{uri}");
    }
}

#[tokio::test]
async fn services_of_the_json_protocols_are_asked_as_ever() {
    let rig = Rig::new();
    rig.services_answer(|service, _, _| {
        Ok(if service == "events" {
            json!({"FailedEntryCount": 0})
        } else {
            json!({"ConsumedCapacity": null})
        })
    });
    let put = api(&rig, "dynamodb:action/PutItem", json!({})).await;
    let body = json!({"TableName": "t", "Item": {"id": {"S": "1"}}});
    assert_eq!(post(&rig, &put, "", &body.to_string()).await.status, 200);
    assert_eq!(asked(&rig), called("dynamodb", "PutItem", body));
    let put = api(&rig, "events:action/PutEvents", json!({})).await;
    let body = json!({"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]});
    assert_eq!(post(&rig, &put, "", &body.to_string()).await.json(), json!({"FailedEntryCount": 0}));
    assert_eq!(asked(&rig), called("events", "PutEvents", body));
    let unknown = api(&rig, "dynamodb:action/Nothing", json!({})).await;
    assert_eq!(post(&rig, &unknown, "", "{}").await.status, 400);
}
