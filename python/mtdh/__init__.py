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
from mtdh._lake import Coverage, Lake
from mtdh._report import Candles, Check, Conversion, Download, Report, Validation
from mtdh._rows import Rows
from mtdh._table import Table

__version__: str = _mtdh.__version__

__all__ = [
    "BadRequest",
    "Candles",
    "Check",
    "Conversion",
    "Coverage",
    "DamagedObject",
    "Download",
    "Error",
    "GradeTooLow",
    "Lake",
    "LakeAway",
    "MissingData",
    "MissingDataWarning",
    "NewerLake",
    "NotFound",
    "QuotaUsedUp",
    "Refused",
    "Report",
    "Rows",
    "Table",
    "UnknownInstrument",
    "Validation",
    "VendorAway",
    "convert",
    "demo",
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

    `instrument` keeps one instrument of a file of several, `data_type` says what a file is whose header fits several types,
    `force` replaces an existing output.
    """
    if not os.path.exists(file):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(file))
    return Conversion(_mtdh.convert(os.fspath(file), os.fspath(output), instrument, data_type, force))
