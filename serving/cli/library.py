"""`wenshi library`: how a library is, and whether it is sound."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.errors import InputError
from serving.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption
from serving.cli.terminal import INTERRUPTED, print_json, printable, say

if TYPE_CHECKING:
    from retrieval.library import IndexStatus

app = typer.Typer(help="Look after a library.", no_args_is_help=True)


@app.command()
def status(library: LibraryOption = DEFAULT_LIBRARY, as_json: JsonOption = False) -> None:
    """What the library holds, which model saw how much of it, and which files could not be added."""
    from data_pipeline.evidence.covers import COVER
    from data_pipeline.evidence.visual_tags import TAGGER
    from retrieval.library import Library
    from retrieval.search.confidence import stored_calibration

    with Library.open(library) as opened:
        state = opened.status()
        calibration = stored_calibration(opened)
        covers, seen = opened.count_evidence_from(COVER), opened.count_evidence_from(TAGGER)
        failures = opened.failures()
        missing = [location.path for location in opened.locations() if not os.path.lexists(location.path)]
    calibrated = calibration is not None and calibration.fits(state.clips)
    if as_json:
        counts = {**state.as_dict(), "calibrated": calibrated, "cover_lines": covers, "seen_tags": seen}
        print_json({**counts, "failures": [asdict(failure) for failure in failures], "missing": missing})
        return
    typer.echo(
        f"{library}: {state.videos} videos at {state.locations} paths, {state.clips} clips, "
        f"{state.bytes_on_disk / 1e6:.1f} MB"
    )
    apart = {"ocr": f" ({covers} of them on covers)" * bool(covers), "tag": f" ({seen} of them seen in pictures)" * bool(seen)}
    evidence = [f"{kind} {count}{apart.get(kind, '')}" for kind, count in state.evidence.items() if count]
    typer.echo("evidence: " + (", ".join(evidence) or "none"))
    for generation in state.generations:
        typer.echo(
            f"model {generation.generation.encoder} ({generation.generation.revision}): "
            f"{generation.share:.0%} of clips{', active' if generation.active else ''}"
        )
    for texts in state.text_generations:
        typer.echo(
            f"sentence model {texts.generation.encoder} ({texts.generation.revision}): "
            f"{texts.share:.0%} of texts{', active' if texts.active else ''}"
        )
    for index in state.indexes:
        typer.echo(_index_line(index))
    if calibration is None:
        typer.echo(
            "confidence: none yet; `wenshi library calibrate` learns it, as `wenshi add` does by itself once 20 videos with "
            "vectors have a title"
        )
    elif not calibrated:
        typer.echo("confidence: of a library of another size; `wenshi library calibrate` learns it anew")
    if state.reclaimable_bytes:
        typer.echo(f"frame vectors no longer used: {state.reclaimable_bytes / 1e6:.1f} MB")
    if state.stale_words:
        typer.echo("the word index was made by another version: the next `wenshi add` makes it anew")
    for video_id, damage in state.damaged.items():
        typer.echo(f"damaged: {video_id[:12]}: {printable(damage)}")
    for path in missing:
        typer.echo(f"no longer there: {printable(path)}")
    for failure in failures:
        typer.echo(f"not added: {printable(failure.message)}")


def _index_line(index: IndexStatus) -> str:
    found = ", ".join(f"recall{depth} {share:.3f}" for depth, share in index.recall.items()) or "exact"
    short = "" if index.reached else " (no setting of it reaches the 0.97 that a search asks for)"
    rows = f"{index.rows} of {index.of_rows} {index.kind}s"
    return f"index of {index.encoder}: {rows}, {index.bytes / 1e6:.1f} MB, {found}{short}"


@app.command()
def sync(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="FOLDER...", help="Default: the folders that its files lie in.")
    ] = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    on_screen_text: Annotated[bool, typer.Option(help="Read text in the picture (extra `wenshi[ocr]`).")] = True,
    as_json: JsonOption = False,
) -> None:
    """Follow the files: take up what is new, edited or moved, forget what was deleted."""
    from retrieval.library import Library
    from serving.cli.progress import AddProgress
    from serving.ingest.calibrating import calibrate_grown, own_models
    from serving.ingest.run import AddOptions
    from serving.ingest.sync import refuse_unknown, sync_library, sync_options

    with Library.open(library, write=True) as opened, AddProgress() as progress:
        refuse_unknown(opened, folders or [])
        options = sync_options(opened, AddOptions(on_screen_text=on_screen_text))
        report = sync_library(opened, folders or [], options, progress=progress, stopping=lambda: False)
        calibrate_grown(opened, report, lambda: own_models(opened), stopping=lambda: False)
    for sentence in report.notices:
        say(printable(f"note: {sentence}"))
    for outcome in report.outcomes:
        if outcome.outcome == "failed":
            say(printable(f"not added: {outcome.message}"))
    if as_json:
        print_json({**report.to_json(), "removed": report.removed})
    else:
        counts = {**report.counts, "removed": len(report.removed)}
        typer.echo(f"{library}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + report.found)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
    if report.counts["failed"] or report.stopped:
        raise typer.Exit(1)


@app.command()
def check(library: LibraryOption = DEFAULT_LIBRARY, as_json: JsonOption = False) -> None:
    """Read everything and say what is damaged; exit status 1 when something is."""
    from retrieval.library import Library

    with Library.open(library) as opened:
        problems = opened.check()
    if as_json:
        print_json({"clean": not problems, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            typer.echo(f"{problem.where}: {problem.what}: {problem.how_to_mend}")
    else:
        typer.echo(f"{library}: clean.")
    if problems:
        raise typer.Exit(1)


@app.command()
def rebuild(library: LibraryOption = DEFAULT_LIBRARY) -> None:
    """Make everything again that comes from something else: the word index and the index of vectors."""
    from retrieval.library import Library

    with Library.open(library, write=True) as opened:
        opened.rebuild()
    typer.echo(f"{library}: everything derived was made again.")


@app.command()
def compact(library: LibraryOption = DEFAULT_LIBRARY) -> None:
    """Fold what was added or removed since into the index of vectors and the word index, so that searches stay fast."""
    from retrieval.library import Library

    with Library.open(library, write=True) as opened:
        built = opened.compact()
    rows = sum(segment.rows for segment in built)
    typer.echo(f"{library}: {rows} vectors indexed anew." if built else f"{library}: nothing to fold in.")


@app.command()
def calibrate(
    library: LibraryOption = DEFAULT_LIBRARY,
    model: Annotated[
        str | None, typer.Option(help="Model or exported text encoder for what is seen. Default: the library's own.")
    ] = None,
) -> None:
    """Ask for unrelated titles to learn what an answer by chance looks like; hits then say how sure they are.

    The library itself is asked: its scores are those that a search with `--vectors` shows.
    """
    from retrieval.library import Library
    from serving.ingest.calibrating import calibrate_now, own_models

    with Library.open(library, write=True) as opened:
        found = calibrate_now(opened, *own_models(opened, model))
    asked = ", ".join(f"{len(scores)} unrelated queries by {channel}" for channel, scores in found.best.items())
    typer.echo(f"{library}: calibrated over {asked or 'words alone'}, with {found.clips} clips.")


@app.command()
def embed(
    library: LibraryOption = DEFAULT_LIBRARY,
    sentences: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Sentence model (extra `wenshi[sentence]`). Default: the library's own."),
    ] = None,
) -> None:
    """Give titles, speech and on-screen text that have none a vector of what they mean; goes on where it was ended."""
    from serving.cli.progress import counted
    from serving.ingest.meanings import embed_texts

    with counted("texts") as progress:
        done, generation = embed_texts(library, sentences, progress=progress)
    typer.echo(f"{library}: {done} texts read by {generation.encoder} ({generation.revision}).")


@app.command()
def generations(library: LibraryOption = DEFAULT_LIBRARY, as_json: JsonOption = False) -> None:
    """The generations of vectors that the library holds, by number, and which of them are searched."""
    from retrieval.library import Library
    from serving.generations import held_generations, percent

    with Library.open(library) as opened:
        held = held_generations(opened)
    if as_json:
        print_json([{"number": number, **asdict(one)} for number, one in enumerate(held, start=1)])
        return
    for number, one in enumerate(held, start=1):
        of = "clips" if one.channel == "visual" else "texts"
        loaded = f", loaded from {printable(one.model)}" if one.model else ""
        typer.echo(f"{number}  {printable(one.name)}: {percent(one.share)} of {of}{', active' if one.active else ''}{loaded}")
    if not held:
        typer.echo(f"{library}: no vectors yet.")


@app.command()
def build(
    model: Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="The model that reads the clips.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    activate_it: Annotated[
        bool, typer.Option("--activate", help="Search these vectors once every clip has one; else leave what is searched.")
    ] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Files read at once. Default: one per core.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Give the clips of the library vectors of another model, beside those that are searched; goes on where it was ended."""
    from retrieval.library import Library
    from serving.cli.progress import AddProgress
    from serving.generations import held_generations, percent, swap
    from serving.ingest.building import build_vectors
    from serving.ingest.run import AddOptions

    with Library.open(library, write=True) as opened:
        with AddProgress() as progress:
            built = build_vectors(opened, model, AddOptions(readers=jobs), progress=progress, stopping=lambda: False)
        held = held_generations(opened)
        made = next((one for one in held if one.generation == built.generation), None)
        share, active = (made.share, made.active) if made is not None else (0.0, False)
        if activate_it and made is not None and share == 1 and not active:
            swap(opened, made, held, model=None)
            active = True
    report = built.report
    for outcome in report.outcomes:
        if outcome.outcome == "failed":
            say(printable(f"no vectors: {outcome.message}"))
    if as_json:
        print_json({**report.to_json(), "generation": asdict(built.generation), "share": share, "active": active})
    else:
        typer.echo(
            f"{library}: {report.counts['updated']} videos read by {built.generation.encoder} ({built.generation.revision}), "
            f"{report.counts['failed']} failed; {percent(share)} of clips have a vector of it{', active' if active else ''}"
        )
    if activate_it and not active:
        say("Not activated: the clips that have no such vector would not be found. `wenshi library activate --partial` does it.")
    if report.stopped:
        say(f"Stopped: {report.stopped}")
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
    if report.counts["failed"] or report.stopped:
        raise typer.Exit(1)


