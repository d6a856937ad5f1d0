"""Breakages: read from breakages.toml, and applied to a copy of the tree or to a recorded run."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from blueprint.catalogue import Catalogue, Tier
from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision.processes import run
from worlds.checkout import spelled

ROOT = Path(__file__).parent.parent
BREAKAGES = Path(__file__).parent / "breakages.toml"
RECORD = "nox -s verify-compose, then: python -m tests.recording compose"
Obligation: TypeAlias = tuple[str, str, str]

_FIELDS = {"clause", "tier", "case", "reason", "also", "astray", "edit", "change"}
_EDIT_FIELDS = {"file", "find", "put", "all", "append", "delete_file", "write"}
_CHANGE_FIELDS = {"proof", "target", "at", "to", "remove"}


@dataclass(frozen=True, slots=True, eq=False)
class Breakage:
    """One row: what is broken, and which obligations must turn red by it.

    Attributes:
        case: empty where every case of the clause must turn red.
        also: other clauses that turn red as well, with the reason.
        astray: why the first red line does not lead to what is broken; empty where it does.
        place: ``file:line`` of its table.
    """

    clause: str
    tier: Tier
    case: str
    reason: str
    also: Mapping[str, str]
    edits: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    place: str
    astray: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.clause, self.tier, self.case) if part) + f" ({self.place})"

    def covers(self, obligation: Obligation) -> bool:
        """Whether this obligation must turn red by it."""
        return obligation[:2] == (self.clause, self.tier) and self.case in {"", obligation[2]}


def read_breakages(path: Path, catalogue: Catalogue) -> tuple[Breakage, ...]:
    """Read the rows and hold them against the catalogue.

    Raises:
        Trouble: a row has an unknown field, clause, tier or case, lacks a reason, or breaks nothing that its tier
            looks at: files for static, a recorded run for the others.
    """
    text = path.read_text(encoding="utf-8")
    try:
        rows = tomllib.loads(text).get("breakage", [])
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"not TOML: {error}", where=path.name) from None
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[breakage]]"]
    if len(rows) != len(lines):
        raise Trouble("each [[breakage]] header stands on a line of its own", where=path.name)
    return tuple(_breakage(row, catalogue, f"{path.name}:{line}") for row, line in zip(rows, lines, strict=True))


def _breakage(row: dict[str, Any], catalogue: Catalogue, place: str) -> Breakage:
    _refuse_unknown(row, _FIELDS, place)
    clause = catalogue.by_id.get(row.get("clause", ""))
    if clause is None or not row.get("reason"):
        raise Trouble("a breakage names a clause, its tier, and the reason why it breaks it", where=place)
    tier, case = row.get("tier"), row.get("case", "")
    if tier not in clause.tiers or (case and case not in clause.cases):
        raise Trouble(f"{clause.id} has no tier {tier!r} with the case {case!r}", where=place)
    also = row.get("also", {})
    also = dict.fromkeys(also, row["reason"]) if isinstance(also, list) else also
    if not all(name in catalogue.by_id and reason for name, reason in also.items()):
        raise Trouble(f"also names clauses, each with its reason; here it is {also!r}", where=place)
    edits, changes = row.get("edit", []), row.get("change", [])
    if bool(edits) != (tier == Tier.STATIC) or bool(changes) == bool(edits):
        raise Trouble("a static breakage has edits of files, a live one changes of a recorded run", where=place)
    for part in edits:
        _refuse_unknown(part, _EDIT_FIELDS, place)
    for part in changes:
        _refuse_unknown(part, _CHANGE_FIELDS, place)
    return Breakage(
        clause.id, Tier(tier), case, row["reason"], also, tuple(edits), tuple(changes), place, row.get("astray", "")
    )


def _refuse_unknown(row: Mapping[str, Any], known: set[str], place: str) -> None:
    if unknown := set(row) - known:
        raise Trouble(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}", where=place)


# the copy of the tree


def tree(root: Path = ROOT) -> tuple[str, ...]:
    """The files of a checkout that git tracks or would track."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root).stdout
    return tuple(sorted({name for name in listed.split("\0") if name and (root / name).is_file()}))


def edited_copy(files: Iterable[str], edits: Iterable[Mapping[str, Any]], target: Path) -> Path:
    """Link (or copy) the files of this checkout into a folder, and edit some of them there.

    Raises:
        Trouble: what an edit would find is not there, or there more than once.
    """
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(ROOT / name, target / name)
        except OSError:  # another file system
            shutil.copyfile(ROOT / name, target / name)
    _point_at_history(target)
    for edit in edits:
        _edit(target / edit["file"], edit)
    return target


def _point_at_history(target: Path) -> None:
    """Give the copy the history of this checkout, as git gives it to a worktree: by a file that names it."""
    history = ROOT / ".git"
    if history.is_dir():
        (target / ".git").write_text(f"gitdir: {history}\n", encoding="utf-8")
    else:
        shutil.copyfile(history, target / ".git")


def _edit(path: Path, edit: Mapping[str, Any]) -> None:
    shown = spelled(edit["file"])
    if "write" not in edit and not path.is_file():
        raise Trouble("there is no such file to break", where=shown)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    path.unlink(missing_ok=True)  # it is a link to the file of this checkout
    if edit.get("delete_file"):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if "write" in edit:
        after = edit["write"]
    elif "append" in edit:
        after = before + edit["append"]
    else:
        count = before.count(edit["find"])
        if not count or (count > 1 and not edit.get("all")):
            raise Trouble(f"what is to be replaced occurs {count} times: {edit['find']!r}", where=shown)
        after = before.replace(edit["find"], edit["put"])
    path.write_text(after, encoding="utf-8")


# the changed recording


def changed_recording(recorded: Path, changes: Iterable[Mapping[str, Any]], target: Path) -> Path:
    """Copy a recorded run with some of what was seen changed.

    Raises:
        Trouble: no look of that proof at that target was recorded, or what it saw has no such key.
    """
    if not recorded.is_file():
        raise Trouble("no run of this tier is recorded", where=str(recorded), next_command=RECORD)
    lines = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    for change in changes:
        meant = [
            line
            for line in lines
            if "seen" in line and change.get("proof", "") in line["proof"] and line["target"] == change["target"]
        ]
        if not meant:
            raise Trouble(f"no look at {change['target']} by {change.get('proof') or 'any proof'}", where=recorded.name)
        for line in meant:
            line["seen"] = _put(line["seen"], change["at"], change)
    target.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return target


def _put(seen: JSON, pointer: str, change: Mapping[str, Any]) -> JSON:
    if not pointer:
        return change.get("to")
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.removeprefix("/").split("/")]
    inner: Any = seen
    try:
        for part in way:
            inner = inner[int(part)] if isinstance(inner, list) else inner[part]
        key: Any = int(last) if isinstance(inner, list) and last != "-" else last
        if change.get("remove"):
            del inner[key]
        elif isinstance(inner, list) and last == "-":
            inner.append(change["to"])
        else:
            inner[key] = change["to"]
    except (KeyError, IndexError, TypeError, ValueError):
        raise Trouble(f"what {change['target']} answered has nothing at {pointer}") from None
    return seen
