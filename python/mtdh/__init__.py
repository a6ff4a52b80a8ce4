"""Crypto tick data from Tardis.dev as a Parquet lake that people can trust.

>>> import mtdh
>>> with mtdh.demo() as lake:
...     frame = lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").polars()
>>> frame.columns[:3]
['instrument_key', 'timestamp', 'local_timestamp']

`Lake` is where to start. Times are UTC; a day or a month means the whole of it.
"""

from __future__ import annotations

import errno
import os

from mtdh import _mtdh
from mtdh._demo import demo
from mtdh._errors import (
    BadRequest,
    DamagedObject,
    Error,
    GradeTooLow,
    LakeAway,
    MissingData,
    MissingDataWarning,
    NewerLake,
    NotFound,
    QuotaUsedUp,
    Refused,
    UnknownInstrument,
    VendorAway,
)
from mtdh._find import Paths, schema
from mtdh._lake import Coverage, Lake
from mtdh._live import Live, LiveAway, live
from mtdh._report import (
    Candles,
    Certificate,
    Check,
    Conversion,
    Download,
    Export,
    IcebergTables,
    Plan,
    Removal,
    Report,
    Sync,
    Validation,
    Verification,
    Why,
)
from mtdh._rows import Rows
from mtdh._table import Table

__version__: str = _mtdh.__version__

__all__ = [
    "BadRequest",
    "Candles",
    "Certificate",
    "Check",
    "Conversion",
    "Coverage",
    "DamagedObject",
    "Download",
    "Error",
    "Export",
    "GradeTooLow",
    "IcebergTables",
    "Lake",
    "LakeAway",
    "Live",
    "LiveAway",
    "MissingData",
    "MissingDataWarning",
    "NewerLake",
    "NotFound",
    "Paths",
    "Plan",
    "QuotaUsedUp",
    "Refused",
    "Removal",
    "Report",
    "Rows",
    "Sync",
    "Table",
    "UnknownInstrument",
    "Validation",
    "VendorAway",
    "Verification",
    "Why",
    "convert",
    "demo",
    "live",
    "schema",
    "verify",
]


def convert(
    file: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    instrument: str | None = None,
    data_type: str | None = None,
    force: bool = False,
) -> Conversion:
    """Converts a Tardis CSV file (`.csv` or `.csv.gz`) to Parquet, CSV or JSON lines, by the output's ending; no lake is needed.

    `instrument` is the key of a file of one instrument, if the symbol of its rows is not enough; `data_type` is the type, if header
    and file name are not enough; `force` replaces an existing output. Rows that cannot be parsed are counted in the report and left
    out; a file that is no vendor file raises `Error`.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
    >>> row = "deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10"
    >>> _ = (folder / "trades.csv").write_text(f"{header}\\n{row}\\n")
    >>> mtdh.convert(folder / "trades.csv", folder / "trades.parquet")
    <mtdh.Conversion: clean, 1 of 1 rows>
    """
    if not os.path.exists(file):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(file))
    return Conversion(_mtdh.convert(os.fspath(file), os.fspath(output), instrument, data_type, force))


def verify(
    certificate: str | os.PathLike[str],
    lake: str | os.PathLike[str] | Lake | None = None,
    *,
    read_bytes: bool = False,
) -> Verification:
    """Tells whether a lake holds the data of the certificate in a file: `lake.verify`, of a lake or of its address."""
    return (lake if isinstance(lake, Lake) else Lake(lake)).verify(certificate, read_bytes=read_bytes)
