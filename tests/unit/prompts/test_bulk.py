"""Files of prompts: text, CSV and JSON Lines, row by row."""

from __future__ import annotations

import tracemalloc

import pytest

from nodes.prompts.bulk import BadPromptFile, convert_rows, count, find_file, rows, with_notices
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
        return [w.message for one in with_notices(done, file, first, count(file)) for w in one.report.warnings]

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


def notices(file) -> list[str]:
    done = [one for _, one in convert_rows(rows(file, LIKE))]
    return [notice.message for one in with_notices(done, file, 1, count(file)) for notice in one.report.warnings]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "\ufeff", "sep={}\r\n"])
def test_columns_are_told_apart_whatever_stands_between_them(tmp_path, delimiter, start):
    file = tmp_path / "a.csv"
    lines = ["prompt,style,size", '"A cat; a dog | one, sitting\there",natural,1792x1024', "a fox,,"]
    rest = [line.replace(",", delimiter) if n != 1 else lines[1] for n, line in enumerate(lines)]
    rest[1] = '"A cat; a dog | one, sitting\there"' + f"{delimiter}natural{delimiter}1792x1024"
    file.write_text(start.format(delimiter) + "\r\n".join(rest), "utf-8", newline="")
    first, second = (row.request for row in rows(file, LIKE))
    assert first == ConversionRequest("A cat; a dog | one, sitting\there", Style.NATURAL, "1792x1024")
    assert second.prompt == "a fox"
    assert [("between" in told) for told in notices(file)] == ([] if delimiter == "," else [True])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "lines",
    [
        ["A cat, sitting"],
        ["A cat, sitting", "A dog, running, at dusk"],
        ["A cat,sitting", "A dog,running fast"],
        ["a cat; a dog", "a fox; a wolf"],
        ["a cat|a dog"],
        ["one prompt alone"],
        ["prompt", "A cat, sitting", "a dog; two, three"],
    ],
)
def test_no_prompt_is_cut_where_no_header_says_so(tmp_path, lines, end):
    file = tmp_path / "a.csv"
    file.write_text(end.join(lines) + end, "utf-8", newline="")
    assert prompts(file) == [line for line in lines if line != "prompt"]
    assert len(notices(file)) == (lines[0] != "prompt")


def test_what_was_decided_about_a_file_is_told(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a fox,1\na wolf,2\n", "utf-8")
    assert "first of 2 columns" in notices(file)[0]
    file.write_text("prompt;artist;size\na fox;Monet;1024x1024\n", "utf-8")
    assert notices(file) == ["Read as columns prompt, artist, size with “;” between them; not used: artist."]
    file.write_text("prompt,style\na fox,natural\n", "utf-8")
    assert notices(file) == [], "nothing was decided"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prompt,style\nA cat, sitting,natural\n", "Line 2 of a.csv has 3 columns"),
        ("a fox,1\n" * 2000 + "A cat, sitting, 3\n", "Line 2001 of a.csv has 3 columns"),
        ("style,size\nvivid,1024x1024\n", 'none is "prompt"'),
        ("prompt,prompt\na,b\n", "names a column twice"),
        ('"OPEN" sign\n', "quotation marks"),
        ('prompt\n"a fox\na wolf\n', "quotation marks"),
    ],
)
def test_what_cannot_be_told_apart_is_an_error_that_names_the_line(tmp_path, content, says):
    file = tmp_path / "a.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(BadPromptFile, match=says):
        list(rows(file, LIKE))
