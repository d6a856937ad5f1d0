"""What a service can be told, and how."""

import ast
import json
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import common.config.settings as module
from common.config.settings import PROFILES, Environment, Settings, in_force, without_passwords

SOURCE = Path(module.__file__)
DOCUMENTED = {
    "postgres_dsn",
    "kafka_bootstrap_servers",
    "redis_url",
    "otlp_endpoint",
    "auth_url",
    "opa_url",
    "vault_addr",
    "feature_flag_endpoint",
    "metrics_host",
    "metrics_port",
}
ALIASED = ("POSTGRES_DSN", "KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable of ours."""
    import os

    for name in list(os.environ):
        if name.startswith(("SA01_", "SOMA_AGENT")) or name in ALIASED:
            monkeypatch.delenv(name)
    return monkeypatch


def test_defaults_run_the_default_profile(environment: pytest.MonkeyPatch) -> None:
    del environment
    settings = Settings()
    assert settings.environment is Environment.DEV
    assert settings.profiles == ("default",)
    assert (settings.metrics_port, settings.feature_flag_endpoint) == (9301, "etcd:2379")
    assert settings.worker_url == "http://conversation_worker:8019"
    assert settings.memory_url == "http://memory_service:8017"
    assert settings.tool_url == "http://tool_executor:8018"


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({"SOMA_AGENT_ENV": "PROD"}, "PROD"),
        ({"SA01_ENVIRONMENT": "staging"}, "STAGING"),
        ({"SOMA_AGENT_ENV": "TEST", "SA01_ENVIRONMENT": "PROD"}, "TEST"),
        ({"SOMA_AGENT_ENV": "", "SA01_ENVIRONMENT": "PROD"}, "PROD"),
        ({"ENVIRONMENT": "PROD"}, "DEV"),
    ],
)
def test_the_environment_is_chosen_by_the_first_variable_that_is_set(
    environment: pytest.MonkeyPatch, variables: dict[str, str], chosen: str
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert Settings().environment == chosen


@pytest.mark.parametrize("name", ["SOMA_AGENT_ENV", "SA01_ENVIRONMENT"])
def test_an_unknown_environment_is_refused_by_name(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, "QA")
    with pytest.raises(ValidationError, match=r"unknown environment; .* is one of DEV, TEST, STAGING, PROD"):
        Settings()


@pytest.mark.parametrize("field", sorted(set(Settings.model_fields) - {"environment"}))
def test_every_field_is_changed_by_its_prefixed_variable(environment: pytest.MonkeyPatch, field: str) -> None:
    before = getattr(Settings(), field)
    samples = {"metrics_port": "9999", "feature_flag_endpoint": "flags:1", "log_level": "ERROR", "profiles": "kafka"}
    value = samples.get(field, "7" if isinstance(before, float) else "elsewhere")
    environment.setenv(f"SA01_{field.upper()}", value)
    after = getattr(Settings(), field)
    assert after != before
    assert str(after[0] if isinstance(after, tuple) else after).removesuffix(".0") == value


@pytest.mark.parametrize("name", ALIASED)
def test_three_variables_are_taken_without_prefix_and_the_prefixed_one_wins(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.setenv(name, "plain")
    assert getattr(Settings(), name.lower()) == "plain"
    environment.setenv(f"SA01_{name}", "prefixed")
    assert getattr(Settings(), name.lower()) == "prefixed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SA01_METRICS_PORT", "70000"),
        ("SA01_METRICS_PORT", "many"),
        ("SA01_FEATURE_FLAG_ENDPOINT", "http://etcd"),
        ("SA01_LOG_LEVEL", "LOUD"),
        ("SA01_REPLY_SECONDS", "0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_and_not_repeated(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "input_value" not in str(caught.value)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.model_validate({}).metrics_port = 1  # type: ignore[misc] # that this is refused is what is shown


@hypothesis.settings(deadline=None)  # wall time says nothing on a busy machine
@given(st.lists(st.sampled_from(["", " ", *PROFILES, " kafka", "mine "]), max_size=6))
def test_profiles_are_sorted_and_stand_once_in_any_order_given(names: list[str]) -> None:
    profiles = Settings.model_validate({"profiles": ",".join(names)}).profiles
    assert list(profiles) == sorted({name.strip() for name in names} - {""})
    assert profiles == Settings.model_validate({"profiles": ",".join(reversed(names))}).profiles


def test_a_star_is_every_profile() -> None:
    assert Settings.model_validate({"profiles": "*"}).profiles == PROFILES


def test_fields_prefix_and_aliases_are_literals_of_the_syntax_tree() -> None:
    tree = ast.parse(SOURCE.read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings").body
    fields = {node.target.id for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    assert fields == set(Settings.model_fields) >= DOCUMENTED
    strings = {node.value for stmt in body for node in ast.walk(stmt) if isinstance(node, ast.Constant)}
    assert {"SA01_", "SOMA_AGENT_ENV", "SA01_ENVIRONMENT", *ALIASED} <= strings


def test_no_default_holds_a_credential() -> None:
    plain = json.loads(Settings.model_validate({}).model_dump_json())
    assert plain == in_force(Settings.model_validate({}))
    assert not [name for name in plain if any(word in name for word in ("token", "secret", "api_key"))]
    assert plain["postgres_password_file"] is None


def test_what_is_shown_holds_no_password() -> None:
    settings = Settings.model_validate({"SA01_POSTGRES_DSN": "postgresql://soma:hunter2@db:5432/soma"})
    assert in_force(settings)["postgres_dsn"] == "postgresql://soma:***@db:5432/soma"
    assert without_passwords("redis://:hunter2@redis:6379/0 and http://a:8010/x@y") == (
        "redis://:***@redis:6379/0 and http://a:8010/x@y"
    )
