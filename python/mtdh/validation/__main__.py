"""`python -m mtdh.validation`: the predecessor's `run_validation_tests.py`.

Exit status: 0 only when the outcome is PASS; 1 for FAIL, WARNING and SKIP; 2 when it could not run, as for a flag that is missing,
and for `--test-type unit` and `integration`, which are not here.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence

from mtdh.validation import _html, _settings
from mtdh.validation._runner import Runner
from mtdh.validation._settings import WrongCall
from mtdh.validation.validation_results import ValidationReport, ValidationStatus, plain, utc_now

_ELSEWHERE = """\
--test-type {name}: the {name} tests of the predecessor ran its own source. They are not part of this package, and nothing was validated.
The tests of mtdh are in its repository:
  cargo test --workspace                       the engine and the program
  python -m pytest scripts/checks              this package, and foreign programs
To validate data: --test-type cross-source, timestamp, aggregation, streaming or all.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(
        prog="python -m mtdh.validation",
        description="Validates candles and times: against the exchange, by themselves, against finer candles.",
        epilog="Exit status: 0 PASS; 1 FAIL, WARNING or SKIP; 2 could not run.",
    )
    types = ["all", "cross-source", "timestamp", "aggregation", "unit", "integration", "streaming"]
    words.add_argument("--test-type", required=True, choices=types, help="what to validate")
    words.add_argument("--symbol", help="BTC-USDT (of Binance's spot market) or an instrument key")
    words.add_argument("--timeframe", help="15s, 1m, 5m, 15m, 1h, 4h, 24h, or another length that divides a day")
    words.add_argument("--start-date", help="a day (the whole of it), a month or a time, UTC; without it the last hour of the lake")
    words.add_argument("--end-date", help="a day or month, included, or a time, excluded")
    words.add_argument("--data-file", help="timestamp: Parquet or CSV; streaming: JSON lines, or - for stdin")
    words.add_argument("--base-file", help="aggregation: the finer candles, Parquet")
    words.add_argument("--agg-file", help="aggregation: the coarser candles, Parquet")
    words.add_argument("--config", metavar="FILE", help="JSON with the sections cross_source, timestamp, aggregation")
    words.add_argument("--max-candles", type=int, metavar="N", help="intervals that are compared at most (1000)")
    words.add_argument("--parallel", action="store_true", help="all: run the tests at the same time")
    words.add_argument("--output", metavar="FOLDER", help="where the results are written (test_results)")
    words.add_argument("--format", choices=["json", "html", "csv", "text"], default="json", help="of the file (json)")
    words.add_argument("--verbose", action="store_true", help="print the details of each result")
    words.add_argument("--lake", metavar="URL", help="the lake; without it that of the settings")
    return words


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command line, and returns the exit status."""
    args = parser().parse_args(words)
    if args.test_type in ("unit", "integration"):
        print(_ELSEWHERE.format(name=args.test_type), end="", file=sys.stderr)
        return 2
    try:
        runner = Runner(args, _settings.load(args.config))
        report = asyncio.run(runner.run())
        text = report.to_text()
        if args.verbose:
            for result in report.results:
                details = json.dumps(plain(result.details), indent=2, ensure_ascii=False)
                text += f"\n\n{result.test_name}: {result.status.value}: {result.message}\n{details}"
        for name, value in report.summary.items():
            if name == "range":
                print(f"compared: {value}", file=sys.stderr)
        print(text)
        if args.format != "text" or args.output is not None:
            place = write(report, args.output or "test_results", args.format)
            print(f"results: {place}", file=sys.stderr)
    except (WrongCall, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: not everything was validated", file=sys.stderr)
        return 130
    return 0 if report.get_status() is ValidationStatus.PASS else 1


def write(report: ValidationReport, folder: str, form: str) -> str:
    """Writes a report into a folder, which is made, as ``test_results_{timestamp}``. Returns the file."""
    os.makedirs(folder, exist_ok=True)
    ending = {"text": "txt"}.get(form, form)
    stem = os.path.join(folder, f"test_results_{utc_now():%Y%m%d_%H%M%S}")
    forms: dict[str, Callable[[ValidationReport], str]] = {
        "json": _json,
        "html": _html.page,
        "csv": _csv,
        "text": lambda report: report.to_text() + "\n",
    }
    text = forms[form](report)
    number = 1
    while True:
        path = f"{stem}.{ending}" if number == 1 else f"{stem}_{number}.{ending}"
        try:
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write(text)
            return path
        except FileExistsError:
            number += 1


def _json(report: ValidationReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _csv(report: ValidationReport) -> str:
    text = io.StringIO()
    names = ["test_name", "status", "message", "details", "timestamp", "execution_time_ms"]
    rows = csv.DictWriter(text, names, lineterminator="\n")
    rows.writeheader()
    for result in report.results:
        row = result.to_dict()
        rows.writerow({**row, "details": json.dumps(row["details"], ensure_ascii=False)})
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
