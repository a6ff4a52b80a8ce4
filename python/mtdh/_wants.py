"""What a lake is for, bringing it there, removing from it, and the evidence for what it has: methods of `Lake`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mtdh import _mtdh, _times
from mtdh._errors import BadRequest
from mtdh._progress import Progress, Shown
from mtdh._report import Removal, Sync, Why
from mtdh._selection import Names, Selection, names_of, selection_of
from mtdh._times import Time

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Wants:
    _native: _mtdh.Lake

    def why(self, key: str, day: Time, data_type: str | None = None) -> list[Why]:
        """The evidence for an instrument's day: one report for the data type, or for each that is expected or was ever there.

        What the vendor said, when it was fetched, from which file with which ETag, rows in and out, checks, grade, gaps, candles
        made of it, re-issues seen. A key that nothing in the lake has raises `UnknownInstrument`, with keys that may be meant.

        >>> [why] = lake.why("DERIBIT:PERP:BTC-USD", "2024-03-01", "trades")
        >>> why.status, why.evidence["source"]["file"]
        ('stored', 'deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz')
        """
        found = json.loads(self._native.why(key, _times.value(day), data_type))
        return [Why(json.dumps({**one, "outcome": "clean" if one["is_answered"] else "not_clean"})) for one in found]

    def wanted(self) -> list[dict[str, Any]] | None:
        """What the lake is for: the sets of its `lake.toml`. None: it has no such file."""
        text = _mtdh.wanted(self._native)
        return None if text is None else list(json.loads(text))

    def want(
        self,
        name: str,
        start: Time,
        end: Time | None = None,
        *,
        candles: Names = (),
        checks: Names | None = None,
        settings: Iterable[str] = (),
        keep_days: int | None = None,
        export_grace_hours: int | None = None,
        **selection: Unpack[Selection],
    ) -> None:
        """Adds a set to the lake's `lake.toml`, with every default written out. Without `end` it goes on to the last UTC day that
        has ended. Another set of this name raises `BadRequest`.

        `candles` are timeframes; `checks` are groups of checks, all without it; `settings` their parameters; of `keep_days` older
        days are removed by `sync`; `export_grace_hours` is how long after a day's end a missing export is no fault.
        """
        _mtdh.want(
            self._native,
            name,
            selection_of(start, end, **selection),
            names_of(candles),
            None if checks is None else names_of(checks),
            list(settings),
            keep_days,
            export_grace_hours,
        )

    def unwant(self, name: str) -> None:
        """Takes a set out of `lake.toml`, or forgets what was asked of the lake under this name. What the lake has of it stays."""
        _mtdh.unwant(self._native, name)

    def sync(
        self,
        *,
        dry_run: bool = False,
        wait: bool = False,
        yes: bool = False,
        break_certificates: bool = False,
        max_workers: int | None = None,
        progress: Progress = True,
    ) -> Sync:
        """Brings the lake to what its `lake.toml` wants: instruments, files, candles, completeness, checks. Only what lacks is done.

        Another sync of the lake raises `Error`, or is waited for with `wait`. `yes` removes all that sets no longer keep, not
        only a twentieth of a set; `break_certificates` also what a certificate of the lake names. Ctrl-C ends it in good order;
        the next one does the rest. With `dry_run` nothing is fetched: each of `sets` has the `plan` and its `size`.
        """
        if dry_run:
            return Sync(_mtdh.plan_sync(self._native))
        with Shown(progress, "sync", "file") as shown:
            return Sync(
                _mtdh.sync(self._native, wait, yes, break_certificates, max_workers, shown.callback)
            )  # fmt: skip

    def rm(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        runs: Names = (),
        tables: bool = False,
        break_certificates: bool = False,
        and_unwant: bool = False,
        yes: bool = False,
        **selection: Unpack[Selection],
    ) -> Removal:
        """Looks up what a selection or `runs` have, and removes it with `yes`.

        Without `data_types` candles go too; `tables` removes the days' instrument tables and reports. What a set of `lake.toml`
        wants raises `BadRequest` unless `and_unwant` takes those sets out first; so does what a certificate of the lake names,
        unless `break_certificates`.
        """
        if start is None and (end is not None or tables or selection):
            raise BadRequest("what is to be removed needs its first day: start")
        if tables and selection:
            raise BadRequest("tables are those of whole days: they cannot be removed beside filters")
        of = None if start is None else selection_of(start, end, **selection)
        return Removal(_mtdh.rm(self._native, of, names_of(runs), tables, break_certificates, and_unwant, yes))
