"""The reports of runs."""

from __future__ import annotations

import html
import json
from typing import Any


class Report:
    """The report of a run. False where something is missing or wrong, as the program's exit status would be.

    `document` has everything as the program's JSON has it; `outcome` is one word: `clean`, `not_clean`, `needs_decision`,
    `unsound` or `used_up`.
    """

    outcome: str
    document: dict[str, Any]

    def __init__(self, text: str) -> None:
        self._text = text
        self.document = json.loads(text)
        self.outcome = self.document.pop("outcome", "clean")

    @property
    def ok(self) -> bool:
        """Whether everything is in order."""
        return self.outcome == "clean"

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<mtdh.{type(self).__name__}: {self.outcome}{self._words()}>"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self.outcome)}</b>{html.escape(self._words())}</p>"

    def _words(self) -> str:
        return ""


class Plan(Report):
    """What a download would fetch. False where what is expected is not known, needs a decision, or is not exported yet."""

    @property
    def files(self) -> int:
        """The vendor's files that lack, a request each."""
        return int(self.document["plan"]["files"])

    @property
    def partitions(self) -> int:
        """The partitions that these files have."""
        return int(self.document["plan"]["partitions"])

    @property
    def size(self) -> dict[str, int | None]:
        """How much it is: compressed `bytes`, estimated; `requests`; `by_statistics`, `by_lake` and `by_estimate`, how many files were
        estimated by the vendor's counts, by such files of the lake and by a usual file; `days_of_quota` and `minutes_of_quota`, how
        long the limits in the settings make it take (None: no limit is set).
        """
        return dict(self.document["size"])

    def _words(self) -> str:
        return f", {self.files:,} files, {self.partitions:,} partitions, about {self.size['bytes']:,} bytes"


class Download(Report):
    """The report of a download."""

    @property
    def run_id(self) -> str:
        """The run's name in the lake, below `runs/`."""
        return str(self.document["summary"]["run_id"])

    @property
    def stored(self) -> int:
        """Partitions with rows that were published."""
        return int(self.document["summary"]["published"].get("stored", 0))

    @property
    def rows(self) -> int:
        """Rows that were stored."""
        return int(self.document["summary"]["rows"])

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The files that failed, with the cause."""
        return list(self.document["summary"]["failures"])

    @property
    def left(self) -> list[str]:
        """The vendor's paths of the files that an early end left undone."""
        return list(self.document["summary"]["left"])

    def _words(self) -> str:
        return f", {self.stored:,} partitions stored, {self.rows:,} rows, {len(self.failed):,} failed, {len(self.left):,} left"


class Validation(Report):
    """The report of a validation."""

    @property
    def verdict(self) -> str:
        """One of `complete`, `complete_up_to`, `not_exported_yet`, `nothing_expected`, `not_complete`, `needs_decision`."""
        return str(self.document["report"]["verdict"])

    @property
    def missing(self) -> list[dict[str, Any]]:
        """The partitions that are missing or cannot be trusted."""
        return list(self.document["report"]["missing"])

    @property
    def totals(self) -> dict[str, int]:
        """Partitions by status."""
        return dict(self.document["report"]["totals"])

    def _words(self) -> str:
        return f", {self.verdict.replace('_', ' ')}, {len(self.missing):,} missing"


class Certificate(Report):
    """A certificate that was written. False if something was missing: what there is was certified nevertheless."""

    @property
    def digest(self) -> str:
        """SHA-256 of the document without its last line: what a paper quotes."""
        return str(self.document["digest"])

    @property
    def verdict(self) -> str:
        """As of a validation."""
        return str(self.document["verdict"])

    def _words(self) -> str:
        return f", {self.verdict.replace('_', ' ')}, {self.document['objects']:,} objects, sha256:{self.digest}"


class Verification(Report):
    """The comparison of a lake with a certificate. False unless the data is the same, and some."""

    @property
    def differences(self) -> list[dict[str, Any]]:
        """What differs: `what` (`data`, `footer`, `damaged`, `gone` or `new`), day, data type, key, and what is known of it."""
        return list(self.document["verification"]["differences"])

    @property
    def bytes_read(self) -> bool:
        """Whether every byte of the objects was read; otherwise only their footers were."""
        return bool(self.document["verification"]["bytes_read"])

    def _words(self) -> str:
        of = self.document["verification"]
        read = "every byte read" if self.bytes_read else "no bytes read"
        return f", {of['same']:,} of {of['objects']:,} objects the same, {len(self.differences):,} differences, {read}"


