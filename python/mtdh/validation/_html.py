"""Reports as HTML. Every text is escaped."""

from __future__ import annotations

import json
from html import escape

from mtdh.validation.validation_results import ValidationReport, ValidationResult

_STYLE = """
:root { color-scheme: light dark; --ok: #1b7f4b; --bad: #b3261e; --look: #9a6200; --none: #66707a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } .sub { color: var(--none); margin: 0 0 1.5rem; }
.counts { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.5rem; padding: 0; list-style: none; }
.counts li { border: 1px solid #8884; border-radius: .5rem; padding: .5rem 1rem; min-width: 5rem; }
.counts b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.card { border: 1px solid #8884; border-left: .35rem solid var(--none); border-radius: .4rem; margin: 0 0 .75rem; padding: .6rem 1rem; }
.card h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; } .card p { margin: .2rem 0; overflow-wrap: anywhere; }
.badge { float: right; font-weight: 600; color: var(--none); }
.PASS { border-left-color: var(--ok); } .PASS .badge { color: var(--ok); }
.FAIL { border-left-color: var(--bad); } .FAIL .badge { color: var(--bad); }
.WARNING { border-left-color: var(--look); } .WARNING .badge { color: var(--look); }
pre { overflow: auto; max-height: 24rem; font-size: .85em; } summary { cursor: pointer; color: var(--none); }
"""


def page(report: ValidationReport) -> str:
    """A page of its own, which needs nothing else."""
    title = f"Validation: {report.get_status().value}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{fragment(report)}\n</main>\n</body>\n</html>\n"
    )


def fragment(report: ValidationReport) -> str:
    """The report without a page around it."""
    seconds = (report.end_time - report.start_time).total_seconds()
    counts = [
        ("tests", report.total_tests),
        ("passed", report.passed_tests),
        ("failed", report.failed_tests),
        ("warnings", report.warning_tests),
        ("skipped", report.skipped_tests),
    ]
    items = "".join(f"<li><b>{count}</b>{name}</li>" for name, count in counts)
    return (
        f"<h1>Validation: {escape(report.get_status().value)}</h1>\n"
        f'<p class="sub">{escape(report.report_id)} · {report.start_time:%Y-%m-%d %H:%M:%S} UTC · {seconds:.2f} s · '
        f"success rate {report.get_success_rate():.1f} %</p>\n"
        f'<ul class="counts">{items}</ul>\n' + "\n".join(_card(result) for result in report.results)
    )


def _card(result: ValidationResult) -> str:
    status = escape(result.status.value)
    shown = result.to_dict()
    details = ""
    if shown["details"]:
        text = escape(json.dumps(shown["details"], indent=2, ensure_ascii=False))
        details = f"<details><summary>details</summary><pre>{text}</pre></details>"
    return (
        f'<section class="card {status}"><span class="badge">{status}</span>'
        f"<h2>{escape(result.test_name)}</h2><p>{escape(result.message)}</p>{details}</section>"
    )
