"""HLM-016: what can be wrong with the components of soma-infra when each is tried; from observations alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import table
from blueprint.live_components import Admission, Boards, Decision, Flags, Target

OK = 200
UNAUTHORISED = 401
GOOD = "with the token"


def admitted_strangers(seen: Admission, wanted: Collection[str], audience: str, role: str) -> Findings:
    """A token that is not issued, or that the gateway does not take; and a forged one that it does.

    Args:
        seen: what was tried.
        wanted: by what was shown, all that must have been tried.
        audience: whom the token has to be for.
        role: that it has to carry.
    """
    found = []
    if seen.granted.status != OK:
        found.append(_finding("auth", f"issues no token: {seen.granted}"))
    elif seen.token_issuer != seen.issuer or not seen.issuer:
        found.append(_finding("auth", f"calls itself {seen.issuer!r}, and in the token {seen.token_issuer!r}"))
    elif audience not in seen.audience or role not in seen.roles:
        found.append(_finding("auth", f"issues a token for {seen.audience} with the roles {seen.roles}"))
    for name, answer in seen.answers.items():
        right = OK if name == GOOD else UNAUTHORISED
        if answer.status and answer.status != right:
            found.append(_finding("gateway", f"{name}, a message is answered {answer}, not {right}"))
    examined = [name for name, answer in seen.answers.items() if answer.status]
    refused = len([name for name in examined if name != GOOD])
    return Findings.of(examined, wanted, found, f"the token is taken, and {refused} other ways in are closed")


def wrong_decisions(decisions: Mapping[str, Decision], wanted: Mapping[str, bool]) -> Findings:
    """Requests that the policy allows and must deny, or the other way round.

    Args:
        decisions: by the name of the request.
        wanted: whether each is to be allowed; the population.
    """
    found = [
        _finding("opa", f"{name} is answered {decisions[name].result!r}, not {right}")
        for name, right in wanted.items()
        if name in decisions and decisions[name].status and decisions[name].result is not right
    ]
    examined = [name for name, decision in decisions.items() if decision.status]
    denied = sum(not right for right in wanted.values())
    return Findings.of(examined, wanted, found, f"{denied} requests denied, {len(wanted) - denied} allowed")


def lost_record(seen: Mapping[str, Any]) -> Findings:
    """A record that did not come back out of the topic that it was put into."""
    sent, got = str(seen.get("sent", "")), str(seen.get("got", ""))
    found = []
    if seen.get("exit_code") != 0:
        found.append(_finding("kafka", f"cannot be asked: {seen.get('error') or seen}"))
    elif not sent or got != sent:
        found.append(_finding("kafka", f"was given {sent!r}, and gave back {got!r}"))
    return Findings.of(["record"] if sent else [], ["record"], found, f"{got!r} came round")


def forgotten_value(seen: Mapping[str, Any]) -> Findings:
    """A value that Redis did not keep, does not let go, or would lose when it is killed."""
    put, found = seen.get("put"), []
    if seen.get("error"):
        found.append(_finding("redis", f"cannot be asked: {seen['error']}"))
    elif seen.get("got") != put:
        found.append(_finding("redis", f"was given {put!r}, and gave back {seen.get('got')!r}"))
    elif seen.get("left") is not None:
        found.append(_finding("redis", f"still has {seen['left']!r} after its deletion"))
    elif not seen.get("append_only"):
        found.append(_finding("redis", "keeps no append-only file", "--appendonly yes"))
    return Findings.of(["value"] if put else [], ["value"], found, f"{seen.get('got')!r} was kept, and let go")


def blind_targets(targets: Iterable[Target], pods: Iterable[str]) -> Findings:
    """Pods that Prometheus does not reach.

    Args:
        targets: what it scrapes.
        pods: those that say that they are to be scraped; the population.
    """
    scraped, wanted = list(targets), frozenset(pods)
    found = [
        _finding(one.pod or one.service, f"is {one.health or 'not looked at'}: {one.error}")
        for one in scraped
        if one.health != "up"
    ]
    found += [_finding(name, "says that it is to be scraped, and is not") for name in wanted - {o.pod for o in scraped}]
    return Findings.of([one.pod for one in scraped], wanted, found, f"{len(scraped)} of {len(wanted)} targets up")


def blank_dashboards(seen: Boards) -> Findings:
    """Queries of dashboards that Prometheus refuses or that ask for what nobody has; dashboards Grafana lacks."""
    found = []
    for name, query in seen.queries.items():
        if query.status and query.status != OK:
            found.append(_finding(name, f"is refused: {query.error}"))
        elif query.unknown:
            found.append(_finding(name, f"asks for {', '.join(query.unknown)}, which nobody has"))
    if seen.is_there:
        if seen.database != "ok":
            found.append(_finding("grafana", f"is not well: {seen.database}"))
        found += [_finding("grafana", f"has no dashboard {uid}") for uid in seen.uids if uid not in seen.dashboards]
    examined = {name for name, query in seen.queries.items() if query.status} | (
        {"grafana"} if seen.is_there else set()
    )
    filled = sum(bool(query.series) for query in seen.queries.values())
    observed = f"{filled} of {len(seen.queries)} queries of {len(seen.uids)} dashboards show something"
    return Findings.of(examined, {*seen.queries, "grafana"}, found, observed)


def closed_vaults(members: Mapping[str, Any], pods: Iterable[str]) -> Findings:
    """Members of Vault that are sealed, not initialised, or do not answer.

    Args:
        members: the state of each.
        pods: names of those there are; the population.
    """
    found = []
    for name, state in members.items():
        said = table(state)
        if said.get("error"):
            found.append(_finding(name, f"does not answer: {said['error']}"))
        elif said.get("initialized") is not True:
            found.append(_finding(name, "is not initialised"))
        elif said.get("sealed") is not False:
            found.append(_finding(name, "is sealed"))
    leaders = [name for name, state in members.items() if table(state).get("standby") is False]
    if members and not found and len(leaders) != 1:
        found.append(_finding("vault", f"has {len(leaders)} leaders"))
    versions = sorted({str(table(state).get("version")) for state in members.values()})
    return Findings.of(members, pods, found, f"{len(members)} open, of version {', '.join(versions)}")


def deaf_flags(seen: Flags) -> Findings:
    """A key that etcd does not keep, or changes of it that a watch was not told of, in order."""
    wanted = (*(("put", value) for value in seen.put[1:]), ("delete", ""))
    steps = {
        "get": seen.got != seen.put[0] if seen.put else True,
        "watch": seen.told != wanted or list(seen.revisions) != sorted(set(seen.revisions)),
        "delete": seen.left is not None,
    }
    told = {
        "get": f"gave back {seen.got!r}, not {seen.put[:1]}",
        "watch": f"told {seen.told} at the revisions {seen.revisions}, not {wanted}",
        "delete": f"still has {seen.left!r}",
    }
    found = [_finding("etcd", told[step]) for step, wrong in steps.items() if wrong]
    if seen.error:
        found.append(_finding("etcd", f"cannot be asked: {seen.error}"))
    examined = ["put", *steps] if seen.put else []
    observed = f"got what was put, and was told of {len(seen.told)} changes in order"
    return Findings.of(examined, ("put", *steps), found, observed)


def _finding(key: str, what: str, remedy: str = "") -> Finding:
    return Finding(what, Place(key=key), remedy)
