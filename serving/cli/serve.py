"""`wenshi serve`: the page and the HTTP API of a library; `wenshi key`: who may use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import (
    DEFAULT_LIBRARY,
    AsrLanguageOption,
    AsrModelOption,
    AsrOption,
    JsonOption,
    LibraryOption,
    MemoryLimitOption,
    StallLimitOption,
    VectorsOption,
    speech_asked_for,
)
from serving.cli.terminal import print_json, printable, say
from serving.threads import one_thread_a_search

if TYPE_CHECKING:
    from serving.api.keys import Keys

keys = typer.Typer(help="Who may use the service of a library.", no_args_is_help=True)


def serve(
    library: LibraryOption = DEFAULT_LIBRARY,
    host: Annotated[str, typer.Option(help="Address to listen at; any but this machine's own needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    model: Annotated[str | None, typer.Option(help="Model for the visual channel, as for `search`.")] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="What `wenshi model export` wrote; reads queries in place of the model."),
    ] = None,
    sentences: Annotated[str | None, typer.Option(help="Sentence model for the meaning channel.")] = None,
    vectors: VectorsOption = None,
    allow_host: Annotated[
        list[str], typer.Option(metavar="NAME", help="A name by which the service may be called (repeatable).")
    ] = [],  # noqa: B006
    watch: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Add videos of this folder by themselves (repeatable).")
    ] = [],  # noqa: B006
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that answer; each keeps about a core busy and holds its models.")
    ] = 1,
    jobs: Annotated[bool, typer.Option(help="Do the library's jobs here; one process of a library does them.")] = True,
    on_screen_text: Annotated[bool, typer.Option(help="Read text in the picture of what is added.")] = True,
    asr: AsrOption = None,
    asr_model: AsrModelOption = None,
    asr_language: AsrLanguageOption = None,
    stall_limit: StallLimitOption = 60.0,
    memory_limit: MemoryLimitOption = 4.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second of one key or address.")] = 50.0,
    webhook_network: Annotated[
        list[str], typer.Option(metavar="NETWORK", help="A private network that webhooks may call (repeatable).")
    ] = [],  # noqa: B006
) -> None:
    """Serve a search page and an API over HTTP until Ctrl-C."""
    one_thread_a_search()
    from retrieval.errors import InputError

    try:
        from serving.api.running import serve
        from serving.api.settings import ServeSettings
    except ImportError as error:
        raise InputError("`wenshi serve` needs the extra `wenshi[serve]`: pip install 'wenshi[serve]'.") from error

    settings = ServeSettings(
        library=library.expanduser().absolute(), host=host, port=port, model=model, sentences=sentences,
        text_encoder=text_encoder, vectors=vectors, allowed_hosts=tuple(allow_host), watch=tuple(watch), jobs=jobs,
        on_screen_text=on_screen_text, speech=speech_asked_for(asr, asr_model, asr_language), stall_seconds=stall_limit,
        memory_bytes=int(memory_limit * 2**30), requests_a_second=rate, webhook_networks=tuple(webhook_network),
    )  # fmt: skip
    serve(
        settings,
        workers=workers,
        ready=lambda address: say(f"Serving {library} at {address} (Ctrl-C ends it)"),
        note=lambda sentence: say(printable(f"note: {sentence}")),
    )


@keys.command("add")
def add_key(
    role: Annotated[str, typer.Option(metavar="read|admin", help="What the key allows.")] = "read",
    name: Annotated[str, typer.Option(help="Whose it is; only shown in the list.")] = "",
    library: LibraryOption = DEFAULT_LIBRARY,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    from retrieval.errors import InputError

    if role not in ("read", "admin"):
        raise InputError(f"There is no role {role!r}: choose read or admin.")
    _, shown = _keys(library).add(role, name)  # type: ignore[arg-type]
    typer.echo(shown)


@keys.command("list")
def list_keys(library: LibraryOption = DEFAULT_LIBRARY, as_json: JsonOption = False) -> None:
    """The keys of a library, without their secrets."""
    rows = [{"id": key.id, "role": key.role, "name": key.name, "created_at": key.created_at} for key in _keys(library).all()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['role']:5}  {row['created_at']}  {printable(row['name'])}")


@keys.command("remove")
def remove_key(
    key_id: Annotated[str, typer.Argument(metavar="ID")], library: LibraryOption = DEFAULT_LIBRARY
) -> None:
    """Take a key back; it is refused from the next request on."""
    keys = _keys(library)
    typer.echo(f"{keys.remove(key_id).id}: removed.")
    if not keys.all():
        say("note: no key is left: a service that runs now refuses everybody until `wenshi key add` makes one.")


def _keys(library: Path) -> Keys:
    from retrieval.library import Library
    from serving.api.keys import Keys

    Library.open(library).close()       # says what is wrong when it is none
    return Keys(library.expanduser().absolute())
