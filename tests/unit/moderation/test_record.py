"""The record: what it keeps, what it does not, how long, and what nobody can change."""

from __future__ import annotations

import csv
import io
import json
import logging
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from nodes.endpoints import Endpoints
from nodes.moderation import record as record_module
from nodes.moderation.decision import Outcome
from nodes.moderation.gate import OnFlag, check_prompt
from nodes.moderation.local_text import LocalTextCheck
from nodes.moderation.moderate import GateContext, moderate_prompt
from nodes.moderation.policy import OnError, Policy
from nodes.moderation.record import (
    MIGRATIONS,
    ROOM,
    BadOverrule,
    NoSuchDecision,
    Record,
)
from nodes.moderation.settings import BadModerationSettings, ModerationSettings
from nodes.state import State

POLICY = Policy.from_preset()
SECRET = "a nude zyxwvut-quokka"


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path / "dalle_flux")


def decision(text: str = SECRET):
    return check_prompt(text, POLICY, [LocalTextCheck()])


def context(state: State, **settings) -> GateContext:
    known = Endpoints({}, {"moderation": settings} if settings else {}, state.endpoints_file)
    return GateContext(lambda: known, state)


def test_a_decision_is_kept_with_everything_but_the_text(state):
    record = Record(state, ModerationSettings())
    (identity,) = record.add([decision()], "block", SECRET)
    (kept,) = record.page()
    assert kept["id"] == identity
    assert kept["at"].endswith("Z")
    assert (kept["kind"], kept["outcome"], kept["action"]) == ("prompt", "block", "block")
    assert kept["blocked"] == ["sexual"]
    assert kept["sha256"] == decision().sha256
    assert kept["policy"]["name"] == "DALL·E-like"
    assert kept["checks"][0]["version"] == decision().verdicts[0].version
    assert kept["checks"][0]["rules"] == ["sexual/nudity"]
    assert kept["text"] is None
    for file in state.root.iterdir():
        assert b"quokka" not in file.read_bytes()


def test_the_text_is_kept_only_if_the_users_file_says_so(state):
    moderate_prompt(SECRET, POLICY, context(state, keep_text=True))
    assert Record(state, ModerationSettings()).page()[0]["text"] == SECRET


def test_an_allowed_prompt_is_recorded_too(state):
    moderate_prompt("a tree", POLICY, context(state), OnFlag.REPLACE)
    (kept,) = Record(state, ModerationSettings()).page()
    assert (kept["outcome"], kept["action"]) == ("allow", "pass")


def test_an_overrule_stands_beside_the_decision_and_neither_can_be_changed(state):
    record = Record(state, ModerationSettings())
    (identity,) = record.add([decision()], "stop")
    record.overrule(identity, "allow", " Ada ", "a statue")
    record.overrule(identity, "block", "Grace")
    (kept,) = record.page()
    assert kept["outcome"] == "block"
    assert [(o["verdict"], o["reviewer"]) for o in kept["overrules"]] == [("allow", "Ada"), ("block", "Grace")]
    for table in ("decisions SET outcome", "overrules SET verdict"):
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):  # noqa: SIM117
            with state.database(ROOM, MIGRATIONS) as database:
                database.execute(f"UPDATE moderation_{table} = 'allow'")
    with pytest.raises(NoSuchDecision):
        record.overrule(identity + 1, "allow", "Ada")
    with pytest.raises(BadOverrule, match="reviewer"):
        record.overrule(identity, "allow", "  ")


def test_what_is_older_than_the_retention_goes_with_its_overrules(state, monkeypatch):
    record = Record(state, ModerationSettings(retention_days=30))
    now = record_module._now
    monkeypatch.setattr(record_module, "_now", lambda shift=timedelta(): now(shift - timedelta(days=31)))
    (old,) = record.add([decision()], "stop")
    record.overrule(old, "allow", "Ada")
    monkeypatch.setattr(record_module, "_now", now)
    (new,) = record.add([decision()], "stop")
    assert [kept["id"] for kept in record.page()] == [new]
    with state.database(ROOM, MIGRATIONS) as database:
        assert database.execute("SELECT count(*) FROM moderation_overrules").fetchone()[0] == 0
    assert new > old, "ids are never used twice"


