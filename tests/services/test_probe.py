"""The health check of a container."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from provision.processes import run
from services.probe import main, probe


class Answers(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        """Answer, or say nothing at all where the path is /nothing."""
        if self.path == "/garbage":
            self.wfile.write(b"garbage")
            return
        self.send_response(int(self.path[1:]))
        self.end_headers()
        self.wfile.write(b'{"status":"said"}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server on loopback."""
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "healthy"), [("200", 0), ("204", 0), ("404", 1), ("500", 1), ("503", 1), ("garbage", 1)]
)
def test_healthy_below_400(url: str, path: str, healthy: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{url}/{path}"]) == healthy
    if path != "garbage":
        assert capsys.readouterr().out == '{"status":"said"}\n'


@pytest.mark.parametrize("url", ["https://x/", "ftp://x", "http://", "", "http://x:y/", "http://127.0.0.1:1/"])
def test_what_cannot_be_reached_is_unhealthy_and_says_why(url: str) -> None:
    healthy, said = probe(url)
    assert not healthy
    assert said


def test_a_server_that_says_nothing_is_unhealthy_in_time() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        healthy, said = probe(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.2)
    assert not healthy
    assert "timed out" in said


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_it_takes_one_url(arguments: list[str]) -> None:
    assert main(arguments) == 1


def test_it_loads_nothing_that_is_slow(url: str) -> None:
    program = (
        "import sys, services.probe; print(sorted(set(sys.modules) & {'json','http.client','ssl','httpx','asyncio'}))"
    )
    assert run([sys.executable, "-c", program]).stdout.strip() == "[]"
    done = run([sys.executable, "-m", "services.probe", f"{url}/200"])
    assert (done.exit_code, done.stdout) == (0, '{"status":"said"}\n')
