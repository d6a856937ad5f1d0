"""What images are made of, fetched by the host's own clients: whole or not there, by hash, once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision.sources import debian, maven, wheels

JAR = b"not really a jar"
DIGEST = hashlib.sha256(JAR).hexdigest()
FULL = "echo 'cannot write: No space left on device' >&2; exit 1"


class Machine:
    """A folder that is all of PATH but for the shell's own programs, and the lines that the programs wrote."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")

    def program(self, name: str, script: str) -> Path:
        """Put a shell script on PATH; its first act is to write down how it was called."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{script}\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def called(self) -> list[str]:
        """How programs were called so far."""
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def ignore(_: str) -> None:
    return


def lock(folder: Path, digest: str = DIGEST) -> Path:
    path = folder / "files.lock"
    path.write_text(f"# a remark\n\ncom.example:thing:1.0 sha256={digest}\n", encoding="utf-8")
    return path


MVN = f"""for each in "$@"; do case "$each" in -DoutputDirectory=*) folder="${{each#*=}}" ;; esac; done
mkdir -p "$folder"; printf '%s' '{JAR.decode()}' > "$folder/thing-1.0.jar" """


def test_artifacts_are_fetched_once_and_checked(machine: Machine, tmp_path: Path) -> None:
    machine.program("mvn", MVN)
    staged = tmp_path / "staged" / "thing"
    maven.stage_artifacts(lock(tmp_path), staged, ignore)
    assert (staged / "thing-1.0.jar").read_bytes() == JAR
    assert maven.is_staged(lock(tmp_path), staged)
    assert len(machine.called()) == 1
    assert not maven.is_staged(lock(tmp_path, "0" * 64), staged)


def test_another_artifact_than_the_locks_is_refused_and_not_left(machine: Machine, tmp_path: Path) -> None:
    machine.program("mvn", MVN)
    staged = tmp_path / "staged" / "thing"
    with pytest.raises(Trouble, match=f"com.example:thing:1.0 is {DIGEST}, and the lock wants {'0' * 64}"):
        maven.stage_artifacts(lock(tmp_path, "0" * 64), staged, ignore)
    assert list(staged.parent.iterdir()) == []


def test_an_artifact_that_does_not_come_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.program("mvn", f"{MVN}; rm $folder/*")
    with pytest.raises(Trouble, match=r"mvn brought no com\.example:thing:1\.0"):
        maven.stage_artifacts(lock(tmp_path), tmp_path / "staged", ignore)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("com.example:thing sha256=" + DIGEST, "files.lock:1: not `GROUP:ARTIFACT:VERSION sha256=DIGEST`"),
        ("com.example:thing:1.0", "files.lock:1: not `GROUP:ARTIFACT:VERSION sha256=DIGEST`"),
        ("# nothing\n", "files.lock: the lock has no artifact"),
    ],
    ids=["no version", "no digest", "empty"],
)
def test_a_bad_lock_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "files.lock"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Trouble) as trouble:
        maven.read_lock(path)
    assert str(trouble.value) == f"{tmp_path}/{said}"


def test_the_name_of_an_artifacts_file() -> None:
    assert maven.Artifact.of("g:a:1").file == "a-1.jar"
    packed = maven.Artifact.of("g:a:1:tar.gz:all")
    assert (packed.file, str(packed)) == ("a-1-all.tar.gz", "g:a:1:tar.gz:all")
    typed = maven.Artifact.of("g:a:1:tar.gz")
    assert (typed.file, str(typed)) == ("a-1.tar.gz", "g:a:1:tar.gz")
    with pytest.raises(Trouble, match="'g:a' is no artifact"):
        maven.Artifact.of("g:a")


def test_the_locks_of_this_tree_can_be_read() -> None:
    images = Path(__file__).parents[1] / "infra" / "images"
    assert "org.apache.kafka:kafka_2.13:4.4.0" in {str(each) for each in maven.read_lock(images / "kafka/files.lock")}
    for name in ("schema_registry", "keycloak"):
        assert [each.type for each in maven.read_lock(images / name / "files.lock")] == ["tar.gz"]


def test_a_machine_without_maven_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Trouble, match="mvn, which fetches from Maven repositories, is not here") as trouble:
        maven.stage_artifacts(lock(tmp_path), tmp_path / "staged", ignore)
    assert trouble.value.next_command == "apt-get install maven"


def test_a_full_disk_while_artifacts_are_fetched_is_told(machine: Machine, tmp_path: Path) -> None:
    machine.program("mvn", FULL)
    with pytest.raises(Trouble, match="the disk is full while staging the files of"):
        maven.stage_artifacts(lock(tmp_path), tmp_path / "staged", ignore)


def requirements(folder: Path, text: str = "thing==1.0 --hash=sha256:0\n") -> Path:
    path = folder / "requirements.txt"
    path.write_text(text, encoding="utf-8")
    return path


PIP = 'while [ "$1" != --dest ]; do shift; done; mkdir -p "$2"; echo wheel > "$2/thing-1.0-py3-none-any.whl"'


def test_wheels_are_staged_for_the_images_python_with_hashes(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = machine.program("pip", PIP)
    monkeypatch.setattr(wheels, "pip", lambda: [str(program)])
    staged = tmp_path / "staged" / "services"
    wheels.stage_wheels(requirements(tmp_path), staged, "arm64", ignore)
    assert {path.name for path in staged.iterdir()} == {".made-of", "thing-1.0-py3-none-any.whl"}
    (call,) = machine.called()
    for word in ("--require-hashes", "--python-version 3.13", "--only-binary=:all:", "manylinux_2_28_aarch64"):
        assert word in call
    assert wheels.is_staged(requirements(tmp_path), staged, "arm64")
    assert not wheels.is_staged(requirements(tmp_path), staged, "amd64")
    assert not wheels.is_staged(requirements(tmp_path, "thing==2.0\n"), staged, "arm64")


def test_wheels_that_do_not_come_leave_the_staged_ones(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "pip", lambda: [str(machine.program("pip", "echo no such version >&2; exit 1"))])
    staged = tmp_path / "staged" / "services"
    staged.mkdir(parents=True)
    (staged / "old.whl").write_text("old", encoding="utf-8")
    with pytest.raises(Trouble, match="no such version"):
        wheels.stage_wheels(requirements(tmp_path), staged, "amd64", ignore)
    assert [path.name for path in staged.parent.iterdir()] == ["services"]
    assert [path.name for path in staged.iterdir()] == ["old.whl"]


MMDEBSTRAP = 'for each in "$@"; do last="$each"; done; echo root > "$last"'


def test_a_root_file_system_is_made_once_for_a_list_of_packages(machine: Machine, tmp_path: Path) -> None:
    machine.program("mmdebstrap", MMDEBSTRAP)
    first = debian.root_filesystem(["tzdata"], "amd64", ignore, tmp_path / "cache")
    assert debian.root_filesystem(["tzdata"], "amd64", ignore, tmp_path / "cache") == first
    assert len(machine.called()) == 1
    assert "--include=tzdata" in machine.called()[0]
    assert "://" not in machine.called()[0]  # mmdebstrap knows Debian's mirror
    assert debian.root_filesystem(["tzdata", "jq"], "amd64", ignore, tmp_path / "cache") != first
    older = debian.root_filesystem(["tzdata"], "amd64", ignore, tmp_path / "cache", suite="bookworm")
    assert older.name.startswith("bookworm-")
    assert " bookworm " in machine.called()[-1]


@pytest.mark.parametrize(("script", "said"), [(FULL, "the disk is full while making"), ("exit 25", "exit code 25")])
def test_a_root_file_system_that_fails_leaves_nothing(machine: Machine, tmp_path: Path, script: str, said: str) -> None:
    machine.program("mmdebstrap", script)
    with pytest.raises(Trouble, match=said):
        debian.root_filesystem(["tzdata"], "amd64", ignore, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_machine_without_mmdebstrap_or_apt_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Trouble, match="mmdebstrap, which makes the Debian base image") as trouble:
        debian.root_filesystem(["tzdata"], "amd64", ignore, tmp_path)
    assert trouble.value.next_command.endswith("mmdebstrap")
    with pytest.raises(Trouble, match="apt-get, which fetches Debian packages"):
        debian.fetch_packages(["hello"], tmp_path, "amd64", ignore)


def system(folder: Path) -> Path:
    """What a system's image gives: its sources, which name its keyrings, and what is installed."""
    sources = folder / "apt" / "sources.list.d"
    sources.mkdir(parents=True)
    (sources / "debian.sources").write_text("Signed-By: /usr/share/keyrings/debian.pgp\n", encoding="utf-8")
    (folder / "keyrings").mkdir()
    (folder / "status").write_text("", encoding="utf-8")
    return folder


def test_packages_are_fetched_with_the_systems_own_sources_and_keys(machine: Machine, tmp_path: Path) -> None:
    machine.program("apt-get", "")
    root = system(tmp_path / "system")
    archives = debian.fetch_packages(["hello"], root, "arm64", ignore)
    assert archives.is_relative_to(root)
    update, install = machine.called()
    assert update.endswith(" update")
    assert install.endswith(" --yes --download-only --no-install-recommends install hello")
    for word in (f"Dir={root} ", f"Dir::State::status={root}/status", "APT::Architecture=arm64"):
        assert word in install
    text = (root / "etc" / "apt" / "sources.list.d" / "debian.sources").read_text(encoding="utf-8")
    assert text == f"Signed-By: {root}/keyrings/debian.pgp\n"


def test_a_package_that_debian_lacks_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.program("apt-get", "case \"$*\" in *hello*) echo 'E: Unable to locate package hello' >&2; exit 100;; esac")
    with pytest.raises(Trouble, match="Debian has no such package: E: Unable to locate package hello"):
        debian.fetch_packages(["hello"], system(tmp_path / "system"), "amd64", ignore)
