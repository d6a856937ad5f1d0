"""CMP-017: no credential stands in the Compose file, in a default of it, or in a file of variables in the tree."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.compose import ComposeModel, Node
from blueprint.compose.env_files import assignments
from blueprint.compose.interpolation import literals
from blueprint.compose.reading import read_yaml
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.compose_names import counted, nothing_to_judge
from blueprint.rules.credentials import credential_in, is_secret_name

_REMEDY = "demand it with ${NAME:?reason}, or read it from a file that is made at start; then change the credential"


def literal_credentials(model: ComposeModel) -> Findings:
    """Credentials that whoever has a clone can read; none of them is repeated in a finding."""
    if not model.services and (nothing := nothing_to_judge(model)):
        return nothing
    found: list[Finding] = []
    for path in model.project.files:
        for document in read_yaml(model.texts[path].text, path).documents:
            found += _in_document(document)
    found += _in_defaults(model)
    env_files = dict.fromkeys([*model.env_files, *(f.path for s in model.services.values() for f in s.env_files)])
    for path in env_files:
        found += _in_env_file(model, path)
    files = [*model.project.files, *env_files]
    examined = {*files, *model.services}
    once = {(finding.place.file, finding.place.line, finding.what.split(" ", 1)[0]): finding for finding in found[::-1]}
    number = counted(len(once), "credential") if once else "no credential"
    observed = f"{number} in {counted(len(files), 'file')}"
    return Findings.of(examined, {*model.project.files, *model.outline.services}, once.values(), observed)


def _in_document(document: Node) -> Iterator[Finding]:
    previous = ("", "")
    for key, node in document.scalars():
        path, _, index = key.rpartition("[")
        name = key.rpartition(".")[2].partition("[")[0]
        text = literals(node.text)
        holder, equals, value = text.partition("=")
        if index and equals and holder.replace("_", "").isalnum():  # NAME=value in a list
            name, text = holder, value
        elif index and path == previous[0] and previous[1].startswith("-") and "=" not in previous[1]:
            name = previous[1].lstrip("-")  # --password, and the next word
        previous = (path, node.text) if index else ("", "")
        if what := credential_in(name, text):
            origin = " as a default" if "$" in node.text else ""
            yield Finding(f"{name} holds {what}{origin}", node.place(key), _REMEDY)


def _in_defaults(model: ComposeModel) -> Iterator[Finding]:
    for reference in model.project.references:
        if reference.operator.lstrip(":") not in {"-", "+"} or not is_secret_name(reference.name):
            continue
        if what := credential_in(reference.name, literals(reference.argument)):
            where = reference.node.place(reference.key)
            yield Finding(f"{reference.name} holds {what} as a default", where, _REMEDY)


def _in_env_file(model: ComposeModel, path: str) -> Iterator[Finding]:
    document = model.texts.get(path)
    for one in assignments(document.text if document else "", {}):
        if what := credential_in(one.name, one.value or ""):
            yield Finding(f"{one.name} holds {what}", Place(path, one.line, one.name), _REMEDY)
