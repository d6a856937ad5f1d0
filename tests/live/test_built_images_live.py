"""What is in the built images: they run as Compose runs them, keep their data, and end cleanly."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import yaml

from provision.engine import Engine, engine
from provision.images import ensure
from provision.processes import Completed, run
from provision.waiting import Deadline, until
from tests.verifying import ROOT

UP = Deadline("the container to serve", 60)
GONE = Deadline("the container to end", 30)
COMPOSE = ROOT / "infra" / "docker-compose.somaagent01.yaml"
SERVERS = ("pgvector", "qdrant", "kafka", "schema-registry", "prometheus", "loki")
HARDENED = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true")
COMPILERS = "for each in cc gcc g++ make ld as go rustc; do command -v $each; done; true"
PORTS = {"gateway": 8010, "ui": 8080, "memory_service": 8017, "tool_executor": 8018, "conversation_worker": 8019}


class Container:
    """A container of a built image, with volumes that go with it."""

    def __init__(self, docker: Engine) -> None:
        self._env = docker.env()
        self.name = f"soma-verify-livetest-{secrets.token_hex(4)}"
        self._volumes: list[str] = []

    def run(self, image: str, *options: str, command: tuple[str, ...] = (), network: str = "none") -> None:
        """Start it, hardened as Compose does."""
        argv = ("--detach", "--name", self.name, f"--network={network}", *HARDENED, *options, image, *command)
        self.docker("run", *argv)

    def run_service(self, service: str, image: str, *options: str, network: str = "none") -> None:
        """Start it with the user, environment, folders and command that Compose gives the service."""
        model = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"][service]
        given = [f"--user={model['user']}", *(f"--tmpfs={each}" for each in model.get("tmpfs", ()))]
        given += [f"--env={name}={value}" for name, value in model.get("environment", {}).items()]
        mounts = [each.split(":") for each in model.get("volumes", ())]
        given += [self.volume(mount[1]) for mount in mounts if not mount[0].startswith(".")]
        given += [f"--volume={COMPOSE.parent / mount[0]}:{mount[1]}:ro" for mount in mounts if mount[0].startswith(".")]
        self.run(image, *given, *options, command=tuple(model.get("command", ())), network=network)

    def volume(self, path: str) -> str:
        """An option that mounts a new volume."""
        self._volumes.append(f"{self.name}-{len(self._volumes)}")
        return f"--volume={self._volumes[-1]}:{path}"

    def exec(self, *argv: str) -> Completed:
        """Run a program in it."""
        return run(["docker", "exec", self.name, *argv], env=self._env, check=False, timeout=30)

    def docker(self, *argv: str) -> str:
        """What a docker command prints."""
        return run(["docker", *argv], env=self._env, timeout=60).stdout.strip()

    def serving(self, *argv: str) -> None:
        """Wait until a program in it succeeds."""
        until(lambda: self.exec(*argv), lambda done: done.exit_code == 0, UP)

    def ended(self) -> int:
        """Send SIGTERM, or what the image asks for, and return the exit code."""
        self.docker("stop", "--time", "20", self.name)
        return int(self.docker("inspect", "--format", "{{.State.ExitCode}}", self.name))

    def remove(self) -> None:
        """Take it and its volumes away."""
        run(["docker", "rm", "--force", "--volumes", self.name], env=self._env, check=False, timeout=60)
        for volume in self._volumes:
            run(["docker", "volume", "rm", volume], env=self._env, check=False, timeout=60)


@pytest.fixture(scope="module")
def docker() -> Engine:
    """The engine in use, with the images of this tree."""
    found = engine()
    ensure([*PORTS, *SERVERS], found, "build", ignore, overlay=None)
    return found


def ignore(_: str) -> None:
    return


@pytest.fixture
def container(docker: Engine) -> Iterator[Container]:
    container = Container(docker)
    yield container
    container.remove()


def healthcheck(service: str) -> list[str]:
    """What Compose asks of a service's container."""
    model = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    test: list[str] = model["services"][service]["healthcheck"]["test"]
    assert test[0] == "CMD"
    return [word.replace("$$", "$") for word in test[1:]]


@pytest.mark.parametrize(("service", "port"), PORTS.items(), ids=PORTS)
def test_a_service_answers_on_its_port_and_ends_cleanly(container: Container, service: str, port: int) -> None:
    container.run(
        f"soma.local/{service}:0.1.0", "--user=10001:10001", "--tmpfs=/tmp", container.volume("/var/lib/soma")
    )
    container.serving("python", "-m", "services.probe", f"http://127.0.0.1:{port}/live")
    assert container.exec("id", "-u").stdout.strip() == "10001"
    assert container.exec("sh", "-c", COMPILERS).stdout == ""
    assert container.ended() == 0


