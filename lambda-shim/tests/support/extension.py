#!/usr/bin/env python3
# An extension for tests: registers, subscribes to telemetry if TELEMETRY says how, and prints what it is told. What it
# is to do wrong stands in MODE.
import http.server
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
MODE = os.environ.get("MODE", "")
NAME = os.path.basename(sys.argv[0])


def call(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def say(*words):
    print("ext:", *words, flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Said before it is answered: with the answer, whoever sent may go on to the end.
        told(events)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def told(events):
    for event in events:
        say("told", json.dumps(event, sort_keys=True))


def lines(listener):
    connection, _ = listener.accept()
    for line in connection.makefile():
        told([json.loads(line)])


if MODE == "leave-early":
    sys.exit(3)
events = ["INVOKE", "SHUTDOWN"]
status, headers, body = call(
    "POST",
    "/2020-01-01/extension/register",
    {"events": events},
    {"Lambda-Extension-Name": NAME, "Lambda-Extension-Accept-Feature": "accountId"},
)
say("registered", status, body)
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
if MODE == "init-error":
    me["Lambda-Extension-Function-Error-Type"] = "Extension.NoConfig"
    say("reported", call("POST", "/2020-01-01/extension/init/error", {}, me))
    sys.exit(1)
wanted = json.loads(os.environ.get("TELEMETRY", "null"))
if wanted:
    protocol, path = wanted.pop("protocol", "HTTP"), wanted.pop("path", "/2022-07-01/telemetry")
    if protocol == "HTTP":
        server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Receiver)
        wanted["destination"] = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/x" % server.server_port}
        threading.Thread(target=server.serve_forever, daemon=True).start()
    else:
        listener = socket.create_server(("0.0.0.0", 0))
        wanted["destination"] = {"protocol": "TCP", "port": listener.getsockname()[1]}
        threading.Thread(target=lines, args=(listener,), daemon=True).start()
    say("subscribed", *call("PUT", path, wanted, me)[::2])
    say("refused", *call("PUT", path, {"schemaVersion": "1", "types": []}, me)[::2])
if MODE == "probe":
    other = {"Lambda-Extension-Identifier": "00000000-0000-0000-0000-000000000000"}
    for headers in ({}, {"Lambda-Extension-Identifier": "x"}, other):
        say("probe", *call("GET", "/2020-01-01/extension/event/next", None, headers)[::2])
    say("probe", *call("POST", "/2020-01-01/extension/register", {"events": []}, {})[::2])
    again = {"Lambda-Extension-Name": NAME}
    say("probe", *call("POST", "/2020-01-01/extension/register", {"events": []}, again)[::2])
    inner = {"Lambda-Extension-Name": "inner"}
    say("probe", *call("POST", "/2020-01-01/extension/register", {"events": ["SHUTDOWN"]}, inner)[::2])
    say("probe", *call("POST", "/2020-01-01/extension/exit/error", {}, me)[::2])
while True:
    status, headers, body = call("GET", "/2020-01-01/extension/event/next", None, me)
    if status != 200:
        say("next", status, body)
        sys.exit(1)
    event = json.loads(body)
    say("event", headers.get("Lambda-Extension-Event-Identifier", "-")[8:9], json.dumps(event, sort_keys=True))
    if event["eventType"] == "SHUTDOWN":
        if MODE == "stays":
            time.sleep(60)
        say("goes", NAME)
        sys.exit(0)
    if MODE == "crash":
        os._exit(7)
    if MODE == "exit-error":
        me["Lambda-Extension-Function-Error-Type"] = "Extension.Broken"
        call("POST", "/2020-01-01/extension/exit/error", {}, me)
        os._exit(1)
    if MODE == "slow":
        time.sleep(1)
    if MODE == "hangs":
        time.sleep(60)
