"""Secrets out of everything that is kept: each stands as an HMAC under a key that lives as long as the run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from blueprint.evidence import JSON

SHORTEST = 8
"""Characters of the shortest secret; a shorter one would black out half of the evidence."""


class Redaction:
    """Knows the secrets of a run and takes them out of text, documents and files.

    A secret is found as it is, in base64 (both alphabets, at any alignment within a longer value), URL-encoded,
    and escaped as JSON, HTML and Python write it.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._tokens: dict[str, str] = {}
        self._ordered: list[tuple[str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def add(self, secret: str, token: str = "") -> str:
        """Take a secret in, and return what stands for it; ``token`` is given when a recorded run is replayed.

        Raises:
            ValueError: it is shorter than :data:`SHORTEST`.
        """
        if len(secret) < SHORTEST:
            raise ValueError(f"a secret of {len(secret)} characters is too short to be told from other text")
        digest = hmac.new(self._key, secret.encode(), hashlib.sha256).hexdigest()
        token = self._tokens.setdefault(secret, token or f"hmac:{digest[:24]}")
        forms = {form: kept for secret, kept in self._tokens.items() for form in forms_of(secret)}
        self._ordered = sorted(forms.items(), key=lambda pair: (-len(pair[0]), pair[0]))
        return token

    def text(self, text: str) -> str:
        """The text without any secret, the longest taken out first."""
        for form, token in self._ordered:
            if form in text:
                text = text.replace(form, token)
        return text

    def document(self, value: JSON) -> JSON:
        """A JSON value without any secret, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(part) for part in value]
        if isinstance(value, Mapping):
            return {self.text(key): self.document(part) for key, part in value.items()}
        return value

    def leaks(self, folder: Path) -> Iterator[Path]:
        """The files under a folder that hold a secret in any of its forms, in their names or their content."""
        needles = [form.encode() for form, _ in self._ordered]
        if not needles:
            return
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                continue
            haystack = str(path.relative_to(folder)).encode()
            if path.is_file():
                haystack += b"\n" + path.read_bytes()
            if any(needle in haystack for needle in needles):
                yield path


def forms_of(secret: str) -> frozenset[str]:
    """How a secret may be spelled in an output."""
    plain = secret.encode()
    forms = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        html.escape(secret, quote=False),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms.add(encode(plain).decode())
        forms.update(_core(encode(bytes(shift) + plain).decode(), shift, len(plain)) for shift in range(3))
    return frozenset(forms)


def _core(encoded: str, shift: int, length: int) -> str:
    """The characters that the secret alone decides when ``shift`` bytes stand before it: six bits each."""
    return encoded[-(-8 * shift // 6) : 8 * (shift + length) // 6]
