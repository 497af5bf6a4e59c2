"""A bucket's name at another endpoint is another bucket, whose models must not take the place of the first one's."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from migrate.core.errors import UsageError
from migrate.core.options.sources import RunOptions
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import plan_source, run_source
from migrate.ovhcloud.session import Cloud
from tests.migration.runs import NO_ENGINE, agree

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "the secret of the keys", "AWS_REGION": "us-east-1"}


@pytest.fixture
def endpoints() -> Iterator[list[str]]:
    servers = [ThreadedMotoServer("127.0.0.1", 0, verbose=False) for _ in range(2)]
    urls: list[str] = []
    for server in servers:
        server.start()
        host, port = server.get_host_and_port()
        urls.append(f"http://{host}:{port}")
    # The servers of one process have their buckets in common, which is all the same here.
    client = boto3.client(
        "s3",
        endpoint_url=urls[0],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="the secret of the keys",
    )
    client.create_bucket(Bucket="shelf")
    (broken,) = Path("examples/models/broken").glob("*.onnx")
    client.put_object(Bucket="shelf", Key="broken.onnx", Body=broken.read_bytes())
    yield urls
    for server in servers:
        server.stop()


def test_another_endpoint_is_another_bucket(endpoints: list[str], cloud: Cloud, tmp_path: Path) -> None:
    options, workspace = RunOptions(source="s3://shelf"), open_workspace(tmp_path / "workspace")
    first, other = ({**NO_ENGINE, **KEYS, "AWS_ENDPOINT_URL": url} for url in endpoints)
    for _ in range(2):
        run_source(options, cloud=cloud, workspace=workspace, environ=first, emit=lambda _: None, confirm=agree)
    with pytest.raises(UsageError) as caught:
        run_source(options, cloud=cloud, workspace=workspace, environ=other, emit=lambda _: None, confirm=agree)
    assert caught.value.code == "ambiguous-source"
    assert endpoints[0] in caught.value.next_step
    with pytest.raises(UsageError):
        plan_source(options, cloud=cloud, workspace=workspace, environ=other, emit=lambda _: None)
    elsewhere = open_workspace(tmp_path / "elsewhere")
    run_source(options, cloud=cloud, workspace=elsewhere, environ=other, emit=lambda _: None, confirm=agree)
