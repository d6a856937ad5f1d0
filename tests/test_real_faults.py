"""Each kind of fault that people really made is found by a rule that names the file, the place in it and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blueprint.catalogue import read_catalogue
from blueprint.charts import FOLDER, INFRA, STACK
from provision.processes import run
from tests.real_faults import CI, COMPOSE, DOCS, READ, RUNBOOKS, STRAY, UNREAD
from tests.verifying import Verified, verify


@dataclass(frozen=True)
class Kind:
    """A kind of fault, in which tree it is, and what must be said of it, and where."""

    name: str
    clause: str
    file: str
    said: str
    unread: bool = False


BUNDLE, SHARED = f"{FOLDER}/{STACK}/templates", f"{FOLDER}/{INFRA}/templates"
PROD = f"{FOLDER}/values-prod.yaml"
RELEASE = ".github/workflows/release.yml"
KINDS = (
    Kind("a file that does not parse", "CMP-001", COMPOSE, "is not YAML", unread=True),
    Kind("a service under volumes", "CMP-001", COMPOSE, "stands under volumes"),
    Kind("the same service twice", "CMP-001", COMPOSE, "key 'ui' stands at line"),
    Kind("a dependency outside the profile", "CMP-007", COMPOSE, "gateway needs kafka by depends_on"),
    Kind("a service without a profile on one that has one", "CMP-007", COMPOSE, "helper needs qdrant by depends_on"),
    Kind("a host without a service", "CMP-007", COMPOSE, "names redis, which is no service"),
    Kind("a mount that is missing", "CMP-007", COMPOSE, "mount source infra/nowhere.yaml"),
    Kind("an env file that is not there", "CMP-007", COMPOSE, "env file infra/untracked.env"),
    Kind("an external network", "CMP-007", COMPOSE, "network elsewhere is external"),
    Kind("one broker and three copies", "CMP-007", COMPOSE, "OFFSETS_TOPIC_REPLICATION_FACTOR, and there is 1 broker"),
    Kind("a health check replaced by true", "CMP-008", COMPOSE, "is `true`, which looks at nothing"),
    Kind("no health check", "CMP-008", COMPOSE, "has no health check"),
    Kind("a number over 32 bits", "CMP-001", COMPOSE, "does not fit in 32 bits"),
    Kind("latest", "CMP-009", COMPOSE, "carries 'latest', which moves"),
    Kind("a stray second file with the same port", "CMP-010", STRAY, "also claims host port"),
    Kind("a stray second file with the same name", "CMP-010", STRAY, "also names a container gateway"),
    Kind("a key as the default of an interpolation", "CMP-017", COMPOSE, "holds a literal"),
    Kind("an include of nothing", "HLM-002", f"{SHARED}/a.yaml", "does not render", unread=True),
    Kind("a lock that disagrees", "HLM-001", f"{FOLDER}/{STACK}/Chart.lock", "which Chart.yaml does not", unread=True),
    Kind("a dependency not vendored", "HLM-001", f"{FOLDER}/{STACK}/Chart.yaml", "is not in charts/", unread=True),
    Kind("a component that renders nothing", "HLM-004", f"{FOLDER}/{INFRA}", "renders no workload for redis"),
    Kind("a value that is shadowed", "CFG-003", PROD, "asks for 3 replicas, and StatefulSet kafka is rendered with 1"),
    Kind("a port on the loopback address", "HLM-007", f"{SHARED}/etcd.yaml", "loopback address alone"),
    Kind("a volume that is not used", "HLM-007", f"{SHARED}/etcd.yaml", "mounts the volume data"),
    Kind("a host that is no rendered Service", "HLM-006", f"{BUNDLE}/gateway.yaml", "names cache, which is no Service"),
    Kind("a scaler of what is gone", "HLM-006", f"{BUNDLE}/left-over.yaml", "gone"),
    Kind(
        "a doubled prefix", "CFG-002", f"{BUNDLE}/gateway.yaml", "SA01_SA01_ENVIRONMENT, from which no setting is read"
    ),
    Kind("a key that nothing reads", "CFG-003", PROD, "no template reads it"),
    Kind("several objects in one document", "HLM-003", f"{BUNDLE}/two.yaml", "two objects without ---"),
    Kind("a credential in values", "CFG-004", PROD, "password holds a literal"),
    Kind("a private key inline", "CFG-004", PROD, "holds a private key"),
    Kind("a workflow that never parsed", "CIC-001", DOCS, "is not YAML"),
    Kind("workflows joined", "CIC-001", CI, "holds more than one document", unread=True),
    Kind("a job at a wrong indent", "CIC-001", DOCS, "'b' is no key that a workflow has here", unread=True),
    Kind("a step that promises tests", "CIC-002", CI, "there is no step for pytest"),
    Kind("a chart that is gone", "CIC-004", CI, "infra/helm/gone is not there"),
    Kind("a branch that is not the default one", "CIC-001", CI, "no push to the default branch"),
    Kind("a page that names no file", "DOC-005", RUNBOOKS, "scripts/gone.py is not there"),
    Kind("a link that leads nowhere", "DOC-003", RUNBOOKS, "plan.md is not there"),
    Kind("a workflow that is gone", "CHG-005", RELEASE, "release.yml is not there", unread=True),
)
REMEDIES = {clause.id: clause.remedy for clause in read_catalogue()}


def judged(folder: Path, texts: Mapping[str, str]) -> Verified:
    for name, text in texts.items():
        path = folder / "subject" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for command in ("git init -q", "git add -A", "git -c user.name=a -c user.email=a@b.invalid commit -q -m a"):
        run(command.split(), cwd=folder / "subject")
    return verify(folder / "out", "--tier=static", f"--subject={folder / 'subject'}")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Verified]:
    """Both trees judged: the one that can be read, and the one that cannot."""
    return {unread: judged(tmp_path_factory.mktemp("faulty"), UNREAD if unread else READ) for unread in (False, True)}


def findings(verified: Verified, clause: str) -> Iterator[dict[str, Any]]:
    for (name, _), case in verified.cases("static").items():
        if name == clause:
            yield from case["findings"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_fault_is_found_where_it_is(kind: Kind, found: Mapping[bool, Verified]) -> None:
    told = list(findings(found[kind.unread], kind.clause))
    meant = [each for each in told if each["file"] == kind.file and kind.said in each["what"]]
    assert meant, [(each["file"], each["what"]) for each in told]
    for each in meant:
        is_absent = kind.file not in (UNREAD if kind.unread else READ)
        assert each["line"] or each["key"] or is_absent, each
        assert each["remedy"] or REMEDIES[kind.clause]
