"""The native part of the package; `python/mtdh` gives it names, defaults and conversions."""

from collections.abc import Callable
from os import PathLike
from typing import Any, TypeAlias, final

__all__ = [
    "__version__",
    "Lake",
    "Demo",
    "Rows",
    "Chosen",
    "Batches",
    "Reading",
    "Buffer",
    "main",
    "time_range",
    "days",
    "download",
    "plan",
    "validate",
    "certify",
    "verify",
    "wanted",
    "want",
    "unwant",
    "sync",
    "plan_sync",
    "rm",
    "publish_iceberg",
    "publish_bigquery",
    "paths",
    "views",
    "export_hive",
    "check",
    "make_candles",
    "write_instruments",
    "convert",
    "findings",
    "ls",
    "schema",
    "iceberg_tables",
    "certificates",
    "venues",
    "runs",
    "venue",
    "validation",
    "venue",
]

__version__: str

validation: Any
"""The checks of `mtdh.validation`: `mtdh/validation/_core.py` has their types."""

_Time: TypeAlias = str | int
_Column: TypeAlias = Buffer | tuple[Buffer, list[str]] | list[str | None] | list[bool | None] | list[list[str] | None]
_Lacking: TypeAlias = tuple[str, str, str | None]
_Object: TypeAlias = tuple[str, str, str | None, str, int, str]
_OnProgress: TypeAlias = Callable[[dict[str, int]], None]

@final
class Lake:
    def __new__(
        cls, url: str | None = None, api_key: str | None = None, source: str | PathLike[str] | None = None
    ) -> Lake: ...
    @property
    def url(self) -> str: ...
    @property
    def is_local(self) -> bool: ...
    def days(self) -> list[str]: ...
    def rows(
        self,
        table: str,
        timeframe: str | None,
        instruments: list[str],
        first_us: int,
        end_us: int,
        clock: str,
        origin: str,
        columns: list[str] | None,
        limit: int | None,
    ) -> Rows: ...
    def instruments(
        self,
        day: _Time | None,
        venues: list[str],
        types: list[str],
        instruments: list[str],
        underlying: str | None,
    ) -> Batches: ...
    def days_without_tables(self, selection: dict[str, Any]) -> list[str]: ...
    def coverage(self, selection: dict[str, Any]) -> Batches: ...
    def why(self, key: str, day: _Time, data_type: str | None) -> str: ...
    def ddl(
        self, dialect: str, tables: list[str], schema: str, connection: str | None = None, hive: str | None = None,
        place: str | None = None,
    ) -> str: ...

@final
class Demo:
    def __new__(cls, lake: str, cache: str | PathLike[str], seed: int | None) -> Demo: ...
    @property
    def api_url(self) -> str: ...
    @property
    def binance_url(self) -> str | None: ...
    def lake(self) -> Lake: ...
    def stop(self) -> None: ...

@final
class Rows:
    @property
    def instruments(self) -> list[str]: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def has_worth(self) -> bool: ...
    def with_worth(self) -> Rows: ...
    def choose(self) -> Chosen: ...
    def columns(self) -> list[str]: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class Chosen:
    def objects(self) -> list[tuple[str, str, str, int]]: ...
    def missing(self) -> list[tuple[str, str]]: ...
    def count(self) -> int: ...
    def grades(self) -> list[str | None]: ...
    def without_worth(self) -> list[tuple[str, str, str]]: ...
    def verify(self) -> list[str]: ...
    def collect(self, has_views: bool) -> Batches: ...
    def stream(self) -> Reading: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Reading:
    def __iter__(self) -> Reading: ...
    def __next__(self) -> Batches: ...

@final
class Batches:
    def __len__(self) -> int: ...
    def columns(self) -> list[str]: ...
    def asof(
        self, other: Batches, clock: str, prefix: str, tolerance_us: int | None
    ) -> Batches: ...
    def head(self, rows: int) -> Batches: ...
    def numpy(self, name: str) -> _Column: ...
    def matrix(self, names: list[str]) -> Buffer: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Buffer:
    @property
    def __array_interface__(self) -> dict[str, Any]: ...

