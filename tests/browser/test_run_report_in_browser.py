"""A run's report in a real Chromium: layout, quiet, links, folds, downloads, print, axe-core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from run_material import rewrite, small
from visits import HEIGHT, Visit

from experiments.host.paths import RESULTS
from experiments.run_report.write import write_report

Open = Callable[..., Visit]
WIDTHS = (340, 390, 768, 1280)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([str(small(tmp_path_factory.mktemp("runs") / "made-1"))]).report


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with failures alone."""
    run = small(tmp_path_factory.mktemp("failed") / "made-2")
    rewrite(run, lambda one: {**one, "status": "failed", "reasons": ["the job ended with status 1: " + "x" * 200]})
    return write_report([str(run)]).report


@pytest.mark.parametrize("width", WIDTHS)
def test_layout(report: Path, visit: Open, width: int) -> None:
    seen = visit(report, width)
    seen.open_all()
    page = seen.layout
    assert page["width"] == width
    assert page["needed"] <= width, "the page scrolls sideways"
    assert (page["pictures"], page["broken"]) == (12, 0)
    assert page["topologies"] == 5, "each cluster is drawn once, in the layout for this width"
    assert page["smallest"] >= 8.5, "text in px"


@pytest.mark.parametrize("width", [340, 1280])
def test_layout_of_failures_alone(failed: Path, visit: Open, width: int) -> None:
    seen = visit(failed, width)
    seen.open_all()
    assert seen.layout["needed"] <= width
    assert seen.page.get_by_text("no trial was measured, so there are no figures").is_visible()
    assert seen.said == []


def test_it_says_nothing_and_asks_for_nothing(report: Path, visit: Open) -> None:
    seen = visit(report)
    seen.open_all()
    seen.page.mouse.wheel(0, 20_000)
    seen.page.wait_for_load_state("networkidle")
    assert seen.said == []
    assert seen.asked == [report.as_uri()]


def test_the_answer_is_on_the_first_screen(report: Path, visit: Open) -> None:
    seen = visit(report)
    for question in ("Does it scale?", "What stops it?", "What should I do?"):
        box = seen.page.get_by_role("heading", name=question).bounding_box()
        assert box is not None
        assert box["y"] < HEIGHT


def test_every_link_leads_to_its_place(report: Path, visit: Open) -> None:
    page = visit(report).page
    links = page.locator("a[href^='#']")
    assert links.count() >= 7
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        assert target is not None
        links.nth(number).click()
        assert page.evaluate("location.hash") == target
        assert page.locator(target).is_visible()
        page.evaluate("scrollTo(0, 0)")


def test_every_fold_opens_and_closes(report: Path, visit: Open) -> None:
    page = visit(report).page
    folds = page.locator("details")
    assert folds.count() > 50
    for number in range(folds.count()):
        fold = folds.nth(number)
        was = fold.evaluate("one => one.open")
        fold.locator("summary").first.evaluate("one => one.click()")
        assert fold.evaluate("one => one.open") is not was
        if was:  # what began open stays open for what is folded in it
            fold.locator("summary").first.evaluate("one => one.click()")


def test_folds_open_with_the_keyboard(report: Path, visit: Open) -> None:
    page = visit(report).page
    page.locator("#claim-D6 > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#claim-D6 dl").is_visible()


def test_every_table_can_be_downloaded(report: Path, visit: Open) -> None:
    names = visit(report).page.locator("a[download]").evaluate_all("all => all.map(one => one.download)")
    assert len(set(names)) == 12 + 2  # figures; cells; trials
    for name in names:
        # A page of its own for each: browsers ask before a page's second download.
        seen = visit(report)
        seen.open_all()
        with seen.page.expect_download(timeout=10_000) as waiting:
            seen.page.locator(f"a[download='{name}']").click()
        done = waiting.value
        assert done.suggested_filename == name
        lines = Path(done.path()).read_text().splitlines()
        assert len(lines) >= 2
        assert "," in lines[0]


def test_dark_is_dark_and_light_is_light(report: Path, visit: Open) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = visit(report, 1280, scheme).page
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
        colours[scheme] = sum(colour) / 3
    assert colours["light"] > 240
    assert colours["dark"] < 40


def test_it_prints_in_light_without_navigation(report: Path, visit: Open) -> None:
    page = visit(report, 1280, "dark").page
    page.emulate_media(media="print", color_scheme="light")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.plot img')).filter") == "none"
    assert len(page.pdf(format="A4")) > 50_000


def test_what_a_verdict_rests_on_is_printed_whichever_claims_are_open(report: Path, visit: Open) -> None:
    page = visit(report).page
    details = page.locator("#claim-D6 dl")
    assert not details.is_visible()
    page.emulate_media(media="print")
    box = details.bounding_box()
    assert box is not None
    assert box["height"] > 20


@pytest.mark.parametrize("width", [390, 1280])
def test_the_reference_run(visit: Open, width: int) -> None:
    """Of many runs, as it is committed: several comparisons, and figures of each."""
    path = RESULTS / "reference" / "report.html"
    seen = visit(path, width)
    seen.open_all()
    page = seen.layout
    assert page["needed"] <= width, "the page scrolls sideways"
    assert page["broken"] == 0
    assert page["pictures"] >= 30
    assert seen.said == []
    assert seen.asked == [path.as_uri()]
    assert seen.serious() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious(report: Path, failed: Path, visit: Open, width: int, scheme: str) -> None:
    for one in (report, failed):
        seen = visit(one, width, scheme)
        seen.open_all()
        assert seen.serious() == []
