"""contracts/openapi.yaml for tests: its parts by name, and whether a response is one that it tells of."""

from functools import cache
from typing import Any, cast

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from contracts.catalogue import ROOT

PATH = ROOT / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(PATH.read_text("utf-8"))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part, or what it refers to."""
    found: Any = part
    while "$ref" in found:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return cast(dict[str, Any], found)


@cache
def validator(name: str) -> Draft202012Validator:
    """Of one of its schemas."""
    whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def conform(response: httpx.Response, path: str) -> httpx.Response:
    """The response, whose status, headers, media type and body the document must tell of."""
    operation = DOCUMENT["paths"][path][response.request.method.lower()]
    told = resolved(operation["responses"][str(response.status_code)])
    for name, header in told.get("headers", {}).items():
        Draft202012Validator(resolved(header)["schema"]).validate(response.headers.get(name))
    if response.request.method == "HEAD" or "content" not in told:
        assert response.content == b""
        return response
    ((kind, content),) = told["content"].items()
    assert response.headers["content-type"] == kind
    validator(content["schema"]["$ref"].rsplit("/")[-1]).validate(response.json())
    return response
