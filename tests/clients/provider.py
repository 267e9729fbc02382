"""What Terraform's AWS provider does around each resource: its waiters, its second read that must show no drift."""

import sys
import time

import boto3
from botocore.exceptions import ClientError


def until(what, ask, is_done, seconds=20):
    """A waiter: any answer that is neither pending nor done would end it with `unexpected state`."""
    end = time.monotonic() + seconds
    while True:
        found = ask()
        if is_done(found):
            return found
        assert time.monotonic() < end, f"{what}: {found}"
        time.sleep(0.05)


def gone(code, ask):
    def asked():
        try:
            return ask()
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404), error
            return None
    until(f"{ask} until it is gone", asked, lambda found: found is None)


def same(read):
    """Reads twice: the second read must show what the first one did."""
    def plain(answer):
        answer = dict(answer)
        answer.pop("ResponseMetadata", None)
        if "Code" in answer and "Location" in answer["Code"]:
            answer["Code"] = {**answer["Code"], "Location": None}
        if "Content" in answer and isinstance(answer["Content"], dict):
            answer["Content"] = {**answer["Content"], "Location": None}
        return answer
    first = read()
    assert plain(first) == plain(read()), "drift"
    return first


def replay(resources):
    """Goes through all resources; each is told, whatever becomes of the others."""
    boto3.client("sts").get_caller_identity()
    failed = 0
    for resource in resources:
        try:
            resource()
            print(f"{resource.__name__}: no drift")
        except Exception as error:
            failed += 1
            print(f"{resource.__name__}: {type(error).__name__}: {error}")
    sys.exit(1 if failed else print("Terraform is content"))
