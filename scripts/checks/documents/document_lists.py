"""What test_documents.py knows of lines of the documents beforehand."""

CI = ".ci/run runs it as a step of its own"
CLOUD = "needs a project of Google Cloud and its provider from the registry; test_deploy_files.py has the files"

STAND_IN = "connects to an exchange, or reads what was recorded of it; scripts/checks/live runs it against a stand-in"

# The one list of lines that are not run, with the reason. Verbs, flags and scripts in them are checked all the same.
NOT_RUN = {
    "cargo build --release": CI,
    "mtdh publish bigquery --dry-run --dataset my-project.ticks --start 2024-03-01 --data-types trades --lake gs://my-bucket > load.sql":
        "needs a bucket; closed_outputs.rs runs it with the stand-in's",
    "mtdh serve": "serves until it is ended; scripts/checks/serve runs it",
    "mtdh live serve --venues BINANCE --symbols BTCUSDT,ETHUSDT --data-types trades,incremental_book_L2":
        "connects to an exchange; scripts/checks/live runs it against a stand-in",
    "mtdh live record --venues BINANCE-FUTURES --symbols BTCUSDT --capture-only --for 1h": STAND_IN,
    "mtdh live replay live_capture/binance-futures/day-2026-11-30/*.mtr --venue BINANCE-FUTURES --lake check": STAND_IN,
    "mtdh live record --venues BINANCE-FUTURES --symbols BTCUSDT,ETHUSDT --data-types trades,incremental_book_L2": STAND_IN,
    "mtdh live rebuild --day 2026-11-30": STAND_IN,
    "mtdh live record --venues KRAKEN --symbols NO/USD,BTCUSD,BTC/USD --data-types trades": STAND_IN,
    "curl -N 'http://127.0.0.1:8087/live/events?type=trades'": STAND_IN,
    "mtdh live status": STAND_IN,
    "mtdh validate --origin live --start-date 2026-11-30": STAND_IN,
    "mtdh live record --machine ws://localhost:8001 --venues BINANCE --symbols BTCUSDT --data-types trades,incremental_book_L2": STAND_IN,
    "mtdh live replay usdm_btcusdt.gz --venue BINANCE-FUTURES": "reads a recording that is not here; test_record.py replays one",
    "mtdh live compare --day 2024-03-01 --output parity.json": "needs a recording of that day; crates/engine/tests/engine/compared.rs has planted ones",
    "mtdh sim exchange binance deribit --symbols btcusdt BTC-PERPETUAL --seconds 60": "serves for a minute; scripts/checks/live runs it",
    "mtdh sim replay usdm_btcusdt.gz --venue binance-futures --pace max": "reads a recording that is not here; crates/sim/tests has one replayed",
    "cargo test --workspace": CI,
    "scripts/check.sh": CI,
    ".ci/run": "this test is a part of it",
    "scripts/fuzz.sh 20": CI,
    "python3 -m venv .venv && .venv/bin/python -m pip install -r scripts/requirements.txt": "asks a package registry; .ci/run does it first",
    ".venv/bin/python -m pytest scripts/checks -n 6 --dist loadgroup": CI,
    ".venv/bin/python -m pytest scripts/checks/readers/test_readers.py": CI,
    ".venv/bin/python -m pytest scripts/checks/faults/test_faults.py": CI,
    ".venv/bin/python -m pytest scripts/checks/faults/test_faults.py -k test_seed --seeds 5000 --first-seed 1001":
        "takes hours; the same test with one seed is run",
    ".venv/bin/python -m pytest scripts/checks/faults/test_nth_io.py": CI,
    ".venv/bin/python -m pytest scripts/checks/faults/test_nth_io.py --all": "takes many minutes; the same test with one n is run",
    "cd deploy/terraform": CLOUD,
    "terraform init": CLOUD,
    "terraform apply -var project=my-project -var region=europe-west4 -var zone=europe-west4-a -var bucket=my-bucket"
    " -var image=europe-west4-docker.pkg.dev/my-project/market-data-tick-handler/mtdh:v1": CLOUD,
    "terraform output -raw env >>../../.env": CLOUD,
    "python deploy/dask/shards.py tcp://SCHEDULER:8786 16 march --lake gs://my-bucket": "needs a Dask cluster; test_dask.py has one",
    "RAY_ADDRESS=auto python deploy/ray/shards.py 16 march --lake gs://my-bucket": "needs a Ray cluster; tried by hand, see the document",
}

# DuckDB's program is in the environment of the tests, not on the search path.
for line in (
    'mtdh sql "select instrument_key, count(*) as trades, sum(amount) as amount from trades group by all order by trades desc limit 3"'
    " --start 2024-03-01 --venues DERIBIT --instrument-types PERP",
    'mtdh sql "select timestamp, open, close from candles_1h order by timestamp" --start 2024-03-01 --instruments DERIBIT:PERP:BTC-USD'
    " --format csv",
    'mtdh sql "select status, count(*) from available group by all" --start 2024-03-01',
):
    NOT_RUN[line] = "needs DuckDB's program; test_paths.py runs queries by it"

