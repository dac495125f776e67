"""The commands, in the order of the help."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from services.version import VERSION
from tarifa.commands import pay, payment, payments, programs, summary, watch
from tarifa.commands.options import FLAG, USE
from tarifa.exits import Exit, say_error

_BEGIN = """Begin with:
  tarifa up              in one terminal, until Ctrl-C
  tarifa pay 19.90       in another
  tarifa watch           to see what happens
"""
_BEGIN_ELSEWHERE = """Begin with the address of a service:
  export TARIFA_URL=https://pay.example
  tarifa pay 19.90
  tarifa watch           to see what happens
"""
_VARIABLES = """
TARIFA_URL is the address of the service (default http://127.0.0.1:9999),
TARIFA_KEY the API key, if the service requires one (tarifa keys --help),
TARIFA_CA the file of the authority that signed its certificate.
Commands that need NATS read NATS_URL, NATS_CREDENTIALS (the operator's key, to
restore the admin's) and NATS_CA; in a checkout those of `tarifa up` are used
where none is set.
Each command has examples: tarifa pay --help"""


class Commands(TyperGroup):
    """Reports Typer's own usage errors as JSON too, where JSON was asked for."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            if error.exit_code == Exit.USAGE:
                say_error(Exit.USAGE, error.format_message())
            raise


app = typer.Typer(
    cls=Commands,
    name="tarifa",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a bug shows Python's own trace; an operator's error is a sentence
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=(_BEGIN if programs.IS_CHECKOUT else _BEGIN_ELSEWHERE) + _VARIABLES,
)


def _say_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"tarifa {VERSION}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def tarifa(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, metavar=FLAG, help="Show the version.")
    ] = False,
) -> None:
    """Tarifa charges each payment exactly once, at the cheapest processor that settles it in time."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("pay", epilog=pay.EXAMPLES, rich_help_panel=USE)(pay.pay_command)
app.command("payment", epilog=payment.EXAMPLES, rich_help_panel=USE)(payment.payment_command)
app.command("payments", epilog=payments.EXAMPLES, rich_help_panel=USE)(payments.payments_command)
app.command("summary", epilog=summary.EXAMPLES, rich_help_panel=USE)(summary.summary_command)
app.command("watch", epilog=watch.EXAMPLES, rich_help_panel=USE)(watch.watch_command)
for name, program in programs.PROGRAMS.items():
    app.command(
        name,
        help=program.help,
        context_settings=programs.PASSED_ON,
        add_help_option=False,
        rich_help_panel=program.panel,
    )(program.command)


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="tarifa")
