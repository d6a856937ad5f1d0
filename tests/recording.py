"""Keeps the evidence of a real run for the breakages: `python -m tests.recording compose [evidence.jsonl ...]`.

The breakages of a live tier change what such a run saw, and judge again. Record anew whenever a proof looks at more
than it did: run the tier for real (`nox -s verify-compose`), green, and keep its evidence with this command. What takes
long may be recorded in several runs, each of some proofs (`-k`): of a proof that is in more than one, the last counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from blueprint.catalogue import Tier
from blueprint.trouble import Trouble
from tests.breakages import ROOT
from tests.breaking import RECORDED
from worlds.recorder import SESSION
from worlds.replay import Replay

EVIDENCE = ROOT / "reports" / "out" / "evidence.jsonl"


def keep(tier: Tier, target: Path, *evidence: Path) -> int:
    """Write what a tier's proofs and the session saw to a file, without this machine's paths; how many lines.

    Raises:
        Trouble: a file is no evidence, or no proof of the tier looked at anything.
    """
    lines = joined([Replay(path).lines for path in evidence])
    own = f"tests_infra/{tier}/"
    kept = [_of_tier(line, tier) for line in lines if line.get("proof", SESSION).startswith((own, SESSION))]
    if not any(line.get("proof", "").startswith(own) for line in kept):
        raise Trouble(f"no proof of tier {tier} looked at anything", where=str(evidence))
    subjects = {line["run"]["subject"] for line in lines if "subject" in line.get("run", {})}
    text = "".join(_elsewhere(json.dumps(line, ensure_ascii=False), subjects) + "\n" for line in kept)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return len(kept)


def joined(runs: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The lines of several runs as those of one, which lasted as long as all of them; looks get ids of their own."""
    if len(runs) == 1:
        return runs[0]
    last = {line["proof"]: number for number, lines in enumerate(runs) for line in lines if "proof" in line}
    kept, ends = [], []
    for number, lines in enumerate(runs):
        for line in lines:
            if line["kind"] == "end":
                ends.append(line)
            elif "run" in line:
                kept += [] if number else [line]
            elif line["proof"] == SESSION or last[line["proof"]] == number:
                kept.append(line | {"id": f"{line['id']}.{number + 1}"} if "id" in line else line)
    seconds = round(sum(end["run"]["seconds"] for end in ends), 3)
    return kept + [end | {"run": end["run"] | {"seconds": seconds}} for end in ends[-1:]]


def _of_tier(line: dict[str, Any], tier: Tier) -> dict[str, Any]:
    return line | {"run": line["run"] | {"tiers": [tier.value]}} if "run" in line else line


def _elsewhere(text: str, subjects: Iterable[str]) -> str:
    """Paths of this machine, the checkouts that were verified first, as they would be on no machine in particular."""
    here = dict.fromkeys((str(ROOT), *sorted(subjects)), "/checkout")
    here |= {str(Path.home()): "/home/verify", tempfile.gettempdir(): "/tmp"}
    for path, name in here.items():
        text = text.replace(f"{path}/", f"{name}/").replace(f'"{path}"', f'"{name}"')
    return text


def main(arguments: list[str]) -> int:
    """Keep the evidence of one tier."""
    try:
        tier = Tier(arguments[0])
        count = keep(tier, RECORDED / f"{tier}.jsonl", *map(Path, arguments[1:] or [str(EVIDENCE)]))
    except (IndexError, ValueError):
        print(__doc__, file=sys.stderr)  # noqa: T201 - a command's own usage
        return 2
    except Trouble as trouble:
        print(trouble, file=sys.stderr)  # noqa: T201 - a command's own error
        return 1
    print(f"{RECORDED / f'{tier}.jsonl'}: {count} lines")  # noqa: T201 - what the command did
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
