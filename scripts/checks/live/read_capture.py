"""Reads a segment of a capture by docs/reference/capture.md, with nothing of ours.

    python scripts/checks/live/read_capture.py live_capture/binance/day-2024-03-01/….mtr
"""

import hashlib
import json
import struct
import sys

import pyarrow as pa

END = 0xFFFFFFFF


def table():
    """CRC-32C: the polynomial of Castagnoli, reflected."""
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        yield number


TABLE = list(table())


def crc32c(data):
    crc = END
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ END


def lines(content):
    """The number within the session, and the text, of each line of a sealed segment. Fails where it is not what was sealed."""
    if content[:8] != b"MTDHCAP\n":
        raise ValueError("no segment")
    length, check = struct.unpack_from("<II", content, 8)
    header, at = json.loads(content[16 : 16 + length]), 16 + length
    if crc32c(content[8:12] + content[16:at]) != check or header["version"] != 1:
        raise ValueError("a damaged or newer header")
    while True:
        length, check = struct.unpack_from("<II", content, at)
        end = at + (68 if length == END else 36 + length)
        if end > len(content) or crc32c(content[at : at + 4] + content[at + 8 : end]) != check:
            raise ValueError(f"a damaged frame at {at}")
        if length == END:
            break
        _, _, count, number = struct.unpack_from("<qqIQ", content, at + 8)
        plain = pa.input_stream(pa.py_buffer(content[at + 36 : end]), compression="zstd").read()
        texts = plain.split(b"\n")[:-1]
        if len(texts) != count:
            raise ValueError(f"another number of lines at {at}")
        yield from enumerate(texts, number)
        at = end
    if hashlib.sha256(content[:at]).digest() != content[at + 36 : end] or end != len(content):
        raise ValueError("not what was sealed")


def message(text):
    """Time, connection, kind and the exact bytes of a line."""
    time, connection, kind, raw = text.split(b" ", 3)
    if kind.endswith(b"\\"):
        kind, raw = kind[:-1], b"\\".join(piece.replace(b"\\n", b"\n") for piece in raw.split(b"\\\\"))
    return time.decode(), connection.decode(), kind.decode(), raw


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        for number, text in lines(file.read()):
            sys.stdout.buffer.write(b"%d %s\n" % (number, text))
