"""The lines of the predecessor's README, one row each: what people type, how it ends, one line of what is said, and what must be
there afterwards. Rows of one group are typed in order, in one folder.

A line that begins with `python -m src.main` is `mtdh`; other programs in Python are what docs/how-to/from-the-predecessor.md says."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """What the README has (`old`), what is typed here where that differs (`words`), the exit status, a line of the output as a
    pattern, and objects, each a pattern of a path below the folder. `is_new`: of a program that has `doctor` and `--mode`."""

    old: str
    words: str = ""
    status: int = 0
    line: str = ""
    objects: tuple = ()
    is_new: bool = False


DAY = "--start-date 2023-05-23 --end-date 2023-05-23"
DAYS = "--start-date 2023-05-23 --end-date 2023-05-25"
FIVE = "--venues deribit --max-instruments 5"
TABLE = "data/instrument_availability/by_date/day-2023-05-{}/instruments.parquet"
AGGREGATE = "data/instrument_availability/aggregate/instruments_20230523_20230525.parquet"
TICKS = "data/raw_tick_data/by_date/day-2023-05-{}/data_type-trades/DERIBIT:*.parquet"
MAIN = "python -m src.main"


def main(rest, status=0, line="", objects=(), shorter=None):
    """A line of src.main; `shorter` is what is typed of it, where the whole would take minutes."""
    return Row(f"{MAIN} {rest}", f"mtdh {shorter or rest}", status, line, objects, is_new=True)


GROUPS = {
    "start and modes": [
        Row("cp env.example .env", objects=(".env",)),
        main(f"--mode instruments {DAY}", line="mtdh instruments", objects=(TABLE.format(23),)),
        main(f"--mode download {DAY} {FIVE}", line="mtdh download", objects=(TICKS.format(23),)),
        main(f"--mode instruments {DAYS}", line="mtdh instruments", objects=(TABLE.format(24), TABLE.format(25), AGGREGATE),
             shorter=f"--mode instruments {DAYS} --venues deribit"),
        main(f"--mode download {DAYS} --venues deribit", objects=(TICKS.format(24), TICKS.format(25)),
             shorter=f"--mode download {DAYS} {FIVE}"),
        main(f"--mode validate {DAYS}", line="^complete$", shorter=f"--mode validate {DAYS} {FIVE}"),
        main(f"--mode full-pipeline {DAYS}", line="^complete; next: mtdh check all", shorter=f"--mode full-pipeline {DAYS} {FIVE}"),
        main(f"{DAYS} --venues deribit --mode check-gaps", line="^complete$", shorter=f"{DAYS} {FIVE} --mode check-gaps"),
        main(f"--mode missing-reports {DAYS}", line="^complete$", shorter=f"--mode missing-reports {DAYS} {FIVE}",
             objects=("data/missing_data_reports/by_date/day-2023-05-24/missing_data.parquet",)),
        main(f"--mode available-tick-reports {DAYS}", line="^complete$", shorter=f"--mode available-tick-reports {DAYS} {FIVE}",
             objects=("data/available_tick_data/by_date/day-2023-05-24/available_data.parquet",)),
        main(f"--mode instruments {DAY} --exchanges deribit okex", line="--exchanges is now --venues"),
        main(f"--mode instruments {DAY} --exchanges deribit --max-workers 4", line="--max-workers does nothing"),
        main(f"{DAY} --exchanges deribit --log-level INFO --mode instruments", line="--log-level"),
        main("--mode candle-processing --start-date 2023-05-23 --venues deribit", line="mtdh candles",
             shorter="--mode candle-processing --start-date 2023-05-23 --venues deribit --instruments 'DERIBIT:FUTURE:*' --max-instruments 1"),
        main("--mode streaming-ticks --symbol BTC-USDT", status=2, line="the mode streaming-ticks is not here"),
        main("--mode bigquery-upload " + DAY, status=2, line="the mode bigquery-upload is not here"),
        main("--mode no-such-mode", status=2),
        main("--mode instruments --env-file other.env " + DAY, status=2, line="other.env"),
        Row("run a program without words", "mtdh", 2, "Usage: mtdh"),
    ],
    "run-main.sh": [
        Row(f"deploy/local/run-main.sh instruments {DAY}", f"deploy/local/run-main.sh instruments {DAY} --venues deribit",
            objects=(TABLE.format(23), ".env", "logs/instruments-*.log")),
        Row(f"deploy/local/run-main.sh download {DAY} {FIVE}", objects=(TICKS.format(23),)),
        Row(f"deploy/local/run-main.sh validate {DAY}", f"deploy/local/run-main.sh validate {DAY} {FIVE}", line="^complete$"),
        Row(f"deploy/local/run-main.sh full-pipeline {DAY}", f"deploy/local/run-main.sh full-pipeline {DAY} {FIVE}", line="^complete; next: mtdh check all"),
        Row(f"deploy/local/run-main.sh check-gaps {DAY}", f"deploy/local/run-main.sh check-gaps {DAY} {FIVE}", line="check-gaps is validate"),
        Row(f"deploy/local/run-main.sh {DAY} --mode instruments", f"deploy/local/run-main.sh {DAY} --venues deribit --mode instruments"),
        Row(f"deploy/local/run-main.sh --mode instruments {DAY} --exchanges deribit", line="--exchanges is now --venues", is_new=True),
        Row("deploy/local/run-main.sh missing-tick-reports", f"deploy/local/run-main.sh missing-tick-reports {DAY} {FIVE}", is_new=True,
            line="mtdh validate"),
        Row("deploy/local/run-main.sh streaming-ticks", status=2, line="is not here", is_new=True),
        Row("deploy/local/run-main.sh", status=2, line="run-main.sh MODE"),
        Row("ls -la logs/", line=r"validate-.*\.log"),
    ],
    "the four ways": [
        Row("python run_fixed_local_instrument_generation.py", f"mtdh instruments {DAYS} --venues deribit", line="2023-05-25 +DERIBIT +OPTION",
            objects=tuple(TABLE.format(day) for day in (23, 24, 25)) + (AGGREGATE,)),
        Row("./deploylocal/build-all.sh", "deploy/docker-build.sh latest", line="pushed to europe-west4-docker.pkg.dev"),
        Row("./deploylocal/run-instrument-generation.sh", f"deploy/local/run-docker.sh instruments {DAYS} --venues deribit",
            line="2023-05-25 +DERIBIT +OPTION", objects=("logs/instruments-*.log",)),
        Row("docker compose up --build instrument-generator", objects=(AGGREGATE,)),
        Row("docker compose up", objects=(AGGREGATE,)),
        Row("docker build -t market-tick-instrument-generator:latest .", "docker build --tag mtdh:latest ."),
        Row("docker run --env-file .env -v data:/app/data IMAGE",
            f'docker run --rm --env-file .env --volume "$PWD/data:/home/mtdh/data" mtdh:latest instruments {DAY} --venues deribit'),
        Row("ls -la data/", line="instrument_availability"),
        Row("docker images | grep market-tick", "docker images | grep mtdh", line="mtdh:latest"),
        Row("docker ps"),
        Row("docker logs market-tick-instrument-generator", line="2023-05-25 +DERIBIT +OPTION"),
        Row("docker logs mtdh-instruments", line="2023-05-25 +DERIBIT +OPTION"),
        Row("docker build --no-cache .", "deploy/docker-build.sh latest --no-cache --no-push", line="mtdh:latest"),
        Row("docker run -it IMAGE /bin/bash", "deploy/local/run-docker.sh --dry-run --shell", line="mtdh:latest-debug /bin/bash"),
        Row("cat .env", "mtdh config show", line="tardis_api_key +.not shown|tardis_api_key +.set, not shown"),
        Row("python deploytest_tardis_simple.py", "mtdh doctor", line="vendor +ok", is_new=True),
        Row("test Tardis connection", "mtdh config check", line="key +ok", is_new=True),
        Row("test GCP connection", "mtdh doctor --lake gs://my-bucket", line="lake +ok", is_new=True),
        Row("python deploytest_basic.py", "mtdh download --start-date 2023-05-23 --venues okx --max-instruments 1",
            objects=("data/raw_tick_data/by_date/day-2023-05-23/data_type-*/OKX:*.parquet",)),
    ],
    "virtual machines": [
        Row("GCS_BUCKET=… in .env", 'echo GCS_BUCKET=my-bucket >"$MTDH_ENV_FILE"'),
        Row("deploy/docker-build.sh latest", line="pushed to europe-west4-docker.pkg.dev"),
        Row("deploy/setup-iam.sh", line="mtdh-worker@my-project"),
        Row("./deploy/vm/deploy-instruments.sh deploy", status=2, line="which days. Nothing was made. Type: .*deploy-instruments.sh deploy +--start-date 20"),
        Row("./deploy/vm/deploy-tardis.sh deploy", status=2, line="which days. Nothing was made. Type: .*deploy-tardis.sh deploy +--start-date 20"),
        Row("./deploy/vm/deploy-instruments.sh deploy yesterday", "./deploy/vm/deploy-instruments.sh deploy yesterday --run one"),
        Row("./deploy/vm/deploy-tardis.sh deploy --start-date …", f"./deploy/vm/deploy-tardis.sh deploy {DAYS} --run two"),
        Row(f"./deploy/vm/shard-deploy.sh instruments {DAYS} --shards 10", line="one VM is made: the vendor gives"),
        Row(f"./deploy/vm/shard-deploy.sh tardis {DAYS} --shards 20", f"./deploy/vm/shard-deploy.sh tardis {DAYS} --shards 20 --dry-run",
            line="instances create mtdh-.*-19 "),
        Row(f"deploy/orchestration/orchestrate-tick-download.sh {DAYS}",
            f"deploy/orchestration/orchestrate-tick-download.sh {DAYS} --dry-run", line="instances create mtdh-.*-validate-0"),
        Row(f"deploy/orchestration/orchestrate-tick-download.sh {DAYS} --instances 3",
            f"deploy/orchestration/orchestrate-tick-download.sh {DAYS} --instances 3 --dry-run", line="instances create mtdh-.*-2 "),
        Row("stand-in: the newest run ends", "sleep 1; echo '{\"last/0\": [[0]]}' >\"$GCLOUD_STAND_IN/plays.json\"; "
            f"deploy/vm/deploy-tardis.sh deploy {DAYS} --run last"),
        Row("deploy/orchestration/monitor-tick-download.sh", line="run last: 1 done"),
        Row("deploy/orchestration/cleanup-tick-vms.sh", line="at work stay"),
        Row("deploy/orchestration/cleanup-tick-vms.sh --yes"),
        Row("deploy/orchestration/cleanup-tick-vms.sh", line="no such VM"),
        Row("gcloud compute instances get-serial-port-output tick-data-vm-0", "deploy/vm/mtdh-vm.sh logs last 0", line="the log of shard 0"),
    ],
    "validation": [
        Row("mtdh download", f"mtdh download {DAY} --instruments DERIBIT:PERP:BTC-USD BINANCE:SPOT_PAIR:BTC-USDT", objects=(TICKS.format(23),)),
        Row("python run_validation_tests.py --test-type all", "mtdh check all --start-date 2023-05-23 --instruments DERIBIT:PERP:BTC-USD"
            " --data-types trades", line="clean"),
        Row("python run_validation_tests.py --test-type cross-source --symbol BTC-USDT --timeframe 1m",
            "mtdh check cross-source --symbol BTC-USDT --timeframe 1m --start-date 2023-05-23", line="1440|1,440|repeated|clean|finding"),
        Row("cp TRADES data.parquet", f"cp {TICKS.format(23).replace('DERIBIT:*', 'DERIBIT:PERP:BTC-USD')} data.parquet", objects=("data.parquet",)),
        Row("python run_validation_tests.py --test-type timestamp --data-file data.parquet", "mtdh check timestamp --data-file data.parquet", line="clean"),
        Row("make candles of two lengths", "mtdh candles --input ./data.parquet --timeframes 1m,5m --output .", objects=("1m.parquet", "5m.parquet")),
        Row("python run_validation_tests.py --test-type aggregation --base-file 1m.parquet --agg-file 5m.parquet",
            "mtdh check aggregation --base-file 1m.parquet --agg-file 5m.parquet", line="clean"),
        Row("python run_validation_tests.py --output DIR --format json|html|csv",
            "mtdh check timestamp --data-file data.parquet --report r.html r.json r.csv", objects=("r.html", "r.json", "r.csv")),
    ],
    "settings and troubles": [
        Row("echo settings >.env", "printf '%s\\n' GCP_PROJECT_ID=p GCS_BUCKET=my-bucket LOG_LEVEL=INFO >.env", objects=(".env",)),
        Row("LOG_LEVEL=INFO", "mtdh config show", line=r"log_level +INFO +\.env"),
        Row("GCS_BUCKET=…", "mtdh config show", line=r"gcs_bucket +my-bucket +\.env"),
        Row("mtdh doctor, a bucket in .env", "mtdh doctor", line="lake +ok", is_new=True),
        Row("GCP_CREDENTIALS_PATH=path/to/credentials.json", "env -u STORAGE_EMULATOR_HOST GCP_CREDENTIALS_PATH=path/to/credentials.json mtdh ls",
            2, "the key file path/to/credentials.json, which GCP_CREDENTIALS_PATH names, cannot be used", is_new=True),
        Row("missing GCP credentials file", "GCP_CREDENTIALS_PATH=no.json deploy/local/run-main.sh ls", 2, "no.json, which cannot be read"),
        Row("missing .env", f"rm .env; GCS_BUCKET= deploy/local/run-main.sh instruments {DAY} --venues deribit", line="made .env from env.example",
            objects=(".env",)),
        # The made-up Coinbase lacks five of its twenty that day, which is said.
        Row("60 instruments", "mtdh download --start-date 2023-05-23 --universe core60 --data-types trades --dry-run", 1,
            "to fetch: 55 files"),
        Row("chmod +x deploylocal/*.sh", "test -x deploy/local/run-docker.sh && test -x deploy/local/run-main.sh"),
        Row("mtdh check timestamp --data-file no_such.parquet", status=2, line="no_such.parquet"),
        Row("a wrong API key", f"TARDIS_API_KEY=TD.wrong mtdh download --start-date 2023-05-24 --venues okx --max-instruments 1", 2, "API key"),
    ],
}

# The documents that the README links; each has its answer in from-the-predecessor.md.
DOCUMENTS = [
    "ARCHITECTURE_OVERVIEW", "TECHNICAL_REFERENCE", "MAIN_USAGE", "QUICK_REFERENCE", "SETUP_GUIDE", "DEPLOYMENT_GUIDE", "INSTRUMENT_KEY",
    "VALIDATION_FRAMEWORK_README", "STREAMING_VALIDATION_INTEGRATION", "TESTING_ANALYSIS", "PROJECT_SPECIFICATION", "DATA_RETRIEVAL_GUIDE",
    "API_REFERENCE",
]
