"""DRR-001, 002, 003 and 010: each store is backed up in time, watched, kept where it belongs, and can be restored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from blueprint.backups import BACKUP, Alert, backs_up, backup_alerts, names, restores, sections
from blueprint.charts import ENVIRONMENTS, Charts, Rendered, at
from blueprint.cron import read_schedule
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_sources import absences, rendered

RPO_SECONDS = 15 * 60
SNAPSHOT_STORES = ("redis", "kafka")
"""Those whose backup can be the cloud's snapshots of their volumes."""
_OBJECT_STORE = re.compile(r"s3://|\bs3\b|S3_|bucket|object-store", re.IGNORECASE)
_APPLIES = re.compile(
    r"put[-_]?bucket[-_]?lifecycle|\bilm (rule )?(add|import)\b|setlifecycle|--lifecycle", re.IGNORECASE
)
_EXPIRES = re.compile(r"expir", re.IGNORECASE)
_PAGE = f"{BACKUP}/README.md"
_NOWHERE = Place(BACKUP)


def unrestorable_store(charts: Charts, store: str) -> Findings:
    """DRR-001: a store has a page, a backup and a restore."""
    found = absences(charts)
    for environment in ENVIRONMENTS:
        things = charts.installed(environment)
        if not any(backs_up(store, thing) for thing in things):
            found.append(Finding(f"nothing backs {store} up with the values of {environment}", _NOWHERE, _job(store)))
        if not restores(store, things, charts.texts):
            what = f"nothing restores {store} with the values of {environment}"
            found.append(Finding(what, _NOWHERE, f"add a script restore-{store}.sh"))
    found += _undocumented(charts, store)
    examined, population = _counted(charts)
    return Findings.of(
        {*examined, store},
        {*population, store},
        found,
        f"{store} has a page, a backup and a restore in each environment",
    )


def _job(store: str) -> str:
    return f"render a CronJob {store}-backup"


def _counted(charts: Charts) -> tuple[set[str], set[str]]:
    """The renders and their CronJobs, as read, and counted in the text."""
    examined, population = map(set, rendered(charts))
    for render in charts.renders:
        examined |= {each.label for each in render.of_kind("CronJob")}
        population |= {label for label in render.population if label.split()[-2] == "CronJob"}
    return examined, population


def _undocumented(charts: Charts, store: str) -> Iterator[Finding]:
    pages = [text for path, text in charts.texts.items() if path.startswith(f"{BACKUP}/") and path.endswith(".md")]
    if not pages:
        yield Finding("no page says how stores are backed up and restored", Place(_PAGE), "write it")
        return
    own = [part for page in pages for part in sections(page) if names(store, part[0])]
    if not own:
        yield Finding(f"no heading names {store}", Place(pages[0].path, 1), f"write a section on {store}")
        return
    text = " ".join(part[1] for part in own).casefold()
    missing = [word for word in ("back", "restor") if word not in text]
    if "`" not in text:
        missing.append("a command")
    if store == "auth":
        missing += [word for word in ("key", "realm") if word not in text]
    if missing:
        yield Finding(f"the section on {store} does not speak of {', '.join(missing)}", own[0][2], "write it down")


def late_backups(charts: Charts, store: str, files: Sequence[Document]) -> Findings:
    """DRR-002: two intervals and one run of a backup fit into the RPO, and an alert fires when one is too old.

    Args:
        charts: both charts.
        store: one of :data:`blueprint.backups.STORES`.
        files: further files that can hold alerting rules.
    """
    found = absences(charts)
    for environment in ENVIRONMENTS:
        things = charts.installed(environment)
        jobs = [thing for thing in things if backs_up(store, thing)]
        if not jobs:
            found.append(Finding(f"nothing backs {store} up with the values of {environment}", _NOWHERE, _job(store)))
        found += [finding for job in jobs for finding in _too_late(job)]
        found += _unwatched(store, environment, [*backup_alerts(things, files)])
    examined, population = _counted(charts)
    observed = f"the backups of {store} fit an RPO of {RPO_SECONDS} s though one fails, and an old one is told"
    return Findings.of({*examined, store}, {*population, store}, found, observed)


