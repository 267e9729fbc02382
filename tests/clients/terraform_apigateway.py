"""The calls of Terraform's AWS provider for API Gateway, resource by resource, in the order in which the provider makes
them, with the checks on which it fails, loops or sees drift."""

import json

import boto3
from botocore.exceptions import ClientError

from provider import gone, replay, same, until

rest, http = boto3.client("apigateway"), boto3.client("apigatewayv2")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:tf"
INVOKE = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/tf"
ROLE = "arn:aws:iam::000000000000:role/terraform"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:tf"


def replace(path, value):
    return {"op": "replace", "path": path, "value": value}


def refused(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected")


def has(found, **members):
    for key, value in members.items():
        assert found.get(key) == value, (key, found.get(key))


def rest_api():
    api = rest.create_rest_api(name="tf", endpointConfiguration={"types": ["REGIONAL"]},
                               binaryMediaTypes=["image/png"], tags={"made": "by terraform"})["id"]
    def read():
        found = rest.get_rest_api(restApiId=api)
        pages = rest.get_paginator("get_resources").paginate(restApiId=api)
        found["root"] = [one["id"] for page in pages for one in page["items"] if one["path"] == "/"]
        return found
    found = same(read)
    assert found["createdDate"] and len(found["root"]) == 1, found
    has(found, endpointConfiguration={"types": ["REGIONAL"], "ipAddressType": "ipv4"}, apiKeySource="HEADER",
        binaryMediaTypes=["image/png"], disableExecuteApiEndpoint=False, tags={"made": "by terraform"})
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}]}
    rest.update_rest_api(restApiId=api, patchOperations=[
        replace("/name", "tf2"), replace("/description", "d"), replace("/policy", json.dumps(policy)),
        replace("/minimumCompressionSize", "100"), replace("/disableExecuteApiEndpoint", "true"),
        replace("/endpointConfiguration/types/0", "EDGE"), {"op": "add", "path": "/binaryMediaTypes/a~1b"},
        {"op": "remove", "path": "/binaryMediaTypes/image~1png"}])
    found = same(read)
    has(found, name="tf2", description="d", minimumCompressionSize=100, binaryMediaTypes=["a/b"],
        disableExecuteApiEndpoint=True, endpointConfiguration={"types": ["EDGE"], "ipAddressType": "ipv4"})
    # It comes back as the inside of a JSON text, and the provider takes it for nothing else.
    assert json.loads(json.loads(f'"{found["policy"]}"'))["Statement"], found["policy"]
    rest.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/minimumCompressionSize"}, replace("/policy", "")])
    found = same(read)
    assert "minimumCompressionSize" not in found and "policy" not in found, found
    rest.tag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}", tags={"other": "tag"})
    rest.untag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}", tagKeys=["made"])
    has(read(), tags={"other": "tag"})
    rest.delete_rest_api(restApiId=api)
    gone("NotFoundException", lambda: rest.get_rest_api(restApiId=api))


