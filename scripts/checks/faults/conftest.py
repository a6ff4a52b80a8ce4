"""Lanes: a stand-in vendor each, with all that its trials use again."""

import contextlib

import pytest

from stage import sim
from trial import Lane


@pytest.fixture(scope="session")
def lane_of(tmp_path_factory):
    """The lane of a job; one for each job, kept for all tests of this process."""
    with contextlib.ExitStack() as stack:
        lanes = {}

        def lane(job):
            if job not in lanes:
                vendor = stack.enter_context(sim(*job.world, seconds=86_400))
                lanes[job] = Lane(vendor, tmp_path_factory.mktemp(f"lane-{job.exchange}-"), job)
            return lanes[job]

        yield lane
