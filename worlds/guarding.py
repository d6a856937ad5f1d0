"""What stands beside a service in its pod, tried: the policy that denies, and the agent that brings secrets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision.waiting import Deadline, until
from worlds.components import REALM, TEXT, Kept, service_token
from worlds.probes import conversation, keycloak, oidc
from worlds.probes.http import fetch, settled
from worlds.reach import Reach, listed, secret
from worlds.whole_output import marked, whole

READERS = {"memory-service": "postgres", "gateway": "gateway-client"}
"""Service, and the secret that an agent brings into its pods."""
ROTATED = "gateway-client"
"""The secret that is rotated: nothing breaks while Vault has another than Keycloak."""
FOLDER = "/vault/secrets"
ALONE_RUNS = Deadline("the pod without its policy to answer", 180)
ARRIVED = Deadline("the rotated secret to arrive in the pod", 240)
INJECTOR_SECONDS = 240
_NAME = "app.kubernetes.io/name"


def sidecars(reach: Reach) -> dict[str, JSON]:
    """The containers of every pod of the services that have secrets or a policy, and whether each is ready."""
    names = ",".join(READERS)
    return {
        str(pod["metadata"]["name"]): {
            "service": pod["metadata"]["labels"][_NAME],
            "containers": {one["name"]: bool(one.get("ready")) for one in _statuses(pod, "containerStatuses")},
            "before": [one["name"] for one in _statuses(pod, "initContainerStatuses")],
        }
        for pod in listed(reach, "pods", "-l", f"{_NAME} in ({names})")
        if not pod["metadata"].get("deletionTimestamp")
    }


def _statuses(pod: Mapping[str, Any], which: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pod.get("status", {}).get(which) or []
    return found


def denials(reach: Reach, keep: Kept) -> dict[str, JSON]:
    """How messages are answered: of a member, of a client without the role, and of a member where OPA is not there."""
    token = str(service_token(reach, keep).pop("token", ""))
    with reach.forwarded("gateway", 8010) as port:
        member = _posted(port, token)
        stranger = _posted(port, _strange_token(reach, keep))
    with _without_policy(reach) as pod:
        alive = settled(lambda: _live(reach, pod), lambda seen: seen["status"] == 200, ALONE_RUNS)  # noqa: PLR2004 - HTTP's word for well
        with reach.forwarded(f"pod/{pod}", 8010) as port:
            return {"member": member, "stranger": stranger, "alone": alive, "without opa": _posted(port, token)}


def _live(reach: Reach, pod: str) -> dict[str, JSON]:
    """A look at the process of a pod; each has a port-forward of its own, for one ends with the first refusal."""
    try:
        with reach.forwarded(f"pod/{pod}", 8010) as port:
            return fetch(f"http://127.0.0.1:{port}/live")
    except Trouble as trouble:
        return {"status": 0, "error": trouble.what}


def _posted(port: int, token: str) -> JSON:
    return conversation.post(f"http://127.0.0.1:{port}", TEXT, token=token)["posted"]


def _strange_token(reach: Reach, keep: Kept) -> str:
    admin, word, name = (
        secret(reach, "auth-admin", "password"),
        secrets.token_urlsafe(24),
        f"verify-{secrets.token_hex(4)}",
    )
    for each in (admin, word):
        keep(each)
    with reach.forwarded("auth", 8080) as port:
        base = f"http://127.0.0.1:{port}"
        token = keycloak.admin_token(base, admin)
        keep(token)
        with keycloak.stranger(base, token, REALM.rpartition("/")[2], name, word):
            got = str(oidc.client_token(f"{base}{REALM}", name, word).get("token", ""))
    if not got:
        raise Trouble("a client without a role gets no token")
    keep(got)
    return got


@contextmanager
def _without_policy(reach: Reach) -> Iterator[str]:
    """A pod of the gateway beside the others, whose policy is not there; no Service leads to it."""
    found = json.loads(reach.kubectl("get", "deployment", "gateway", "-o", "json").stdout)["spec"]["template"]
    name = f"gateway-without-policy-{secrets.token_hex(3)}"
    spec = {**found["spec"], "containers": [one for one in found["spec"]["containers"] if one["name"] != "opa"]}
    spec.pop("topologySpreadConstraints", None)
    labels = {key: value for key, value in found["metadata"]["labels"].items() if key.startswith("soma.local/")}
    kept = {key: value for key, value in found["metadata"]["annotations"].items() if key.startswith("vault.")}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels, "annotations": kept}}
    reach.kubectl("create", "-f", "-", given=json.dumps({**body, "spec": {**spec, "restartPolicy": "Never"}}))
    try:
        until(lambda: _runs(reach, name), bool, ALONE_RUNS, every=1)
        yield name
    finally:
        reach.kubectl("delete", "pod", name, "--wait=false", "--grace-period=1", check=False)


def _runs(reach: Reach, name: str) -> bool:
    pod = json.loads(reach.kubectl("get", "pod", name, "-o", "json").stdout)
    return any(one["name"] == "gateway" and "running" in one["state"] for one in _statuses(pod, "containerStatuses"))


def delivered(reach: Reach, keep: Kept) -> dict[str, JSON]:
    """For each service: what its file holds and what Vault has, for whoever its pod is, in the same moment."""
    return {service: _pair(reach, keep, service, name) for service, name in READERS.items()}


def _pair(reach: Reach, keep: Kept, service: str, name: str) -> dict[str, JSON]:
    seen: dict[str, JSON] = {"file": _file(reach, service, name), "vault": _value(_read(reach, keep, service, name))}
    for value in seen.values():
        if isinstance(value, str) and value:
            keep(value)
    return seen


def rotated(reach: Reach, keep: Kept) -> dict[str, JSON]:
    """A secret is changed in Vault, awaited in the pod, and changed back; ``before``, ``put``, and ``file``."""
    service = next(each for each, name in READERS.items() if name == ROTATED)
    root = str(json.loads(secret(reach, "vault-keys", "keys.json"))["root_token"])
    keep(root)
    before = _read(reach, keep, service, ROTATED)
    fresh = secrets.token_urlsafe(32)
    for each in filter(None, (fresh, _value(before))):
        keep(each)
    with reach.forwarded("vault", 8200) as port:
        url = f"http://127.0.0.1:{port}/v1/secret/data/soma/{ROTATED}"
        try:
            put = _vault(url, root, {"data": {"secret": fresh}})
            arrived = settled(
                lambda: {"file": _file(reach, service, ROTATED)}, lambda seen: seen["file"] == fresh, ARRIVED
            )
        finally:
            _vault(url, root, {"data": dict[str, JSON](before)})
    return {"before": _value(before), "put": fresh, "status": put["status"], **arrived}


def without_injector(reach: Reach) -> dict[str, JSON]:
    """What becomes of a pod that needs a secret while nobody injects: how the API server answers its creation."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "verify-without-injector", "labels": {"soma.local/secrets": "vault"}},
        "spec": {"containers": [{"name": "pause", "image": "registry.k8s.io/pause:3.10"}]},
    }
    injector = ("deployment/vault-injector",)
    before = json.loads(reach.kubectl("get", *injector, "-o", "json").stdout)["spec"]["replicas"]
    reach.kubectl("scale", *injector, "--replicas=0")
    try:
        gone = ("wait", "pods", "-l", f"{_NAME}=vault-injector", "--for=delete", f"--timeout={INJECTOR_SECONDS}s")
        reach.kubectl(*gone, timeout=INJECTOR_SECONDS + 30)
        asked = reach.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(pod), check=False)
    finally:
        reach.kubectl("scale", *injector, f"--replicas={before}")
        back = ("rollout", "status", *injector, f"--timeout={INJECTOR_SECONDS}s")
        reach.kubectl(*back, timeout=INJECTOR_SECONDS + 30)
    return {"exit_code": asked.exit_code, "said": asked.stderr.strip()[:300]}


