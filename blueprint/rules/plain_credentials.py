"""CFG-004: no credential in plain text in values files, rendered objects, defaults of settings, or workflows."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from blueprint.charts import FOLDER, Charts, values_file
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.credentials import credential_in
from blueprint.settings_tree import read_settings

ENVIRONMENTS = tuple(f"infra/helm/values-{environment}.yaml" for environment in ("dev", "staging", "prod"))
"""The values files of the blueprint."""
PATTERNS = ("infra/helm/*.yaml", "infra/helm/*.yml", "infra/helm/*/values*.yaml", "infra/helm/*/values*.yml")
"""Where values are, in the subject's glob."""
RENDERS = tuple(f"{chart} with {values}" for chart in ("soma-infra", "soma-stack") for values in ENVIRONMENTS)
"""Names of the renders that must be looked at."""
_SOURCE = "# Source: "
_REMEDY = "move it to Vault and name its place there; then change the credential"
_REFERENCE = re.compile(r"(existing\w*|tls|pull)secrets?$|secret(name|ref|keyref|key)s?$", re.IGNORECASE)
"""Names of what says where a credential is, and is none."""
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}|\{\{.*?\}\}", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?:^|[\s;&])(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<value>[^\s;&|]+)")


def plain_credentials(
    yaml_files: Sequence[Document], settings: Document, rendered: Mapping[str, str], population: Iterable[str]
) -> Findings:
    """What whoever has a clone, or may read the cluster's objects, can log in with. None is repeated in a finding.

    Args:
        yaml_files: values files and workflows, those that must be there too.
        settings: the module of the settings.
        rendered: what the charts render, by a name that says with which values.
        population: paths and names of the same, counted by a second path.
    """
    found = [document.absence() for document in (*yaml_files, settings) if not document]
    for document in yaml_files:
        found += _in_yaml(document.text, document.path) if document else ()
    for name, text in rendered.items():
        found += _in_render(text, name)
    found += _in_settings(settings) if settings else ()
    examined = [*(document.path for document in yaml_files), settings.path, *rendered]
    observed = f"no credential in {len(examined)} files and renders"
    return Findings.of(examined, population, dict.fromkeys(found), observed)


def by_name(charts: Charts) -> dict[str, str]:
    """What helm rendered, by the names of RENDERS; a render that failed is left out, and so not examined."""
    made = [render for render in charts.renders if render.values and render.exit_code == 0]
    return {f"{render.chart} with {values_file(render.values)}": render.text for render in made}


def _in_render(text: str, name: str) -> Iterator[Finding]:
    """As in YAML, told by the template where helm says which; its line is the render's, so it is left out."""
    lines = text.split("\n")
    for finding in _in_yaml(text, name):
        above = reversed(lines[: finding.place.line])
        source = next((line.removeprefix(_SOURCE) for line in above if line.startswith(_SOURCE)), "")
        place = Place(f"{FOLDER}/{source}", 0, f"[{name}] {finding.place.key}") if source else finding.place
        yield replace(finding, place=place)


def _in_yaml(text: str, path: str) -> Iterator[Finding]:
    read = read_yaml(text, path)
    yield from (fault for fault in read.faults if not read.whole)
    for document in read.documents:
        secret = document.get("kind").text == "Secret"
        for key, name, node in _named(document, "", ""):
            if what := _credential(name, node.text, of_secret=secret and key.startswith("data.")):
                yield Finding(f"{name} holds {what}", node.place(key), _REMEDY)


def _named(node: Node, key: str, name: str) -> Iterator[tuple[str, str, Node]]:
    """Every scalar with its path and the name that it goes by: of ``name: X, value: y`` that is X."""
    if node.mapping:
        sibling = node.get("name").text
        for child, value in node.mapping.items():
            called = sibling if child == "value" and sibling else child
            yield from _named(value, f"{key}.{child}".lstrip("."), called)
    elif node.items:
        before = ""
        for index, item in enumerate(node.items):
            called = before.lstrip("-") if before.startswith("--") and "=" not in before else name
            yield from _named(item, f"{key}[{index}]", called)
            before = item.text
    else:
        yield key, name, node


def _credential(name: str, written: str, *, of_secret: bool) -> str:
    """What credential a scalar holds; expressions in it are left out, and what a Secret encodes is decoded."""
    text = _EXPRESSION.sub("", written).strip()
    if of_secret:
        return f"{len(text)} characters of a Secret that is kept in plain text" if _decoded(text) else ""
    if not text:
        return ""
    assigned = (credential_in(each["name"], each["value"]) for each in _ASSIGNMENT.finditer(text))
    named = "" if _REFERENCE.search(name) else name
    return credential_in(named, text) or next((what for what in assigned if what), "")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text


def _in_settings(settings: Document) -> Iterator[Finding]:
    tree = read_settings(settings.text, settings.path)
    yield from tree.faults
    for setting in tree.settings():
        names = (setting.name, *setting.variables)
        if what := next((what for name in names if (what := credential_in(name, setting.default))), ""):
            yield Finding(f"{setting.name} holds {what} as a default", Place(settings.path, setting.line), _REMEDY)
