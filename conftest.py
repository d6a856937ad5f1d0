"""Registers the plugins; each is defined in a module of its own. Nothing else belongs here."""

pytest_plugins = [
    "fixtures.options",
    "fixtures.judging",
    "fixtures.subject",
    "fixtures.compose_file",
    "fixtures.compose",
    "fixtures.observing",
    "fixtures.drills",
    "fixtures.cluster",
    "fixtures.release",
    "fixtures.components",
    "fixtures.charts",
    "fixtures.stages",
]
