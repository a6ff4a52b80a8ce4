"""Tardis' own Python client and mtdh ask the same stand-in vendor: they must get the same bytes."""

import hashlib

import pytest

from stage import DAY, footer, mtdh, partition

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("client")

WANTED = {
    "deribit": (["BTC-PERPETUAL", "BTC-29MAR24"], ["trades", "book_snapshot_5", "derivative_ticker", "quotes"]),
    "binance": (["BTCUSDT", "ETHUSDT"], ["trades", "incremental_book_L2", "book_snapshot_25", "book_ticker"]),
    "okex-swap": (["BTC-USDT-SWAP"], ["trades", "liquidations"]),
}
KEYS = {
    ("deribit", "BTC-PERPETUAL"): "DERIBIT:PERP:BTC-USD",
    ("deribit", "BTC-29MAR24"): "DERIBIT:FUTURE:BTC-USD-240329",
    ("binance", "BTCUSDT"): "BINANCE:SPOT_PAIR:BTC-USDT",
    ("binance", "ETHUSDT"): "BINANCE:SPOT_PAIR:ETH-USDT",
    ("okex-swap", "BTC-USDT-SWAP"): "OKX-SWAP:PERP:BTC-USDT",
}
FILES = [(exchange, symbol, data_type) for exchange, (symbols, types) in WANTED.items() for symbol in symbols for data_type in types]


@pytest.fixture(scope="module")
def fetched(vendor, tmp_path_factory):
    """A folder of the client's files, and a lake of the same."""
    import tardis_dev

    root = tmp_path_factory.mktemp("client")
    for exchange, (symbols, types) in WANTED.items():
        tardis_dev.download_datasets(
            exchange=exchange, data_types=types, symbols=symbols, from_date=DAY, to_date="2024-03-02",
            api_key=vendor["TARDIS_API_KEY"], download_dir=str(root / "files"), endpoint=vendor["TARDIS_DATASETS_URL"])
        mtdh("download", "--start-date", DAY, "--instruments", *(KEYS[exchange, symbol] for symbol in symbols),
             "--data-types", *types, "--lake", root / "lake", env=vendor)
    return root


@pytest.mark.parametrize("exchange, symbol, data_type", FILES)
def test_the_bytes_are_the_same(fetched, exchange, symbol, data_type):
    theirs = (fetched / f"files/{exchange}_{data_type}_{DAY}_{symbol}.csv.gz").read_bytes()
    ours = footer(partition(fetched / "lake", data_type, KEYS[exchange, symbol]))
    assert int(ours["mtdh.source_bytes"]) == len(theirs)
    assert ours["mtdh.source_sha256"] == hashlib.sha256(theirs).hexdigest()


def test_the_clients_folder_serves_as_a_source(fetched, vendor):
    """The same rows, from the same bytes."""
    again = fetched / "again"
    mtdh("download", "--start-date", DAY, "--venues", "DERIBIT", "BINANCE", "OKX-SWAP", "--source", fetched / "files",
         "--data-types", "trades", "--lake", again, env=vendor)
    for instrument in KEYS.values():
        one, two = (footer(partition(where, "trades", instrument)) for where in (fetched / "lake", again))
        # The folder has no entity tag, and with it another footer.
        for name in ("mtdh.source_etag", "mtdh.tail_crc32"):
            one.pop(name, None), two.pop(name, None)
        assert one == two, instrument


def test_the_client_understands_the_metadata(vendor):
    import tardis_dev

    key, api = vendor["TARDIS_API_KEY"], vendor["TARDIS_API_URL"]
    details = tardis_dev.get_exchange_details("deribit", endpoint=api)
    assert details["id"] == "deribit" and len(details["datasets"]["symbols"]) > 1300
    instruments = tardis_dev.get_instrument_info("deribit", api_key=key, endpoint=api)
    assert any(one["id"] == "BTC-PERPETUAL" for one in instruments)
    found = tardis_dev.find_instrument_symbols(["deribit"], {"type": "perpetual"}, api_key=key, endpoint=api)
    assert "BTC-PERPETUAL" in found[0]["symbols"]
