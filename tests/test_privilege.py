"""The tiny program that shows whether a container is privileged. Never executed outside of one: it mounts."""

from __future__ import annotations

import io
import struct
import tarfile

import pytest

from blueprint.trouble import Trouble
from provision.privilege import image, program


@pytest.mark.parametrize(("platform", "machine"), [("linux/amd64", 62), ("linux/arm64", 183)])
def test_the_program_is_a_static_executable_of_its_platform(platform: str, machine: int) -> None:
    body = program(platform)
    assert body[:7] == b"\x7fELF\x02\x01\x01"
    kind, found, version, entry, program_headers = struct.unpack_from("<HHIQQ", body, 16)
    assert (kind, found, version, program_headers) == (2, machine, 1, 64)
    segment, flags, offset, address, _, file_size, memory_size = struct.unpack_from("<IIQQQQQ", body, 64)
    assert (segment, flags, offset) == (1, 5, 0)
    assert file_size == memory_size == len(body)
    assert entry == address + 64 + 56
    assert body.endswith(b"/\0tmpfs\0")


def test_the_addresses_in_the_code_are_those_of_the_words_behind_it() -> None:
    code = program("linux/amd64")[120:]
    for position, word in ((0, b"tmpfs\0"), (7, b"/\0")):  # lea reg, [rip + displacement]: 7 bytes each
        target = position + 7 + struct.unpack_from("<i", code, position + 3)[0]
        assert code[target : target + len(word)] == word
    code = program("linux/arm64")[120:]
    for position, word in ((0, b"tmpfs\0"), (4, b"/\0")):  # adr reg, address: two low bits at 29, the others at 5
        instruction = struct.unpack_from("<I", code, position)[0]
        target = position + ((instruction >> 5 & 0x7FFFF) << 2 | instruction >> 29 & 3)
        assert code[target : target + len(word)] == word


def test_the_image_is_that_program_alone() -> None:
    with tarfile.open(fileobj=io.BytesIO(image("linux/amd64"))) as archive:
        (entry,) = archive.getmembers()
        file = archive.extractfile(entry)
        assert (entry.name, entry.mode) == ("probe", 0o755)
        assert file is not None
        assert file.read() == program("linux/amd64")


def test_an_unknown_platform_is_named() -> None:
    with pytest.raises(Trouble, match="on linux/s390x; known: linux/amd64, linux/arm64"):
        program("linux/s390x")
