"""Makes the functions of the tests of durable functions: archives, layers, functions that have settled."""

import io
import os
import sys
import zipfile
from pathlib import Path

ROLE = "arn:aws:iam::000000000000:role/r"
ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "fixtures" / "durable"
PACKAGES = Path(os.environ.get("TULE_TEST_DURABLE", ROOT / "target" / "clients"))

# The boto3 that the functions have knows all operations; that of the other clients' tests may be older.
sys.path.insert(0, str(PACKAGES / "durable-python"))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402


def client(service):
    # A synchronous invocation lasts as long as its execution.
    config = Config(max_pool_connections=64, read_timeout=900, retries={"max_attempts": 1})
    return boto3.client(service, config=config)


def archive(folder, prefix=""):
    """A folder as a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                zipped.write(path, prefix + str(path.relative_to(folder)))
    return packed.getvalue()


def python_layer(lambda_):
    """The SDK for Python with what it needs; of botocore's services only Lambda, which keeps the layer small."""
    folder = PACKAGES / "durable-python"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            service = name.parts[2] if name.parts[:2] == ("botocore", "data") and len(name.parts) > 3 else "lambda"
            if path.is_file() and "__pycache__" not in name.parts and service == "lambda":
                zipped.write(path, f"python/{name}")
    return layer(lambda_, "durable-python", packed.getvalue())


def node_layer(lambda_):
    modules = PACKAGES / "durable-node" / "node_modules"
    return layer(lambda_, "durable-node", archive(modules, "nodejs/node_modules/"))


def layer(lambda_, name, content):
    return lambda_.publish_layer_version(LayerName=name, Content={"ZipFile": content})["LayerVersionArn"]


def function(lambda_, name, layers, code, handler, runtime="python3.13", durable=True, **more):
    """A function that can be invoked."""
    if durable:
        more.setdefault("DurableConfig", {"ExecutionTimeout": 600, "RetentionPeriodInDays": 1})
    lambda_.create_function(
        FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": code}, Layers=layers,
        Timeout=60, MemorySize=256, **more,
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return f"{name}:$LATEST"
