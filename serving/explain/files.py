"""Where the picture of an explanation goes, without a file being lost on the way."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from io import BytesIO
from itertools import count
from pathlib import Path

from PIL import Image

from retrieval.errors import InputError

_MOST_STEM_BYTES = 200      # file systems take names of 255 bytes; an ending and a number follow


def check_output(output: Path) -> None:
    """Refuse what cannot become a picture, before anything is computed for it. Raises InputError."""
    if output.suffix.lower() != ".png":
        raise InputError(f"The picture is a PNG, but {output} ends otherwise: give --output a name that ends in .png.")
    if output.is_dir():
        raise InputError(f"{output} is a folder: give --output the name of a file.")
    _check_folder(output.absolute().parent)


def check_default_folder() -> None:
    """Refuse a current folder that cannot be written to. Raises InputError."""
    _check_folder(Path.cwd())


def write_picture(picture: Image.Image, output: Path) -> Path:
    """Write a PNG under this name, whole or not at all, in place of a file that had it. Raises InputError."""
    unfinished = output.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        unfinished.write_bytes(_as_png(picture))
        unfinished.replace(output)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise _refused(output, error) from None
    return output.absolute()


def write_beside(picture: Image.Image, video: Path) -> Path:
    """Write a PNG named after the video into the current folder, numbered if the name is taken. Raises InputError."""
    stem = os.fsdecode(os.fsencode(video.stem)[:_MOST_STEM_BYTES].decode("utf-8", "ignore").encode())
    content = _as_png(picture)
    for number in count(1):
        path = Path.cwd() / (f"{stem}-explain.png" if number == 1 else f"{stem}-explain-{number}.png")
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                except OSError:
                    path.unlink()
                    raise
        except FileExistsError:
            continue
        except OSError as error:
            raise _refused(path, error) from None
        return path
    raise AssertionError("there is always a next number")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"The folder {folder} for the picture is not there: make it, or name another with --output.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder {folder} cannot be written to: name another place with --output.")


def _refused(path: Path, error: OSError) -> InputError:
    return InputError(f"The picture cannot be written to {path} ({error.strerror}): name another place with --output.")


def _as_png(picture: Image.Image) -> bytes:
    content = BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()
