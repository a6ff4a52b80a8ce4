"""Every rule and defect of the predecessor's validation is a row: `validation_rules.py`."""

import pytest

pytest.importorskip("mtdh", reason="the package is not installed (scripts/wheel.sh)")

from validation_rules import ROWS, SAME


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section} {row.rule}")
def test_a_rule(row, world):
    assert row.run(world) == row.ours, f"the predecessor: {row.old}; ours: {row.why}"


def test_every_section_has_rows_and_what_differs_has_a_reason():
    assert {row.section for row in ROWS} == {f"7.{number}" for number in range(1, 9)}
    assert len({(row.section, row.rule) for row in ROWS}) == len(ROWS)
    assert all(row.why for row in ROWS)
    assert any(row.why == SAME for row in ROWS) and any(row.why != SAME for row in ROWS)
