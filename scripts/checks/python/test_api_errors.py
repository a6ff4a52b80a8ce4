"""Every exception: its class, what it also is, what it says, and its hint. And how a run shows that it goes on."""

import os
import pathlib
import pickle
import sys

import pytest

import mtdh
from demo_lake import DAY, KEY
from stage import control, vendor_only

BASES = {
    "BadRequest": ValueError, "UnknownInstrument": KeyError, "NotFound": LookupError, "MissingData": LookupError, "GradeTooLow": None,
    "DamagedObject": None, "NewerLake": None, "LakeAway": OSError, "VendorAway": OSError, "LiveAway": OSError, "Refused": PermissionError, "QuotaUsedUp": None,
}


def test_every_exception_is_public_and_has_a_base_that_people_catch():
    public = {name for name in mtdh.__all__ if isinstance(getattr(mtdh, name), type) and issubclass(getattr(mtdh, name), mtdh.Error)}
    assert public - {"Error"} == set(BASES)
    for name, base in BASES.items():
        kind = getattr(mtdh, name)
        assert issubclass(kind, base or Exception) and kind.__doc__, name
    assert issubclass(mtdh.MissingDataWarning, UserWarning)


# Of which lake, what is asked, what is raised, words of its text, and words of its hint.
READS = [
    ("an unknown instrument", "demo", lambda lake: lake.trades("DERIBIT:PERP:BTX-USD", DAY).polars(), "UnknownInstrument", ["DERIBIT:PERP:BTX-USD", KEY], []),
    ("no key", "demo", lambda lake: lake.trades("BTCUSDT", DAY).polars(), "UnknownInstrument", ["BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT"], []),
    ("no key at all", "demo", lambda lake: lake.trades([], DAY), "BadRequest", ["no instrument is named"], []),
    ("an unknown data type", "demo", lambda lake: lake.get("trade", KEY, DAY), "BadRequest", ["`trade`", "trades"], []),
    ("an unknown column", "demo", lambda lake: lake.trades(KEY, DAY, columns=["pric"]), "BadRequest", ["`pric`", "price"], []),
    ("no column", "demo", lambda lake: lake.trades(KEY, DAY, columns=[]), "BadRequest", ["columns is []"], []),
    ("a column twice", "demo", lambda lake: lake.trades(KEY, DAY, columns=["price", "price"]), "BadRequest", ["each column once"], []),
    ("a wrong clock", "demo", lambda lake: lake.trades(KEY, DAY, clock="local"), "BadRequest", ["`local`", "arrival and exchange"], []),
    ("a wrong time", "demo", lambda lake: lake.trades(KEY, "1 March"), "BadRequest", ["`1 March` is not a time"], []),
    ("an empty range", "demo", lambda lake: lake.trades(KEY, DAY, f"{DAY}T00:00"), "BadRequest", ["nothing lies between"], []),
    ("a wrong timeframe", "demo", lambda lake: lake.candles(KEY, "7m", DAY), "BadRequest", ["`7m` is not a timeframe"], []),
    ("a missing day", "demo", lambda lake: lake.trades(KEY, "2024-03-02").polars(), "MissingData", [KEY, "2024-03-02"], ["lake.download("]),
    ("strict", "demo", lambda lake: lake.trades(KEY, DAY, "2024-03-02").strict().arrow(), "MissingData", ["2024-03-02"], ["lake.download("]),
    ("a day without instruments", "demo", lambda lake: lake.instruments("2024-03-02"), "NotFound", ["2024-03-02"], ["lake.write_instruments("]),
    ("an unknown type", "demo", lambda lake: lake.instruments(DAY, type="SWAP"), "BadRequest", ["`SWAP`", "PERP"], []),
    ("an unknown venue", "demo", lambda lake: lake.coverage(DAY, venues="DERIBITT"), "BadRequest", ["`DERIBITT`", "DERIBIT?"], []),
    ("an unknown group", "demo", lambda lake: lake.check(DAY, groups="candle"), "BadRequest", ["`candle`", "aggregation"], []),
    ("a wrong severity", "demo", lambda lake: lake.check(DAY, fail_on="info"), "BadRequest", ["`info`", "error or warning"], []),
    ("a wrong fill", "demo", lambda lake: lake.make_candles(DAY, "1m", fill="zero", progress=False), "BadRequest", ["`zero`", "flat"], []),
    ("no lake", "nowhere", lambda lake: lake.trades(KEY, DAY).polars(), "LakeAway", ["there is no lake at", "nowhere"], ["download"]),
    ("no lake, its days", "nowhere", lambda lake: lake.days(), "LakeAway", ["there is no lake at"], ["download"]),
    ("an empty folder", "empty", lambda lake: lake.trades(KEY, DAY).polars(), "MissingData", [KEY], ["lake.download("]),
    ("a file", "file", lambda lake: lake.days(), "LakeAway", ["file"], []),
    ("no bucket", "gs://", lambda lake: lake.days(), "BadRequest", ["names no bucket"], []),
    ("an unknown scheme", "ftp://host/lake", lambda lake: lake.days(), "BadRequest", ["scheme is not known"], []),
]


@pytest.mark.parametrize("lake, ask, kind, words, hint", [case[1:] for case in READS], ids=[case[0] for case in READS])
def test_what_is_raised(request, tmp_path, monkeypatch, lake, ask, kind, words, hint):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    lake = request.getfixturevalue("demo") if lake == "demo" else mtdh.Lake(lake)
    with pytest.raises(mtdh.Error) as told:
        ask(lake)
    assert type(told.value).__name__ == kind, repr(told.value)
    text = str(told.value)
    assert all(word in text for word in words), text
    assert told.value.hint is None or isinstance(told.value.hint, str) and f"hint: {told.value.hint}" in text
    assert all(word in (told.value.hint or "") for word in hint), told.value.hint
    assert "--" not in text and "mtdh full-pipeline" not in text and "Traceback" not in text, f"of the command line: {text}"


