"""Random requests, the same ones for a seed: each answer is a documented one, and memory does not grow with their number."""

import pytest

import served
import storm

pytestmark = pytest.mark.xdist_group("serve-hostile")

# What a server keeps of requests, beyond what the first of them left.
MOST_GROWTH = 60e6


@pytest.mark.slow
def test_random_requests(lake, request, tell):
    count, seed = request.config.getoption("--requests"), request.config.getoption("--first-seed")
    with served.server(lake, seconds=36_000) as address:
        process = served.server.process
        storm.storm(address, 1000, seed + 1, str(lake))
        before = storm.resident(process)
        statuses, wrong = storm.storm(address, count, seed, str(lake))
        after = storm.resident(process)
    assert not wrong, (f"scripts/checks/serve/storm.py LAKE {count} {seed}", wrong[:5])
    assert len(statuses) > 5 and sum(statuses.values()) >= count
    assert after - before < MOST_GROWTH, (before, after)
    tell(f"{count} of seed {seed}: " + ", ".join(f"{number} of {status}" for status, number in sorted(statuses.items(), key=str))
         + f"; memory {before / 1e6:.0f} MB, then {after / 1e6:.0f} MB")
