"""Is a deployment of ours alive? One line a check.

    poetry run python scripts/smoke_test.py --env dev
    poetry run python scripts/smoke_test.py --env prod --kube-context blue
    poetry run python scripts/smoke_test.py --base-url http://127.0.0.1:8010

With --env the namespace soma-ENV of the kubeconfig's current context, or of --kube-context, is looked at from inside:
its pods, topics, consumer group, Redis, tokens, and a message round trip. With --base-url alone only what an address
shows is looked at, e.g. of the Compose project; the variable SOMA_TOKEN holds a token where one is asked for.
What is written meanwhile: one message, and a key of Redis that is deleted again.

Exit code 0: every check that could be made is ok. 1: one failed. 2: nothing could be looked at.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("dev", "staging", "prod")
NOTHING_SEEN = 2


def arguments(words: list[str]) -> argparse.Namespace:
    """What was asked for."""
    kept = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="smoke_test.py", description=__doc__, formatter_class=kept)
    parser.add_argument("--env", choices=ENVIRONMENTS, help="whose namespace, soma-ENV, is looked at")
    parser.add_argument("--base-url", default="", help="of the gateway; instead of a port-forward")
    parser.add_argument("--kube-context", default="", help="of the kubeconfig; instead of its current one")
    parser.add_argument("--seconds", type=float, default=60.0, help="of patience with each check (%(default)g)")
    given = parser.parse_args(words)
    if not given.env and (given.kube_context or not given.base_url):
        parser.error("say which: --env dev, staging or prod, or --base-url of a gateway")
    return given


def main(words: list[str]) -> int:
    """Make the checks, and say each as soon as it is made."""
    given = arguments(words)
    sys.path.insert(0, str(ROOT))
    try:
        from blueprint.trouble import Trouble
        from worlds.reach import Namespace
        from worlds.smoke import FAILED, Smoke
    except ModuleNotFoundError as missing:
        return _nothing(f"{missing.name} is not installed", "pip install --require-hashes -r requirements/verify.txt")
    space = None
    if given.kube_context or not given.base_url:
        space = Namespace(f"soma-{given.env}", given.kube_context)
        try:
            space.kubectl("get", "namespace", space.name, "-o", "name")
        except Trouble as trouble:
            said = trouble.what.strip().splitlines()
            return _nothing(f"{space.name} is not to be seen: {said[-1].strip()}", "kubectl config get-contexts")
    print(f"looking at {space.shown('…') if space else given.base_url}", flush=True)  # noqa: T201 - a command's own output
    failed = 0
    for outcome in Smoke(space, given.base_url.rstrip("/"), given.seconds).outcomes():
        print(outcome, flush=True)  # noqa: T201 - as above
        failed += outcome.verdict == FAILED
    print(f"{failed} failed" if failed else "all ok", flush=True)  # noqa: T201 - as above
    return 1 if failed else 0


def _nothing(why: str, then: str) -> int:
    print(f"nothing was looked at: {why}\nnext: {then}", file=sys.stderr)  # noqa: T201 - a command's own error
    return NOTHING_SEEN


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(NOTHING_SEEN)
