"""A rewriter behind any OpenAI-compatible chat endpoint: Ollama, LM Studio, llama.cpp, OpenAI, Azure.

The answer's shape is asked for with the nested `json_schema` form, the one that all of them take; a server
that refuses it, or another parameter, is asked again without. Whatever comes back is checked by `rewriting`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from ..endpoints import Endpoint
from ..errors import DalleFluxError
from ..services.chat import chat
from ..services.failures import Meaning, ServiceFailed
from ..services.scrub import scrub
from ..services.spending import Account, no_account
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
    account: Callable[[], Account] = field(default=no_account, compare=False)  # for endpoints that are not free

    prose_allowed = False

    @property
    def name(self) -> str:
        return f"{scrub(self.model)} at {self.endpoint.name}"

    @property
    def key(self) -> str:
        return json.dumps([self.endpoint.base_url, self.model, self.temperature, self.seed])

    def ask(self, messages: tuple[Message, ...]) -> str:
        """See `rewriting.Rewriter.ask`; empty if the reply holds no answer."""
        try:
            reply = chat(
                self.endpoint,
                self.model,
                [{"role": message.role, "content": message.content} for message in messages],
                max_tokens=_MAX_TOKENS,
                account=self.account,
                seconds=self.timeout_s,
                optional={
                    "response_format": _SCHEMA,
                    "seed": self.seed % (_MAX_SEED + 1),
                    "temperature": self.temperature,
                },
                check_cancelled=self.check_cancelled,
            )
        except ServiceFailed as failure:
            raise self._worded(failure) from None
        try:
            content = reply["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            return ""
        return content if isinstance(content, str) else ""

    def _worded(self, failure: ServiceFailed) -> DalleFluxError:
        name, model = self.endpoint.name, scrub(self.model[:80])
        match failure.meaning:
            case Meaning.TIMED_OUT:
                return NoAnswer(f"{self.name} gave no answer within {self.timeout_s:.0f} s.")
            case Meaning.UNREACHABLE:
                start = "start that program" if self.endpoint.is_local else "check the network and base_url"
                return RewriterUnreachable(
                    f"Nothing answers at {self.endpoint.base_url}, where endpoint '{name}' should be; {start}, or "
                    "disconnect the rewriter."
                )
            case Meaning.REDIRECTED:
                return RewriterRefused(
                    f"Endpoint '{name}' redirects elsewhere (HTTP {failure.status}), which is not followed; correct "
                    "its base_url in your endpoints.toml."
                )
            case Meaning.KEY | Meaning.ACCESS:
                return RewriterRefused(
                    f"Endpoint '{name}' does not accept the key (HTTP {failure.status}); check the key in your "
                    "endpoints.toml or its environment variable."
                )
            case Meaning.QUOTA:
                return RewriterRefused(
                    f"The account behind endpoint '{name}' has no money or has reached its own limit; raise it on the "
                    "provider's billing page, or disconnect the rewriter."
                )
            case Meaning.NO_MODEL | Meaning.NOT_FOUND:
                fetch = f", or fetch it: ollama pull {model}" if name == "ollama" else ""
                return RewriterRefused(
                    f"Endpoint '{name}' does not know the model '{model}'; correct `model` on the rewriter node{fetch}."
                )
            case Meaning.REFUSED | Meaning.TOO_LARGE | Meaning.POLICY:
                return RewriterRefused(
                    f"Endpoint '{name}' refuses the request (HTTP {failure.status}); check `model` and `temperature` "
                    "on the rewriter node."
                )
        return NoAnswer(
            f"{self.name} failed ({f'HTTP {failure.status}' if failure.status else failure.meaning.value})."
        )
