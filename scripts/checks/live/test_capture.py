"""A reader that was written from docs/reference/capture.md alone reads what the program wrote, and refuses what was changed."""

import pathlib

import pytest

import read_capture

HERE = pathlib.Path(__file__).parent
SEGMENT = (HERE / "segment.mtr").read_bytes()


def test_the_lines_are_those_that_were_written():
    found = [b"%d %s" % line for line in read_capture.lines(SEGMENT)]
    assert found == (HERE / "segment.txt").read_bytes().split(b"\n")[:-1]
    kinds = {read_capture.message(text)[2] for _, text in read_capture.lines(SEGMENT)}
    assert kinds == {"<", ">", "!", "g"}


def test_the_exact_bytes_come_back():
    found = [read_capture.message(text) for _, text in read_capture.lines(SEGMENT)]
    assert found[0] == ("2024-03-01T00:00:00.0000000Z", "-", "<", b'{"u":0,\n"pu":"\\n"}')
    assert found[1] == ("2024-03-01T00:00:00.0015000Z", "1", ">", b"")


@pytest.mark.parametrize("at", range(0, len(SEGMENT), 97))
def test_what_was_changed_is_refused(at):
    for changed in (SEGMENT[:at], SEGMENT[:at] + bytes([SEGMENT[at] ^ 1]) + SEGMENT[at + 1 :]):
        with pytest.raises((ValueError, read_capture.struct.error)):
            list(read_capture.lines(changed))
