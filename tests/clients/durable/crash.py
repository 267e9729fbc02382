"""Executions across a crash of Tule.

    crash.py begin          deploys, starts executions, waits until all of them wait, and prints where they are
    crash.py finish STATE   answers the callback, and waits until every execution has ended as it should
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from deploy import FIXTURES, archive, client, function, python_layer

lambda_ = client("lambda")
PATIENCE = 90

EXPECTED = {
    "waits": ("SUCCEEDED", ["before", "after"]),
    "tries_again": ("SUCCEEDED", 3),
    "calls_back": ("SUCCEEDED", "yes"),
    "runs": ("SUCCEEDED", "ran"),
    "invokes": ("SUCCEEDED", "slept 10"),
    "invokes_durable": ("SUCCEEDED", "waited 10"),
    "times_out": ("TIMED_OUT", None),
}
# What the history of an execution shows once it is where the crash shall find it.
WAITING = {
    "waits": "WaitStarted", "tries_again": "StepFailed", "calls_back": "CallbackStarted", "runs": "StepStarted",
    "invokes": "ChainedInvokeStarted", "invokes_durable": "ChainedInvokeStarted", "times_out": "CallbackStarted",
}


def history(arn):
    return lambda_.get_durable_execution_history(DurableExecutionArn=arn, MaxItems=1000)["Events"]


def status(arn):
    return lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"]


def wait_for(what, ask):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise SystemExit(f"waited in vain for {what}")


def begin():
    layers, code = [python_layer(lambda_)], archive(FIXTURES / "python")
    function(lambda_, "sleeper", layers, code, "crash.sleeper", durable=False)
    function(lambda_, "child", layers, code, "crash.child")
    environment = {"Variables": {"SLEEPER": "sleeper", "CHILD": "child:$LATEST"}}
    def deploy(name):
        timeout = 40 if name == "times_out" else 300
        config = {"ExecutionTimeout": timeout, "RetentionPeriodInDays": 1}
        more = {"Environment": environment, "DurableConfig": config}
        return name, function(lambda_, name.replace("_", "-"), layers, code, f"crash.{name}", **more)

    with ThreadPoolExecutor() as pool:
        targets = dict(pool.map(deploy, EXPECTED))
    arns = {}
    for name, target in targets.items():
        invoked = lambda_.invoke(FunctionName=target, InvocationType="Event", DurableExecutionName="crash", Payload="1")
        arns[name] = invoked["DurableExecutionArn"]
    state = {"arns": arns, "events": {}}
    for name, arn in arns.items():
        reached = lambda: [event for event in history(arn) if event["EventType"] == WAITING[name]]
        found = wait_for(f"{name} to wait", reached)
        if name == "calls_back":
            state["callback"] = found[0]["CallbackStartedDetails"]["CallbackId"]
    ended = [name for name, arn in arns.items() if status(arn) != "RUNNING"]
    if ended:
        raise SystemExit(f"{ended} ended before the crash")
    # What has been shown is kept.
    state["events"] = {name: json.loads(json.dumps(history(arn), default=str)) for name, arn in arns.items()}
    print(json.dumps(state))


def finish(state):
    lambda_.send_durable_execution_callback_success(CallbackId=state["callback"], Result=b"yes")
    for name, arn in state["arns"].items():
        def ended():
            execution = lambda_.get_durable_execution(DurableExecutionArn=arn)
            return execution if execution["Status"] not in ("RUNNING", "PAUSING", "PAUSED") else None

        execution = wait_for(f"the end of {name}", ended)
        result = json.loads(execution["Result"]) if "Result" in execution else None
        if (execution["Status"], result) != EXPECTED[name]:
            raise SystemExit(f"{name} ended as {execution}")
        events = json.loads(json.dumps(history(arn), default=str))
        kept = state["events"][name]
        if events[: len(kept)] != kept:
            raise SystemExit(f"the history of {name} was {kept} and begins with {events[:len(kept)]}")
        if [event["EventId"] for event in events] != list(range(1, len(events) + 1)):
            raise SystemExit(f"the history of {name} has gaps: {events}")
        # The same name with the same payload is the same execution, whenever it is asked for.
        again = lambda_.invoke(
            FunctionName=arn.split("/")[0], InvocationType="Event", DurableExecutionName="crash", Payload="1"
        )
        if again["DurableExecutionArn"] != arn:
            raise SystemExit(f"{name} was started twice")
    print("all ended as they should")


if sys.argv[1] == "begin":
    begin()
else:
    finish(json.loads(sys.argv[2]))
