//! Stages of REST APIs: canaries, logs, validation by models, and methods that are tried without one.

use serde_json::{Value, json};

use crate::rig::{Rig, text, with};

fn mock() -> Value {
    json!({"type": "MOCK", "requestTemplates": {"application/json": "{\"statusCode\": 200}"}})
}

/// An API whose root answers a POST with the stage variable `v`, deployed to `dev`.
async fn deployed(rig: &Rig) -> (String, String) {
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "POST", mock()).await;
    let templates = json!({"responseTemplates": {"application/json": "$stageVariables.v"}});
    rig.response(&api, &root, "POST", "200", templates).await;
    rig.rest("CreateDeployment", json!({"restApiId": api, "stageName": "dev", "variables": {"v": "old"}}))
        .await;
    (api, root)
}

#[tokio::test]
async fn a_canary_gets_its_share_and_is_promoted() {
    let rig = Rig::new();
    let (api, _) = deployed(&rig).await;
    let canary = json!({"percentTraffic": 100, "stageVariableOverrides": {"v": "new"}});
    let of = json!({"restApiId": api, "stageName": "dev"});
    rig.rest("CreateDeployment", with(&of, json!({"canarySettings": canary}))).await;
    assert_eq!(rig.send(&api, "POST /dev", &[], "{}").await.text(), "new");
    let set = json!([{"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0"}]);
    rig.rest("UpdateStage", with(&of, json!({"patchOperations": set}))).await;
    assert_eq!(rig.send(&api, "POST /dev", &[], "{}").await.text(), "old");
    let promote = json!([
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "remove", "path": "/canarySettings"},
    ]);
    rig.rest("UpdateStage", with(&of, json!({"patchOperations": promote}))).await;
    assert_eq!(rig.send(&api, "POST /dev", &[], "{}").await.text(), "new");
    let bad = json!([{"op": "replace", "path": "/canarySettings/percentTraffic", "value": "101"}]);
    let error = rig.rest_refuses("UpdateStage", with(&of, json!({"patchOperations": bad}))).await;
    assert_eq!(error.status, 400);
}

#[tokio::test]
async fn requests_are_logged_as_the_stage_asks() {
    let rig = Rig::new();
    let (api, _) = deployed(&rig).await;
    let set = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let patches = [
        set("/accessLogSettings/destinationArn", "arn:aws:logs:us-east-1:000000000000:log-group:access"),
        set(
            "/accessLogSettings/format",
            "$context.requestId $context.httpMethod $context.resourcePath $context.status $context.error.message",
        ),
        set("/*/*/logging/loglevel", "INFO"),
    ];
    rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": patches})).await;
    rig.send(&api, "POST /dev", &[], "{}").await;
    rig.send(&api, "GET /dev", &[], "").await;
    let lines = rig.script.lines.lock().unwrap().clone();
    let of = |group: &str| -> Vec<String> {
        lines.iter().filter(|(own, _)| own == group).map(|(_, line)| line.clone()).collect()
    };
    let access: Vec<String> =
        of("access").iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(access, ["POST / 200 -", "GET / 403 Missing Authentication Token"]);
    let execution = of(&format!("API-Gateway-Execution-Logs_{api}/dev"));
    assert!(
        execution.iter().any(|line| line.ends_with(") Method completed with status: 200")),
        "{execution:?}"
    );
    assert!(
        !execution.iter().any(|line| line.contains("body")),
        "bodies are traced only if asked: {execution:?}"
    );
}

