"""What helm makes of the charts of a subject: one render a chart and values file, once a session."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

import yaml

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, INFRA, NONE, STACK, Charts, Render, values_file
from blueprint.documents import Document
from blueprint.evidence import JSON, Observation
from blueprint.rules.chart_components import SWITCHED
from blueprint.values_files import ValuesFile, drifted_values
from provision.processes import ProgramTimedOut, run
from provision.tools import tool
from worlds.recorder import Recorder
from worlds.subject import Subject

KUBE_VERSION = "1.37.2"
SIDE_BY_SIDE = max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
LARGEST_PACKAGE = 8 * 1024 * 1024
_SECONDS = 30.0
_NUDGES = {
    INFRA: ("infra.prometheus.scrapeInterval", "7s"),
    STACK: ("stack.gateway.settings", {"SA01_REPLY_SECONDS": "7"}),
}
_made: dict[str, JSON] = {}
"""What helm answered before in this process, by the content of what it was given."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One run of helm."""

    command: str
    chart: str
    values: str
    more: str = ""  # further values, as JSON
    drifted: str = ""  # the values file, where it is not the one of the blueprint

    @property
    def file(self) -> str:
        return self.drifted or (values_file(self.values) if self.values else "")

    @property
    def asked(self) -> JSON:
        asked: dict[str, JSON] = {"command": self.command, "values": self.values, "more": self.more}
        return asked | ({"file": self.drifted} if self.drifted else {})


def read_charts(subject: Subject, recorder: Recorder) -> tuple[Charts, tuple[str, ...]]:
    """Read the files below infra/helm, and render and lint both charts with each values file.

    Helm is given a copy of what the subject was read to be, so that no link leads it elsewhere. It knows of no
    cluster and of no plugins.

    Returns:
        The charts, and the ids of the looks at helm that they were made from.

    Raises:
        Trouble: helm cannot be had here.
    """
    drifted = drifted_values(subject.files())
    others = (each.path for each in drifted.values())
    wanted = (*subject.files(f"{FOLDER}/**"), *map(values_file, ENVIRONMENTS), *others)
    texts = {path: subject.read(path) for path in dict.fromkeys(wanted)}
    kitchen = _Kitchen(subject.root, texts, drifted)
    looks = kitchen.looks(recorder)
    rendered = {job: Render(job.chart, job.values, *_told(look.seen)) for job, look in looks.items()}
    plain = [job for job in rendered if job.command == "template" and not job.more]
    charts = Charts(
        texts,
        tuple(rendered[job] for job in plain),
        {(job.chart, job.values): (r.exit_code, r.said) for job, r in rendered.items() if job.command == "lint"},
        next((render for job, render in rendered.items() if job == kitchen.off), None),
        {job.chart: render for job, render in rendered.items() if job in kitchen.nudges},
        drifted,
    )
    return charts, tuple(look.id for look in looks.values())


def _told(seen: JSON) -> tuple[int, str, str]:
    answer = cast("dict[str, str]", seen)
    return int(answer["exit_code"]), answer["stdout"], answer["stderr"]


