"""Values files of the environments under other names than the blueprint's: which they are, and how they differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, INFRA, STACK, values_file

_SPELLINGS = {
    **dict.fromkeys(("dev", "develop", "development"), "dev"),
    **dict.fromkeys(("stage", "staging", "stg"), "staging"),
    **dict.fromkeys(("prod", "production", "prd"), "prod"),
}
_CHARTS = {"infra": INFRA, "infrastructure": INFRA, "somainfra": INFRA, "stack": STACK, "somastack": STACK}
_WORDS = frozenset(
    (
        "values",
        "value",
        "environments",
        "environment",
        "envs",
        "env",
        "overlays",
        "overrides",
        "override",
        "soma",
        "helm",
    )
)
_SUFFIXES = (".yaml", ".yml")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
_NEITHER = frozenset({"templates", "crds", "files"})
"""Folders of a chart in which no values are."""


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """A file that stands for the values of an environment.

    Attributes:
        path: where it is.
        environment: of the blueprint.
        chart: the one that it is for; empty where it is for both.
        spelled: how the environment is written.
    """

    path: str
    environment: str
    chart: str
    spelled: str

    def fits(self, chart: str, environment: str) -> bool:
        """Whether a chart can be rendered with it for an environment."""
        return self.environment == environment and self.chart in {"", chart}

    @property
    def difference(self) -> str:
        """How its name differs from that of the blueprint, for a reader."""
        path, wanted = PurePosixPath(self.path), PurePosixPath(values_file(self.environment))
        parts = [f"it lies in {path.parent}"] if path.parent != wanted.parent else []
        parts += [f"is named {path.name}"] if path.name != wanted.name else []
        parts += [f"says {self.spelled} for {self.environment}"] if self.spelled != self.environment else []
        parts += [f"is for {self.chart} alone"] if self.chart else []
        return ", ".join(parts)


def chart_of_key(key: str) -> str:
    """The chart whose values a key at the root of a values file holds, in whichever spelling; empty for none."""
    return _CHARTS.get("".join(filter(str.isalnum, key)).casefold(), "")


def drifted_values(paths: Iterable[str]) -> Mapping[tuple[str, str], ValuesFile]:
    """For each chart and environment whose values file is not where the blueprint has it, the one that stands for it.

    It is looked for below infra/helm, else around the charts that are elsewhere. One for both charts goes before one
    for a single chart, then the one that lies less deep.
    """
    there = frozenset(paths)
    missing = [each for each in ENVIRONMENTS if values_file(each) not in there]
    for folders in ((FOLDER,), _around_charts(there)) if missing else ():
        named = [file for path in sorted(there) for folder in folders if (file := _read(path, folder))]
        named.sort(key=lambda each: (bool(each.chart), each.path.count("/"), each.path))
        if named:
            runs = [(chart, environment) for chart in CHARTS for environment in missing]
            fitting = {run: [each for each in named if each.fits(*run)] for run in runs}
            return {run: files[0] for run, files in fitting.items() if files}
    return {}


def values_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """For each environment the file of the blueprint, or those that stand for it where it is not there."""
    there = frozenset(paths)
    drifted = drifted_values(there)
    found: list[str] = []
    for environment in ENVIRONMENTS:
        others = [each.path for (_, name), each in drifted.items() if name == environment]
        found += others or [values_file(environment)]
    return tuple(dict.fromkeys(found))


def _around_charts(paths: frozenset[str]) -> tuple[str, ...]:
    """Where charts are that are not below infra/helm: the folder that holds the chart, with others beside it."""
    homes = [PurePosixPath(path).parent for path in paths if PurePosixPath(path).name == "Chart.yaml"]
    outer = {str(home.parent) if home.parent.name else str(home) for home in homes if home.name}
    return tuple(sorted(each for each in outer if not f"{each}/".startswith(f"{FOLDER}/")))


def _read(path: str, folder: str) -> ValuesFile | None:
    """What the name of a file says; None where it says anything else than values, a chart and one environment."""
    if not path.startswith(f"{folder}/") or not path.endswith(_SUFFIXES):
        return None
    *folders, name = PurePosixPath(path).relative_to(folder).parts
    words = [*_WORD.findall(PurePosixPath(name).stem), *(word for each in folders for word in _WORD.findall(each))]
    if _NEITHER.intersection(folders) or "charts" in folders:
        return None
    spelled = [word for word in words if word.casefold() in _SPELLINGS]
    charts = {_CHARTS[word.casefold()] for word in words if word.casefold() in _CHARTS}
    others = {word.casefold() for word in words} - _WORDS - _SPELLINGS.keys() - _CHARTS.keys()
    environments = {_SPELLINGS[word.casefold()] for word in spelled}
    if others or len(environments) != 1 or len(charts) > 1:
        return None
    return ValuesFile(path, environments.pop(), next(iter(charts), ""), spelled[0])
