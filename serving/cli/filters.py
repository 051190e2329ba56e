"""Options that say which videos a search may answer with."""

from __future__ import annotations

from typing import Annotated

import typer

PathFilter = Annotated[
    list[str] | None,
    typer.Option("--path", metavar="PATH", help="Only this file or folder, or paths like '*/2024/*' (repeatable: any)."),
]
TagFilter = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only videos with this tag (repeatable: all of them).")
]
LongerFilter = Annotated[
    float | None, typer.Option("--longer", metavar="SECONDS", min=0, help="Only videos that last at least so long.")
]
ShorterFilter = Annotated[
    float | None, typer.Option("--shorter", metavar="SECONDS", min=0, help="Only videos that last at most so long.")
]
SinceFilter = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="Only videos of this day or later, by manifest or change of the file."),
]
UntilFilter = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Only videos of this day or earlier, such as 2024-03-01.")
]
VideoIdFilter = Annotated[
    list[str] | None, typer.Option("--video", metavar="ID", help="Only the video with this id (repeatable: any).")
]
