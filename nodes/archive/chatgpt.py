"""ChatGPT's data export: which pictures its conversations speak of, who made them, and from which words.

OpenAI describes no schema. Two layouts are known: one `conversations.json` with pictures named `file-<id>-….webp`,
and since 2026 an `export_manifest.json` with `conversations-NNN.json` of 100 conversations each and pictures named
`<id>.dat`. Sources: the format notes of modelcaddy/panchat (`docs/formats/chatgpt.md`, an export of August 2026) and
public importers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import json_text
from .mentions import Maker, Mention, moment, text, whole
from .source import BROKEN, MOST_FILES, Entry, read

MANIFEST = "export_manifest.json"
FILE_NAMES = "conversation_asset_file_names.json"
# Of an export, and about something else.
OTHER_FILES = frozenset(
    (MANIFEST, FILE_NAMES, "user.json", "message_feedback.json", "model_comparisons.json", "shared_conversations.json",
     "ads.json")
)  # fmt: skip
_CONVERSATIONS = re.compile(r"conversations(-\d+)?\.json")
_ASSET = re.compile(r"file[-_][A-Za-z0-9_]+")
_UUID = re.compile(r"-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_DALLE_TOOL = "dalle.text2im"
_IMAGE_TOOLS = (_DALLE_TOOL, "t2uay3k.sj1i4kz")
_MOST_STEPS = 100  # messages that are looked at above a picture for the words it was made from
_LONGEST_LIST = 32 * 2**20  # bytes of the manifest and of the list of file names


def is_conversations(entry: Entry) -> bool:
    """Whether this file holds conversations; the list of file names, whose name begins alike, does not."""
    return bool(_CONVERSATIONS.fullmatch(entry.base))


def conversation_files(entries: Sequence[Entry]) -> list[Entry]:
    """The files that hold conversations: those that are named so, and those that a manifest names."""
    named: set[str] = set()
    for entry in entries:
        if entry.base == MANIFEST:
            logical = _object(_object(_json(entry)).get("logical_files")).get("conversations.json")
            files = _object(logical).get("files")
            named.update(name for name in (files if isinstance(files, list) else ()) if isinstance(name, str))
    return [entry for entry in entries if is_conversations(entry) or (entry.base in named and entry.base != FILE_NAMES)]


def file_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Asset id → what the file was called when it was sent, as the 2026 layout lists it."""
    names = {}
    for entry in entries:
        if entry.base == FILE_NAMES:
            for file, name in _object(_json(entry)).items():
                if isinstance(name, str):
                    names[file.removesuffix(".dat")] = text(name, 1000)
    return names


def asset_ids(name: str) -> list[str]:
    """The ids that a file's name may stand for, the likeliest first.

    Examples: `file-AbC-<uuid>.webp`, `file-AbC-holiday.png`, `user-x/file_00ff-….png`, `file-AbC.dat`.
    """
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    begun = _ASSET.match(stem)
    return list(dict.fromkeys([stem, _UUID.sub("", stem), *([begun[0]] if begun else [])]))


def mentions(conversation: object) -> Iterator[Mention]:
    """Every picture of one conversation, on all its branches."""
    whole_one = _object(conversation)
    mapping = _object(whole_one.get("mapping"))
    for node_id in mapping:
        message = _message(mapping, node_id)
        parts = _object(message.get("content")).get("parts")
        pictures = [
            part
            for part in (parts if isinstance(parts, list) else ())
            if _object(part).get("content_type") == "image_asset_pointer"
        ]
        pictures += _of_programs(message)
        for place, part in enumerate(pictures):
            if found := _mention(whole_one, mapping, node_id, message, part, place):
                yield found


