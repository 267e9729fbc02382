//! Developer portals: what is kept of them, and how they are published.

use serde_json::{Value, json};

use crate::rig::{Rig, proxy, text, with};

fn portal(products: &[&Value]) -> Value {
    let color = |name: &str| (name.to_owned(), json!("#0a1b2c"));
    let names = [
        "AccentColor",
        "BackgroundColor",
        "ErrorValidationColor",
        "HeaderColor",
        "NavigationColor",
        "TextColor",
    ];
    let colors: serde_json::Map<String, Value> = names.into_iter().map(color).collect();
    json!({
        "Authorization": {"None": {}},
        "EndpointConfiguration": {"None": {}},
        "PortalContent": {"DisplayName": "Our APIs", "Theme": {"CustomColors": colors}},
        "IncludedPortalProductArns": products,
    })
}

async fn product(rig: &Rig) -> Value {
    rig.http("CreatePortalProduct", json!({"DisplayName": "Orders", "Tags": {"a": "b"}})).await
}

#[tokio::test]
async fn a_portal_is_published_and_disabled() {
    let rig = Rig::new();
    let product = product(&rig).await;
    let made = rig.http("CreatePortal", portal(&[&product["PortalProductArn"]])).await;
    assert_eq!(made["PublishStatus"], "DISABLED");
    assert!(text(&made, "PortalArn").starts_with("arn:aws:apigateway:us-east-1:000000000000:/portals/"));
    assert!(made["EndpointConfiguration"]["PortalDefaultDomainName"].is_string());
    let of = json!({"PortalId": made["PortalId"]});
    assert_eq!(rig.http_refuses("DisablePortal", of.clone()).await.code, "ConflictException");
    assert!(rig.http("GetPortal", of.clone()).await.get("Preview").is_none());
    rig.http("PreviewPortal", of.clone()).await;
    let seen = rig.http("GetPortal", of.clone()).await;
    assert_eq!(
        (&seen["Preview"]["PreviewStatus"], &seen["PublishStatus"]),
        (&json!("PREVIEW_READY"), &json!("DISABLED"))
    );
    assert!(text(&seen["Preview"], "PreviewUrl").starts_with("https://"));
    rig.http("PublishPortal", with(&of, json!({"Description": "first"}))).await;
    let error = rig.http_refuses("DeletePortal", of.clone()).await;
    assert_eq!(error.code, "ConflictException");
    let rig = rig.restarted();
    let seen = rig.http("GetPortal", of.clone()).await;
    assert_eq!(
        (&seen["PublishStatus"], &seen["LastPublishedDescription"]),
        (&json!("PUBLISHED"), &json!("first"))
    );
    assert!(seen["LastPublished"].is_number());
    rig.http("DisablePortal", of.clone()).await;
    let seen = rig.http("ListPortals", json!({})).await;
    assert_eq!(seen["Items"][0]["PublishStatus"], "DISABLED");
    assert_eq!(seen["Items"][0]["LastPublishedDescription"], "first");
    let included = json!({"PortalProductId": product["PortalProductId"]});
    assert_eq!(rig.http_refuses("DeletePortalProduct", included.clone()).await.code, "ConflictException");
    rig.http("UpdatePortal", with(&of, json!({"IncludedPortalProductArns": []}))).await;
    rig.http("DeletePortalProduct", included).await;
    rig.http("DeletePortal", of.clone()).await;
    assert_eq!(rig.http_refuses("GetPortal", of).await.code, "NotFoundException");
}

#[tokio::test]
async fn what_is_no_portal_is_refused() {
    let rig = Rig::new();
    let both = json!({"None": {}, "CognitoConfig": {"AppClientId": "a"}});
    let mut odd_color = portal(&[]);
    odd_color["PortalContent"]["Theme"]["CustomColors"]["TextColor"] = json!("reddish");
    for (wrong, code) in [
        (with(&portal(&[]), json!({"Authorization": both})), "BadRequestException"),
        (with(&portal(&[]), json!({"EndpointConfiguration": {}})), "BadRequestException"),
        (with(&portal(&[]), json!({"LogoUri": "https://example.com/a.png"})), "BadRequestException"),
        (
            portal(&[&json!("arn:aws:apigateway:us-east-1:000000000000:/portalproducts/none")]),
            "NotFoundException",
        ),
        (odd_color, "BadRequestException"),
    ] {
        assert_eq!(rig.http_refuses("CreatePortal", wrong.clone()).await.code, code, "{wrong}");
    }
    let monitored = with(&portal(&[]), json!({"RumAppMonitorName": "m"}));
    assert!(rig.http_refuses("CreatePortal", monitored).await.message.contains("RumAppMonitorName"));
    assert_eq!(rig.http("ListPortals", json!({})).await["Items"], json!([]));
    assert_eq!(rig.http_refuses("PreviewPortal", json!({"PortalId": "x"})).await.code, "NotFoundException");
}

