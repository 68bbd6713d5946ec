import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from exporters.collectors.budget import BudgetFacts
from monitor import page
from monitor.facts import Facts
from monitor.status import Place, build
from monitor.verdict import judge
from tests.monitor.test_facts import FULL, NOTHING
from tests.monitor.test_verdict import STORE_GONE, TRAFFIC
from tests.monitor.worlds import BUDGET, BUILD, INDEXES, NOW, WELL, failed, good

LARGEST = 50_000
VOID = {"meta", "link", "rect", "line", "polyline", "polygon", "path", "circle", "br", "input"}


def html(facts: Facts = FULL) -> str:
    traffic = TRAFFIC if facts.complete else None
    verdict = judge(facts, traffic)
    return page.render(build(facts, traffic, verdict, Place("default", "https://cal.example"), BUILD))


class Checker(HTMLParser):
    """Notes tags that do not close, ids used twice, and addresses loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.tables_without_header = 0
        self.unlabelled: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag in ("script", "img", "link", "iframe"):
            self.loaded += [
                v for v in (found.get("src"), found.get("href")) if v and not v.startswith("data:")
            ]
        if tag == "svg" and not (found.get("aria-label") or found.get("aria-hidden")):
            self.unlabelled.append(str(attrs))
        if tag == "th" and found.get("scope") != "col":
            self.tables_without_header += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    return checker


def test_the_page_is_well_formed_small_and_loads_nothing() -> None:
    for facts in (FULL, NOTHING, STORE_GONE):
        text = html(facts)
        checker = checked(text)
        assert len(text.encode()) < LARGEST
        assert checker.open == []
        assert checker.loaded == []
        assert len(checker.ids) == len(set(checker.ids))


def test_a_screen_reader_hears_every_figure() -> None:
    text = html()
    checker = checked(text)
    assert checker.unlabelled == []
    assert checker.tables_without_header == 0
    assert 'aria-label="c1: 41 of 120 calls used"' in text
    assert 'role="status" aria-live="polite"' in text
    assert '<html lang="en">' in text


def test_the_title_says_the_verdict_for_a_tab_in_the_background() -> None:
    assert "<title>All right · Calgate default</title>" in html(WELL)
    assert "<title>Act now · " in html(STORE_GONE)


def test_the_sentence_is_whole_though_its_head_is_set_apart() -> None:
    heading = re.search(r"<h1>(.*?)</h1>", html(WELL))
    assert heading is not None
    assert re.sub("<[^>]+>", "", heading.group(1)) == judge(WELL, TRAFFIC).sentence


def test_the_page_may_run_its_own_script_and_style_only() -> None:
    text = html()
    assert "unsafe" not in page.CONTENT_SECURITY_POLICY
    assert not re.search(r"\sstyle=|\son[a-z]+=", text)
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert page._digest(content) in page.CONTENT_SECURITY_POLICY


def test_what_a_store_says_is_never_markup() -> None:
    evil = "<script>alert(1)</script>`<b>`"
    text = html(
        replace(
            WELL,
            cache=failed(WELL.cache, evil, NOW - 60),
            database=good((replace(INDEXES[0], index=evil, present=False),)),
        )
    )
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<code>&lt;b&gt;</code>" in text


def test_commands_to_type_are_set_as_code() -> None:
    assert "<code>calgate config</code>" in html(STORE_GONE)


def test_figures_of_a_store_that_is_gone_say_how_old_they_are() -> None:
    text = html(STORE_GONE)
    assert text.count("as it was 30 s ago") == 3
    assert "as it was" not in html()


def test_one_error_told_by_every_collector_is_shown_once() -> None:
    assert html(STORE_GONE).count("connection refused") == 1


def test_a_block_shows_on_the_bar_with_its_time() -> None:
    text = html(replace(WELL, budget=good(BudgetFacts((replace(BUDGET, blocked_until=NOW + 42),)))))
    assert "blocked for 42 s" in text
    assert 'class="bar full"' in text


@pytest.mark.parametrize(
    ("used", "oldest_ago", "note"),
    [(0, None, "all free"), (119, 30, "next returns in 31 s"), (119, 62, "next returns now")],
)
def test_the_bar_says_when_the_next_call_returns(used: int, oldest_ago: float | None, note: str) -> None:
    oldest = 0.0 if oldest_ago is None else NOW - oldest_ago
    one = replace(BUDGET, used=used, peak=used, oldest_call=oldest)
    assert f"of 120 · {note}<" in html(replace(WELL, budget=good(BudgetFacts((one,)))))


def test_a_sole_page_is_not_said_twice() -> None:
    text = html(STORE_GONE)
    assert text.count("no cache, no call budget") == 1
    assert text.count("<strong>") == 0


def test_a_limit_of_nothing_divides_nothing() -> None:
    assert 'class="bar full"' in html(replace(WELL, budget=good(BudgetFacts((replace(BUDGET, limit=0),)))))


def test_a_page_that_cannot_refresh_will_say_so() -> None:
    assert 'role="alert">The monitor does not answer' in html()
