//! What WebSocket APIs are given, and what of it their connections show.

use super::*;

#[tokio::test]
async fn the_control_plane_keeps_what_it_is_given() {
    let rig = Rig::new();
    let refused = rig.http_refuses("CreateApi", json!({"Name": "x", "ProtocolType": "WEBSOCKET"})).await;
    assert_eq!(refused.code, "BadRequestException");
    let api = api(&rig).await;
    let shown = rig.http("GetApi", json!({"ApiId": api})).await;
    assert_eq!(shown["ProtocolType"], "WEBSOCKET");
    assert_eq!(shown["ApiEndpoint"], format!("ws://127.0.0.1:4566/_aws/execute-api/{api}"));
    let function = lambda(&rig, &api).await;
    let shown = rig.http("GetIntegration", json!({"ApiId": api, "IntegrationId": function})).await;
    assert_eq!(shown["TimeoutInMillis"], 29_000);
    assert_eq!(shown["IntegrationResponseSelectionExpression"], "${integration.response.body.errorMessage}");
    answering(&rig, &api, "join", &function).await;
    for (operation, members) in [
        ("CreateRoute", json!({"RouteKey": "$other"})),
        ("CreateRoute", json!({"RouteKey": "x", "AuthorizationType": "AWS_IAM"})),
        ("CreateRoute", json!({"RouteKey": "$connect", "AuthorizationType": "JWT"})),
        ("CreateModel", json!({"Name": "not alphanumeric", "Schema": "{}"})),
        ("CreateModel", json!({"Name": "good", "Schema": "no"})),
    ] {
        let refused = rig.http_refuses(operation, with(&json!({"ApiId": api}), members.clone())).await;
        assert_eq!(refused.code, "BadRequestException", "{operation} {members}");
    }
    let model = rig
        .http(
            "CreateModel",
            json!({"ApiId": api, "Name": "Order", "Schema": r#"{"type": "object", "properties": {"n": {"type": "integer"}}}"#}),
        )
        .await;
    let model = json!({"ApiId": api, "ModelId": model["ModelId"]});
    assert_eq!(rig.http("GetModelTemplate", model.clone()).await["Value"], "{ \"n\" : 42 }");
    // Everything is there again after a restart, and connections can be made.
    let rig = rig.restarted();
    assert_eq!(rig.http("GetModel", model).await["Name"], "Order");
    let mut client = connect(&rig, &api).await;
    client.send(Message::text(r#"{"action": "join"}"#)).await.unwrap();
    assert_eq!(next(&mut client).await.to_text().unwrap(), "from the function");
    rig.http("DeleteApi", json!({"ApiId": api})).await;
    assert_eq!(rig.http_refuses("GetApi", json!({"ApiId": api})).await.code, "NotFoundException");
}

#[tokio::test]
async fn keys_parameters_and_models_are_asked_for() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let function = lambda(&rig, &api).await;
    let id = route(&rig, &api, "$connect", &function).await;
    let of = json!({"ApiId": api, "RouteId": id});
    let wanted =
        json!({"route.request.querystring.room": {"Required": true}, "route.request.header.x-a": {}});
    rig.http("UpdateRoute", with(&of, json!({"ApiKeyRequired": true, "RequestParameters": wanted}))).await;
    let key = rig.rest("CreateApiKey", json!({"name": "k", "enabled": true})).await;
    let stages = json!([{"apiId": api, "stage": "dev"}]);
    let quota = json!({"limit": 3, "period": "MONTH"});
    let plan = rig.rest("CreateUsagePlan", json!({"name": "p", "apiStages": stages, "quota": quota})).await;
    let of_plan = json!({"usagePlanId": plan["id"], "keyId": key["id"], "keyType": "API_KEY"});
    rig.rest("CreateUsagePlanKey", of_plan).await;
    let value = text(&key, "value");
    let with_key = [("x-api-key", value.as_str())];

    let refused = try_connect(&rig, &api, "/dev", &[]).await.unwrap_err();
    assert_eq!(refused, (403, r#"{"message":"Forbidden"}"#.to_owned()));
    assert_eq!(try_connect(&rig, &api, "/dev", &[("x-api-key", "other")]).await.unwrap_err().0, 403);
    let refused = try_connect(&rig, &api, "/dev", &with_key).await.unwrap_err();
    assert_eq!(refused, (400, r#"{"message":"Missing required request parameters: [room]"}"#.to_owned()));
    let mut client = try_connect(&rig, &api, "/dev?room=1", &with_key).await.unwrap();

    let model = r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#;
    rig.http("CreateModel", json!({"ApiId": api, "Name": "Order", "Schema": model})).await;
    answering(&rig, &api, "order", &function).await;
    let routes = rig.http("GetRoutes", json!({"ApiId": api})).await;
    let order = routes["Items"].as_array().unwrap().iter().find(|it| it["RouteKey"] == "order").unwrap();
    let of_order = json!({"ApiId": api, "RouteId": order["RouteId"]});
    let models = json!({
        "ApiKeyRequired": true,
        "ModelSelectionExpression": "$request.body.action",
        "RequestModels": {"order": "Order"},
    });
    rig.http("UpdateRoute", with(&of_order, models)).await;
    client.send(Message::text(r#"{"action": "order", "n": 1}"#)).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("from the function"));
    // That was the third of three.
    client.send(Message::text(r#"{"action": "order", "n": 1}"#)).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Limit Exceeded");
    rig.http("UpdateRoute", with(&of_order, json!({"ApiKeyRequired": false}))).await;
    client.send(Message::text(r#"{"action": "order", "n": "one"}"#)).await.unwrap();
    assert_eq!(next_json(&mut client).await["message"], "Invalid request body");
    let refused = try_connect(&rig, &api, "/dev?room=1", &with_key).await.unwrap_err();
    assert_eq!(refused, (429, r#"{"message":"Limit Exceeded"}"#.to_owned()));

    let parameter = json!({"RequestParameterKey": "route.request.querystring.room"});
    rig.http("DeleteRouteRequestParameter", with(&of, parameter.clone())).await;
    assert_eq!(rig.http_refuses("DeleteRouteRequestParameter", with(&of, parameter)).await.status, 404);
    rig.http("UpdateRoute", with(&of, json!({"ApiKeyRequired": false}))).await;
    connect(&rig, &api).await;
    for wrong in [
        json!({"RequestModels": {"order": "None"}}),
        json!({"RequestParameters": {"route.request.header.x": {"Required": true}}}),
    ] {
        assert_eq!(rig.http_refuses("UpdateRoute", with(&of_order, wrong)).await.status, 400);
    }
    let wrong = json!({"ApiId": api, "ApiKeySelectionExpression": "$request.body.key"});
    assert_eq!(rig.http_refuses("UpdateApi", wrong).await.status, 400);
}

#[tokio::test]
async fn an_authorizer_can_name_the_key() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let expression = "$context.authorizer.usageIdentifierKey";
    rig.http("UpdateApi", json!({"ApiId": api, "ApiKeySelectionExpression": expression})).await;
    let authorizer = json!({
        "ApiId": api, "Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": crate::rig::lambda("auth"),
        "IdentitySource": ["route.request.querystring.auth"],
    });
    let authorizer = text(&rig.http("CreateAuthorizer", authorizer).await, "AuthorizerId");
    let function = lambda(&rig, &api).await;
    let id = route(&rig, &api, "$connect", &function).await;
    let change = json!({
        "ApiId": api, "RouteId": id, "AuthorizationType": "CUSTOM", "AuthorizerId": authorizer, "ApiKeyRequired": true,
    });
    rig.http("UpdateRoute", change).await;
    let key = rig.rest("CreateApiKey", json!({"name": "k", "enabled": true})).await;
    let plan = json!({"name": "p", "apiStages": [{"apiId": api, "stage": "dev"}]});
    let plan = rig.rest("CreateUsagePlan", plan).await;
    rig.rest(
        "CreateUsagePlanKey",
        json!({"usagePlanId": plan["id"], "keyId": key["id"], "keyType": "API_KEY"}),
    )
    .await;
    let statement = json!([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]);
    let mut says = json!({"principalId": "me", "policyDocument": {"Statement": statement}});
    rig.answers("auth", says.clone());
    assert_eq!(try_connect(&rig, &api, "/dev?auth=x", &[]).await.unwrap_err().0, 403);
    says["usageIdentifierKey"] = key["value"].clone();
    rig.answers("auth", says);
    try_connect(&rig, &api, "/dev?auth=x", &[]).await.unwrap();
}

#[tokio::test]
async fn route_responses_name_models() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let mock = integration(&rig, &api, json!({"IntegrationType": "MOCK"})).await;
    let id = route(&rig, &api, "join", &mock).await;
    let of = json!({"ApiId": api, "RouteId": id});
    let given = json!({"RouteResponseKey": "$default", "ResponseModels": {"$default": "joined"}});
    let refused = rig.http_refuses("CreateRouteResponse", with(&of, given.clone())).await;
    assert_eq!(refused.message, "Invalid model name specified: joined");
    let model = json!({"ApiId": api, "Name": "joined", "ContentType": "application/json", "Schema": "{}"});
    rig.http("CreateModel", model).await;
    let made = rig.http("CreateRouteResponse", with(&of, given)).await;
    assert_eq!(made["ResponseModels"], json!({"$default": "joined"}));
}

#[tokio::test]
async fn stages_name_client_certificates() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let stage = json!({"ApiId": api, "StageName": "dev"});
    let with_id = |id: &Value| with(&stage, json!({"ClientCertificateId": id}));
    let refused = rig.http_refuses("UpdateStage", with_id(&json!("none"))).await;
    assert_eq!(refused.message, "Invalid Client Certificate identifier specified");
    let certificate = rig.rest("GenerateClientCertificate", json!({})).await["clientCertificateId"].clone();
    assert_eq!(rig.http("UpdateStage", with_id(&certificate)).await["ClientCertificateId"], certificate);
    let delete = json!({"clientCertificateId": certificate});
    assert_eq!(rig.rest_refuses("DeleteClientCertificate", delete.clone()).await.status, 400);
    let without = rig.http("UpdateStage", with_id(&json!(""))).await;
    assert!(without.get("ClientCertificateId").is_none(), "{without}");
    rig.rest("DeleteClientCertificate", delete).await;
    let http = rig.http("CreateApi", json!({"Name": "h", "ProtocolType": "HTTP"})).await;
    let stage = json!({"ApiId": http["ApiId"], "StageName": "dev", "ClientCertificateId": "a"});
    let refused = rig.http_refuses("CreateStage", stage).await;
    assert_eq!(refused.message, "ClientCertificateId is supported for WEBSOCKET APIs only");
}

#[tokio::test]
async fn vpc_links_are_those_of_rest_apis() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let nlb = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/1";
    let link = text(&rig.rest("CreateVpcLink", json!({"name": "l", "targetArns": [nlb]})).await, "id");
    let given = |more: Value| {
        let plain = json!({
            "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST",
            "IntegrationUri": "http://127.0.0.1:1/",
        });
        with(&plain, more)
    };
    let linked = json!({"ConnectionType": "VPC_LINK", "ConnectionId": link});
    let made = rig.http("CreateIntegration", given(linked.clone())).await;
    assert_eq!((&made["ConnectionType"], &made["ConnectionId"]), (&json!("VPC_LINK"), &json!(link)));
    for (wrong, status) in [
        (json!({"ConnectionType": "VPC_LINK"}), 400),
        (json!({"ConnectionId": link}), 400),
        (json!({"ConnectionType": "VPC_LINK", "ConnectionId": "none"}), 404),
        (with(&linked, json!({"IntegrationType": "MOCK"})), 400),
    ] {
        assert_eq!(
            rig.http_refuses("CreateIntegration", given(wrong.clone())).await.status,
            status,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn models_are_validated_when_they_are_deployed_unless_the_api_says_not() {
    let rig = Rig::new();
    let api = api(&rig).await;
    let of = json!({"ApiId": api});
    let mock = integration(&rig, &api, json!({"IntegrationType": "MOCK"})).await;
    route(&rig, &api, "$default", &mock).await;
    let stage = with(&of, json!({"StageName": "dev"}));
    let before = rig.http("GetStage", stage.clone()).await;
    let broken =
        json!({"Name": "Note", "Schema": r##"{"properties": {"a": {"$ref": "#/definitions/none"}}}"##});
    let model = rig.http("CreateModel", with(&of, broken)).await;

    let error = rig.http_refuses("CreateDeployment", of.clone()).await;
    assert_eq!(error.code, "BadRequestException");
    assert!(
        error.message.starts_with("Unable to deploy API because the model Note is invalid: "),
        "{error:?}"
    );
    let now = rig.http("GetStage", stage.clone()).await;
    assert_eq!(now["DeploymentId"], before["DeploymentId"]);
    let message = text(&now, "LastDeploymentStatusMessage");
    assert!(message.starts_with("Deployment attempt failed: Unable to deploy API because "), "{message}");
    let by_hand = rig.http("UpdateStage", with(&stage, json!({"AutoDeploy": false}))).await;
    assert_eq!(by_hand["LastDeploymentStatusMessage"], Value::Null);
    rig.http("UpdateStage", with(&stage, json!({"AutoDeploy": true}))).await;

    let changed = rig.http("UpdateApi", with(&of, json!({"DisableSchemaValidation": true}))).await;
    assert_eq!(changed["DisableSchemaValidation"], true);
    assert_eq!(rig.http("CreateDeployment", of.clone()).await["DeploymentStatus"], "DEPLOYED");

    rig.http("UpdateApi", with(&of, json!({"DisableSchemaValidation": false}))).await;
    let id = with(&of, json!({"ModelId": model["ModelId"]}));
    rig.http("UpdateModel", with(&id, json!({"Schema": r#"{"type": "object"}"#}))).await;
    let now = rig.http("GetStage", stage).await;
    assert_ne!(now["DeploymentId"], before["DeploymentId"]);
    assert_eq!(now["LastDeploymentStatusMessage"], Value::Null);

    let plain = json!({"Name": "http", "ProtocolType": "HTTP", "DisableSchemaValidation": true});
    let error = rig.http_refuses("CreateApi", plain).await;
    assert_eq!(error.message, "DisableSchemaValidation is supported for WEBSOCKET APIs only");
}
