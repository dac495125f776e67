"""The events that the client reports about its connection: logged, and passed on to those that must act on them."""

import asyncio
import logging
from collections.abc import Callable

from services.bus.wire.cluster import UnfitServerError, refuse_unfit
from services.bus.wire.refusals import NotAdmittedError, forbidden_subject, refusal
from services.bus.wire.requests import Requests
from services.bus.wire.routed_client import RoutedClient

log = logging.getLogger("tarifa.bus")


class ClientEvents:
    """Callbacks for ``connect``; none raises once the client reads, since that would end its read loop.

    ``unfit`` is set after a reconnect to a server that is unfit for streams of so many ``replicas``.
    """

    def __init__(self, client: RoutedClient, requests: Requests, replicas: int) -> None:
        self._client = client
        self._requests = requests
        self._replicas = replicas
        self._error_away = ""
        self._listeners: list[Callable[[], None]] = []
        self.unfit = asyncio.Event()
        self.was_admitted = False
        self.is_closing = False

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call ``call`` after each reconnect to a server that may hold the streams."""
        self._listeners.append(call)

    async def on_error(self, error: Exception) -> None:
        """Log it, and fail the requests that it is about.

        Raises:
            NotAdmittedError: it is the answer to the first connect.
        """
        why = refusal(error)
        if why is not None and not self.was_admitted:
            raise NotAdmittedError(why)
        if (subject := forbidden_subject(error)) is not None:
            log.error("bus.not_allowed", extra={"error": str(error)})
            self._requests.fail_forbidden(subject)
            return
        # While away the client tries ten times a second; the same failure is logged once.
        text = repr(error)
        if self._client.is_connected or text != self._error_away:
            log.log(logging.WARNING if why is None else logging.ERROR, "bus.error", extra={"error": why or text})
        self._error_away = "" if self._client.is_connected else text

    async def on_disconnected(self) -> None:
        """Drop what is unsent, and fail all requests."""
        # An intended close does not concern an operator.
        log.log(logging.DEBUG if self.is_closing else logging.WARNING, "bus.disconnected")
        self._client.write_unsent()  # drops it: nothing is sent later
        self._requests.fail_all("the connection ended before the answer")  # an answer would go to the old connection

    async def on_reconnected(self) -> None:
        """Let the listeners start over, if the server may hold the streams."""
        log.warning("bus.reconnected")
        try:
            refuse_unfit(self._client.server_info, self._replicas)
        except UnfitServerError:
            self.unfit.set()
            return  # listeners must not start over on this server
        self.unfit.clear()
        for call in self._listeners:
            try:
                call()
            except Exception:
                log.exception("bus.listener_failed")

    async def on_closed(self) -> None:
        """Log it."""
        log.info("bus.closed")
