"""`python -m sandbox.rinha PROFILE`: run a load test, print its score, and exit with whether it passed.

Exit code 0: nothing lost, late, contradicted, refused or charged twice. 1: something was. 2: the test could not run.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.checkout import RUN_DIR
from sandbox.rinha import docker, figures, profile, relay
from sandbox.rinha.backend import PORT, as_found, engine_from, limited_processes, processes
from sandbox.rinha.floor import FILES
from sandbox.rinha.load import Targets
from sandbox.rinha.processes import CannotRunError
from sandbox.rinha.run import RunConfig, Start, carry_out
from sandbox.rinha.score import NothingToScoreError
from sandbox.stack.plan import client_tls
from sandbox.stack.plan.options import http_url
from services.settings.environment import SettingError, flag

RESULTS = RUN_DIR / "rinha"
THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
ENGINES: dict[str, Start] = {"processes": processes, "limits": limited_processes, "docker": docker.compose}
EXAMPLES = """Examples:
  tarifa rinha smoke
  tarifa rinha preview
  tarifa rinha final --limits compose

Exit codes: 0 nothing lost, late, contradicted, refused or charged twice,
1 something was, 2 it could not run."""
PASSED, FAILED, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Run what the command line asks for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # after any signal everything is stopped
    try:
        config = config_from(sys.argv[1:])
        result = carry_out(config)
    except (CannotRunError, NothingToScoreError, profile.UnknownProfileError) as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print("Interrupted; everything is stopped.", file=sys.stderr)
        return INTERRUPTED
    print(figures.text(result))
    print(f"Report: {config.folder / 'report.html'}")
    return FAILED if result.complaints else PASSED


def config_from(arguments: list[str]) -> RunConfig:
    """Read the command line; raises `UnknownProfileError` or `CannotRunError`."""
    options = _parser().parse_args(arguments)
    # The stack and the engine read them from the environment, as with `make rinha`.
    os.environ.update({name: given for name in ("LIMITS", "ENGINE") if (given := vars(options)[name.lower()])})
    engine = engine_from(os.environ)
    chosen = profile.load(options.profile)
    urls = [_local(url) for url in options.processors.split(",")]
    if len(urls) != len(profile.PROCESSORS):
        raise CannotRunError(
            f"--processors wants {len(profile.PROCESSORS)} URLs with a comma between: default, fallback."
        )
    return RunConfig(
        profile=chosen,
        targets=_targets(options, engine, dict(zip(profile.PROCESSORS, urls, strict=True))),
        folder=options.out or RESULTS / chosen.name,
        start=as_found if options.no_stack else ENGINES[engine],
        floor=FILES[engine],
    )


def _targets(options: argparse.Namespace, engine: str, processors: dict[str, str]) -> Targets:
    try:
        is_tls = flag(os.environ, "TLS")
    except SettingError as error:
        raise CannotRunError(str(error)) from None
    if is_tls and engine == "docker":
        raise CannotRunError("TLS must be 0 with ENGINE=docker: it loads docker-compose.yml, the challenge's form.")
    known = client_tls.authority(RUN_DIR) if is_tls else None
    is_relayed = engine == "limits" and not options.no_stack
    own = http_url(relay.PORT if is_relayed else PORT, tls=is_tls)
    return Targets(_local(options.base_url or own), processors, known)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tarifa rinha",
        description="Runs a load test of the challenge, and prints its score.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = f"one of: {', '.join(profile.names())} (%(default)s)"
    parser.add_argument("profile", nargs="?", default="preview", metavar="PROFILE", help=names)
    parser.add_argument("--limits", metavar="compose", help="CPUs and memory as in docker-compose.yml (LIMITS)")
    parser.add_argument("--engine", metavar="docker", help="run it against docker compose (ENGINE; processes)")
    parser.add_argument("--no-stack", action="store_true", help="test a running system (make up, or another backend)")
    parser.add_argument(
        "--base-url", metavar="URL", help=f"the backend ({http_url(PORT, tls=False)}; https with TLS=1)"
    )
    parser.add_argument(
        "--processors",
        metavar="URL,URL",
        default="http://127.0.0.1:8001,http://127.0.0.1:8002",
        help="default and fallback, with their admin calls (%(default)s)",
    )
    out = "for report, result and logs (.run/rinha/PROFILE)"
    parser.add_argument("--out", type=_folder, metavar="FOLDER", help=out)
    return parser


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _local(url: str) -> str:
    """Return the URL without a trailing slash; load is sent only to this machine."""
    if urlsplit(url).hostname not in THIS_MACHINE:
        raise CannotRunError(f"{url} is not on this machine: load is only ever sent to 127.0.0.1.")
    return url.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
