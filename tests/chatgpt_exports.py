"""ChatGPT data exports that nobody exported: both layouts to the letter, of any length, damaged and hostile on request.

The layouts are described in `nodes/archive/chatgpt.py`. What an import of an export should find stands in
`Export.pictures`: the answers are written down where the questions are made.
"""

from __future__ import annotations

import io
import json
import random
import string
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

Layout = Literal["2023", "2026"]
SUBJECTS = ("fox", "lighthouse", "teapot", "astronaut", "harbour", "violin", "meadow", "robot", "castle", "owl")
STYLES = ("watercolour", "oil painting", "photo", "pixel art", "woodcut", "pencil sketch")


def png(seed: int, width: int = 24, height: int = 16, padding: int = 0) -> bytes:
    """A picture unlike that of any other seed. `padding`: further bytes, in a chunk that every reader passes over."""
    noise = random.Random(seed).randbytes(width * height * 3)
    rows = b"".join(b"\0" + noise[row * width * 3 : (row + 1) * width * 3] for row in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    extra = chunk(b"paDd", bytes(padding)) if padding else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + extra
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


def webp(seed: int, width: int = 24, height: int = 16) -> bytes:
    picture = Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


@dataclass
class Picture:
    """One picture of an export, and what is true of it."""

    data: bytes
    maker: str
    asset: str
    prompt: str = ""  # as typed
    revised_prompt: str = ""  # as sent
    conversation: str = ""
    gen_id: str = ""
    match: str = "id"
    held: bool = True  # its file is in the export
    name: str = ""  # of its file; empty: as the layout names it
    uploaded_as: str = ""
    size: tuple[int, int] = (24, 16)


@dataclass
class Export:
    """Conversations and pictures on their way into files."""

    layout: Layout = "2023"
    seed: int = 0
    pictures: list[Picture] = field(default_factory=list)
    conversations: list[dict[str, Any]] = field(default_factory=list)
    more_files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._time = 1_700_000_000.0

    # What is said

    def conversation(self, title: str = "") -> dict[str, Any]:
        self._time += 3600
        made = {
            "id": self._uuid(), "title": title or f"Chat {len(self.conversations) + 1}", "create_time": self._time,
            "update_time": self._time + 60, "current_node": "root",
            "mapping": {"root": {"id": "root", "parent": None, "children": [], "message": None}},
        }  # fmt: skip
        made["conversation_id"] = made["id"]
        self.conversations.append(made)
        return made

    def message(self, conversation: dict[str, Any], role: str, content: dict[str, Any], **more: Any) -> str:
        """Add a message below the newest one."""
        mapping = conversation["mapping"]
        node, parent = self._uuid(), more.pop("parent", conversation["current_node"])
        self._time += 7
        name = more.pop("name", None)
        mapping[parent]["children"].append(node)
        mapping[node] = {
            "id": node, "parent": parent, "children": [],
            "message": {
                "id": node, "author": {"role": role, "name": name, "metadata": {}}, "create_time": self._time,
                "update_time": None, "content": content, "status": "finished_successfully", "end_turn": None,
                "weight": 1.0, "metadata": {"model_slug": "gpt-4o"}, "recipient": "all", "channel": None, **more,
            },
        }  # fmt: skip
        conversation["current_node"] = node
        return node

    def words(self) -> tuple[str, str]:
        subject, style = self._random.choice(SUBJECTS), self._random.choice(STYLES)
        number = self._random.randrange(10**6)
        return f"draw a {subject} number {number}", f"A {style} of a {subject}, numbered {number}, soft light."

    def dalle3(self, conversation: dict[str, Any] | None = None, n: int = 1, **about: Any) -> list[Picture]:
        """A turn of DALL·E 3: user, assistant's call, the tool's pictures."""
        conversation = conversation or self.conversation()
        typed, sent = self.words()
        typed, sent = about.pop("prompt", typed), about.pop("revised_prompt", sent)
        self._user(conversation, typed)
        call = {"content_type": "code", "language": "json", "text": json.dumps({"prompt": sent, "size": "1024x1024"})}
        self.message(conversation, "assistant", call, recipient="dalle.text2im")
        made = [self._picture("dall-e-3", "file-", typed, sent, conversation, **about) for _ in range(n)]
        parts = [
            self._part(picture, "file-service://", {
                "dalle": {
                    "gen_id": picture.gen_id, "prompt": sent, "seed": self._random.randrange(2**32),
                    "parent_gen_id": None, "edit_op": None, "serialization_title": "DALL-E generation metadata",
                },
                "gizmo": None, "generation": None,
            })
            for picture in made
        ]  # fmt: skip
        self.message(conversation, "tool", {"content_type": "multimodal_text", "parts": parts}, name="dalle.text2im")
        return made

    def gpt_image(self, conversation: dict[str, Any] | None = None, **about: Any) -> Picture:
        """A turn of GPT-4o's own pictures, which still carries a hollow `metadata.dalle`."""
        conversation = conversation or self.conversation()
        typed, sent = self.words()
        self._user(conversation, typed)
        call = {"content_type": "code", "language": "json", "text": json.dumps({"prompt": sent})}
        self.message(conversation, "assistant", call, recipient="t2uay3k.sj1i4kz")
        made = self._picture("gpt-image", "file_", typed, sent, conversation, **about)
        part = self._part(made, "sediment://", {
            "dalle": {"gen_id": None, "prompt": "", "seed": None, "parent_gen_id": None, "edit_op": None,
                      "serialization_title": "DALL-E generation metadata"},
            "generation": {"gen_id": self._uuid(), "gen_size": "image", "seed": None, "parent_gen_id": None,
                           "height": made.size[1], "width": made.size[0], "transparent_background": False,
                           "serialization_title": "Image Generation metadata"},
        })  # fmt: skip
        content = {"content_type": "multimodal_text", "parts": [part]}
        self.message(conversation, "tool", content, name="t2uay3k.sj1i4kz")
        return made

    def upload(self, conversation: dict[str, Any] | None = None, text: str = "what is this?", **about: Any) -> Picture:
        """A picture that the user sent."""
        conversation = conversation or self.conversation()
        made = self._picture("upload", "file-", text, "", conversation, **about)
        made.uploaded_as = about.get("uploaded_as", "holiday photo.png")
        content = {
            "content_type": "multimodal_text",
            "parts": [self._part(made, "file-service://", {"dalle": None}), text],
        }
        attached = {"attachments": [{"id": made.asset, "name": made.uploaded_as, "mimeType": "image/png"}]}
        self.message(conversation, "user", content, metadata=attached)
        return made

    def stray(self, name: str, data: bytes) -> Picture:
        """A picture that nothing speaks of."""
        made = Picture(data, "unknown", "", match="none", name=name)
        self.pictures.append(made)
        return made

    # What is written

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the export: (path, content)."""
        names = {}
        if self.layout == "2023":
            yield "conversations.json", json.dumps(self.conversations).encode()
            yield "chat.html", b"<html></html>"
            yield "user.json", b"{}"
            yield "message_feedback.json", b"[]"
            yield "shared_conversations.json", b"[]"
        else:
            shards = [self.conversations[at : at + 100] for at in range(0, len(self.conversations), 100)] or [[]]
            listed = [f"conversations-{number:03}.json" for number in range(len(shards))]
            manifest = {"version": 1, "logical_files": {"conversations.json": {"files": listed, "sharded": True}}}
            yield "export_manifest.json", json.dumps(manifest).encode()
            for name, shard in zip(listed, shards, strict=True):
                yield name, json.dumps(shard).encode()
            yield "ads.json", b"[]"
        for picture in self.pictures:
            if picture.held:
                name = picture.name or self._file_name(picture)
                names[name] = picture.uploaded_as or f"{picture.asset}.png"
                yield name, picture.data
        if self.layout == "2026":
            yield "conversation_asset_file_names.json", json.dumps(names).encode()
        yield from self.more_files.items()

    def as_folder(self, folder: Path) -> Path:
        for name, data in self.files():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return folder

    def as_zip(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files():
                archive.writestr(name, data)
        return path

    def as_zip_of_zips(self, path: Path, parts: int = 3) -> Path:
        files = list(self.files())
        with zipfile.ZipFile(path, "w") as outer:
            for part in range(parts):
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                    for name, data in files[part::parts]:
                        archive.writestr(name, data)
                outer.writestr(f"export-part-{part + 1}.zip", buffer.getvalue())
        return path

    # Parts of it

    def _user(self, conversation: dict[str, Any], typed: str) -> None:
        self.message(conversation, "user", {"content_type": "text", "parts": [typed]})

    def _picture(
        self, maker: str, kind: str, typed: str, sent: str, conversation: dict[str, Any], **about: Any
    ) -> Picture:
        letters = string.digits + "abcdef" if kind == "file_" else string.ascii_letters + string.digits
        asset = kind + "".join(self._random.choices(letters, k=24))
        size = about.get("size", (24, 16))
        made = Picture(
            about.get("data") or png(self._random.randrange(2**40), *size, padding=about.get("padding", 0)),
            maker, asset, typed, sent, conversation["title"],
            gen_id="".join(self._random.choices(string.ascii_letters + string.digits, k=16)),
            held=about.get("held", True), name=about.get("name", ""), match=about.get("match", "id"), size=size,
        )  # fmt: skip
        self.pictures.append(made)
        return made

    def _part(self, picture: Picture, scheme: str, metadata: dict[str, Any]) -> dict[str, Any]:
        return {
            "content_type": "image_asset_pointer", "asset_pointer": scheme + picture.asset,
            "size_bytes": len(picture.data), "width": picture.size[0], "height": picture.size[1], "fovea": 512,
            "metadata": metadata,
        }  # fmt: skip

    def _file_name(self, picture: Picture) -> str:
        if self.layout == "2026":
            return f"{picture.asset}.dat"
        if picture.maker == "upload":
            return f"{picture.asset}-{picture.uploaded_as}"
        if picture.asset.startswith("file_"):
            return f"user-AbC123/{picture.asset}-{self._uuid()}.png"
        return f"dalle-generations/{picture.asset}-{self._uuid()}.webp"

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def ordinary(layout: Layout, seed: int = 1, turns: int = 12) -> Export:
    """A small account with a bit of everything."""
    export = Export(layout, seed)
    for turn in range(turns):
        conversation = export.conversation(f"Pictures {turn}")
        export.dalle3(conversation, n=1 + turn % 2)
        if turn % 3 == 0:
            export.gpt_image(conversation)
        if turn % 4 == 0:
            export.upload(conversation)
    export.dalle3(held=False)
    export.stray("somewhere/else.dat" if layout == "2026" else "somewhere/else.webp", png(99, padding=999))
    return export
