"""Cloud Natural Language's `POST /v2/documents:moderateText`, as strict as its reference.

Source: cloud.google.com/natural-language/docs/reference/rest/v2/documents/moderateText; errors as google.rpc.Status.
A text with `[Violent=0.8]` in it gets that confidence; every other attribute gets 0.01, zeros are left out.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "AIzaStandIn0123456789abcdefghijklmnopqr"
ATTRIBUTES = (
    "Toxic", "Insult", "Profanity", "Derogatory", "Sexual", "Death, Harm & Tragedy", "Violent", "Firearms & Weapons",
    "Public Safety", "Health", "Religion & Belief", "Illicit Drugs", "War & Conflict", "Politics", "Finance", "Legal",
)  # fmt: skip
WITH_SEVERITY = ("Toxic", "Derogatory", "Violent", "Sexual")
VERSIONS = ("MODEL_VERSION_UNSPECIFIED", "MODEL_VERSION_1", "MODEL_VERSION_2")
_MARK = re.compile(r"\[([A-Z][A-Za-z&, ]+)=([01](?:\.\d+)?)\]")


class Wrong(Exception):
    """What Google refuses."""

    def __init__(self, code: int, status: str, message: str, reason: str = ""):
        super().__init__(message)
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}]
        self.code = code
        self.body = {
            "error": {"code": code, "message": message, "status": status} | ({"details": details} if reason else {})
        }


class GoogleLanguage:
    """A running service; use as a context manager. `answers` are (status, body) to give first, in turn."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.answers: list[tuple[int, bytes]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, body = service.reply(self.path, self.headers.get("X-Goog-Api-Key", ""), raw)
                except Wrong as wrong:
                    status, body = wrong.code, json.dumps(wrong.body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v2"

    def __enter__(self) -> GoogleLanguage:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, path: str, key: str, raw: bytes) -> tuple[int, bytes]:
        if path != "/v2/documents:moderateText":
            raise Wrong(404, "NOT_FOUND", "Requested entity was not found.")
        if key != KEY:
            raise Wrong(
                400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID"
            )
        body = json.loads(raw)
        for name in body:
            if name not in ("document", "modelVersion"):
                raise _unknown(name)
        for name in body["document"]:
            if name not in ("type", "content", "gcsContentUri", "languageCode"):
                raise _unknown(name)
        if body.get("modelVersion", VERSIONS[0]) not in VERSIONS or body["document"].get("type") != "PLAIN_TEXT":
            raise Wrong(400, "INVALID_ARGUMENT", "Invalid value.")
        text = body["document"]["content"]
        if not text.strip():
            raise Wrong(400, "INVALID_ARGUMENT", "Document content is empty.")
        self.seen.append(body)
        if self.answers:
            return self.answers.pop(0)
        marks = {name: float(value) for name, value in _MARK.findall(text)}
        categories = [_category(name, marks.get(name, 0.01)) for name in ATTRIBUTES]
        answer = {"moderationCategories": categories, "languageCode": "en", "languageSupported": True}
        return 200, json.dumps(answer).encode()


def _category(name: str, confidence: float) -> dict[str, Any]:
    severity = {"severity": confidence} if name in WITH_SEVERITY and confidence else {}
    return {"name": name} | ({"confidence": confidence} if confidence else {}) | severity


def _unknown(name: str) -> Wrong:
    return Wrong(400, "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
