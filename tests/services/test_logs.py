"""Logs: one JSON object a line, with an id, and without secrets."""

import json
import logging

import pytest

from common.logs import REQUEST_ID, JsonLines, speak_json
from tests.services.wiring import World


def line(message: str, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "created": 0.0, **extra})
    written: dict[str, object] = json.loads(JsonLines("gateway").format(record))
    return written


def test_a_line_says_when_who_and_what() -> None:
    assert line("two\nlines") == {
        "ts": "1970-01-01T00:00:00.000+00:00",
        "level": "INFO",
        "service": "gateway",
        "message": "two\nlines",
    }


def test_fields_are_added_and_replace_nothing() -> None:
    written = line("x", fields={"route": "/health", "service": "liar"})
    assert (written["route"], written["service"]) == ("/health", "gateway")


def test_the_id_of_the_request_stands_in_its_lines() -> None:
    token = REQUEST_ID.set("abc")
    try:
        assert line("x")["request_id"] == "abc"
    finally:
        REQUEST_ID.reset(token)


def test_a_password_in_a_url_is_never_written() -> None:
    error = ValueError("cannot reach postgresql://soma:hunter2@db/soma")
    trouble = (ValueError, error, None)
    written = line("redis://:hunter2@redis", exc_info=trouble, fields={"dsn": "http://a:hunter2@b"})
    assert "hunter2" not in json.dumps(written)
    assert "***" in str(written["exception"])


def test_one_object_is_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    speak_json("tested", "INFO").info("a\nb", extra={"fields": {"text": "c\nd"}})
    logging.getLogger("uvicorn.error").warning("the server's own")
    said = capsys.readouterr()
    assert [json.loads(each)["message"] for each in said.out.splitlines()] == ["a\nb", "the server's own"]
    assert said.err == ""


@pytest.mark.anyio
async def test_what_users_write_stays_out_of_the_logs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.say("Remember that my secret word is xylophone")
    out = capsys.readouterr().out
    assert "xylophone" not in out
    assert all(json.loads(each)["service"] for each in out.splitlines())


@pytest.mark.anyio
async def test_a_defect_answers_with_an_id_and_is_written_with_its_traceback(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    import httpx

    app = world.apps["tool_executor"]

    async def broken() -> None:
        raise RuntimeError("a defect")

    app.add_api_route("/broken", broken)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/broken", headers={"X-Request-ID": "r1"})
    assert (answer.status_code, answer.json()["detail"]) == (500, "internal error")
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [each["status"] for each in lines if each.get("request_id") == "r1"] == [500]
