"""What every way in gives: rows that can be used, and for everything else where it stands and why it cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from data_pipeline.corpus.measured import SourceRow
from data_pipeline.sources.licences import licence


class Rejected(NamedTuple):
    """Something that was named and is not read. `where`: a file, a line of a table, an entry of a list.

    file: the address that its row would have had, "" where that is not known or the file has a row.
    """

    where: str
    reason: str
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Rows of distinct files, in the order in which they were named, and all that is no row, with the reason.

    notices: cells of rows that are used, without those cells; other_files: how many in folders are no videos.
    """

    rows: tuple[SourceRow, ...]
    rejected: tuple[Rejected, ...]
    notices: tuple[Rejected, ...] = ()
    other_files: int = 0


@dataclass
class Found:
    """What one way in has found so far; `rows` come with where each stands."""

    rows: list[tuple[str, SourceRow]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notices: list[Rejected] = field(default_factory=list)
    other_files: int = 0

    def add(self, other: Found) -> None:
        """Take over what another way in has found."""
        self.rows += other.rows
        self.rejected += other.rejected
        self.notices += other.notices
        self.other_files += other.other_files

    def reject(self, where: str, reason: str, *, file: str = "") -> None:
        """Leave out what stands at `where`; file: as of `Rejected`."""
        self.rejected.append(Rejected(where, reason, file))

    def notice(self, where: str, reasons: Iterable[str]) -> None:
        """Tell of cells that are left out of a row that is used."""
        self.notices += (Rejected(where, reason) for reason in reasons)


def source_id(uri: str) -> str:
    """The key of a file in all accounts: 32 hex digits over its address."""
    return hashlib.sha256(uri.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def usable(found: Found, *, default_license: str | None, i_have_rights: bool) -> Sources:
    """One row a file, each with a licence that is known; the rest is rejected with its reason.

    default_license: of rows that state none. i_have_rights: rows without a known licence are used too, their code as given.
    """
    rows: dict[str, SourceRow] = {}
    first: dict[str, str] = {}
    rejected = list(found.rejected)
    for where, row in found.rows:
        licensed = _licensed(row, default_license=default_license, i_have_rights=i_have_rights)
        if isinstance(licensed, str):
            rejected.append(Rejected(where, licensed, row.uri))
        elif row.uri in rows:
            rejected.append(Rejected(where, f"it is a second row for {row.uri}; {first[row.uri]} is used, remove one of them."))
        else:
            rows[row.uri], first[row.uri] = licensed, where
    return Sources(
        rows=tuple(rows.values()), rejected=tuple(rejected), notices=tuple(found.notices), other_files=found.other_files,
    )


def _licensed(row: SourceRow, *, default_license: str | None, i_have_rights: bool) -> SourceRow | str:
    """The row with its licence in normal form, or why it cannot be used."""
    given = row.license_code or row.license_url or default_license
    known = licence(given) if given else None
    if known is not None:
        return replace(row, license_code=known.code)
    if i_have_rights:
        return row
    if given is None:
        return "no licence is stated: fill its licence column, name one for all with --license, or say --i-have-rights."
    return f"the licence {given!r} is not known: use a code such as CC-BY-4.0, or say --i-have-rights."


def stored_names(paths: Iterable[Path], found: Found) -> Iterator[Path]:
    """The paths that a table can hold; one that is not UTF-8 is rejected."""
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            found.reject(str(path).encode("utf-8", "backslashreplace").decode(), "its name is not UTF-8: rename the file.")
        else:
            yield path