def _file(reach: Reach, service: str, name: str) -> str:
    kind = "statefulset" if service == "memory-service" else "deployment"
    words = ("exec", f"{kind}/{service}", "-c", service, "--", "sh", "-c", marked(f"cat {FOLDER}/{name}"))
    return whole(lambda: reach.kubectl(*words, check=False)).stdout.strip()


def _read(reach: Reach, keep: Kept, service: str, name: str) -> dict[str, str]:
    """A secret as the service account of a service reads it from Vault."""
    account = reach.kubectl("create", "token", service, "--duration=600s").stdout.strip()
    keep(account)
    with reach.forwarded("vault", 8200) as port:
        base = f"http://127.0.0.1:{port}/v1"
        login = fetch(
            f"{base}/auth/kubernetes/login", method="POST", body={"role": service, "jwt": account}, seconds=30
        )
        token = str(_inner(login, "auth").get("client_token", ""))
        if token:
            keep(token)
        data = _inner(_vault(f"{base}/secret/data/soma/{name}", token), "data").get("data")
    return {key: str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def _vault(url: str, token: str, body: JSON = None) -> dict[str, JSON]:
    return fetch(url, method="POST" if body else "GET", body=body, token=token, seconds=30)


def _inner(answer: Mapping[str, JSON], key: str) -> dict[str, Any]:
    body = answer.get("body")
    found = body.get(key) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _value(found: Mapping[str, str]) -> str:
    return next(iter(found.values()), "")
