"""Starts one processor, prints where it listens, and stops on SIGTERM or Ctrl-C."""

import argparse
import asyncio
import errno
import gc
import math
import signal
import ssl
import sys
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import uvloop

from sandbox.processor.active_faults import ActiveFaults
from sandbox.processor.admin import Admin, Configuration
from sandbox.processor.booking_journal import BookingJournal, JournalDamagedError, restore
from sandbox.processor.books import Books
from sandbox.processor.call_handler import CallHandler
from sandbox.processor.faults import FaultPlan, read_fault_plan
from sandbox.processor.faulty_handler import FaultyHandler
from sandbox.processor.limits import HealthWindow, Limiter
from sandbox.processor.payment import Malformed
from sandbox.processor.wire import Connection, Header

# Connections that may wait to be accepted: more than any load test opens at once.
_BACKLOG = 4_096


@dataclass(frozen=True)
class ProcessorOptions:
    """What the command line asks for."""

    name: str
    host: str
    port: int
    fee: Decimal
    token: str
    journal: Path | None
    faults: Path | None
    running_max: int
    waiting_max: int
    health_window_ms: int
    health_held_max: int
    certificate: Path | None
    key: Path | None
    client_ca: Path | None
    header: Header | None


def read_options() -> ProcessorOptions:
    """Read the command line; a wrong value ends the program with an error that names it."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.processor",
        description="A payment processor that behaves like the challenge's official one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--name", default="default", help="its name in messages")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=_natural, default=8001, help="the port to listen on; 0 takes a free one")
    parser.add_argument("--fee", type=_fee, default="0.05", help="the fraction of each payment that it keeps")
    parser.add_argument("--token", default="123", help="the first value of X-Rinha-Token for admin calls")
    parser.add_argument("--journal", type=Path, help="a file that keeps the books from one start to the next")
    parser.add_argument("--faults", type=Path, help="a file with the faults to begin with, as for PUT /admin/faults")
    parser.add_argument("--running-max", type=_positive, default=800, help="payment calls that run at once")
    parser.add_argument("--waiting-max", type=_natural, default=500, help="payment calls that wait behind these")
    parser.add_argument("--health-window-ms", type=_positive, default=5_000, help="a window serves one health call")
    parser.add_argument("--health-held-max", type=_natural, default=2, help="health calls held for a later window")
    parser.add_argument("--certificate", type=Path, help="a file in PEM; with it only HTTPS is served")
    parser.add_argument("--key", type=Path, help="the certificate's key")
    parser.add_argument("--client-ca", type=Path, help="callers must present a certificate issued by one of these")
    parser.add_argument("--header", type=_header, metavar="NAME: VALUE", help="callers must send it, or get 401")
    options = ProcessorOptions(**vars(parser.parse_args()))
    if (options.certificate is None) != (options.key is None) or (options.client_ca and not options.certificate):
        parser.error("--certificate and --key belong together, and --client-ca needs both")
    return options


def tls_of(options: ProcessorOptions) -> ssl.SSLContext | None:
    """Return the TLS context; None: plain HTTP. Raises OSError if a file cannot be used."""
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.client_ca)
    context.load_cert_chain(options.certificate, options.key)
    if options.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def build(options: ProcessorOptions, loop: asyncio.AbstractEventLoop) -> FaultyHandler:
    """Connect the parts; raises OSError or `JournalDamagedError` if the journal cannot be used.

    ValueError: the file of faults is not a valid plan.
    """
    books = Books() if options.journal is None else restore(options.journal)
    journal = BookingJournal(options.journal)
    configuration = Configuration(options.token)
    active_faults = ActiveFaults()
    if options.faults is not None:
        active_faults.set_plan(_first_plan(options.faults))
    processor = CallHandler(
        books=books,
        journal=journal,
        configuration=configuration,
        admin=Admin(
            books=books,
            journal=journal,
            configuration=configuration,
            active_faults=active_faults,
            fee=options.fee,
            loop=loop,
        ),
        limiter=Limiter(options.running_max, options.waiting_max),
        health_window=HealthWindow(options.health_window_ms, options.health_held_max),
        retry_after_s=math.ceil(options.health_window_ms / 1000),
        loop=loop,
    )
    return FaultyHandler(processor.handle, active_faults, loop)


async def serve(options: ProcessorOptions) -> None:
    """Serve until a signal to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    handler, tls = build(options, loop), tls_of(options)
    server = await loop.create_server(
        lambda: Connection(handler.handle, options.header), options.host, options.port, backlog=_BACKLOG, ssl=tls
    )
    _make_collections_rare()
    port = server.sockets[0].getsockname()[1]
    print(f"listening on {'https' if tls else 'http'}://{options.host}:{port}", flush=True)
    await stop.wait()
    server.close()


def main() -> int:
    """Run the program; return 1 if it cannot start, with the reason in one sentence."""
    options = read_options()
    try:
        uvloop.run(serve(options))
    except JournalDamagedError as damage:
        return _fail(options, f"{options.journal} is not a journal that can be read: {damage}")
    except ValueError as error:
        return _fail(options, str(error))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _fail(options, f"port {options.port} on {options.host} is taken by another program")
        return _fail(options, str(error))
    return 0


def _first_plan(path: Path) -> FaultPlan:
    plan = read_fault_plan(path.read_bytes())
    if isinstance(plan, Malformed):
        raise ValueError(f"{path}: {plan.why}")  # noqa: TRY004  # it is the text that is wrong, not a type
    return plan


def _make_collections_rare() -> None:
    """Keep garbage collections rare and short: connections break their own cycles, bookings are in none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _fail(options: ProcessorOptions, why: str) -> int:
    print(f"processor {options.name}: {why}", file=sys.stderr)
    return 1


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _header(text: str) -> Header:
    name, colon, value = text.partition(":")
    if not (colon and name.strip() and value.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME: VALUE")
    return Header(name.strip().lower().encode(), value.strip().encode())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _fee(text: str) -> Decimal:
    try:
        fee = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text} is not a decimal number") from None
    if not 0 <= fee < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a fraction of 1")
    return fee


if __name__ == "__main__":
    sys.exit(main())
