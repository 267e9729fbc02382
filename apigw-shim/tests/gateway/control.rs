//! What SDKs call, of REST APIs.

use serde_json::{Value, json};

use crate::rig::{Rig, proxy, text, with};

#[tokio::test]
async fn a_tag_gives_the_id() {
    let rig = Rig::new();
    let api =
        rig.rest("CreateRestApi", json!({"name": "named", "tags": {"_custom_id_": "myapi12345"}})).await;
    assert_eq!(api["id"], "myapi12345");
    assert!(rig.gateway.has_api("myapi12345"));
    let error = rig
        .rest_refuses("CreateRestApi", json!({"name": "again", "tags": {"_custom_id_": "myapi12345"}}))
        .await;
    assert_eq!(error.status, 409, "{error:?}");
}

#[tokio::test]
async fn ids_are_ten_small_letters_and_digits() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    for id in [&api, &root] {
        assert_eq!(id.len(), 10);
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_awss_words() {
    let rig = Rig::new();
    let error = rig.rest_refuses("GetRestApi", json!({"restApiId": "nothing"})).await;
    assert_eq!((&*error.code, error.status), ("NotFoundException", 404));
    assert!(error.message.starts_with("Invalid API identifier specified"), "{}", error.message);

    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let error = rig.rest_refuses("GetMethod", of.clone()).await;
    assert_eq!(error.message, "Invalid Method identifier specified");
    let error = rig.rest_refuses("PutIntegration", with(&of, proxy())).await;
    assert_eq!(error.message, "Invalid Method identifier specified");
    let error = rig.rest_refuses("GetResource", json!({"restApiId": api, "resourceId": "nothing"})).await;
    assert_eq!(error.message, "Invalid Resource identifier specified");
    let error = rig.rest_refuses("GetStage", json!({"restApiId": api, "stageName": "dev"})).await;
    assert_eq!(error.message, "Invalid stage identifier specified");
    let error = rig.rest_refuses("CreateDeployment", json!({"restApiId": api, "stageName": "dev"})).await;
    assert_eq!(error.message, "The REST API doesn't contain any methods");
}

#[tokio::test]
async fn resources_make_paths_and_go_with_their_children() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    rig.resource(&api, &orders, "{id}").await;
    let again = json!({"restApiId": api, "parentId": root, "pathPart": "orders"});
    let error = rig.rest_refuses("CreateResource", again).await;
    assert_eq!((&*error.code, error.status), ("ConflictException", 409));

    let paths = |listed: Value| {
        let items = listed["items"].as_array().unwrap().clone();
        let mut paths: Vec<String> = items.iter().map(|item| text(item, "path")).collect();
        paths.sort();
        paths
    };
    let listed = rig.rest("GetResources", json!({"restApiId": api})).await;
    assert_eq!(paths(listed), ["/", "/orders", "/orders/{id}"]);
    rig.rest("DeleteResource", json!({"restApiId": api, "resourceId": orders})).await;
    let listed = rig.rest("GetResources", json!({"restApiId": api})).await;
    assert_eq!(paths(listed), ["/"]);
    let error = rig.rest_refuses("DeleteResource", json!({"restApiId": api, "resourceId": root})).await;
    assert_eq!(error.status, 400, "{error:?}");
}

#[tokio::test]
async fn patches_change_and_are_checked() {
    let rig = Rig::new();
    let (api, _) = rig.rest_api().await;
    let patch = |patch: Value| json!({"restApiId": api, "patchOperations": [patch]});
    let changed = rig
        .rest("UpdateRestApi", patch(json!({"op": "replace", "path": "/description", "value": "new"})))
        .await;
    assert_eq!(changed["description"], "new");
    let changed =
        rig.rest("UpdateRestApi", patch(json!({"op": "add", "path": "/binaryMediaTypes/image~1png"}))).await;
    assert_eq!(changed["binaryMediaTypes"], json!(["image/png"]));
    let error = rig
        .rest_refuses("UpdateRestApi", patch(json!({"op": "replace", "path": "/nothing", "value": "x"})))
        .await;
    assert_eq!((&*error.code, error.status), ("BadRequestException", 400));
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_name() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let error = rig
        .rest_refuses("PutMethod", with(&of, json!({"authorizationType": "CUSTOM", "authorizerId": "a1"})))
        .await;
    assert!(error.status >= 400);
    rig.rest("PutMethod", with(&of, json!({"authorizationType": "NONE"}))).await;
    // A MOCK speaks to nobody.
    let insecure = json!({"type": "MOCK", "tlsConfig": {"insecureSkipVerification": true}});
    let error = rig.rest_refuses("PutIntegration", with(&of, insecure)).await;
    assert!(error.message.contains("tlsConfig"), "{}", error.message);
}

