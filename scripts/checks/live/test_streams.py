"""Streams one by one against the stand-in exchanges: bad symbols, a stream that is silent, and a tardis-machine as the source."""

import re

import pytest

import fast_clock
import stage
from recording import SYMBOLS as SERVED, served, stand_in
from stand_in import SYMBOLS, exchange, gaps, rebuilt, record, rows

# Of the venue's form, and unknown to the stand-in.
UNKNOWN = {
    "binance": "NOUSDT",
    "deribit": "NO-PERPETUAL",
    "bybit": "NOUSDT",
    "okex-swap": "NO-USDT-SWAP",
    "upbit": "KRW-NO",
    "coinbase": "NO-USD",
    "kraken": "NO/USD",
    "bitmex": "NOUSD",
    "hyperliquid": "NO",
}


@pytest.mark.parametrize("venue", UNKNOWN)
def test_a_bad_symbol_costs_the_others_nothing(venue, tmp_path):
    lake = tmp_path / "lake"
    with exchange(venue, tmp_path / "sim") as playing:
        summary = record(playing, venue, lake, symbol=f"{UNKNOWN[venue]},{SYMBOLS[venue]}")
        assert playing.breaches() == []
    assert summary["failures"] == [] and summary["unread"] == 0, summary
    found = gaps(lake)
    # Each refused stream once; the connection stayed.
    assert {row["kind"] for row in found} <= {"refused"}, found
    assert len(found) == len({row["detail"] for row in found}), found
    # Of a swap the index is refused too, which has another name.
    bad = UNKNOWN[venue].removesuffix("-SWAP")
    assert all(bad.lower() in row["detail"].lower() for row in found), found
    assert rows(lake, "trades") and rows(lake, "incremental_book_L2"), summary


def test_symbols_of_another_form_are_left_out_before_anything_is_asked_for(tmp_path):
    lake = tmp_path / "lake"
    with exchange("okex-swap", tmp_path / "sim") as playing:
        words = ["live", "record", "--venues", "OKEX-SWAP", "--symbols", "BTCUSDT", "BTC-USDT-SWAP", "XBTUSD"]
        ended = stage.run_mtdh(*words, "--for", "5s", "--lake", lake, "--format", "json", env=playing.env)
    assert len(re.findall("is left out", ended.stderr)) == 2, ended.stderr
    assert "refused" not in ended.stderr and gaps(lake) == [], ended.stderr
    assert rows(lake, "trades")


def test_a_stream_that_is_silent_alone_is_subscribed_to_anew(tmp_path, figures):
    lake = tmp_path / "lake"
    planted = {"kind": {"delay": {"ms": 45_000}}, "data_type": "book", "at": 140}
    with exchange("binance", tmp_path / "sim", [planted], clock=fast_clock.Clock(20)) as playing:
        summary = record(playing, "binance", lake, seconds=75)
        (truth,) = [line for line in playing.truth() if line["what"] == "delay"]
        assert playing.breaches() == []
    silent = [row for row in gaps(lake) if row["kind"] == "silence"]
    assert [row["data_type"] for row in silent] == ["incremental_book_L2"], (gaps(lake), truth)
    lasted = (silent[0]["to_local"] - silent[0]["from_local"]).total_seconds()
    assert 30 < lasted < 50, (silent, truth)
    assert not any(row["kind"] == "disconnect" for row in gaps(lake)), gaps(lake)
    assert summary["failures"] == [] and rebuilt(lake)[0]["differ"] == []
    figures(silent_seconds=lasted)


def test_a_tardis_machine_can_be_the_source(tmp_path, figures):
    """What one program serves as tardis-machine does, another one records: rows are equal where both saw them."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with stand_in() as addresses, served(first, addresses, "--parts", "2s") as port:
        words = ["live", "record", "--machine", f"ws://127.0.0.1:{port}", "--venues", "BINANCE", "--symbols", ",".join(SERVED)]
        types = ["--data-types", "trades,book_ticker,incremental_book_L2"]
        ended = stage.run_mtdh(*words, *types, "--for", "8s", "--lake", second, "--format", "json")
    assert "by way of the tardis-machine" in ended.stderr and ended.returncode == 0, (ended.returncode, ended.stderr)
    assert gaps(second) == [], gaps(second)
    assert rebuilt(second)[0]["differ"] == []
    for data_type, least in (("trades", 20), ("book_ticker", 20), ("incremental_book_L2", 20)):
        of = [[tuple(row.values()) for row in rows(lake, data_type)] for lake in (first, second)]
        assert len(of[1]) > least, (data_type, len(of[1]))
        # The second one came later, and was given books as they were then.
        is_change = lambda row: data_type != "incremental_book_L2" or row[2] is False
        lacking = {row for row in of[1] if is_change(row)} - set(of[0])
        assert not lacking, (data_type, sorted(lacking)[:5])
        figures(**{data_type: len(of[1])})