def test_zero_days_keep_for_ever(state, monkeypatch):
    record = Record(state, ModerationSettings(retention_days=0))
    now = record_module._now
    monkeypatch.setattr(record_module, "_now", lambda shift=timedelta(): now(shift - timedelta(days=9999)))
    record.add([decision()], "stop")
    monkeypatch.setattr(record_module, "_now", now)
    record.add([decision()], "stop")
    assert len(record.page()) == 2


def test_the_exports_hold_every_decision(state, monkeypatch):
    monkeypatch.setattr(record_module, "MOST_ROWS", 3)
    record = Record(state, ModerationSettings(keep_text=True))
    for number in range(7):
        record.add([decision(f'nude {number}, "quoted"\nand a new line')], "stop", f'=HYPERLINK({number})\n"x"')
    lines = [json.loads(line) for line in record.jsonl()]
    assert [line["id"] for line in lines] == [7, 6, 5, 4, 3, 2, 1]
    rows = list(csv.DictReader(io.StringIO("".join(record.csv()))))
    assert [row["id"] for row in rows] == ["7", "6", "5", "4", "3", "2", "1"]
    assert rows[0]["text"].startswith("'=HYPERLINK"), "no formula for a spreadsheet"
    assert json.loads(rows[0]["scores"]) == lines[0]["scores"]


def test_pages_go_back_in_time_and_can_be_narrowed(state):
    record = Record(state, ModerationSettings())
    record.add([decision("a tree"), decision(), decision("a lake")], "stop")
    assert [kept["id"] for kept in record.page(limit=2)] == [3, 2]
    assert [kept["id"] for kept in record.page(before=2)] == [1]
    assert [kept["id"] for kept in record.page(outcome="block")] == [2]


@pytest.mark.parametrize("on_error", OnError)
def test_a_record_that_cannot_be_written_counts_as_a_check_that_failed(state, on_error):
    state.root.parent.mkdir(exist_ok=True)
    state.root.write_text("a file where the folder should be")
    result = moderate_prompt("a tree", replace(POLICY, on_error=on_error), context(state))
    assert result.failures[0][0] == "record"
    assert result.outcome is (Outcome.BLOCK if on_error is OnError.BLOCK else Outcome.REVIEW)


def test_settings_that_make_no_sense_hold_back_and_say_so(state):
    for bad in ({"keep_text": "yes"}, {"retention_days": -1}, {"retention_days": True}, {"keep_txt": True}):
        with pytest.raises(BadModerationSettings):
            ModerationSettings.read({"moderation": bad})
        assert moderate_prompt("a tree", POLICY, context(state, **bad)).failures[0][1].code == "bad_moderation_settings"
    with pytest.raises(BadModerationSettings):
        ModerationSettings.read({"moderation": True})
    assert ModerationSettings.read({}) == ModerationSettings(keep_text=False, retention_days=365)


HALF = "nude \ud800 quokka"  # half a character, which UTF-8 cannot write


def test_half_a_character_is_judged_and_recorded(state):
    policy = replace(POLICY, model=HALF, endpoint=HALF)
    assert moderate_prompt(HALF, policy, context(state, keep_text=True)).blocked
    record = Record(state, ModerationSettings(keep_text=True))
    record.overrule(1, "allow", HALF, HALF)
    (kept,) = record.page(outcome="block")
    assert kept["text"] == kept["policy"]["model"] == kept["overrules"][0]["note"] == "nude ? quokka"
    assert record.page(outcome=HALF) == []
    assert "quokka" in "".join(record.csv()) + "".join(record.jsonl())


@pytest.mark.parametrize("huge", [10**22, -(10**22), 2**63])
def test_numbers_that_no_database_holds_are_no_decision(state, huge):
    record = Record(state, ModerationSettings())
    record.add([decision()], "stop")
    assert len(record.page(before=huge, limit=huge)) == (huge > 0)
    with pytest.raises(NoSuchDecision):
        record.overrule(huge, "allow", "Ada")


def test_no_cell_of_the_export_is_a_formula(state):
    record = Record(state, ModerationSettings(keep_text=True))
    for text in ("=1", "a;=1", "\n=1", "＝1", "\t-1"):
        record.add([decision(text)], "stop", text)
    for row in csv.DictReader(io.StringIO("".join(record.csv()))):
        assert row["text"].count("'") >= 1


def test_nothing_is_logged(state, caplog):
    caplog.set_level(logging.DEBUG)
    moderate_prompt(SECRET, POLICY, context(state))
    assert "quokka" not in caplog.text
