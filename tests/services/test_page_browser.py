"""The page in a real browser, over the chain that scores: what a person sees, hears and can reach."""

from __future__ import annotations

import os
import re
import time
from itertools import product
from pathlib import Path

import pytest

from page_chain import PARTS, USUAL, Chain
from running_page import outcome, pair, sample
from waiting import until

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (dependency group dev)")
CHROMIUM = Path(os.environ.get("ATIPICO_CHROMIUM", "/usr/bin/chromium"))
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no chromium at {CHROMIUM}; install it, or name one: ATIPICO_CHROMIUM=/path/to/it"
)
SEEN_MS = 20_000  # that a person would wait at most; on a busy machine


@pytest.fixture(scope="module")
def chain():
    """A running chain with forty usual payments of one card, scored."""
    chain = Chain()
    try:
        chain.start("store", "classifier", "agent", "host", "page")
        for at in range(40):
            chain.pay(USUAL + at % 5)
        until(lambda: chain.scored() == 40)
        yield chain
    finally:
        chain.close()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(browser):
    """Opens a page in a browser of its own; fails when the page's scripts fail."""
    opened, broken = [], []

    def look(url, **given):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **given})
        context.set_default_timeout(SEEN_MS)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(url)
        return page

    yield look
    for context in opened:
        context.close()
    assert not broken


def expect(locator):
    return sync_api.expect(locator)


def drawn(page) -> None:
    """Waits until samples are drawn."""
    page.wait_for_selector("#values canvas")
    expect(page.locator("#state-word")).to_have_text(re.compile("Live|Standing still"), timeout=SEEN_MS)


def test_a_sample_that_is_written_appears_scored_and_is_told_true_when_its_label_comes(chain, look):
    page = look(chain.page + "?job=payments&field=amount&last=60")
    drawn(page)

    id = chain.pay(9876.5)

    row = page.locator("#marks tbody tr", has_text=f"transaction_id {id}")
    expect(row).to_contain_text("9,877", timeout=SEEN_MS)
    assert float(row.locator(".score b").inner_text()) > 0.5
    expect(row.locator(".why")).to_contain_text("usual")
    expect(row.locator(".truth")).to_have_text("not known yet")
    expect(page.locator("#said")).to_contain_text("new anomal", timeout=SEEN_MS)
    chain.label(id, 1)
    expect(row.locator(".truth")).to_have_text("true", timeout=SEEN_MS)


def test_a_killed_part_shows_as_such_and_recovers(chain, look):
    page = look(chain.page)
    part = page.locator('#parts tr[data-part="classifier"]')
    expect(part.locator(".state-cell")).to_have_text("Up", timeout=SEEN_MS)
    restarts = int(part.locator("td[data-label=Restarts]").inner_text())

    chain.kill("classifier")

    expect(part.locator(".state-cell")).to_contain_text("Silent since", timeout=SEEN_MS)
    expect(page.locator("#parts-note")).to_have_text("Not heard of: classifier")
    chain.start("classifier")
    expect(part.locator(".state-cell")).to_have_text("Up", timeout=SEEN_MS)
    expect(part.locator("td[data-label=Restarts]")).to_have_text(str(restarts + 1), timeout=SEEN_MS)


def test_what_waits_to_be_scored_is_seen_in_samples_and_seconds_until_nothing_does(chain, look):
    page = look(chain.page)
    drawn(page)
    expect(page.locator("#waiting")).to_have_text("Waiting to be scored: payments nothing", timeout=SEEN_MS)

    chain.kill("agent")
    chain.pay(USUAL)
    until(lambda: "behind" in page.locator("#state-word").inner_text() or chain.pay(USUAL) < 0)
    expect(page.locator("#waiting")).to_have_text(re.compile(r"payments [\d,]+ samples? \([\d.]+ s\)"), timeout=SEEN_MS)

    chain.start("agent")
    expect(page.locator("#waiting")).to_have_text("Waiting to be scored: payments nothing", timeout=SEEN_MS)


