"""Settings are read from their syntax tree as Pydantic reads them, and what cannot be read is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.settings import SETTINGS, unreadable_settings
from blueprint.settings_tree import read_settings

ROOT = Path(__file__).parents[1]
SAMPLE = Path(__file__).parent / "samples" / "settings" / "good.py"
GOOD = SAMPLE.read_text(encoding="utf-8")


def offences(text: str) -> list[str]:
    findings = unreadable_settings(Document(SETTINGS, text))
    assert findings.found or not findings.unexamined
    return [
        f"{finding.place.line} {finding.place.key}: {finding.what}".replace(" :", ":") for finding in findings.found
    ]


def changed(find: str, put: str) -> str:
    assert GOOD.count(find) == 1, find
    return GOOD.replace(find, put)


def real(path: Path) -> Iterator[tuple[str, dict[str, tuple[tuple[str, ...], bool]]]]:
    """What Pydantic makes of a module of ours, which may be imported."""
    spec = spec_from_file_location(f"sample_{path.stem}", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, BaseSettings) and each.__module__ == spec.name:
            prefix = each.model_config.get("env_prefix", "")
            fields = each.model_fields.items()
            yield each.__name__, {name: (_variables(name, info, prefix), info.is_required()) for name, info in fields}


def _variables(name: str, info: FieldInfo, prefix: str) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(each.path[0]) if isinstance(each, AliasPath) else each for each in alias.choices)
    return (str(alias),) if alias else (f"{prefix}{name}".upper(),)


@pytest.mark.parametrize("path", [SAMPLE, ROOT / SETTINGS], ids=["sample", "ours"])
def test_the_syntax_tree_says_what_pydantic_says(path: Path) -> None:
    tree = read_settings(path.read_text(encoding="utf-8"), str(path))
    assert tree.faults == []
    read = {
        each.name: {setting.name: (setting.variables, setting.required) for setting in each.settings}
        for each in tree.classes
    }
    assert read == dict(real(path))


def test_defaults_and_lines_are_told() -> None:
    tree = read_settings(GOOD, SETTINGS)
    settings = {setting.name: setting for setting in tree.classes[0].settings}
    assert {name: setting.default for name, setting in settings.items() if setting.default} == {
        "plain": "text",
        "number": "8",
        "in_field": "1.5",
        "named": "2.5",
        "feature_flag_endpoint": "etcd:2379",
    }
    assert settings["plain"].line == GOOD.splitlines().index('    plain: str = "text"') + 1
    assert tree.models == ["Nested"]


def test_settings_in_order_are_left_in_peace() -> None:
    assert offences(GOOD) == []
    assert offences(f"\ufeff{GOOD}") == []
    old = "class S(BaseSettings):\n    feature_flag_endpoint: str = ''\n    class Config:\n        env_prefix = 'X_'\n"
    assert offences(old) == []
    assert read_settings(old, SETTINGS).classes[0].settings[0].variables == ("X_FEATURE_FLAG_ENDPOINT",)


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ('alias="OLD_STYLE"', 'alias="app_plain"', "40 old: is read from app_plain, and so is plain on line 20"),
        ('alias="OLD_STYLE"', "alias=OLD", "40 alias: the alias is no literal text, so it cannot be read"),
        (
            'env_prefix="APP_"',
            "env_prefix=PREFIX",
            "17 env_prefix: the prefix is no literal text, so it cannot be read",
        ),
        (
            "    plain: str",
            "    app_plain: str",
            "20 app_plain: is read from APP_APP_PLAIN, where the prefix stands twice",
        ),
        ("    plain: str", "    plain str", "20: is not Python: invalid syntax"),
    ],
)
def test_settings_that_cannot_be_read_are_told(find: str, put: str, expected: str) -> None:
    assert expected in offences(changed(find, put))


def test_the_field_that_the_blueprint_names_is_asked_for() -> None:
    text = changed("    feature_flag_endpoint", "    flag_endpoint")
    assert offences(text) == ["16 feature_flag_endpoint: the field that the blueprint names is not there"]


@pytest.mark.parametrize(
    "text", ["", "import os\n", "class Settings:\n    a: int = 1\n", "class S(BaseModel):\n    a: int\n"]
)
def test_a_module_without_settings_is_told(text: str) -> None:
    assert offences(text) == ["1: defines no settings"]


@pytest.mark.parametrize("text", ["(" * 5_000, "a = " + "-" * 100_000 + "1", "x\0y", "# " * 400_000, "a" * 600_000])
def test_hostile_modules_are_only_read(text: str) -> None:
    assert len(offences(text)) == 1


def test_a_module_that_is_absent_is_told_with_the_nearest() -> None:
    document = Document(SETTINGS, absent=NOT_THERE, nearest="config/settings.py")
    findings = unreadable_settings(document)
    assert "the nearest is config/settings.py" in findings.found[0].what
    assert findings.unexamined == {SETTINGS}


@given(st.text(st.sampled_from(list("abc:=()[]{}\n \\'\"#@,.*\x00é")), max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert offences(text)
    read_settings(f"class Settings(BaseSettings):\n    a: int = {text}\n", SETTINGS)