def method_and_integration():
    made = rest.create_rest_api(name="tf")
    api = {"restApiId": made["id"]}
    resource = rest.create_resource(**api, parentId=made["rootResourceId"], pathPart="orders")["id"]
    same(lambda: rest.get_resource(**api, resourceId=resource))
    of = {**api, "resourceId": resource, "httpMethod": "POST"}
    rest.put_method(**of, authorizationType="NONE", requestParameters={"method.request.header.a": False})
    has(same(lambda: rest.get_method(**of)), authorizationType="NONE", apiKeyRequired=False,
        requestParameters={"method.request.header.a": False})
    rest.put_integration(**of, type="AWS", integrationHttpMethod="POST", uri=INVOKE,
                         requestTemplates={"application/json": "{}"})
    has(same(lambda: rest.get_integration(**of)), timeoutInMillis=29000, passthroughBehavior="WHEN_NO_MATCH",
        cacheNamespace=resource, cacheKeyParameters=[], requestTemplates={"application/json": "{}"})
    rest.update_integration(**of, patchOperations=[
        replace("/requestTemplates/application~1json", "{\"a\": 1}"), replace("/timeoutInMillis", "1000"),
        {"op": "add", "path": "/requestParameters/integration.request.header.b", "value": "'c'"},
        replace("/passthroughBehavior", "NEVER")])
    has(same(lambda: rest.get_integration(**of)), timeoutInMillis=1000, passthroughBehavior="NEVER",
        requestParameters={"integration.request.header.b": "'c'"},
        requestTemplates={"application/json": "{\"a\": 1}"})
    status = {**of, "statusCode": "200"}
    rest.put_method_response(**status, responseModels={"application/json": "Empty"},
                             responseParameters={"method.response.header.h": True})
    has(same(lambda: rest.get_method_response(**status)), responseModels={"application/json": "Empty"})
    rest.put_integration_response(**status, responseTemplates={"application/json": ""},
                                  responseParameters={"method.response.header.h": "'x'"})
    has(same(lambda: rest.get_integration_response(**status)),
        responseParameters={"method.response.header.h": "'x'"})
    rest.update_integration_response(**status, patchOperations=[replace("/selectionPattern", "2..")])
    has(same(lambda: rest.get_integration_response(**status)), selectionPattern="2..")
    rest.update_method(**of, patchOperations=[replace("/apiKeyRequired", "true")])
    has(same(lambda: rest.get_method(**of)), apiKeyRequired=True)
    for delete, get, members in [
            (rest.delete_integration_response, rest.get_integration_response, status),
            (rest.delete_method_response, rest.get_method_response, status),
            (rest.delete_integration, rest.get_integration, of), (rest.delete_method, rest.get_method, of),
            (rest.delete_resource, rest.get_resource, {**api, "resourceId": resource})]:
        delete(**members)
        gone("NotFoundException", lambda: get(**members))
    rest.delete_rest_api(**api)


