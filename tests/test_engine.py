"""Finding the container engine in use, and judging it by what it answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision import engine as module
from provision.engine import ComposeLacking, NoEngine, docker_config_path, engine, place_compose
from tests.fake_machine import REFUSED, SERVER, FakeMachine

NEXT = "nox -s host -- --yes"
ANSWERS = f"echo '{SERVER}'"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(tmp_path, monkeypatch)


def test_a_machine_without_the_docker_program_has_no_engine(machine: FakeMachine) -> None:
    began = time.monotonic()
    with pytest.raises(NoEngine, match="the program `docker` is not on this machine") as trouble:
        engine()
    assert time.monotonic() - began < 1
    assert (trouble.value.next_command, machine.calls) == (NEXT, [])


def test_a_machine_without_a_daemon_has_no_engine_and_says_so_in_a_second(machine: FakeMachine) -> None:
    machine.docker(version=REFUSED)
    began = time.monotonic()
    with pytest.raises(NoEngine, match="the docker CLI's context: Cannot connect to the Docker daemon") as trouble:
        engine()
    assert time.monotonic() - began < 1
    assert trouble.value.next_command == NEXT


def test_the_engine_of_the_docker_cli_goes_first(machine: FakeMachine) -> None:
    machine.layout.volatile.mkdir()
    machine.layout.socket.touch()
    machine.fit_docker()
    found = engine()
    assert (found.docker_host, found.ours, found.docker_config, found.env()) == (None, False, None, {})
    assert (found.version, found.api_version, found.platform) == ("27.0.1", "1.46", "linux/amd64")
    assert found.compose_version == "2.30.3"


def test_our_own_socket_is_asked_where_the_cli_finds_none(machine: FakeMachine) -> None:
    machine.layout.volatile.mkdir()
    machine.layout.socket.touch()
    machine.fit_docker(version=f'[ -n "$DOCKER_HOST" ] || {{ {REFUSED}; }}; {ANSWERS}')
    found = engine()
    address = f"unix://{machine.layout.socket}"
    assert (found.docker_host, found.ours, found.address) == (address, True, address)
    assert found.env() == {"DOCKER_HOST": address}


def test_whoever_sets_docker_host_means_that_engine_and_no_other(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    machine.layout.volatile.mkdir()
    machine.layout.socket.touch()
    machine.docker(version=REFUSED)
    with pytest.raises(NoEngine, match=r"tcp://127\.0\.0\.1:9: Cannot connect"):
        engine()
    assert [call.rpartition(" ")[2] for call in machine.calls] == ["[tcp://127.0.0.1:9]"]


def test_a_socket_that_accepts_and_never_answers_is_named(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    machine.docker(version="exec sleep 60")
    with pytest.raises(NoEngine, match="the docker CLI's context accepts and does not answer"):
        engine()


def test_a_hanging_engine_leaves_time_for_ours(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    machine.layout.volatile.mkdir()
    machine.layout.socket.touch()
    machine.fit_docker(version=f'[ -n "$DOCKER_HOST" ] || exec sleep 60; {ANSWERS}')
    assert engine().ours


def test_an_old_engine_is_no_missing_one(machine: FakeMachine) -> None:
    machine.docker(version=f"echo '{SERVER.replace('27.0.1', '19.03.15')}'")
    with pytest.raises(Trouble, match=r"the engine is 19\.03\.15, needed is 20\.10 or newer") as trouble:
        engine()
    assert not isinstance(trouble.value, NoEngine)


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "28.0.0-rc.1", "dev", "library-import"])
def test_versions_of_distributions_and_of_own_builds_are_taken(machine: FakeMachine, version: str) -> None:
    machine.fit_docker(version=f"echo '{SERVER.replace('27.0.1', version)}'")
    assert engine().version == version


def test_an_engine_without_compose_lacks_it(machine: FakeMachine) -> None:
    machine.docker(version=ANSWERS, compose="echo \"docker: 'compose' is not a docker command\" >&2; exit 1")
    with pytest.raises(ComposeLacking, match="answers, but `docker compose` is not there") as trouble:
        engine()
    assert trouble.value.next_command == NEXT


@pytest.mark.parametrize("version", ["v2.17.2", "2.20.2", "1.29.2"])
def test_a_compose_that_is_too_old_is_as_none(machine: FakeMachine, version: str) -> None:
    machine.docker(version=ANSWERS, compose=f"echo {version}")
    with pytest.raises(ComposeLacking, match=rf"Docker Compose is {version.lstrip('v')}, needed is 2\.20\.3 or newer"):
        engine()


@pytest.mark.parametrize("own", ["echo 2.17.2", "exit 1"], ids=["an old one", "none"])
def test_our_compose_is_used_where_the_machine_s_will_not_do(machine: FakeMachine, own: str) -> None:
    place_compose(machine.bin / "cat")
    machine.docker(version=ANSWERS, compose=f'[ -n "$DOCKER_CONFIG" ] || {{ {own}; exit; }}; echo 5.6.1')
    found = engine()
    assert (found.compose_version, found.docker_config) == ("5.6.1", docker_config_path())
    assert found.env() == {"DOCKER_CONFIG": str(machine.cache / "soma-verify" / "docker-config")}


def test_a_compose_of_the_machine_s_that_is_new_enough_goes_before_ours(machine: FakeMachine) -> None:
    place_compose(machine.bin / "cat")
    machine.docker(version=ANSWERS, compose='[ -n "$DOCKER_CONFIG" ] && echo 5.6.1 || echo v2.30.3-desktop.1')
    found = engine()
    assert (found.compose_version, found.docker_config) == ("2.30.3-desktop.1", None)


def test_the_user_s_contexts_credentials_and_plugins_stay_in_use(machine: FakeMachine) -> None:
    own = Path.home() / ".docker"
    (own / "contexts").mkdir(parents=True)
    (own / "cli-plugins").mkdir()
    (own / "config.json").write_text("{}")
    (own / "cli-plugins" / "docker-buildx").touch()
    (own / "cli-plugins" / "docker-compose").touch()
    program = machine.bin / "cat"
    for _ in range(2):  # and again, over what is there
        place_compose(program)
    links = {str(path.relative_to(docker_config_path())): path.readlink() for path in walk(docker_config_path())}
    assert links == {
        "config.json": own / "config.json",
        "contexts": own / "contexts",
        "cli-plugins/docker-buildx": own / "cli-plugins" / "docker-buildx",
        "cli-plugins/docker-compose": program,
    }


def walk(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink()]


def test_what_answers_as_no_docker_engine_does_is_shown(machine: FakeMachine) -> None:
    machine.docker(version='echo \'{"Version":"5.4.2","APIVersion":"5.4.2","OsArch":"linux/amd64"}\'')
    with pytest.raises(Trouble, match=r"answers as no Docker Engine does: .*5\.4\.2"):
        engine()
