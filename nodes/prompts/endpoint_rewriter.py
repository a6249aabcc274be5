"""A rewriter behind any OpenAI-compatible chat endpoint: Ollama, LM Studio, llama.cpp, OpenAI.

The answer's shape is asked for with the nested `json_schema` form, the one that all of them take; a server
that refuses it, or another parameter, is asked again without. Whatever comes back is checked by `rewriting`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..endpoints import Endpoint
from ..errors import DalleFluxError, MissingPackage
from .rewriting import Message, NoAnswer

_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "flux_prompt",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"prompt": {"type": "string"}},
            "required": ["prompt"],
            "additionalProperties": False,
        },
    },
}
_MAX_TOKENS = 4096  # room for a reasoning model's thinking; also ends a loop
_MAY_BE_DROPPED = ("response_format", "max_tokens", "seed", "temperature")
_MAX_REPLY = 4 * 2**20  # bytes
_LOOK_EVERY_S = 0.2  # how soon a cancel is noticed
_MAX_SEED = 2**31 - 1  # some servers read a signed 32-bit number


class RewriterUnreachable(DalleFluxError):
    """Nobody answers at the endpoint's address."""

    code = "rewriter_unreachable"


class RewriterRefused(DalleFluxError):
    """The endpoint does not take the key, the model or the request."""

    code = "rewriter_refused"


@dataclass(frozen=True)
class EndpointRewriter:
    """See `rewriting.Rewriter`."""

    endpoint: Endpoint
    model: str
    temperature: float
    seed: int
    timeout_s: float = 120.0  # for one answer, thinking included
    check_cancelled: Callable[[], None] = field(default=lambda: None, compare=False)  # raises if the user cancelled

    prose_allowed = False

    @property
    def name(self) -> str:
        return f"{self.model} at {self.endpoint.name}"

    @property
    def key(self) -> str:
        return json.dumps([self.endpoint.base_url, self.model, self.temperature, self.seed])

    def ask(self, messages: tuple[Message, ...]) -> str:
        """See `rewriting.Rewriter.ask`."""
        client = self._client()
        done: dict[str, Any] = {}

        def work() -> None:
            try:
                done["answer"] = self._answer(client, messages)
            except BaseException as error:
                done["error"] = error

        # A thread of its own: a server that hangs, or drips bytes for ever, cannot hold the node beyond its time.
        thread = threading.Thread(target=work, name="prompt rewriter", daemon=True)
        thread.start()
        waited = 0.0
        try:
            while thread.is_alive() and waited < self.timeout_s:
                thread.join(_LOOK_EVERY_S)
                waited += _LOOK_EVERY_S
                self.check_cancelled()
        finally:
            if thread.is_alive():
                client.close()
        if "answer" in done:
            return str(done["answer"])
        if "error" in done:
            raise self._explained(done["error"]) from None
        raise NoAnswer(f"{self.name} gave no answer within {self.timeout_s:.0f} s.")

    def _client(self) -> Any:
        try:
            import openai
        except ModuleNotFoundError:
            raise MissingPackage("openai", "The prompt rewriter") from None
        # No redirects: prompts and keys go where the user's file says and nowhere else. No proxy for this machine, and
        # no certificates for plain http; loading them takes 50 ms.
        encrypted = urlsplit(self.endpoint.base_url).scheme != "http"
        connections = openai.DefaultHttpxClient(
            follow_redirects=False, verify=encrypted, trust_env=not self.endpoint.is_local
        )
        # max_retries 1: a dropped connection is tried once more, a slow server is not asked twice for long.
        common: dict[str, Any] = {"timeout": self.timeout_s, "max_retries": 1, "http_client": connections}
        if not self.endpoint.is_openai:  # else the client takes them from the environment
            common["default_headers"] = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        key = self.endpoint.api_key() or "none"  # clients insist on one; local servers ignore it
        if self.endpoint.kind == "azure":
            return openai.AzureOpenAI(
                api_key=key,
                base_url=f"{self.endpoint.base_url}/deployments/{self.model}",
                api_version=self.endpoint.api_version or "2024-10-21",
                **common,
            )
        return openai.OpenAI(api_key=key, base_url=self.endpoint.base_url, **common)

    def _answer(self, client: Any, messages: tuple[Message, ...]) -> str:
        wanted: dict[str, Any] = {
            "response_format": _SCHEMA,
            "max_tokens": _MAX_TOKENS,
            "seed": self.seed % (_MAX_SEED + 1),
            "temperature": self.temperature,
        }
        conversation = [{"role": message.role, "content": message.content} for message in messages]
        while True:
            try:
                return self._content(client, messages=conversation, **wanted)
            except Exception as error:
                refused = _refused_parameter(error, wanted)
                if refused is None:
                    raise
                del wanted[refused]

    def _content(self, client: Any, **request: Any) -> str:
        """What the model said; empty if the reply holds nothing of the kind."""
        with client.chat.completions.with_streaming_response.create(model=self.model, **request) as reply:
            data = bytearray()
            for part in reply.iter_bytes():
                data += part
                if len(data) > _MAX_REPLY:
                    raise NoAnswer(f"{self.name} sent more than {_MAX_REPLY >> 20} MB.")
        try:
            content = json.loads(data)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            return ""
        return content if isinstance(content, str) else ""

    def _explained(self, error: BaseException) -> BaseException:
        status = getattr(error, "status_code", None)
        kind = type(error).__name__
        if isinstance(error, DalleFluxError):
            return error
        if kind == "APITimeoutError":
            return NoAnswer(f"{self.name} gave no answer within {self.timeout_s:.0f} s.")
        if kind == "APIConnectionError":
            start = "start that program" if self.endpoint.is_local else "check the network and base_url"
            return RewriterUnreachable(
                f"Nothing answers at {self.endpoint.base_url}, where endpoint '{self.endpoint.name}' should be; "
                f"{start}, or disconnect the rewriter."
            )
        if status is not None and 300 <= status < 400:
            return RewriterRefused(
                f"Endpoint '{self.endpoint.name}' redirects elsewhere (HTTP {status}), which is not followed; correct "
                "its base_url in your endpoints.toml."
            )
        if status in (401, 403):
            return RewriterRefused(
                f"Endpoint '{self.endpoint.name}' does not accept the key (HTTP {status}); check the key in your "
                "endpoints.toml or its environment variable."
            )
        if status == 404:
            fetch = f", or fetch it: ollama pull {self.model[:80]}" if self.endpoint.name == "ollama" else ""
            return RewriterRefused(
                f"Endpoint '{self.endpoint.name}' does not know the model '{self.model[:80]}'; correct `model` on the "
                f"rewriter node{fetch}."
            )
        if status is not None and 400 <= status < 500 and status not in (408, 409, 429):
            return RewriterRefused(
                f"Endpoint '{self.endpoint.name}' refuses the request (HTTP {status}); check `model` and "
                "`temperature` on the rewriter node."
            )
        return NoAnswer(f"{self.name} failed ({f'HTTP {status}' if status else kind}).")


def _refused_parameter(error: Exception, wanted: dict[str, Any]) -> str | None:
    """The optional parameter that a 400 or 422 complains about."""
    if getattr(error, "status_code", None) not in (400, 422):
        return None
    said = f"{getattr(error, 'param', '')} {error}".lower()
    for name in _MAY_BE_DROPPED:
        if name in wanted and (name in said or (name == "response_format" and "json_schema" in said)):
            return name
    return None