def deployed():
    made = rest.create_rest_api(name="tf")
    api = {"restApiId": made["id"]}
    of = {**api, "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    rest.put_method(**of, authorizationType="NONE")
    rest.put_integration(**of, type="MOCK", requestTemplates={"application/json": "{\"statusCode\": 200}"})
    return api, rest.create_deployment(**api)["id"]


def deployment_and_stage():
    api, deployment = deployed()
    assert same(lambda: rest.get_deployment(**api, deploymentId=deployment))["createdDate"]
    stage = {**api, "stageName": "prod"}
    rest.create_stage(**stage, deploymentId=deployment, variables={"a": "1"}, tags={"x": "y"})
    found = same(lambda: rest.get_stage(**stage))
    has(found, cacheClusterStatus="NOT_AVAILABLE", tags={"x": "y"}, variables={"a": "1"}, tracingEnabled=False,
        cacheClusterEnabled=False)
    rest.update_stage(**stage, patchOperations=[
        replace("/accessLogSettings/destinationArn", LOGS), replace("/accessLogSettings/format", "$context.requestId")])
    has(same(lambda: rest.get_stage(**stage)),
        accessLogSettings={"destinationArn": LOGS, "format": "$context.requestId"})
    rest.update_stage(**stage, patchOperations=[
        replace("/*/*/logging/loglevel", "INFO"), replace("/*/*/metrics/enabled", "true"),
        replace("/*/*/throttling/rateLimit", "10"), replace("/*/*/throttling/burstLimit", "5")])
    settings = same(lambda: rest.get_stage(**stage))["methodSettings"]["*/*"]
    has(settings, loggingLevel="INFO", metricsEnabled=True, throttlingRateLimit=10.0, throttlingBurstLimit=5)
    # `triggers`: the new deployment first, then the stage, then the old one goes.
    newer = rest.create_deployment(**api)["id"]
    assert "Active stages" in refused(
        "BadRequestException", lambda: rest.delete_deployment(**api, deploymentId=deployment))
    rest.update_stage(**stage, patchOperations=[
        replace("/deploymentId", newer), replace("/variables/b", "2"), {"op": "remove", "path": "/variables/a"},
        replace("/tracingEnabled", "true"), {"op": "remove", "path": "/accessLogSettings"}])
    found = same(lambda: rest.get_stage(**stage))
    has(found, deploymentId=newer, variables={"b": "2"}, tracingEnabled=True)
    assert "accessLogSettings" not in found, found
    rest.delete_deployment(**api, deploymentId=deployment)
    rest.delete_stage(**stage)
    gone("NotFoundException", lambda: rest.get_stage(**stage))
    rest.delete_deployment(**api, deploymentId=newer)
    rest.delete_rest_api(**api)


def parts_of_an_api():
    api = {"restApiId": rest.create_rest_api(name="tf")["id"]}
    validator = rest.create_request_validator(**api, name="v", validateRequestBody=True)["id"]
    of = {**api, "requestValidatorId": validator}
    rest.update_request_validator(**of, patchOperations=[replace("/validateRequestParameters", "true")])
    has(same(lambda: rest.get_request_validator(**of)), validateRequestBody=True, validateRequestParameters=True)
    rest.create_model(**api, name="Order", contentType="application/json", schema='{"type": "object"}')
    model = {**api, "modelName": "Order"}
    rest.update_model(**model, patchOperations=[replace("/description", "d")])
    has(same(lambda: rest.get_model(**model, flatten=False)), schema='{"type": "object"}', description="d")
    authorizer = rest.create_authorizer(**api, name="a", type="TOKEN", authorizerUri=INVOKE,
                                        identitySource="method.request.header.Authorization",
                                        authorizerResultTtlInSeconds=300)["id"]
    named = {**api, "authorizerId": authorizer}
    rest.update_authorizer(**named, patchOperations=[replace("/authorizerResultTtlInSeconds", "60")])
    has(same(lambda: rest.get_authorizer(**named)), authorizerResultTtlInSeconds=60, type="TOKEN")
    answer = {**api, "responseType": "UNAUTHORIZED"}
    rest.put_gateway_response(**answer, statusCode="401", responseTemplates={"application/json": "{}"})
    has(same(lambda: rest.get_gateway_response(**answer)), statusCode="401", defaultResponse=False)
    rest.delete_gateway_response(**answer)
    rest.delete_authorizer(**named)
    rest.delete_model(**model)
    rest.delete_request_validator(**of)
    for get, members in [(rest.get_authorizer, named), (rest.get_model, model), (rest.get_request_validator, of)]:
        gone("NotFoundException", lambda: get(**members))
    rest.delete_rest_api(**api)


def account():
    rest.update_account(patchOperations=[replace("/cloudwatchRoleArn", ROLE)])
    has(same(rest.get_account), cloudwatchRoleArn=ROLE)


def usage_plan():
    api, deployment = deployed()
    rest.create_stage(**api, stageName="prod", deploymentId=deployment)
    stage = {"apiId": api["restApiId"], "stage": "prod"}
    key = rest.create_api_key(name="k", enabled=True)["id"]
    found = same(lambda: rest.get_api_key(apiKey=key, includeValue=True))
    assert found["value"] and found["createdDate"] and found["lastUpdatedDate"], found
    plan = rest.create_usage_plan(name="p", apiStages=[stage], quota={"limit": 10, "period": "DAY"})["id"]
    rest.update_usage_plan(usagePlanId=plan, patchOperations=[
        replace("/throttle/rateLimit", "5"), replace("/throttle/burstLimit", "2"), replace("/quota/limit", "20"),
        {"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:prod"},
        {"op": "add", "path": "/apiStages", "value": f"{stage['apiId']}:prod"}])
    found = same(lambda: rest.get_usage_plan(usagePlanId=plan))
    has(found, throttle={"rateLimit": 5.0, "burstLimit": 2}, apiStages=[stage])
    assert found["quota"]["limit"] == 20, found
    rest.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    has(same(lambda: rest.get_usage_plan_key(usagePlanId=plan, keyId=key)), type="API_KEY", name="k")
    rest.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    rest.update_usage_plan(usagePlanId=plan, patchOperations=[
        {"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:prod"}])
    rest.delete_usage_plan(usagePlanId=plan)
    gone("NotFoundException", lambda: rest.get_usage_plan(usagePlanId=plan))
    rest.delete_api_key(apiKey=key)
    gone("NotFoundException", lambda: rest.get_api_key(apiKey=key))
    rest.delete_rest_api(**api)


def domain_name_and_base_path():
    api, deployment = deployed()
    rest.create_stage(**api, stageName="prod", deploymentId=deployment)
    domain = {"domainName": "tf.example.com"}
    rest.create_domain_name(**domain, regionalCertificateArn=CERTIFICATE, securityPolicy="TLS_1_2",
                            endpointConfiguration={"types": ["REGIONAL"]}, tags={"a": "b"})
    found = same(lambda: rest.get_domain_name(**domain))
    has(found, domainNameStatus="AVAILABLE", regionalCertificateArn=CERTIFICATE, securityPolicy="TLS_1_2",
        tags={"a": "b"}, regionalHostedZoneId="Z1UJRXOUMOOFQ8")
    assert found["regionalDomainName"] and found["domainNameArn"], found
    other = CERTIFICATE + "2"
    rest.update_domain_name(**domain, patchOperations=[replace("/regionalCertificateArn", other)])
    has(same(lambda: rest.get_domain_name(**domain)), regionalCertificateArn=other)
    rest.create_base_path_mapping(**domain, basePath="v1", restApiId=api["restApiId"], stage="prod")
    mapping = {**domain, "basePath": "v1"}
    has(same(lambda: rest.get_base_path_mapping(**mapping)), stage="prod", restApiId=api["restApiId"])
    rest.update_base_path_mapping(**mapping, patchOperations=[replace("/basePath", "v2")])
    mapping["basePath"] = "v2"
    same(lambda: rest.get_base_path_mapping(**mapping))
    rest.delete_base_path_mapping(**mapping)
    gone("NotFoundException", lambda: rest.get_base_path_mapping(**mapping))
    rest.delete_domain_name(**domain)
    gone("NotFoundException", lambda: rest.get_domain_name(**domain))
    rest.delete_rest_api(**api)


def client_certificate():
    made = rest.generate_client_certificate(description="tf")["clientCertificateId"]
    found = same(lambda: rest.get_client_certificate(clientCertificateId=made))
    assert found["expirationDate"] > found["createdDate"] and "BEGIN CERTIFICATE" in found["pemEncodedCertificate"]
    rest.update_client_certificate(clientCertificateId=made, patchOperations=[replace("/description", "tf2")])
    has(same(lambda: rest.get_client_certificate(clientCertificateId=made)), description="tf2")
    rest.delete_client_certificate(clientCertificateId=made)
    gone("NotFoundException", lambda: rest.get_client_certificate(clientCertificateId=made))


def vpc_link():
    made = rest.create_vpc_link(name="tf", targetArns=[
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/1"])["id"]
    until("the link", lambda: rest.get_vpc_link(vpcLinkId=made), lambda found: found["status"] == "AVAILABLE")
    same(lambda: rest.get_vpc_link(vpcLinkId=made))
    rest.delete_vpc_link(vpcLinkId=made)
    gone("NotFoundException", lambda: rest.get_vpc_link(vpcLinkId=made))


def http_api():
    made = http.create_api(Name="tf", ProtocolType="HTTP", Tags={"a": "b"}, CorsConfiguration={"AllowOrigins": ["*"]})
    api = {"ApiId": made["ApiId"]}
    found = same(lambda: http.get_api(**api))
    has(found, RouteSelectionExpression="$request.method $request.path", Tags={"a": "b"}, IpAddressType="ipv4",
        ApiKeySelectionExpression="$request.header.x-api-key", DisableExecuteApiEndpoint=False)
    assert found["ApiEndpoint"], found
    http.update_api(**api, Name="tf2", Description="d")
    http.delete_cors_configuration(**api)
    found = same(lambda: http.get_api(**api))
    has(found, Name="tf2", Description="d")
    assert "CorsConfiguration" not in found, found
    integration = http.create_integration(**api, IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION,
                                          PayloadFormatVersion="2.0")["IntegrationId"]
    of = {**api, "IntegrationId": integration}
    has(same(lambda: http.get_integration(**of)), ConnectionType="INTERNET", TimeoutInMillis=30000)
    http.update_integration(**of, TimeoutInMillis=1000)
    has(same(lambda: http.get_integration(**of)), TimeoutInMillis=1000)
    authorizer = http.create_authorizer(**api, Name="a", AuthorizerType="JWT", IdentitySource=["$request.header.A"],
                                        JwtConfiguration={"Issuer": "https://issuer", "Audience": ["x"]})["AuthorizerId"]
    same(lambda: http.get_authorizer(**api, AuthorizerId=authorizer))
    route = http.create_route(**api, RouteKey="GET /", Target=f"integrations/{integration}")["RouteId"]
    has(same(lambda: http.get_route(**api, RouteId=route)), AuthorizationType="NONE", ApiKeyRequired=False)
    http.update_route(**api, RouteId=route, AuthorizationType="JWT", AuthorizerId=authorizer)
    has(same(lambda: http.get_route(**api, RouteId=route)), AuthorizationType="JWT")
    refused("ConflictException", lambda: http.delete_integration(**of))
    deployment = http.create_deployment(**api)["DeploymentId"]
    until("the deployment", lambda: http.get_deployment(**api, DeploymentId=deployment),
          lambda found: found["DeploymentStatus"] == "DEPLOYED")
    stage = {**api, "StageName": "prod"}
    http.create_stage(**stage, DeploymentId=deployment, StageVariables={"a": "1"}, Tags={"x": "y"},
                      AccessLogSettings={"DestinationArn": LOGS, "Format": "$context.requestId"},
                      DefaultRouteSettings={"DetailedMetricsEnabled": True, "ThrottlingBurstLimit": 5})
    found = same(lambda: http.get_stage(**stage))
    has(found, Tags={"x": "y"}, AccessLogSettings={"DestinationArn": LOGS, "Format": "$context.requestId"},
        DefaultRouteSettings={"DetailedMetricsEnabled": True, "ThrottlingBurstLimit": 5})
    http.update_stage(**stage, RouteSettings={"GET /": {"ThrottlingRateLimit": 3.0}})
    has(same(lambda: http.get_stage(**stage)), RouteSettings={"GET /": {"ThrottlingRateLimit": 3.0}})
    http.delete_route_settings(**stage, RouteKey="GET /")
    http.delete_access_log_settings(**stage)
    found = same(lambda: http.get_stage(**stage))
    assert found["RouteSettings"] == {} and "AccessLogSettings" not in found, found
    for delete, get, members in [
            (http.delete_stage, http.get_stage, stage),
            (http.delete_deployment, http.get_deployment, {**api, "DeploymentId": deployment}),
            (http.delete_route, http.get_route, {**api, "RouteId": route}),
            (http.delete_authorizer, http.get_authorizer, {**api, "AuthorizerId": authorizer}),
            (http.delete_integration, http.get_integration, of), (http.delete_api, http.get_api, api)]:
        delete(**members)
        gone("NotFoundException", lambda: get(**members))


def http_domain_name_and_mapping():
    api = http.create_api(Name="tf", ProtocolType="HTTP", Target=FUNCTION)["ApiId"]
    domain = {"DomainName": "tf2.example.com"}
    http.create_domain_name(**domain, DomainNameConfigurations=[
        {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}])
    found = until("the domain", lambda: http.get_domain_name(**domain),
                  lambda found: found["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE")
    assert found["ApiMappingSelectionExpression"] == "$request.basepath", found
    same(lambda: http.get_domain_name(**domain))
    mapping = http.create_api_mapping(**domain, ApiId=api, Stage="$default", ApiMappingKey="v1/orders")["ApiMappingId"]
    of = {**domain, "ApiMappingId": mapping}
    has(same(lambda: http.get_api_mapping(**of)), ApiMappingKey="v1/orders", Stage="$default")
    http.update_api_mapping(**of, ApiId=api, ApiMappingKey="v2")
    has(same(lambda: http.get_api_mapping(**of)), ApiMappingKey="v2")
    http.delete_api_mapping(**of)
    gone("NotFoundException", lambda: http.get_api_mapping(**of))
    http.delete_domain_name(**domain)
    gone("NotFoundException", lambda: http.get_domain_name(**domain))
    http.delete_api(ApiId=api)


def http_vpc_link():
    made = http.create_vpc_link(Name="tf", SubnetIds=["subnet-1"], SecurityGroupIds=[])["VpcLinkId"]
    until("the link", lambda: http.get_vpc_link(VpcLinkId=made),
          lambda found: found["VpcLinkStatus"] == "AVAILABLE")
    http.tag_resource(ResourceArn=f"arn:aws:apigateway:us-east-1::/vpclinks/{made}", Tags={"a": "b"})
    has(same(lambda: http.get_vpc_link(VpcLinkId=made)), Tags={"a": "b"})
    http.delete_vpc_link(VpcLinkId=made)
    gone("NotFoundException", lambda: http.get_vpc_link(VpcLinkId=made))


replay([rest_api, method_and_integration, deployment_and_stage, parts_of_an_api, account, usage_plan,
        domain_name_and_base_path, client_certificate, vpc_link, http_api, http_domain_name_and_mapping,
        http_vpc_link])
