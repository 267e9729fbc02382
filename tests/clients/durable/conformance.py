"""AWS's requirements of durable execution SDKs (`fixtures/durable/requirements`), run with AWS's SDKs.

    conformance.py python|node [SUITE|ID...]

Every requirement has a handler for Python in `fixtures/durable/python`, some have one in `fixtures/durable/node`. It says what failed, and counts what passed. How it
compares is told by the requirements' own README: `*` and `{}` are anything, `${NAME}` is the same everywhere,
`${/regex/}` is searched for, and events that nobody expects are let be.
"""

import json
import random
import re
import string
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from deploy import FIXTURES, archive, client, function, node_layer, python_layer

import yaml

SUITES = {
    "1": "step", "2": "wait", "3": "child", "4": "callback", "5": "invoke", "6": "condition",
    "7": "wait_for_callback", "8": "parallel", "9": "mapping", "10": "plugins",
}
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"}
PATIENCE = 120

lambda_, logs = client("lambda"), client("logs")


class Names:
    """What the names of a requirement stand for."""

    def __init__(self, variables):
        self.bound = {}
        for name, value in (variables or {}).items():
            made = re.fullmatch(r"\$\{GEN_STR:(\d+)\}", value) if isinstance(value, str) else None
            letters = string.ascii_lowercase + string.digits
            self.bound[name] = "".join(random.choices(letters, k=int(made[1]))) if made else str(value)

    def put_in(self, value):
        if isinstance(value, str):
            known = lambda found: str(self.bound.get(found[1], found[0]))
            return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", known, value)
        if isinstance(value, dict):
            return {key: self.put_in(item) for key, item in value.items()}
        return [self.put_in(item) for item in value] if isinstance(value, list) else value

    def compare(self, expected, actual, path):
        """Complaints about what does not match."""
        if expected == "*" or expected == {}:
            return []
        if isinstance(expected, str):
            if pattern := re.fullmatch(r"\$\{/(.+)/\}", expected):
                return [] if re.search(pattern[1], str(actual)) else [f"{path}: {actual!r} is not like {expected}"]
            if name := re.fullmatch(r"\$\{(.+)\}", expected):
                bound = self.bound.setdefault(name[1], actual)
                return [] if bound == actual else [f"{path}: {actual!r}, but {expected} is {bound!r}"]
        if isinstance(expected, dict) and isinstance(actual, dict):
            missing = [f"{path}.{key} is missing" for key in expected if key not in actual]
            both = [key for key in expected if key in actual]
            return missing + [text for key in both for text in self.compare(expected[key], actual[key], f"{path}.{key}")]
        if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
            pairs = enumerate(zip(expected, actual))
            return [text for at, (one, other) in pairs for text in self.compare(one, other, f"{path}[{at}]")]
        wanted = self.put_in(expected)
        return [] if wanted == actual else [f"{path}: expected {wanted!r}, got {actual!r}"]


def history(arn):
    pages = lambda_.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=arn, IncludeExecutionData=True
    )
    return [event for page in pages for event in page["Events"]]


def compare_history(names, expected, events):
    by_id = {event["EventId"]: event for event in events}
    complaints = []
    for event in expected:
        number = event["EventId"]
        if number in by_id:
            complaints += names.compare(event, by_id[number], f"event {number}")
        else:
            complaints.append(f"there is no event {number}")
    return complaints


def answer_callbacks(names, actions, events, state):
    """Does what the requirement has done to callbacks that have been created."""
    for event in events:
        if event["EventType"] != "CallbackStarted":
            continue
        callback, name = event["CallbackStartedDetails"]["CallbackId"], event.get("Name", "")
        if callback in state["answered"]:
            continue
        for at, action in enumerate(actions):
            wanted = names.put_in(action["CallbackName"])
            if at in state["used"] or wanted not in ("*", name):
                continue
            state["used"].add(at)
            time.sleep(action.get("Delay", 0))
            payload, operation = names.put_in(action.get("Payload")), action["Operation"]
            if operation == "heartbeat":
                lambda_.send_durable_execution_callback_heartbeat(CallbackId=callback)
                continue
            state["answered"].add(callback)
            if operation == "success":
                more = {} if payload is None else {"Result": json.dumps(payload).encode()}
                lambda_.send_durable_execution_callback_success(CallbackId=callback, **more)
            else:
                lambda_.send_durable_execution_callback_failure(CallbackId=callback, Error=payload)
            break


def follow(names, requirement, arn):
    """Waits for the execution's end, or for the history that is expected where no end is."""
    actions, state = requirement.get("CallbackActions", []), {"answered": set(), "used": set()}
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        events = history(arn)
        if lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"] in ENDED:
            return
        answer_callbacks(names, actions, events, state)
        if "ExpectedResult" not in requirement:
            trial = Names(None)
            trial.bound = dict(names.bound)
            if not compare_history(trial, requirement["ExpectedExecutionHistory"], events):
                return
        time.sleep(0.3)


