"""Backups in order are left in peace; a store without one, or with one that is late, unwatched or unkept, is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import indent

import pytest

from blueprint.backups import BACKUP, STORES
from blueprint.charts import Charts
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules.backups import (
    SNAPSHOT_STORES,
    late_backups,
    unkept_objects,
    unrestorable_store,
    unscheduled_snapshots,
)
from tests.charting import ALL, charts

JOB = """\
---
# Source: soma-infra/templates/backup/{store}.yaml
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {store}-backup}}
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec:
      activeDeadlineSeconds: 120
      template:
        spec:
          restartPolicy: Never
          containers:
            - {{name: backup, image: example/backup:1.0, command: [backup, {store}, "s3://soma-backups/{store}"]}}
"""
SNAPSHOTS = """\
---
# Source: soma-infra/templates/backup/snapshot-{store}.yaml
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {store}-volume-snapshot}}
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec:
      activeDeadlineSeconds: 60
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: snap, image: example/snap:1.0, args: ["kind: VolumeSnapshot"]}}]
"""
CLASS = """\
---
# Source: soma-infra/templates/backup/class.yaml
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata: {name: soma}
driver: example
deletionPolicy: Retain
"""
RULES = """\
groups:
  - name: backups
    rules:
      - alert: BackupTooOld
        expr: time() - max by (store) (soma_backup_last_success_seconds) > 12 * 60
        for: 1m
"""
RESTORES = "".join(f"  restore-{store}.sh: restore {store}\n" for store in STORES)
CONFIG = f"""\
---
# Source: soma-infra/templates/backup/scripts.yaml
apiVersion: v1
kind: ConfigMap
metadata: {{name: backup-scripts}}
data:
{RESTORES}  lifecycle.json: '{{"LifecycleConfiguration": {{"Rules": [{{"Expiration": {{"Days": 90}}}}]}}}}'
  bucket.sh: aws s3api put-bucket-lifecycle-configuration --bucket soma-backups
  rules.yaml: |
{indent(RULES, "    ")}"""
GOOD = CONFIG + CLASS + "".join(JOB.format(store=store) for store in STORES)
GOOD += "".join(SNAPSHOTS.format(store=store) for store in SNAPSHOT_STORES)
SECTION = """## {store}

It is backed up with its keys and its realm.

```sh
# no heading
backup.sh {store}
```

And it is restored.

