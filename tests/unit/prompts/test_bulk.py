"""Files of prompts: text, CSV and JSON Lines, row by row."""

from __future__ import annotations

import tracemalloc

import pytest

from nodes.prompts.bulk import BadPromptFile, convert_rows, count, find_file, rows, telling_of_the_rest
from nodes.prompts.convert import ConversionRequest
from nodes.prompts.targets import Style, Target

LIKE = ConversionRequest("", Style.NONE, "")


def prompts(file, **options) -> list[str]:
    return [row.request.prompt for row in rows(file, LIKE, **options)]


def test_a_text_file_holds_one_prompt_a_line(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffa fox\r\n\r\n# a remark\r\n#FF0000 wall\r\nünï\r\n".encode())
    assert prompts(file) == ["a fox", "#FF0000 wall", "ünï"]
    assert count(file) == 3


def test_a_csv_file_with_a_header_sets_style_size_and_target(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(
        'Prompt,style,size,target\n"a fox, red",natural,1792x1024,FLUX.1-schnell\n"a ""wolf""\nin snow",,,\n', "utf-8"
    )
    first, second = (row.request for row in rows(file, LIKE))
    assert first == ConversionRequest("a fox, red", Style.NATURAL, "1792x1024", Target.SCHNELL)
    assert second == ConversionRequest('a "wolf"\nin snow', Style.NONE, "")


def test_a_csv_file_without_a_header_has_its_prompts_first(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a fox,1\na wolf,2\n", "utf-8")
    assert prompts(file)[-1] == "a wolf"
    assert prompts(file) == ["a fox", "a wolf"]


def test_json_lines(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"prompt": "a fox", "size": "1024x1792"}\n\n"a wolf"\n', "utf-8")
    assert [(row.number, row.request.prompt, row.request.size) for row in rows(file, LIKE)] == [
        (1, "a fox", "1024x1792"),
        (2, "a wolf", ""),
    ]


def test_a_part_of_a_file(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("".join(f"prompt {n}\n" for n in range(1, 101)), "utf-8")
    assert prompts(file, first=40, most=2) == ["prompt 40", "prompt 41"]
    assert prompts(file, first=101) == []


def test_a_run_that_stops_before_the_end_says_where_the_next_begins(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("a fox\na wolf\na bear\n", "utf-8")

    def warnings(first: int, most: int) -> list[str]:
        done = [one for _, one in convert_rows(rows(file, LIKE, first=first, most=most))]
        return [w.message for one in telling_of_the_rest(done, first, count(file)) for w in one.report.warnings]

    assert warnings(1, 2) == ["Rows 1 to 2 of 3 were converted; set first_row to 3 for the next run."]
    assert warnings(3, 2) == warnings(1, 3) == warnings(4, 1) == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"prompt": "x"}\n{broken\n', "Line 2"),
        ("a.jsonl", b'{"text": "x"}\n', '"prompt"'),
        ("a.jsonl", b"[" * 100_000 + b"\n", "Line 1"),
        ("a.csv", b"prompt,style\nx,loud\n", "'loud'"),
        ("a.csv", b"prompt,size\nx,big\n", "'big'"),
        ("a.txt", b"\xff\xfe\x00x", "UTF-8"),
        ("a.txt", b"x" * 1_200_000, "megabyte"),
    ],
)
def test_a_bad_row_is_named(tmp_path, name, content, says):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadPromptFile, match=says):
        list(rows(file, LIKE))


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a.exe", "missing.txt", "sub/../../b.txt"])
def test_only_prompt_files_of_the_input_folder_are_read(tmp_path, name):
    folder = tmp_path / "input"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("x", "utf-8")
    (tmp_path / "b.txt").write_text("x", "utf-8")
    with pytest.raises(BadPromptFile):
        find_file(folder, name)


def test_a_long_file_is_streamed(tmp_path):
    file = tmp_path / "a.txt"
    with file.open("w", encoding="utf-8") as text:
        for n in range(10_000):
            text.write(f"a fox number {n} in a forest of birches with a long tail\n")
    tracemalloc.start()
    assert sum(1 for _ in rows(file, LIKE)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000, "bytes, of a file of more than half a megabyte"


def test_rows_are_converted_as_single_prompts_are(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("Create an image of a fox\na street, no people\n", "utf-8")
    assert [done.t5xxl for _, done in convert_rows(rows(file, LIKE))] == ["a fox", "a street, empty and deserted"]
