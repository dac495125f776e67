"""`python -m sandbox.rinha.floor_run PROFILE`: measure the floor of this hour.

nginx answers every call by itself under the profile's load. This measures the load generator, the kernel and
nginx; whatever a run takes beyond that is the backend. `sandbox.rinha` prints the ratio for an hour.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from string import Template

import httpx

from sandbox.rinha import docker, load, profile, relay
from sandbox.rinha.backend import engine_from
from sandbox.rinha.display import display
from sandbox.rinha.floor import FILES, Floor, keep
from sandbox.rinha.load_journal import LoadJournal
from sandbox.rinha.load_monitor import CheckAlive, monitor_load
from sandbox.rinha.processes import CannotRunError, ensure_alive, started, tail_of
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.rinha.score import latency
from sandbox.stack.errors import StackError
from sandbox.stack.plan import balancer, ports

CONF = Path(__file__).with_name("floor.conf")
LISTENS_WITHIN_S = 10.0
STOPS_WITHIN_S = 5.0
SAMPLE_EVERY_S = 0.02


Server = Callable[[int, Path], AbstractContextManager[CheckAlive]]


def measure(chosen: Profile, port: int, folder: Path, server: Server | None = None) -> Floor:
    """Run the load against nginx alone, as a process unless ``server`` starts it; raises `CannotRunError`."""
    k6 = load.find_k6()
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://{ports.HOST}:{port}"
    targets = load.Targets(url, dict.fromkeys(PROCESSORS, url))
    with (
        (server or _nginx)(port, folder) as check_alive,
        httpx.Client(base_url=url, trust_env=False) as client,
        load.running(k6, chosen, targets, folder) as process,
        display() as screen,
    ):
        journal = monitor_load(
            chosen, process, client, screen, journal_file=folder / load.JOURNAL, check_alive=check_alive
        )
    return _floor(chosen, journal, folder)


def main() -> int:
    """Measure, print and store the floor."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.rinha.floor_run", description="Measure how fast a backend that does nothing is."
    )
    parser.add_argument("profile", help=f"one of: {', '.join(profile.names())}")
    parser.add_argument("--port", type=int, default=9999, help="where nginx listens (%(default)s)")
    parser.add_argument("--out", type=Path, help=f"where the floor is kept ({', '.join(map(str, FILES.values()))})")
    options = parser.parse_args()
    try:
        ports.check({"http": options.port})
        out, floor = _measured(profile.load(options.profile), options)
    except (CannotRunError, StackError, profile.UnknownProfileError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    keep(floor, out)
    print(f"Floor of {floor.profile}: p50 {floor.p50_ms:.2f} ms, p99 {floor.p99_ms:.2f} ms of all calls; ", end="")
    print(f"p50 {floor.post_p50_ms:.2f} ms, p99 {floor.post_p99_ms:.2f} ms of POST. Kept in {out} for an hour.")
    return 0


def _measured(chosen: Profile, options: argparse.Namespace) -> tuple[Path, Floor]:
    """Measure as the load of the same ENGINE and LIMITS arrives; return also where to keep it."""
    engine = engine_from(os.environ)
    out = options.out or FILES[engine]
    if engine == "limits":
        return out, measure(chosen, relay.PORT, out.with_suffix(""), lambda _, folder: _relayed(options.port, folder))
    return out, measure(chosen, options.port, out.with_suffix(""), docker.floor if engine == "docker" else None)


@contextmanager
def _relayed(port: int, folder: Path) -> Iterator[CheckAlive]:
    with _nginx(port, folder) as check_alive, relay.relaying(port, folder):
        yield check_alive


@contextmanager
def _nginx(port: int, folder: Path) -> Iterator[CheckAlive]:
    nginx = balancer.find_nginx()
    if nginx is None:
        raise CannotRunError("nginx is not installed: apt-get install nginx-light.")
    conf = folder.resolve() / "nginx" / "nginx.conf"  # nginx looks for a relative one below its -p
    conf.parent.mkdir(exist_ok=True)
    conf.write_text(Template(CONF.read_text()).substitute(listen=f"127.0.0.1:{port}"))
    log = folder / "nginx.log"
    command = balancer.command(nginx, conf.parent)
    with started(command, log=log, environment={}, stop_within_s=STOPS_WITHIN_S) as process:
        deadline_s = time.monotonic() + LISTENS_WITHIN_S
        while ports.is_free(port):
            ensure_alive(process, log=log)
            if time.monotonic() > deadline_s:
                raise CannotRunError(f"nginx does not listen on {port}.")
            time.sleep(SAMPLE_EVERY_S)
        yield lambda: ensure_alive(process, log=log)


def _floor(chosen: Profile, journal: LoadJournal, folder: Path) -> Floor:
    if journal.calls is None or not journal.calls.count:
        raise CannotRunError(f"k6 measured nothing. {tail_of(folder / 'k6.log')}")
    posts = latency(journal.posts)
    calls = journal.calls
    return Floor(time.time(), chosen.name, calls.p50_ms, calls.p99_ms, posts.p50_ms, posts.p99_ms)


if __name__ == "__main__":
    sys.exit(main())
