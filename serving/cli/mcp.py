"""`wenshi mcp`: a library as tools of an assistant."""

from __future__ import annotations

from typing import Annotated

import typer

from serving.cli.options import DEFAULT_LIBRARY, LibraryOption, VectorsOption
from serving.threads import one_thread_a_search


def mcp(
    library: LibraryOption = DEFAULT_LIBRARY,
    model: Annotated[str | None, typer.Option(help="Model for the visual channel, as for `search`.")] = None,
    vectors: VectorsOption = None,
) -> None:
    """Serve search and moments to an assistant over standard input and output (Model Context Protocol)."""
    one_thread_a_search()
    from retrieval.errors import InputError
    from retrieval.library import Library
    from serving.vectors import search_in

    try:
        from serving.mcp import mcp_server
    except ImportError as error:
        raise InputError("`wenshi mcp` needs the extra `wenshi[mcp]`: pip install 'wenshi[mcp]'.") from error
    with Library.open(library) as opened:
        search_in(opened, vectors)
        mcp_server(opened, model=model).run()
