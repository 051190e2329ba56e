"""From measured shards to a corpus that can be learnt from: decisions, final tables, and an account of every row."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors, write_json
from data_pipeline.corpus.measured import DecisionRow
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, write_columns
from data_pipeline.selection.account import Account, account_of
from data_pipeline.selection.clusters import kept_clusters
from data_pipeline.selection.columns import read_columns_of_shards
from data_pipeline.selection.deciding import select
from data_pipeline.selection.final_tables import final_tables
from data_pipeline.selection.removed import read_removed
from data_pipeline.selection.settings import SelectionSettings

DECISIONS, ACCOUNTS = "decisions.parquet", "accounts.json"
_TABLES = {VIDEOS: VideoRow, CLIPS: ClipRow, PAIRS: PairRow}


def write_selection(directory: str | Path, settings: SelectionSettings | None = None) -> Account:
    """Decide on every candidate of the committed shards of a corpus and write what follows; no model is called.

    Writes `decisions.parquet` (a row for each candidate), `videos.parquet`, `clips.parquet` and `pairs.parquet` (what is
    kept), and last `accounts.json`, which is missing while the tables are not of one selection. The same shards and settings
    give the same bytes. The caller must be the only writer of the directory.
    Raises CorpusError (unreadable, write, other_rows), InputError without pyarrow.
    """
    directory, settings = Path(directory), settings or SelectionSettings()
    measured = read_columns_of_shards(directory)
    measured.check()
    clusters = kept_clusters(directory, measured, settings)
    selection = select(measured, settings, clusters=clusters, removed=read_removed(directory))
    account = account_of(measured, selection, clusters, settings)
    if account.candidates.rows != selection.decisions.num_rows:
        raise CorpusError("other_rows", "There are more or fewer decisions than candidates: please report this.")
    with disk_errors(directory / ACCOUNTS):
        (directory / ACCOUNTS).unlink(missing_ok=True)
    write_columns(directory / DECISIONS, selection.decisions, DecisionRow)
    tables = final_tables(measured, selection)
    for name, row_type in _TABLES.items():
        write_columns(directory / name, tables[row_type], row_type)
    write_json(directory / ACCOUNTS, asdict(account))
    return account
