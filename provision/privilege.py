"""Whether privileged containers really run: one does, from an image of one tiny program made here."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import uuid
from pathlib import Path

import psutil
from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.engine import NEXT, Engine
from provision.processes import Completed, run

SECONDS = 30.0
_LABEL = "soma.verify/probe=privileged"
# mount("tmpfs", "/", "tmpfs", 0, NULL), then exit with its errno: 0 where the container is privileged.
_CODE = {
    "linux/amd64": (
        62,
        bytes.fromhex(
            "488d3d23000000"  # lea rdi, [rip + name]
            "488d351a000000"  # lea rsi, [rip + dir]
            "4889fa"  # mov rdx, rdi
            "4531d2"  # xor r10d, r10d
            "4531c0"  # xor r8d, r8d
            "68a500000058"  # push 165; pop rax: mount
            "0f05"  # syscall
            "89c7f7df"  # mov edi, eax; neg edi
            "6a3c58"  # push 60; pop rax: exit
            "0f05"  # syscall
        ),
    ),
    "linux/arm64": (
        183,
        struct.pack(
            "<10I",
            0x50000140,  # adr x0, name
            0x10000121,  # adr x1, dir
            0xAA0003E2,  # mov x2, x0
            0xD2800003,  # mov x3, #0
            0xD2800004,  # mov x4, #0
            0xD2800508,  # mov x8, #40: mount
            0xD4000001,  # svc #0
            0xCB0003E0,  # neg x0, x0
            0xD2800BA8,  # mov x8, #93: exit
            0xD4000001,  # svc #0
        ),
    ),
}
_DATA = b"/\0tmpfs\0"
_BASE, _HEAD = 0x400000, 64 + 56


def program(platform: str) -> bytes:
    """A static ELF of a few hundred bytes for a platform such as ``linux/amd64``.

    Raises:
        Trouble: no code is known for the platform.
    """
    if platform not in _CODE:
        raise Trouble(f"it is not known how to try a privileged container on {platform}; known: {', '.join(_CODE)}")
    machine, code = _CODE[platform]
    size = _HEAD + len(code) + len(_DATA)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEAD, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return head + segment + code + _DATA


def image(platform: str) -> bytes:
    """A file system of that one program, as ``docker import`` reads it."""
    file = io.BytesIO()
    body = program(platform)
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("probe")
        entry.size, entry.mode = len(body), 0o755
        archive.addfile(entry, io.BytesIO(body))
    return file.getvalue()


def require_privileged(engine: Engine) -> None:
    """Run a privileged container on this engine; the answer is kept until the machine or the engine starts again.

    Raises:
        Trouble: it does not run, or is not privileged; with what the engine said.
    """
    kept = _kept_answer(engine)
    if kept.exists():
        return
    answer = _try(engine)
    if answer.exit_code:
        said = answer.stderr.strip() or f"mounting in it failed with errno {answer.exit_code}"
        raise Trouble(
            f"the engine {engine.version} runs no privileged container, which Kind needs: {said}",
            where=engine.address,
            next_command=NEXT if engine.ours else "",
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()


def _try(engine: Engine) -> Completed:
    reference = f"soma.local/privileged-probe:{uuid.uuid4().hex}"  # another run may try at the same time
    env = engine.env()
    run(["docker", "import", "--change", f"LABEL {_LABEL}", "-", reference], input=image(engine.platform), env=env)
    try:
        flags = ["--rm", "--privileged", "--network=none", "--label", _LABEL]
        return run(["docker", "run", *flags, reference, "/probe"], env=env, check=False, timeout=SECONDS)
    finally:
        run(["docker", "image", "rm", "--force", reference], env=env, check=False, timeout=SECONDS)


def _kept_answer(engine: Engine) -> Path:
    """A file that is there once a container has run; its name changes with each boot, engine and engine's settings."""
    answer = run(["docker", "info", "--format", "{{json .}}"], env=engine.env(), timeout=SECONDS)
    info = json.loads(answer.stdout)
    telling = [info.get(key) for key in ("ID", "DefaultRuntime", "SecurityOptions", "KernelVersion", "Name")]
    identity = json.dumps([*telling, engine.version, engine.address, int(psutil.boot_time())])
    return user_cache_path("soma-verify") / "privileged" / hashlib.sha256(identity.encode()).hexdigest()[:24]
