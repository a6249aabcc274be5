"""What can go wrong at an image endpoint, told apart by meaning.

Every type has a `code` for programs and says whether money may have been spent.
"""

from __future__ import annotations

from typing import Any

from ..errors import DalleFluxError


class ImagesApiError(DalleFluxError):
    """Anything that kept an endpoint from giving a picture."""

    code = "images_api_error"

    def __init__(self, message: str, *, maybe_billed: bool = False, request_id: str | None = None):
        self.maybe_billed = maybe_billed  # True if the endpoint may have billed a picture that did not arrive
        self.request_id = request_id  # the endpoint's own name for the request
        super().__init__(message)


class NotPossible(ImagesApiError):
    """The model cannot do what is asked, and no written rule says what to ask instead. Nothing was sent."""

    code = "not_possible"


class RetiredModel(ImagesApiError):
    """The model was shut down."""

    code = "retired_model"


class RefusedByPolicy(ImagesApiError):
    """The endpoint's safety system refused; never retried."""

    code = "refused_by_policy"

    def __init__(self, message: str, *, categories: tuple[str, ...] = (), stage: str = "unknown", **more: Any):
        self.categories = categories  # as the endpoint names them; empty if it does not
        self.stage = stage  # "input", "output" or "unknown"
        super().__init__(message, **more)


class RateLimited(ImagesApiError):
    """Too many requests for now."""

    code = "rate_limited"

    def __init__(self, message: str, *, seconds: float | None = None, **more: Any):
        self.seconds = seconds  # until the endpoint takes requests again; None if it did not say
        super().__init__(message, **more)


class Overloaded(RateLimited):
    """The endpoint is too busy for anybody."""

    code = "overloaded"


class QuotaSpent(ImagesApiError):
    """The account has no money or has reached a limit of its own; waiting does not help."""

    code = "quota_spent"


class BadKey(ImagesApiError):
    """The endpoint does not accept the key."""

    code = "bad_key"


class NoAccess(ImagesApiError):
    """The key is good and the account may not do this: unverified organisation, region, permissions."""

    code = "no_access"


class NotFound(ImagesApiError):
    """The endpoint has no such model or no such operation."""

    code = "not_found"


class TooLarge(ImagesApiError):
    """The request has more bytes than the endpoint takes."""

    code = "too_large"


class RequestRefused(ImagesApiError):
    """The endpoint does not accept a parameter or its value."""

    code = "request_refused"


class StillAtWork(ImagesApiError):
    """The endpoint has this very request already and is not done with it."""

    code = "in_progress"


class NetworkFailure(ImagesApiError):
    """No connection, or it broke."""

    code = "network"


class TimedOut(ImagesApiError):
    """Sent, and no answer in time."""

    code = "timeout"


class EndpointFailed(ImagesApiError):
    """The endpoint itself, or a gateway before it, failed."""

    code = "endpoint_failed"


class BadReply(ImagesApiError):
    """The endpoint answered with something that is no picture, or none that is safe to open."""

    code = "bad_reply"
    said: object = None  # the error that came where a picture should have been


class Expired(BadReply):
    """The address in the reply lives no longer."""


class UnsafeAddress(BadReply):
    """The endpoint sends us to an address it has no business with."""

    code = "unsafe_address"
