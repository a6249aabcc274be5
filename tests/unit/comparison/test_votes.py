"""Votes: stored, counted, exported, printed."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from PIL import Image
from scipy.stats import binomtest

from nodes.comparison.decision import of_sides, of_votes, refusals
from nodes.comparison.exports import COLUMNS, to_csv, to_jsonl
from nodes.comparison.metrics import CAUTION
from nodes.comparison.report import Figure, comparison_report, jpeg, votes_report
from nodes.comparison.summary import tallies, wilson
from nodes.comparison.votes import BadVote, read_vote, store, votes, withdraw
from nodes.services.ledger import CallState, Ledger, Wanted
from nodes.services.settings import ServiceSettings
from nodes.state import State

ATTACK = "</title><script>alert(1)</script><img src=x onerror=alert(1)>'\"&"


def cast(choice: str, *, pair: int = 1, labels: tuple[str, ...] = ("DALL·E 3", "FLUX"), **changes: object) -> dict:
    sides = [
        {"slot": slot, "label": label, "width": 1024, "height": 1024, "sha256": "ab" * 32, "facts": {"style": "vivid"}}
        for slot, label in zip("abcd", labels, strict=False)
    ]
    return {
        "comparison": "c1",
        "pair": pair,
        "choice": choice,
        "blind": True,
        "sides": sides,
        "prompt": "a fox",
    } | changes


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path)


def test_a_vote_survives_with_everything_it_was_cast_on(state):
    store(state, read_vote(cast("b", category="portrait")))
    (vote,) = votes(State(state.root), "c1")
    assert (vote.choice, vote.blind, vote.prompt, vote.category) == ("b", True, "a fox", "portrait")
    assert vote.sides[1].label == "FLUX"
    assert vote.sides[0].facts == {"style": "vivid"}
    assert vote.cast_at.endswith("+00:00")


def test_voting_again_on_the_same_pair_replaces_the_vote(state):
    store(state, read_vote(cast("a")))
    store(state, read_vote(cast("tie")))
    store(state, read_vote(cast("b", pair=2)))
    assert [vote.choice for vote in votes(state)] == ["tie", "b"]


def test_a_vote_can_be_withdrawn_once(state):
    store(state, read_vote(cast("a")))
    assert withdraw(state, "c1", 1)
    assert not withdraw(state, "c1", 1)
    assert votes(state) == []


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "c"}, {"choice": None}, {"choice": ["a"]}, {"pair": 0}, {"pair": "1"}, {"pair": True},
        {"pair": 10**30}, {"comparison": ""}, {"comparison": "x" * 65},
        {"sides": []}, {"sides": "ab"}, {"sides": [1, 2]}, {"sides": [{"slot": "e"}] * 2},
    ],
)  # fmt: skip
def test_what_is_no_vote_is_refused(change):
    with pytest.raises(BadVote):
        read_vote(cast("a") | change)


def test_half_a_character_is_stored_as_a_question_mark(state):
    sides = [side | {"label": "\ud800B", "facts": {"mo\udc00del": "\udfff"}} for side in cast("b")["sides"]]
    store(state, read_vote(cast("b", comparison="c\ud800", prompt="a \ud800 fox", category="\udc00", sides=sides)))
    (vote,) = votes(state)
    assert (vote.comparison, vote.prompt, vote.category, vote.sides[1].label) == ("c?", "a ? fox", "?", "?B")
    assert vote.sides[0].facts == {"mo?del": "?"}


@pytest.mark.parametrize("body", [None, [], "vote", 3])
def test_a_vote_is_an_object(body):
    with pytest.raises(BadVote):
        read_vote(body)


@pytest.mark.parametrize(("won", "of"), [(0, 1), (1, 1), (7, 10), (50, 100), (0, 40), (40, 40)])
def test_the_interval_is_wilsons_as_scipy_computes_it(won, of):
    ours, theirs = wilson(won, of), binomtest(won, of).proportion_ci(0.95, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert wilson(0, 0) is None


def test_win_rate_and_good_enough_count_what_they_say(state):
    for pair, choice in enumerate(["b"] * 6 + ["a"] * 2 + ["tie"] * 3 + ["bad"], start=1):
        store(state, read_vote(cast(choice, pair=pair)))
    (tally,) = tallies(votes(state))
    assert (tally.reference, tally.challenger) == ("DALL·E 3", "FLUX")
    assert (tally.wins, tally.losses, tally.ties, tally.both_bad, tally.blind) == (6, 2, 3, 1, 12)
    assert tally.win_rate.share == 6 / 8
    assert tally.good_enough.share == 9 / 11
    assert tally.verdict == "good enough"
    assert tally.sentence.startswith("FLUX against DALL·E 3: good enough. As good or better in 82%")


def test_few_votes_give_no_verdict_and_bad_ones_say_no(state):
    store(state, read_vote(cast("b")))
    assert tallies(votes(state))[0].verdict == "too few votes to tell"
    for pair in range(1, 15):
        store(state, read_vote(cast("a", pair=pair)))
    assert tallies(votes(state))[0].verdict == "not good enough"


def test_labels_are_counted_together_whichever_socket_they_were_on(state):
    store(state, read_vote(cast("b")))
    store(state, read_vote(cast("a", pair=2, labels=("FLUX", "DALL·E 3"))))
    (tally,) = tallies(votes(state))
    assert (tally.wins, tally.losses) == (2, 0)


def test_of_three_pictures_the_chosen_one_beats_the_others(state):
    store(state, read_vote(cast("c", labels=("DALL·E 3", "FLUX", "FLUX + LoRA"))))
    found = {(tally.reference, tally.challenger): tally.wins for tally in tallies(votes(state))}
    assert found == {("DALL·E 3", "FLUX + LoRA"): 1, ("FLUX", "FLUX + LoRA"): 1}


@pytest.mark.parametrize(
    ("by", "groups"), [("style", {"vivid"}), ("size", {"1024x1024"}), ("category", {"logo", "no category"})]
)
def test_votes_are_grouped(state, by, groups):
    store(state, read_vote(cast("a")))
    store(state, read_vote(cast("b", pair=2, category="logo")))
    assert {tally.group for tally in tallies(votes(state), by)} == groups


def test_csv_holds_every_vote_and_no_formula(state):
    store(state, read_vote(cast("b", prompt='=HYPERLINK("http://x")', category="@a", labels=("-A", '+B\n,"'))))
    text = to_csv(votes(state))
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert tuple(row) == COLUMNS
    assert row["prompt"] == '\'=HYPERLINK("http://x")'
    assert (row["category"], row["label_a"], row["label_b"]) == ("'@a", "'-A", "'+B\n,\"")
    assert (row["choice"], row["style_a"], row["label_c"]) == ("b", "vivid", "")


def test_jsonl_reads_back_as_it_was_stored(state):
    store(state, read_vote(cast("b")))
    store(state, read_vote(cast("a", pair=2)))
    lines = [json.loads(line) for line in to_jsonl(votes(state)).splitlines()]
    assert [line["choice"] for line in lines] == ["b", "a"]
    assert lines[0]["sides"][1]["label"] == "FLUX"


class Page(HTMLParser):
    """What a browser would see: elements with attributes, and text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def check_harmless(html: str) -> Page:
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "link", "base", "form"})
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "data:image/").startswith("data:image/")
    policies = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    return page


