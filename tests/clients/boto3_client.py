"""boto3 against Tule: functions, logs, objects, workflows, errors."""

import io
import json
import time

import boto3
from botocore.exceptions import ClientError

from archive import zipped

ROLE = "arn:aws:iam::000000000000:role/r"


def until(what, ask, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        found = ask()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("no error")


aws_lambda, logs, s3, states = (boto3.client(name) for name in ("lambda", "logs", "s3", "stepfunctions"))

# A function, its waiters, its answer, its error, its log.
source = """
import json
def handler(event, context):
    print("asked for", event["name"])
    if event["name"] == "nobody":
        raise ValueError("there is nobody")
    return {"greeting": "hello " + event["name"], "id": context.aws_request_id}
"""
aws_lambda.create_function(
    FunctionName="greet", Runtime="python3.12", Handler="index.handler", Role=ROLE, Code={"ZipFile": zipped("index.py", source)}
)
aws_lambda.get_waiter("function_active_v2").wait(FunctionName="greet", WaiterConfig={"Delay": 1})
answer = aws_lambda.invoke(FunctionName="greet", Payload=json.dumps({"name": "Tule"}), LogType="Tail")
payload = json.loads(answer["Payload"].read())
assert payload["greeting"] == "hello Tule", payload
assert payload["id"] == answer["ResponseMetadata"]["RequestId"], (payload, answer)
failed = aws_lambda.invoke(FunctionName="greet", Payload=json.dumps({"name": "nobody"}))
assert failed["FunctionError"] == "Unhandled", failed
error = json.loads(failed["Payload"].read())
assert (error["errorType"], error["errorMessage"]) == ("ValueError", "there is nobody"), error
assert aws_lambda.invoke(FunctionName="greet", InvocationType="Event", Payload=b'{"name": "later"}')["StatusCode"] == 202
assert aws_lambda.invoke(FunctionName="greet", InvocationType="DryRun")["StatusCode"] == 204
group = "/aws/lambda/greet"
found = until(
    "the log",
    lambda: [event["message"] for event in logs.filter_log_events(logGroupName=group, filterPattern='"asked for"')["events"]],
)
assert any("asked for Tule" in message for message in found), found
assert code_of(aws_lambda.get_function, FunctionName="none") == ("ResourceNotFoundException", 404)
assert code_of(aws_lambda.create_function, FunctionName="greet", Runtime="python3.12", Handler="index.handler", Role=ROLE,
               Code={"ZipFile": zipped("index.py", source)}) == ("ResourceConflictException", 409)
assert code_of(aws_lambda.create_function, FunctionName="broken", Runtime="python3.12", Handler="index.handler", Role=ROLE,
               Code={"ZipFile": b"no zip"})[1] == 400

# Objects, in one put and in parts.
s3.create_bucket(Bucket="from-boto3")
s3.put_object(Bucket="from-boto3", Key="a", Body=b"content", Metadata={"colour": "red"})
assert s3.get_object(Bucket="from-boto3", Key="a")["Body"].read() == b"content"
s3.upload_fileobj(io.BytesIO(b"x" * (20 << 20)), "from-boto3", "large")
assert s3.head_object(Bucket="from-boto3", Key="large")["ContentLength"] == 20 << 20
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="from-boto3", PaginationConfig={"PageSize": 1})
assert [item["Key"] for page in pages for item in page["Contents"]] == ["a", "large"]
assert code_of(s3.get_object, Bucket="from-boto3", Key="none") == ("NoSuchKey", 404)

# A workflow over the function.
definition = {
    "StartAt": "Greet",
    "States": {
        "Greet": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "greet", "Payload.$": "$"},
            "ResultSelector": {"greeting.$": "$.Payload.greeting"},
            "Catch": [{"ErrorEquals": ["ValueError"], "Next": "Nobody"}],
            "End": True,
        },
        "Nobody": {"Type": "Fail", "Error": "Nobody", "Cause": "there is nobody to greet"},
    },
}
machine = states.create_state_machine(name="greeting", definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
for name, status in (("Tule", "SUCCEEDED"), ("nobody", "FAILED")):
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps({"name": name}))["executionArn"]
    ended = until(name, lambda: (found := states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found)
    assert ended["status"] == status, ended
assert ended["error"] == "Nobody", ended
history = states.get_execution_history(executionArn=execution)["events"]
assert [event["type"] for event in history] == [
    "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskStateExited",
    "FailStateEntered", "ExecutionFailed",
], history
assert code_of(states.describe_execution, executionArn=execution + "x") == ("ExecutionDoesNotExist", 400)
print("boto3 is content")
