"""Other ways to write our own charts and values that mean the same."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import yaml

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, STACK, values_file
from tests.rewriting import REWRITINGS

Texts: TypeAlias = Mapping[str, str]
"""Files below infra/helm, by path."""
Rewriting: TypeAlias = Callable[[Texts], Texts]
OF_YAML = (
    *("keys sorted", "keys reversed", "in flow style", "in block style", "indented by eight", "as JSON"),
    *("as JSON, indented", "in double quotes", "with escapes", "with anchors for all that repeats"),
    *("with comments everywhere", "with the line ends of Windows", "with directive and end mark"),
    "without its opening mark",
)
"""Rewritings of one YAML file that leave its values as they are."""
VALUES = (*(f"{FOLDER}/{chart}/values.yaml" for chart in CHARTS), *map(values_file, ENVIRONMENTS))
WRITTEN = (*VALUES, *(f"{FOLDER}/{chart}/Chart.yaml" for chart in CHARTS))


def as_yaml(name: str, texts: Texts) -> Texts:
    """The values files and Chart.yaml of both charts, rewritten."""
    return {path: str(REWRITINGS[name](f"---\n{texts[path].removeprefix('---')}")) for path in WRITTEN}


def spelled_out(texts: Texts) -> Texts:
    """Each values file with all that holds for its environment, what the charts' own values say too."""
    own: Any = {}
    for chart in CHARTS:
        own = merged(own, yaml.safe_load(texts[f"{FOLDER}/{chart}/values.yaml"]))
    return {
        path: yaml.safe_dump(merged(own, yaml.safe_load(texts[path])), sort_keys=False, width=10_000)
        for path in map(values_file, ENVIRONMENTS)
    }


def merged(below: Any, above: Any) -> Any:  # noqa: ANN401 - values have any shape
    """One over the other, as helm puts values over each other."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return copy.deepcopy(above)
    return {
        key: merged(below[key], above[key])
        if key in below and key in above
        else copy.deepcopy((above if key in above else below)[key])
        for key in {**below, **above}
    }


def _templates(texts: Texts) -> Texts:
    return {path: text for path, text in texts.items() if path.startswith(f"{FOLDER}/{STACK}/templates/")}


def _manifests(texts: Texts) -> Texts:
    return {path: text for path, text in _templates(texts).items() if path.endswith(".yaml")}


def _helpers_renamed(texts: Texts) -> Texts:
    return {path: re.sub(r'"soma-stack\.(\w+)"', r'"stack.lib.\1"', text) for path, text in _templates(texts).items()}


def _helpers_in_one_file(texts: Texts) -> Texts:
    helpers = {path: text for path, text in _templates(texts).items() if path.endswith(".tpl")}
    together = f"{FOLDER}/{STACK}/templates/_all.tpl"
    return {**dict.fromkeys(helpers, ""), together: "\n".join(helpers.values())}


def _root_spelled_out(texts: Texts) -> Texts:
    return {path: re.sub(r"(?<![\w$)])\.Values\.", "$.Values.", text) for path, text in _manifests(texts).items()}


def _values_named(texts: Texts) -> Texts:
    return {
        path: "{{- $values := .Values }}\n" + re.sub(r"(?<![\w)])\$?\.Values\.", "$values.", text)
        for path, text in _manifests(texts).items()
    }


def _within_with(texts: Texts) -> Texts:
    """What stands under ``stack`` read from within a ``with``, in files that read nothing else of the values."""
    rewritten = {}
    for path, text in _manifests(texts).items():
        keys = set(re.findall(r"\.Values\.stack\.(\w+)", text))
        for key in keys:
            named = re.sub(rf"(?<![\w$)])\.Values\.stack\.{key}\b", f"${key}", text)
            rewritten[path] = f"{{{{- with .Values.stack }}}}{{{{- ${key} := .{key} }}}}\n" + named + "{{- end }}\n"
            rewritten[path] = re.sub(r"\((list|dict) \. ", r"(\1 $ ", rewritten[path]).replace("(list . ", "(list $ ")
            break
        if len(keys) != 1 or re.search(r"\.(Release|Chart|Template|Files)\b|include \"[^\"]+\" \.", text):
            rewritten.pop(path, None)
    return rewritten


def _commented(texts: Texts) -> Texts:
    note = "{{/* password: hunter2, .Values.stack.nothing, image: x:latest */}}\n"
    return {path: f"{note}{text.rstrip()}\n{note}" for path, text in _templates(texts).items() if _is_code(path)}


def _is_code(path: str) -> bool:
    return PurePosixPath(path).suffix in {".yaml", ".tpl"}


def _ends_of_windows(texts: Texts) -> Texts:
    return {path: text.replace("\n", "\r\n") for path, text in _manifests(texts).items()}


def _narrow_braces(texts: Texts) -> Texts:
    """Actions without blanks inside their braces, but for the marks that trim, which need one."""
    return {
        path: "".join(line if "printf" in line else _narrow(line) for line in text.splitlines(keepends=True))
        for path, text in _templates(texts).items()
    }


def _narrow(line: str) -> str:
    return re.sub(r"(?<!-) \}\}", "}}", re.sub(r"\{\{ (?!-)", "{{", line))


def _files_joined(texts: Texts) -> Texts:
    """The Service and the policies of ui in one file."""
    folder = f"{FOLDER}/{STACK}/templates/ui/"
    names = [path for path in _manifests(texts) if path.startswith(folder) and not path.endswith("configmap.yaml")]
    rest = dict.fromkeys(names[1:], "")
    joined = "\n---\n".join(texts[path].removeprefix("---\n").rstrip().removesuffix("---") for path in names)
    return {**rest, names[0]: joined + "\n"}


OF_TEMPLATES: Mapping[str, Rewriting] = {
    "helpers renamed": _helpers_renamed,
    "helpers in one file": _helpers_in_one_file,
    "the root spelled out": _root_spelled_out,
    "the values under a name": _values_named,
    "within `with`": _within_with,
    "with comments in templates": _commented,
    "templates with the line ends of Windows": _ends_of_windows,
    "narrow braces": _narrow_braces,
    "files of a component joined": _files_joined,
}
"""Rewritings of the templates of soma-stack, which helm has to render again."""
