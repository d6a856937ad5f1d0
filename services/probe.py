"""Health check of a container without curl: `python -m services.probe URL`.

Exit code 0 when the URL answers below 400 within the bound, 1 otherwise; prints what it answered.
Only what a bare interpreter has already loaded or loads fast is imported: this runs every few seconds.
"""

import socket
import sys

_SECONDS = 2.5
_FIRST_ERROR = 400
_SHOWN = 4096


def probe(url: str, seconds: float = _SECONDS) -> tuple[bool, str]:
    """Whether a plain-http URL answers below 400, and its body or what went wrong."""
    scheme, _, rest = url.partition("://")
    address, _, path = rest.partition("/")
    host, _, port = address.partition(":")
    if scheme != "http" or not host or not (port or "80").isdecimal():
        return False, f"not a plain http URL: {url}"
    asked = f"GET /{path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((host, int(port or "80")), timeout=seconds) as connection:
            connection.sendall(asked.encode())
            while part := connection.recv(65536):
                answer += part
    except OSError as error:
        return False, f"{url}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else _FIRST_ERROR
    return status < _FIRST_ERROR, body[:_SHOWN].decode(errors="replace")


def main(arguments: list[str]) -> int:
    """Probe the one URL given; 0 is healthy."""
    if len(arguments) != 1:
        print("usage: python -m services.probe URL", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    healthy, said = probe(arguments[0])
    print(said)  # noqa: T201 - the engine keeps the output of a health check
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
