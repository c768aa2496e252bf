"""Custom resources against the operators' own schemas, strictly: a field that an operator does not know is a fault."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from cluster import schemas
from runtime.layout import Layout

Manifest = Mapping[str, Any]
Schema = dict[str, Any]

STRIMZI_GROUP = "kafka.strimzi.io"
GROUPS = frozenset(
    {"keda.sh", "postgresql.cnpg.io", "monitoring.coreos.com", "gateway.networking.k8s.io", STRIMZI_GROUP}
)
CHECK_SECONDS = 120
# The generator sees only the base of a class with variants. These are the variants' fields.
VOLUME: Schema = {
    "type": {"enum": ["persistent-claim", "ephemeral", "jbod"]},
    "id": {"type": "integer"},
    "size": {"type": "string"},
    "sizeLimit": {"type": "string"},
    "class": {"type": "string"},
    "deleteClaim": {"type": "boolean"},
    "kraftMetadata": {"enum": ["shared"]},
}
STORAGE: Schema = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "properties": VOLUME
    | {
        "volumes": {
            "type": "array",
            "items": {"type": "object", "required": ["type"], "additionalProperties": False, "properties": VOLUME},
        }
    },
}
# Of every object; their insides are checked where the object is one of Kubernetes' own.
COMMON: Schema = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def is_custom(manifest: Manifest) -> bool:
    """Whether it is for an operator whose schemas are known here."""
    return _group(manifest) in GROUPS


def faults(manifests: Sequence[Manifest], layout: Layout) -> list[str]:
    """What is wrong with the custom resources among these, a sentence each. Raises SchemasError without the schemas.

    What was said of a manifest is remembered: most of them are in many a combination.
    """
    home = schemas.folder(layout)
    custom = {json.dumps(manifest): manifest for manifest in manifests if is_custom(manifest)}
    new = {text: manifest for text, manifest in custom.items() if text not in _said}
    strimzi = {text: one for text, one in new.items() if _group(one) == STRIMZI_GROUP}
    others = {text: one for text, one in new.items() if _group(one) != STRIMZI_GROUP}
    _said.update({text: _by_definition(one, home) for text, one in strimzi.items()})
    if others:
        _said.update(zip(others, _by_models(list(others.values()), home), strict=True))
    return [fault for text in custom for fault in _said[text]]


_said: dict[str, list[str]] = {}


def _group(manifest: Manifest) -> str:
    return str(manifest.get("apiVersion", "")).partition("/")[0]


def _by_models(manifests: Sequence[Manifest], home: Path) -> list[list[str]]:
    done = subprocess.run(
        ["node", str(home / "validate.mjs")],
        input=json.dumps(manifests),
        capture_output=True,
        text=True,
        check=False,
        timeout=CHECK_SECONDS,
    )
    if done.returncode != 0:
        raise schemas.SchemasError(f"Node.js could not check custom resources:\n{done.stderr.strip()[-1000:]}")
    said: list[list[str]] = json.loads(done.stdout)
    return said


def _by_definition(manifest: Manifest, home: Path) -> list[str]:
    name = f"{manifest['kind']} {manifest.get('metadata', {}).get('name')}"
    schema = _definitions(home).get(str(manifest["kind"]))
    if schema is None:
        return [f"{name}: there is no schema of {manifest['apiVersion']} {manifest['kind']}"]
    found = sorted(Draft202012Validator(schema).iter_errors(manifest), key=lambda error: list(map(str, error.path)))
    return [f"{name}: /{'/'.join(map(str, error.path))} {error.message[:300]}" for error in found]


@cache
def _definitions(home: Path) -> dict[str, Schema]:
    """Kind → strict schema, of Strimzi's definitions."""
    definitions = [yaml.safe_load(path.read_text()) for path in sorted((home / "crds").glob("*.yml"))]
    strict = {one["spec"]["names"]["kind"]: _strict(one["spec"]["versions"][0]["schema"]) for one in definitions}
    strict["KafkaNodePool"]["properties"]["spec"]["properties"]["storage"] = STORAGE
    return strict


def _strict(version: Schema) -> Schema:
    schema: Schema = version["openAPIV3Schema"]
    closed = closed_to_others(schema)
    closed["properties"] = closed["properties"] | COMMON
    return closed


def closed_to_others(schema: Schema) -> Schema:
    """The schema with every object closed that names its fields; what names none may hold anything."""
    if schema == {"type": "object"}:
        return {}
    closed = {name: _within(part) for name, part in schema.items()}
    if "properties" in schema:
        closed["properties"] = {name: closed_to_others(part) for name, part in schema["properties"].items()}
        closed.setdefault("additionalProperties", False)
        closed.pop("x-kubernetes-preserve-unknown-fields", None)
    return closed


def _within(part: Any) -> Any:
    return closed_to_others(part) if isinstance(part, dict) else part
