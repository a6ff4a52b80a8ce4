"""Pictures of a lake by matplotlib, which is imported when one is drawn: coverage as a heat map, candles.

matplotlib, because a picture is an image that a notebook, GitHub and a report show alike, without scripts from elsewhere, and
because it is the plotting library that nearly every quant has already.

Colours are of the Okabe-Ito set, which people with any colour vision tell apart; what a colour says, a shape says too. Nothing is
interpolated: where there are no data, the picture shows so. All times are UTC.
"""

from __future__ import annotations

import functools
import io
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import mtdh
from mtdh._optional import need

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
SMALL_PT = 8
ANSWERED = ("stored", "empty", "absent")


class Table(Protocol):
    """What is drawn: rows of a lake, or a report of it."""

    def numpy(self) -> Mapping[str, Any]:
        """The columns by name."""


def coverage(table: Table | Mapping[str, Any], *, width: float = 6.4, title: str | None = None, synthetic: bool | None = None) -> Figure:
    """A heat map of coverage: a row for each venue, type and data type, a column for each day.

    Args:
        table: `lake.coverage(...)`, or its columns `day`, `venue`, `instrument_type`, `data_type` and `status`.
        width: Inches; 3.6 is a phone, 6.4 a notebook. The height follows the rows.
        title: `None`: "Coverage" and the days.
        synthetic: Whether to write into the picture that the data are made up; `None`: if that is known of the lake.

    Returns:
        The figure; a notebook shows it, `savefig(path)` keeps it. A cell is the share of the expected partitions that is answered,
        in percent: stored, empty at the vendor, or absent there. A hatched cell lacks some. A blank one expects none, or has none that
        the vendor has exported yet, or the day has no instrument table.

    Raises:
        BadRequest: The table has no rows.
        ImportError: matplotlib is not installed.
    """
    import numpy as np

    columns = _columns(table)
    told = [index for index, status in enumerate(columns["status"]) if status in (*ANSWERED, "missing")]
    if not told:
        raise mtdh.BadRequest("coverage has no rows to draw: choose days of which the lake has an instrument table")
    days = [np.datetime64(str(columns["day"][index]), "D") for index in told]
    names = [(str(columns["venue"][index]), str(columns["instrument_type"][index]), str(columns["data_type"][index])) for index in told]
    first, last, rows = min(days), max(days), sorted(set(names))
    place = {name: row for row, name in enumerate(rows)}
    answered = np.zeros((len(rows), int((last - first).astype(int)) + 1))
    expected = np.zeros_like(answered)
    for index, day, name in zip(told, days, names):
        cell = place[name], int((day - first).astype(int))
        expected[cell] += 1
        answered[cell] += columns["status"][index] in ANSWERED
    share = np.divide(answered, expected, out=np.full_like(answered, np.nan), where=expected > 0) * 100

    figure = _figure(width, 1.5 + 0.24 * (len(rows) + len({row[:2] for row in rows})))
    axes = figure.subplots()
    _heat(axes, share, rows, width)
    _day_ticks(axes, first, last, width)
    _finish(figure, axes, title or f"Coverage, {first}" + (f" to {last}" if last > first else ""), _is_made_up(table, synthetic))
    return figure


