"""The memory service and its stores, asked from inside their containers: none of them is published."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from blueprint.evidence import JSON
from provision.processes import Completed

_KEEP = """
import json, sys, httpx
service = httpx.Client(base_url="http://127.0.0.1:8017", trust_env=False, timeout=10)
answers = [service.post("/v1/memories", json=memory).status_code for memory in json.loads(sys.argv[1])]
print(json.dumps(answers))
"""
_SEARCH = """
import json, sys, httpx
from services.memory_service.meaning import embed
service = httpx.Client(base_url="http://127.0.0.1:8017", trust_env=False, timeout=10)
wanted = json.loads(sys.argv[1])
answer = service.post("/v1/memories/search", json=wanted)
hits = answer.json().get("hits", []) if answer.is_success else []
print(json.dumps({"status": answer.status_code, "vector": [round(each, 7) for each in embed(wanted["text"])],
                  "hits": [[hit["memory"]["text"], hit["stores"]] for hit in hits]}))
"""
_QDRANT = """
import json, sys, httpx
asked = json.loads(sys.argv[1])
answer = httpx.post("http://qdrant:6333/collections/memories/points/query", json=asked, trust_env=False, timeout=10)
print(json.dumps([point["payload"]["text"] for point in answer.json()["result"]["points"]]))
"""
_PGVECTOR = """
SELECT coalesce(json_agg(text ORDER BY nearness), '[]') FROM (
    SELECT text, vector <=> :'wanted' AS nearness FROM memories WHERE session_id = :'session' ORDER BY 2 LIMIT 5
) found
"""

Inside = Callable[[str, Sequence[str]], Completed]
"""Runs a program in the container of a service."""


def keep(inside: Inside, memories: Sequence[dict[str, str]]) -> list[JSON]:
    """Have memories kept, each with an id, a session and a text; the status codes. Again is as once."""
    found = _answer(inside("memory_service", ["python", "-c", _KEEP, json.dumps(list(memories))]))
    return found if isinstance(found, list) else []


def sought(inside: Inside, store: str, session_id: str, text: str) -> dict[str, JSON]:
    """What is found of a text in a session, the closest first: by the service in one store, and by that store itself.

    Returns:
        ``status`` of the service's answer, ``served``: texts with the stores that found each, and ``held``: the texts
        that the store, asked past the service, gives for the same direction.
    """
    asked = {"text": text, "session_id": session_id, "store": store}
    told: Any = _answer(inside("memory_service", ["python", "-c", _SEARCH, json.dumps(asked)]))
    if not isinstance(told, dict):
        return {"status": 0, "served": [], "held": [], "error": str(told)[-300:]}
    vector = told.pop("vector")
    held = _held_by_qdrant(inside, session_id, vector) if store == "qdrant" else _held(inside, session_id, vector)
    return {"status": told["status"], "served": told["hits"], "held": held}


def _held_by_qdrant(inside: Inside, session_id: str, vector: list[float]) -> JSON:
    must: list[JSON] = [{"key": "session_id", "match": {"value": session_id}}]
    asked = {"query": vector, "filter": {"must": must}, "limit": 5, "with_payload": True}
    return _answer(inside("memory_service", ["python", "-c", _QDRANT, json.dumps(asked)]))


def _held(inside: Inside, session_id: str, vector: list[float]) -> JSON:
    values = ("--set", f"wanted={json.dumps(vector)}", "--set", f"session={session_id}")
    command = ["bash", "-c", 'printf %s "$1" | psql --username=soma --dbname=soma -At "${@:2}"', "ask"]
    return _answer(inside("pgvector", [*command, _PGVECTOR, *values]))


def _answer(done: Completed) -> JSON:
    try:
        document: JSON = json.loads(done.stdout)
    except ValueError:
        return (done.stderr or done.stdout).strip()[-300:]
    return document