# What changes the machine that the tests run on.
for line, reason in {
    "cargo install --locked --path crates/mtdh": "builds the program again, which takes minutes",
    "cargo uninstall mtdh": "nothing is installed by cargo",
    "sudo apt install ./mtdh_*.deb": "test_package.py installs it on a clean machine",
    "sudoedit /etc/default/mtdh": "an editor",
    "sudo systemctl enable --now mtdh-sync.timer": "needs systemd",
    "journalctl --unit mtdh-sync.service": "needs systemd",
    "sudo systemctl enable --now mtdh-daily.timer": "needs systemd; test_package.py runs the unit's command",
    "systemctl list-timers mtdh-daily.timer": "needs systemd",
    "journalctl --unit mtdh-daily.service": "needs systemd",
    "pip install mtdh-*.whl": "scripts/release/wheels.sh does it in a clean environment",
    "pip install .": "builds the package, which takes minutes",
    "pip install hftbacktest==2.4.4": "changes the Python of this machine; scripts/requirements-bridges.txt has it",
    "pip install nautilus_trader": "changes the Python of this machine; scripts/requirements-bridges.txt has it",
    "docker load --input mtdh-*-image.tar": "needs a runtime; test_release.py reads the archive",
    "docker run --rm mtdh:0.1.0 demo": "needs the image of a release; test_container.py runs the demo in one",
    "docker image rm mtdh:0.1.0": "needs the image of a release",
    "scripts/release.sh --static": "builds the static program, which takes minutes; test_release.py runs it without",
}.items():
    NOT_RUN[line] = reason

# Google's own tools, which not every machine has.
BUCKET_TOOLS = "test_bucket_tools.py runs it with Google's own tools where they are installed"
DAY_OF_BUCKET = "gs://my-bucket/raw_tick_data/by_date/day-2024-03-01"
for line in (
    f"gcloud storage ls {DAY_OF_BUCKET}/",
    f"gcloud storage cp {DAY_OF_BUCKET}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet ./",
    f"gcloud storage cp --recursive {DAY_OF_BUCKET}/data_type-trades ./",
    "gcloud storage cp gs://my-bucket/instrument_availability/by_date/day-2024-03-01/instruments.parquet ./",
    f"gsutil ls {DAY_OF_BUCKET}/",
    f"gsutil cp {DAY_OF_BUCKET}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet ./",
    f"gsutil -m cp -r {DAY_OF_BUCKET}/data_type-trades ./",
    "gsutil cp gs://my-bucket/instrument_availability/by_date/day-2024-03-01/instruments.parquet ./",
):
    NOT_RUN[line] = BUCKET_TOOLS

# Lines whose document says that they end with another status than 0.
ENDS_WITH = {
    # One VM is gone, one at work.
    "deploy/vm/mtdh-vm.sh status march": 3,
    # The made-up recorder repeats trades when it connects again, and the exchange does not.
    "mtdh check all --start-date 2024-03-01 --fail-on warning --report junit.xml": 1,
    # The second shell's pipeline meets the faults that the document has planted.
    "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades": 1,
    # One of eight workers has run: the run is not done.
    "mtdh monitor my-run --watch": 1,
    "mtdh monitor my-run": 1,
    # A name that nothing has is told with those that may be meant.
    "mtdh ls --instruments BTCUSDT": 1,
    "mtdh get BTC/USDT:USDT --data-type trades --start 2024-03-01": 2,
}

# Blocks of output that are not compared, by document and first line, with the reason.
OTHER_OUTPUT = {
    ("docs/how-to/many-workers.md", "$ mtdh monitor my-run"): "of a run in which a worker was killed",
    ("docs/reference/settings.md", "$ mtdh config show"): "of a folder with other settings",
    ("docs/how-to/own-files.md", "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz          as in the vendor's URLs"): "names of files, no output",
}

# Documents that are read in the smaller world with the later clock from their beginning.
LATER = {"docs/how-to/deploy.md", "docs/how-to/deploy-vms.md", "docs/how-to/deploy-schedulers.md", "docs/how-to/check.md"}

# Documents whose Python another test runs, in an environment that has what it needs.
ELSEWHERE = {"docs/how-to/backtest.md": "test_backtest_page.py"}

# What stands in a document for something of the reader's own.
READ_AS = {
    "cargo run --release -- ": "mtdh ",
    "TD.…": "{key}",
    "/shared/lake": "{folder}/shared-lake",
}

# Settings that the scripts in deploy/ take from .env.
SETTINGS = {
    "GCP_PROJECT_ID": "my-project", "GCP_ZONE": "europe-west4-a", "GCP_REGION": "europe-west4",
    "MTDH_SERVICE_ACCOUNT": "mtdh@my-project.iam.gserviceaccount.com", "MTDH_POLL_SECONDS": "0",
    "MTDH_IMAGE": "europe-west4-docker.pkg.dev/my-project/market-data-tick-handler/mtdh:v1", "MTDH_LEASE_SECONDS": "2",
}

