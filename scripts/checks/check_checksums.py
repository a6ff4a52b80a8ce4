"""pyarrow verifies the pages of every file that mtdh writes, and refuses those of which a bit was flipped. Nothing of ours reads."""

import pathlib
import random
import tempfile

import pyarrow.parquet as pq
import stage

SEED, FLIPS = 1, 200


def read(path):
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def pages(path):
    """Where the column chunks of a file lie: headers and pages."""
    metadata = pq.read_metadata(path)
    columns = [
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    ]
    starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
    return [(start, start + column.total_compressed_size) for start, column in zip(starts, columns, strict=True)]


with tempfile.TemporaryDirectory() as folder, stage.sim() as variables:
    folder = pathlib.Path(folder)
    lake = folder / "lake"
    what = ["--lake", lake, "--start-date", stage.DAY]
    stage.mtdh("full-pipeline", *what, "--venues", "DERIBIT", "--instrument-types", "PERP,FUTURE", env=variables)
    stage.mtdh("candles", *what, "--venues", "DERIBIT", "--instrument-types", "PERP", "--timeframes", "1m", env=variables)
    stage.mtdh("plan", *what, "--venues", "DERIBIT", "--instrument-types", "PERP", "--force", "--save", "r", env=variables)
    got = folder / "lake" / "got.parquet"
    key = "DERIBIT:PERP:BTC-USD"
    stage.mtdh("get", key, "--data-type", "trades", "--start", stage.DAY, "--lake", lake, "-o", got, env=variables)
    files = sorted(lake.rglob("*.parquet"))
    right = {path: read(path) for path in files}
    kinds = {str(path.relative_to(lake)).split("/")[0] for path in files}
    assert len(kinds) >= 7, kinds

    numbers = random.Random(SEED)
    refused = 0
    for flip in range(FLIPS):
        path = numbers.choice([path for path in files if pages(path)])
        # The last byte of a chunk is a page's, never a header's.
        at = numbers.choice(pages(path))[1] - 1
        bytes_ = bytearray(path.read_bytes())
        bytes_[at] ^= 1 << numbers.randrange(8)
        flipped = folder / "flipped.parquet"
        flipped.write_bytes(bytes_)
        try:
            read(flipped)
            raise SystemExit(f"seed {SEED}, flip {flip}: pyarrow reads {path} with byte {at} changed")
        except OSError as error:
            assert "CRC" in str(error) or "orrupt" in str(error), error
            refused += 1

    # In a lake: found without being decoded, and healed by a plain download to the same values.
    path = stage.partition(lake, "trades", key)
    bytes_ = bytearray(path.read_bytes())
    bytes_[pages(path)[0][1] - 1] ^= 1
    path.write_bytes(bytes_)
    some = [*what, "--instruments", key]
    stage.mtdh("validate", *some, "--bytes", expect=1, env=variables)
    stage.mtdh("download", *some, env=variables)
    stage.mtdh("validate", *some, "--bytes", env=variables)
    assert read(path) == right[path]

stage.done(len(files) + refused + 3)
