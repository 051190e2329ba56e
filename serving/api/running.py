"""Running a service until it is told to end."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress

import uvicorn

from retrieval.errors import InputError
from serving.api.app import create_app
from serving.api.connections import MOST_CONNECTIONS, bounded
from serving.api.exposure import exposed
from serving.api.keys import Keys
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.api.workers import serve_together
from serving.ingest.pool import ReaderPool
from serving.ingest.run import AddOptions, pool_settings
from serving.memory import settle
from serving.models import NO_MODEL

_END_SECONDS = 20           # for requests that are under way when the service is told to end
_BACKLOG = 512
_IDLE_SECONDS = 20          # longer than clients keep a connection: one that is closed as they ask again looks like a failure


def refuse_unsafe(settings: ServeSettings) -> None:
    """InputError for a service that anybody could use: other machines reach it, and no key is set."""
    if not settings.is_local and not Keys(settings.library).all():
        raise InputError(
            f"Other machines could reach the service at {settings.host} without a key: make one with "
            f"`wenshi key add --role read --library {settings.library}`, or serve on 127.0.0.1."
        )


def refuse_deaf(settings: ServeSettings) -> None:
    """ModelError for a service whose speech engine cannot be loaded: each of its jobs would fail, and its uploads be lost."""
    if settings.speech is not None and settings.jobs:
        listening = AddOptions(
            model=NO_MODEL, on_screen_text=False, speech=settings.speech, stall_seconds=settings.stall_seconds,
            memory_bytes=settings.memory_bytes,
        )  # fmt: skip
        with ReaderPool(pool_settings(listening, None, 1)) as pool:
            pool.start()


def serve(
    settings: ServeSettings, *, workers: int = 1, ready: Callable[[str], None], note: Callable[[str], None]
) -> None:
    """Answer requests until SIGTERM or Ctrl-C, in so many processes; requests under way are finished.

    `ready` is told the address, `note` before that what a person would want to know of the library and its models.
    """
    with exposed(settings.library) if settings.is_exposed else nullcontext():
        refuse_unsafe(settings)
        refuse_deaf(settings)
        listening = _listen(settings.host, settings.port)
        if workers == 1:
            answer(settings, listening, ready=ready, note=note)
        else:
            serve_together(answer, settings, listening, count=workers, ready=ready, note=note)


def answer(
    settings: ServeSettings, listening: socket.socket, *, ready: Callable[[str], None], note: Callable[[str], None]
) -> None:
    """`serve` in this process, at a socket that is bound and may listen already."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    service = Service(settings)
    if settings.is_exposed and not service.keys.all():
        note(
            f"Whoever reaches the service as {', '.join(settings.allowed_hosts)} is its administrator, for there is no key: "
            f"make one with `wenshi key add --role admin --library {settings.library}`."
        )
    if not service.library.videos_behind(None, limit=1):
        note(f"The library has no video yet: add some with `wenshi add PATH --library {settings.library}`.")
    for sentence in service.engines.current().notices:
        note(sentence)
    listening.listen(_BACKLOG)      # whoever is told the address may come at once
    host, port = listening.getsockname()[:2]
    ready(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")
    server = server_of(service)
    settle()
    with suppress(KeyboardInterrupt):       # raised once more when all has ended well
        asyncio.run(server.serve(sockets=[listening]))


def server_of(service: Service) -> uvicorn.Server:
    """What answers over HTTP for a service."""
    config = uvicorn.Config(
        create_app(service), http=bounded(wait_seconds=service.settings.head_seconds), log_level="warning", server_header=False,
        access_log=False, timeout_graceful_shutdown=_END_SECONDS, timeout_keep_alive=_IDLE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS, h11_max_incomplete_event_size=1 << 16,
    )
    return _Server(config, service)


class _Server(uvicorn.Server):
    """Tells the service of its end before the requests under way are waited for."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.hurry()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    """InputError when the address is taken or not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)      # only one can, while several may be bound
    except OSError as error:
        other = " Another program does: choose another with --port." if error.errno == errno.EADDRINUSE else ""
        raise InputError(f"The service cannot listen at {host} port {port}: {error.strerror or error}.{other}") from error
    return listening
