"""A secret of a run appears in no file and no output of it, in no spelling."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.judged import Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
CANARY = "canary/4b61&6e61+72<79>"
FORMS = (
    CANARY,
    quote(CANARY),
    quote(CANARY, safe=""),
    *(base64.b64encode(b"x" * shift + CANARY.encode()).decode()[4:-6] for shift in range(3)),
    CANARY.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
)
ENCODED = f"""
import base64, logging, sys
from urllib.parse import quote
CANARY = {CANARY!r}
FORMS = [CANARY, quote(CANARY), quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode(),
         base64.urlsafe_b64encode(b"user:" + CANARY.encode()).decode(),
         base64.b64encode(b"u:" + CANARY.encode()).decode()]
"""
TELL_ALL = """
    for form in FORMS:
        print("said", form); print("said", form, file=sys.stderr); logging.warning("said %s", form)
        request.node.user_properties.append(("form", form))
"""


def all_outputs(verify: Verify, text: str) -> dict[str, str]:
    files = {str(path): path.read_text() for path in (verify.root / "out").rglob("*") if path.is_file()}
    return files | {"terminal": text}


def assert_nowhere(outputs: dict[str, str]) -> None:
    found = [(name, form) for name, text in outputs.items() for form in FORMS if form in text]
    assert not found


@pytest.mark.parametrize(
    "ending",
    [
        "conclude(GOOD)",
        "conclude(Findings.of(ALL, ALL, [Finding(f'saw {form}', Place('f', 1, form), form) for form in FORMS]))",
        "assert CANARY == FORMS",
        "raise Trouble(CANARY, where=CANARY, next_command=CANARY)",
        "raise ValueError(FORMS)",
        "pytest.skip(CANARY)",
        "conclude(Findings.of(FORMS[:1], FORMS))",
        'recorder.look("x", None, lambda: (_ for _ in ()).throw(OSError(CANARY)))',
    ],
)
def test_a_secret_never_appears_in_any_output(verify: Verify, ending: str) -> None:
    verify.proofs(f"""{ENCODED}
@pytest.mark.proves("TST-001")
def test_one(recorder, conclude, request):
    recorder.secret(CANARY)
    recorder.look(f"http://user:{{CANARY}}@host/", {{"header": FORMS}}, lambda: {{CANARY: FORMS}})
    recorder.touch({{"name": CANARY, "same_software": False}})
{TELL_ALL}
    {ending}
""")
    session = verify.run()
    assert session.status == (0 if ending == "conclude(GOOD)" else 1), session.text
    assert session.summary["broken"] == []
    assert {"junit.xml", "details.html", "evidence.jsonl"} <= {path.name for path in session.out.iterdir()}
    assert_nowhere(all_outputs(verify, session.text))
    assert "hmac:" in (session.out / "evidence.jsonl").read_text()


def test_a_secret_of_a_fixture_that_fails_appears_nowhere(verify: Verify) -> None:
    verify.proofs(f"""{ENCODED}
@pytest.fixture(scope="session")
def world(recorder):
    recorder.secret(CANARY)
    print(FORMS)
    yield
    print(FORMS)
    raise ValueError(CANARY)

@pytest.mark.proves("TST-001")
def test_one(world, recorder, conclude):
    recorder.look("x", None, lambda: CANARY)
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert_nowhere(all_outputs(verify, session.text))


@pytest.mark.parametrize(
    "spelled", ["CANARY", "quote(CANARY, safe='')", "base64.b64encode(b'a' + CANARY.encode()).decode()"]
)
def test_a_leaked_secret_is_red_and_names_the_file(verify: Verify, spelled: str) -> None:
    verify.proofs(f"""{ENCODED}
import pathlib

@pytest.mark.proves("TST-001")
def test_one(recorder, conclude):
    recorder.secret(CANARY)
    recorder.look("x", None, lambda: 1)
    folder = pathlib.Path("out/failures/test_one")
    folder.mkdir(parents=True)
    (folder / "gateway.log").write_text("log " + {spelled} + " log")
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "pass")
    assert session.summary["broken"] == ["a secret of this run stands in failures/test_one/gateway.log"]
    assert "red: a secret of this run stands in failures/test_one/gateway.log" in session.text
    assert "<strong>compliant: no" in (session.out / "details.html").read_text()
    (session.out / "failures" / "test_one" / "gateway.log").unlink()
    assert_nowhere(all_outputs(verify, session.text))


def test_a_secret_that_a_page_lets_out_is_red(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from pathlib import Path

    def render(out: Path) -> Path:
        (out / "index.html").write_text(f"<p>{CANARY}</p>")
        return out / "index.html"

    monkeypatch.setattr(sys.modules["reports.page"], "render", render)
    verify.proofs(f"""{ENCODED}
@pytest.mark.proves("TST-001")
def test_one(recorder, conclude):
    recorder.secret(CANARY)
    recorder.look("x", None, lambda: 1)
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.summary["broken"]) == (1, ["a secret of this run stands in index.html"])
