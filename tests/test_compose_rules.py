"""Each static rule of the local environment on what it must find and on what it must leave alone."""

from __future__ import annotations

import pytest

from blueprint.compose import read_compose
from blueprint.rules.compose_health import is_blind
from blueprint.rules.compose_hosts import hosts_of
from blueprint.rules.compose_images import digest_of, tag_of
from blueprint.rules.compose_names import ENTRY, bare, drifted
from blueprint.rules.credentials import credential_in, entropy, is_secret_name
from tests.compose_offences import BAD, DIGEST, GOOD, one
from tests.composing import RULES, model_of, our_model, our_text, said


@pytest.mark.parametrize(
    ("clause", "text", "expected"),
    [
        pytest.param(clause, *row, id=f"{clause}-{number}-{row[1]}")
        for clause, rows in BAD.items()
        for number, row in enumerate(rows)
    ],
)
def test_what_is_wrong_is_found(clause: str, text: str, expected: str) -> None:
    model = model_of(text, files={"infra/Dockerfile": ""})
    assert [line for line in said(RULES[clause](model)) if expected in line], said(RULES[clause](model))
    assert all(finding.place.file == ENTRY and finding.place.line for finding in RULES[clause](model).found)


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        pytest.param(clause, text, id=f"{clause}-{number}")
        for clause, rows in GOOD.items()
        for number, text in enumerate(rows)
    ],
)
def test_what_is_right_is_left_alone(clause: str, text: str) -> None:
    model = model_of(text, files={"infra/Dockerfile": "", "infra/db_password.txt": ""})
    assert not said(RULES[clause](model))
    assert not RULES[clause](model).unexamined


def test_a_credential_is_not_repeated_in_what_is_found() -> None:
    for text, _ in BAD["CMP-017"]:
        found = " ".join(said(RULES["CMP-017"](model_of(text))))
        for secret in ("postgres ", "123456", "hunter22", "abc123def", "p4ss", "s3cret", "abcdef", "eyJ", "changeme"):
            assert secret not in found


def test_credentials_in_env_files_are_found_by_their_line() -> None:
    files = {
        "infra/a.env": "# PASSWORD=no\nA=1\nDB_PASSWORD=hunter22\n",
        ".env": "API_TOKEN=abcdef\n",
        "b.env.example": "",
    }
    model = model_of(one("env_file: a.env"), files=files)
    assert [str(finding.place) for finding in RULES["CMP-017"](model).found] == [
        ".env:1 API_TOKEN",
        "infra/a.env:3 DB_PASSWORD",
    ]


def test_an_env_file_that_no_clone_has_is_found() -> None:
    model = model_of(one("env_file: a.env"), files={"infra/a.env": "A=1\n"}, tracked=[ENTRY])
    assert "env file infra/a.env of a is not tracked, so a clone lacks it" in " ".join(said(RULES["CMP-007"](model)))


def test_a_module_that_a_command_runs_is_in_the_tree() -> None:
    for module, is_there in (("services.a.main", True), ("services.a.gone", False), ("json.tool", True)):
        text = f"services: {{a: {{image: x, command: 'python -m {module}'}}}}\n"
        model = model_of(text, files={"services/a/main.py": "", "services/a/__init__.py": ""})
        told = [each for each in said(RULES["CMP-007"](model)) if "module" in each]
        assert bool(told) is not is_there, told
        assert is_there or "services.a.command: a: there is no module services.a.gone" in told[0]


def test_a_file_that_no_clone_has_is_never_read() -> None:
    """It may hold the credentials of whoever runs the suite, and what is read is written down."""
    files = {
        ENTRY: one("env_file: a.env", "include: [b.yaml]\n"),
        "infra/a.env": "",
        "infra/b.yaml": "",
        "infra/.env": "",
    }
    asked: list[str] = []

    def read(path: str) -> str | None:
        asked.append(path)
        return files.get(path)

    model = read_compose(read, ENTRY, {}, paths=files, tracked=[ENTRY])
    assert asked == [ENTRY]
    assert "infra/b.yaml is not tracked, so a clone lacks it" in " ".join(said(RULES["CMP-001"](model)))


def test_a_check_in_the_dockerfile_counts() -> None:
    text = "services: {a: {build: .}}\n"
    assert not said(RULES["CMP-008"](model_of(text, files={"infra/Dockerfile": "FROM x:1\nHEALTHCHECK CMD look\n"})))
    assert said(RULES["CMP-008"](model_of(text, files={"infra/Dockerfile": "FROM x:1\nHEALTHCHECK NONE\n"})))


