"""What `nox -s host` would do on this machine, and why it may not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from blueprint.trouble import Trouble
from provision import packages
from provision.engine import NEXT, NoEngine, docker_config_path
from provision.private_daemon import Layout, lacking_capabilities, living
from provision.processes import ProgramFailed

PACKAGE_OF = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
}
"""The packages by the program that each is for; mmdebstrap makes base images where none can be pulled."""
SBIN = "/usr/sbin:/sbin"
"""Where the daemon's programs are, which not every PATH names."""
OS_RELEASE = Path("/etc/os-release")
_ELSEWHERE = {
    "darwin": "brew install colima docker docker-compose && colima start --cpu 4 --memory 8",
    "rhel": "sudo dnf install docker-ce docker-compose-plugin && sudo systemctl enable --now docker",
    "fedora": "sudo dnf install moby-engine docker-compose && sudo systemctl enable --now docker",
    "arch": "sudo pacman -S docker docker-compose && sudo systemctl enable --now docker",
    "suse": "sudo zypper install docker docker-compose && sudo systemctl enable --now docker",
    "alpine": "sudo apk add docker docker-cli-compose && sudo rc-service docker start",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What bringing up an engine of our own takes here.

    Attributes:
        wanted: packages to ask apt for.
        brings: all that apt would install for them; empty before its lists are fetched.
        withheld: capabilities that this machine withholds, for which the runtime shim is needed.
    """

    wanted: tuple[str, ...]
    brings: tuple[str, ...]
    withheld: tuple[str, ...]


def plan(layout: Layout, silence: NoEngine) -> Plan:
    """What to do where no engine answers.

    Args:
        layout: of our engine.
        silence: what was heard when an engine was looked for.

    Raises:
        Trouble: it is not ours to do here; with what to do instead.
    """
    _refuse_to_guess(layout, silence)
    _refuse_elsewhere(os_release())
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    wanted = [package for program, package in PACKAGE_OF.items() if not shutil.which(program, path=path)]
    if not shutil.which("docker") and packages.is_known("docker-cli"):
        wanted.append("docker-cli")  # where the distribution has the client in a package of its own
    brings: tuple[str, ...] = ()
    if wanted:
        try:
            brings = packages.would_install(wanted)
        except ProgramFailed as failure:
            if not packages.lists_are_missing(failure):
                raise
    return Plan(tuple(wanted), brings, lacking_capabilities())


def _refuse_to_guess(layout: Layout, silence: NoEngine) -> None:
    """An engine that is there and does not answer is somebody's: no second one beside it."""
    chosen = os.environ.get("DOCKER_HOST")
    if chosen and chosen != f"unix://{layout.socket}":
        raise Trouble(
            f"DOCKER_HOST says that {chosen} is the engine, and it does not answer; start it, or unset DOCKER_HOST"
            f"\n  {silence.what}",
            next_command="unset DOCKER_HOST",
        )
    if "permission denied" in silence.what.lower():
        raise Trouble(
            f"an engine is there, and this user may not use it: {silence.what}",
            next_command='sudo usermod -aG docker "$USER" && newgrp docker',
        )
    if ours := living(layout):
        raise Trouble(
            f"our engine runs, process {ours.pid}, and does not answer; its log is {layout.log}\n  {silence.what}",
            next_command="nox -s host -- --down",
        )
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == "dockerd" and process.info["status"] != psutil.STATUS_ZOMBIE:
            raise Trouble(
                f"dockerd runs here already, process {process.pid}, and does not answer; "
                f"no second engine is started beside it\n  {silence.what}",
                next_command="systemctl status docker",
            )


def _refuse_elsewhere(release: Mapping[str, str]) -> None:
    families = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if families & {"debian", "ubuntu"} and packages.has_apt():
        if os.geteuid() == 0:
            return
        raise Trouble(
            "no container engine is here, and installing one takes root; as root, run the next command in this folder, "
            "or install one by hand: sudo apt-get install docker.io && sudo systemctl start docker",
            next_command=f"sudo {NEXT}",
        )
    name = release.get("PRETTY_NAME") or sys.platform
    command = next((text for family, text in _ELSEWHERE.items() if any(family in each for each in families)), "")
    raise Trouble(
        f"no container engine is here, and on {name} this installs none (only on Debian and Ubuntu, as root): "
        "start one that can run privileged containers and has Docker Compose, then run this again",
        next_command=command or "docker version && docker compose version",
    )


def os_release() -> dict[str, str]:
    """The distribution as it names itself; the platform, e.g. ``{"ID": "darwin"}``, where none does."""
    if not OS_RELEASE.exists():
        return {"ID": sys.platform}
    pairs = (line.partition("=") for line in OS_RELEASE.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {name: value.strip().strip("\"'") for name, _, value in pairs}


def told(chosen: Plan, layout: Layout) -> list[str]:
    """The plan, one line an action."""
    lines = []
    if chosen.wanted:
        detail = f"all in all {' '.join(chosen.brings)}" if chosen.brings else "with what they need; lists come first"
        lines.append(f"install {' '.join(chosen.wanted)} with apt-get, starting nothing ({detail})")
    lines += [
        f"write {layout.state}: daemon.json, the log, images and volumes in data/, and a list of what was changed",
        f"start dockerd in a session of its own, listening at unix://{layout.socket} alone",
    ]
    if chosen.withheld:
        lines.append(
            f"start containers through {layout.shim}, since this machine withholds {', '.join(chosen.withheld)}: "
            "it takes from a container's wishes what cannot be had, then becomes runc"
        )
    lines += [
        "let the daemon set net.ipv4.ip_forward and net.bridge.*, make bridge docker0, add its chains to iptables",
        f"fetch Docker Compose as a plugin of our own in {docker_config_path()}, if this machine has none",
    ]
    return lines