#[tokio::test]
async fn bodies_are_validated_by_models_that_refer_to_others() {
    let rig = Rig::new();
    let (api, root) = deployed(&rig).await;
    let model = |name: &str, schema: Value| json!({"restApiId": api, "name": name, "contentType": "application/json", "schema": schema.to_string()});
    let item = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    rig.rest("CreateModel", model("Item", item)).await;
    let address = format!("https://apigateway.amazonaws.com/restapis/{api}/models/Item");
    rig.rest("CreateModel", model("List", json!({"type": "array", "items": {"$ref": address}}))).await;
    let lost =
        rig.rest_refuses("CreateModel", model("Lost", json!({"$ref": address.replace("Item", "No")}))).await;
    assert_eq!(&*lost.code, "BadRequestException");
    let validator =
        rig.rest("CreateRequestValidator", json!({"restApiId": api, "validateRequestBody": true})).await;
    let patches = [
        json!({"op": "replace", "path": "/requestValidatorId", "value": validator["id"]}),
        json!({"op": "add", "path": "/requestModels/application~1json", "value": "List"}),
    ];
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "POST"});
    rig.rest("UpdateMethod", with(&of, json!({"patchOperations": patches}))).await;
    let templates = json!({"application/json": "{\"why\": \"$context.error.validationErrorString\"}"});
    let response =
        json!({"restApiId": api, "responseType": "BAD_REQUEST_BODY", "responseTemplates": templates});
    rig.deploy(&api, "dev").await;
    assert_eq!(rig.send(&api, "POST /dev", &[], r#"[{"a": 1}]"#).await.status, 200);
    let refused = rig.send(&api, "POST /dev", &[], r#"[{"a": "1"}]"#).await;
    assert_eq!((refused.status, refused.text()), (400, r#"{"message": "Invalid request body"}"#));
    rig.rest("PutGatewayResponse", response).await;
    rig.deploy(&api, "dev").await;
    let refused = rig.send(&api, "POST /dev", &[], "[{}]").await;
    assert!(
        refused.text().contains(r#"[object has missing required properties (["a"])]"#),
        "{}",
        refused.text()
    );
    // Another media type has no model.
    assert_ne!(rig.send(&api, "POST /dev", &[("content-type", "text/plain")], "x").await.status, 400);
    let error = rig.rest_refuses("DeleteModel", json!({"restApiId": api, "modelName": "Item"})).await;
    assert_eq!(&*error.code, "ConflictException");
}

#[tokio::test]
async fn a_method_is_tried_without_a_stage() {
    let rig = Rig::new();
    let (api, root) = deployed(&rig).await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "POST"});
    let with_variables = json!({"stageVariables": {"v": "tried"}, "pathWithQueryString": "/?a=b"});
    let tried = rig.rest("TestInvokeMethod", with(&of, with_variables)).await;
    assert_eq!((&tried["status"], &tried["body"]), (&json!(200), &json!("tried")));
    let log = text(&tried, "log");
    for line in [
        "Method request query string: {a=b}",
        "Method response body after transformations: tried",
        "Successfully completed execution",
        "Method completed with status: 200",
    ] {
        assert!(log.contains(&format!(" : {line}\n")), "{log}");
    }
    assert!(log.starts_with("Execution log for request "));
}

#[tokio::test]
async fn vpc_links_are_kept_and_tagged() {
    let mut rig = Rig::new();
    let target = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/one/1";
    let made = rig.rest("CreateVpcLink", json!({"name": "one", "targetArns": [target]})).await;
    assert_eq!(made["status"], "PENDING");
    let of = json!({"vpcLinkId": made["id"]});
    let arn = format!("arn:aws:apigateway:us-east-1::/vpclinks/{}", text(&made, "id"));
    rig.rest("TagResource", json!({"resourceArn": arn, "tags": {"team": "a"}})).await;
    rig = rig.restarted();
    let link = rig.rest("GetVpcLink", of.clone()).await;
    assert_eq!((&link["status"], &link["tags"]), (&json!("AVAILABLE"), &json!({"team": "a"})));
    let error = rig.rest_refuses("CreateVpcLink", json!({"name": "x", "targetArns": ["odd"]})).await;
    assert_eq!(error.message, "Invalid ARN. ARN is not well formed odd");
    rig.rest("DeleteVpcLink", of.clone()).await;
    assert_eq!(rig.rest_refuses("GetVpcLink", of).await.message, "Invalid Vpc Link identifier specified");
    let (api, root) = rig.rest_api().await;
    let put = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET", "authorizationType": "NONE"});
    rig.rest("PutMethod", put.clone()).await;
    let linked = json!({
        "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:1/", "connectionType": "VPC_LINK",
    });
    let error = rig.rest_refuses("PutIntegration", with(&put, linked)).await;
    assert_eq!(&*error.code, "BadRequestException");
}

#[tokio::test]
async fn access_logs_go_to_a_delivery_stream() {
    let rig = Rig::new();
    let (put, mut puts) = tokio::sync::mpsc::unbounded_channel();
    rig.services_answer(move |service, operation, members| match (service, operation) {
        ("firehose", "DescribeDeliveryStream")
            if members["DeliveryStreamName"] == "amazon-apigateway-lines" =>
        {
            Ok(json!({}))
        }
        ("firehose", "DescribeDeliveryStream") => {
            Err(aws_wire::ServiceError::bad_request("ResourceNotFoundException", "there is no such stream"))
        }
        ("firehose", "PutRecord") => {
            put.send(members.clone()).unwrap();
            Ok(json!({"RecordId": "1"}))
        }
        _ => Err(aws_wire::ServiceError::not_implemented("Tule does not emulate it")),
    });
    let (api, _) = deployed(&rig).await;
    let arn = |name: &str| format!("arn:aws:firehose:us-east-1:000000000000:deliverystream/{name}");
    let settings = |arn: String| {
        let set = |name: &str, value: &str| json!({"op": "replace", "path": format!("/accessLogSettings/{name}"), "value": value});
        let patches = json!([
            set("destinationArn", &arn),
            set("format", "$context.httpMethod $context.status $context.requestId")
        ]);
        json!({"restApiId": api, "stageName": "dev", "patchOperations": patches})
    };
    for wrong in ["lines", "amazon-apigateway-none"] {
        let refused = rig.rest_refuses("UpdateStage", settings(arn(wrong))).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.message.starts_with("Invalid ARN specified in the request"), "{}", refused.message);
    }
    rig.rest("UpdateStage", settings(arn("amazon-apigateway-lines"))).await;
    assert_eq!(rig.send(&api, "POST /dev", &[], "{}").await.status, 200);
    let put = tokio::time::timeout(std::time::Duration::from_secs(20), puts.recv()).await.unwrap().unwrap();
    assert_eq!(put["DeliveryStreamName"], "amazon-apigateway-lines");
    let data = text(&put["Record"], "Data");
    let line = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    let line = String::from_utf8(line).unwrap();
    assert!(line.starts_with("POST 200 ") && line.ends_with('\n'), "{line}");

    rig.services_answer(|_, _, _| Err(aws_wire::ServiceError::not_implemented("delegate firehose")));
    let refused = rig.rest_refuses("UpdateStage", settings(arn("amazon-apigateway-lines"))).await;
    assert_eq!((refused.status, &*refused.message), (501, "delegate firehose"));
}
