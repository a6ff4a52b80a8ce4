"""Tardis' own Python client and mtdh ask the same stand-in vendor: they must get the same bytes."""

import hashlib
import pathlib
import tempfile

import tardis_dev

from stage import DAY, done, footer, mtdh, partition, sim

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


def main():
    checks = 0
    with sim() as vendor, tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lake, files = folder / "lake", folder / "files"
        key, endpoint = vendor["TARDIS_API_KEY"], vendor["TARDIS_DATASETS_URL"]
        for exchange, (symbols, data_types) in WANTED.items():
            tardis_dev.download_datasets(
                exchange=exchange, data_types=data_types, symbols=symbols, from_date=DAY, to_date="2024-03-02",
                api_key=key, download_dir=str(files), endpoint=endpoint,
            )
            keys = [KEYS[exchange, symbol] for symbol in symbols]
            mtdh("download", "--start-date", DAY, "--instruments", *keys, "--data-types", *data_types,
                 "--lake", lake, env=vendor)
            for symbol in symbols:
                for data_type in data_types:
                    theirs = (files / f"{exchange}_{data_type}_{DAY}_{symbol}.csv.gz").read_bytes()
                    ours = footer(partition(lake, data_type, KEYS[exchange, symbol]))
                    assert int(ours["mtdh.source_bytes"]) == len(theirs), (exchange, symbol, data_type)
                    assert ours["mtdh.source_sha256"] == hashlib.sha256(theirs).hexdigest(), (exchange, symbol, data_type)
                    checks += 1
        # The folder that their client filled serves as a source: the same rows, from the same bytes.
        again = folder / "again"
        mtdh("download", "--start-date", DAY, "--venues", "DERIBIT", "BINANCE", "OKX-SWAP", "--source", files,
             "--data-types", "trades", "--lake", again, env=vendor)
        for (exchange, symbol), instrument in KEYS.items():
            one, two = (footer(partition(where, "trades", instrument)) for where in (lake, again))
            # The folder has no entity tag, and with it another footer.
            for name in ("mtdh.source_etag", "mtdh.tail_crc32"):
                one.pop(name, None), two.pop(name, None)
            assert one == two, (exchange, symbol)
            checks += 1
        api = vendor["TARDIS_API_URL"]
        details = tardis_dev.get_exchange_details("deribit", endpoint=api)
        assert details["id"] == "deribit" and len(details["datasets"]["symbols"]) > 1300
        instruments = tardis_dev.get_instrument_info("deribit", api_key=key, endpoint=api)
        assert any(i["id"] == "BTC-PERPETUAL" for i in instruments)
        found = tardis_dev.find_instrument_symbols(
            ["deribit"], {"type": "perpetual"}, api_key=key, endpoint=api
        )
        assert "BTC-PERPETUAL" in found[0]["symbols"]
        checks += 3
    done(checks)


if __name__ == "__main__":
    main()