#[tokio::test]
async fn products_have_pages_in_an_order() {
    let rig = Rig::new();
    let made = product(&rig).await;
    let of = json!({"PortalProductId": made["PortalProductId"]});
    let content = json!({"DisplayContent": {"Title": "Start", "Body": "# Here"}});
    let page = rig.http("CreateProductPage", with(&of, content)).await;
    let (api, root) = rig.rest_api().await;
    let orders = rig.resource(&api, &root, "orders").await;
    rig.method(&api, &orders, "GET", proxy()).await;
    let named = json!({"op": "replace", "path": "/operationName", "value": "ListOrders"});
    let method =
        json!({"restApiId": api, "resourceId": orders, "httpMethod": "GET", "patchOperations": [named]});
    rig.rest("UpdateMethod", method).await;
    rig.deploy(&api, "dev").await;
    let endpoint = |path: &str| {
        let parts = json!({"RestApiId": api, "Stage": "dev", "Path": path, "Method": "GET"});
        with(&of, json!({"RestEndpointIdentifier": {"IdentifierParts": parts}}))
    };
    let about = rig.http("CreateProductRestEndpointPage", endpoint("/orders")).await;
    assert_eq!((&about["Status"], &about["TryItState"]), (&json!("AVAILABLE"), &json!("ENABLED")));
    let shown = &about["DisplayContent"];
    assert_eq!(shown["OperationName"], "ListOrders");
    assert_eq!(shown["Endpoint"], format!("http://127.0.0.1:4566/restapis/{api}/dev/_user_request_/orders"));
    assert_eq!(rig.http_refuses("CreateProductRestEndpointPage", endpoint("/none")).await.status, 404);
    assert_eq!(rig.http_refuses("CreateProductRestEndpointPage", endpoint("/orders")).await.status, 400);
    let of_about = with(&of, json!({"ProductRestEndpointPageId": about["ProductRestEndpointPageId"]}));
    let change = json!({"DisplayContent": {"Overrides": {"Body": "All", "OperationName": "All"}}, "TryItState": "DISABLED"});
    rig.http("UpdateProductRestEndpointPage", with(&of_about, change)).await;

    let order = json!({
        "OverviewPageArn": page["ProductPageArn"],
        "Contents": [{"SectionName": "s", "ProductRestEndpointPageArns": [about["ProductRestEndpointPageArn"]]}],
    });
    rig.http("UpdatePortalProduct", with(&of, json!({"DisplayOrder": order}))).await;
    let wrong = json!({"DisplayOrder": {"OverviewPageArn": about["ProductRestEndpointPageArn"]}});
    assert_eq!(rig.http_refuses("UpdatePortalProduct", with(&of, wrong)).await.status, 400);

    let rig = rig.restarted();
    let listed = rig.http("ListProductRestEndpointPages", of.clone()).await;
    assert_eq!(listed["Items"][0]["OperationName"], "All");
    assert_eq!(listed["Items"][0]["TryItState"], "DISABLED");
    let listed = rig.http("ListProductPages", of.clone()).await;
    assert_eq!(listed["Items"][0]["PageTitle"], "Start");
    let of_page = with(&of, json!({"ProductPageId": page["ProductPageId"]}));
    rig.http("DeleteProductPage", of_page.clone()).await;
    rig.http("DeleteProductRestEndpointPage", of_about).await;
    assert_eq!(rig.http_refuses("GetProductPage", of_page).await.status, 404);
    let seen = rig.http("GetPortalProduct", of.clone()).await;
    let empty = json!({"Contents": [{"SectionName": "s", "ProductRestEndpointPageArns": []}]});
    assert_eq!((&seen["DisplayOrder"], &seen["Tags"]), (&empty, &json!({"a": "b"})));
}

#[tokio::test]
async fn products_are_shared_by_a_policy_that_is_one() {
    let rig = Rig::new();
    let of = json!({"PortalProductId": product(&rig).await["PortalProductId"]});
    assert_eq!(rig.http_refuses("GetPortalProductSharingPolicy", of.clone()).await.status, 404);
    let wrong = with(&of, json!({"PolicyDocument": "{}"}));
    assert_eq!(rig.http_refuses("PutPortalProductSharingPolicy", wrong).await.status, 400);
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "apigateway:GetPortalProduct", "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    rig.http("PutPortalProductSharingPolicy", with(&of, json!({"PolicyDocument": policy}))).await;
    assert_eq!(rig.http("GetPortalProductSharingPolicy", of.clone()).await["PolicyDocument"], policy);
    rig.http("DeletePortalProductSharingPolicy", of.clone()).await;
    assert_eq!(rig.http_refuses("DeletePortalProductSharingPolicy", of.clone()).await.status, 404);
    let other = with(&of, json!({"ResourceOwnerAccountId": "111111111111"}));
    assert_eq!(rig.http_refuses("GetPortalProduct", other).await.status, 404);
}
