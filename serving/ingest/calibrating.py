"""Learning anew what an answer by chance scores, when a library has grown enough for it to be another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from retrieval.errors import LibraryError, ModelError, WenshiError
from retrieval.library import Library
from serving.ingest.report import AddReport
from serving.models import sentence_model_for, text_encoder_for

if TYPE_CHECKING:
    from retrieval.encoders import SentenceModel, TextEncoder
    from retrieval.search.confidence import Calibration

_PLACE = "calibrated_at"    # setting: the place of the newest video when the library was last calibrated
_DUE = "calibration_due"    # setting: "1" from before a calibration until it has ended, so that a later `add` makes up for it
_GROWN = 2                  # times as many videos
_SKIPPED = "Hits of pictures and meanings do not say how sure they are"


class _Stopped(Exception):
    """Somebody wants the process, or the job, to end."""


def own_models(library: Library, model: str | None = None) -> tuple[TextEncoder | None, SentenceModel | None]:
    """What a library is searched with; `model` reads queries in place of its own. Raises ModelError when it cannot be had."""
    encoder, notice = text_encoder_for(library, model)
    sentences, other = sentence_model_for(library, None)
    if notice or other:
        raise ModelError(notice or other)
    return encoder, sentences


def calibrate_now(
    library: Library, encoder: TextEncoder | None, sentences: SentenceModel | None, *,
    before_each: Callable[[], None] = lambda: None,
) -> Calibration:  # fmt: skip
    """Calibrate an open library and note it there. Raises InputError as `calibrate` does, and what `before_each` raises."""
    from retrieval.search.calibrating import calibrate

    found = calibrate(library, encoder, sentences, before_each=before_each)
    found.save(library)
    library.set_setting(_PLACE, str(library.last_place()))
    return found


def calibrate_grown(
    library: Library, report: AddReport, models: Callable[[], tuple[TextEncoder | None, SentenceModel | None]], *,
    stopping: Callable[[], bool],
) -> None:  # fmt: skip
    """After an `add`: calibrate when twice as many videos came since the last time, or other vectors are searched.

    models: what the library is searched with, loaded only where it is needed. Where that or the library is too small the
    report says so; nothing here makes an `add` fail. When `stopping` says so the report is that of a run that was
    interrupted; like a kill or Ctrl-C this leaves the calibration to the next `add`.
    """
    if report.interrupted or report.stopped:
        return
    try:
        changed = report.counts["added"] or report.counts["updated"] or library.setting(_DUE) == "1"
        if changed and _has_grown(library):
            _calibrate(library, report, models, stopping)
    except WenshiError as error:
        report.notices.append(f"{_SKIPPED}: {error}")
    except _Stopped:
        report.interrupted = True
        return
    except KeyboardInterrupt:
        report.notices.append(f"{_SKIPPED}: that was interrupted. The next `wenshi add` makes up for it.")
        return
    with suppress(LibraryError):
        if library.setting(_DUE) is not None:
            library.set_setting(_DUE, "0")


def _has_grown(library: Library) -> bool:
    from retrieval.search.confidence import stored_calibration

    if library.generation() is None and library.text_generation() is None:
        return False        # words need no calibration
    if stored_calibration(library) is None:
        return True
    return library.last_place() >= _GROWN * int(library.setting(_PLACE) or 0)


def _calibrate(
    library: Library, report: AddReport, models: Callable[[], tuple[TextEncoder | None, SentenceModel | None]],
    stopping: Callable[[], bool],
) -> None:  # fmt: skip
    from retrieval.search.calibrating import FEWEST, questions

    def before_each() -> None:
        if stopping():
            raise _Stopped

    titles = len(list(questions(library)))
    if titles < FEWEST:
        report.notices.append(f"{_SKIPPED}: that needs {FEWEST} videos with a title, and {titles} have one.")
        return
    library.set_setting(_DUE, "1")
    before_each()
    calibrate_now(library, *models(), before_each=before_each)