def _too_late(job: Rendered) -> Iterator[Finding]:
    text = str(at(job.body, "spec", "schedule") or "")
    schedule = read_schedule(text)
    if at(job.body, "spec", "suspend") is True:
        yield Finding("is suspended: it never runs", job.place("spec.suspend"), "remove suspend")
    if not schedule:
        yield Finding(f"{text!r} is no schedule", job.place("spec.schedule"), "write it as */5 * * * *")
        return
    bound = at(job.body, "spec", "jobTemplate", "spec", "activeDeadlineSeconds")
    if job.kind == "CronJob" and not isinstance(bound, int):
        place = job.place("spec.jobTemplate.spec")
        yield Finding("its run time has no bound", place, "set activeDeadlineSeconds")
    runs = bound if isinstance(bound, int) else 0
    gap = schedule.longest_gap()
    if (worst := 2 * gap + runs) > RPO_SECONDS:
        what = f"two intervals of {gap} s and a run of {runs} s are {worst} s, more than {RPO_SECONDS} s"
        yield Finding(what, job.place("spec.schedule"), "let it run more often")


def _unwatched(store: str, environment: str, alerts: Sequence[Alert]) -> Iterator[Finding]:
    own = [alert for alert in alerts if alert.watches(store)]
    if not own:
        what = f"no alert watches the age of the backups of {store} with the values of {environment}"
        yield Finding(what, Place(BACKUP), "alert on time() - <time of the newest good backup>")
    elif not any(alert.seconds is not None and alert.seconds <= RPO_SECONDS for alert in own):
        when = f"after {own[0].seconds:.0f} s" if own[0].seconds is not None else "at no age that can be read"
        yield Finding(f"the alert on backups of {store} fires {when}", own[0].place, f"at most {RPO_SECONDS} s")


def unkept_objects(charts: Charts) -> Findings:
    """DRR-003: backups of qdrant go to object storage, under a lifecycle that is declared and applied."""
    found = absences(charts)
    for environment in ENVIRONMENTS:
        things = charts.installed(environment)
        jobs = [thing for thing in things if backs_up("qdrant", thing)]
        if not jobs:
            what = f"nothing backs qdrant up with the values of {environment}"
            found.append(Finding(what, _NOWHERE, _job("qdrant")))
        found += [
            Finding("does not go to object storage", job.place("spec"), "copy the snapshot to the bucket")
            for job in jobs
            if not _OBJECT_STORE.search(json.dumps(job.body))
        ]
        texts = [json.dumps(thing.body) for thing in things if thing.kind in {"ConfigMap", "Job", "CronJob"}]
        texts += [text.text for path, text in charts.texts.items() if path.startswith(f"{BACKUP}/")]
        if not any("lifecycle" in text.casefold() and _EXPIRES.search(text) for text in texts):
            what = f"no lifecycle with an expiry is declared with the values of {environment}"
            found.append(Finding(what, _NOWHERE, "declare the rule with the bucket"))
        elif not any(_APPLIES.search(text) for text in texts):
            what = f"nothing applies the lifecycle with the values of {environment}"
            found.append(Finding(what, _NOWHERE, "put it in the job that makes the bucket"))
    examined, population = _counted(charts)
    return Findings.of(examined, population, found, "backups of qdrant go to a bucket with a lifecycle that is applied")


def unscheduled_snapshots(charts: Charts, store: str) -> Findings:
    """DRR-010: where volume snapshots are the backup of a store, the charts carry their class and their schedule."""
    found = absences(charts)
    for environment in ENVIRONMENTS[1:]:  # dev runs in Kind, whose volumes have no snapshots
        things = charts.installed(environment)
        if not any(thing.kind == "VolumeSnapshotClass" for thing in things):
            what = f"no VolumeSnapshotClass is rendered with the values of {environment}"
            found.append(Finding(what, _NOWHERE, "render one, to be switched on where the cloud has snapshots"))
        scheduled = (thing for thing in things if "schedule" in (at(thing.body, "spec") or {}))
        if not any(names(store, thing.name) and "VolumeSnapshot" in json.dumps(thing.body) for thing in scheduled):
            what = f"nothing takes snapshots of the volumes of {store} with the values of {environment}"
            found.append(Finding(what, _NOWHERE, "render a schedule that makes a VolumeSnapshot"))
    examined, population = map(set, rendered(charts))
    return Findings.of(
        {*examined, store}, {*population, store}, found, f"class and schedule of the snapshots of {store} are rendered"
    )
