"""The report of a run: page, summary, and what they refuse."""

# ruff: noqa: D102 - what these short methods do is what they are named

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import fixtures.run
from blueprint.catalogue import Level
from blueprint.evidence import Verdict
from blueprint.trouble import Trouble
from reports import __main__ as command
from reports import page, summary
from reports.observations import BUDGET
from reports.told import read_telling
from reports.wording import WORDS, Word, headline, word_of
from tests.sample_run import SAMPLE, write

VOID = {"meta", "input", "br", "img", "link", "hr", "wbr"}
HOSTILE = "<script>alert(1)</script>`x`&\"'\u202e|\n| # @all [a](javascript:alert(1)) \x1b[31m"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def out(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "out"))


def change(out: Path, how: Change) -> dict[str, Any]:
    path = out / "verdicts.json"
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    how(document)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    return document


def html_of(out: Path) -> str:
    return page.render(out).read_text("utf-8")


class Outline(HTMLParser):
    """Elements, ids, references and text of a page; raises where an element is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


# the page


def test_the_page_is_well_formed_and_leads_nowhere_dead(out: Path) -> None:
    outline = Outline(html_of(out))
    (out / "summary.md").touch()
    inside = {link[1:] for link in outline.links if link.startswith("#")}
    shapes = {name for name in inside if name.startswith("s-")}
    assert len(set(outline.ids)) == len(outline.ids)
    assert inside - shapes <= set(outline.ids)
    assert shapes <= set(outline.ids)
    assert all((out / link).exists() for link in outline.links if not link.startswith("#"))


def test_the_page_needs_nothing_from_elsewhere(out: Path) -> None:
    outline = Outline(html_of(out))
    assert not [link for link in outline.links if re.match(r"\w+:|//", link)]
    assert not {"link", "img", "iframe", "object"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name == "style" or name.startswith("on")]


def test_only_our_script_and_style_may_run(out: Path) -> None:
    text = html_of(out)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_the_same_files_give_the_same_page(out: Path) -> None:
    assert html_of(out) == html_of(out)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.slug)
def test_every_verdict_stands_as_a_word_with_a_shape(out: Path, word: Word) -> None:
    text = html_of(out)
    assert re.search(
        rf'class="verdict w-{word.slug}"><svg [^>]*><use href="#s-{word.slug}">.*?{re.escape(word.text)}<', text
    )
    assert word in read_telling(out).counts


def test_the_headline_says_what_is_proven_and_what_is_not(out: Path) -> None:
    document = json.loads((out / "verdicts.json").read_text("utf-8"))
    text = Outline(html_of(out)).text
    assert headline(document["summary"]) in text
    assert text.count("compliant: no — 21 of ") >= 1
    assert re.search(r"Not proven: 1 in error, 2 failing, .* not yet built, .* not verified, 1 waived\.", text)
    assert "This run is red" in text


def test_a_green_run_is_not_called_compliant(out: Path) -> None:
    change(out, green)
    text = Outline(html_of(out)).text
    assert (
        "This run is green: nothing that was asked of it is red. That does not make the deployment compliant." in text
    )
    assert "compliant: no" in text
    assert "What is red Nothing." in text


def test_a_compliant_run_says_so(out: Path) -> None:
    change(out, compliant)
    outline = Outline(html_of(out))
    assert "compliant: yes" in outline.text
    assert "Not proven" not in outline.text


def test_the_page_counts_what_verdicts_json_counts(out: Path) -> None:
    counts = json.loads((out / "verdicts.json").read_text("utf-8"))["summary"]["counts"]
    advised = 1
    text = html_of(out)
    shown = {slug: int(count) for slug, count in re.findall(r'<li class="w-([\w-]+)[^"]*">.*?<b>(\d+)</b>', text)}
    told = {verdict.value: shown[word_of(verdict, Level.MUST).slug] for verdict in Verdict}
    told["fail"] += shown["advised"]
    assert shown["advised"] == advised
    assert told == counts
    assert text.count('<article class="case">') == sum(counts.values())


def test_red_stands_first_with_its_finding_and_remedy(out: Path) -> None:
    text = Outline(html_of(out)).text
    red = text[text.index("What is red") : text.index("Shown, and not red")]
    order = ["error CMP-012", "fail CMP-007", "fail CMP-008", "inconclusive CMP-019", "no proof CMP-022"]
    assert [red.index(name) for name in order] == sorted(red.index(name) for name in order)
    assert "infra/docker-compose.somaagent01.yaml:143 services.tool_executor.healthcheck.test" in red
    assert "ask the service: python -m services.probe" in red
    assert "and 1 more" in red


def test_advised_and_waived_are_shown_apart(out: Path) -> None:
    text = Outline(html_of(out)).text
    shown = text[text.index("Shown, and not red") : text.index("Proven, by chapter and tier")]
    assert "advised CMP-020" in shown
    assert "Waived until 2026-04-30 by platform-operations: the gateway learns of optional peers" in shown


def test_stand_ins_are_named_with_what_they_do_not_prove(out: Path) -> None:
    text = Outline(html_of(out)).text
    images = text[text.index("What a verdict on it is worth") : text.index("Run it again")]
    assert "does not prove anything about Qdrant's own index" in images
    assert images.index("qdrant") < images.index("gateway")


def test_logs_are_linked_where_they_are(out: Path) -> None:
    links = [link for link in Outline(html_of(out)).links if link.startswith("failures/")]
    assert links == ["failures/static.test_local_environment.py.test_cmp_008_whole/"]


@pytest.mark.parametrize(
    "node", ["tests_infra/static/test_a.py::test_b", "tests_infra/compose/test_a.py::test_b[x/y::z $(id) é]"]
)
def test_the_folder_of_logs_is_the_one_that_is_written(node: str) -> None:
    assert page.failures_folder(node) == fixtures.run.failures_folder(Path(), node).name


def test_a_roll_up_of_something_advised_is_advised(out: Path) -> None:
    def advise(document: dict[str, Any]) -> None:
        everything_passes(document)
        case = document["clauses"]["DOC-002"]["static"]["cases"]["whole"]
        case |= {"verdict": "fail", "findings": [{"what": "old"}]}
        document["clauses"]["CHK-005"]["rolls_up"]["DOC-002"] = "fail"
        recount(document)

    change(out, advise)
    clauses = read_telling(out).clauses
    assert clauses["DOC-002"].word.text == "advised"
    assert clauses["CHK-005"].word.text == "advised"


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", "link", *(word.slug for word in WORDS)])
def test_text_has_the_contrast_that_wcag_wants(scheme: int, name: str) -> None:
    style = (page.TEMPLATES / "page.css").read_text("utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style.split(":root {")[scheme + 1]))
    for behind in ("paper", "ground", "soft"):
        bright, dark = sorted((luminance(colours[name]), luminance(colours[behind])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, behind


# hostile names


def everywhere(document: dict[str, Any]) -> None:
    clause = document["clauses"]["CMP-008"]
    clause |= {"statement": HOSTILE, "why": HOSTILE, "remedy": HOSTILE}
    case = clause["static"]["cases"]["whole"]
    case["findings"] = [{"what": HOSTILE, "file": HOSTILE, "line": 3, "key": HOSTILE, "remedy": HOSTILE}]
    case |= {
        "message": HOSTILE,
        "observed": HOSTILE,
        "unexamined": [HOSTILE],
        "proofs": [HOSTILE],
        "stand_ins": [HOSTILE],
    }
    case["exemption"] = {"kind": HOSTILE, "reason": HOSTILE, "owner": HOSTILE, "until": HOSTILE}
    clause["static"]["cases"][HOSTILE] = clause["static"]["cases"].pop("whole")
    document["clauses"][HOSTILE] = document["clauses"].pop("CMP-007") | {"chapter": HOSTILE, "section": HOSTILE}
    document["chapters"][HOSTILE] = HOSTILE
    document["run"] |= dict.fromkeys(("id", "commit", "subject", "started", "as_of", "environment"), HOSTILE)
    document["run"]["machine"][HOSTILE] = HOSTILE
    document["run"]["tools"].append({"name": HOSTILE, "version": HOSTILE, "provenance": HOSTILE})
    image = dict.fromkeys(("name", "reference", "upstream", "version", "licence", "provenance", "proves"), HOSTILE)
    document["run"]["images"].append({**image, "same_software": False, "does_not_prove": HOSTILE, "software": HOSTILE})
    document["summary"] |= {"warnings": [HOSTILE], "broken": [HOSTILE], "narrowed": HOSTILE}


def test_hostile_names_are_text(out: Path) -> None:
    clean = Outline(html_of(out))
    change(out, everywhere)
    lines = (out / "evidence.jsonl").read_text("utf-8").splitlines()
    row = json.loads(lines[1]) | {"target": HOSTILE, "asked": {HOSTILE: HOSTILE}, "seen": [HOSTILE], "at": HOSTILE}
    (out / "evidence.jsonl").write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n", encoding="utf-8")
    text = html_of(out)
    outline = Outline(text)
    assert set(outline.tags) == set(clean.tags)
    assert outline.tags.count("script") == 1
    assert "alert(1)" in outline.text
    assert not [link for link in outline.links if "script" in link and not link.startswith(("#", "failures/"))]
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "\\u202e" in text


def test_a_hostile_summary_is_text(out: Path) -> None:
    change(out, everywhere)
    text = summary.markdown(out)
    assert "<script" not in text
    assert "\u202e" not in text
    assert "@all" not in text
    assert "[a](" not in text
    assert all(line.count("|") - line.count("\\|") in {0, 4} for line in text.splitlines() if "chapter" not in line)


# what is bounded


def test_large_evidence_stays_fast_and_out_of_the_page(out: Path) -> None:
    def cite(document: dict[str, Any]) -> None:
        case = document["clauses"]["CMP-001"]["static"]["cases"]["whole"]
        case["evidence"] = [f"big{number}" for number in range(1000)]

    change(out, cite)
    row = {"kind": "look", "proof": "p", "at": "", "target": "t", "asked": None, "seconds": 0, "seen": "x" * 10_000}
    with (out / "evidence.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row | {"id": f"big{number}"}) + "\n" for number in range(1000))
    began = time.process_time()
    text = html_of(out)
    assert time.process_time() - began < 5
    assert len(text) < 2 * BUDGET
    assert "and 990 more observations" in text
    assert "and 8500 characters more" in text
    assert "x" * 1501 not in text


def test_what_does_not_fit_is_told_by_its_line(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.observations.BUDGET", 1)
    text = Outline(html_of(out)).text
    assert re.search(r"1 of \d+ observations are repeated here", text)
    assert re.search(r"o\d+ line \d+ of evidence\.jsonl", text)


def test_many_findings_are_counted(out: Path) -> None:
    def find(document: dict[str, Any]) -> None:
        case = document["clauses"]["CMP-008"]["static"]["cases"]["whole"]
        case["findings"] = [{"what": f"wrong {number}"} for number in range(200)]

    change(out, find)
    assert "and 150 more, in verdicts.json" in Outline(html_of(out)).text
    assert len(summary.markdown(out)) < 60_000


# the summary and the command


def test_the_summary_says_the_same(out: Path) -> None:
    text = summary.write(out).read_text("utf-8")
    document = json.loads((out / "verdicts.json").read_text("utf-8"))
    assert text.startswith(f"## {headline(document['summary'])}\n")
    assert "- **error** CMP-012 compose required-stopped: " in text
    assert "- **fail** CMP-008 static: infra/docker-compose.somaagent01.yaml:143" in text
    assert "| Local environment | 19 of " in text
    assert "stand-in **qdrant**: does not prove anything about Qdrant's own index" in text
    assert "nox -s verify-local" in text


def test_the_command_prints_where_the_page_is(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'index.html'}\n"
    assert (out / "index.html").exists()
    assert (out / "summary.md").exists()


def test_an_older_run_can_still_be_told(tmp_path: Path) -> None:
    out = Path(shutil.copytree(SAMPLE, tmp_path / "out"))
    assert "compliant: no" in Outline(html_of(out)).text


# what is refused


def lose(name: str) -> Callable[[Path], None]:
    return lambda out: (out / name).unlink()


def hold(name: str, text: str) -> Callable[[Path], object]:
    return lambda out: (out / name).write_text(text, encoding="utf-8")


def changed(how: Change) -> Callable[[Path], object]:
    return lambda out: change(out, how)


def whole(document: dict[str, Any]) -> dict[str, Any]:
    case: dict[str, Any] = document["clauses"]["CMP-008"]["static"]["cases"]["whole"]
    return case


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no-verdicts": (lose("verdicts.json"), r"verdicts\.json: is not there"),
    "no-evidence": (lose("evidence.jsonl"), r"evidence\.jsonl: is not there"),
    "empty": (hold("verdicts.json", ""), r"verdicts\.json:1: is not JSON"),
    "half": (hold("verdicts.json", '{\n "run": {\n  "id": "x",\n'), r"verdicts\.json:4: is not JSON"),
    "a-list": (hold("verdicts.json", "[]"), r"verdicts\.json:1: is not a JSON object"),
    "deep": (hold("verdicts.json", "[" * 100_000), r"verdicts\.json:1: "),
    "not-utf-8": (lambda out: (out / "verdicts.json").write_bytes(b"\xff\xfe"), r"verdicts\.json: cannot be read"),
    "no-run": (changed(lambda document: document.pop("run")), r"verdicts\.json:1: .*'run' is a required property"),
    "no-clause": (changed(lambda document: document["clauses"].clear()), r"verdicts\.json:\d+: clauses: "),
    "unknown-verdict": (
        changed(lambda document: whole(document).update(verdict="great")),
        r"verdicts\.json:\d+: clauses\.CMP-008\.static\.cases\.whole\.verdict: 'great'",
    ),
    "no-observed": (
        changed(lambda document: whole(document).pop("observed")),
        r"verdicts\.json:\d+: clauses\.CMP-008\.static\.cases\.whole: 'observed' is a required property",
    ),
    "other-counts": (
        changed(lambda document: document["summary"]["counts"].update({"pass": 99})),
        r"verdicts\.json:\d+: summary\.counts\.pass says 99, and the clauses come to 20",
    ),
    "other-proven": (
        changed(lambda document: document["summary"].update(proven=3)),
        r"verdicts\.json:\d+: summary\.proven says 3, and the clauses come to 21",
    ),
    "false-compliance": (
        changed(lambda document: document["summary"].update(compliant=True)),
        r"verdicts\.json:\d+: summary\.compliant is true, and a must clause is not proven",
    ),
    "unknown-evidence": (
        changed(lambda document: whole(document).update(evidence=["o999"])),
        r"evidence\.jsonl:\d+: holds no observation o999, which verdicts\.json cites",
    ),
    "evidence-not-json": (hold("evidence.jsonl", '{"kind": "run"}\nno\n'), r"evidence\.jsonl:2: is not JSON"),
    "evidence-no-kind": (hold("evidence.jsonl", '{"kind": "run"}\n[1]\n'), r"evidence\.jsonl:2: .*no kind"),
    "evidence-incomplete": (
        hold("evidence.jsonl", '{"kind": "look", "id": "o1"}\n'),
        r"evidence\.jsonl:1: the observation has no target, asked, seen",
    ),
}


@pytest.mark.parametrize(("damage", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_missing_or_corrupt_is_named_with_its_place(
    out: Path, damage: Callable[[Path], object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(out)
    with pytest.raises(Trouble, match=message):
        page.render(out)
    with pytest.raises(Trouble, match=message):
        summary.markdown(out)
    assert command.main([str(out)]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (out / "index.html").exists()


def test_the_line_is_that_of_the_case(out: Path) -> None:
    change(out, lambda document: whole(document).update(verdict="great"))
    with pytest.raises(Trouble) as caught:
        page.render(out)
    line = int(caught.value.where.rpartition(":")[2])
    assert '"verdict": "great"' in (out / "verdicts.json").read_text("utf-8").splitlines()[line - 1]


def test_evidence_that_ends_in_the_middle_of_a_line_is_told(out: Path) -> None:
    with (out / "evidence.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "look", "id": "o9')
    assert "the run that wrote it was killed" in Outline(html_of(out)).text


# runs that are better than the sample


def recount(document: dict[str, Any]) -> None:
    cases = [
        case["verdict"]
        for clause in document["clauses"].values()
        for judged in clause.values()
        if isinstance(judged, dict) and "cases" in judged
        for case in judged["cases"].values()
    ]
    counts = {verdict.value: cases.count(verdict.value) for verdict in Verdict}
    proven = counts["pass"] + counts["pass_stand_in"]
    document["summary"] |= {"counts": counts, "proven": proven, "obligations": len(cases)}


def each_case(document: dict[str, Any], how: Callable[[dict[str, Any]], None]) -> None:
    for clause in document["clauses"].values():
        clause["rolls_up"] = dict.fromkeys(clause.get("rolls_up", {}), "pass")
        for judged in clause.values():
            if isinstance(judged, dict) and "cases" in judged:
                for case in judged["cases"].values():
                    how(case)


def everything_passes(document: dict[str, Any]) -> None:
    each_case(document, lambda case: case.update(verdict="pass", findings=[], message="", exemption=None))
    recount(document)


def compliant(document: dict[str, Any]) -> None:
    everything_passes(document)
    document["summary"] |= {"compliant": True, "green": True}


def green(document: dict[str, Any]) -> None:
    def mend(case: dict[str, Any]) -> None:
        if case["verdict"] in {"fail", "error", "inconclusive", "no_proof"}:
            case |= {"verdict": "not_yet", "findings": []}

    each_case(document, mend)
    recount(document)
    document["summary"] |= {"green": True, "advised": []}
