"""The calls of chalice, which deploys without CloudFormation: a first deployment and a second one, in the order in which
chalice makes them, with the API as the Swagger document that chalice generates."""

import json
import time
import urllib.request

import boto3
from botocore.exceptions import ClientError

from archive import zipped

ROLE = "app-dev"
FUNCTION = "app-dev"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Sid": "", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
iam, awslambda, rest = boto3.client("iam"), boto3.client("lambda"), boto3.client("apigateway")


def archive(greeting):
    return zipped("app.py", (
        "import json\n"
        "def app(event, context):\n"
        f"    body = {{'hello': {greeting!r}, 'path': event['path'], 'name': (event['pathParameters'] or {{}}).get('name')}}\n"
        "    return {'statusCode': 200, 'headers': {'Content-Type': 'application/json'}, 'body': json.dumps(body)}\n"))


def swagger(function):
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    def operation(parameters=()):
        return {
            "consumes": ["application/json"], "produces": ["application/json"],
            "responses": {"200": {"description": "200 response", "schema": {"$ref": "#/definitions/Empty"}}},
            **({"parameters": [{"name": name, "in": "path", "required": True, "type": "string"}
                               for name in parameters]} if parameters else {}),
            "x-amazon-apigateway-integration": {
                "responses": {"default": {"statusCode": "200"}}, "uri": uri, "passthroughBehavior": "when_no_match",
                "httpMethod": "POST", "contentHandling": "CONVERT_TO_TEXT", "type": "aws_proxy"},
        }
    return {
        "swagger": "2.0", "info": {"version": "1.0", "title": "app"}, "schemes": ["https"],
        "paths": {"/": {"get": operation()}, "/hello/{name}": {"get": operation(["name"])}},
        "definitions": {"Empty": {"type": "object", "title": "Empty Schema"}},
        "x-amazon-apigateway-binary-media-types": ["application/octet-stream", "image/png"],
    }


def absent(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"{code} was expected")


def active():
    end = time.monotonic() + 20
    while True:
        found = awslambda.get_function_configuration(FunctionName=FUNCTION)
        if found["State"] == "Active" and found.get("LastUpdateStatus", "Successful") == "Successful":
            return
        assert time.monotonic() < end, found
        time.sleep(0.05)


def ask(api, path):
    endpoint = rest.meta.endpoint_url
    with urllib.request.urlopen(f"{endpoint}/restapis/{api}/api/_user_request_{path}") as answer:
        return json.load(answer)


def permit(api):
    """AddPermission, unless the policy has it."""
    source = f"arn:aws:execute-api:us-east-1:000000000000:{api}/*"
    try:
        policy = json.loads(awslambda.get_policy(FunctionName=FUNCTION)["Policy"])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
        policy = {"Statement": []}
    if not any(one["Condition"]["ArnLike"]["AWS:SourceArn"] == source for one in policy["Statement"]):
        awslambda.add_permission(FunctionName=FUNCTION, Action="lambda:InvokeFunction", SourceArn=source,
                                 StatementId="chalice", Principal="apigateway.amazonaws.com")


def first():
    absent("NoSuchEntity", lambda: iam.get_role(RoleName=ROLE))
    absent("ResourceNotFoundException", lambda: awslambda.get_function(FunctionName=FUNCTION))
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=ROLE, PolicyName=ROLE, PolicyDocument=json.dumps(POLICY))
    made = awslambda.create_function(FunctionName=FUNCTION, Runtime="python3.12", Handler="app.app", Role=role,
                                     Code={"ZipFile": archive("one")}, Timeout=60, MemorySize=128)
    active()
    awslambda.delete_function_concurrency(FunctionName=FUNCTION)
    arn = made["FunctionArn"]
    api = rest.import_rest_api(body=json.dumps(swagger(arn)), parameters={"endpointConfigurationTypes": "EDGE"})["id"]
    changed = rest.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/minimumCompressionSize", "value": ""}])
    assert "minimumCompressionSize" not in changed, changed
    permit(api)
    rest.create_deployment(restApiId=api, stageName="api")
    return api, role


def second(api, role):
    iam.get_role(RoleName=ROLE)
    iam.get_role(RoleName=ROLE)
    arn = awslambda.get_function(FunctionName=FUNCTION)["Configuration"]["FunctionArn"]
    iam.put_role_policy(RoleName=ROLE, PolicyName=ROLE, PolicyDocument=json.dumps(POLICY))
    awslambda.update_function_code(FunctionName=FUNCTION, ZipFile=archive("two"))
    active()
    awslambda.update_function_configuration(FunctionName=FUNCTION, Runtime="python3.12", Role=role, Timeout=60)
    active()
    awslambda.list_tags(Resource=arn)
    awslambda.delete_function_concurrency(FunctionName=FUNCTION)
    found = rest.get_rest_api(restApiId=api)
    assert found["name"] == "app" and found["endpointConfiguration"]["types"] == ["EDGE"], found
    assert sorted(found["binaryMediaTypes"]) == ["application/octet-stream", "image/png"], found
    rest.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(swagger(arn)))
    permit(api)
    rest.create_deployment(restApiId=api, stageName="api")


made, assumed = first()
assert ask(made, "/hello/you") == {"hello": "one", "path": "/hello/you", "name": "you"}
second(made, assumed)
assert ask(made, "/hello/you") == {"hello": "two", "path": "/hello/you", "name": "you"}
assert ask(made, "/")["name"] is None
rest.delete_rest_api(restApiId=made)
print("chalice is content")
