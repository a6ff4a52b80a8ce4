"""The lake in a bucket: Google's own client lists and reads what mtdh wrote, and the bytes are those of a local lake."""

import io
import os
import pathlib
import tempfile

import pyarrow.parquet
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from stage import DAY, done, mtdh, sim

WORDS = ["full-pipeline", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "FUTURE"]


def main():
    checks = 0
    with sim("--bucket", "lake-bucket") as vendor, tempfile.TemporaryDirectory() as local:
        mtdh(*WORDS, "--lake", local, env=vendor)
        mtdh(*WORDS, env=vendor)
        os.environ["STORAGE_EMULATOR_HOST"] = vendor["STORAGE_EMULATOR_HOST"]
        client = storage.Client(project="check", credentials=AnonymousCredentials())
        blobs = {blob.name: blob for blob in client.list_blobs("lake-bucket") if not blob.name.startswith("runs/")}
        files = {str(p.relative_to(local)): p for p in pathlib.Path(local).rglob("*") if p.is_file()}
        files = {name: path for name, path in files.items() if not name.startswith(("runs/", "_tmp/"))}
        assert set(blobs) == set(files) and len(files) > 100, set(blobs) ^ set(files)
        for name, path in files.items():
            assert blobs[name].download_as_bytes() == path.read_bytes(), name
            checks += 1
        name = f"raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(blobs[name].download_as_bytes()))
        assert table.num_rows > 0
        # A second run finds everything there and writes nothing.
        before = {name: blob.generation for name, blob in blobs.items()}
        mtdh("download", *WORDS[1:], env=vendor)
        after = {b.name: b.generation for b in client.list_blobs("lake-bucket") if not b.name.startswith("runs/")}
        assert before == after
        mtdh("download", *WORDS[1:], "--lake", "gs://no-such-bucket", env=vendor, expect=2)
        checks += 3
    done(checks)


if __name__ == "__main__":
    main()
