"""Results of validations, and reports of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


class ValidationStatus(Enum):
    """How a validation ended."""

    PASS = "PASS"
    """Something was validated, and nothing is wrong with it."""
    FAIL = "FAIL"
    """The data is wrong, or it could not be validated."""
    WARNING = "WARNING"
    """Suspicious: somebody should look."""
    SKIP = "SKIP"
    """Nothing was validated, which proves nothing."""


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(timezone.utc)


def plain(value: Any) -> Any:
    """A value as JSON can have it: times as RFC 3339 text, numbers that are not finite as text.

    >>> plain({"a": float("nan"), "b": (1, datetime(2024, 3, 1, tzinfo=timezone.utc))})
    {'a': 'nan', 'b': [1, '2024-03-01T00:00:00+00:00']}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@dataclass
class ValidationResult:
    """The result of one validation.

    >>> ValidationResult("ohlc", ValidationStatus.PASS, "all good").to_dict()["status"]
    'PASS'
    """

    test_name: str
    status: ValidationStatus
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    timestamp: datetime = field(default_factory=utc_now)
    """When it was made, UTC, with its zone."""
    execution_time_ms: float = 0.0
    """Milliseconds."""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON can have it."""
        return {
            "test_name": self.test_name,
            "status": self.status.value,
            "message": self.message,
            "details": plain(self.details),
            "timestamp": self.timestamp.isoformat(),
            "execution_time_ms": self.execution_time_ms,
        }


_COUNTERS = {
    ValidationStatus.PASS: "passed_tests",
    ValidationStatus.FAIL: "failed_tests",
    ValidationStatus.WARNING: "warning_tests",
    ValidationStatus.SKIP: "skipped_tests",
}


@dataclass
class ValidationReport:
    """Results of several validations.

    >>> report = ValidationReport("r", utc_now(), utc_now())
    >>> report.get_status().value, report.get_success_rate()
    ('SKIP', 0.0)
    >>> report.add_result(ValidationResult("one", ValidationStatus.WARNING, "look here"))
    >>> report.get_status().value, report.total_tests, report.warning_tests
    ('WARNING', 1, 1)
    """

    report_id: str
    start_time: datetime
    end_time: datetime
    total_tests: int = 0
    passed_tests: int = 0
    failed_tests: int = 0
    warning_tests: int = 0
    skipped_tests: int = 0
    results: list[ValidationResult] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def add_result(self, result: ValidationResult) -> None:
        """Adds a result, and counts it."""
        self.results.append(result)
        self.total_tests += 1
        counter = _COUNTERS[result.status]
        setattr(self, counter, getattr(self, counter) + 1)

    def get_success_rate(self) -> float:
        """Passed tests of all, percent; 0 without tests."""
        return self.passed_tests / self.total_tests * 100.0 if self.total_tests else 0.0

    def get_status(self) -> ValidationStatus:
        """The worst status: FAIL, else WARNING, else PASS. SKIP where nothing was validated."""
        for status in (ValidationStatus.FAIL, ValidationStatus.WARNING, ValidationStatus.PASS):
            if getattr(self, _COUNTERS[status]):
                return status
        return ValidationStatus.SKIP

    def to_dataframe(self) -> pandas.DataFrame:
        """A table with a row for each result. Needs pandas (``pip install 'mtdh[pandas]'``)."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a DataFrame needs pandas: pip install 'mtdh[pandas]'") from error
        return pandas.DataFrame([result.to_dict() for result in self.results])

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can have it."""
        return {
            "report_id": self.report_id,
            "start_time": self.start_time.isoformat(),
            "end_time": self.end_time.isoformat(),
            "total_tests": self.total_tests,
            "passed_tests": self.passed_tests,
            "failed_tests": self.failed_tests,
            "warning_tests": self.warning_tests,
            "skipped_tests": self.skipped_tests,
            "success_rate": self.get_success_rate(),
            "overall_status": self.get_status().value,
            "summary": plain(self.summary),
            "results": [result.to_dict() for result in self.results],
        }

    def to_text(self) -> str:
        """The report for people."""
        seconds = (self.end_time - self.start_time).total_seconds()
        lines = [
            f"Report ID: {self.report_id}",
            f"Duration: {seconds:.2f} s",
            f"Overall status: {self.get_status().value}",
            f"Success rate: {self.get_success_rate():.1f} %",
            f"Tests: {self.total_tests} ({self.passed_tests} passed, {self.failed_tests} failed, "
            f"{self.warning_tests} warnings, {self.skipped_tests} skipped)",
        ]
        width = max((len(result.test_name) for result in self.results), default=0)
        for result in self.results:
            lines.append(f"{result.status.value:<7}  {result.test_name:<{width}}  {result.message}")
        return "\n".join(lines)

    def print_summary(self) -> None:
        """Prints the report for people."""
        print(self.to_text())

    def _repr_html_(self) -> str:
        from mtdh.validation._html import fragment

        return fragment(self)