def test_a_service_image_runs_as_nobody_special_by_itself(container: Container) -> None:
    config = json.loads(container.docker("image", "inspect", "--format", "{{json .Config}}", "soma.local/ui:0.1.0"))
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert "PYTHONDONTWRITEBYTECODE=1" in config["Env"]


def test_an_unknown_service_is_refused_at_build(docker: Engine) -> None:
    argv = ["docker", "build", "--network=none", "--file", "infra/images/services/Dockerfile", "--build-arg"]
    given = [
        "PYTHON_IMAGE=soma.local/python:3.13",
        "--build-arg",
        "PIP_NO_INDEX=1",
        "--build-arg",
        "SERVICE=gatewy",
        ".",
    ]
    done = run([*argv, *given], env={**docker.env(), "DOCKER_BUILDKIT": "0"}, cwd=ROOT, check=False)
    assert done.exit_code != 0
    assert "SERVICE=gatewy is none of gateway, ui" in done.stdout + done.stderr


def postgres(container: Container, *more: str) -> None:
    """Start pgvector, with a password in a file."""
    container.run(
        "soma.local/pgvector:0.8.0-pg17",
        "--user=999:999",
        "--tmpfs=/tmp",
        container.volume("/var/lib/postgresql/data"),
        container.volume("/var/run/postgresql"),
        "--env=POSTGRES_USER=soma",
        "--env=POSTGRES_DB=soma",
        "--env=POSTGRES_PASSWORD_FILE=/var/run/postgresql/password",
        "--entrypoint=bash",
        *more,
        command=(
            "-ec",
            'echo s3cret > $POSTGRES_PASSWORD_FILE; exec docker-entrypoint.sh "$@"',
            "pgvector",
            "postgres",
        ),
    )
    container.serving(*healthcheck("pgvector"))


