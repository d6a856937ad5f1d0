"""The recorder writes every look down at once, without secrets, and replays it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision.waiting import Deadline, WaitedTooLong
from worlds.lost import WorldLost
from worlds.recorder import Recorder
from worlds.redaction import SHORTEST, Redaction
from worlds.replay import Replay

SOON = Deadline("it to be ready", 0.05)
UNTIMED = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
SECRETS = some.text(some.characters(codec="utf-8", exclude_characters="\0"), min_size=SHORTEST, max_size=40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def replayed(path: Path, *, as_of: str = "2026-01-31") -> Replay:
    header = json.dumps({"kind": "run", "run": {"as_of": as_of}})
    recorded = path.with_name("recorded.jsonl")
    recorded.write_text(header + "\n" + path.read_text())
    return Replay(recorded)


def must_not_act() -> None:
    raise AssertionError("a replay acts")


def test_a_look_is_on_disk_before_it_returns(path: Path) -> None:
    with Recorder(path) as recorder, recorder.scope("t::one", "TST-001") as seen:
        observation = recorder.look("http://a/", {"get": "/"}, lambda: {"status": 200})
        [line] = lines(path)
        assert observation.seen == line["seen"] == {"status": 200}
        assert (line["id"], line["kind"], line["clause"], line["proof"]) == ("o1", "look", "TST-001", "t::one")
        assert (line["target"], line["asked"]) == ("http://a/", {"get": "/"})
        assert list(seen.evidence) == ["o1"]


def test_scopes_nest_and_the_session_has_one_of_its_own(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.look("a", None, lambda: 1)
        with recorder.scope("t::one") as seen:
            with recorder.session():
                kept = recorder.look("b", None, lambda: 1)
            recorder.look("c", None, lambda: 1)
            assert list(seen.evidence) == ["o3"]
            recorder.cite(kept.id, kept.id)
            assert list(seen.evidence) == ["o3", "o2"]
    assert [line["proof"] for line in lines(path)] == ["session", "session", "t::one"]


def test_what_a_look_raises_is_written_down_and_raised_again_on_replay(path: Path) -> None:
    troubles = (
        Trouble("no route", where="host:1", next_command="ip route"),
        WorldLost("engine died"),
        ValueError("odd"),
    )

    def look(recorder: Recorder, trouble: Exception) -> str:
        def act() -> None:
            raise trouble

        with pytest.raises(Exception, match=r"no route|engine died|odd") as caught:
            recorder.look("a", None, must_not_act if recorder.replay else act)
        return f"{type(caught.value).__name__} {caught.value}"

    with Recorder(path) as recorder:
        live = [look(recorder, trouble) for trouble in troubles]
    assert lines(path)[0]["seen"] == {"trouble": "host:1: no route\n  next: ip route", "last": None}
    with Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder:
        again = [look(recorder, trouble) for trouble in troubles]
    assert again[:2] == live[:2]
    assert again[2] == "Trouble ValueError: odd"


def test_an_interrupted_look_is_written_down(path: Path) -> None:
    def act() -> None:
        raise KeyboardInterrupt

    with Recorder(path) as recorder, pytest.raises(KeyboardInterrupt):
        recorder.look("a", None, act)
    assert lines(path)[0]["seen"] == {"trouble": "interrupted", "last": None}


def test_a_wait_writes_the_last_look_and_replays_without_waiting(path: Path) -> None:
    answers = iter([1, 2, 3])
    with Recorder(path) as recorder:
        seen = recorder.wait("a", None, lambda: next(answers), lambda seen: seen == 3, Deadline("three", 5)).seen
    assert (seen, lines(path)[0]["seen"], lines(path)[0]["polls"]) == (3, 3, 3)
    with Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder:
        assert recorder.wait("a", None, must_not_act, lambda seen: seen == 3, Deadline("three", 5)).seen == 3
    with (
        Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder,
        pytest.raises(WaitedTooLong, match="waited for four; recorded last: 3"),
    ):
        recorder.wait("a", None, must_not_act, lambda seen: seen == 4, Deadline("four", 5))


def test_a_wait_that_is_too_long_keeps_what_it_saw_last(path: Path) -> None:
    with Recorder(path) as recorder, pytest.raises(WaitedTooLong, match="for it to be ready"):
        recorder.wait("a", None, lambda: "starting", lambda seen: seen == "ready", SOON)
    assert lines(path)[0]["seen"]["last"] == "starting"
    with (
        Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder,
        pytest.raises(WaitedTooLong, match="seen last: starting"),
    ):
        recorder.wait("a", None, must_not_act, lambda _: True, SOON)


def test_a_replay_gives_the_answers_in_order_and_no_more(path: Path) -> None:
    with Recorder(path) as recorder, recorder.scope("t::one"):
        for answer in (1, 2):
            recorder.do("a", {"x": 1, "y": 2}, lambda answer=answer: answer)  # type: ignore[misc] # bound, not passed
    with Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder, recorder.scope("t::one"):
        assert [recorder.do("a", {"y": 2, "x": 1}, must_not_act).seen for _ in range(2)] == [1, 2]
        others: tuple[tuple[str, JSON], ...] = (("a", {"x": 1, "y": 2}), ("a", {"x": 2}), ("b", {"x": 1, "y": 2}))
        for target, asked in others:
            with pytest.raises(Trouble, match=r"holds no .further. look at"):
                recorder.do(target, asked, must_not_act)


def test_a_replay_keeps_to_who_looked(path: Path) -> None:
    with Recorder(path) as recorder, recorder.scope("t::one"):
        recorder.look("a", None, lambda: 1)
    with (
        Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder,
        recorder.scope("t::two"),
        pytest.raises(Trouble, match="for t::two"),
    ):
        recorder.look("a", None, must_not_act)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line says which run this is"),
        ("[]\n", ":1: not a line of evidence"),
        ('{"a": 1}\n', ":1: not a line of evidence"),
        ("{\n{}\n", ":1: not JSON"),
        ('{"kind": "run", "run": {}}\n', "no line says which run this is"),
    ],
)
def test_a_file_that_is_no_evidence_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(Trouble, match=message):
        Replay(path)


# secrets


def test_a_secret_is_an_hmac_wherever_it_is_written_and_returned(path: Path) -> None:
    secret = "s3cret/with+odd&chars"
    with Recorder(path) as recorder:
        assert recorder.secret(secret) == secret
        inside: JSON = [
            secret,
            {secret: f"Bearer {secret}", "b": base64.b64encode(f"u:{secret}".encode()).decode()},
            7,
            None,
        ]
        seen = recorder.look(f"http://u:{quote(secret, safe='')}@a/", {"password": secret}, lambda: inside).seen
    assert isinstance(seen, list)
    token = seen[0]
    assert isinstance(token, str)
    assert token.startswith("hmac:")
    assert seen == lines(path)[1]["seen"]
    assert seen[1] == {token: f"Bearer {token}", "b": seen[1]["b"]}  # type: ignore[index,call-overload] # a dict, as said
    assert lines(path)[1]["asked"] == {"password": token}
    assert lines(path)[1]["target"] == f"http://u:{token}@a/"


def test_the_key_lives_as_long_as_the_run(path: Path) -> None:
    tokens = []
    for _ in range(2):
        with Recorder(path) as recorder:
            recorder.secret("the same secret")
        tokens.append(lines(path)[0]["token"])
    assert tokens[0] != tokens[1]


def test_a_secret_that_is_met_within_an_act_is_taken_out_of_that_look(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.look("a", None, lambda: {"password": recorder.secret("read from the world")})
    assert "read from the world" not in path.read_text()


def test_secrets_that_are_minted_anew_on_replay_ask_what_was_asked(path: Path) -> None:
    def session(recorder: Recorder, *minted: str) -> object:
        for secret in minted:
            recorder.secret(secret)
        return recorder.look("a", [*minted], lambda: [*minted]).seen

    with Recorder(path) as recorder:
        live = session(recorder, "first secret", "second secret")
    with Recorder(path.with_name("again.jsonl"), replayed(path)) as recorder:
        assert session(recorder, "third secret", "fourth secret") == live


@pytest.mark.parametrize("secret", ["", "short"])
def test_what_is_too_short_to_be_told_apart_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="too short"):
        Redaction().add(secret)


def test_the_longest_secret_is_taken_out_first() -> None:
    redaction = Redaction()
    short, long = redaction.add("password"), redaction.add("password-and-more")
    assert redaction.text("password-and-more password") == f"{long} {short}"


def spellings(secret: str) -> list[str]:
    plain = secret.encode()
    encoded = [
        encode(b"\xff" * before + plain + b"\xff" * after).decode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for before in range(7)
        for after in range(4)
    ]
    return [secret, quote(secret), quote(secret, safe=""), json.dumps(secret), repr(secret), *encoded]


@UNTIMED
@given(secret=SECRETS, around=some.text(max_size=5))
@example(secret="aaaaaaaa", around="")
@example(secret="\"'<&\\\n\té€", around="%")
def test_no_spelling_of_a_secret_survives(secret: str, around: str) -> None:
    redaction = Redaction()
    token = redaction.add(secret)
    for spelled in spellings(secret):
        clean = redaction.text(around + spelled + around)
        assert token in clean
        assert len(clean) < len(around) * 2 + len(token) + 18, "no more than the borders of a base64 value is left"


@UNTIMED
@given(secret=SECRETS)
def test_every_spelling_is_found_in_files(secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("out")
    redaction = Redaction()
    redaction.add(secret)
    for number, spelled in enumerate(spellings(secret)):
        (folder / f"{number}.bin").write_bytes(b"\0\xff" + spelled.encode() + b"\xff")
    assert len(list(redaction.leaks(folder))) == len(spellings(secret))


def test_other_text_is_no_leak_and_stays(tmp_path: Path) -> None:
    redaction = Redaction()
    assert list(redaction.leaks(tmp_path)) == []
    redaction.add("a secret of some length")
    (tmp_path / "a.log").write_text("a secret of another length")
    assert list(redaction.leaks(tmp_path)) == []
    assert redaction.text("a secret of another length") == "a secret of another length"


def test_a_secret_in_the_name_of_a_file_is_a_leak_and_no_link_is_followed(tmp_path: Path) -> None:
    redaction = Redaction()
    redaction.add("a-secret-name")
    outside = tmp_path / "outside"
    outside.write_text("a-secret-name")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(outside)
    assert list(redaction.leaks(tmp_path / "out")) == []
    (tmp_path / "out" / "a-secret-name.log").touch()
    assert [path.name for path in redaction.leaks(tmp_path / "out")] == ["a-secret-name.log"]
