"""A browser with a page of another origin: it reads nothing of the server, opens no socket of it, and its requests carry no cookie."""

import contextlib
import http.cookies
import http.server
import json
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

import gate
import replaying
import served
from chromium import launched
from stage import DAY

pytestmark = pytest.mark.xdist_group("page")

TOKEN = "0123456789abcdef" * 2
EVIL = "evil.example"
ROWS = f"/v1/slices/trades/DERIBIT:PERP:BTC-USD?start={DAY}&limit=5"
NAMES = f"--host-resolver-rules=MAP *.example 127.0.0.1, MAP {EVIL} 127.0.0.1"
# What a page can do about another server, each with what came of it.
TRIED = """
async (server) => {
  const read = async (path, options) => {
    try {
      const answer = await fetch(server + path, options)
      return `${answer.type} ${answer.status} ${(await answer.text()).length}`
    } catch (error) { return error.name }
  }
  const loaded = (tag, name, path) => new Promise(resolve => {
    const element = document.createElement(tag)
    element.onload = () => resolve(tag === 'iframe' ? String(element.contentDocument?.body?.innerText ?? 'unreadable') : 'loaded')
    element.onerror = () => resolve('refused')
    element[name] = server + path
    if (tag === 'link') { element.rel = 'stylesheet' }
    document.body.append(element)
  })
  const request = (path) => new Promise(resolve => {
    const asked = new XMLHttpRequest()
    asked.onload = () => resolve(asked.responseText)
    asked.onerror = () => resolve('refused')
    asked.open('GET', server + path)
    asked.send()
  })
  return {
    fetched: await read(ROWS),
    withCookies: await read(ROWS, {credentials: 'include'}),
    withToken: await read(ROWS, {headers: {authorization: 'Bearer x'}}),
    opaque: await read(ROWS, {mode: 'no-cors', credentials: 'include'}),
    posted: await read('/v1/slices', {method: 'POST', body: '{}', mode: 'no-cors', credentials: 'include'}),
    files: await read(`/v1/files/raw_tick_data/by_date/day-${DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet`),
    metrics: await read('/metrics'),
    xhr: await request(ROWS),
    script: await loaded('script', 'src', ROWS),
    style: await loaded('link', 'href', '/v1/days'),
    image: await loaded('img', 'src', '/v1/days'),
    frame: await loaded('iframe', 'src', '/'),
    frameOfRows: await loaded('iframe', 'src', ROWS),
  }
}
""".replace("DAY}", "DAY_}").replace("${DAY_}", DAY).replace("ROWS", json.dumps(ROWS))
SOCKET = """
(address) => new Promise(resolve => {
  let count = 0
  const socket = new WebSocket(address)
  socket.onmessage = () => { count += 1 }
  socket.onclose = event => resolve([count, event.code])
})
"""
EVENTS = """
(address) => new Promise(resolve => {
  const events = new EventSource(address, {withCredentials: true})
  events.addEventListener('state', () => { events.close(); resolve('state') })
  events.onerror = () => { events.close(); resolve('refused') }
})
"""


@pytest.fixture(scope="module")
def browser():
    """A browser that takes every example's name for this machine."""
    with launched(NAMES) as browser:
        yield browser


