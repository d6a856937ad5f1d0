"""Every job of this repository. `nox -l` lists them; what follows `--` reaches the program that a job runs."""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["verify-local"]
nox.options.stop_on_first_error = True
HOST_FLAGS = {"--yes", "--down", "--purge"}  # nox hands them to every named session; they are meant for `host`
VERIFY = {
    "verify-local": ("static,compose,cluster,drill", "Stand all of it up, judge every clause, write reports/out/."),
    "verify-static": ("static", "Judge what files alone can prove; needs no engine."),
    "verify-compose": ("compose", "Judge the Compose project, live."),
    "verify-cluster": ("cluster", "Judge both charts in a cluster, live."),
    "drills": ("drill", "Judge what happens in distress, long drills too: the pipeline, faults, loads, restores."),
}


def install(session: nox.Session, group: str) -> None:
    """Install a dependency group as it is locked, with hashes; the project itself is never installed."""
    session.install("--require-hashes", "-r", f"requirements/{group}.txt")


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest under this repository's settings, whatever the subject; Ctrl-C leaves time to tear down."""
    pinned = ("-c", "pyproject.toml", "--rootdir=.", *arguments)
    session.run("python", "-m", "pytest", *pinned, interrupt_timeout=180, terminate_timeout=30)


def verify_session(name: str, tiers: str, description: str) -> None:
    """Register the session that judges some tiers."""

    def judge(session: nox.Session) -> None:
        install(session, "verify")
        extra = (argument for argument in session.posargs if argument not in HOST_FLAGS)
        long = ("--long",) if name == "drills" else ()  # verify-local has to end within a quarter of an hour
        pytest(session, "-p", "fixtures.options", f"--tier={tiers}", *long, "tests_infra", *extra)

    judge.__doc__ = description
    nox.session(name=name)(judge)


for _name, _job in VERIFY.items():
    verify_session(_name, *_job)


@nox.session
def host(session: nox.Session) -> None:
    """Print what this machine lacks; `-- --yes` installs and starts it, `-- --down` stops it and puts things back."""
    install(session, "verify")
    session.run("python", "-m", "provision.host", *[flag for flag in session.posargs if flag in HOST_FLAGS])


@nox.session
def images(session: nox.Session) -> None:
    """Pull or build the images; `-- --images build NAME` chooses."""
    install(session, "verify")
    session.run("python", "-m", "provision.images", *session.posargs)


@nox.session
def packages(session: nox.Session) -> None:
    """Pack both charts into packages/, byte for byte as anyone can again; `-- --tag v1.2.3` checks their version."""
    install(session, "verify")
    session.run("python", "-m", "provision.chart_packages", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Prove the prover: all of tests/ that needs no engine, and every registered breakage."""
    install(session, "dev")
    pytest(session, "tests", "--ignore=tests/live", "--numprocesses=auto", *session.posargs)


@nox.session(name="tests-live")
def tests_live(session: nox.Session) -> None:
    """Prove the prover where it needs an engine, tools or a browser."""
    install(session, "dev")
    pytest(session, "tests/live", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, the directions of imports, and what could be done to the workflows."""
    install(session, "dev")
    audit = "zizmor --offline --no-config --no-progress --quiet --min-severity=medium .github/workflows"
    for command in ("ruff check .", "ruff format --check .", "lint-imports", audit):
        session.run(*command.split())


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, over everything."""
    install(session, "dev")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Lint the Markdown and build the site, strictly."""
    install(session, "dev")
    session.run("rumdl", "check", "README.md", "CONTRIBUTING.md", "docs", "infra")
    session.run("mkdocs", "build", "--strict")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the design has a budget for, and print both."""
    install(session, "dev")
    rivals = Path(session.create_tmp(), "rivals").absolute()  # checkov pins much of what the suite has newer
    session.run("uv", "venv", "--quiet", "--allow-existing", str(rivals))
    into = ("--python", str(rivals / "bin" / "python"), "--require-hashes", "-r", "requirements/bench.txt")
    session.run("uv", "pip", "install", "--quiet", *into)
    env = {"SOMA_BENCH_CHECKOV": str(rivals / "bin" / "checkov")}
    session.run("python", "-m", "tests.bench", *session.posargs, env=env)


@nox.session
def explain(session: nox.Session) -> None:
    """Say what a clause asks, why, how it is proven, and what the last run made of it: `-- CMP-008`."""
    install(session, "verify")
    session.run("python", "-m", "reports.explain", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock every dependency group again, with hashes and without addresses."""
    install(session, "nox")
    for group in nox.project.load_toml("pyproject.toml")["dependency-groups"]:
        # what the services run on is what their tests run on
        constraints = ("-c", "requirements/services.txt") if group in {"qdrant-edge", "verify", "dev"} else ()
        session.run("uv", "pip", "compile", "-q", "--group", group, *constraints, "-o", f"requirements/{group}.txt")
