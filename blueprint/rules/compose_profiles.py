"""CMP-002 to CMP-006: the profiles of the blueprint, and who belongs to each."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.compose import ComposeModel, Service
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_names import MEMBERS, OPTIONAL, drifted, nothing_to_judge


def undeclared_profiles(model: ComposeModel) -> Findings:
    """Profiles that the blueprint names and the file lacks, and those that the file adds."""
    if nothing := nothing_to_judge(model):
        return nothing
    found = [*_missing_profiles(model), *_added_profiles(model)]
    observed = f"profiles {', '.join(name for name in MEMBERS if name in model.profiles)}"
    return Findings.of(model.profiles, {*model.outline.profiles, *(MEMBERS if not found else ())}, found, observed)


def _missing_profiles(model: ComposeModel) -> Iterator[Finding]:
    for name in MEMBERS:
        if name not in model.profiles:
            other = drifted(name, model.profiles)
            found = f": found {other!r}, the blueprint says {name!r}" if other else ""
            what = f"profile {name} is declared by no service{found}"
            yield Finding(what, model.project.tree.get("services").place("services"))


def _added_profiles(model: ComposeModel) -> Iterator[Finding]:
    for service in model.services.values():
        where = service.place("profiles")
        if not service.profiles:
            what = f"{service.name} has no profile, so every selection starts it"
            yield Finding(what, service.place(), f"give it one of {', '.join(MEMBERS)}")
        for name in sorted(service.profiles - MEMBERS.keys()):
            expected = next((known for known in MEMBERS if drifted(known, (name,))), "")
            found = f"found {name!r}, the blueprint says {expected!r}" if expected else f"{name!r} is no profile of the"
            yield Finding(found if expected else f"{found} blueprint", where, f"known are {', '.join(MEMBERS)}")


def misplaced_members(model: ComposeModel, profile: str) -> Findings:
    """Services that the blueprint puts into a profile and the file does not, and the other way round."""
    if nothing := nothing_to_judge(model):
        return nothing
    members = {name: service for name, service in model.services.items() if profile in service.profiles}
    found = [*_missing_members(model, profile, members), *_added_members(model, profile, members)]
    expected = {name for name in MEMBERS[profile] if name not in OPTIONAL or name in model.outline.services}
    spelled = {name: drifted(name, model.services) or name for name in expected}
    examined = {name for name in expected if spelled[name] in model.services or found}
    observed = f"{profile} = {', '.join(name for name in MEMBERS[profile] if name in members)}"
    return Findings.of(examined, expected, found, observed)


def _missing_members(model: ComposeModel, profile: str, members: dict[str, Service]) -> Iterator[Finding]:
    for name in MEMBERS[profile]:
        if name in members:
            continue
        if name in model.services:
            service = model.services[name]
            others = ", ".join(sorted(service.profiles)) or "no profile"
            yield Finding(f"{name} stands in {others}, not in {profile}", service.place("profiles"))
        elif other := drifted(name, model.services):
            service = model.services[other]
            also = "" if profile in service.profiles else f", and it is not in {profile}"
            yield Finding(
                f"found {other!r}, the blueprint says {name!r}{also}", service.place(), f"call the service {name}"
            )
        elif name not in OPTIONAL:
            where = model.project.tree.get("services").place("services")
            yield Finding(f"{name}, which the blueprint puts into {profile}, is no service", where)


def _added_members(model: ComposeModel, profile: str, members: dict[str, Service]) -> Iterator[Finding]:
    expected = {drifted(name, model.services) for name in MEMBERS[profile]} | set(MEMBERS[profile])
    for name, service in members.items():
        if name not in expected:
            what = f"{name} is in {profile}, which the blueprint makes of {', '.join(MEMBERS[profile])} alone"
            yield Finding(what, service.place("profiles"))
