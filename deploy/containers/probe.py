"""Is it ready? All processes of a system are asked at once, from inside its network, by one `docker exec`."""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from containers.observe import Container
from containers.system import System
from runtime.waiting import Reason

HEALTH = 9000
PORTS = {"postgres": 5432, "kafka": 9092, "edge": 8000, "provider": 8000}
CONNECT = ("connect", 8083, "/connectors")
# Each line of the input asks one: NAME PORT PATH; a dash for the path asks whether somebody listens.
SCRIPT = r"""
ask() {
  exec 2>/dev/null 3<>"/dev/tcp/$1/$2" || return 1
  [ "$3" = - ] && { echo "HTTP/1.0 200"; return; }
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "$1" >&3 && timeout 2 cat <&3
}
while read -r name port path; do
  if [ "$name" = postgres ] && command -v pg_isready >/dev/null; then
    exec {out}< <(pg_isready -q -t 2 -h postgres && echo 'HTTP/1.0 200' | base64 -w0)
  else
    exec {out}< <(ask "$name" "$port" "$path" | base64 -w0)
  fi
  files+=("$out $name $path")
done
for file in "${files[@]}"; do
  read -r out name path <<<"$file"
  printf '%s %s %s\n' "$name" "$path" "$(cat <&"$out")"
done
"""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; status 0 when there was none."""

    status: int
    body: str = ""


def why_not(system: System, found: Mapping[str, Container], names: Collection[str]) -> dict[str, Reason]:
    """Name → why it is not ready; None when it is. `found` is what `containers` said a moment ago."""
    answers = ask(system, found.values(), [question(name) for name in names if name in found and found[name].running])
    return {name: _reason(found.get(name), answers.get(question(name)[::2], Answer(0))) for name in names}


def question(name: str, path: str = "/ready") -> tuple[str, int, str]:
    """Whom to ask, at which port, for what."""
    if name == CONNECT[0]:
        return CONNECT
    return (name, PORTS[name], "-") if name in PORTS else (name, HEALTH, path)


def ask(
    system: System, there: Iterable[Container], questions: Iterable[tuple[str, int, str]]
) -> Mapping[tuple[str, str], Answer]:
    """(Name, path) → the answer. Never raises for one that does not answer."""
    lines = "".join(f"{name} {port} {path}\n" for name, port, path in questions)
    asking = _asking(there)
    if not lines or asking is None:
        return {}
    said = system.engine.attempt("exec", "--interactive", asking.id, "bash", "-c", SCRIPT, text=lines)
    return {
        (words[0], words[1]): _answer("".join(words[2:])) for line in said.out.splitlines() if (words := line.split())
    }


def _asking(there: Iterable[Container]) -> Container | None:
    """One that has a shell and runs: Postgres's first, which has the right question for itself."""
    able = {one.name: one for one in there if one.status == "running" and one.name != "edge"}
    return able.get("postgres") or able.get("kafka") or next(iter(able.values()), None)


def _answer(coded: str) -> Answer:
    head, _, body = base64.b64decode(coded).decode(errors="replace").partition("\r\n\r\n")
    words = head.split(maxsplit=2)
    return Answer(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, body)


def _reason(one: Container | None, answer: Answer) -> Reason:
    if one is None or one.status == "created":
        return "not started yet"
    if one.status in ("exited", "dead"):
        return f"ended with code {one.code}"
    if one.status != "running":
        return one.status
    if answer.status == 0:
        return "does not answer yet"
    return None if answer.status == HTTPStatus.OK else reasons(answer.body) or f"answers {answer.status}"


def reasons(body: str) -> str:
    """What our own processes say in a 503; nothing for another program's words."""
    try:
        return ", ".join(map(str, json.loads(body)["reasons"]))
    except (ValueError, LookupError, TypeError):
        return ""
