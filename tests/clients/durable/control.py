"""What people do with executions, by boto3: names, waits for answers, pauses, stops, lists, pages, removals."""

import json
import time

from deploy import FIXTURES, archive, client, function, python_layer

from botocore.exceptions import ClientError

lambda_ = client("lambda")
PATIENCE = 60


def wait_for(what, ask):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise SystemExit(f"waited in vain for {what}")


def refused(code, call, **members):
    try:
        answer = call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise SystemExit(f"{call} should have been refused: {answer}")


def begin(target, name=None, **event):
    more = {"DurableExecutionName": name} if name else {}
    invoked = lambda_.invoke(FunctionName=target, InvocationType="Event", Payload=json.dumps(event), **more)
    assert invoked["StatusCode"] == 202, invoked
    return invoked["DurableExecutionArn"]


def status(arn):
    return lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"]


def has(arn, wanted):
    return wait_for(f"{wanted} of {arn}", lambda: status(arn) == wanted)


def events(arn, kind=None):
    found = lambda_.get_durable_execution_history(DurableExecutionArn=arn, MaxItems=1000)["Events"]
    return [event for event in found if kind in (None, event["EventType"])]


def answers(targets):
    """Those who wait get the result, whoever asks with the same name and payload gets the same one."""
    invoked = lambda_.invoke(FunctionName=targets["waits"], Payload='{"waits": 2}', DurableExecutionName="one")
    assert (invoked["StatusCode"], json.load(invoked["Payload"])) == (200, "done"), invoked
    again = lambda_.invoke(FunctionName=targets["waits"], Payload='{"waits": 2}', DurableExecutionName="one")
    assert again["DurableExecutionArn"] == invoked["DurableExecutionArn"] and json.load(again["Payload"]) == "done"
    other = dict(FunctionName=targets["waits"], Payload='{"waits": 3}', DurableExecutionName="one")
    refused("DurableExecutionAlreadyStartedException", lambda_.invoke, **other)
    assert "unqualified" in refused("InvalidParameterValueException", lambda_.invoke, FunctionName="waits", Payload="{}")
    failed = lambda_.invoke(FunctionName=targets["waits"], Payload="{}")
    assert failed["FunctionError"] == "Unhandled", failed
    assert "KeyError" in json.load(failed["Payload"])["errorType"], failed


def pauses(targets):
    """A pause takes hold at the next checkpoint, and nothing runs until it is over."""
    arn = begin(targets["busy"], steps=20)
    wait_for("some steps", lambda: len(events(arn, "StepSucceeded")) > 2)
    lambda_.pause_durable_execution(DurableExecutionArn=arn, Reason="to look")
    has(arn, "PAUSED")
    paused = lambda_.get_durable_execution(DurableExecutionArn=arn)["PauseDetails"]
    assert paused["Reason"] == "to look" and paused["ExecutionTimeoutPaused"], paused
    wait_for("the end of the invocation", lambda: events(arn, "InvocationCompleted"))
    steps = len(events(arn, "StepSucceeded"))
    refused("ResourceConflictException", lambda_.pause_durable_execution, DurableExecutionArn=arn)
    time.sleep(1)
    assert len(events(arn, "StepSucceeded")) == steps < 20
    lambda_.resume_durable_execution(DurableExecutionArn=arn, Reason="seen")
    has(arn, "SUCCEEDED")
    assert len(events(arn, "StepSucceeded")) == 20
    assert events(arn, "ExecutionPaused") and events(arn, "ExecutionResumed")
    refused("ResourceConflictException", lambda_.resume_durable_execution, DurableExecutionArn=arn)
    # Waits end during a pause; the function hears of it afterwards.
    arn = begin(targets["waits"], waits=1)
    wait_for("the wait", lambda: events(arn, "InvocationCompleted"))
    lambda_.pause_durable_execution(DurableExecutionArn=arn)
    wait_for("the end of the wait", lambda: events(arn, "WaitSucceeded"))
    assert status(arn) == "PAUSED" and len(events(arn, "InvocationCompleted")) == 1
    lambda_.resume_durable_execution(DurableExecutionArn=arn)
    has(arn, "SUCCEEDED")


