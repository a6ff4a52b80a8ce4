"""What a year of Deribit and Binance asks for, on paper: files, bytes, requests, days under the vendor's caps, machines, money.

    python scripts/scale_paper.py [--days 365] [--workers 8] [--cores 4] [--vm-hour 0.20] …

Sizes marked "observed" are of single days that users of the vendor told of in public; the others are assumptions, made plain
here to be changed. Prices are parameters: look up those of your region.
"""

import argparse

# venue, data type, vendor files a day, compressed bytes a day, where the size comes from
DAY = [
    ("DERIBIT", "options_chain", 1, 9.5e9, "observed, the largest of 2026; 4.5e9 in 2025"),
    ("DERIBIT", "trades", 4, 0.1e9, "assumed; group files for options"),
    ("DERIBIT", "book_snapshot_5", 200, 2.0e9, "assumed; options by group file"),
    ("DERIBIT", "derivative_ticker", 100, 0.3e9, "assumed"),
    ("DERIBIT", "liquidations", 3, 0.001e9, "assumed; group files"),
    ("BINANCE", "trades", 1, 0.427e9, "observed, the group file SPOT"),
    ("BINANCE", "book_snapshot_5", 1500, 6.0e9, "assumed: 4 MB a pair"),
    ("BINANCE-FUTURES", "trades", 1, 1.93e9, "observed, the group file PERPETUALS"),
    ("BINANCE-FUTURES", "derivative_ticker", 1, 1.12e9, "observed, the group file PERPETUALS"),
    ("BINANCE-FUTURES", "book_snapshot_5", 500, 4.0e9, "assumed: 8 MB a perpetual"),
    ("BINANCE-FUTURES", "liquidations", 1, 0.01e9, "assumed"),
]

# plan, requests a minute, bytes a month; a key of the first works from one address at a time
PLANS = [("Solo, Academic, Professional", 3000, 20e12), ("Business", 9000, 60e12)]
MONTH = 30.4


def main():
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--workers", type=int, default=8, help="machines")
    parser.add_argument("--cores", type=int, default=4, help="cores of each")
    parser.add_argument("--core-mb", type=float, default=36.0, help="compressed MB that a core converts in a second")
    parser.add_argument("--address-mb", type=float, default=125.0, help="MB/s that the vendor gives one address")
    parser.add_argument("--ratio", type=float, default=0.65, help="size of the lake's objects, of the vendor's files")
    parser.add_argument("--vm-hour", type=float, default=0.20, help="price of a machine's hour")
    parser.add_argument("--spot", type=float, default=0.4, help="share of that price that Spot costs")
    parser.add_argument("--gb-month", type=float, default=0.02, help="price of a GB's month in the bucket")
    parser.add_argument("--put-1000", type=float, default=0.005, help="price of 1,000 writes to the bucket")
    options = parser.parse_args()

    files = sum(row[2] for row in DAY) * options.days
    size = sum(row[3] for row in DAY) * options.days
    print("| venue | data type | files a day | GB a day | size |\n|---|---|---|---|---|")
    for venue, data_type, count, amount, basis in DAY:
        print(f"| {venue} | {data_type} | {count:,} | {amount / 1e9:.3f} | {basis} |")
    print(f"\n{options.days} days: {files:,} files and as many requests, {size / 1e12:.1f} TB compressed\n")

    print("| bottleneck | hours | formula |\n|---|---|---|")
    convert = size / (options.workers * options.cores * options.core_mb * 1e6) / 3600
    network = size / (options.address_mb * 1e6) / 3600
    spread = network / options.workers
    print(f"| processors, {options.workers} machines of {options.cores} cores | {convert:.1f} | bytes / (machines x cores x MB/s) |")
    print(f"| network, one address | {network:.1f} | bytes / MB/s of an address |")
    print(f"| network, {options.workers} addresses | {spread:.1f} | the same / machines |")
    for plan, per_minute, per_month in PLANS:
        print(f"| requests, {plan} | {files / per_minute / 60:.1f} | requests / cap |")
        print(f"| bytes, {plan} | {size / per_month * MONTH * 24:.0f} | bytes / cap: {size / per_month * MONTH:.0f} days |")

    print("\n| cost | amount | formula |\n|---|---|---|")
    hours = max(convert, spread) * options.workers
    print(f"| machines, flat out | {hours * options.vm_hour:.0f} | machine hours ({hours:.0f}) x price of an hour |")
    print(f"| the same, Spot | {hours * options.vm_hour * options.spot:.0f} | x {options.spot} |")
    one = network * options.vm_hour
    print(f"| one machine instead | {one:.0f} | hours of one address ({network:.0f}) x price of an hour |")
    print(f"| writes to the bucket | {files * options.put_1000 / 1000:.0f} | one a partition, more where a group has many |")
    print(f"| the lake, a month | {size * options.ratio / 1e9 * options.gb_month:.0f} | bytes x {options.ratio} x price of a GB |")


if __name__ == "__main__":
    main()