"""
PAGE = "# Backups\n\n" + "".join(SECTION.format(store=store) for store in STORES)
PAGES = {f"{BACKUP}/README.md": PAGE}


def made(infra: str | Mapping[str, str] = GOOD, page: str = PAGE) -> Charts:
    return charts(infra, JOB.format(store="other"), {f"{BACKUP}/README.md": page} if page else {})


def told(findings: Findings) -> list[str]:
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def changed(find: str, put: str, text: str = GOOD) -> str:
    assert find in text
    return text.replace(find, put)


RULES_OF: dict[str, Callable[[Charts, str], Findings]] = {
    "DRR-001": unrestorable_store,
    "DRR-002": lambda both, store: late_backups(both, store, ()),
    "DRR-003": lambda both, _: unkept_objects(both),
    "DRR-010": unscheduled_snapshots,
}


CASES = [(clause, store) for clause in RULES_OF for store in (SNAPSHOT_STORES if clause == "DRR-010" else STORES)]


@pytest.mark.parametrize(("clause", "store"), CASES)
def test_what_is_in_order_is_left_in_peace(clause: str, store: str) -> None:
    assert told(RULES_OF[clause](made(), store)) == []


@pytest.mark.parametrize(("clause", "store"), CASES)
def test_without_backups_every_clause_has_something_to_say(clause: str, store: str) -> None:
    assert told(RULES_OF[clause](made("", ""), store))


@pytest.mark.parametrize(
    ("clause", "store", "infra", "page", "expected"),
    [
        ("DRR-001", "redis", changed("redis-backup", "redis"), PAGE, None),
        ("DRR-001", "vault", changed("restore-vault.sh", "vault.sh"), PAGE, "nothing restores vault"),
        ("DRR-001", "etcd", GOOD, "", "no page says how stores are backed up and restored"),
        ("DRR-001", "etcd", GOOD, changed("## etcd", "## other", PAGE), "no heading names etcd"),
        ("DRR-001", "auth", GOOD, changed(" realm", " name", PAGE), "the section on auth does not speak of realm"),
        ("DRR-001", "kafka", GOOD, changed("restor", "stor", PAGE), "the section on kafka does not speak of restor"),
        ("DRR-002", "redis", changed('"*/5 * * * *"', '"0 * * * *"'), PAGE, "two intervals of 3600 s"),
        ("DRR-002", "redis", changed("Seconds: 120", "Seconds: 400"), PAGE, "and a run of 400 s"),
        ("DRR-002", "redis", changed("      activeDeadlineSeconds: 120\n", ""), PAGE, "its run time has no bound"),
        ("DRR-002", "redis", changed('"*/5 * * * *"', '"often"'), PAGE, "'often' is no schedule"),
        ("DRR-002", "redis", changed("spec:\n  sched", "spec:\n  suspend: true\n  sched"), PAGE, "is suspended"),
        ("DRR-002", "redis", changed("alert: Back", "record: Back"), PAGE, "no alert watches the age"),
        ("DRR-002", "redis", changed("seconds) >", 'seconds{store="kafka"}) >'), PAGE, "no alert watches the age"),
        ("DRR-002", "redis", changed("> 12 * 60", "> 24 * 60 * 60"), PAGE, "redis fires after 86460 s"),
        ("DRR-002", "redis", changed("> 12 * 60", "> bool vector(1)"), PAGE, "fires at no age that can be read"),
        ("DRR-003", "qdrant", changed('"s3://soma-backups/qdrant"', "/backups"), PAGE, "does not go to object storage"),
        ("DRR-003", "qdrant", changed("Expiration", "Never"), PAGE, "no lifecycle with an expiry is declared"),
        ("DRR-003", "qdrant", changed("put-bucket-lifecycle-configuration", "head-bucket"), PAGE, "nothing applies"),
        ("DRR-010", "redis", changed("VolumeSnapshotClass", "StorageClass"), PAGE, "no VolumeSnapshotClass"),
        ("DRR-010", "kafka", changed('kind: VolumeSnapshot"', 'nothing"'), PAGE, "volumes of kafka"),
    ],
)  # fmt: skip
def test_what_is_not_in_order_is_told(clause: str, store: str, infra: str, page: str, expected: str | None) -> None:
    found = told(RULES_OF[clause](made(infra, page), store))
    if expected is None:  # its volume snapshots are a backup too
        assert found == []
    else:
        assert any(expected in each for each in found), found


def test_a_backup_that_is_not_made_in_production_is_told() -> None:
    by_values = dict.fromkeys(ALL, GOOD) | {"prod": CONFIG}
    assert any(
        "nothing backs redis up with the values of prod" in each
        for each in told(unrestorable_store(made(by_values), "redis"))
    )
    assert any("with the values of prod" in each for each in told(late_backups(made(by_values), "redis", ())))


def test_alerts_may_stand_in_files_and_scripts_in_the_folder() -> None:
    without = changed("alert: Back", "record: Back")
    assert told(late_backups(made(without), "redis", [Document("infra/observability/rules.yaml", RULES)])) == []
    no_scripts = changed(RESTORES, "")
    both = charts(no_scripts, "", {**PAGES, f"{BACKUP}/scripts/redis-restore.sh": "#!/bin/sh\n"})
    assert told(unrestorable_store(both, "redis")) == []
    assert told(unrestorable_store(both, "kafka"))


def test_a_chart_that_is_not_rendered_is_not_examined() -> None:
    both = made()
    broken = Charts(both.texts, tuple(each for each in both.renders if each.values != "prod"), both.lints)
    assert unrestorable_store(broken, "redis").unexamined
    assert late_backups(broken, "redis", ()).unexamined
    assert unkept_objects(broken).unexamined
    assert unscheduled_snapshots(broken, "redis").unexamined
