"""How values stand in a report: visible, escaped, and in units that a reader says."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


def visible(value: object) -> object:
    """A value with its control characters, and those that turn the direction of text round, spelled out."""
    if type(value) is not str or value.isprintable():
        return value  # markup of our own is a subclass, and stays
    return "".join(_spelled(sign) for sign in value)


def _spelled(sign: str) -> str:
    hidden = unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and sign not in "\n\t"
    return f"\\u{ord(sign):04x}" if hidden else sign


def prose(text: object) -> Markup:
    """Text in which what stands between backticks is code; everything else in it is escaped."""
    from markupsafe import Markup, escape

    parts = [escape(visible(part)) for part in str(text).split("`")]
    if len(parts) % 2 == 0:  # a backtick without a fellow is a backtick
        parts[-2:] = [parts[-2] + "`" + parts[-1]]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )


def size(count: object) -> str:
    """Bytes as GiB."""
    return f"{count / 2**30:.1f} GiB" if isinstance(count, int | float) else str(count)


def duration(seconds: object) -> str:
    """Seconds as a reader says them."""
    if not isinstance(seconds, int | float):
        return str(seconds)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s" if seconds >= 0.05 else f"{seconds * 1000:.0f} ms"  # noqa: PLR2004 - rounds to 0.1
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
