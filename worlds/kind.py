"""pytest-kind's KindCluster, run as a program of its own: ``python -m worlds.kind create|delete …``.

The only place that knows pytest-kind. It starts programs and writes beside itself as it likes; in a process of its
own, with its folder as the working directory, that is bounded by what :mod:`provision.processes` bounds.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Do one thing to one cluster; everything that kind says goes to our own streams."""
    from pytest_kind import KindCluster

    chosen = _arguments()
    cluster = KindCluster(
        chosen.name, chosen.kubeconfig, image=chosen.image, kind_path=chosen.kind, kubectl_path=chosen.kubectl
    )
    if chosen.act == "create":
        cluster.create(chosen.config)
    else:
        cluster.delete()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m worlds.kind", description=__doc__)
    parser.add_argument("act", choices=["create", "delete"])
    parser.add_argument("name", help="of the cluster")
    for program in ("kind", "kubectl", "kubeconfig"):
        parser.add_argument(f"--{program}", type=_there if program != "kubeconfig" else Path, required=True)
    parser.add_argument("--image", help="of its nodes")
    parser.add_argument("--config", type=_there, help="of kind")
    return parser.parse_args()


def _there(name: str) -> Path:
    """A file that is there, by its absolute path: pytest-kind would download a program that is not."""
    path = Path(name)
    if not (path.is_absolute() and path.is_file()):
        raise argparse.ArgumentTypeError(f"{name} is no absolute path of a file")
    return path


if __name__ == "__main__":
    main()
