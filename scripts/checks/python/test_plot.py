"""Pictures say what they show: axes, units, UTC, gaps, what is missing, and that data are made up."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: scripts/requirements-bridges.txt has it")

import mtdh  # noqa: E402
from mtdh import plot  # noqa: E402


def columns(names, rows):
    return {name: np.array([row[place] for row in rows] + [None], dtype=object)[:-1] for place, name in enumerate(names)}


PARTITIONS = [
    (8, ("2024-03-01", "DERIBIT", "PERP", "trades", "stored")), (1, ("2024-03-01", "DERIBIT", "PERP", "trades", "empty")),
    (1, ("2024-03-01", "DERIBIT", "PERP", "trades", "absent")), (9, ("2024-03-02", "DERIBIT", "PERP", "trades", "stored")),
    (1, ("2024-03-02", "DERIBIT", "PERP", "trades", "missing")), (10, ("2024-03-04", "DERIBIT", "PERP", "trades", "missing")),
    (2999, ("2024-03-01", "BINANCE", "SPOT_PAIR", "quotes", "stored")), (1, ("2024-03-01", "BINANCE", "SPOT_PAIR", "quotes", "missing")),
    (1, ("2024-03-02", "BINANCE", "SPOT_PAIR", "quotes", "not_exported_yet"))]
COVERAGE = columns(("day", "venue", "instrument_type", "data_type", "status"), [row for number, row in PARTITIONS for _ in range(number)])


def test_coverage_shows_what_is_missing_and_what_is_not_expected():
    figure = plot.coverage(COVERAGE)
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "Coverage, 2024-03-01 to 2024-03-04"
    assert axes.get_xlabel().startswith("day of 2024 (UTC)\n% of the expected partitions")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["quotes", "trades"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["03-01", "03-02", "03-03", "03-04"]
    # 2024-03-03 expects nothing: no cell. 2,999 of 3,000 are not 100 %.
    assert [text.get_text() for text in axes.texts] == ["BINANCE SPOT_PAIR", "99.9", "DERIBIT PERP", "100", "90", "0"]
    assert [bool(cell.get_hatch()) for cell in axes.patches] == [True, False, True, True]


def minutes(*wanted, key="DERIBIT:PERP:BTC-USD"):
    """1m candles that begin so many minutes after midnight; `(minute, 0)` is one without trades."""
    wanted = [minute if isinstance(minute, tuple) else (minute, 3) for minute in wanted]
    start = np.array([np.datetime64("2024-03-01T00:00", "us") + np.timedelta64(minute, "m") for minute, _ in wanted])
    price = np.array([100.0 + minute for minute, _ in wanted])
    return {"instrument_key": np.full(len(start), key, dtype=object), "timeframe": np.full(len(start), "1m", dtype=object),
            "timestamp": start, "open": price, "high": price + 2, "low": price - 1, "close": price + 1, "volume": price,
            "trade_count": np.array([count for _, count in wanted], dtype="uint64")}


def shaded(axes):
    """Shaded times, in minutes."""
    day = np.datetime64("2024-03-01").astype("datetime64[D]").astype(int)
    found = []
    for patch in axes.patches:
        if patch.get_facecolor()[:3] == tuple(int(plot.GREY[at:at + 2], 16) / 255 for at in (1, 3, 5)):
            begin, end = patch.get_extents().transformed(axes.transData.inverted()).intervalx
            found.append((round((begin - day) * 1440), round((end - day) * 1440)))
    return found


GAPS = [("none", [0, 1, 2], []), ("one minute", [0, 1, 3], [(2, 3)]), ("no trades is no candle", [0, (1, 0), (2, 0), 3], [(1, 3)]),
        ("two", [0, 5, 6, 9], [(1, 5), (7, 9)]), ("at both ends", [(0, 0), 1, (2, 0)], [(0, 1), (2, 3)])]


@pytest.mark.parametrize("wanted,gaps", [case[1:] for case in GAPS], ids=[case[0] for case in GAPS])
def test_gaps_of_candles_are_shaded(wanted, gaps):
    figure = plot.candles(minutes(*wanted))
    price, volume = figure.axes
    assert shaded(price) == shaded(volume) == gaps
    assert len(price.containers[0]) + len(price.containers[1]) == sum(not isinstance(minute, tuple) for minute in wanted)
    assert any("no trades" in text.get_text() for text in price.texts) == bool(gaps)


def test_candles_name_axes_units_and_days():
    price, volume = plot.candles(minutes(0, 1)).axes
    assert price.get_title(loc="left") == "DERIBIT:PERP:BTC-USD, 1m"
    assert (price.get_ylabel(), volume.get_ylabel()) == ("price (price currency)", "volume\n(as amount)")
    assert volume.get_xlabel() == "2024-03-01, UTC"


@pytest.mark.parametrize("draw", [lambda **options: plot.coverage(COVERAGE, **options), lambda **options: plot.candles(minutes(0, 1), **options)])
def test_made_up_data_are_named_and_a_notebook_gets_an_image(draw):
    narrow, wide = draw(width=3.6, synthetic=True), draw(width=9.0)
    assert narrow.axes[0].get_title(loc="left").endswith("\nsynthetic data")
    assert "synthetic" not in wide.axes[0].get_title(loc="left")
    for figure, width in ((narrow, 3.6), (wide, 9.0)):
        image, size = figure._repr_png_()
        assert image.startswith(b"\x89PNG") and size["width"] == round(width * 96)
        assert min(text.get_fontsize() for axes in figure.axes for text in axes.get_xticklabels()) >= plot.SMALL_PT


REFUSED = [("no coverage", lambda: plot.coverage({name: [] for name in COVERAGE}), "no rows to draw"),
           ("no candles", lambda: plot.candles(minutes()), "make_candles"),
           ("two instruments", lambda: plot.candles({**minutes(0, 1), "instrument_key": ["A", "B"]}), "one instrument")]


@pytest.mark.parametrize("draw,words", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(draw, words):
    with pytest.raises(mtdh.BadRequest, match=words):
        draw()


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = "import sys, mtdh.plot, mtdh.bridges.hftbacktest, mtdh.bridges.nautilus; " \
           "print([name for name in ('matplotlib', 'numpy', 'hftbacktest', 'nautilus_trader', 'pandas') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
