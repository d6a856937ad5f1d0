"""CFG-001, as far as files tell: the settings are Pydantic models, and each field is read from variables of its own."""

from __future__ import annotations

import symtable
from collections.abc import Iterator

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.settings_tree import Setting, SettingsClass, SettingsTree, read_settings

SETTINGS = "common/config/settings.py"
NAMED = ("feature_flag_endpoint",)
"""Fields that the blueprint names."""


def unreadable_settings(document: Document) -> Findings:
    """The module defines settings, every field can be read from its syntax tree, and no two share a variable."""
    if not document:
        remedy = "define the settings there as a pydantic_settings.BaseSettings"
        return Findings.of((), [document.path], [document.absence(remedy)])
    tree = read_settings(document.text, document.path)
    found = [*tree.faults]
    if not tree.classes and not found:
        found.append(Finding("defines no settings", Place(document.path, 1), "derive a class from BaseSettings"))
    if tree.classes:
        found += [*_missing(tree, document.path), *_shared(tree, document.path), *_doubled(tree, document.path)]
    examined = [f"{each.name}.{setting.name}" for each in tree.classes for setting in each.settings]
    variables = {variable for setting in tree.settings() for variable in setting.variables}
    observed = f"{len(examined)} fields are read from {len(variables)} variables"
    return Findings.of([*examined, *tree.passed_over], _annotated(document, tree), found, observed)


def _missing(tree: SettingsTree, path: str) -> Iterator[Finding]:
    names = {setting.name for setting in tree.settings()}
    for name in NAMED:
        if name not in names:
            place = Place(path, tree.classes[0].line, name)
            yield Finding("the field that the blueprint names is not there", place, f"add {name}")


def _shared(tree: SettingsTree, path: str) -> Iterator[Finding]:
    for each in tree.classes:
        first: dict[str, Setting] = {}
        for setting in each.settings:
            for variable in setting.variables:
                other = first.setdefault(variable.upper(), setting)
                if other is not setting:
                    what = f"is read from {variable}, and so is {other.name} on line {other.line}"
                    yield Finding(what, Place(path, setting.line, setting.name), "give each a variable of its own")


def _doubled(tree: SettingsTree, path: str) -> Iterator[Finding]:
    for each in tree.classes:
        for setting in each.settings:
            if variable := _with_doubled_prefix(each, setting):
                what = f"is read from {variable}, where the prefix stands twice"
                yield Finding(what, Place(path, setting.line, setting.name), "name the field without the prefix")


def _with_doubled_prefix(each: SettingsClass, setting: Setting) -> str:
    twice = 2 * each.prefix.upper()
    return next((name for name in setting.variables if twice and name.upper().startswith(twice)), "")


def _annotated(document: Document, tree: SettingsTree) -> Iterator[str]:
    """The fields by a second path: what Python's own table of symbols calls annotated."""
    try:
        module = symtable.symtable(document.text.removeprefix("\ufeff"), document.path, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield document.path
        return
    wanted = {each.name for each in tree.classes}
    if not wanted:
        yield document.path
    for table in module.get_children():
        if table.get_type() == "class" and table.get_name() in wanted:
            for symbol in table.get_symbols():
                if (
                    symbol.is_annotated()
                    and not symbol.get_name().startswith("_")
                    and symbol.get_name() != "model_config"
                ):
                    yield f"{table.get_name()}.{symbol.get_name()}"
