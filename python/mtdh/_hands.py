"""What others are given of a lake: certificates, statements for other engines, tables, exports: methods of `Lake`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mtdh import _mtdh
from mtdh._progress import Progress, Shown
from mtdh._report import Certificate, Export, IcebergTables, Verification
from mtdh._selection import Names, Selection, names_of, selection_of
from mtdh._times import Time

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Hands:
    _native: _mtdh.Lake

    def certify(
        self,
        start: Time,
        end: Time | None = None,
        *,
        out: str | os.PathLike[str],
        read_bytes: bool = False,
        **selection: Unpack[Selection],
    ) -> Certificate:
        """Validates, and writes a certificate of what the lake holds to the file `out`, for `verify` of others.

        `read_bytes` proves every byte first. A selection that is not complete is certified too, and the report is false.

        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "march.json"
        >>> lake.certify("2024-03-01", out=file, venues="DERIBIT", types="PERP").verdict
        'complete'
        >>> lake.verify(file).ok
        True
        """
        return Certificate(_mtdh.certify(self._native, selection_of(start, end, **selection), out, read_bytes))

    def verify(self, certificate: str | os.PathLike[str], *, read_bytes: bool = False) -> Verification:
        """Compares the lake with the certificate in a file. Without `read_bytes` only footers are compared: data that rotted is
        not found. Nothing is written. A file that is no certificate, or was edited, raises `BadRequest`.
        """
        return Verification(_mtdh.verify(self._native, certificate, read_bytes))

    def publish_iceberg(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        timeframes: Names = (),
        verify: bool = False,
        progress: Progress = True,
        **selection: Unpack[Selection],
    ) -> IcebergTables:
        """Publishes Iceberg tables over the lake's files as they lie: only what changed since, and nothing if nothing did.

        Without days and filters: all that the lake has. `data_types` and `timeframes` say which tables. `verify` proves every byte of
        the chosen objects first; those who read the tables do not check.

        >>> lake.publish_iceberg("2024-03-01", data_types="trades").tables[0]["table"]
        'trades'
        """
        with Shown(progress, "tables", "day") as shown:
            chosen = selection_of("1970-01-01" if start is None else start, end, **selection)
            return IcebergTables(
                _mtdh.publish_iceberg(
                    self._native, chosen, start is not None, names_of(timeframes), verify, shown.callback
                )
            )

    def export_hive(
        self,
        out: str | os.PathLike[str],
        start: Time | None = None,
        end: Time | None = None,
        *,
        tables: Names = (),
        everything: bool = False,
        compact: bool = False,
        delta: bool = False,
        verify: bool = False,
        strict: bool = False,
        progress: Progress = True,
        **selection: Unpack[Selection],
    ) -> Export:
        """Exports the lake into a folder or bucket in Hive's layout, `TABLE/date=…/venue=…/instrument_type=…`: as links to the lake's
        objects, as copies, or with `compact` as one file of each of these folders. Does only what changed since the last time.

        `tables` are data types, `candles`, `candles_1m` and `instruments`; without them and data types, all. `delta` keeps a Delta
        table of each, `verify` proves every byte first, `strict` refuses if a partition is missing.

        >>> import tempfile
        >>> out = tempfile.mkdtemp()
        >>> lake.export_hive(out, "2024-03-01", venues="DERIBIT", types="PERP", data_types="trades").ok
        True
        """
        chosen = selection_of("1970-01-01" if start is None else start, end, **selection)
        with Shown(progress, "export", "day") as shown:
            return Export(
                _mtdh.export_hive(
                    self._native, os.fspath(out), chosen, start is not None, names_of(tables), everything, compact, delta, verify,
                    strict, shown.callback,
                )
            )  # fmt: skip

    def export_delta(
        self,
        out: str | os.PathLike[str],
        start: Time | None = None,
        end: Time | None = None,
        *,
        tables: Names = (),
        everything: bool = False,
        compact: bool = False,
        verify: bool = False,
        strict: bool = False,
        progress: Progress = True,
        **selection: Unpack[Selection],
    ) -> Export:
        """As `export_hive` with `delta`: a Delta table of each table of the lake, in a folder or bucket."""
        return self.export_hive(
            out, start, end, tables=tables, everything=everything, compact=compact, delta=True, verify=verify, strict=strict,
            progress=progress, **selection,
        )  # fmt: skip

    def ddl(
        self,
        dialect: str,
        tables: Names = (),
        *,
        schema: str = "mtdh",
        connection: str | None = None,
        hive: str | None = None,
        place: str | None = None,
    ) -> str:
        """Statements that let another engine read the lake where it lies.

        `dialect` is `athena`, `trino`, `bigquery`, `spark`, `clickhouse` or `duckdb`. Without `tables`: all that the lake has
        objects of. `connection` and `hive`, the address of an export in Hive's layout, are for BigQuery. `place` is where that engine
        finds the lake, a folder or a bucket's address, if that is elsewhere.

        >>> "read_parquet" in lake.ddl("duckdb", "trades")
        True
        """
        return self._native.ddl(dialect, names_of(tables), schema, connection, hive, place)