def query(container: Container, sql: str, password: str = "s3cret") -> Completed:
    address = f"host=127.0.0.1 user=soma dbname=soma password={password}"
    return container.exec("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, address)


def test_pgvector_finds_by_distance_asks_for_the_password_and_keeps_its_data(container: Container) -> None:
    postgres(container)
    assert query(container, "create extension vector").exit_code == 0
    assert query(container, "create table m (v vector(2)); insert into m values ('[1,0]'), ('[0,1]')").exit_code == 0
    nearest = "select v from m order by v <-> '[0.9,0]' limit 1"
    assert query(container, nearest).stdout.strip() == "[1,0]"
    assert "password authentication failed" in query(container, "select 1", password="wrong").stderr
    assert container.ended() == 0
    container.docker("start", container.name)
    container.serving(*healthcheck("pgvector"))
    assert query(container, nearest).stdout.strip() == "[1,0]"
    assert container.exec("sh", "-c", COMPILERS).stdout == ""


def test_a_first_start_of_pgvector_that_was_cut_short_is_made_again(container: Container) -> None:
    postgres(container)
    container.exec("touch", "/var/lib/postgresql/data/.being-made")
    container.docker("kill", container.name)
    container.docker("start", container.name)
    container.serving(*healthcheck("pgvector"))
    assert query(container, "select 1").stdout.strip() == "1"
    assert container.exec("test", "-e", "/var/lib/postgresql/data/.being-made").exit_code == 1


def test_pgvector_makes_its_data_folder_below_a_volume(container: Container) -> None:
    postgres(container, "--env=PGDATA=/var/lib/postgresql/data/pgdata")
    assert query(container, "SHOW data_directory").stdout.strip() == "/var/lib/postgresql/data/pgdata"


def test_pgvector_without_a_password_does_not_start(container: Container) -> None:
    container.run("soma.local/pgvector:0.8.0-pg17", "--user=999:999", container.volume("/var/lib/postgresql/data"))
    state = ("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container.name)
    assert until(lambda: container.docker(*state), lambda seen: seen.startswith("exited"), GONE) == "exited 1"
    logs = run(["docker", "logs", container.name], env=engine().env()).stderr
    assert "no password: set POSTGRES_PASSWORD_FILE" in logs


def test_the_qdrant_shim_passes_composes_own_check_and_ends_cleanly(container: Container) -> None:
    container.run(
        "soma.local/qdrant:0.9.0",
        "--user=1000:1000",
        "--tmpfs=/tmp",
        container.volume("/qdrant/storage"),
        "--env=QDRANT__STORAGE__SNAPSHOTS_PATH=/qdrant/storage/snapshots",
    )
    container.serving(*healthcheck("qdrant"))
    body = '{"vectors": {"size": 2, "distance": "Dot"}}'
    ask = (
        "import json, sys, urllib.request as u; "
        "r = u.Request('http://127.0.0.1:6333' + sys.argv[2], (sys.argv[3] or None) and sys.argv[3].encode(), "
        "{'Content-Type': 'application/json'}, method=sys.argv[1]); print(u.urlopen(r).read().decode())"
    )
    assert '"result":true' in container.exec("python", "-c", ask, "PUT", "/collections/memory", body).stdout
    taken = container.exec("python", "-c", ask, "POST", "/collections/memory/snapshots", "").stdout
    assert json.loads(taken)["result"]["name"].startswith("memory-")
    assert container.ended() == 0
    container.docker("start", container.name)
    container.serving(*healthcheck("qdrant"))
    assert '"exists":true' in container.exec("python", "-c", ask, "GET", "/collections/memory/exists", "").stdout


@pytest.fixture
def network(docker: Engine) -> Iterator[str]:
    """A network of its own."""
    name = f"soma-verify-livetest-{secrets.token_hex(4)}"
    run(["docker", "network", "create", "--internal", name], env=docker.env())
    yield name
    run(["docker", "network", "rm", name], env=docker.env(), check=False)


@pytest.fixture
def second(docker: Engine) -> Iterator[Container]:
    container = Container(docker)
    yield container
    container.remove()


def topics(container: Container, *more: str) -> str:
    return container.exec("kafka-topics.sh", "--bootstrap-server=localhost:9092", *more).stdout


def test_kafka_keeps_a_record_and_the_registry_keeps_a_schema_in_it(
    network: str, container: Container, second: Container
) -> None:
    container.run_service("kafka", "soma.local/kafka:4.4.0", "--network-alias=kafka", network=network)
    container.serving(*healthcheck("kafka"))
    assert "Created topic memory.wal.\n" in topics(container, "--create", "--topic=memory.wal")
    say = "echo said | kafka-console-producer.sh --bootstrap-server localhost:9092 --topic memory.wal"
    assert container.exec("bash", "-c", say).exit_code == 0
    container.docker("kill", container.name)
    container.docker("start", container.name)
    container.serving(*healthcheck("kafka"))
    hear = ("--bootstrap-server=localhost:9092", "--topic=memory.wal", "--from-beginning", "--max-messages=1")
    assert container.exec("kafka-console-consumer.sh", *hear).stdout == "said\n"
    second.run_service("schema-registry", "soma.local/schema-registry:3.3.3", network=network)
    second.serving(*healthcheck("schema-registry"))
    schema = json.dumps({"schema": '{"type": "string"}'})
    asked = f"POST /apis/ccompat/v7/subjects/memory.wal-value/versions HTTP/1.0\r\nContent-Length: {len(schema)}\r\n"
    asked += f"Host: localhost\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\n\r\n{schema}"
    talk = 'exec 3<>/dev/tcp/127.0.0.1/8081; printf %s "$1" >&3; cat <&3'
    assert '{"id":1' in second.exec("bash", "-c", talk, "talk", asked).stdout
    assert "kafkasql-journal" in topics(container, "--list")


def test_prometheus_is_ready_under_composes_own_configuration(container: Container) -> None:
    container.run_service("prometheus", "soma.local/prometheus:2.53.3")
    container.serving(*healthcheck("prometheus"))
    assert container.ended() == 0


def test_loki_finds_what_was_pushed_and_ends_at_once(container: Container) -> None:
    folder = COMPOSE.parent / "observability" / "loki"
    options = ("--user=10001:10001", "--tmpfs=/tmp", container.volume("/loki"), f"--volume={folder}:/etc/loki:ro")
    container.run("soma.local/loki:1.6.1", *options, command=("-config.file=/etc/loki/loki-1.6.yaml",))
    container.serving(*healthcheck("loki"))
    at = int(container.exec("date", "+%s").stdout) * 10**9
    body = json.dumps({"streams": [{"stream": {"service": "gateway"}, "values": [[str(at), "a line"]]}]})
    url = "http://127.0.0.1:3100/loki/api/v1"
    pushed = ("wget", "-q", "-O", "-", "--header=Content-Type: application/json", f"--post-data={body}", f"{url}/push")
    assert container.exec(*pushed).exit_code == 0
    asked = f"{url}/query_range?query=%7Bservice%3D%22gateway%22%7D&start={at - 10**9}"
    container.serving("sh", "-c", f"wget -q -O - '{asked}' | grep -q 'a line'")
    assert container.ended() == 0


def test_images_are_small(docker: Engine) -> None:
    """Bounds a third above what was measured: 81, 130, 149, 252 and 183 MB."""
    bounds = {
        "debian:trixie": 110,
        "python:3.13": 175,
        "gateway:0.1.0": 200,
        "pgvector:0.8.0-pg17": 340,
        "qdrant:0.9.0": 240,
    }
    argv = ["docker", "image", "inspect", "--format", "{{.Size}}", *(f"soma.local/{name}" for name in bounds)]
    sizes = [int(line) / 1e6 for line in run(argv, env=docker.env()).stdout.split()]
    too_big = {name: size for (name, most), size in zip(bounds.items(), sizes, strict=True) if size > most}
    assert too_big == {}
