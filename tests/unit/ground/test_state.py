import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nodes import state as state_module
from nodes.state import State, StateFailed, StateTooNew, write_file

FIRST = "CREATE TABLE votes (id INTEGER PRIMARY KEY, side TEXT NOT NULL)"
SECOND = "ALTER TABLE votes ADD COLUMN note TEXT"


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path / "dalle_flux")


def test_bytes_are_kept_under_their_sha256(state):
    sha256 = state.keep(b"picture")
    assert sha256 == hashlib.sha256(b"picture").hexdigest()
    assert state.kept(sha256).read_bytes() == b"picture"
    assert state.keep(b"picture") == sha256


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_only_a_sha256_names_kept_bytes(state, name):
    with pytest.raises(ValueError, match="SHA-256"):
        state.kept(name)


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    file = tmp_path / "endpoints.toml"
    write_file(file, b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_file(file, b"new")
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["endpoints.toml"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_private_file_is_for_the_user_alone(tmp_path):
    write_file(tmp_path / "a", b"", private=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_the_database_survives_power_loss_by_its_settings(state):
    with state.database("room", [FIRST]) as database:
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert database.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_an_error_rolls_everything_back(state):
    with state.database("room", [FIRST]) as database:
        database.execute("INSERT INTO votes (side) VALUES ('a')")
    with pytest.raises(sqlite3.IntegrityError), state.database("room", [FIRST]) as database:
        database.execute("INSERT INTO votes (side) VALUES ('b'), (NULL)")
    with state.database("room", [FIRST]) as database:
        assert [row["side"] for row in database.execute("SELECT side FROM votes")] == ["a"]


def test_a_room_is_migrated_once_and_keeps_its_rows(state):
    with state.database("room", [FIRST]) as database:
        database.execute("INSERT INTO votes (side) VALUES ('a')")
    for _ in range(2):
        with state.database("room", [FIRST, SECOND]) as database:
            assert dict(database.execute("SELECT * FROM votes").fetchone()) == {"id": 1, "side": "a", "note": None}


def test_a_database_of_a_newer_pack_is_left_alone(state):
    with state.database("room", [FIRST, SECOND]):
        pass
    with pytest.raises(StateTooNew, match="update the pack"), state.database("room", [FIRST]):
        pass


def test_a_failed_migration_changes_nothing(state):
    with state.database("room", [FIRST]):
        pass
    with pytest.raises(sqlite3.OperationalError), state.database("room", [FIRST, SECOND + ";\nNONSENSE"]):
        pass
    with state.database("room", [FIRST]) as database:
        assert [column["name"] for column in database.execute("PRAGMA table_info(votes)")] == ["id", "side"]


def test_a_folder_that_was_deleted_or_put_back_meanwhile_is_opened_anew(state, tmp_path):
    def vote(where: State) -> int:
        with where.database("room", [FIRST]) as database:
            database.execute("INSERT INTO votes (side) VALUES ('a')")
            return database.execute("SELECT count(*) FROM votes").fetchone()[0]

    other = State(tmp_path / "other")
    assert [vote(state), vote(state), vote(other), vote(state), vote(other)] == [1, 2, 1, 3, 2]
    if os.name != "nt":  # where an open file cannot be deleted
        shutil.rmtree(other.root)
        assert [vote(other), vote(other)] == [1, 2]


@pytest.mark.parametrize("trouble", ["locked", "no database", "no folder"])
def test_a_database_that_cannot_be_used_is_said_in_one_sentence(state, monkeypatch, trouble):
    monkeypatch.setattr(state_module, "_BUSY_TIMEOUT_S", 0.02)
    file = state.root / "state.sqlite"
    if trouble == "no folder":
        state.root.write_text("a file")
    else:
        state.root.mkdir()
    if trouble == "no database":
        file.write_bytes(b"no database" * 100)
    if trouble == "locked":
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
    with (
        pytest.raises(StateFailed, match=r"state\.sqlite cannot be used \(.+\); close other programs"),
        state.database("room", [FIRST]),
    ):
        pass


def filled(state: State) -> Path:
    with state.database("room", [FIRST]) as database:
        database.executemany("INSERT INTO votes (side) VALUES (?)", [(f"{n:0500}",) for n in range(200)])
    state_module._close()  # so that everything lies in the one file
    return state.root / "state.sqlite"


def whole(database: sqlite3.Connection) -> None:
    database.execute("SELECT side FROM votes ORDER BY side DESC").fetchall()


@pytest.mark.parametrize(
    "work",
    [
        whole,
        lambda database: database.execute("UPDATE votes SET side = side || 'x'"),
        lambda database: [row for row in database.execute("SELECT * FROM votes")],
        lambda database: database.executemany("INSERT INTO votes (side) VALUES (?)", [("y" * 4000,)] * 400),
        lambda database: database.execute("DELETE FROM votes"),
    ],
    ids=["read", "change", "row by row", "add", "delete"],
)
@pytest.mark.parametrize("damage", ["page", "head", "cut", "noise", "other file", "other tables"])
def test_a_damaged_database_says_so_and_loses_nothing(state, work, damage):
    file = filled(state)
    data = bytearray(file.read_bytes())
    if damage == "page":
        for page in range(4096, len(data), 4096):
            data[page : page + 64] = b"\xff" * 64
    if damage == "head":
        data[0:100] = bytes(100)
    if damage == "cut":
        del data[len(data) // 3 :]
    if damage == "noise":
        data[:] = os.urandom(len(data))
    if damage == "other file":
        data[:] = b"# my notes\n" * 5000
    file.write_bytes(data)
    if damage == "other tables":
        with sqlite3.connect(file) as database:
            database.execute("DROP TABLE votes")
        database.close()
    before = file.read_bytes()

    def use(work) -> None:
        with state.database("room", [FIRST]) as database:
            work(database)
            whole(database)

    for _ in range(2):
        with pytest.raises(StateFailed) as told:
            use(work)
        assert f"{file} cannot be used" in str(told.value)
        assert "run again" in str(told.value)
        assert "\n" not in str(told.value)
    assert file.stat().st_size >= len(before)
    if damage != "other tables":
        assert "Keep what you move" in str(told.value)
        assert file.read_bytes()[4096:] == before[4096:]
    file.unlink()  # what the sentence advises
    use(whole)


def test_a_rule_of_a_table_stays_the_rooms_own_matter_and_the_database_open(state):
    filled(state)
    with state.database("room", [FIRST]) as database:
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("INSERT INTO votes (side) VALUES (NULL)")
        database.execute("INSERT INTO votes (side) VALUES ('after')")
    with state.database("room", [FIRST]) as database:
        assert database.execute("SELECT count(*) FROM votes").fetchone()[0] == 201


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_everything_in_the_state_folder_is_for_the_user_alone(state):
    state.keep(b"picture")
    with state.database("room", [FIRST]) as database:
        database.execute("INSERT INTO votes (side) VALUES ('a')")
        entries = [state.root, *state.root.rglob("*")]
        assert {entry.name for entry in entries} >= {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm"}
        assert {entry.name: oct(entry.stat().st_mode & 0o777) for entry in entries} == {
            entry.name: "0o700" if entry.is_dir() else "0o600" for entry in entries
        }


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_database_that_an_older_version_left_readable_is_made_private(state):
    file = filled(state)
    file.chmod(0o644)
    with state.database("room", [FIRST]) as database:
        database.execute("INSERT INTO votes (side) VALUES ('a')")
        assert {part.stat().st_mode & 0o777 for part in state.root.glob("state.sqlite*")} == {0o600}


def test_the_first_threads_wait_for_each_other(state):
    """SQLite's switch to a write-ahead log does not wait by itself."""

    def vote() -> None:
        with state.database("room", [FIRST]) as database:
            count = database.execute("SELECT count(*) FROM votes").fetchone()[0]
            database.execute("INSERT INTO votes VALUES (?, 'a')", (count + 1,))

    threads = [threading.Thread(target=vote) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.database("room", [FIRST]) as database:
        assert database.execute("SELECT count(*) FROM votes").fetchone()[0] == 16
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_what_was_acknowledged_is_there_after_a_kill(state):
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; from nodes.state import State\n"
        "state = State(Path(sys.argv[1]))\n"
        f"with state.database('room', [{FIRST!r}]) as d: d.execute(\"INSERT INTO votes (side) VALUES ('kept')\")\n"
        "print(state.keep(b'picture'), flush=True)\n"
        f"with state.database('room', [{FIRST!r}]) as d:\n"
        "    d.execute(\"INSERT INTO votes (side) VALUES ('lost')\"); os.kill(os.getpid(), 9)\n"
    )
    repository = str(Path(__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", code, str(state.root), repository], capture_output=True, text=True)
    assert done.returncode != 0
    assert state.kept(done.stdout.strip()).read_bytes() == b"picture"
    with state.database("room", [FIRST]) as database:
        assert [row["side"] for row in database.execute("SELECT side FROM votes")] == ["kept"]
