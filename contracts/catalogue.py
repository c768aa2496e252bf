"""
The catalogue as code: load `catalogue.json`, render what is derived from it.

`python -m contracts.catalogue` writes the table of README.md and asyncapi.yaml anew; a test refuses a stale one.
Standard library only, so that anything may import it (tests, verify, a consumer's build).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
TABLE_BEGINS = "<!-- rendered from catalogue.json: python -m contracts.catalogue -->"
TABLE_ENDS = "<!-- end of the table -->"
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"


@dataclass(frozen=True)
class Entry:
    """One event type, or one kind of document: `folder` says which of the two."""

    name: str
    folder: str
    versions: tuple[int, ...]
    topic: str
    key: str
    sources: tuple[str, ...]
    consumers: tuple[str, ...]
    meaning: str
    lifted: tuple[int, ...] = ()
    """Versions that do not only add: every consumer lifts what was written before them, and is deployed first."""

    def schema_path(self, version: int) -> Path:
        return ROOT / self.folder / f"{self.name}.v{version}.json"

    def schema(self, version: int) -> dict[str, Any]:
        """The JSON Schema of the record's body."""
        loaded: dict[str, Any] = json.loads(self.schema_path(version).read_text("utf-8"))
        return loaded

    def samples(self, version: int) -> dict[str, bytes]:
        """File name → body, as it would stand in the record."""
        folder = ROOT / "samples" / f"{self.name}.v{version}"
        return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def catalogue() -> list[Entry]:
    """Every event, then every document, in the order of `catalogue.json`."""
    loaded = json.loads((ROOT / "catalogue.json").read_text("utf-8"))
    return [
        Entry(
            name=row[kind],
            folder=f"{kind}s",
            versions=tuple(row["versions"]),
            topic=row["topic"],
            key=row["key"],
            sources=tuple(row["sources"]),
            consumers=tuple(row["consumers"]),
            meaning=row["meaning"],
            lifted=tuple(row.get("lifted", ())),
        )
        for kind in ("event", "document")
        for row in loaded[f"{kind}s"]
    ]


def journalled() -> frozenset[str]:
    """The events that make a version of the order, hence the types found on `orders.journal`."""
    loaded = json.loads((ROOT / "catalogue.json").read_text("utf-8"))
    return frozenset(loaded["documents"][0]["events"])


def topics() -> dict[str, dict[str, Any]]:
    """Topic → partitions and configuration, as they must exist on every broker."""
    loaded: dict[str, dict[str, Any]] = json.loads((ROOT / "topics.json").read_text("utf-8"))
    return loaded


def table() -> str:
    """The README's table, one row per event or document."""
    rows = ["| event | topic | key | source | consumers | meaning |", "|---|---|---|---|---|---|"]
    for entry in catalogue():
        links = " ".join(f"[v{version}]({entry.folder}/{entry.name}.v{version}.json)" for version in entry.versions)
        name = f"`{entry.name}`" if entry.folder == "events" else f"*{entry.name}* (a document)"
        who = [", ".join(names) for names in (entry.sources, entry.consumers)]
        cells = [f"{name} {links}", f"`{entry.topic}`", entry.key, *who, entry.meaning]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def readme(text: str) -> str:
    """`text` with its table replaced by the present one."""
    before, rest = text.split(TABLE_BEGINS)
    _, after = rest.split(TABLE_ENDS)
    return f"{before}{TABLE_BEGINS}\n{table()}\n{TABLE_ENDS}{after}"


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: a channel per topic, a message per version, an operation per service and topic."""
    entries = catalogue()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "demae",
            "version": "1.0.0",
            "description": "The events of demae. CloudEvents 1.0 in the Kafka binding's binary mode. "
            "Rendered from catalogue.json by `python -m contracts.catalogue`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic, entries) for topic in topics()},
        "operations": dict(_operations(entries)),
        "components": {
            "schemas": {"envelope": _foreign("envelope.v1.json")},
            "messages": {
                f"{entry.name}.v{version}": _message(entry, version) for entry in entries for version in entry.versions
            },
        },
    }


def _channel(topic: str, entries: list[Entry]) -> dict[str, Any]:
    names = [f"{e.name}.v{v}" for e in entries if e.topic == topic for v in e.versions]
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topic": topic, "partitions": topics()[topic]["partitions"]}},
    }


def _message(entry: Entry, version: int) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": f"{entry.name} v{version}",
        "summary": entry.meaning,
        "headers": {"$ref": "#/components/schemas/envelope"},
        "payload": _foreign(f"{entry.folder}/{entry.name}.v{version}.json"),
        "bindings": {"kafka": {"key": {"type": "string", "description": entry.key}}},
    }


def _foreign(path: str) -> dict[str, Any]:
    return {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": f"./{path}"}}


def _operations(entries: list[Entry]) -> Iterator[tuple[str, dict[str, Any]]]:
    services = sorted({name for entry in entries for name in (*entry.sources, *entry.consumers)})
    for service in services:
        for action, verb in (("send", "Writes"), ("receive", "Reads")):
            yield from _operations_of(service, action, verb, entries)


def _operations_of(service: str, action: str, verb: str, entries: list[Entry]) -> Iterator[tuple[str, dict[str, Any]]]:
    mine = [e for e in entries if service in (e.sources if action == "send" else e.consumers)]
    for topic in sorted({entry.topic for entry in mine}):
        messages = [
            {"$ref": f"#/channels/{topic}/messages/{entry.name}.v{version}"}
            for entry in mine
            if entry.topic == topic
            for version in entry.versions
        ]
        yield (
            f"{service}_{action}_{topic.replace('.', '_')}",
            {
                "action": action,
                "summary": f"{verb} {topic}.",
                "tags": [{"name": service}],
                "channel": {"$ref": f"#/channels/{topic}"},
                "messages": messages,
            },
        )


def to_yaml(value: Any, indent: int = 0) -> str:
    """YAML of dicts, lists and scalars; strings are quoted as JSON does, which is YAML too."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_name(key)}:{_nested(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_nested(item, indent)}" for item in value)
    return f"{pad}{json.dumps(value, ensure_ascii=False)}\n"


def _nested(value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return f"\n{to_yaml(value, indent + 1)}"
    return f" {json.dumps(value, ensure_ascii=False)}\n"


def _name(key: str) -> str:
    return key if key.replace("_", "").replace(".", "").isalnum() else json.dumps(key)


def main() -> None:
    """Write the derived files."""
    page = ROOT / "README.md"
    page.write_text(readme(page.read_text("utf-8")), "utf-8")
    (ROOT / "asyncapi.yaml").write_text(to_yaml(asyncapi()), "utf-8")


if __name__ == "__main__":
    main()