def candles(table: Table | Mapping[str, Any], *, width: float = 6.4, title: str | None = None, synthetic: bool | None = None) -> Figure:
    """Candles of one instrument and timeframe, with their volume below.

    Args:
        table: `lake.candles(...)` of one instrument, or its columns: `timestamp`, `open`, `high`, `low`, `close`, `volume`,
            `trade_count`, and where they are known `instrument_key`, `timeframe`.
        width: Inches; 3.6 is a phone, 6.4 a notebook.
        title: `None`: the instrument and the timeframe.
        synthetic: Whether to write into the picture that the data are made up; `None`: if that is known of the lake.

    Returns:
        The figure. A hollow blue candle rose, a filled orange one fell. Times without trades are shaded grey: they have no candle, and no
        line leads over them. Volume is in the unit of the lake's `amount`.

    Raises:
        BadRequest: There are no candles, or they are of several instruments.
        ImportError: matplotlib is not installed.
    """
    import numpy as np

    columns = _columns(table)
    keys = sorted({str(key) for key in columns.get("instrument_key", [])})
    if len(keys) > 1:
        raise mtdh.BadRequest(f"one picture has the candles of one instrument, and these are of {', '.join(keys[:3])}…: choose one key")
    if not len(columns["timestamp"]):
        raise mtdh.BadRequest("there are no candles to draw: make them with lake.make_candles(), or choose days that have some")
    start = columns["timestamp"].astype("datetime64[us]").astype("int64") / 86_400e6
    step = _step_days(columns, start)
    traded = np.asarray(columns["trade_count"]) > 0 if "trade_count" in columns else np.ones(len(start), dtype=bool)

    figure = _figure(width, max(3.4, width * 0.55))
    price, volume = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    up = traded & (columns["close"] >= columns["open"])
    for chosen, colour, is_hollow in ((up, BLUE, True), (traded & ~up, ORANGE, False)):
        middle = start[chosen] + step / 2
        price.vlines(middle, columns["low"][chosen], columns["high"][chosen], color=colour, linewidth=0.7)
        body = columns["close"][chosen] - columns["open"][chosen]
        price.bar(middle, body, step * 0.7, columns["open"][chosen], edgecolor=colour, facecolor="white" if is_hollow else colour,
                  linewidth=0.7, zorder=2)
        volume.bar(middle, columns["volume"][chosen], step * 0.7, color=colour, alpha=1 if not is_hollow else 0.75, linewidth=0)
    gaps = _gaps(start[traded], step, start[0], start[-1] + step)
    for axes in (price, volume):
        for begin, end in gaps:
            axes.axvspan(begin, end, color=GREY, alpha=0.25, linewidth=0)
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.5, zorder=0)
        axes.set_axisbelow(True)
    price.set_xlim(start[0], start[-1] + step)
    price.set_ylabel("price (price currency)" if width > 5 else "price")
    volume.set_ylabel("volume\n(as amount)" if width > 5 else "volume")
    for axes in (price, volume):
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    _time_ticks(volume, width)
    if gaps:
        price.annotate("grey: no trades", (1, 0), (-4, 4), xycoords="axes fraction", textcoords="offset points", ha="right",
                       fontsize=SMALL_PT, color="#555555")
    words = [*keys, *sorted({str(timeframe) for timeframe in columns.get("timeframe", [])})]
    _finish(figure, price, title or ", ".join(words) or "Candles", _is_made_up(table, synthetic))
    return figure


def _columns(table: Table | Mapping[str, Any]) -> Mapping[str, Any]:
    return table if isinstance(table, Mapping) else table.numpy()


def _is_made_up(table: Table | Mapping[str, Any], synthetic: bool | None) -> bool:
    return bool(getattr(table, "is_synthetic", False)) if synthetic is None else synthetic


@functools.cache
def _picture() -> type[Figure]:
    """A figure that a notebook shows once, whether or not pyplot is in use."""
    figure: Any = need("matplotlib.figure", "plot").Figure

    class Picture(figure):  # type: ignore[misc]
        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            image = io.BytesIO()
            self.savefig(image, format="png", dpi=150)
            # CSS pixels, 96 to the inch; a narrower page shrinks it.
            return image.getvalue(), {"width": round(self.get_figwidth() * 96), "height": round(self.get_figheight() * 96)}

    return Picture


def _figure(width: float, height: float) -> Figure:
    # Shown at half of its size on a phone, text must still be read: no label is below SMALL_PT.
    figure = _picture()(figsize=(width, height), layout="constrained")
    figure.set_facecolor("white")
    return figure