@pytest.fixture(scope="module")
def elsewhere():
    """The port of a server of other people, each of whose pages is empty."""
    class Empty(http.server.BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@contextlib.contextmanager
def opened(browser, url, cookie=None):
    """A page."""
    context = browser.new_context()
    if cookie:
        context.add_cookies([cookie])
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


# The site of another name, and another port of this machine: another origin of the same site.
ORIGINS = [EVIL, "127.0.0.1", "localhost"]


@pytest.mark.parametrize("host", ORIGINS)
def test_a_page_of_another_origin_reads_nothing(browser, address, elsewhere, host):
    run = json.loads(urllib.request.urlopen(f"{address}/v1/runs").read())["runs"][0]
    with gate.opened(address) as way, opened(browser, f"http://{host}:{elsewhere}/") as page:
        found = page.evaluate(TRIED, way.address)
        for name in ("fetched", "withCookies", "withToken", "opaque", "posted", "files", "metrics"):
            assert found[name] == "TypeError", (name, found)
        assert found["xhr"] == found["image"] == found["script"] == found["style"] == "refused", found
        assert found["frame"] == found["frameOfRows"] == "unreadable", found
        assert page.evaluate(EVENTS, f"{way.address}/v1/runs/{run}/events") == "refused"
        # They did reach the server; what could do something is refused there, not only unread.
        assert len(way.passed) > 8
        assert {status for method, _, _, status in way.passed if method == "POST"} == {403}


def test_a_page_of_the_server_reads_and_opens_sockets(browser, lake):
    """That the tries above could succeed."""
    with replaying.serving(lake) as port:
        address = f"http://127.0.0.1:{port}"
        with opened(browser, f"{address}/") as page:
            rows = page.evaluate("path => fetch(path).then(answer => answer.json())", ROWS)
            assert len(rows["rows"]) == 5
            options = urllib.parse.quote(json.dumps(replaying.options("deribit", ["BTC-PERPETUAL"])))
            count, code = page.evaluate(SOCKET, f"ws://127.0.0.1:{port}/ws-replay-normalized?options={options}")
            assert count > 100 and code == 1000


@pytest.mark.parametrize("host", ORIGINS)
def test_a_page_of_another_origin_opens_no_socket(browser, lake, elsewhere, host):
    options = urllib.parse.quote(json.dumps(replaying.options("deribit", ["BTC-PERPETUAL"])))
    with replaying.serving(lake) as port, opened(browser, f"http://{host}:{elsewhere}/") as page:
        for at in (port, port + 1):
            # 1006: it was never open.
            assert page.evaluate(SOCKET, f"ws://127.0.0.1:{at}/ws-replay-normalized?options={options}") == [0, 1006], at


def test_a_name_that_leads_here_is_not_answered(browser, address):
    """A page of another site gives its own name this machine's address, so that both have one origin (DNS rebinding)."""
    port = urllib.parse.urlsplit(address).port
    with opened(browser, f"http://{EVIL}:{port}/") as page:
        assert page.evaluate("path => fetch(path).then(answer => answer.status)", ROWS) == 403
        assert "unknown host" in page.content().lower() or "not known" in page.content().lower()


class Kept(urllib.request.HTTPRedirectHandler):
    """Redirects are not followed: the cookie is in the first answer."""

    def redirect_request(self, *words):
        return None


def signed_in(address):
    """The cookie that a browser gets by the form, with what it says of itself."""
    request = urllib.request.Request(f"{address}/login", data=urllib.parse.urlencode({"token": TOKEN}).encode(), method="POST")
    try:
        urllib.request.build_opener(Kept).open(request)
        raise AssertionError("no answer of the form leads on")
    except urllib.error.HTTPError as answer:
        if answer.code == 404:
            pytest.skip("this server has no form to sign in")
        assert answer.code == 303, answer.code
        said = answer.headers["set-cookie"]
    [(name, cookie)] = http.cookies.SimpleCookie(said).items()
    assert TOKEN not in said and cookie["httponly"] and cookie["samesite"] == "Strict" and cookie["path"] == "/" and not cookie["domain"]
    return {"name": name, "value": cookie.coded_value, "url": address, "httpOnly": True, "sameSite": "Strict"}


def test_the_cookie_stays_with_the_server(browser, lake, elsewhere):
    with served.server(lake, env={"MTDH_TOKEN": TOKEN}) as address, gate.opened(address) as way:
        cookie = {**signed_in(address), "url": way.address}
        with opened(browser, f"{way.address}/", cookie) as page:
            # Its own page is signed in, and its scripts cannot see by what.
            assert page.evaluate("path => fetch(path).then(answer => answer.status)", ROWS) == 200
            assert page.evaluate("document.cookie") == ""
        for host in ORIGINS:
            # A port makes another origin, not another site: browsers send the cookie, and the answer is read by nobody.
            is_same_site = host == "127.0.0.1"
            with opened(browser, f"http://{host}:{elsewhere}/", cookie) as page:
                way.passed.clear()
                found = page.evaluate(TRIED, way.address)
                assert found["fetched"] == found["withCookies"] == found["opaque"] == "TypeError", found
                assert found["frame"] == found["frameOfRows"] == "unreadable", found
                assert {status for method, _, _, status in way.passed if method == "POST"} == {403}
                sent = ["cookie" in headers for _, _, headers, _ in way.passed]
                assert len(sent) > 8 and any(sent) == is_same_site, host
                if not is_same_site:
                    assert {status for _, _, _, status in way.passed} <= {401, 403}
                # Nor does a link from there carry it.
                way.passed.clear()
                page.evaluate("url => { location.href = url }", way.address + ROWS)
                page.wait_for_url(f"{way.address}/**")
                assert ("cookie" in way.passed[0][2], way.passed[0][3] == 200) == (is_same_site, is_same_site), host
