"""The API server of the cluster and other HTTP neighbours, as a Job reaches them with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 10.0
CONFLICT = 409
NOT_FOUND = 404


class Refused(Exception):
    """A neighbour answered with something else than success."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said[:300]}")
        self.status = status


def ask(  # noqa: PLR0913, PLR0917 - each a part of a request
    url: str,
    method: str = "GET",
    body: object = None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Ask over HTTP with JSON both ways.

    Raises:
        Refused: the status is 400 or more.
        OSError: nobody answers.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)  # noqa: S310 - the URLs are the chart's own
    try:
        with urllib.request.urlopen(request, timeout=seconds, context=tls) as answer:  # noqa: S310 - as above
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode(errors="replace")) from None
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found


def _api(path: str, method: str = "GET", body: object = None) -> dict[str, Any]:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (ACCOUNT / "token").read_text(encoding="ascii").strip()
    tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    shown = f"[{host}]" if ":" in host else host
    return ask(f"https://{shown}:{port}{path}", method, body, {"Authorization": f"Bearer {token}"}, tls)


def make_secret(name: str, values: Mapping[str, bytes]) -> bool:
    """Make a Secret of this namespace; False where there is one of that name, which is left as it is."""
    namespace = os.environ["NAMESPACE"]
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"soma.local/outlives": "release"}},
        "data": {key: base64.b64encode(value).decode() for key, value in values.items()},
    }
    try:
        _api(f"/api/v1/namespaces/{namespace}/secrets", "POST", body)
    except Refused as refused:
        if refused.status != CONFLICT:
            raise
        return False
    return True


def read_secret(name: str) -> dict[str, bytes]:
    """What a Secret of this namespace holds; nothing where there is none."""
    try:
        data = _api(f"/api/v1/namespaces/{os.environ['NAMESPACE']}/secrets/{name}").get("data") or {}
    except Refused as refused:
        if refused.status != NOT_FOUND:
            raise
        return {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def until(what: str, holds: Callable[[], bool], seconds: float = 240.0) -> None:
    """Look every second until it holds, and say what for; the Job's own deadline is a little longer.

    Raises:
        SystemExit: it did not hold in time.
    """
    end = time.monotonic() + seconds
    said = ""
    while True:
        try:
            if holds():
                return
            now = "not yet"
        except (OSError, Refused) as error:
            now = str(error)
        if now != said:
            say(f"waiting for {what}: {now}")
            said = now
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:.0f} s for {what}: {said}")
        time.sleep(1)  # noqa: TID251 - runs in the cluster, where the suite's waiter is not


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log of the Job