#[tokio::test]
async fn a_clone_has_all_that_its_source_has_and_lives_on_its_own() {
    let rig = Rig::new();
    let (source, root) = rig.rest_api().await;
    let item = rig.resource(&source, &root, "{id}").await;
    rig.method(&source, &item, "GET", proxy()).await;
    let model =
        json!({"restApiId": source, "name": "Order", "contentType": "application/json", "schema": "{}"});
    rig.rest("CreateModel", model).await;
    let made = rig.rest("CreateRestApi", json!({"name": "copy", "cloneFrom": source})).await;
    let copy = made["id"].as_str().unwrap().to_owned();
    rig.rest("GetModel", json!({"restApiId": copy, "modelName": "Order"})).await;
    rig.rest("DeleteRestApi", json!({"restApiId": source})).await;
    let rig = rig.restarted();
    let resources = rig.rest("GetResources", json!({"restApiId": copy})).await;
    let paths: Vec<&str> =
        resources["items"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!((paths.len(), paths.contains(&"/{id}")), (2, true), "{paths:?}");
    assert!(!resources.to_string().contains(&item));
    rig.deploy(&copy, "dev").await;
    assert_eq!(rig.get(&copy, "/dev/7").await.status, 200);
    let error = rig.rest_refuses("CreateRestApi", json!({"name": "copy", "cloneFrom": source})).await;
    assert_eq!(error.status, 404);
}

#[tokio::test]
async fn deployments_are_what_was_at_their_time() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    let first = rig.deploy(&api, "dev").await;
    let late = rig.resource(&api, &root, "late").await;
    rig.method(&api, &late, "GET", proxy()).await;
    assert_eq!(rig.get(&api, "/dev/late").await.status, 403);

    let second = rig.deploy(&api, "dev").await;
    assert_eq!(rig.get(&api, "/dev/late").await.status, 200);
    let error = rig.rest_refuses("DeleteDeployment", json!({"restApiId": api, "deploymentId": second})).await;
    assert_eq!(error.status, 400, "{error:?}");

    let back = json!({"op": "replace", "path": "/deploymentId", "value": first});
    rig.rest("UpdateStage", json!({"restApiId": api, "stageName": "dev", "patchOperations": [back]})).await;
    assert_eq!(rig.get(&api, "/dev/late").await.status, 403);
    rig.rest("DeleteDeployment", json!({"restApiId": api, "deploymentId": second})).await;
    rig.rest("DeleteStage", json!({"restApiId": api, "stageName": "dev"})).await;
    let gone = rig.get(&api, "/dev").await;
    assert_eq!((gone.status, gone.text()), (403, r#"{"message":"Forbidden"}"#));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    let http = rig
        .http(
            "CreateApi",
            json!({
                "Name": "quick", "ProtocolType": "HTTP",
                "Target": "arn:aws:lambda:us-east-1:000000000000:function:orders",
            }),
        )
        .await;
    let before = rig.rest("GetRestApi", json!({"restApiId": api})).await;
    let rig = rig.restarted();
    assert_eq!(rig.rest("GetRestApi", json!({"restApiId": api})).await, before);
    assert_eq!(rig.get(&api, "/dev").await.text(), "from the function");
    assert_eq!(rig.get(&text(&http, "ApiId"), "/any").await.text(), "from the function");
    rig.rest("DeleteRestApi", json!({"restApiId": api})).await;
    let rig = rig.restarted();
    assert!(!rig.gateway.has_api(&api));
}

#[tokio::test]
async fn the_summary_has_every_stage_and_route() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    rig.method(&api, &orders, "POST", proxy()).await;
    rig.deploy(&api, "dev").await;
    let summary = rig.gateway.summary();
    assert_eq!(summary.len(), 1);
    assert_eq!((summary[0].kind, summary[0].stage.as_str()), ("REST", "dev"));
    assert!(summary[0].url.contains(&api), "{}", summary[0].url);
    assert_eq!(summary[0].routes.len(), 1);
    assert_eq!(summary[0].routes[0].0, "POST /orders");
}

#[tokio::test]
async fn tags_are_kept_by_arn() {
    let rig = Rig::new();
    let (api, _) = rig.rest_api().await;
    let arn = format!("arn:aws:apigateway:us-east-1::/restapis/{api}");
    rig.rest("TagResource", json!({"resourceArn": arn, "tags": {"team": "food", "env": "dev"}})).await;
    rig.rest("UntagResource", json!({"resourceArn": arn, "tagKeys": ["env"]})).await;
    let tags = rig.rest("GetTags", json!({"resourceArn": arn})).await;
    assert_eq!(tags["tags"], json!({"team": "food"}));
}

#[tokio::test]
async fn documentation_is_kept_with_its_versions() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let made = json!({"restApiId": api, "location": {"type": "API"}, "properties": "{}"});
    let part = rig.rest("CreateDocumentationPart", made.clone()).await;
    assert_eq!(rig.rest_refuses("CreateDocumentationPart", made).await.status, 409);
    let listed = rig.rest("GetDocumentationParts", json!({"restApiId": api})).await;
    assert_eq!(listed["items"], json!([part]));
    rig.method(&api, &root, "GET", proxy()).await;
    let deployment = rig.deploy(&api, "dev").await;
    let stage = json!({
        "restApiId": api, "stageName": "documented", "deploymentId": deployment, "documentationVersion": "v1",
    });
    assert_eq!(rig.rest_refuses("CreateStage", stage.clone()).await.status, 404);
    rig.rest("CreateDocumentationVersion", json!({"restApiId": api, "documentationVersion": "v1"})).await;
    assert_eq!(rig.rest("CreateStage", stage).await["documentationVersion"], "v1");
}