def compare_result(names, expected, arn):
    execution = lambda_.get_durable_execution(DurableExecutionArn=arn)
    if execution["Status"] != expected["ExecutionStatus"]:
        return [f"status {execution['Status']}, not {expected['ExecutionStatus']}: {execution.get('Error')}"]
    if execution["Status"] != "SUCCEEDED" or "Result" not in expected:
        return []
    result = execution.get("Result")
    try:
        result = json.loads(result)
    except (TypeError, ValueError):
        pass
    wanted = names.put_in(expected["Result"])
    return [] if result == wanted else [f"result {result!r}, not {wanted!r}"]


def records(name):
    """The lines of a function's log as they can be matched."""
    shown = []
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    for event in (event for page in pages for event in page["events"]):
        try:
            record = json.loads(event["message"])
        except ValueError:
            record = None
        record = record if isinstance(record, dict) else {"message": event["message"]}
        # What Lambda itself says is no part of an execution's log.
        if "type" not in record or not str(record["type"]).startswith("platform."):
            shown.append((event["timestamp"], record))
    return shown


def holds(names, record, wanted):
    for field, value in names.put_in(wanted).items():
        actual = record.get(field)
        if isinstance(value, str) and len(value) > 1 and value.startswith("/") and value.endswith("/"):
            if actual is None or not re.search(value[1:-1], str(actual)):
                return False
        elif actual != value or type(actual) is not type(value):
            return False
    return True


def compare_logs(names, expected, name):
    lines, complaints = records(name), []
    for entry in expected:
        found = [at for at, record in lines if holds(names, record, entry["match"])]
        if "count" in entry and len(found) != entry["count"]:
            complaints.append(f"{len(found)} lines like {entry['match']}, not {entry['count']}")
        for anchor in entry.get("after", []):
            before = [at for at, record in lines if holds(names, record, anchor)]
            if not before or any(at < max(before) for at in found):
                complaints.append(f"{entry['match']} does not come after {anchor}")
    return complaints


def run(path, deploy, handler, environment):
    requirement, name = yaml.safe_load(path.read_text()), f"case-{path.stem}"
    names = Names(requirement.get("Variables"))
    target = deploy(name, handler, Environment=environment, LoggingConfig={"LogFormat": "JSON"})
    # All is begun as an event and followed, so that requirements of both kinds go one way.
    payload = json.dumps(names.put_in(requirement.get("Input")))
    invoked = lambda_.invoke(FunctionName=target, InvocationType="Event", Payload=payload)
    arn = invoked["DurableExecutionArn"]
    follow(names, requirement, arn)
    events = history(arn)
    complaints = compare_history(names, requirement["ExpectedExecutionHistory"], events)
    if "ExpectedResult" in requirement:
        complaints += compare_result(names, requirement["ExpectedResult"], arn)
    if "ExpectedLogs" in requirement:
        complaints += compare_logs(names, requirement["ExpectedLogs"], name)
    lambda_.delete_function(FunctionName=name)
    if complaints:
        complaints.append("  ".join(f"{event['EventId']}:{event['EventType']}" for event in events))
    return complaints


def handler_of(language, stem):
    """The handler of a requirement, if there is one."""
    name = f"case_{stem.replace('-', '_')}"
    if language == "python":
        return f"{SUITES[stem.split('-')[0]]}.{name}"
    return f"index.{name}" if f'"{name[5:]}":' in (FIXTURES / "node" / "index.js").read_text() else None


def main():
    language, wanted = sys.argv[1], set(sys.argv[2:])
    asked = lambda stem: not wanted or stem in wanted or stem.split("-")[0] in wanted
    paths = [path for path in (FIXTURES / "requirements").rglob("*.yaml") if asked(path.stem)]
    paths = [path for path in paths if handler_of(language, path.stem)]
    paths.sort(key=lambda path: [int(number) for number in path.stem.split("-")])
    layer, runtime, module = {
        "python": (python_layer, "python3.13", "invoke"), "node": (node_layer, "nodejs22.x", "index"),
    }[language]
    layers, code = [layer(lambda_)], archive(FIXTURES / language)
    deploy = lambda name, handler, **more: function(lambda_, name, layers, code, handler, runtime, **more)
    tenancy = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
    environment = {"Variables": {
        "ECHO_TARGET": deploy("echo", f"{module}.echo"),
        "ERROR_TARGET": deploy("error", f"{module}.error"),
        "TENANT_TARGET": deploy("tenant", f"{module}.echo", **tenancy),
    }}

    def one(path):
        try:
            return path, run(path, deploy, handler_of(language, path.stem), environment)
        except Exception as error:
            return path, [f"{type(error).__name__}: {error}"]

    with ThreadPoolExecutor(12) as pool:
        done = list(pool.map(one, paths))
    for path, complaints in done:
        if complaints:
            print(f"{path.stem} FAILED\n   " + "\n   ".join(complaints))
    failed = sum(1 for _, complaints in done if complaints)
    print(f"{len(done) - failed} of {len(done)} requirements passed")
    sys.exit(1 if failed else 0)


main()