class Sync(Report):
    """The report of a sync. False unless the lake is as is wanted."""

    @property
    def sets(self) -> list[dict[str, Any]]:
        """The sets of `lake.toml`, each with what was done for it, what is missing, and its verdict."""
        return list(self.document["report"]["sets"])

    @property
    def run_id(self) -> str | None:
        """The run's name in the lake, below `runs/`. None: it was only planned."""
        name = self.document["report"]["run_id"]
        return None if name is None else str(name)

    def _words(self) -> str:
        return "".join(f", {of['name']}: {of['verdict'].replace('_', ' ')}" for of in self.sets)


class Removal(Report):
    """What was, or would be, removed. False if the lake has nothing of it."""

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects: `kind`, `path` in the lake, `bytes`."""
        return list(self.document["objects"])

    @property
    def removed(self) -> bool:
        """Whether they are gone; otherwise they were only looked up."""
        return bool(self.document["removed"])

    def _words(self) -> str:
        done = "removed" if self.removed else "not removed"
        return f", {len(self.objects):,} objects, {self.document['bytes']:,} bytes, {done}"


class Why(Report):
    """The evidence for one partition: what the vendor said, what the lake has of it and what became of it. False if it is missing.

    `document` has all of it; `str` gives ten lines.
    """

    @property
    def status(self) -> str:
        """`stored`, `empty`, `absent`, `missing`, `not_exported_yet` or `not_expected`."""
        return str(self.document["why"]["status"])

    @property
    def evidence(self) -> dict[str, Any]:
        """The evidence: `source`, `fetched_at`, `rows`, `grade`, `checks`, `gaps`, `candles`, `reissues` and more."""
        return dict(self.document["why"])

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.document["lines"])

    def _words(self) -> str:
        of = self.document["why"]
        return f", {of['day']} {of['data_type']} {of['instrument_key']}, {self.status.replace('_', ' ')}"


class IcebergTables(Report):
    """Iceberg tables that were published. False if an object is in no table, or there is nothing to publish."""

    @property
    def tables(self) -> list[dict[str, Any]]:
        """Each with its name, what came of it (`published` or `unchanged`), its version, files and rows, and where its metadata lies."""
        return list(self.document["iceberg"]["tables"])

    @property
    def metadata(self) -> dict[str, str]:
        """Where the newest metadata of each table lies: what readers are given."""
        return {table["table"]: table["metadata"] for table in self.tables}

    @property
    def unreadable(self) -> list[str]:
        """Objects that no table has because they cannot be trusted, each with the reason."""
        return list(self.document["iceberg"]["unreadable"])

    def _words(self) -> str:
        files = sum(table["files"] for table in self.tables)
        return f", {len(self.tables):,} tables, {files:,} files"


class Export(Report):
    """An export. False if something is missing, was not exported, or lies there and is not of it."""

    @property
    def tables(self) -> dict[str, dict[str, int]]:
        """Each table: `days`, `files`, `rows`, `bytes`; `linked`, `copied`, `compacted`, `removed` by this run; `delta_version`."""
        return dict(self.document["export"]["tables"])

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table["rows"] for table in self.tables.values())

    @property
    def missing(self) -> list[str]:
        """Partitions that the lake should have and has not."""
        return list(self.document["export"]["missing"]["names"])

    def _words(self) -> str:
        files = sum(table["files"] for table in self.tables.values())
        return f", {files:,} files, {self.rows:,} rows, {len(self.missing):,} missing"


class Check(Report):
    """The report of a check."""

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The findings; `mtdh schema findings` describes their fields."""
        return list(self.document["report"]["findings"])

    @property
    def looked_at(self) -> dict[str, int]:
        """How often each check looked at something; 0: it had nothing to look at."""
        return {check["name"]: check["looked_at"] for check in self.document["report"]["checks"]}

    @property
    def github(self) -> str:
        """The report as annotations of GitHub Actions, a line each: print it in a job."""
        return str(self.document["github"])

    @property
    def junit(self) -> str:
        """The report as JUnit XML."""
        return str(self.document["junit"])

    def _words(self) -> str:
        return f", {len(self.findings):,} findings"


class Candles(Report):
    """The report of candles that were made."""

    def _words(self) -> str:
        summary = self.document["summary"]
        return f", {summary['instrument_days']:,} instrument-days made, {len(summary['failures']):,} failed"


class Conversion(Report):
    """The report of a converted file."""

    def _words(self) -> str:
        return f", {self.document['rows_out']:,} of {self.document['rows_in']:,} rows"