def test_a_second_compose_file_with_the_same_ports_and_names_is_found() -> None:
    files = {
        "docker-compose.yaml": "services: {b: {image: 'b:1', ports: ['8010:80'], container_name: c1}}\n",
        "infra/docker-compose.override.yml": "services: {gateway: {ports: ['8010:8010']}}\n",
        "tests/compose.yaml": "services: {b: {image: 'b:1', ports: ['8010:80']}}\n",
        "infra/compose.broken.yaml": "services: [",
    }
    text = "services: {gateway: {image: 'a:1', ports: ['8010:8010'], container_name: c1}}\n"
    assert said(RULES["CMP-010"](model_of(text, files=files))) == [
        (
            "docker-compose.yaml:1 services.b.container_name: a second Compose file also names a container c1, like "
            f"gateway (remove the file, or the name in {ENTRY})"
        ),
        (
            "docker-compose.yaml:1 services.b.ports[0]: a second Compose file also claims host port *:8010/tcp, which"
            f" gateway of {ENTRY} has (remove the file, or give it ports of its own)"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "clause", "expected"),
    [
        ("conversation_worker:", "conversation-worker:", "CMP-003", "found 'conversation-worker', the blueprint says"),
        ("conversation_worker:", "conversationWorker:", "CMP-003", "found 'conversationWorker', the blueprint says"),
        ("tool_executor:", "soma-tool-executor:", "CMP-003", "found 'soma-tool-executor', the blueprint says"),
        (
            "  grafana:\n",
            "  dashboards:\n",
            "CMP-005",
            "grafana, which the blueprint puts into observability, is no serv",
        ),
        ("  grafana:\n", "  dashboards:\n", "CMP-005", "dashboards is in observability, which the blueprint makes of"),
        ("[vectorstore]", "[vector-store]", "CMP-002", "found 'vector-store', the blueprint says 'vectorstore'"),
        ("[vectorstore]", "[vector-store]", "CMP-004", "qdrant stands in vector-store, not in vectorstore"),
        ("    profiles: [kafka]\n", "", "CMP-002", "kafka has no profile, so every selection starts it"),
        ("    profiles: [kafka]\n", "", "CMP-006", "schema-registry stands in no profile, not in kafka"),
        ("    profiles: [kafka]\n", "", "CMP-002", "profile kafka is declared by no service"),
    ],
)
def test_names_that_drift_are_named(old: str, new: str, clause: str, expected: str) -> None:
    text = our_text()
    assert old in text
    found = said(RULES[clause](our_model(text.replace(old, new))))
    assert [line for line in found if expected in line], found


def test_loki_may_be_absent() -> None:
    text = our_text()
    start = text.index("  loki:\n    <<")
    without = text[:start] + text[text.index("\n\n", start) + 2 :]
    without = without.replace("      loki: {condition: service_started, required: false}\n", "")
    model = our_model(without)
    assert "loki" not in model.services
    for clause in ("CMP-001", "CMP-005", "CMP-007"):
        assert not said(RULES[clause](model))
        assert not RULES[clause](model).unexamined


@pytest.mark.parametrize(
    "script",
    [
        "true", "/bin/true", ":", "exit 0", "exit", "echo ok", "echo ok && exit 0", "true || curl x", "curl x || true",
        "curl -f http://localhost || exit 0", "curl x; exit 0", "curl x\ntrue", "sh -c 'exit 0'", "bash -c true",
        "echo a > /dev/null 2>&1", "sleep 1", "python -c 'pass'", "python3 -c \"import sys; sys.exit(0)\"",
        "python -c \"print('ok')\"", "node -e 'process.exit(0)'", "[ 1 = 1 ]", "test 1 = 1", "curl x || echo down",
        "ls /", "date", "(true)", "true | cat /dev/null", "",
    ],
)  # fmt: skip
def test_a_script_that_cannot_fail_is_blind(script: str) -> None:
    assert is_blind("CMD-SHELL", [script])
    assert is_blind("CMD", ["sh", "-c", script])


@pytest.mark.parametrize(
    "script",
    [
        "curl -f http://localhost", "curl -f http://localhost || exit 1", "pg_isready", "redis-cli ping | grep PONG",
        "wget -q --spider http://localhost || exit 1", "nc -z localhost 80", "test -f /tmp/ready", "exit 1",
        "echo ruok | nc localhost 2181", "kafka-topics.sh --list", "python -c \"import urllib.request as u; u.urlopen('http://localhost')\"",
        "cat /proc/1/status", "true && curl -f http://localhost", "bash -c '</dev/tcp/localhost/80'",
    ],
)  # fmt: skip
def test_a_script_that_looks_is_none(script: str) -> None:
    assert not is_blind("CMD-SHELL", [script])
    assert not is_blind("CMD", ["sh", "-c", script])


