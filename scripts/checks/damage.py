"""Damage of an object that only checksums find."""

import pyarrow as pa
import pyarrow.parquet as pq

# The place of the column among those of trades.
PRICES = 5


def flip(path):
    """Flips one bit of the prices, such that who does not look at checksums reads other prices."""
    chunk = pq.read_metadata(path).row_group(0).column(PRICES)
    right, content = pq.read_table(path, columns=["price"]), path.read_bytes()
    for back in range(1, chunk.total_compressed_size):
        changed = bytearray(content)
        changed[chunk.data_page_offset + chunk.total_compressed_size - back] ^= 1
        try:
            read = pq.read_table(pa.BufferReader(bytes(changed)), columns=["price"])
        except (OSError, pa.ArrowException):
            continue  # the page cannot be inflated
        if not read.equals(right):
            path.write_bytes(changed)
            return
    raise AssertionError("every flip is found by everybody")
