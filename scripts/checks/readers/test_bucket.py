"""The lake in a bucket is that of a folder, byte for byte. In Google's, its own client lists and reads what mtdh wrote; the S3
server keeps what leases and shared tables rest on."""

import io

import pyarrow.parquet
import pytest

import lakes
from stage import DAY, mtdh

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("buckets")

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "FUTURE"]
TRADES = f"raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet"


@pytest.fixture(scope="module")
def local(vendor, tmp_path_factory):
    """The same lake in a folder."""
    folder = lakes.Folder(tmp_path_factory.mktemp("local") / "lake")
    mtdh("full-pipeline", *WORDS, "--lake", folder.url, env=vendor)
    return folder


@pytest.mark.parametrize("lake", ["gcs", "s3"], indirect=True)
def test_a_bucket_has_the_bytes_of_a_folder(vendor, local, lake):
    env = {**vendor, **lake.env}
    mtdh("full-pipeline", *WORDS, "--lake", lake.url, env=env)
    assert len(lake.contents()) > 100
    lakes.assert_equal(lake, local)
    lakes.assert_right(lake.objects())
    # A second run finds everything there and writes nothing.
    versions = lambda: {name: version for name, version in lake.names().items() if not name.startswith(lakes.APART)}
    before = versions()
    mtdh("download", *WORDS, "--lake", lake.url, env=env)
    assert versions() == before


@pytest.mark.parametrize("lake", ["gcs", "s3"], indirect=True)
def test_a_bucket_that_is_not_there_is_said(vendor, lake):
    env = {**vendor, **lake.env}
    address = f"{lake.url.split('://')[0]}://no-such-bucket"
    mtdh("download", *WORDS, "--lake", address, env=env, expect=2)
    mtdh("ls", "--lake", address, env=env, expect=2)


def test_googles_own_client_reads_it(sim, local, monkeypatch):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    vendor = sim("--bucket", "lake-bucket")
    # Without --lake: the bucket that the environment names.
    mtdh("full-pipeline", *WORDS, env=vendor)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", vendor["STORAGE_EMULATOR_HOST"])
    client = storage.Client(project="check", credentials=AnonymousCredentials())
    blobs = {blob.name: blob for blob in client.list_blobs("lake-bucket") if not blob.name.startswith("runs/")}
    files = local.contents()
    assert set(blobs) == set(files) and len(files) > 100, set(blobs) ^ set(files)
    different = [name for name, content in files.items() if blobs[name].download_as_bytes() != content]
    assert not different, different[:5]
    assert pyarrow.parquet.read_table(io.BytesIO(blobs[TRADES].download_as_bytes())).num_rows > 0
    mtdh("download", *WORDS, env=vendor)
    after = {blob.name: blob.generation for blob in client.list_blobs("lake-bucket") if not blob.name.startswith("runs/")}
    assert after == {name: blob.generation for name, blob in blobs.items()}


def test_the_s3_server_keeps_conditions(s3_server):
    """The two conditions that leases and shared tables rest on; a server that did not keep them would prove nothing."""
    client, _ = s3_server
    client.put_object(Bucket="lake", Key="once", Body=b"1", IfNoneMatch="*")
    tag = client.head_object(Bucket="lake", Key="once")["ETag"]
    for words in ({"IfNoneMatch": "*"}, {"IfMatch": '"00000000000000000000000000000000"'}):
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.put_object(Bucket="lake", Key="once", Body=b"2", **words)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412, refused.value
    client.put_object(Bucket="lake", Key="once", Body=b"3", IfMatch=tag)
    client.delete_object(Bucket="lake", Key="once")
