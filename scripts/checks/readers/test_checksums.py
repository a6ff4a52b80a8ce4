"""pyarrow verifies the pages of every file that mtdh writes, and refuses those of which a bit was flipped. Nothing of ours reads."""

import random

import pyarrow.parquet as pq
import pytest

from stage import DAY, partition

SEED, FLIPS = 1, 200
KEY = "DERIBIT:PERP:BTC-USD"


def read(path):
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def pages(path):
    """Where the column chunks of a file lie: headers and pages."""
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(metadata.num_columns)]
    starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
    return [(start, start + column.total_compressed_size) for start, column in zip(starts, columns, strict=True)]


def flip(content, at, bit=0):
    """The same bytes, with one bit another."""
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    return bytes(changed)


def test_a_flipped_bit_is_found(vendor, mtdh, tmp_path):
    lake, what = tmp_path / "lake", ["--lake", tmp_path / "lake", "--start-date", DAY]
    perps = ["--venues", "DERIBIT", "--instrument-types", "PERP"]
    mtdh("full-pipeline", *what, "--venues", "DERIBIT", "--instrument-types", "PERP,FUTURE", env=vendor)
    mtdh("candles", *what, *perps, "--timeframes", "1m", env=vendor)
    mtdh("plan", *what, *perps, "--force", "--save", "r", env=vendor)
    mtdh("get", KEY, "--data-type", "trades", "--start", DAY, "--lake", lake, "-o", lake / "got.parquet", env=vendor)
    files = sorted(lake.rglob("*.parquet"))
    right = {path: read(path) for path in files}
    kinds = {path.relative_to(lake).parts[0] for path in files}
    assert len(kinds) >= 7, kinds

    numbers, flipped = random.Random(SEED), tmp_path / "flipped.parquet"
    of = {path: found for path in files if (found := pages(path))}
    for number in range(FLIPS):
        path = numbers.choice(list(of))
        # The last byte of a chunk is a page's, never a header's.
        at = numbers.choice(of[path])[1] - 1
        flipped.write_bytes(flip(path.read_bytes(), at, numbers.randrange(8)))
        with pytest.raises(OSError, match="CRC|orrupt"):
            read(flipped)
            pytest.fail(f"seed {SEED}, flip {number}: pyarrow reads {path} with byte {at} changed")

    # In a lake: found without being decoded, and healed by a plain download to the same values.
    path, some = partition(lake, "trades", KEY), [*what, "--instruments", KEY]
    path.write_bytes(flip(path.read_bytes(), pages(path)[0][1] - 1))
    mtdh("validate", *some, "--bytes", expect=1, env=vendor)
    mtdh("download", *some, env=vendor)
    mtdh("validate", *some, "--bytes", env=vendor)
    assert read(path) == right[path]