@app.command()
def activate(
    generation: Annotated[
        str, typer.Argument(metavar="NUMBER|REVISION", help="As `wenshi library generations` shows it.", show_default=False)
    ],
    library: LibraryOption = DEFAULT_LIBRARY,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Where its model is. Default: where it was last loaded from.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Also while some clips or texts have no such vector.")] = False,
) -> None:
    """Search other vectors that the library holds from now on; what was searched before is kept, and goes back likewise."""
    from retrieval.library import Library
    from serving.generations import chosen, held_generations, model_of, percent, swap

    with Library.open(library, write=True) as opened:
        held = held_generations(opened)
        wanted = chosen(held, generation)
        if wanted.share < 1 and not partial:
            of = "clips" if wanted.channel == "visual" else "texts"
            raise InputError(
                f"Only {percent(wanted.share)} of the {of} have a vector of {wanted.name}: the others would not be found by it. "
                "Say --partial to go there all the same."
            )
        swapped = swap(opened, wanted, held, model=model_of(wanted, model))
    back = "" if swapped.previous in (None, wanted) else f"; before it was {swapped.previous.name}"
    typer.echo(printable(f"{library}: {wanted.name} is searched now{back}"))


@app.command()
def push(
    store: Annotated[
        str,
        typer.Option(
            "--to", envvar="WENSHI_VECTORS", metavar="STORE", show_envvar=False,
            help="qdrant:URL, qdrant:FOLDER, milvus:URL or milvus:FILE.db, with #NAME behind it to name the copy "
            "(extras `wenshi[qdrant]`, `wenshi[milvus]`; a server's key: WENSHI_VECTORS_KEY).",
        ),
    ],
    library: LibraryOption = DEFAULT_LIBRARY,
    replace: Annotated[bool, typer.Option("--replace", help="Also where the copy of another library has this #NAME.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a copy of the vectors in Qdrant or Milvus up to date, for `--vectors`; goes on where it was ended."""
    from retrieval.library import Library
    from retrieval.library.backends import open_store
    from serving.cli.progress import counted

    with Library.open(library) as opened:       # first: where there is none, no store is made for it
        opened_store, name = open_store(store, create=True)
        with closing(opened_store), counted("vectors") as progress:
            pushed = opened.push_vectors(opened_store, name=name, replace=replace, progress=progress)
    if as_json:
        print_json([asdict(part) for part in pushed])
        return
    for part in pushed:
        typer.echo(
            f"{part.kind}s of {part.generation.encoder} ({part.generation.revision}): {part.held} of {part.rows} vectors "
            f"in {opened_store.name}, {part.written} sent, {part.deleted} deleted"
        )
    if not pushed:
        typer.echo(f"{library}: no vectors to send.")


@app.command()
def snapshot(
    target: Annotated[Path, typer.Argument(help="The directory to write; a snapshot that stands there is replaced.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    as_json: JsonOption = False,
) -> None:
    """Write a verified copy of the library, also while videos are being added."""
    from retrieval.library.snapshots import take

    taken = take(library, target)
    if as_json:
        print_json(
            {"snapshot": str(taken.directory), "revision": taken.revision, "made_at": taken.made_at,
             "files": len(taken.files), "bytes": taken.size_bytes}
        )  # fmt: skip
        return
    typer.echo(f"{target}: {len(taken.files)} files, {taken.size_bytes / 1e6:.1f} MB, verified.")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="A directory that `wenshi library snapshot` wrote.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    damaged: Annotated[bool, typer.Option("--damaged", help="Put back only what `check` names, keep the rest.")] = False,
) -> None:
    """Make the library what it was at a snapshot, or mend its damaged parts; exit status 1 when some are left."""
    from retrieval.library import Library, mending, snapshots

    taken = snapshots.read(source)
    if not damaged:
        snapshots.restore(taken, library)
    mended = mending.mend(taken, library) if damaged else None
    with Library.open(library, write=True) as opened:
        opened.rebuild()
    if mended is None:
        typer.echo(f"{library}: restored as it was on {taken.made_at}.")
        return
    for name in (*mended.rows, *mended.frames):
        typer.echo(f"{printable(name)}: put back.")
    for name in mended.left:
        typer.echo(f"{printable(name)}: not in the snapshot as it was: remove the video and add it again")
    if mended.left:
        raise typer.Exit(1)
    if not mended.rows and not mended.frames:
        typer.echo(f"{library}: no row and no frame vector is damaged.")