def _of_programs(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a program that ChatGPT ran has drawn, as the parts that other pictures stand in."""
    result = _object(_object(message.get("metadata")).get("aggregate_result"))
    shown = result.get("messages")
    return [
        {"asset_pointer": one["image_url"], "width": one.get("width"), "height": one.get("height")}
        for one in (shown if isinstance(shown, list) else ())
        if isinstance(one, dict) and one.get("message_type") == "image" and isinstance(one.get("image_url"), str)
    ]


def _mention(
    conversation: Mapping[str, Any],
    mapping: Mapping[str, Any],
    node_id: str,
    message: Mapping[str, Any],
    part: Mapping[str, Any],
    place: int,
) -> Mention | None:
    pointer = part.get("asset_pointer")
    if not isinstance(pointer, str):
        return None
    asset = pointer.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0][:200]
    metadata = _object(part.get("metadata"))
    dalle, generation = _object(metadata.get("dalle")), _object(metadata.get("generation"))
    author = _object(message.get("author"))
    maker = _maker(author, dalle, metadata, pointer)
    asked, sent = _words(mapping, node_id, place) if maker.is_model else (_own_text(message), "")
    revised = text(dalle.get("prompt")).strip() or sent
    ids = [dalle.get("gen_id"), generation.get("gen_id")]
    facts = {
        "conversation_id": conversation.get("conversation_id") or conversation.get("id"),
        "message_id": message.get("id"),
        "gen_id": next((one for one in ids if isinstance(one, str)), None),
        "parent_gen_id": dalle.get("parent_gen_id") or generation.get("parent_gen_id"),
        "chatgpt_seed": dalle.get("seed"),  # ChatGPT's own: neither FLUX nor the API can draw from it again
        "edit_op": dalle.get("edit_op"),
        "chat_model": _object(message.get("metadata")).get("model_slug"),
        "title": _object(message.get("metadata")).get("image_gen_title"),
    }
    return Mention(
        maker=maker,
        asset=text(asset),
        gen_ids=tuple(one for one in ids if isinstance(one, str) and len(one) >= 8),
        size_bytes=whole(part.get("size_bytes")),
        width=whole(part.get("width")),
        height=whole(part.get("height")),
        prompt=asked,
        revised_prompt=revised if maker.is_model else "",
        conversation=text(conversation.get("title"), 1000),
        created=moment(message.get("create_time")) or moment(conversation.get("create_time")),
        name=_attached_name(message, asset),
        facts={name: value for name, value in facts.items() if isinstance(value, str | int | float) and value != ""},
    )


def _maker(author: Mapping[str, Any], dalle: Mapping[str, Any], metadata: Mapping[str, Any], pointer: str) -> Maker:
    """Who drew a picture. That it has `metadata.dalle` says nothing: later models fill it with nothing."""
    role, name = author.get("role"), author.get("name")
    if role == "user":
        return Maker.UPLOAD
    seed, prompt = dalle.get("seed"), dalle.get("prompt")
    has_seed = isinstance(seed, int | float) and not isinstance(seed, bool)
    if name == _DALLE_TOOL or has_seed or (isinstance(prompt, str) and prompt.strip()):
        return Maker.DALLE3
    if metadata.get("generation") or name in _IMAGE_TOOLS or (dalle and pointer.startswith("sediment:")):
        return Maker.GPT_IMAGE
    return Maker.CODE if name == "python" else Maker.UNKNOWN


def _words(mapping: Mapping[str, Any], node_id: str, place: int) -> tuple[str, str]:
    """(what the user had typed, what the assistant sent to the tool) above a picture."""
    sent = ""
    seen = {node_id}
    above = _object(mapping.get(node_id)).get("parent")
    while isinstance(above, str) and above not in seen and len(seen) <= _MOST_STEPS:
        seen.add(above)
        message = _message(mapping, above)
        role = _object(message.get("author")).get("role")
        if role == "user" and (typed := _own_text(message)):
            return typed, sent
        if role == "assistant" and not sent and message.get("recipient") not in (None, "all"):
            sent = _sent(message, place)
        above = _object(mapping.get(above)).get("parent")
    return "", sent


def _sent(message: Mapping[str, Any], place: int) -> str:
    """The prompt in the assistant's call of the tool, which is JSON; it once took a list of prompts."""
    content = _object(message.get("content"))
    call = content.get("text")
    parts = content.get("parts")
    if not isinstance(call, str) and isinstance(parts, list) and parts:
        call = parts[0]
    if not isinstance(call, str):
        return ""
    try:
        arguments = _object(json_text.read(call.encode("utf-8", "replace"), most_values=1000))
    except json_text.BadJson:
        return ""
    several = arguments.get("prompts")
    if isinstance(several, list) and several:
        return text(several[min(place, len(several) - 1)]).strip()
    return text(arguments.get("prompt")).strip()


def _own_text(message: Mapping[str, Any]) -> str:
    parts = _object(message.get("content")).get("parts")
    texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    return text("\n".join(texts)).strip()


def _attached_name(message: Mapping[str, Any], asset: str) -> str:
    attachments = _object(message.get("metadata")).get("attachments")
    for one in attachments if isinstance(attachments, list) else ():
        if _object(one).get("id") == asset:
            return text(one.get("name"), 1000)
    return ""


def _message(mapping: Mapping[str, Any], node_id: str) -> Mapping[str, Any]:
    return _object(_object(mapping.get(node_id)).get("message"))


def _json(entry: Entry) -> Any:
    """A small JSON file; None if it is none."""
    try:
        data = read(entry, _LONGEST_LIST)
        return json_text.read(data, most_values=2 * MOST_FILES) if data is not None else None
    except BROKEN:  # BadJson is a ValueError
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
