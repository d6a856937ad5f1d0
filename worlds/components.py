"""What each component of soma-infra is there for, tried once through a namespace; JSON comes back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from blueprint.evidence import JSON
from provision.waiting import Deadline
from worlds.probes import conversation, etcd, grafana, kafka, oidc, opa, prometheus, redis, vault
from worlds.probes.http import settled
from worlds.reach import Reach, inside, listed, secret

Kept = Callable[[str], object]
"""Takes a secret in, before anything that might show it is written down."""

REALM = "/realms/soma"
CLIENT = "gateway"
CLIENT_SECRET = ("gateway-client", "secret")
"""The Secret that a Job made at the first installation, and its key."""
SCRAPED = "prometheus.io/scrape"
TARGETS_UP = Deadline("every target of Prometheus to be up", 90)
TEXT = "What is 6 * 7?"


def service_token(reach: Reach, keep: Kept) -> dict[str, JSON]:
    """A token of the gateway's client; as :func:`worlds.probes.oidc.client_token`, ``token`` included."""
    password = secret(reach, *CLIENT_SECRET)
    keep(password)
    with reach.forwarded("auth", 8080) as port:
        seen = oidc.client_token(f"http://127.0.0.1:{port}{REALM}", CLIENT, password)
    if isinstance(seen.get("token"), str):
        keep(str(seen["token"]))
    return seen


def auth(reach: Reach, keep: Kept) -> dict[str, JSON]:
    """A token is issued; the gateway is asked with it, without one, and with what was forged of it."""
    with reach.forwarded("auth", 8080) as port:
        found = oidc.discover(f"http://127.0.0.1:{port}{REALM}").get("body")
    granted = service_token(reach, keep)
    token = str(granted.pop("token", ""))
    tried = {"with the token": token, "without a token": ""}
    if token:
        forged = oidc.forgeries(token)
        for each in forged.values():
            keep(each)
        tried |= forged
    claims = oidc.claims(token)
    with reach.forwarded("gateway", 8010) as port:
        posted = {
            name: conversation.post(f"http://127.0.0.1:{port}", TEXT, token=each)["posted"]
            for name, each in tried.items()
        }
    return {
        "issuer": found.get("issuer") if isinstance(found, dict) else None,
        "granted": granted,
        "claims": {name: claims.get(name) for name in ("iss", "aud", "realm_access")},
        "posted": posted,
    }


def policy(reach: Reach, rule: str, asked: Mapping[str, JSON]) -> dict[str, JSON]:
    """What OPA decides of each input, by the names of the inputs."""
    with reach.forwarded("opa", 8181) as port:
        return {name: opa.decide(f"http://127.0.0.1:{port}", rule, given) for name, given in asked.items()}


def broker(reach: Reach) -> dict[str, JSON]:
    """A record travels through a topic of its own."""
    mark = secrets.token_hex(4)
    return kafka.carry(inside(reach), f"soma.verify.{mark}", f"record {mark}")


def cache(reach: Reach) -> dict[str, JSON]:
    """Redis keeps a value and gives it back; ``put`` is what it was given."""
    mark = secrets.token_hex(8)
    with reach.forwarded("redis", 6379) as port:
        return {"put": mark, **redis.round_trip(port, f"soma-verify:{mark}", mark)}


def metrics(reach: Reach) -> dict[str, JSON]:
    """What Prometheus scrapes, once all that is to be scraped is up, and the names of those ``pods``."""
    with reach.forwarded("prometheus", 9090) as port:
        return settled(lambda: _metrics(reach, port), _all_up, TARGETS_UP)


def _metrics(reach: Reach, port: int) -> dict[str, JSON]:
    pods = [
        str(pod["metadata"]["name"])
        for pod in listed(reach, "pods")
        if pod["metadata"].get("annotations", {}).get(SCRAPED) == "true"
        and pod.get("status", {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
    ]
    return {**prometheus.targets(f"http://127.0.0.1:{port}"), "pods": list[JSON](sorted(pods))}


def _all_up(seen: dict[str, JSON]) -> bool:
    rows = seen.get("targets")
    up = {str(row.get("pod")) for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    well = isinstance(rows, list) and all(isinstance(row, dict) and row.get("health") == "up" for row in rows)
    return well and isinstance(seen["pods"], list) and set(map(str, seen["pods"])) == up


def dashboards(reach: Reach, rendered: Iterable[Mapping[str, Any]]) -> dict[str, JSON]:
    """What Grafana says of itself, and how Prometheus answers each query of the dashboards.

    Args:
        reach: the namespace.
        rendered: objects of the chart, Grafana's among them.
    """
    sheets = {
        name: json.loads(text)
        for document in rendered
        if document.get("kind") == "ConfigMap" and document["metadata"]["name"] == "grafana-dashboards"
        for name, text in document["data"].items()
    }
    with reach.forwarded("prometheus", 9090) as port:
        queries: dict[str, JSON] = {
            f"{name}: {expression}": prometheus.query(f"http://127.0.0.1:{port}", expression)
            for name, sheet in sheets.items()
            for expression in grafana.expressions(sheet)
        }
    seen: dict[str, JSON] = {"uids": [str(sheet.get("uid")) for sheet in sheets.values()], "queries": queries}
    if not any(one["metadata"]["name"] == "grafana" for one in listed(reach, "services")):
        return seen
    with reach.forwarded("grafana", 3000) as port:
        return {**seen, "grafana": grafana.state(f"http://127.0.0.1:{port}")}


def vaults(reach: Reach) -> dict[str, JSON]:
    """The state of every member of Vault, by the names of their pods."""
    seen: dict[str, JSON] = {}
    for pod in listed(reach, "pods", "-l", "app.kubernetes.io/name=vault"):
        name = str(pod["metadata"]["name"])
        with reach.forwarded(f"pod/{name}", 8200) as port:
            seen[name] = vault.state(f"http://127.0.0.1:{port}")
    return seen


def flags(reach: Reach) -> dict[str, JSON]:
    """A key is put, got, changed under a watch, and deleted; ``put`` has the values in order."""
    mark = secrets.token_hex(4)
    key, values = f"/soma/verify/{mark}", [f"{mark}-{number}" for number in range(3)]
    with reach.forwarded("etcd", 2379) as port:
        base = f"http://127.0.0.1:{port}"
        first = etcd.put(base, key, values[0])
        got = etcd.get(base, key)

        def change() -> None:
            for value in values[1:]:
                etcd.put(base, key, value)
            etcd.delete(base, key)

        watched = etcd.watched(base, key, len(values), change)
        left = etcd.get(base, key)
    return {"put": list[JSON](values), "first": first, "got": got, "watched": watched, "left": left}
