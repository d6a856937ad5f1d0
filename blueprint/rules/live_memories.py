"""What can be wrong with memories in vector stores; from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from blueprint.evidence import Finding, Findings, Place
from blueprint.live_memories import Recall

CREATED = 201


def unfound_memories(kept: Sequence[int], recalls: Iterable[Recall], stores: Iterable[str]) -> Findings:
    """Memories that were not taken, and stores in which the one that is meant does not come first.

    Args:
        kept: how the service answered each that was to be kept.
        recalls: what was sought and found, store by store.
        stores: those that must find it.
    """
    looked = list(recalls)
    found = [_finding("memory_service", f"answered {code} to a memory") for code in kept if code != CREATED]
    found += [finding for recall in looked for finding in _unfound(recall)]
    names = ", ".join(sorted({recall.store for recall in looked}))
    observed = f"{names}: found {looked[0].wanted!r} for {looked[0].text!r}" if looked else ""
    return Findings.of([recall.store for recall in looked], stores, found, observed)


def _unfound(recall: Recall) -> Iterator[Finding]:
    if recall.trouble:
        yield _finding(recall.store, f"was not searched: {recall.trouble}")
        return
    first = recall.served[0] if recall.served else ("nothing", (recall.store,))
    if recall.wanted not in first[0]:
        yield _finding(recall.store, f"gives {first[0]!r} for {recall.text!r}, through the memory service")
    elif first[1] != (recall.store,):
        yield _finding(recall.store, f"was asked alone, and {' and '.join(first[1]) or 'nobody'} answered")
    if not recall.held or recall.wanted not in recall.held[0]:
        held = repr(recall.held[0]) if recall.held else "nothing"
        yield _finding(recall.store, f"gives {held} for {recall.text!r}, asked past the memory service")


def _finding(key: str, what: str) -> Finding:
    return Finding(what, Place(key=key))
