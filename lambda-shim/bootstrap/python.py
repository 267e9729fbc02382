# Runs a Python handler over the Lambda Runtime API: one raw connection, the answer to one invocation and the request
# for the next in one. Error payloads, log lines and the context object are those of AWS's own runtime.
#
# Arguments: the folder whose path is shown as /var/task in stack traces, the folder for byte code.
# The connection is the standard input where that is a socket, else AWS_LAMBDA_RUNTIME_API.
import json
import os
import sys
import time

_STARTED_WITH = sys.argv[1:]


class _Fault(Exception):
    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


class _Connection:
    """HTTP/1.1 to the Runtime API, nothing more than it needs."""

    def __init__(self):
        import socket

        self.buffer = b""
        try:
            self.socket = socket.socket(fileno=os.dup(0))
            self.socket.getsockname()
            self.socket.setblocking(True)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
            self.host = "localhost"
        except OSError:
            self.host = os.environ["AWS_LAMBDA_RUNTIME_API"]
            name, _, port = self.host.rpartition(":")
            self.socket = socket.create_connection((name, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.next = ("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % self.host).encode()

    def _more(self):
        # More at a time would have Python map and unmap memory for every head.
        data = self.socket.recv(16384)
        if not data:
            # Tule is gone; nobody will ever ask again.
            os._exit(0)
        return data

    def read(self):
        buffer = self.buffer
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            buffer += self._more()
        lines = buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        start = end + 4
        missing = length - (len(buffer) - start)
        if missing <= 0:
            body = buffer[start : start + length]
            self.buffer = buffer[start + length :]
        else:
            body = bytearray(length)
            body[: length - missing] = buffer[start:]
            rest = memoryview(body)[length - missing :]
            while rest:
                taken = self.socket.recv_into(rest)
                if not taken:
                    os._exit(0)
                rest = rest[taken:]
            body = bytes(body)
            self.buffer = b""
        return int(lines[0].split(" ", 2)[1]), headers, body

    def post(self, path, body, kind, content_type="application/json"):
        head = "POST /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            path,
            self.host,
            content_type,
            len(body),
        )
        if kind:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % kind
        data = head.encode("latin-1", "replace") + b"\r\n" + body
        self.socket.sendall(data)
        return self.read()

    def ask(self):
        """The next invocation."""
        self.socket.sendall(self.next)
        return self.read()

    def answer(self, request_id, end, body, kind, content_type):
        """Answers an invocation, and gives the next one."""
        given = self.post("invocation/%s/%s?then=next" % (request_id, end), body, kind, content_type)
        # One that is too large is refused, and ends nothing.
        return self.ask() if given[0] == 413 else given


def _finish_site():
    """What the module site does at the start of every interpreter, but for looking for packages of this machine."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    site.execsitecustomize()


def _encoder():
    kept = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")[2]
    ascii_only = not (kept.isdigit() and int(kept) >= 12)
    marker = os.urandom(8).hex()

    class Encoder(json.JSONEncoder):
        def default(self, value):
            decimal = sys.modules.get("decimal")
            if decimal is not None and isinstance(value, decimal.Decimal):
                if value.is_nan():
                    return float("nan")
                # json writes no number as a text says it: a text of ours stands there for now.
                self.decimals.append(str(value))
                return "%s-%d" % (marker, len(self.decimals) - 1)
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)

        def encode(self, value):
            self.decimals = decimals = []
            text = super().encode(value)
            if not decimals:
                return text
            import re

            return re.sub('"%s-([0-9]+)"' % marker, lambda found: decimals[int(found[1])], text)

    return Encoder(ensure_ascii=ascii_only)


class _Named:
    def __init__(self, names, values):
        for name in names:
            setattr(self, name, values.get(name))


class CognitoIdentity(_Named):
    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=%s,cognito_identity_pool_id=%s])" % (
            self.cognito_identity_id,
            self.cognito_identity_pool_id,
        )


class Client(_Named):
    pass


class ClientContext(_Named):
    pass


_CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class LambdaContext:
    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms", 0))
        self.client_context = None
        given = headers.get("lambda-runtime-client-context")
        if given:
            try:
                values = json.loads(given)
                self.client_context = ClientContext(("custom", "env", "client"), values)
                if isinstance(self.client_context.client, dict):
                    self.client_context.client = Client(_CLIENT, self.client_context.client)
            except Exception as error:
                raise _Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse Client Context JSON: %s" % error)
        self.identity = CognitoIdentity(("cognito_identity_id", "cognito_identity_pool_id"), {})
        given = headers.get("lambda-runtime-cognito-identity")
        if given:
            values = json.loads(given)
            self.identity.cognito_identity_id = values.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
            "invoked_function_arn client_context identity tenant_id"
        ).split()
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in names)


_request_id = None
_as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


def _write_event(text):
    # A carriage return keeps the lines of one message in one log event.
    sys.stdout.write(text.replace("\r\n", "\r").replace("\n", "\r").rstrip("\r") + "\n")
    sys.stdout.flush()


def _set_up_logging():
    import logging

    class Handler(logging.Handler):
        def emit(self, record):
            try:
                _write_event(self.format(record))
            except Exception:
                self.handleError(record)

    class OfInvocation(logging.Filter):
        def filter(self, record):
            record.aws_request_id = _request_id or ""
            return True

    class AsJson(logging.Formatter):
        known = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "aws_request_id"}

        def format(self, record):
            out = {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + "Z",
                "level": record.levelname,
                "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
                "logger": record.name,
            }
            kind, value, trace = record.exc_info or (None, None, None)
            if kind is not None:
                import traceback

                out["stackTrace"] = traceback.format_tb(trace)
                out["errorType"] = kind.__name__
                out["errorMessage"] = str(value)
            if record.aws_request_id:
                out["requestId"] = record.aws_request_id
            if kind is not None:
                out["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
            for name, value in record.__dict__.items():
                if name not in self.known and name not in out and value is not None:
                    out[name] = value
            return json.dumps(out, default=str, ensure_ascii=False)

    handler = Handler()
    handler.addFilter(OfInvocation())
    if _as_json:
        handler.setFormatter(AsJson())
    else:
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    names = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}
    if _as_json and level:
        root.setLevel(names.get(level, level))


def _frames(trace):
    """The user's frames, as AWS lists them: with /var/task for the code's folder."""
    import traceback

    root = _STARTED_WITH[0].rstrip("/") + "/" if _STARTED_WITH else None
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(trace)]
    if frames and frames[0][0] == __file__:
        first = next((i for i, f in enumerate(frames) if f[0] != __file__), 0)
        frames = frames[first:]
    shown = [
        ("/var/task/" + f[0][len(root) :] if root and f[0].startswith(root) else f[0],) + f[1:] for f in frames
    ]
    return traceback.format_list(shown)


def _error(message, kind, stack=None, request_id=""):
    return {"errorMessage": message or "", "errorType": kind or "", "requestId": request_id, "stackTrace": stack or []}


def _log_error(error):
    if _as_json:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
        _write_event(json.dumps({"timestamp": stamp, "level": "ERROR", **error}, ensure_ascii=False))
        return
    text = "[ERROR]"
    if error["errorType"]:
        text += " " + error["errorType"]
    if error["errorMessage"]:
        text += (":" if error["errorType"] else "") + " " + error["errorMessage"]
    lines = [text, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        for line in element.splitlines():
            bare = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    _write_event("\r".join(lines))


def _load(handler):
    import importlib

    module_name, dot, name = handler.rpartition(".")
    if not dot:
        raise _Fault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler,
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise _Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise _Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        file = error.filename or ""
        root = _STARTED_WITH[0].rstrip("/") + "/" if _STARTED_WITH else None
        if root and file.startswith(root):
            file = "/var/task/" + file[len(root) :]
        raise _Fault(
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_name, error),
            ['  File "%s" Line %s\n    %s' % (file, error.lineno, error.text)],
        )
    try:
        return getattr(module, name)
    except AttributeError:
        raise _Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (name, module_name))


def _run(handler, headers, body, encoder):
    """One invocation: (path's end, body, error type, content type)."""
    request_id = headers["lambda-runtime-aws-request-id"]
    try:
        context = LambdaContext(headers)
        if headers.get("content-type", "application/json") == "application/json":
            try:
                event = json.loads(body)
            except Exception as error:
                raise _Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
        else:
            event = body
        answer = handler(event, context)
        if isinstance(answer, bytes):
            return "response", answer, None, "application/unknown"
        try:
            return "response", encoder.encode(answer).encode(), None, "application/json"
        except Exception as error:
            raise _Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)
    except _Fault as fault:
        error = _error(fault.message, fault.kind, fault.trace, request_id)
    except Exception as raised:
        error = _error(str(raised), type(raised).__name__, _frames(raised.__traceback__), request_id)
    _log_error(error)
    return "error", encoder.encode(error).encode(), error["errorType"], "application/json"


class _SnapshotHooks:
    """Serves the module snapshot_restore_py, which AWS's runtime has, where nothing else brings it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "snapshot_restore_py":
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, _SnapshotHooks)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        before, after = [], []

        def register_before_snapshot(func, *args, **kwargs):
            before.append((func, args, kwargs))
            return func

        def register_after_restore(func, *args, **kwargs):
            after.append((func, args, kwargs))
            return func

        module.register_before_snapshot = register_before_snapshot
        module.register_after_restore = register_after_restore
        module.get_before_snapshot = lambda: before
        module.get_after_restore = lambda: after


def _snapshot(connection, encoder):
    """Runs the hooks around a snapshot, and waits in between until the environment is restored."""
    import snapshot_restore_py as hooks

    def fail(raised, path, code):
        error = _error(str(raised), type(raised).__name__, _frames(raised.__traceback__))
        _log_error(error)
        connection.post(path, encoder.encode(error).encode(), error["errorType"])
        sys.stdout.flush()
        os._exit(code)

    before = hooks.get_before_snapshot()
    try:
        while before:
            func, args, kwargs = before.pop()
            func(*args, **kwargs)
    except Exception as raised:
        fail(raised, "init/error", 64)
    connection.socket.sendall(
        ("GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: %s\r\n\r\n" % connection.host).encode()
    )
    if connection.read()[0] != 200:
        os._exit(64)
    try:
        for func, args, kwargs in hooks.get_after_restore():
            func(*args, **kwargs)
    except Exception as raised:
        fail(raised, "restore/error", 65)


def _leave(code):
    """What sys.exit does, in the middle of everything."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


# What AWS's runtime says ahead of an error at the start.
_INIT_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
    "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
    "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
    "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with a "
    "change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


def _wait_for_debugger(port):
    if port is None:
        return
    try:
        import debugpy
    except ImportError:
        raise _Fault("Runtime.DebuggerMissing", "debugpy is not to be found; put it into requirements.txt")
    debugpy.listen(("127.0.0.1", int(port)))
    debugpy.wait_for_client()


def _be_one_of(many):
    """Goes on as one of so many processes, which work on one invocation each. The first process only waits: the end of
    one of them ends all."""
    for _ in range(many):
        if os.fork() == 0:
            return
    _, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


def main():
    global _request_id
    at_once = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
    if at_once > 1:
        _be_one_of(at_once)
    root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    if len(_STARTED_WITH) > 1:
        sys.pycache_prefix = _STARTED_WITH[1]
    sys.argv = [sys.argv[0]]
    sys.path[0] = root
    _finish_site()
    connection = _Connection()
    encoder = _encoder()
    sys.meta_path.append(_SnapshotHooks)
    _set_up_logging()
    try:
        _wait_for_debugger(os.environ.pop("TULE_DEBUG_PORT", None))
        handler = _load(os.environ.get("_HANDLER", ""))
    except BaseException as raised:
        if isinstance(raised, SystemExit):
            _leave(raised.code)
        if isinstance(raised, _Fault):
            error = _error(raised.message, raised.kind, raised.trace)
        else:
            error = _error(str(raised), type(raised).__name__, _frames(raised.__traceback__))
        import logging

        logging.warning(_INIT_WARNING)
        _log_error(error)
        connection.post("init/error", encoder.encode(error).encode(), error["errorType"])
        sys.stdout.flush()
        os._exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        _snapshot(connection, encoder)
    status, headers, body = connection.ask()
    while True:
        if status != 200:
            os._exit(1)
        _request_id = request_id = headers["lambda-runtime-aws-request-id"]
        trace = headers.get("lambda-runtime-trace-id")
        if trace:
            os.environ["_X_AMZN_TRACE_ID"] = trace
        try:
            end, answer, kind, content_type = _run(handler, headers, body, encoder)
        except SystemExit as left:
            _leave(left.code)
        sys.stdout.flush()
        sys.stderr.flush()
        status, headers, body = connection.answer(request_id, end, answer, kind, content_type)


main()
