"""The settings of every service, read from the environment.

Fields, prefix and aliases stand as literals in one class body, so that they can be read from the syntax
tree without importing anything. ``python -m common.config.settings`` prints what is in force as JSON.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROFILES = ("default", "kafka", "observability", "vectorstore")
"""The profiles of the Compose file, sorted; ``*`` stands for all of them, as in Compose."""

_PASSWORD_IN_URL = re.compile(r"(?<=://)([^:/@\s]*):[^@/\s]+@")


class Environment(StrEnum):
    """Where this deployment stands."""

    DEV = "DEV"
    TEST = "TEST"
    STAGING = "STAGING"
    PROD = "PROD"


class Settings(BaseSettings):
    """What a service can be told; every field has a default with which the `default` profile runs.

    No default holds a credential. A variable that is set and empty counts as not set, as Compose passes
    ``${NAME:-}`` on. Values do not appear in error messages: a DSN may carry a password.

    Attributes:
        environment: SOMA_AGENT_ENV, then SA01_ENVIRONMENT, in any case; an unknown one is refused.
        profiles: which Compose profiles are on, comma separated; sorted and without repeats.
        postgres_password_file: file that holds the password of `postgres_dsn`, so that none is in the environment.
        auth_url: issuer of the tokens that the message API asks for, with its OpenID Connect discovery document below
            it; empty: no token is asked for.
        auth_audience: whom a token has to be for.
        opa_url: the policy that the message API asks; empty: none is asked.
        feature_flag_endpoint: host:port of Etcd.
        metrics_port: port of a second listener that serves /metrics alone; 0 leaves it off.
        reply_seconds: how long a message may take in all, before the gateway says that it failed.
        peer_seconds: how long the worker waits for memory or tool.
    """

    model_config = SettingsConfigDict(
        env_prefix="SA01_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        default=Environment.DEV, validation_alias=AliasChoices("SOMA_AGENT_ENV", "SA01_ENVIRONMENT")
    )
    profiles: Annotated[tuple[str, ...], NoDecode] = ("default",)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    metrics_host: str = "0.0.0.0"  # noqa: S104 - inside a container; who may reach it is the network's to say
    metrics_port: int = Field(default=9301, ge=0, le=65535)

    gateway_url: str = "http://gateway:8010"
    ui_url: str = "http://ui:8080"
    worker_url: str = "http://conversation_worker:8019"
    memory_url: str = "http://memory_service:8017"
    tool_url: str = "http://tool_executor:8018"
    reply_seconds: float = Field(default=20.0, gt=0, le=120)
    peer_seconds: float = Field(default=4.0, gt=0, le=60)

    sqlite_path: Path = Path("/var/lib/soma/memory.sqlite3")
    postgres_dsn: str = Field(
        default="postgresql://soma@pgvector:5432/soma",
        validation_alias=AliasChoices("SA01_POSTGRES_DSN", "POSTGRES_DSN"),
    )
    postgres_password_file: Path | None = None
    qdrant_url: str = "http://qdrant:6333"
    redis_url: str = Field(default="redis://redis:6379/0", validation_alias=AliasChoices("SA01_REDIS_URL", "REDIS_URL"))
    kafka_bootstrap_servers: str = Field(
        default="kafka:9092",
        validation_alias=AliasChoices("SA01_KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"),
    )
    schema_registry_url: str = "http://schema-registry:8081"
    otlp_endpoint: str = ""
    loki_url: str = "http://loki:3100"
    auth_url: str = ""
    auth_audience: str = "gateway"
    opa_url: str = ""
    vault_addr: str = "http://vault:8200"
    feature_flag_endpoint: str = Field(default="etcd:2379", pattern=r"^[A-Za-z0-9._-]+:[0-9]{1,5}$")

    @field_validator("environment", mode="before")
    @classmethod
    def _known_environment(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        name = value.strip().upper()
        if name not in Environment.__members__:
            known = ", ".join(Environment)
            raise ValueError(f"unknown environment; SOMA_AGENT_ENV or SA01_ENVIRONMENT is one of {known}")
        return name

    @field_validator("profiles", mode="before")
    @classmethod
    def _sorted_profiles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = {name.strip() for name in value.split(",")} - {""}
        return PROFILES if "*" in names else tuple(sorted(names))

    def has(self, profile: str) -> bool:
        """Whether a profile is on."""
        return profile in self.profiles


def without_passwords(text: str) -> str:
    """The text with the password of every URL in it replaced by stars."""
    return _PASSWORD_IN_URL.sub(r"\1:***@", text)


def in_force(settings: Settings) -> dict[str, object]:
    """The settings as JSON values, fit to be shown: passwords in URLs are stars."""
    shown: dict[str, object] = json.loads(without_passwords(settings.model_dump_json()))
    return shown


if __name__ == "__main__":
    print(json.dumps(in_force(Settings()), indent=2, sort_keys=True))  # noqa: T201 - this is the command's output