def test_a_store_that_is_down_is_told_with_the_cure_and_the_page_goes_on_by_itself(chain, look):
    page = look(chain.page + "?job=payments&field=amount&last=300")
    drawn(page)

    chain.kill("store")

    expect(page.locator("#notice")).to_contain_text("The store does not answer", timeout=SEEN_MS)
    expect(page.locator("#state-word")).to_have_text("Store is down")
    expect(page.locator('#parts tr[data-part="agent"] .state-cell')).to_have_text("Unknown")
    chain.start("store")
    expect(page.locator("#notice")).to_be_hidden(timeout=SEEN_MS)
    id = chain.pay(7654.3)
    expect(page.locator("#marks tbody")).to_contain_text(f"transaction_id {id}", timeout=SEEN_MS)


def test_after_the_pages_own_service_began_anew_nothing_is_missing(chain, look):
    page = look(chain.page + "?job=payments&field=amount&last=300")
    drawn(page)

    chain.kill("page")
    expect(page.locator("#state-word")).to_have_text("Connecting again", timeout=SEEN_MS)
    id = chain.pay(8765.4)
    chain.start("page")

    expect(page.locator("#marks tbody")).to_contain_text(f"transaction_id {id}", timeout=SEEN_MS)
    expect(page.locator("#state-word")).to_have_text("Live", timeout=SEEN_MS)


def test_a_link_to_a_zoomed_view_shows_the_same_view_elsewhere(chain, look):
    first = look(chain.page + "?job=payments&field=customer&last=300")
    drawn(first)
    box = first.locator("#values .u-over").bounding_box()
    first.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    first.mouse.down()
    first.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 50, steps=5)
    first.mouse.up()
    first.wait_for_url("**from=**")
    drawn(first)

    second = look(first.url)
    drawn(second)

    for name in ("#chart-title", "#chart-note", "#marks-note"):
        expect(second.locator(name)).to_have_text(first.locator(name).inner_text())
    expect(second.locator("#field")).to_have_value("customer")
    assert second.locator("#plots").get_attribute("aria-label") == first.locator("#plots").get_attribute("aria-label")
    expect(second.locator("#live")).to_be_visible()
    second.locator("#live").click()
    second.wait_for_url("**last=300")


def test_nothing_is_asked_of_another_machine(chain, look, browser):
    asked = []
    context = browser.new_context()
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(chain.page)
    drawn(page)
    for key in ("1", "4", "n", "+", "0", "t"):
        page.keyboard.press(key)
    page.locator("#field").select_option("terminal")
    drawn(page)
    context.close()

    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((chain.page, "blob:" + chain.page))] == []


def test_a_script_that_would_reach_elsewhere_is_stopped_by_the_page_itself(chain, look):
    page = look(chain.page)
    reach = "url => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'stopped')"

    elsewhere = page.evaluate(reach, f"http://127.0.0.1:{chain.ports['store']}/ping")
    here = page.evaluate(reach, chain.page + "ping")

    assert (elsewhere, here) == ("stopped", "reached")


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    return [f"{one['id']}: {node['target']} {node.get('failureSummary', '')}" for one in found for node in one["nodes"]]


