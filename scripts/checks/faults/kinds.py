"""What can befall a run: every kind of fault by hop, and random combinations of them by seed."""

import dataclasses
import random

FILES = "csv.gz"
# Where a fault strikes, what is asked there, and in which lake that happens.
HOPS = {
    "api": {"host": "api"},
    "datasets": {"host": "datasets", "url_contains": FILES},
    "store": {"host": "store", "url_contains": FILES},
    "put": {"host": "gcs", "method": "PUT"},
    "get": {"host": "gcs", "method": "GET", "url_contains": ".parquet"},
    "list": {"host": "gcs", "method": "GET", "url_contains": "list-type=2"},
}
VENDOR, FILE_HOPS, BUCKET = ("api", "datasets", "store"), ("datasets", "store"), ("put", "get", "list")
EVERYWHERE = VENDOR + BUCKET


def status(code, body="own"):
    """An error instead of an answer."""
    return {"status": {"status": code, "body": body}}


# Name: the hops at which it makes sense, and the stand-in's kind.
KINDS = {
    "refuse": (("datasets",), "dead_redirect"),  # the store behind it; other hops by their address, see `Trial.refused`
    "reset": (EVERYWHERE, "reset"),
    "hang": (EVERYWHERE, "hang"),
    "lost reply": (EVERYWHERE, "lose_reply"),
    "cut at once": (EVERYWHERE, {"cut": {"after": 0}}),
    "cut": (EVERYWHERE, {"cut": {"after": 100}}),
    "cut, no length": (EVERYWHERE, {"cut": {"after": 100, "chunked": True}}),
    "stall": (VENDOR + ("get", "list"), {"stall": {"after": 50}}),
    "slow": (EVERYWHERE, {"drip": {"bytes_per_second": 20_000}}),
    **{f"{code}": (EVERYWHERE, status(code)) for code in (400, 401, 403, 404, 408, 409, 410, 412, 416, 500, 501, 502, 503, 504)},
    "503 page": (EVERYWHERE, status(503, "html")),
    "500 without body": (EVERYWHERE, status(500, "empty")),
    "429": (EVERYWHERE, {"too_many_requests": {}}),
    "429, wait 1 s": (EVERYWHERE, {"too_many_requests": {"retry_after": {"seconds": 1}}}),
    "429, wait until": (EVERYWHERE, {"too_many_requests": {"retry_after": {"date_in": 1}}}),
    "429, wait a day": (VENDOR, {"too_many_requests": {"retry_after": {"seconds": 86400}}}),
    "key in use": (VENDOR, {"key_locked": {"retry_after_seconds": 1}}),
    "edge blocked": (VENDOR, "edge_blocked"),
    "edge down": (VENDOR, "edge_down"),
    "page with 200": (EVERYWHERE, "web_page"),
    "truncated": (VENDOR + ("get", "list"), {"truncate": {"keep": 150}}),
    "empty body": (VENDOR + ("get", "list"), {"truncate": {"keep": 0}}),
    "cut between members": (FILE_HOPS, {"member_cut": {"length": "whole"}}),
    "cut between members, by MD5": (FILE_HOPS, {"member_cut": {"length": "none", "md5": "right"}}),
    "no length": (FILE_HOPS, {"no_length": {}}),
    "other spelling": (FILE_HOPS, "other_spelling"),
    "bit": (VENDOR, {"flip_bit": {"at": 60}}),
    "bit near the end": (VENDOR, {"flip_bit": {"at": -6}}),
    "junk behind": (VENDOR, {"junk": {"bytes": 40}}),
    "twice in one": (VENDOR, "twice"),
    "wrong checksum": (VENDOR, {"wrong_trailer": {"part": "crc"}}),
    "wrong length inside": (VENDOR, {"wrong_trailer": {"part": "length"}}),
    "other symbol": (FILE_HOPS, "other_symbol"),
    "other day": (FILE_HOPS, "other_day"),
    "column missing": (FILE_HOPS, {"columns": {"change": "missing"}}),
    "column renamed": (FILE_HOPS, {"columns": {"change": "renamed"}}),
    "column more": (FILE_HOPS, {"columns": {"change": "extra"}}),
    "columns reordered": (FILE_HOPS, {"columns": {"change": "reordered"}}),
    "carried out twice": (EVERYWHERE, "carry_out_twice"),
    "damaged upload": (("put",), "damage_upload"),
    "other checksum": (("put",), "other_checksum"),
    "stale listing": (("list",), "stale_listing"),
}
# After these the client waits for longer than a check can: the run is ended by a signal.
WAITING = {"hang", "stall"}
# With these a file is sound and has the right rows, but is another file: its hash and its size are told as they are.
OTHER_FILE = {"column more", "columns reordered", "no length", "other spelling"}
# A bit of a small object that is read whole is found by its checksum; parts of objects have none, there TLS stands guard.
WHOLE_OBJECTS = {"bit": ("get", {"flip_bit": {"at": 60}}, "instruments.parquet")}