FETCH = 'fetch() { curl -sSfL -H "Authorization: Bearer $TARDIS_API_KEY" -o "$2" "$TARDIS_DATASETS_URL/$1"; }\n'
DAY = "2024/03/01"

# What a reader has who begins with a document, by document and world.
SETUP = {
    ("docs/how-to/candles.md", "usual"): """
mtdh download --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP
cp data/raw_tick_data/by_date/day-2024-03-01/data_type-trades/DERIBIT:PERP:BTC-USD.parquet trades.parquet
""",
    ("docs/how-to/deploy-vms.md", "later"): """
echo '{"march/0": [[0]], "march/1": [["gone"]], "march/2": [["RUNNING"]], "march/3": [[20]]}' >"$GCLOUD_STAND_IN/plays.json"
echo GCS_BUCKET=my-bucket >"$MTDH_ENV_FILE"
""",
    ("docs/how-to/find.md", "usual"): "mtdh demo; mv mtdh-demo data",
    ("docs/how-to/sql.md", "usual"): """
mtdh download --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP
""",
    ("docs/how-to/export.md", "usual"): """
mtdh download --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP
""",
    ("docs/how-to/from-the-predecessor.md", "usual"): 'echo GCS_BUCKET=my-bucket >"$MTDH_ENV_FILE"; mkdir -p data',
    # In place of a release's static program.
    ("docs/how-to/install.md", "usual"): """
mkdir -p mtdh-linux-static/bin && cp "$MTDH" mtdh-linux-static/bin/mtdh
mtdh man mtdh-linux-static/share/man/man1
tar czf mtdh-0-linux-static.tar.gz mtdh-linux-static && rm -r mtdh-linux-static
sha256sum mtdh-0-linux-static.tar.gz >SHA256SUMS
""",
    ("docs/how-to/deploy.md", "later"): 'echo GCS_BUCKET=my-bucket >"$MTDH_ENV_FILE"',
    ("docs/how-to/deploy-schedulers.md", "later"): 'echo GCS_BUCKET=my-bucket >"$MTDH_ENV_FILE"',
    ("docs/how-to/read.md", "usual"): """
mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP
mtdh download --start-date 2024-03-01 --instruments DERIBIT:PERP:BTC-USD --data-types trades --lake gs://my-bucket
""",
    ("docs/how-to/iceberg.md", "usual"):
        "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades",
    ("docs/how-to/certify.md", "usual"): "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP",
    ("docs/how-to/validate.md", "usual"): "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP",
    ("docs/reference/times.md", "usual"): "mtdh download --start-date 2024-03-01 --instruments DERIBIT:PERP:BTC-USD --data-types trades",
    ("docs/reference/lake.md", "usual"):
        "mtdh download --start-date 2024-03-01 --instruments DERIBIT:PERP:BTC-USD --data-types trades --lake mtdh-demo",
    ("docs/how-to/own-files.md", "usual"): FETCH + f"""
mkdir -p files/deribit/trades/{DAY}
fetch deribit/trades/{DAY}/BTC-PERPETUAL.csv.gz files/deribit/trades/{DAY}/BTC-PERPETUAL.csv.gz
fetch binance/trades/{DAY}/BTCUSDT.csv.gz files/binance_trades_2024-03-01_BTCUSDT.csv.gz
cp files/binance_trades_2024-03-01_BTCUSDT.csv.gz .
mtdh convert files/deribit/trades/{DAY}/BTC-PERPETUAL.csv.gz --output trades.parquet
""",
    ("docs/how-to/check.md", "later"): FETCH + f"""
mtdh download --start-date 2024-03-01 --end-date 2024-03-07 --venues DERIBIT BINANCE
for type in incremental_book_L2 book_snapshot_5; do
  fetch deribit/$type/{DAY}/BTC-PERPETUAL.csv.gz $type.csv.gz
done
fetch binance-futures/trades/{DAY}/BTCUSDT.csv.gz t.csv.gz
mtdh convert t.csv.gz --output trades.parquet --data-type trades
mtdh candles --input trades.parquet --timeframes 1m,5m --output .
mtdh candles --start-date 2024-03-01 --venues DERIBIT --timeframes 1m,5m
python - <<'END'
import csv, json, os, urllib.request, zipfile
for path, name in (("api", "BTCUSDT-1m-2024-03.csv"), ("fapi", "klines.csv")):
    rows = []
    for start in (1709251200000, 1709294400000):
        where = f"{{os.environ['BINANCE_URL']}}/{{path}}/{{'v3' if path == 'api' else 'v1'}}/klines?symbol=BTCUSDT&interval=1m&limit=720&startTime={{start}}"
        rows += json.load(urllib.request.urlopen(where))
    with open(name, "w", newline="") as file:
        csv.writer(file).writerows(rows)
zipfile.ZipFile("BTCUSDT-1m-2024-03.zip", "w").write("BTCUSDT-1m-2024-03.csv")
END
""",
}
