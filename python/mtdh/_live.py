"""What a server records now, as rows: over server-sent events, which go on where they broke off."""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote, urlencode, urlsplit

from mtdh._errors import BadRequest, Error, NotFound, Refused

if TYPE_CHECKING:
    # Where it is used it is imported: `import mtdh` is to be quick.
    import asyncio

Row = dict[str, Any]
"""A line of the stream: see `live`."""

Names = Union[str, Iterable[str], None]

_SILENCE = 45.0
"""Seconds without a byte after which a server does not live: it says something every 15."""

_WAITS = (0.25, 30.0)
"""Seconds until it is tried again: at first and at most."""

_LONGEST = 16 << 20
"""Bytes of a line; a book of a hundred thousand levels has fewer."""


class LiveAway(Error, OSError):
    """The server cannot be reached, or fails."""


class Live:
    """Rows as they come; made by `live`. Iterate over it once, with ``async for``; ``async with`` closes it."""

    after: str | None
    """Where it left off: give it to `live` as ``after`` to go on there. None: nothing has come yet."""

    breaks: int
    """How often the connection was lost and made anew."""

    def __init__(
        self, address: str, query: dict[str, str], after: str | None, token: str | None, is_kept: bool
    ) -> None:
        self.after = after
        self.breaks = 0
        self._parts = urlsplit(address)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise BadRequest(f"{address!r} is no address of a server", "write it as http://127.0.0.1:8087")
        self._query = query
        self._token = token
        self._is_kept = is_kept
        self._rows = self._all()

    def __aiter__(self) -> AsyncIterator[Row]:
        return self

    async def __anext__(self) -> Row:
        return await self._rows.__anext__()

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connection. It may be iterated no more; `after` stays."""
        await self._rows.aclose()

    async def _all(self) -> AsyncGenerator[Row, None]:
        import asyncio

        wait = _WAITS[0]
        while True:
            seen: Exception | None = None
            try:
                async with aclosing(self._connection()) as rows:
                    async for row in rows:
                        wait = _WAITS[0]
                        yield row
            except (OSError, EOFError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                if isinstance(error, Error) and not isinstance(error, LiveAway):
                    raise
                seen = error
            if not self._is_kept:
                raise LiveAway(f"the stream of {self._parts.netloc} ended") from seen
            self.breaks += 1
            await asyncio.sleep(random.uniform(_WAITS[0], wait) if wait > _WAITS[0] else wait)
            wait = min(wait * 2, _WAITS[1])

    async def _connection(self) -> AsyncGenerator[Row, None]:
        """The rows of one connection, until it breaks."""
        import asyncio

        parts = self._parts
        is_safe = parts.scheme == "https"
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(
                parts.hostname,
                parts.port or (443 if is_safe else 80),
                ssl=ssl.create_default_context() if is_safe else None,
                limit=_LONGEST,
            ),
            _SILENCE,
        )
        try:
            writer.write(self._request())
            await writer.drain()
            body = await self._head(reader)
            async for event, id_, lines in _events(body):
                for place, line in enumerate(lines):
                    row = json.loads(line)
                    # Before the last row, so that who stops in the midst of a message gets all of it again.
                    if id_ is not None and place == len(lines) - 1:
                        self.after = id_
                    if event != "begin":
                        yield row
        finally:
            writer.close()

    def _request(self) -> bytes:
        parts = self._parts
        path = f"{parts.path.rstrip('/')}/live/events?{urlencode(self._query, quote_via=quote)}"
        headers = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", "Accept: text/event-stream"]
        if self.after is not None:
            headers.append(f"Last-Event-ID: {self.after}")
        if self._token is not None:
            headers.append(f"Authorization: Bearer {self._token}")
        return ("\r\n".join(headers) + "\r\n\r\n").encode()

    async def _head(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """Reads the head of an answer, and gives its body."""
        import asyncio

        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SILENCE)
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        is_chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        body = _chunks(reader) if is_chunked else _plain(reader, int(fields.get("content-length", "-1")))
        if status == 200:
            return body
        text = b"".join([piece async for piece in body])
        raise _refusal(status, text, self._parts.netloc)


def _refusal(status: int, text: bytes, server: str) -> Error:
    try:
        problem = json.loads(text)
        detail, hint = str(problem["detail"]), problem.get("hint")
    except (ValueError, KeyError, TypeError):
        detail, hint = f"{server} answers with status {status}", None
    if status in (401, 403):
        return Refused(detail, hint)
    if status == 404:
        return NotFound(detail, hint)
    return BadRequest(detail, hint) if 400 <= status < 500 and status not in (408, 429) else LiveAway(detail, hint)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    import asyncio

    while True:
        size = int((await asyncio.wait_for(reader.readuntil(b"\r\n"), _SILENCE)).split(b";")[0], 16)
        piece = await asyncio.wait_for(reader.readexactly(size + 2), _SILENCE)
        if size == 0:
            return
        yield piece[:-2]


async def _plain(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    import asyncio

    while size != 0:
        piece = await asyncio.wait_for(reader.read(1 << 16 if size < 0 else min(size, 1 << 16)), _SILENCE)
        if not piece:
            return
        size -= len(piece) if size > 0 else 0
        yield piece


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str | None, list[str]]]:
    """Server-sent events: name, id and lines of data of each that is whole."""
    rest, fields = b"", []
    async for piece in body:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line:
                fields.append(line.decode())
                continue
            pairs = [field.partition(": ")[::2] for field in fields]
            fields = []
            data = [value for name, value in pairs if name == "data"]
            of_name = dict(pairs)
            if data:
                yield of_name.get("event", "message"), of_name.get("id"), data


def _listed(names: Names) -> str | None:
    if names is None:
        return None
    return names if isinstance(names, str) else ",".join(names)


def live(
    server: str,
    *,
    exchange: Names = None,
    symbol: Names = None,
    data_type: Names = None,
    timeframe: Names = None,
    channels: Names = None,
    conflate: bool = False,
    after: str | None = None,
    token: str | None = None,
    reconnect: bool = True,
) -> Live:
    """What a server records now (`mtdh live serve`), row by row, as dicts: ``async for row in mtdh.live(...)``.

    ``row["event"]`` says what a row is: ``row`` is a row of the table ``data_type``, with the lake's columns; then ``candle``,
    ``gap``, ``disconnect``, ``finding`` and ``health``. Times are text, RFC 3339, UTC. ``data_type`` takes data types,
    ``candles`` and ``notes`` (gaps, findings, health); ``symbol`` symbols or instrument keys; lists are given as lists or
    separated by commas. ``channels`` are ``candles:SYMBOL:TIMEFRAME`` and ``ticks:SYMBOL:TYPE``. With ``conflate`` only the
    latest of several quotes or tickers that wait is kept.

    It begins with the current books. When the connection breaks it is made anew and goes on where it broke off, without loss and
    without doubling; where the server has forgotten that place, a row with event ``lagged`` comes first, and what follows begins
    later: books begin anew. With ``reconnect=False`` a break raises `LiveAway`. A wrong name raises `BadRequest`, a wrong token
    `Refused`, a server that records nothing `NotFound`.

    Candles are what the validators take:

    >>> async def validated(server: str, wanted: int) -> list[str]:
    ...     from mtdh.validation import StreamingServiceValidator
    ...     validator, found = StreamingServiceValidator(), []
    ...     async with mtdh.live(server, data_type="candles", timeframe="1m") as rows:
    ...         async for row in rows:
    ...             result = await validator.validate_candle(row, row["instrument_key"], row["timeframe"])
    ...             found.append(result.status.value)
    ...             if len(found) == wanted:
    ...                 break
    ...     return found
    >>> import asyncio
    >>> asyncio.run(validated("ftp://nobody", 1))
    Traceback (most recent call last):
        ...
    mtdh.BadRequest: 'ftp://nobody' is no address of a server
    hint: write it as http://127.0.0.1:8087
    """
    given = {
        "exchange": _listed(exchange),
        "symbol": _listed(symbol),
        "type": _listed(data_type),
        "timeframe": _listed(timeframe),
        "channels": _listed(channels),
        "conflate": "true" if conflate else None,
    }
    query = {name: value for name, value in given.items() if value is not None}
    return Live(server, query, after, token, reconnect)


for _kind in (LiveAway, Live):
    _kind.__module__ = "mtdh"  # where people import it from