def stops(targets):
    arn = begin(targets["calls_back"])
    callback = wait_for("the callback", lambda: events(arn, "CallbackStarted"))[0]["CallbackStartedDetails"]["CallbackId"]
    refused("ResourceConflictException", lambda_.delete_durable_execution, DurableExecutionArn=arn)
    stopped = lambda_.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorType": "Enough", "ErrorMessage": "no more"})
    has(arn, "STOPPED")
    assert lambda_.stop_durable_execution(DurableExecutionArn=arn)["StopTimestamp"] == stopped["StopTimestamp"]
    assert lambda_.get_durable_execution(DurableExecutionArn=arn)["Error"]["ErrorType"] == "Enough"
    send = lambda_.send_durable_execution_callback_success
    refused("CallbackTimeoutException", send, CallbackId=callback, Result=b"1")
    refused("InvalidParameterValueException", send, CallbackId="cnViYmlzaA==")
    lambda_.delete_durable_execution(DurableExecutionArn=arn)
    wait_for("the removal", lambda: "does not exist" in gone(arn))


def gone(arn):
    try:
        return status(arn)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
        return str(error)


def lists(targets):
    function = targets["large"].split(":")[0]
    arns = [begin(targets["large"], name=f"n{number}", size=number) for number in range(5)]
    for arn in arns:
        has(arn, "SUCCEEDED")
    def listed(**filters):
        pages = lambda_.get_paginator("list_durable_executions_by_function").paginate(FunctionName=function, **filters)
        return [found["DurableExecutionArn"] for page in pages for found in page["DurableExecutions"]]

    assert listed() == arns[::-1]
    assert listed(ReverseOrder=True, PaginationConfig={"PageSize": 2}) == arns
    assert listed(PaginationConfig={"PageSize": 2}) == arns[::-1]
    assert listed(DurableExecutionName="n3") == [arns[3]]
    assert listed(Statuses=["RUNNING"]) == [] and len(listed(Statuses=["RUNNING", "SUCCEEDED"])) == 5
    started = lambda_.get_durable_execution(DurableExecutionArn=arns[2])["StartTimestamp"]
    assert set(listed(StartedAfter=started)) <= set(arns[3:]) and set(listed(StartedBefore=started)) <= set(arns[:2])
    assert listed(Qualifier="$LATEST") == arns[::-1]
    refused("ResourceNotFoundException", lambda_.list_durable_executions_by_function, FunctionName="nobody")


def pages(targets):
    """State and histories of more than one page."""
    arn = begin(targets["many"], steps=150, size=50_000)
    has(arn, "SUCCEEDED")
    read = lambda_.get_durable_execution_history
    forwards = read(DurableExecutionArn=arn, MaxItems=1000)["Events"]
    pages = lambda_.get_paginator("get_durable_execution_history")
    def paged(**more):
        found = pages.paginate(DurableExecutionArn=arn, PaginationConfig={"PageSize": 70}, **more)
        return [event for page in found for event in page["Events"]]

    assert paged() == forwards and paged(ReverseOrder=True) == forwards[::-1]
    bare = paged(IncludeExecutionData=False)
    assert bare[2]["StepSucceededDetails"]["Result"] == {"Truncated": True}, bare[2]
    assert forwards[2]["StepSucceededDetails"]["Result"]["Payload"] == json.dumps("x" * 50_000)
    # A result that is just too long for an answer comes by a checkpoint.
    large = lambda_.invoke(FunctionName=targets["large"], Payload='{"size": 6291430}')
    assert "FunctionError" not in large and len(large["Payload"].read()) == 6291432, large


def main():
    layers, code = [python_layer(lambda_)], archive(FIXTURES / "python")
    targets = {
        name: function(lambda_, name.replace("_", "-"), layers, code, f"control.{name}")
        for name in ("waits", "busy", "calls_back", "many", "large")
    }
    for what in (answers, pauses, stops, lists, pages):
        what(targets)
        print(f"{what.__name__}: as it should be")


main()