def _heat(axes: Axes, share: NDArray[np.float64], rows: list[tuple[str, str, str]], width: float) -> None:
    """Cells below a heading for each venue and type."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    # From nothing to nearly all; what is whole has a colour of its own.
    partly = LinearSegmentedColormap.from_list("partly", [ORANGE, "#F7D7BC", "#C6DDEE"])
    days = share.shape[1]
    place, labels, heading = 0, [], None
    for row, name in enumerate(rows):
        if name[:2] != heading:
            heading = name[:2]
            axes.text(0, place + 0.62, f"{name[0]} {name[1]}", fontsize=SMALL_PT + 1, fontweight="bold", va="center")
            place += 1
        for day in range(days):
            value = share[row, day]
            if np.isnan(value):
                continue
            # 99.96 % is not shown as 100: what lacks something is hatched.
            lacks = value < 100
            colour = partly(value / 100) if lacks else BLUE
            axes.add_patch(Rectangle((day + 0.03, place + 0.06), 0.94, 0.88, facecolor=colour, linewidth=0,
                                     hatch="////" if lacks else None, edgecolor="#555555" if lacks else None))
            if days * 0.42 <= width - 2:
                text = f"{min(value, 99.9):.1f}" if 99 < value < 100 else f"{value:.0f}"
                axes.text(day + 0.5, place + 0.5, text, ha="center", va="center", fontsize=SMALL_PT,
                          color="white" if value in (0, 100) else "black",
                          bbox={"facecolor": colour, "edgecolor": "none", "pad": 1} if lacks else None)
        labels.append((place + 0.5, name[2]))
        place += 1
    axes.set_xlim(0, days)
    axes.set_ylim(place, 0)
    axes.set_yticks([at for at, _ in labels], [label for _, label in labels], fontsize=SMALL_PT)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _day_ticks(axes: Axes, first: np.datetime64, last: np.datetime64, width: float) -> None:
    import numpy as np

    days = np.arange(first, last + 1)
    step = -(-len(days) * 6 // int(width * 10))
    shown = range(0, len(days), max(1, step))
    # Within a year its number is said once.
    year, texts = str(first)[:4], [str(days[day]) for day in shown]
    is_one_year = str(last)[:4] == year
    axes.set_xticks([day + 0.5 for day in shown], [text[5:] if is_one_year else text for text in texts], fontsize=SMALL_PT)
    legend = "% of the expected partitions; hatched: some missing; blank: none expected"
    lines = textwrap.wrap(legend, int(width * 12.5))
    axes.set_xlabel("\n".join([f"day of {year} (UTC)" if is_one_year else "day (UTC)", *lines]), fontsize=SMALL_PT + 1)


def _time_ticks(axes: Axes, width: float) -> None:
    import datetime

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    locator = AutoDateLocator(tz=datetime.timezone.utc, minticks=2, maxticks=4 if width < 5 else 9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=datetime.timezone.utc, show_offset=False))
    first, end = (num2date(limit, tz=datetime.timezone.utc) for limit in axes.get_xlim())
    last = end - datetime.timedelta(milliseconds=1)
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    axes.set_xlabel(f"{days}, UTC", fontsize=SMALL_PT + 1)


def _step_days(columns: Mapping[str, Any], start: NDArray[np.float64]) -> float:
    """The length of an interval, in days: from the timeframe, else the smallest distance."""
    import numpy as np

    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    for timeframe in columns.get("timeframe", [])[:1]:
        return int(str(timeframe)[:-1]) * units[str(timeframe)[-1]] / 86_400
    return float(np.diff(start).min()) if len(start) > 1 else 1 / 24


def _gaps(start: NDArray[np.float64], step: float, begin: float, end: float) -> list[tuple[float, float]]:
    """Times that no candle with trades covers, in days; half an interval of rounding is none."""
    import numpy as np

    ends = np.concatenate([[begin], start + step])
    starts = np.concatenate([start, [end]])
    return [(float(a), float(b)) for a, b in zip(ends, starts) if b - a > step / 2]


def _finish(figure: Figure, axes: Axes, title: str, synthetic: bool) -> None:
    axes.set_title(f"{title}\nsynthetic data" if synthetic else title, loc="left", fontsize=SMALL_PT + 2, wrap=True)
    for one in figure.axes:
        one.tick_params(labelsize=SMALL_PT)
        one.yaxis.label.set_fontsize(SMALL_PT + 1)
