"""A stand-in LLM at the network's edge: strict about what it is sent, and able to misbehave on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = str | Callable[[dict[str, Any]], str] | tuple[int, dict[str, Any]]


class StandInLLM:
    """Answers chat completions with `answers`, one after the other; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []  # of each request, names in lower case
        self.knows: set[str] = {"response_format", "max_tokens", "seed", "temperature"}
        self.hang_s = 0.0
        self.base_url = ""

    def handle(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append(body)
        for name in ("response_format", "max_tokens", "seed", "temperature"):
            if name in body and name not in self.knows:
                return 400, {"error": {"message": f"Unsupported parameter: '{name}'.", "param": name}}
        if "response_format" in body:
            form = body["response_format"]
            schema = form.get("json_schema", {}).get("schema")
            if form.get("type") != "json_schema" or not isinstance(schema, dict) or "schema" in form:
                return 400, {"error": {"message": "response_format must be the nested json_schema form"}}
        time.sleep(self.hang_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(body)
        if isinstance(answer, tuple):
            return answer
        message = {"role": "assistant", "content": answer}
        return 200, {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }


@contextmanager
def running() -> Iterator[StandInLLM]:
    llm = StandInLLM()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            llm.headers.append({name.lower(): value for name, value in self.headers.items()})
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, reply = llm.handle(body) if self.path == "/v1/chat/completions" else (404, {"error": {}})
            data = json.dumps(reply).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.1:9/v1/chat/completions")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # the customer went away

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    llm.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield llm
    finally:
        server.shutdown()
        server.server_close()
