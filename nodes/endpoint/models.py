"""The models that this server has, each a graph with a request node and a response node in it.

Built in are `dall-e-3` and `dall-e-2`, on the one-node FLUX generators behind the moderation gate. Further ones are
graphs that were published from the canvas, see `published`; and names that draw with one of those, see `settings`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..moderation.policy import Policy
from .contract.errors import ApiError, unknown_model
from .contract.rules import MAX_INPUTS, ModelRules, Operation, rules_for
from .contract.submissions import Order
from .published import BadPublication, Publications, Published
from .settings import ALIASES, EndpointSettings

REQUEST, RESPONSE = "DalleFluxImagesRequest", "DalleFluxImagesResponse"
BUILT_IN = ("dall-e-3", "dall-e-2")
OWNER = "dalle-flux"
_BUILT_IN_SINCE = 1_763_683_200  # Unix time; the API wants one
# Outputs of the request node by their place.
OUTPUTS = ("prompt", "image", "mask", "size", "width", "height", "quality", "style", "n", "seed")

Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Model:
    """One name that can be asked for."""

    name: str  # as asked for
    draws_with: str  # the built-in model or published graph behind it
    rules: ModelRules
    created: int  # Unix time
    owner: str = OWNER
    published: Published | None = None  # None: built in

    @property
    def draws_n(self) -> bool:
        """True if one run draws all n pictures; else it is run n times."""
        return self.published is None or self.published.draws_n

    def graph(self, order: Order, seed: int, policy: Policy) -> Graph:
        """The graph in API format for one run of the order: only the request node's inputs are filled in."""
        graph = built_in_graph(order.operation, policy)
        if self.published:
            graph = copy.deepcopy(dict(self.published.graph))
        node = graph[node_of(graph, REQUEST)]
        upload = order.upload.token if order.upload else ""
        given = {"prompt": order.prompt, "size": order.size, "quality": order.quality, "style": order.style,
                 "n": order.n if self.draws_n else 1, "seed": seed, "upload": upload}  # fmt: skip
        node["inputs"] = {**{k: v for k, v in node["inputs"].items() if k not in ("image", "mask")}, **given}
        return graph


@dataclass(frozen=True)
class Catalogue:
    """All models, as the user's file and the published graphs are now."""

    settings: EndpointSettings
    publications: Publications

    def find(self, name: str) -> Model:
        """The model of this name.

        Raises:
            ApiError: there is none.
        """
        target = self.settings.draws_with(name)
        if target in BUILT_IN and (name in BUILT_IN or target != name):
            return Model(name, target, rules_for(name), _BUILT_IN_SINCE)
        if published := self.publications.get(target):
            rules = dataclasses.replace(
                rules_for(name), operations=published.operations, keeps_alpha=True, max_inputs=MAX_INPUTS
            )
            return Model(name, target, rules, published.created, published=published)
        raise unknown_model(name)

    def __iter__(self) -> Iterator[Model]:
        """Built-in ones, published ones, then the other names, each only if something draws it; see `spoilt`."""
        names = [*BUILT_IN, *self.publications.names(), *ALIASES, *self.settings.aliases]
        for name in dict.fromkeys(names):
            try:
                yield self.find(name)
            except (ApiError, BadPublication):
                continue

    def spoilt(self) -> dict[str, str]:
        """Published names whose file cannot be read → why."""
        complaints = {}
        for name in self.publications.names():
            try:
                self.publications.get(name)
            except BadPublication as error:
                complaints[name] = str(error)
        return complaints


def node_of(graph: Mapping[str, Mapping[str, Any]], class_type: str) -> str:
    """The id of the one node of this type."""
    (found,) = [node_id for node_id, node in graph.items() if node.get("class_type") == class_type]
    return found


def built_in_graph(operation: Operation, policy: Policy) -> Graph:
    """Request → one-node generator → response, with the policy on the text that is drawn.

    The pictures are judged once, when they leave; see `scheduler`.
    """
    match operation:
        case Operation.GENERATE:
            node = "DalleFluxLocalGenerate"
            inputs = _from_request("prompt", "size", "quality", "style", "n", "seed") | {"prompt_mode": "convert"}
        case Operation.EDIT:
            node = "DalleFluxLocalEdit"
            inputs = _from_request("image", "mask", "prompt", "size", "quality", "n", "seed")
        case Operation.VARIATION:
            node = "DalleFluxLocalVariation"
            inputs = _from_request("image", "size", "n", "seed") | {"strength": 0.8}
    graph = {
        "1": {"class_type": REQUEST, "inputs": {}},
        "2": {"class_type": "DalleFluxModerationPolicy", "inputs": _policy_inputs(policy)},
        "3": {"class_type": node, "inputs": {**inputs, "policy": ["2", 0]}},
        "4": {
            "class_type": RESPONSE,
            "inputs": {"images": ["3", 0], "revised_prompt": ["3", 1], "info": ["3", 2]},
        },
    }
    return graph


def _from_request(*names: str) -> dict[str, Any]:
    return {name: ["1", OUTPUTS.index(name)] for name in names}


def _policy_inputs(policy: Policy) -> dict[str, Any]:
    return {
        "preset": policy.name,
        "text_check": " + ".join(policy.text_checks) or "none",
        "image_check": "none",
        "endpoint": policy.endpoint,
        "threshold": 0.0,
        "categories": "",
        "on_error": policy.on_error.value,
    }
