"""What docs/webhooks.md tells developers to write verifies what is sent, and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.hooks import signing
from pipeline.hooks.models import Type

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
BODY = '{"type":"webhook.test","data":{"été":1}}'.encode()


@pytest.fixture(scope="module")
def verified() -> Callable[[str, dict[str, str], bytes], bool]:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)
    return names["verified"]


def test_the_receiver_of_the_page_takes_what_is_signed(verified: Callable[..., bool]) -> None:
    secrets = [signing.new_secret() for _ in range(3)]
    headers = signing.headers("msg_1", int(time.time()), BODY, secrets[:2])
    assert [verified(secret, headers, BODY) for secret in secrets] == [True, True, False]


def test_the_receiver_of_the_page_refuses_what_was_changed_or_is_old(verified: Callable[..., bool]) -> None:
    secret, now = signing.new_secret(), int(time.time())
    headers = signing.headers("msg_1", now, BODY, [secret])
    assert not verified(secret, headers, BODY + b" ")
    assert not verified(secret, headers | {"webhook-id": "msg_2"}, BODY)
    assert not verified(secret, headers | {"webhook-timestamp": str(now + 1)}, BODY)
    assert not verified(secret, signing.headers("msg_1", now - 600, BODY, [secret]), BODY)


def test_the_page_tells_every_type_and_its_example_is_json() -> None:
    assert set(re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)) == {*Type.values, "webhook.test"}
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example
    assert list(json.loads(example[1])) == ["type", "timestamp", "data"]
