"""Served pictures in an object store, at presigned addresses: `[settings.storage]` of the user's file.

Credentials come from the environment, as the store's own tools read it (AWS_ACCESS_KEY_ID …, AZURE_STORAGE_ACCOUNT_KEY
…, GOOGLE_APPLICATION_CREDENTIALS); the user's file holds none. Needs the package obstore (Python 3.11 and newer).
"""

from __future__ import annotations

import datetime
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from ..errors import DalleFluxError
from .served import KINDS, NAME

_ANSWER_S = 30  # for one request


class BucketFailed(DalleFluxError):
    """The object store cannot be used just now, or not at all."""

    code = "storage_failed"


class Bucket:
    """One store. Every method waits for the network, so all are called in threads.

    Args:
        url: of the bucket, and perhaps a prefix in it.
        options: obstore's for this store, such as endpoint.
    """

    def __init__(self, url: str, options: Mapping[str, str]):
        self.url, self.options = url, dict(options)
        self._lock = threading.Lock()
        self._opened: Any = None

    def put(self, data: bytes, extension: str, minutes: float) -> str:
        """Keep a file and return the address that it can be fetched at for so long.

        Raises:
            BucketFailed: it could not be kept.
        """
        name = f"{secrets.token_urlsafe(32)}.{extension}"
        attributes = {"Content-Type": KINDS[extension], "Cache-Control": f"private, max-age={int(minutes * 60)}"}
        try:
            import obstore

            store = self._store()
            obstore.put(store, name, data, attributes=attributes)
            return str(obstore.sign(store, "GET", name, datetime.timedelta(minutes=minutes)))
        except Exception as error:
            raise _failed(error) from None

    def sweep(self, minutes: float) -> None:
        """Delete what is over, and nothing that is not ours.

        Raises:
            BucketFailed: the store does not answer.
        """
        try:
            import obstore

            store, ended = self._store(), time.time() - minutes * 60
            for batch in obstore.list(store):
                over = [one["path"] for one in batch if one["last_modified"].timestamp() < ended]
                if names := [name for name in over if NAME.fullmatch(name)]:
                    obstore.delete(store, names)
        except Exception as error:
            raise _failed(error) from None

    def _store(self) -> Any:
        from obstore.store import from_url

        with self._lock:
            if self._opened is None:
                client: dict[str, Any] = {"timeout": f"{_ANSWER_S}s"}
                if self.options.get("endpoint", "").startswith("http://"):
                    client["allow_http"] = True
                retry = {"max_retries": 2, "retry_timeout": datetime.timedelta(seconds=_ANSWER_S)}
                options: dict[str, Any] = dict(self.options)
                self._opened = from_url(self.url, client_options=client, retry_config=retry, **options)
            return self._opened


def _failed(error: Exception) -> BucketFailed:
    if isinstance(error, ImportError):
        return BucketFailed(
            "[settings.storage] in endpoints.toml needs the package obstore (Python 3.11 and newer); install it where "
            "this runs, or take the line out."
        )
    first = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    return BucketFailed(f"The store of [settings.storage] in endpoints.toml cannot be used: {first}")
