"""What is kept of both releases when a proof on them fails: objects, events, and the last lines of every container."""

from __future__ import annotations

from worlds.release import Release

LINES = 200
LOGGED = 30
"""How many containers' lines are kept at most."""
SHOWN = "pods,jobs,statefulsets,deployments,persistentvolumeclaims"


def release_traces(release: Release) -> dict[str, str]:
    """By file name."""
    pods = release.get("pods")
    containers = [(pod["metadata"]["name"], one["name"]) for pod in pods for one in pod["spec"]["containers"]]
    asked = {
        "objects.txt": ("get", SHOWN, "-o", "wide"),
        "pods.txt": ("describe", "pods"),
        "events.txt": ("get", "events", "--sort-by=.lastTimestamp"),
    }
    asked |= {
        f"{pod}.{container}.log": ("logs", pod, "-c", container, f"--tail={LINES}")
        for pod, container in containers[:LOGGED]
    }
    return {name: release.kubectl(*words, check=False).stdout for name, words in asked.items()}
