"""Files from Maven repositories, fetched by mvn as the machine has it configured, checked by sha256.

``python -m provision.sources.maven GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]][!] …`` prints the lock of some artifacts
and of all that they need at run time; one with a ``!`` is taken alone.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from blueprint.trouble import Trouble
from provision.disk import disk_full_told
from provision.processes import run
from provision.steps import Say

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8"
"""What Maven 3 calls ``dependency`` by itself; pinned, so that another Maven does the same."""
_MARK = ".made-of"
_FETCHING = 1200.0
_ROW = re.compile(r"(?P<artifact>[^\s:]+:[^\s:]+:[^\s:]+(?::[^\s:]+){0,2}) sha256=(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a Maven repository; ``sha256`` is empty while it is not known."""

    group: str
    name: str
    version: str
    type: str = "jar"
    classifier: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, coordinates: str, sha256: str = "") -> Artifact:
        """From ``group:artifact:version``, which a type may follow, and a classifier that."""
        match coordinates.split(":"):
            case [group, name, version]:
                return cls(group, name, version, sha256=sha256)
            case [group, name, version, kind]:
                return cls(group, name, version, kind, sha256=sha256)
            case [group, name, version, kind, classifier]:
                return cls(group, name, version, kind, classifier, sha256)
        raise Trouble(f"{coordinates!r} is no artifact: GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]]")

    @property
    def file(self) -> str:
        """Its file name as mvn gives it."""
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{tail}.{self.type}"

    def __str__(self) -> str:
        told = (self.type, self.classifier) if self.classifier else (self.type,) if self.type != "jar" else ()
        kind = "".join(f":{each}" for each in told)
        return f"{self.group}:{self.name}:{self.version}{kind}"


def read_lock(path: Path) -> list[Artifact]:
    """The artifacts of a lock file: coordinates and digest on a line, ``#`` before a remark.

    Raises:
        Trouble: a line is neither, or the file has none.
    """
    artifacts: list[Artifact] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            row = _ROW.fullmatch(line.strip())
            if row is None:
                raise Trouble("not `GROUP:ARTIFACT:VERSION sha256=DIGEST`", where=f"{path}:{number}")
            artifacts.append(Artifact.of(row["artifact"], row["digest"]))
    if not artifacts:
        raise Trouble("the lock has no artifact", where=str(path))
    return artifacts


def is_staged(lock: Path, folder: Path) -> bool:
    """Whether a folder holds just the files of this lock."""
    mark = folder / _MARK
    return mark.is_file() and mark.read_text(encoding="ascii") == _key(lock)


def stage_artifacts(lock: Path, folder: Path, line: Say) -> None:
    """Fill a folder with the files of a lock. It is complete or not there: it is filled beside its place and moved.

    Args:
        lock: with a digest for every one.
        folder: where the files go, and nothing else is.
        line: is given what mvn says.

    Raises:
        Trouble: mvn is not there or failed, a file is another one than the lock says, or the disk is full.
    """
    artifacts = read_lock(lock)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        disk_full_told(f"staging the files of {lock}", folder.parent, Path.home()),
        tempfile.TemporaryDirectory(prefix=".staging-", dir=folder.parent) as made,
    ):
        filled = Path(made) / "files"
        _copy(artifacts, filled, line, alone=set(artifacts))
        _refuse_others(artifacts, filled, lock)
        (filled / _MARK).write_text(_key(lock), encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)


def lock(roots: Iterable[str], line: Say) -> str:
    """The lock of some artifacts and of all that they need at run time; one that ends in ``!`` is taken alone."""
    given = list(roots)
    chosen = [Artifact.of(root.removesuffix("!")) for root in given]
    alone = {each for each, root in zip(chosen, given, strict=True) if root.endswith("!")}
    with tempfile.TemporaryDirectory(prefix="soma-verify-") as folder:
        files = Path(folder) / "files"
        listed = _copy(chosen, files, line, alone=alone)
        rows = sorted(f"{each} sha256={_sha256(files / each.file)}\n" for each in listed)
    head = f"# locked by `python -m provision.sources.maven {' '.join(given)}`\n"
    return head + "".join(rows)


def _copy(artifacts: Sequence[Artifact], folder: Path, line: Say, *, alone: AbstractSet[Artifact]) -> list[Artifact]:
    if not shutil.which("mvn"):
        raise Trouble("mvn, which fetches from Maven repositories, is not here", next_command="apt-get install maven")
    with tempfile.TemporaryDirectory(prefix="soma-verify-") as home:
        pom, told = Path(home) / "pom.xml", Path(home) / "told"
        pom.write_text(_pom(artifacts, alone), encoding="utf-8")
        mvn = ["mvn", "--batch-mode", "--no-transfer-progress", "--file", str(pom)]
        run([*mvn, f"{PLUGIN}:copy-dependencies", f"-DoutputDirectory={folder}"], on_line=line, timeout=_FETCHING)
        if alone >= set(artifacts):
            return list(artifacts)
        run([*mvn, f"{PLUGIN}:list", f"-DoutputFile={told}", "-DincludeScope=runtime"], timeout=_FETCHING)
        return [_listed(row) for row in told.read_text(encoding="utf-8").splitlines() if row.count(":") >= 4]  # noqa: PLR2004 - group:artifact:type[:classifier]:version:scope


def _listed(row: str) -> Artifact:
    group, name, kind, *classifier, version, _ = row.strip().split(":")
    return Artifact(group, name, version, kind, "".join(classifier))


def _pom(artifacts: Iterable[Artifact], alone: AbstractSet[Artifact]) -> str:
    rows = []
    for each in artifacts:
        fields = {"groupId": each.group, "artifactId": each.name, "version": each.version, "type": each.type}
        if each.classifier:
            fields["classifier"] = each.classifier
        body = "".join(f"<{field}>{escape(value)}</{field}>" for field, value in fields.items())
        none = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        rows.append(f"<dependency>{body}{none if each in alone else ''}</dependency>")
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>soma</groupId><artifactId>staged</artifactId><version>1</version>"
        f"<dependencies>{''.join(rows)}</dependencies></project>"
    )


def _refuse_others(artifacts: Iterable[Artifact], folder: Path, lock: Path) -> None:
    for each in artifacts:
        path = folder / each.file
        if not path.is_file():
            raise Trouble(f"mvn brought no {each}", where=str(lock))
        if (seen := _sha256(path)) != each.sha256:
            raise Trouble(f"{each} is {seen}, and the lock wants {each.sha256}", where=str(lock))


def _key(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.stdout.write(lock(sys.argv[1:], lambda text: print(text, file=sys.stderr)))  # noqa: T201 - progress of a command
