"""The calls of Terraform's AWS provider, resource by resource: create, read, read again (no drift), update, delete, in the
order in which the provider makes them, with the checks on which it fails, loops or sees drift."""

import base64
import hashlib
import json
import time
import urllib.parse

import boto3
from botocore.exceptions import ClientError

from archive import zipped
from provider import gone, replay, same, until

ROLE = "arn:aws:iam::000000000000:role/terraform"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
awslambda, iam, states, logs, sqs = (boto3.client(name) for name in ("lambda", "iam", "stepfunctions", "logs", "sqs"))


ONE = zipped("index.py", "def handler(event, context):\n    return 1\n")
TWO = zipped("index.py", "def handler(event, context):\n    return 2\n")


def read_function(name):
    found = awslambda.get_function(FunctionName=name)
    assert found["Code"] and found["Configuration"], found
    versions, marker = [], {}
    while True:
        page = awslambda.list_versions_by_function(FunctionName=name, MaxItems=50, **marker)
        versions += page["Versions"]
        if not page.get("NextMarker"):
            break
        marker = {"Marker": page["NextMarker"]}
    numbers = [version["Version"] for version in versions]
    assert numbers[0] == "$LATEST" and numbers[1:] == sorted(numbers[1:], key=int), numbers
    if found["Configuration"]["PackageType"] == "Zip":
        signing = awslambda.get_function_code_signing_config(FunctionName=name)
        assert not signing.get("CodeSigningConfigArn"), signing
    return found


def updated(name):
    def state():
        return awslambda.get_function(FunctionName=name)["Configuration"]
    def is_done(found):
        assert found["LastUpdateStatus"] in ("InProgress", "Successful"), found
        return found["LastUpdateStatus"] == "Successful"
    return until("LastUpdateStatus", state, is_done)


def create_function(name, **members):
    awslambda.create_function(FunctionName=name, Runtime="python3.12", Handler="index.handler", Role=ROLE,
                              Code={"ZipFile": ONE}, **members)
    def is_done(found):
        assert found["Configuration"]["State"] in ("Pending", "Active"), found
        return found["Configuration"]["State"] == "Active"
    return until("State", lambda: awslambda.get_function(FunctionName=name), is_done)


def delete_function(name):
    awslambda.delete_function(FunctionName=name)
    gone("ResourceNotFoundException", lambda: awslambda.get_function(FunctionName=name))