class _Kitchen:
    """Runs helm on a copy of the charts."""

    def __init__(
        self, root: Path, texts: Mapping[str, Document], drifted: Mapping[tuple[str, str], ValuesFile]
    ) -> None:
        self._root = root
        self._texts = texts
        there = [chart for chart in CHARTS if f"{FOLDER}/{chart}/Chart.yaml" in texts]
        files = [NONE, *ENVIRONMENTS]
        self.jobs = [
            _Job(command, chart, each, drifted=drifted[chart, each].path if (chart, each) in drifted else "")
            for command in ("template", "lint")
            for chart in there
            for each in files
        ]
        switches = self._switches() if INFRA in there else ""
        self.off = _Job("template", INFRA, NONE, switches) if switches else None
        self.nudges = [_Job("template", chart, NONE, nudge) for chart in there if (nudge := self._nudge(chart))]
        self.jobs += [self.off] if self.off else []
        self.jobs += self.nudges
        self._futures: dict[_Job, Future[JSON]] = {}

    def looks(self, recorder: Recorder) -> dict[_Job, Observation]:
        """Every run as a look; all run side by side as soon as the first is looked at, and none on replay."""
        with recorder.session(), ThreadPoolExecutor(SIDE_BY_SIDE) as pool, tempfile.TemporaryDirectory() as folder:
            seen = {}
            for job in self.jobs:
                act = lambda job=job: self._result(job, pool, Path(folder))  # noqa: E731 - bound to its job
                seen[job] = recorder.look(f"helm:{FOLDER}/{job.chart}", job.asked, act)
            return seen

    def _result(self, job: _Job, pool: ThreadPoolExecutor, folder: Path) -> JSON:
        if not self._futures:
            tool("helm")  # found or fetched once, before several ask for it
            keys = {each: self._key(each) for each in self.jobs}
            if any(key not in _made for key in keys.values()):
                self._stage(folder)
            self._futures = {each: pool.submit(self._cooked, each, keys[each], folder) for each in self.jobs}
        return self._futures[job].result()

    def _cooked(self, job: _Job, key: str, folder: Path) -> JSON:
        if key not in _made:
            _made[key] = _helm(job, folder)
        return _made[key]

    def _key(self, job: _Job) -> str:
        """A digest of all that the answer follows from."""
        used = (f"{FOLDER}/{job.chart}/", job.file or "-")
        content = [[path, text.text, text.absent] for path, text in self._texts.items() if path.startswith(used)]
        packed = [path for path, text in self._texts.items() if text.absent]
        name = [str(self._root) if packed else "", job.chart, job.asked, content]
        return hashlib.sha256(json.dumps(name).encode()).hexdigest()

    def _stage(self, folder: Path) -> None:
        """Lay out the copy: text as it was read, and packages of dependencies, which are no text."""
        for path, document in self._texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if document:
                target.write_text(document.text, encoding="utf-8", newline="")
            elif path.endswith(".tgz") and _is_plain(self._root, path):
                shutil.copyfile(self._root / path, target, follow_symlinks=False)

    def _switches(self) -> str:
        """Values by which everything that can be switched off is off, found in the chart's own values."""
        keys = self._own_values(INFRA)
        off = {
            key: {"enabled": False}
            for key, value in keys.items()
            if isinstance(value, dict) and "enabled" in value and _plain(key) in {_plain(name) for name in SWITCHED}
        }
        return json.dumps({"infra": off}) if off else ""

    def _nudge(self, chart: str) -> str:
        """Values that change one setting of one component, where the chart has it."""
        way, value = _NUDGES[chart]
        own, component, key = way.split(".")
        there = self._own_values(chart).get(component)
        return json.dumps({own: {component: {key: value}}}) if isinstance(there, dict) and key in there else ""

    def _own_values(self, chart: str) -> Mapping[str, object]:
        document = self._texts.get(f"{FOLDER}/{chart}/values.yaml")
        try:
            found = yaml.safe_load(document.text) if document else None
        except (yaml.YAMLError, RecursionError):
            return {}
        own = found.get(CHARTS[chart]) if isinstance(found, dict) else None
        return own if isinstance(own, dict) else {}


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _is_plain(root: Path, path: str) -> bool:
    """Whether a path leads through no link to a file that is not large."""
    parts: Iterable[PurePosixPath] = (PurePosixPath(path), *PurePosixPath(path).parents)
    if any((root / part).is_symlink() for part in parts if part.name):
        return False
    status = os.lstat(root / path)
    return stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_PACKAGE


def _helm(job: _Job, folder: Path) -> JSON:
    """Run it, without plugins, repositories or a cluster of the user's."""
    chart = folder / FOLDER / job.chart
    arguments: list[str | Path] = [tool("helm").path, job.command]
    arguments += [job.chart, chart] if job.command == "template" else ["--strict", chart]
    arguments += ["--namespace", f"soma-{job.values or 'dev'}", "--kube-version", KUBE_VERSION]
    if job.values:
        arguments += ["--values", folder / job.file]
    if job.more:
        arguments += ["--values", "-"]
    home = folder / "helm-home"
    private = {
        **{f"HELM_{name}_HOME": str(home / name.casefold()) for name in ("CACHE", "CONFIG", "DATA")},
        "HELM_PLUGINS": str(home / "plugins"),
        "KUBECONFIG": str(home / "kubeconfig"),
    }
    try:
        answer = run(arguments, env=private, cwd=folder, timeout=_SECONDS, input=job.more, check=False)
    except ProgramTimedOut:
        return {"exit_code": 124, "stdout": "", "stderr": f"helm did not end within {_SECONDS:.0f} s"}
    said = (answer.stderr if job.command == "template" else answer.stdout + answer.stderr).replace(f"{folder}/", "")
    rendered = answer.stdout if job.command == "template" and answer.exit_code == 0 else ""
    return {"exit_code": answer.exit_code, "stdout": rendered, "stderr": said}
