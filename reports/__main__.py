"""``python -m reports OUT_DIR``: write index.html, summary.md and findings.sarif of a run, and print the page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from blueprint.trouble import Trouble
from reports import page, sarif, summary

OUT = Path("reports/out")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them; exit code 2 and one message where the files of the run do not allow it."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument(
        "out", nargs="?", type=Path, default=OUT, metavar="OUT_DIR", help="folder of a run (%(default)s)"
    )
    out: Path = parser.parse_args(arguments).out
    try:
        summary.write(out)
        sarif.write(out, json.loads((out / "verdicts.json").read_text(encoding="utf-8")))
        path = page.render(out)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