def test_axe_finds_nothing_to_complain_of_in_both_themes_and_on_a_phone(chain, look):
    chain.pay(9999.0)
    page = look(chain.page + "?last=3600")
    drawn(page)
    expect(page.locator("#marks tbody tr").first).to_be_visible(timeout=SEEN_MS)
    expect(page.locator("#parts tbody tr")).to_have_count(len(PARTS), timeout=SEEN_MS)

    found = {}
    for scheme, width in product(("light", "dark"), (1280, 360)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        found[scheme, width] = violations(page)

    assert not any(found.values()), found


def test_an_alert_is_seen_and_heard_while_it_lasts_and_axe_has_no_complaint(chain, look):
    alert = "alerts,atipico_job=payments,atipico_level=critical,shard=3,source=payments firing={},hits=2i {}"
    page = look(chain.page, viewport={"width": 360, "height": 740})
    drawn(page)

    chain.write(alert.format("true", time.time_ns()))

    expect(page.locator("#alerts-list li")).to_have_text(
        re.compile("critical payments, shard 3 since"), timeout=SEEN_MS
    )
    expect(page.locator("#said")).to_contain_text("new alert: payments, shard 3")
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    chain.write(alert.format("false", time.time_ns()))
    expect(page.locator("#alerts")).to_be_hidden(timeout=SEEN_MS)


def test_axe_would_find_a_faint_text_and_a_nameless_button(chain, look):
    page = look(chain.page)
    drawn(page)

    page.evaluate("document.querySelector('#foot').style.color = '#c8ccd0'")
    page.evaluate("document.body.append(document.createElement('button'))")

    assert {found.split(":")[0] for found in violations(page)} >= {"color-contrast", "button-name"}


def test_a_phone_needs_no_sideways_scrolling(chain, look):
    chain.pay(9999.0)
    page = look(chain.page, viewport={"width": 360, "height": 740})
    drawn(page)
    expect(page.locator("#marks tbody tr").first).to_be_visible(timeout=SEEN_MS)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_everything_can_be_done_by_keyboard(chain, look):
    chain.pay(9999.0)
    page = look(chain.page + "?job=payments&field=amount&last=300")
    drawn(page)
    expect(page.locator("#marks tbody tr").first).to_be_visible(timeout=SEEN_MS)

    page.keyboard.press("n")
    expect(page.locator("#said")).to_contain_text("score", timeout=SEEN_MS)
    page.keyboard.press("Space")
    page.wait_for_url("**from=**")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("2")
    page.wait_for_url("**last=300")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")


def test_a_text_from_a_stream_stays_text(tmp_path, look):
    with pair(tmp_path) as both:
        now = time.time_ns() - 10**9
        evil = '<img src=x onerror="document.title=1">'
        both.write(sample(now, 1.0), outcome(now, 0.9, why=evil))

        page = look(both.page)

        expect(page.locator("#marks .why").last).to_have_text(evil, timeout=SEEN_MS)
        assert page.locator("#marks img").count() == 0


def test_before_the_first_score_the_page_says_so_and_then_shows_it(tmp_path, look):
    with pair(tmp_path) as both:
        page = look(both.page)
        expect(page.locator("#blank")).to_contain_text("Nothing is scored yet", timeout=SEEN_MS)

        now = time.time_ns()
        both.write(sample(now, 1.0), outcome(now, 0.9))

        expect(page.locator("#chart-title")).to_have_text("heat of pumps", timeout=SEEN_MS)
        expect(page.locator("#blank")).to_be_hidden(timeout=SEEN_MS)


def test_a_page_too_many_says_so_and_takes_the_place_of_one_that_closes(tmp_path, look):
    with pair(tmp_path, clients=1) as both:
        both.write(sample(time.time_ns(), 1.0), outcome(time.time_ns(), 0.1))
        first = look(both.page)
        drawn(first)
        second = look(both.page)

        expect(second.locator("#notice")).to_contain_text("Too many pages are open", timeout=SEEN_MS)
        first.close()

        expect(second.locator("#notice")).to_be_hidden(timeout=SEEN_MS)


def test_a_part_of_a_column_that_comes_twice_is_there_once(chain, look):
    page = look(chain.page)

    told = page.evaluate("""async () => {
        const {Columns} = await import('/static/js/columns.js');
        const columns = new Columns({from: '1000000000', t: ['1000000000', '2000000000', '3000000000'], v: [1, 2, 3]});
        const tail = {from: '2000000000', t: ['2000000000', '4000000000'], v: [2.5, 4]};
        columns.replace(tail);
        columns.replace(tail);
        return [columns.t, columns.values.v, columns.holed(['v'], 1.5)];
    }""")

    assert told == [[1, 2, 4], [1, 2.5, 4], [[1, 2, 3, 4], [1, 2.5, None, 4]]]
