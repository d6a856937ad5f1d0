"""What a literal credential looks like, whatever file it stands in."""

from __future__ import annotations

import math
import re
from collections import Counter

_SECRET_NAME = re.compile(
    r"(?:^|[_.\-])(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|TOKEN|APIKEY|API[_-]?KEY|ACCESS[_-]?KEY|SECRET[_-]?KEY"
    r"|PRIVATE[_-]?KEY|SIGNING[_-]?KEY|ENCRYPTION[_-]?KEY|MASTER[_-]?KEY|JWT[_-]?KEY|AUTH[_-]?KEY|CREDENTIAL|CREDENTIALS"
    r"|REQUIREPASS|MASTERAUTH)(?:[_-]?(?:BASE64|B64|HASH|VALUE|STRING|KEY|DEV|TEST|PROD|\d+))?$"
    r"|(?:PASSWORD|PASSWD|REQUIREPASS|SECRETKEY|APIKEY)$",
    re.IGNORECASE,
)
_NAME_OF_CLUSTER = re.compile(r"initial[_-]cluster[_-]token$", re.IGNORECASE)
"""Named a token, and only tells one cluster of etcd from another."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_SECRET_VALUE = re.compile(
    r"|true|false|yes|no|on|off|none|null|~|\*+|x{3,}|<[^>]*>|\.{3}|…|/[\w./-]+|\./[\w./-]+|\$\{?\w*\}?|file|env|vault"
    r"|disabled|enabled|optional|required",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@\"']*:(?P<password>[^\s/@\"']+)@")
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{0,60}(?:password|passwd|requirepass|secret|api[_-]?key|access[_-]?key|token))"
    r"\s*(?:[=:]\s*|\s+)[\"']?(?P<value>[^\s\"';,&|]{3,})",
    re.IGNORECASE,
)
_KNOWN_FORMS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_\w{30,}\b"),
    "a token of GitLab": re.compile(r"\bglpat-[\w-]{18,}\b"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[\w-]{10,}\b"),
    "an API key": re.compile(r"\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,}|\bAIza[\w-]{35}\b|\bgsk_[A-Za-z0-9]{30,}\b"),
    "a token of Vault": re.compile(r"\bhv[sbr]\.[\w-]{20,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
}
_KEY_NAME = re.compile(r"(?:^|[_-])(?:KEY|SALT|PEPPER|SEED|AUTH|CERT)$", re.IGNORECASE)
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_BITS = 3.9
"""Entropy per character above which 20 or more characters are no word: hex keys have up to 4, base64 up to 6."""


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is meant to hold a credential itself, not where it is found."""
    plain = _CAMEL.sub("_", name)
    return bool(_SECRET_NAME.search(plain)) and not _NAME_OF_CLUSTER.search(plain)


def credential_in(name: str, text: str) -> str:
    """What credential a value of this name holds, in words that do not repeat it; empty where it holds none."""
    for what, form in _KNOWN_FORMS.items():
        if form.search(text):
            return what
    if (match := _URL_PASSWORD.search(text)) and not _NO_SECRET_VALUE.fullmatch(match["password"]):
        return "a URL with a password in it"
    value = text.strip()
    if is_secret_name(name) and not _NO_SECRET_VALUE.fullmatch(value) and "://" not in value and " " not in value:
        return f"a literal of {len(value)} characters"
    if _KEY_NAME.search(name) and _RANDOM.fullmatch(value) and entropy(value) > _BITS:
        return f"{len(value)} random characters"
    if (match := _ASSIGNED.search(text)) and _is_assigned(match):
        return f"a literal {match['name'].strip('-').casefold()}"
    return ""


def _is_assigned(match: re.Match[str]) -> bool:
    value = match["value"]
    if _NAME_OF_CLUSTER.search(match["name"]):
        return False
    if value.startswith(("$", "/", "<", "-", "{")) or _NO_SECRET_VALUE.fullmatch(value):
        return False
    separated = match[0][len(match["name"]) :].lstrip("-")[:1]
    return separated in {"=", ":"} or match["name"].casefold().strip("-") in {"requirepass", "password"}


def entropy(text: str) -> float:
    """Bits per character, by how often each occurs."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values()) if text else 0.0
