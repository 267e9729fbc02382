"""Imports an API from a document, exports it, imports it again, and lets schemathesis loose on what is served."""

import os
import pathlib
import subprocess
import sys
import tempfile

import boto3

FIXTURES = pathlib.Path(__file__).parent / "../../fixtures/apis/openapi"
SCHEMATHESIS = pathlib.Path(sys.executable).parent / "schemathesis"
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]

rest = boto3.client("apigateway")
http = boto3.client("apigatewayv2")


def served(document):
    """A deployed API of a document, out of an export of an API of the document."""
    first = rest.import_rest_api(body=document, failOnWarnings=True)["id"]
    rest.create_deployment(restApiId=first, stageName="dev")
    exported = rest.get_export(
        restApiId=first, stageName="dev", exportType="oas30", parameters={"extensions": "apigateway"},
        accepts="application/yaml",
    )
    assert exported["contentType"] == "application/octet-stream", exported
    assert exported["contentDisposition"] == 'attachment; filename="oas30_1.0.yaml"', exported
    again = rest.import_rest_api(
        body=exported["body"].read(), failOnWarnings=True, parameters={"ignore": "documentation"}
    )["id"]
    rest.create_deployment(restApiId=again, stageName="dev")
    return f"{ENDPOINT}/_tule/openapi/{again}/dev"


def look(url):
    """Fails if schemathesis finds an answer that is a server's error, or none that the document promises."""
    # It leaves its notes where it runs.
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                SCHEMATHESIS, "run", url, "--seed", "1", "--max-examples", "8", "--workers", "2",
                "--phases", "examples,coverage,fuzzing", "--no-color",
                "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance",
            ],
            check=True,
            cwd=folder,
        )


look(served((FIXTURES / "rest.yaml").read_bytes()))

made = http.import_api(Body=(FIXTURES / "http.json").read_text(), FailOnWarnings=True)
yaml = http.export_api(ApiId=made["ApiId"], Specification="OAS30", OutputType="YAML")["body"].read().decode()
again = http.reimport_api(ApiId=made["ApiId"], Body=yaml, FailOnWarnings=True)
assert again["Name"] == "http" and again["CorsConfiguration"] == {"AllowOrigins": ["*"]}, again
keys = sorted(route["RouteKey"] for route in http.get_routes(ApiId=made["ApiId"])["Items"])
assert keys == ["$default", "GET /a/{b}"], keys

print("schemathesis is content")
