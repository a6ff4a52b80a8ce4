"""Signing in and out, and what a browser is shown where there is nothing to show: each problem is a page for people and JSON for
programs."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request

import pytest

import served
from browsing import opened, violations
from stage import DAY

pytestmark = pytest.mark.xdist_group("page")

SECRET = "0123456789abcdef0123456789abcdef"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
KEY = "DERIBIT:PERP:BTC-USD"
# What is asked for, the status, and words that say what to do.
PROBLEMS = [
    ("GET", "/nosuch", 404, "There is no such page"),
    ("GET", "/v1/nosuch?a=<script>", 404, "Every address that is answered"),
    ("GET", "/assets/no.js", 404, "There is no such page"),
    ("GET", "/v1/coverage?by=colour", 400, "is none of"),
    ("GET", "/v1/coverage?colour=red", 400, "This cannot be shown"),
    ("GET", f"/v1/slices/trades/{KEY}", 400, "start"),
    ("GET", f"/v1/slices/trades/{KEY}?start=2019-01-01", 404, "See what the lake has"),
    ("GET", "/v1/instruments/DERIBIT:PERP:BTC-US", 404, KEY),
    ("GET", "/?start=2024-03-02&end=2024-03-01", 400, "See what the lake has"),
    ("GET", "/days/2024-13-01", 404, "is not a day"),
    ("GET", "/runs/no-such", 404, "Runs"),
    ("DELETE", "/", 405, "only read"),
    ("POST", "/v1/coverage", 405, "only read"),
]


def answer(address, method, path, **headers):
    """Status, headers and text."""
    path = path.replace("<", "%3C").replace(">", "%3E")
    asked = urllib.request.Request(address + path, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked) as found:
            return found.status, found.headers, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.mark.parametrize("method, path, status, words", PROBLEMS)
def test_a_problem_is_a_page_for_people(address, method, path, status, words):
    code, headers, text = answer(address, method, path, accept=CHROME)
    assert (code, headers["content-type"]) == (status, "text/html; charset=utf-8"), text
    assert words in text and "<h1>" in text and "<script>" not in text and 'href="/docs"' in text, text
    assert "accept" in headers.get_all("vary") and "default-src 'none'" in headers["content-security-policy"]
    # A program gets the problem as JSON, as it prefers, or as is usual for the address.
    code, headers, text = answer(address, method, path, accept="application/json")
    assert (code, headers["content-type"]) == (status, "application/problem+json"), text
    assert json.loads(text)["status"] == status
    if path.startswith("/v1"):
        assert answer(address, method, path)[1]["content-type"] == "application/problem+json"
        assert answer(address, method, path, accept="*/*")[1]["content-type"] == "application/problem+json"


def test_a_lake_that_goes_away_is_told_to_people(lake, tmp_path):
    copy = tmp_path / "lake"
    shutil.copytree(lake, copy)
    with served.server(copy) as address:
        copy.rename(tmp_path / "gone")
        for path in ("/", f"/instruments/{KEY}/rows"):
            code, headers, text = answer(address, "GET", path, accept=CHROME)
            assert code in (500, 503) and "Try again" in text and str(tmp_path) not in text, (path, code, text)


@pytest.fixture(scope="module")
def guarded(lake):
    """A server with a token."""
    with served.server(lake, env={"MTDH_TOKEN": SECRET}) as address:
        yield address


def test_signing_in_and_out(browser, guarded, axe):
    wanted = f"/days/{DAY}?start={DAY}&end={DAY}"
    for width, scheme in ((1440, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = opened(context, guarded, wanted, may_fail=True)
        assert page.locator("h1").inner_text() == "Sign in" and not violations(page, axe)
        assert page.evaluate("document.activeElement.id") == "token"
        assert page.evaluate("getComputedStyle(document.body).margin") == "0px", "the form has its style"
        page.keyboard.type("not the token")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        assert not violations(page, axe) and not context.cookies()
        page.locator("#token").fill(SECRET)
        page.keyboard.press("Enter")
        page.wait_for_url(guarded + wanted)
        assert DAY in page.locator("h1").inner_text()
        cookie, = context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/" and SECRET not in cookie["value"]
        assert page.evaluate("document.cookie") == ""
        # Its parts are read too; and nothing complains.
        opened(context, guarded, "/").close()
        page.goto(guarded + "/login")
        assert "signed in" in page.locator("main").inner_text()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_selector("#token")
        assert not context.cookies()
        page.goto(guarded + "/")
        assert page.locator("h1").inner_text() == "Sign in"
        context.close()


def test_without_script_too(browser, guarded):
    context = browser.new_context(java_script_enabled=False)
    page = opened(context, guarded, "/runs", may_fail=True)
    page.locator("#token").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(guarded + "/runs")
    context.close()


@pytest.mark.parametrize("asked", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", "/login"])
def test_only_own_paths_are_gone_back_to(guarded, asked):
    class Stays(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    body = urllib.parse.urlencode({"token": SECRET, "next": asked}).encode()
    with pytest.raises(urllib.error.HTTPError) as gone:
        urllib.request.build_opener(Stays).open(guarded + "/login", body)
    assert gone.value.code == 303 and gone.value.headers["location"] == "/"
    assert "evil" not in answer(guarded, "GET", f"/login?next={urllib.parse.quote(asked)}", accept=CHROME)[2]


def test_another_site_cannot_sign_in_or_out(guarded):
    body = urllib.parse.urlencode({"token": SECRET}).encode()
    for path in ("/login", "/logout"):
        asked = urllib.request.Request(guarded + path, body, {"Origin": "https://evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked)
    # Behind a proxy that ends TLS the cookie goes over TLS only.
    asked = urllib.request.Request(guarded + "/login", body, {"X-Forwarded-Proto": "https"})
    jar = []
    opener = urllib.request.build_opener(type("Keep", (urllib.request.HTTPRedirectHandler,), {
        "redirect_request": lambda self, request, file, code, message, headers, url: jar.append(headers["set-cookie"])}))
    with pytest.raises(urllib.error.HTTPError):
        opener.open(asked)
    assert jar[0].endswith("; Secure") and "HttpOnly" in jar[0]


def test_without_a_token_there_is_nothing_to_sign_in_to(browser, address):
    page = opened(browser.new_context(), address, "/login")
    assert "No sign-in is needed" in page.locator("main").inner_text()
    assert page.get_by_role("button", name="Sign out").count() == 0


def test_the_api_is_readable(browser, address, axe):
    """Every endpoint for programs is on the page; its examples are answered."""
    for path in ("/", "/instruments", "/quality", "/runs", "/nosuch"):
        assert 'href="/docs' in answer(address, "GET", path, accept=CHROME)[2], path
    page = opened(browser.new_context(viewport={"width": 390, "height": 900}), address, "/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    text = page.locator("main").inner_text()
    with urllib.request.urlopen(address + "/openapi.json") as found:
        document = json.load(found)
    for path, operations in document["paths"].items():
        is_page = any("page" in operation["tags"] for operation in operations.values())
        assert is_page or path.split("{")[0] in text, path
    assert not violations(page, axe)
    commands = page.eval_on_selector_all(".get pre", "all => all.map(e => e.textContent)")
    assert commands and all(address in command for command in commands)
