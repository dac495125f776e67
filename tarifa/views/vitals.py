"""How the system's vitals look in a terminal: a document in, a renderable out. Pure."""

from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tarifa.client.documents import InstanceDocument, ProcessorDocument, SumsDocument, VitalsDocument
from tarifa.views import figures

_CONDITIONS = {"serving": "green", "failing": "bold red", "unknown": "yellow"}
_STATES = {"up": "green", "silent": "bold red"}


def vitals_view(vitals: VitalsDocument, url: str, away: str | None = None) -> RenderableType:
    """Return the whole view; ``away``: why the vitals shown are old."""
    return Group(
        _head(vitals, url, away),
        # First, because a small terminal cuts off the end.
        *[Text(f"! {trouble}", style="bold red") for trouble in vitals.troubles],
        Text(),
        _payments(vitals),
        Text(),
        _traffic(vitals.processors),
        Text(),
        _money(vitals.processors, vitals.totals),
        _saved(vitals.totals),
        Text(),
        _services(vitals.services),
    )


def away_view(url: str, away: str | None) -> RenderableType:
    """Return the view before the first vitals; ``away`` None: it is connecting."""
    head = Text.assemble(("Tarifa", "bold"), f" at {url}")
    return Group(head, Text(), Text(_again(away) if away else "Waiting for the first vitals ...", style="yellow"))


def _head(vitals: VitalsDocument, url: str, away: str | None) -> Text:
    window = "" if vitals.window_s is None else f", over the last {vitals.window_s:g} s"
    head = Text.assemble(("Tarifa", "bold"), f" at {url}", (f"  {vitals.at:%H:%M:%S} UTC{window}", "dim"))
    return head.append(f"\nThis was the last state. {_again(away)}", "yellow") if away else head


def _again(away: str) -> str:
    return f"{away} Trying again, until Ctrl-C."


def _payments(vitals: VitalsDocument) -> Table:
    payments, post = vitals.payments, vitals.post
    table = Table.grid(padding=(0, 3))
    table.add_row(
        _figure("accepted", figures.rate(payments.accepted_per_s)),
        _figure("settled", figures.rate(payments.settled_per_s)),
        _figure("backlog", figures.count(payments.backlog)),
        _figure("oldest waits", figures.seconds(payments.oldest_wait_s)),
    )
    table.add_row(
        _figure("POST", figures.rate(post.per_s)),
        _figure("p50", figures.ms(post.p50_ms)),
        _figure("p99", figures.ms(post.p99_ms)),
        _figure("accepted in all", figures.count(payments.accepted)),
    )
    return table


def _figure(name: str, value: str) -> Text:
    return Text.assemble((f"{name} ", "dim"), (value, "bold"))


def _traffic(processors: tuple[ProcessorDocument, ...]) -> Table:
    """Return the current state of each processor."""
    table = _table(("processor", ""), ("condition", ""))
    for name in ("latency", "calls", "settling"):
        table.add_column(name, justify="right")
    for processor in processors:
        condition = processor.condition or "unknown"
        shown = Text(condition, style=_CONDITIONS.get(condition, ""))
        table.add_row(
            Text(processor.name),
            shown if processor.paused is None else Text.assemble(("paused", "bold yellow"), ", ", shown),
            figures.ms(processor.latency_ms),
            figures.count(processor.in_flight),
            figures.rate(processor.settled_per_s),
        )
    return table


def _money(processors: tuple[ProcessorDocument, ...], totals: SumsDocument) -> Table:
    """Return what each processor has settled, and its fees."""
    table = _table(("processor", "total"))
    table.add_column("settled", figures.count(totals.settled), justify="right")
    table.add_column("share", justify="right")
    table.add_column("amount", figures.money(totals.amount), justify="right")
    table.add_column("fee", justify="right")
    table.add_column("fees paid", figures.money(totals.fees_paid), justify="right")
    for processor in processors:
        table.add_row(
            Text(processor.name),
            figures.count(processor.settled),
            figures.percent(processor.share),
            figures.money(processor.amount),
            figures.fee(processor.fee),
            figures.money(processor.fees_paid),
        )
    return table


def _saved(totals: SumsDocument) -> Text:
    return _figure("saved compared with the most expensive processor", figures.money(totals.saved))


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_footer=any(footer for _, footer in columns))
    table.header_style, table.footer_style = "dim", "bold"
    for name, footer in columns:
        table.add_column(name, footer)
    return table


def _services(instances: tuple[InstanceDocument, ...]) -> Text:
    """Return each service's instances on one line; a silent one with how long."""
    lines = []
    for service, group in groupby(instances, lambda each: each.service):
        parts = [part for each in group for part in (_instance(each), Text("  "))]
        lines.append(Text.assemble((service.ljust(len("dispatcher  ")), "dim"), *parts[:-1]))
    return Text("\n").join(lines)


def _instance(instance: InstanceDocument) -> Text:
    state = instance.state or "unknown"
    since = f" for {figures.seconds(instance.seen_s)}" if state == "silent" and instance.seen_s is not None else ""
    return Text(f"{instance.instance} {state}{since}", style=_STATES.get(state, "yellow"))