def lambda_function():
    create_function("tf", Tags={"made": "by terraform"}, Environment={"Variables": {"MODE": "1"}})
    awslambda.put_function_concurrency(FunctionName="tf", ReservedConcurrentExecutions=3)
    found = same(lambda: read_function("tf"))
    configuration = found["Configuration"]
    expected = {
        "Architectures": ["x86_64"], "CodeSha256": base64.b64encode(hashlib.sha256(ONE).digest()).decode(),
        "MemorySize": 128, "Timeout": 3, "PackageType": "Zip", "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/tf"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "Environment": {"Variables": {"MODE": "1"}},
    }
    for key, value in expected.items():
        assert configuration[key] == value, (key, configuration.get(key))
    time.strptime(configuration["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert found["Tags"] == {"made": "by terraform"} and found["Concurrency"] == {"ReservedConcurrentExecutions": 3}

    awslambda.update_function_configuration(FunctionName="tf", MemorySize=256, Environment={"Variables": {}})
    changed = updated("tf")
    assert changed["MemorySize"] == 256 and not changed.get("Environment", {}).get("Variables"), changed
    awslambda.update_function_code(FunctionName="tf", ZipFile=TWO)
    assert updated("tf")["CodeSha256"] == base64.b64encode(hashlib.sha256(TWO).digest()).decode()
    awslambda.delete_function_concurrency(FunctionName="tf")
    arn = configuration["FunctionArn"]
    awslambda.untag_resource(Resource=arn, TagKeys=["made"])
    awslambda.tag_resource(Resource=arn, Tags={"other": "tag"})
    version = awslambda.publish_version(FunctionName="tf")["Version"]
    until("the version", lambda: awslambda.get_function_configuration(FunctionName="tf", Qualifier=version),
          lambda found: found["LastUpdateStatus"] == "Successful")
    found = same(lambda: read_function("tf"))
    assert "Concurrency" not in found and found["Tags"] == {"other": "tag"}, found
    payload = awslambda.invoke(FunctionName="tf", Qualifier=version)["Payload"].read()
    assert payload == b"2", payload
    delete_function("tf")


def lambda_permission():
    create_function("tf")
    statement = {"FunctionName": "tf", "StatementId": "api", "Action": "lambda:InvokeFunction",
                 "Principal": "apigateway.amazonaws.com", "SourceArn": "arn:aws:execute-api:us-east-1:000000000000:a/*"}
    awslambda.add_permission(**statement)
    read = same(lambda: awslambda.get_policy(FunctionName="tf"))
    (found,) = [it for it in json.loads(read["Policy"])["Statement"] if it["Sid"] == "api"]
    assert isinstance(found["Action"], str) and isinstance(found["Resource"], str), found
    assert found["Principal"] == {"Service": "apigateway.amazonaws.com"}, found
    assert found["Condition"] == {"ArnLike": {"AWS:SourceArn": statement["SourceArn"]}}, found
    assert found["Resource"].endswith(":function:tf"), found
    awslambda.remove_permission(FunctionName="tf", StatementId="api")
    gone("ResourceNotFoundException", lambda: awslambda.get_policy(FunctionName="tf"))
    delete_function("tf")


def lambda_alias():
    create_function("tf", Publish=True)
    awslambda.create_alias(FunctionName="tf", Name="live", FunctionVersion="1", Description="")
    found = same(lambda: awslambda.get_alias(FunctionName="tf", Name="live"))
    assert found["AliasArn"].endswith(":function:tf:live") and found["FunctionVersion"] == "1", found
    awslambda.update_function_code(FunctionName="tf", ZipFile=TWO)
    updated("tf")
    awslambda.publish_version(FunctionName="tf")
    awslambda.update_alias(FunctionName="tf", Name="live", FunctionVersion="2",
                           RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    weights = awslambda.get_alias(FunctionName="tf", Name="live")["RoutingConfig"]["AdditionalVersionWeights"]
    assert weights == {"1": 0.5}, weights
    awslambda.update_alias(FunctionName="tf", Name="live", FunctionVersion="2", RoutingConfig={})
    until("no weights", lambda: awslambda.get_alias(FunctionName="tf", Name="live"),
          lambda found: not found.get("RoutingConfig", {}).get("AdditionalVersionWeights"))
    awslambda.put_provisioned_concurrency_config(FunctionName="tf", Qualifier="live", ProvisionedConcurrentExecutions=1)
    until("provisioned", lambda: awslambda.get_provisioned_concurrency_config(FunctionName="tf", Qualifier="live"),
          lambda found: found["Status"] == "READY")
    awslambda.delete_provisioned_concurrency_config(FunctionName="tf", Qualifier="live")
    gone("ProvisionedConcurrencyConfigNotFoundException",
         lambda: awslambda.get_provisioned_concurrency_config(FunctionName="tf", Qualifier="live"))
    awslambda.delete_alias(FunctionName="tf", Name="live")
    gone("ResourceNotFoundException", lambda: awslambda.get_alias(FunctionName="tf", Name="live"))
    delete_function("tf")


def lambda_layer_version():
    made = awslambda.publish_layer_version(LayerName="tf", Content={"ZipFile": ONE}, CompatibleRuntimes=["python3.12"])
    name, version = made["LayerVersionArn"].split(":")[-2:]
    read = same(lambda: awslambda.get_layer_version(LayerName=name, VersionNumber=int(version)))
    assert read["LayerArn"] and read["LayerVersionArn"] and read["CreatedDate"], read
    assert read["Content"]["CodeSha256"] and read["Content"]["CodeSize"] == len(ONE), read["Content"]
    awslambda.add_layer_version_permission(LayerName=name, VersionNumber=int(version), StatementId="all",
                                           Action="lambda:GetLayerVersion", Principal="*")
    policy = same(lambda: awslambda.get_layer_version_policy(LayerName=name, VersionNumber=int(version)))
    assert json.loads(policy["Policy"])["Statement"][0]["Sid"] == "all", policy
    awslambda.remove_layer_version_permission(LayerName=name, VersionNumber=int(version), StatementId="all")
    gone("ResourceNotFoundException",
         lambda: awslambda.get_layer_version_policy(LayerName=name, VersionNumber=int(version)))
    awslambda.delete_layer_version(LayerName=name, VersionNumber=int(version))
    gone("ResourceNotFoundException", lambda: awslambda.get_layer_version(LayerName=name, VersionNumber=int(version)))


def lambda_function_url():
    create_function("tf")
    awslambda.create_function_url_config(FunctionName="tf", AuthType="NONE")
    public = {"FunctionName": "tf", "StatementId": "FunctionURLAllowPublicAccess", "Principal": "*",
              "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}
    awslambda.add_permission(**public)
    try:
        awslambda.add_permission(**public)
        raise AssertionError("the statement was added twice")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceConflictException", error
        wanted = "The statement id (FunctionURLAllowPublicAccess) provided already exists"
        assert wanted in error.response["Error"]["Message"], error
    found = same(lambda: awslambda.get_function_url_config(FunctionName="tf"))
    assert urllib.parse.urlparse(found["FunctionUrl"]).hostname.split(".")[0], found
    assert found["InvokeMode"] == "BUFFERED" and found["FunctionArn"].endswith(":function:tf"), found
    cors = {"AllowOrigins": ["*"], "MaxAge": 60}
    awslambda.update_function_url_config(FunctionName="tf", AuthType="AWS_IAM", Cors=cors)
    found = awslambda.get_function_url_config(FunctionName="tf")
    assert found["AuthType"] == "AWS_IAM" and found["Cors"] == cors, found
    awslambda.delete_function_url_config(FunctionName="tf")
    gone("ResourceNotFoundException", lambda: awslambda.get_function_url_config(FunctionName="tf"))
    delete_function("tf")


def lambda_event_invoke_config():
    create_function("tf")
    awslambda.put_function_event_invoke_config(FunctionName="tf", MaximumRetryAttempts=1)
    found = same(lambda: awslambda.get_function_event_invoke_config(FunctionName="tf"))
    assert found["MaximumRetryAttempts"] == 1, found
    awslambda.put_function_event_invoke_config(FunctionName="tf", MaximumEventAgeInSeconds=60)
    found = awslambda.get_function_event_invoke_config(FunctionName="tf")
    assert found["MaximumEventAgeInSeconds"] == 60 and found.get("MaximumRetryAttempts") is None, found
    awslambda.delete_function_event_invoke_config(FunctionName="tf")
    gone("ResourceNotFoundException", lambda: awslambda.get_function_event_invoke_config(FunctionName="tf"))
    delete_function("tf")


def lambda_code_signing_config():
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"]}
    made = awslambda.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]
    arn = made["CodeSigningConfigArn"]
    same(lambda: awslambda.get_code_signing_config(CodeSigningConfigArn=arn))
    awslambda.update_code_signing_config(CodeSigningConfigArn=arn, Description="changed")
    found = awslambda.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
    assert found["Description"] == "changed", found
    awslambda.delete_code_signing_config(CodeSigningConfigArn=arn)
    gone("ResourceNotFoundException", lambda: awslambda.get_code_signing_config(CodeSigningConfigArn=arn))


def lambda_event_source_mapping():
    create_function("tf")
    queue = sqs.create_queue(QueueName="tf")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    uuid = awslambda.create_event_source_mapping(EventSourceArn=arn, FunctionName="tf", BatchSize=5)["UUID"]
    def settled():
        def is_done(found):
            assert found["State"] in ("Creating", "Enabling", "Enabled", "Updating", "Disabling", "Disabled"), found
            return found["State"] in ("Enabled", "Disabled")
        return until("State", lambda: awslambda.get_event_source_mapping(UUID=uuid), is_done)
    assert settled()["BatchSize"] == 5
    found = awslambda.get_event_source_mapping(UUID=uuid)
    assert awslambda.list_tags(Resource=found["EventSourceMappingArn"])["Tags"] == {}
    awslambda.update_event_source_mapping(UUID=uuid, BatchSize=7, Enabled=False)
    found = settled()
    assert found["BatchSize"] == 7 and found["State"] == "Disabled", found
    awslambda.delete_event_source_mapping(UUID=uuid)
    gone("ResourceNotFoundException", lambda: awslambda.get_event_source_mapping(UUID=uuid))
    sqs.delete_queue(QueueUrl=queue)
    delete_function("tf")


def iam_role():
    made = iam.create_role(RoleName="tf", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=3600, Path="/")["Role"]
    assert made["Arn"].startswith("arn:aws:iam::") and made["RoleId"] and made["CreateDate"], made
    iam.put_role_policy(RoleName="tf", PolicyName="inline", PolicyDocument=TRUST)
    managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="tf", PolicyArn=managed)
    found = same(lambda: iam.get_role(RoleName="tf"))["Role"]
    assert found["AssumeRolePolicyDocument"] == json.loads(TRUST) and found["MaxSessionDuration"] == 3600, found
    assert iam.list_role_policies(RoleName="tf")["PolicyNames"] == ["inline"]
    assert iam.get_role_policy(RoleName="tf", PolicyName="inline")["PolicyDocument"] == json.loads(TRUST)
    assert iam.list_attached_role_policies(RoleName="tf")["AttachedPolicies"][0]["PolicyArn"] == managed
    iam.update_role_description(RoleName="tf", Description="changed")
    iam.tag_role(RoleName="tf", Tags=[{"Key": "a", "Value": "b"}])
    assert iam.get_role(RoleName="tf")["Role"]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.list_instance_profiles_for_role(RoleName="tf")["InstanceProfiles"] == []
    try:
        iam.delete_role(RoleName="tf")
        raise AssertionError("a role was deleted that has policies")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "DeleteConflict", error
    iam.detach_role_policy(RoleName="tf", PolicyArn=managed)
    iam.delete_role_policy(RoleName="tf", PolicyName="inline")
    iam.delete_role(RoleName="tf")
    gone("NoSuchEntity", lambda: iam.get_role(RoleName="tf"))


def sfn_state_machine():
    definition = '{ "StartAt": "A",\n "States": {"A": {"Type": "Pass", "End": true}} }'
    assert states.validate_state_machine_definition(definition=definition, type="STANDARD")["result"] == "OK"
    arn = states.create_state_machine(name="tf", definition=definition, roleArn=ROLE)["stateMachineArn"]
    found = same(lambda: states.describe_state_machine(stateMachineArn=arn))
    assert found["definition"] == definition and found["status"] == "ACTIVE" and found["creationDate"], found
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}, found
    assert found["tracingConfiguration"] == {"enabled": False}, found
    assert states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == []
    changed = definition.replace('"Pass"', '"Pass", "Comment": "changed"')
    states.update_state_machine(stateMachineArn=arn, definition=changed, roleArn=ROLE, publish=True)
    until("the definition", lambda: states.describe_state_machine(stateMachineArn=arn),
          lambda found: json.loads(found["definition"]) == json.loads(changed))
    (version,) = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    routing = [{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=routing)["stateMachineAliasArn"]
    found = same(lambda: states.describe_state_machine_alias(stateMachineAliasArn=alias))
    assert found["routingConfiguration"] == routing, found
    states.update_state_machine_alias(stateMachineAliasArn=alias, description="changed")
    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    gone("ResourceNotFound", lambda: states.describe_state_machine_alias(stateMachineAliasArn=alias))
    states.delete_state_machine(stateMachineArn=arn)
    gone("StateMachineDoesNotExist", lambda: states.describe_state_machine(stateMachineArn=arn))


def sfn_activity():
    arn = states.create_activity(name="tf", tags=[{"key": "a", "value": "b"}])["activityArn"]
    assert same(lambda: states.describe_activity(activityArn=arn))["creationDate"]
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    states.delete_activity(activityArn=arn)
    gone("ActivityDoesNotExist", lambda: states.describe_activity(activityArn=arn))


def cloudwatch_log_group():
    logs.create_log_group(logGroupName="/tf", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="/tf", retentionInDays=7)
    def read():
        groups = logs.describe_log_groups(logGroupNamePrefix="/tf")["logGroups"]
        (found,) = [group for group in groups if group["logGroupName"] == "/tf"]
        return found
    found = same(read)
    assert found["retentionInDays"] == 7 and found["arn"].endswith(":log-group:/tf:*"), found
    assert found["logGroupClass"] == "STANDARD" and not found["logGroupArn"].endswith(":*"), found
    assert logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"] == {"a": "b"}
    logs.delete_retention_policy(logGroupName="/tf")
    assert "retentionInDays" not in read()
    logs.delete_log_group(logGroupName="/tf")
    assert logs.describe_log_groups(logGroupNamePrefix="/tf")["logGroups"] == []


RESOURCES = [lambda_function, lambda_permission, lambda_alias, lambda_layer_version, lambda_function_url,
             lambda_event_invoke_config, lambda_code_signing_config, lambda_event_source_mapping, iam_role,
             sfn_state_machine, sfn_activity, cloudwatch_log_group]

replay(RESOURCES)