#[tokio::test]
async fn validators_are_kept_while_methods_use_them() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let made = json!({"restApiId": api, "name": "all", "validateRequestBody": true});
    let validator = text(&rig.rest("CreateRequestValidator", made).await, "id");
    let method = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    let wanted = |id: &str| with(&method, json!({"authorizationType": "NONE", "requestValidatorId": id}));
    let error = rig.rest_refuses("PutMethod", wanted("nothing")).await;
    assert_eq!(error.message, "Invalid Request Validator identifier specified");
    rig.rest("PutMethod", wanted(&validator)).await;
    let of = json!({"restApiId": api, "requestValidatorId": validator});
    assert_eq!(rig.rest_refuses("DeleteRequestValidator", of.clone()).await.status, 409);
    rig.rest("DeleteMethod", method).await;
    rig.rest("DeleteRequestValidator", of.clone()).await;
    let error = rig.rest_refuses("GetRequestValidator", of).await;
    assert_eq!(error.message, "Invalid Request Validator identifier specified");
}

#[tokio::test]
async fn a_position_is_a_token_of_its_listing() {
    let rig = Rig::new();
    let mut names = Vec::new();
    for name in ["a", "b", "c"] {
        rig.rest("CreateRestApi", json!({"name": name})).await;
    }
    let mut asked = json!({"limit": 1});
    loop {
        let page = rig.rest("GetRestApis", asked.clone()).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|api| text(api, "name")));
        // What has been listed may be gone by the time that the next page is asked for.
        rig.rest("DeleteRestApi", json!({"restApiId": page["items"][0]["id"]})).await;
        let Some(position) = page["position"].as_str() else { break };
        asked["position"] = json!(position);
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    let last = asked["position"].clone();
    for (operation, position) in [("GetRestApis", json!("none")), ("GetApiKeys", last)] {
        let refused = rig.rest_refuses(operation, json!({"position": position})).await;
        assert_eq!((&*refused.code, refused.status), ("BadRequestException", 400), "{operation}");
    }
}
