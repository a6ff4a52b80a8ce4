"""What a change costs: `bench_two.py OLD NEW FILE [ROUNDS]` converts a vendor file by two programs, in turn, and prints medians of
CPU and wall time and the sizes. Files for it: `cargo run --release -p mtdh-sim --example large`."""

import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

old, new, file, *rounds = sys.argv[1:]
seen = {old: [], new: []}


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


with tempfile.TemporaryDirectory() as folder:
    for number in range(int(rounds[0]) if rounds else 15):
        # Who comes first changes, so that neither always finds the file as the other left it.
        for program in (old, new) if number % 2 == 0 else (new, old):
            output = pathlib.Path(folder) / "out.parquet"
            output.unlink(missing_ok=True)
            before, started = cpu(), time.perf_counter()
            subprocess.run([program, "convert", file, "-o", output], check=True, capture_output=True)
            seen[program].append((cpu() - before, time.perf_counter() - started, output.stat().st_size))

medians = {program: [statistics.median(column) for column in zip(*rows, strict=True)] for program, rows in seen.items()}
for name, was, now in zip(("CPU s", "wall s", "bytes"), medians[old], medians[new], strict=True):
    print(f"{name}: {was:.3f} -> {now:.3f} ({100 * (now / was - 1):+.2f} %)")