def main(words: list[str]) -> int: ...
def time_range(start: _Time, end: _Time | None = None, now_us: int | None = None) -> tuple[int, int]: ...
def days(start: _Time, end: _Time | None = None, now_us: int | None = None) -> tuple[str, str]: ...
def download(
    lake: Lake,
    selection: dict[str, Any],
    force: bool,
    accept_removed: bool,
    allow_not_exported: bool,
    max_workers: int | None,
    checks: list[str],
    on_progress: _OnProgress | None,
) -> str: ...
def plan(
    lake: Lake, selection: dict[str, Any], force: bool, accept_removed: bool, allow_not_exported: bool
) -> str: ...
def validate(
    lake: Lake,
    selection: dict[str, Any],
    depth: str,
    recheck: bool,
    accept_removed: bool,
    allow_not_exported: bool,
    on_progress: _OnProgress | None,
) -> str: ...
def check(
    lake: Lake,
    selection: dict[str, Any],
    groups: list[str],
    settings: list[str],
    fail_on: str,
    timeframe: str | None,
    min_grade: str | None,
    reports: list[str],
    on_progress: _OnProgress | None,
) -> str: ...
def certify(lake: Lake, selection: dict[str, Any], out: str | PathLike[str], read_bytes: bool) -> str: ...
def verify(lake: Lake, file: str | PathLike[str], read_bytes: bool) -> str: ...
def wanted(lake: Lake) -> str | None: ...
def want(
    lake: Lake,
    name: str,
    selection: dict[str, Any],
    candles: list[str],
    checks: list[str] | None,
    settings: list[str],
    keep_days: int | None,
    export_grace_hours: int | None,
) -> None: ...
def unwant(lake: Lake, name: str) -> None: ...
def sync(
    lake: Lake,
    is_patient: bool,
    removes_all: bool,
    break_certificates: bool,
    max_workers: int | None,
    on_progress: _OnProgress | None,
) -> str: ...
def plan_sync(lake: Lake) -> str: ...
def rm(
    lake: Lake,
    selection: dict[str, Any] | None,
    runs: list[str],
    has_tables: bool,
    break_certificates: bool,
    and_unwant: bool,
    yes: bool,
) -> str: ...
def publish_iceberg(
    lake: Lake,
    selection: dict[str, Any],
    has_days: bool,
    timeframes: list[str],
    verify: bool,
    on_progress: _OnProgress | None,
) -> str: ...
def publish_bigquery(lake: Lake, of: dict[str, Any], dataset: str) -> tuple[str, list[_Lacking], list[str]]: ...
def paths(lake: Lake, of: dict[str, Any]) -> tuple[list[_Object], list[_Lacking], list[str]]: ...
def views(lake: Lake, of: dict[str, Any]) -> tuple[str, list[_Lacking], list[str]]: ...
def export_hive(
    lake: Lake,
    out: str,
    selection: dict[str, Any],
    has_days: bool,
    tables: list[str],
    everything: bool,
    compact: bool,
    delta: bool,
    verify: bool,
    strict: bool,
    on_progress: _OnProgress | None,
) -> str: ...
def make_candles(
    lake: Lake,
    selection: dict[str, Any],
    timeframes: list[str],
    fill: str | None,
    force: bool,
    max_workers: int | None,
    on_progress: _OnProgress | None,
) -> str: ...
def write_instruments(lake: Lake, selection: dict[str, Any], accept_removed: bool) -> str: ...
def findings(document: str) -> Batches: ...
def convert(
    file: str | PathLike[str],
    output: str | PathLike[str],
    instrument: str | None,
    data_type: str | None,
    force: bool,
) -> str: ...

def ls(
    lake: Lake,
    what: str,
    selection: dict[str, Any],
    has_start: bool,
    origin: str,
    everything: bool,
    shown: dict[str, Any],
) -> tuple[Batches, list[str]]: ...
def schema(table: str | None = None) -> Batches: ...
def iceberg_tables(lake: Lake) -> Batches: ...
def certificates(lake: Lake) -> Batches: ...
def venues(lake: Lake, in_lake: bool) -> Batches: ...
def runs(lake: Lake) -> Batches: ...
def venue(text: str) -> str: ...