@dataclasses.dataclass
class Trial:
    """What befalls one run."""

    name: str
    place: str
    faults: list
    kinds: set
    options: dict = dataclasses.field(default_factory=dict)
    # Hops whose address nobody listens at.
    refused: tuple = ()
    words: list = dataclasses.field(default_factory=list)
    attempts: int = 2
    log_level: str = "warning"
    # A signal and the seconds after which it comes.
    signal: tuple = ()
    # The run replaces what a clean one made.
    is_forced: bool = False
    open_files: int = 0

    @property
    def is_waiting(self):
        """Whether the run may wait for something that never comes."""
        return bool(self.kinds & WAITING)


def fault(hop, kind, **which):
    """A fault of the stand-in's list."""
    return {**HOPS[hop], "kind": kind, **which}


def fault_of(name, hop, **which):
    """A fault of the stand-in's list, by the kind's name here."""
    return fault(hop, KINDS[name][1], **which)


def place_of(hop):
    """The lake that has such a hop."""
    return "bucket" if hop in BUCKET else "folder"


def options_of(hops):
    """Files come by a redirect where the store behind it is meant."""
    return {"redirect": "always"} if "store" in hops else {}


def table():
    """Every kind at every hop: at the first request alone, at the first attempts of each URL, and where the client gives
    up soon also at every one."""
    for name, (hops, _) in KINDS.items():
        for hop in hops:
            first, each = {"requests": {"only": [1]}}, {"attempts": {"only": [1]}}
            forms = {"first": first, "each": each} if hop in BUCKET else {"each": each, "always": {}}
            if hop in BUCKET and name.startswith("40") and name != "408":
                forms["always"] = {}
            if name in WAITING:
                forms = {"first": first}
            for form, which in forms.items():
                signal = ("KILL" if hop in BUCKET else "TERM", 0.7) if name in WAITING else ()
                yield Trial(f"{name} @ {hop}, {form}", place_of(hop), [fault_of(name, hop, **which)], {name},
                            options_of([hop]), signal=signal)
    for name, (hop, kind, url) in WHOLE_OBJECTS.items():
        yield Trial(f"{name} @ {hop}, whole objects", "bucket", [fault(hop, kind, attempts={"only": [1]}) | {"url_contains": url}],
                    {name}, is_forced=True)
    for hop, place in (("api", "folder"), ("datasets", "folder"), ("gcs", "bucket")):
        yield Trial(f"refuse @ {hop}", place, [], {"refuse"}, refused=(hop,))
    for files in (16, 24, 32, 48):
        yield Trial(f"{files} open files", "folder", [], set(), open_files=files)


def random_trial(seed):
    """The trial of a seed: one to four faults, workers, attempts, and often a signal at a random moment."""
    dice = random.Random(seed)
    place = dice.choice(("folder", "bucket"))
    faults, kinds, hops = [], set(), []
    for _ in range(dice.randint(1, 4)):
        hop = dice.choice(BUCKET if place == "bucket" and dice.random() < 0.6 else VENDOR)
        name = dice.choice([name for name, (where, _) in KINDS.items() if hop in where])
        # The bucket's client asks again for minutes, so that a fault of every request is for the vendor's hops only.
        requests = sorted(dice.sample(range(1, 40), dice.randint(1, 4)))
        which = dice.choice([{"requests": {"only": requests}}, {"attempts": {"only": [1]}}, {}])
        if hop in BUCKET and not which:
            which = {"requests": {"only": requests}}
        faults.append(fault_of(name, hop, **which))
        kinds.add(name)
        hops.append(hop)
    trial = Trial(f"seed {seed}", place, faults, kinds, options_of(hops))
    trial.words = ["--max-workers", str(dice.choice((1, 2, 4, 16)))]
    trial.attempts = dice.choice((1, 2, 3))
    trial.log_level = dice.choice(("warning", "debug"))
    trial.is_forced = dice.random() < 0.25
    if trial.is_waiting or dice.random() < 0.4:
        trial.signal = dice.choice(("TERM", "KILL", "STOP")), dice.uniform(0, 0.5)
        if trial.is_waiting and trial.signal[0] == "STOP":
            trial.signal = "KILL", 0.7
    return trial


def table_of(outcomes):
    """What came of each kind at each hop, as a table: the exit statuses of the run, in the order first, each, always."""
    lines = ["| fault | " + " | ".join(HOPS) + " |", "|---" * (len(HOPS) + 1) + "|"]
    for kind in KINDS:
        cells = []
        for hop in HOPS:
            forms = [outcomes.get(f"{kind} @ {hop}{form}") for form in (", first", ", each", ", always", "")]
            cells.append(" ".join(str(one) for one in forms if one is not None))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
