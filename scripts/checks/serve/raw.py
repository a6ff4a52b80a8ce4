"""Bytes to a server over a socket, and what comes back, without a client library that would mend them."""

import re
import socket
import urllib.parse


def connect(address, receive=None, seconds=90):
    """A connection. `receive`: bytes that the machine keeps for it, few of them for a client that takes nothing."""
    where = urllib.parse.urlsplit(address)
    opened = socket.socket()
    if receive:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    opened.settimeout(seconds)
    opened.connect((where.hostname, where.port))
    return opened


def rest(connection):
    """All bytes until the server ends the connection."""
    found = b""
    try:
        while piece := connection.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def told(address, request):
    """What a server says to bytes, until it ends the connection."""
    with connect(address) as connection:
        try:
            connection.sendall(request)
        except ConnectionError:
            pass  # it may refuse before all is sent
        return rest(connection)


def status(answer):
    """The status of an answer; 0: it is none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(found[1]) if found else 0


def get(path, *lines, method="GET", body=b""):
    """A request that ends its connection."""
    head = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