def test_the_votes_report_is_whole_in_itself_and_nothing_in_it_runs(state):
    hostile = cast("b", prompt=ATTACK, category=ATTACK, labels=(ATTACK, ATTACK + "2"))
    hostile["sides"][0]["facts"] = {ATTACK: ATTACK, "style": ATTACK}
    store(state, read_vote(hostile))
    cast_votes = votes(state)
    kept = jpeg(Image.new("RGB", (2000, 1000), "red"))
    page = check_harmless(votes_report(cast_votes, {ATTACK: tallies(cast_votes, "style")}, lambda _: kept))
    assert page.text.count(ATTACK) >= 5
    assert Image.open(io.BytesIO(kept)).size == (1280, 640)


def test_the_comparison_report_shows_pictures_numbers_and_the_caution():
    metrics = {
        "pairs": [{"pair": 1, "a": ATTACK, "b": "B", "ssim": 0.51234, "psnr_db": None}],
        "meaning": {"ssim": ATTACK, "psnr_db": "Decibels."},
        "pairing": {"note": ATTACK}, "alignment": {"rule": "fit", "meaning": "fitted"}, "caution": CAUTION,
    }  # fmt: skip
    figures = [Figure(ATTACK, (ATTACK,), Image.new("RGB", (8, 8))), Figure("B", (), None)]
    page = check_harmless(comparison_report([figures], metrics, ATTACK))
    assert CAUTION in page.text
    assert "0.5123" in page.text
    assert [tag for tag, _ in page.elements].count("img") == 1


def test_a_report_opens_with_votes_cost_time_and_refusals_of_both_sides(state):
    ledger = Ledger(state)
    for number, error in enumerate(("", "", "refused_by_policy", "network_failure")):
        wanted = Wanted(f"k{number}", "openai", "generations", "gpt-image-2", 0.05, "picture", "")
        (call,) = ledger.claim([wanted], ServiceSettings(per_day_usd=None), again=True)
        if error:
            ledger.failed(call, CallState.UNSENT, error)
        else:
            ledger.settled(call, 0.05)
    theirs = {"model": "gpt-image-2", "cost": "0.0", "first_cost": "0.05", "seconds": "8"}
    for pair, (choice, sha256) in enumerate((("b", "1"), ("b", "1"), ("a", "2")), start=1):
        body = cast(choice, pair=pair)
        body["sides"][0] |= {"sha256": sha256 * 64, "facts": theirs}
        body["sides"][1] |= {"sha256": f"{pair}f" * 32, "facts": {"model": "FLUX.1-dev"}}
        store(state, read_vote(body))
    decision = of_votes(votes(state), refusals(state))
    page = check_harmless(votes_report(votes(state), {}, lambda _: None, ATTACK, f"first line\n{ATTACK}", decision))
    before_votes = page.text.split("All 3 votes")[0]
    for told in (
        "win rate 67% (95 % interval", "$0.050", "8.0 s", "1 of 3 requests (33%)", "not known", "none on record",
        "first line",
    ):  # fmt: skip
        assert told in before_votes
    (dalle, flux) = decision.sides
    assert (dalle.pictures, flux.pictures) == (2, 3), "a picture judged twice counts once"


def test_one_run_is_told_with_all_votes_between_its_labels_and_no_others(state):
    store(state, read_vote(cast("b")))
    store(state, read_vote(cast("b", pair=2, labels=("DALL·E 3", "SDXL"))))
    sides = [("DALL·E 3", [{"cost": "0.04"}, {}]), ("FLUX", [{"seconds": "x"}])]
    decision = of_sides(sides, votes(state), {})
    assert [tally.challenger for tally in decision.tallies] == ["FLUX"]
    assert decision.sides[0].rows()[0] == "$0.040 (known of 1 of 2 pictures)"
    assert decision.sides[1].rows() == ("not known", "not known", "none on record")
    assert refusals(State(state.root / "nothing")) == {}