def test_a_lake_that_cannot_be_read(own):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    folder = own / "raw_tick_data/by_date" / f"day-{DAY}"
    folder.chmod(0)
    try:
        with pytest.raises(mtdh.LakeAway):
            mtdh.Lake(own).trades(KEY, DAY).polars()
    finally:
        folder.chmod(0o755)


def test_an_exception_can_be_sent_to_another_process(demo):
    with pytest.raises(mtdh.MissingData) as told:
        demo.trades(KEY, "2024-03-02").polars()
    again = pickle.loads(pickle.dumps(told.value))
    assert (type(again), str(again), again.hint) == (mtdh.MissingData, str(told.value), told.value.hint)


# What the vendor does, what a download then is: an exception, or a report's outcome.
RUNS = [
    ("a quota that is used up, of the files", {"host": "datasets", "kind": {"too_many_requests": {"retry_after": {"seconds": 3600}}}}, "used_up"),
    ("of the metadata", {"host": "api", "kind": {"too_many_requests": {"retry_after": {"seconds": 3600}}}}, mtdh.QuotaUsedUp),
    ("a key that is refused", {"host": "api", "kind": {"status": {"status": 401}}}, mtdh.Refused),
    ("a vendor that is down", {"host": "api", "kind": {"status": {"status": 503}}}, mtdh.VendorAway),
    ("files that fail", {"host": "datasets", "kind": {"status": {"status": 500}}}, "not_clean"),
]


@pytest.fixture(scope="module")
def small():
    """A vendor of few instruments, whose faults the tests change."""
    from stage import sim

    with sim("--small") as variables:
        yield vendor_only(variables)


@pytest.mark.parametrize("fault, expected", [case[1:] for case in RUNS], ids=[case[0] for case in RUNS])
def test_what_a_download_says(small, tmp_path, monkeypatch, fault, expected):
    for name, value in {**small, "MTDH_CACHE_DIR": str(tmp_path / "cache"), "MTDH_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    control(small, "PUT", "faults", [fault])
    lake = mtdh.Lake(tmp_path / "lake")
    ask = lambda: lake.download(DAY, venues="DERIBIT", types="PERP", data_types="trades", progress=False)
    try:
        if isinstance(expected, str):
            report = ask()
            assert report.outcome == expected and not report and (report.failed or report.left)
        else:
            with pytest.raises(expected) as told:
                ask()
            assert str(told.value) and "TARDIS_API_KEY" not in (told.value.hint or "") or isinstance(told.value, mtdh.Refused)
    finally:
        control(small, "PUT", "faults", [])
    assert ask().ok, "the next call goes on"


# --- progress


def download(lake, progress):
    return lake.download(DAY, instruments=KEY, data_types=["trades", "quotes"], force=True, progress=progress)


@pytest.fixture(scope="module")
def vendor_lake(tmp_path_factory):
    with mtdh.demo(tmp_path_factory.mktemp("progress") / "lake", fill=False) as lake:
        assert download(lake, False)
        yield lake


def test_a_callback_hears_of_the_run(vendor_lake):
    heard = []
    report = download(vendor_lake, heard.append)
    assert set(heard[0]) == {"tasks", "tasks_done", "bytes", "rows", "failures", "phase"}
    assert heard[-1]["tasks_done"] == heard[-1]["tasks"] == 2 and heard[-1]["rows"] == report.rows
    assert all(earlier["rows"] <= later["rows"] for earlier, later in zip(heard, heard[1:]))


def test_an_exception_of_a_callback_ends_the_run(vendor_lake):
    class Mine(Exception):
        pass

    def refuse(counters):
        raise Mine(counters["tasks"])

    with pytest.raises(Mine):
        download(vendor_lake, refuse)
    assert download(vendor_lake, False).ok


@pytest.mark.parametrize("progress", [True, False])
def test_a_log_gets_no_bar(vendor_lake, capfd, progress):
    assert download(vendor_lake, progress)
    assert capfd.readouterr() == ("", "")


class Terminal:
    """Stderr that is a terminal, and keeps what is written."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_of_tqdm(vendor_lake, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert download(vendor_lake, True)
    assert "download:" in terminal.text and "files" in terminal.text and "?file" not in terminal.text, terminal.text


def test_without_tqdm_a_terminal_gets_a_line_that_goes_away(vendor_lake, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert download(vendor_lake, True)
    assert "\rdownload: 2 of 2 files, " in terminal.text and terminal.text.endswith(" \r"), terminal.text


def test_settings_are_those_of_the_program(tmp_path, monkeypatch, demo_folder):
    """`url` over MTDH_LAKE over .env over mtdh.toml over ./data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTDH_LAKE", raising=False)
    seen = [mtdh.Lake().url]
    pathlib.Path("mtdh.toml").write_text('lake = "of-toml"\n')
    seen.append(mtdh.Lake().url)
    pathlib.Path(".env").write_text("MTDH_LAKE=of-dotenv\n")
    seen.append(mtdh.Lake().url)
    monkeypatch.setenv("MTDH_LAKE", "of-environment")
    seen += [mtdh.Lake().url, mtdh.Lake("of-argument").url]
    assert [pathlib.Path(url).name for url in seen] == ["data", "of-toml", "of-dotenv", "of-environment", "of-argument"]
    assert "hunter2" not in mtdh.Lake("gs://user:hunter2@bucket").url
    pathlib.Path("mtdh.toml").write_text("lake = \n")
    with pytest.raises(mtdh.BadRequest, match="mtdh.toml"):
        mtdh.Lake()