@pytest.mark.parametrize("words", [["true"], ["/bin/true"], ["echo", "ok"], ["exit", "0"], ["python", "-c", "pass"]])
def test_words_that_cannot_fail_are_blind(words: list[str]) -> None:
    assert is_blind("CMD", words)


@pytest.mark.parametrize(
    ("name", "value", "hosts"),
    [
        ("URL", "http://a:80/x?u=http://b", ["a", "b"]),
        ("X", "jdbc:postgresql://a:5432/d", ["a"]),
        ("X", "mongodb://u:p@a:27017,b:27017/d", ["a", "b"]),
        ("BOOTSTRAP_SERVERS", "a:9092, b:9092", ["a", "b"]),
        ("ENDPOINTS", '["a:80","b:81"]', ["a", "b"]),
        ("QUORUM_VOTERS", "1@a:9093", ["a"]),
        ("DB_HOST", "a", ["a"]),
        ("NAME", "a", []),
        ("IMAGE", "redis:7000", []),
        ("DATABASE_URL", "sqlite:///x", []),
    ],
)
def test_hosts_are_found_in_values(name: str, value: str, hosts: list[str]) -> None:
    assert sorted(host for host in hosts_of(name, value) if host) == hosts


@pytest.mark.parametrize(
    "name", ["conversation_worker", "conversationWorker", "SOMA-conversation.worker", "sa01_conversation-worker"]
)
def test_spellings_of_one_name_are_one(name: str) -> None:
    assert bare(name) == "conversationworker"
    assert drifted("conversation_worker", [name]) == ("" if name == "conversation_worker" else name)


def test_parts_of_image_references() -> None:
    assert tag_of(f"host:5000/a/b:1.0@{DIGEST}") == "1.0"
    assert digest_of(f"a:1@{DIGEST}") == DIGEST
    assert not tag_of("host:5000/a")
    assert not digest_of("a:1@sha256:zz")


def test_names_and_values_of_credentials() -> None:
    assert is_secret_name("dbPassword")
    assert not is_secret_name("PASSWORD_FILE")
    assert not credential_in("PASSWORD", "/run/secrets/x")
    assert credential_in("X", "AKIAABCDEFGHIJKLMNOP") == "an access key of AWS"
    assert entropy("aaaa") == 0
    assert entropy("") == 0


def test_a_credential_is_found_once_however_often_it_is_merged() -> None:
    text = """\
        x-e: &e
          DB_PASSWORD: ${DB_PASSWORD:-hunter22}
        services:
          a: {image: 'a:1', environment: *e}
          b: {image: 'b:1', environment: {<<: *e, C: 1}}
        """
    assert [str(finding.place) for finding in RULES["CMP-017"](model_of(text)).found] == [f"{ENTRY}:2 x-e.DB_PASSWORD"]


def test_a_finding_says_in_which_selections_it_holds() -> None:
    text = """\
        services:
          a: {image: 'a:1', profiles: [one], depends_on: [b]}
          b: {image: 'b:1', profiles: [two], environment: {URL: 'http://c:80'}}
          d: {image: 'd:1', environment: {URL: 'http://c:80'}}
        """
    found = [finding.what for finding in RULES["CMP-007"](model_of(text)).found]
    assert found == [
        "a needs b by depends_on, which only two starts, with one",
        "URL of b names c, which is no service, with two, and in 1 more selection",
        "URL of d names c, which is no service, whatever is selected",
    ]


def test_what_was_observed_counts_what_is_good() -> None:
    ours = {clause: rule(our_model()).observed for clause, rule in RULES.items()}
    assert ours["CMP-007"] == "16 selections of profiles closed"
    assert ours["CMP-008"] == "12 services looked at by a health check"
    text = our_text().replace("grafana/loki:3.5.0", "grafana/loki").replace("127.0.0.1:9090", "9090", 1)
    text = text.replace("pg_isready, --host", "echo, --host").replace(", required: false}", "}")
    observed = {clause: rule(our_model(text)).observed for clause, rule in RULES.items()}
    assert observed["CMP-007"] == "10 of 16 selections of profiles closed"
    assert observed["CMP-008"] == "11 of 12 services looked at by a health check"
    assert observed["CMP-009"] == "11 of 12 images with a version tag"
    assert observed["CMP-021"] == "3 of 4 host ports on loopback alone"
