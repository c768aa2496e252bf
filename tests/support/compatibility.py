"""Whether a new version of a schema may follow an old one: by subschema proof, in both directions."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

from tests.support.contracts import closed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jsonsubschema import isSubschema  # type: ignore[import-untyped]

# Words for people, and the dialect the prover does not know by name.
SILENT = {"$schema", "$id", "title", "description", "format"}


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why `new` may not follow `old`; empty when it may."""
    found = []
    if not _within(new, old):
        found.append("a consumer of the old version cannot read the new one")
    if not _within(closed(old), new):
        found.append("what was written under the old version does not validate under the new one")
    return found


def _within(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(isSubschema(_plain(inner), _plain(outer)))


def _plain(node: Any) -> Any:
    """In the prover's dialect (draft 4): without words, and without an empty `required`."""
    return _without_words(json.loads(json.dumps(node)))


def _without_words(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_words(child) for child in node]
    if not isinstance(node, dict):
        return node
    kept = {name: child for name, child in node.items() if name not in SILENT and (name, child) != ("required", [])}
    return {name: _fields(child) if name == "properties" else _without_words(child) for name, child in kept.items()}


def _fields(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A field may be called `description`."""
    return {name: _without_words(child) for name, child in properties.items()}
