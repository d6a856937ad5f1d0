"""What a container engine changes in the kernel's network, written down before and put back after."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provision.processes import run

SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/default/forwarding",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
)
"""Those that an engine sets; a file that is not there before is left as the engine leaves it."""
FIREWALLS = ("iptables", "ip6tables")
_FORWARD = ("*filter", ":FORWARD")
_PROC_SYS = Path("/proc/sys")
_LINKS = Path("/sys/class/net")
_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")
_RULE_OF_ENGINE = re.compile(r"DOCKER|\bdocker0\b|\bbr-[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class Traces:
    """The kernel's network before an engine started.

    Attributes:
        sysctls: values by their paths below /proc/sys.
        links: names of the network links.
        rules: what ``iptables-save`` and ``ip6tables-save`` say, by firewall; absent where the program is.
    """

    sysctls: Mapping[str, str]
    links: tuple[str, ...]
    rules: Mapping[str, str]


def look() -> Traces:
    """The network as it is now."""
    present = {name: _PROC_SYS / name for name in SYSCTLS if (_PROC_SYS / name).exists()}
    return Traces(
        sysctls={name: path.read_text(encoding="ascii").strip() for name, path in present.items()},
        links=tuple(sorted(path.name for path in _LINKS.iterdir())) if _LINKS.is_dir() else (),
        rules={name: run([f"{name}-save"], check=False).stdout for name in FIREWALLS if shutil.which(f"{name}-save")},
    )


def restore(before: Traces) -> list[str]:
    """Take away what an engine that has stopped left behind; says what was done, one line each.

    Only rules, chains and bridges that carry the engine's names go, and only those that were not there before.
    """
    done = [*_restore_bridges(before.links), *_restore_rules(before.rules)]
    for name, value in before.sysctls.items():
        path = _PROC_SYS / name
        if path.exists() and path.read_text(encoding="ascii").strip() != value:
            path.write_text(value, encoding="ascii")
            done.append(f"{name.replace('/', '.')} is {value} again")
    return done


def _restore_bridges(before: Iterable[str]) -> list[str]:
    left = [link.name for link in _LINKS.iterdir() if _BRIDGE.fullmatch(link.name) and link.name not in set(before)]
    for name in left:
        run(["ip", "link", "delete", name])
    return [f"bridge {name} is gone" for name in sorted(left)]


def _restore_rules(before: Mapping[str, str]) -> list[str]:
    done = []
    for firewall in FIREWALLS:
        if not shutil.which(f"{firewall}-save"):
            continue
        now = run([f"{firewall}-save"], check=False).stdout
        cleaned = without_engine(now, before.get(firewall, ""))
        if _bare(cleaned) != _bare(now):
            run([f"{firewall}-restore"], input=cleaned)
            done.append(f"{firewall}: the engine's chains and rules are gone")
    return done


def without_engine(now: str, before: str) -> str:
    """The rules of now, as ``iptables-restore`` reads them, without what an engine added to those of before.

    The engine also gives the chain FORWARD of the table filter the policy DROP: it gets back the one that it had, or
    ACCEPT where there was none.
    """
    old = set(_by_table(before))
    policy = next((line.split()[1] for table, line in old if (table, line.split()[0]) == _FORWARD), "ACCEPT")
    kept = []
    for table, line in _by_table(now):
        if (table, line.split(" ", maxsplit=1)[0]) == _FORWARD:
            kept.append(f":FORWARD {policy} [0:0]")
        elif (table, line) in old or not (line.startswith(":DOCKER") or _is_rule_of_engine(line, now)):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _by_table(rules: str) -> Iterator[tuple[str, str]]:
    table = ""
    for line in rules.splitlines():
        table = line if line.startswith("*") else table
        yield table, line


def _is_rule_of_engine(line: str, now: str) -> bool:
    if not line.startswith("-A"):
        return False
    return bool(_RULE_OF_ENGINE.search(line)) or _is_masquerade_of_engine(line, now)


def _is_masquerade_of_engine(line: str, now: str) -> bool:
    """A rule for a published port that reaches itself: it names addresses only, those of a network of the engine."""
    found = re.search(r"-s (\S+)/32 -d \1/32 .*-j MASQUERADE", line)
    return bool(found) and f"--to-destination {found[1] if found else ''}:" in now


def _bare(rules: str) -> list[str]:
    """Rules without comments and counters, which change from one look to the next."""
    return [re.sub(r" \[\d+:\d+\]", "", line) for line in rules.splitlines() if not line.startswith("#")]
