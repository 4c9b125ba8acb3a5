"""What the compose file gives its services, with its variables given or not, is what the settings take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import environment

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"KIT_INSTALLATION_ID": "essai", "KIT_BASE_URL": "https://essai.org"}
_HOLE = re.compile(r"\$\{(\w+)(?::([-+?])([^}]*))?\}")


def filled(text: str, given: dict[str, str]) -> str:
    """Compose's interpolation: ``${NAME:-default}``, ``${NAME:+replacement}``, ``${NAME:?why}``."""

    def value(hole: re.Match[str]) -> str:
        name, how, other = hole.groups()
        if how == "?":
            return given[name]
        if how == "+":
            return other if given.get(name) else ""
        return given.get(name) or other or ""

    return _HOLE.sub(value, text)


def compose(**given: str) -> dict[str, Any]:
    text = filled((ROOT / "docker-compose.yml").read_text(), NEEDED | given)
    assert "${" not in text
    held: dict[str, Any] = YAML(typ="safe").load(text)
    return held


def settings(held: dict[str, Any], service: str, here: dict[str, str]) -> environment.Environment:
    """The settings of a service, with the paths of the container as ``here`` has them on this machine."""
    environ = {
        name: here.get(str(value), str(value or "")) for name, value in held["services"][service]["environment"].items()
    }
    return environment.read(environ)


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dkim").mkdir()
    for name, text in {
        "database_url": "postgresql://kit@postgres/kit",
        "smtp_url": "smtp://relais",
        "secret_key": "x" * 40,
    }.items():
        (tmp_path / name).write_text(text)
    for name in ("bounces_url", "webhook_secret"):
        (tmp_path / name).write_text("")
    return {f"/run/secrets/{path.name}": str(path) for path in tmp_path.iterdir()} | {
        "/run/dkim": str(tmp_path / "dkim")
    }


def test_what_is_not_given_has_its_default(here: dict[str, str]) -> None:
    held = compose()
    read = settings(held, "bulk", here)
    plain = environment.read({})
    for name in (
        "return_path",
        "bounces_url",
        "webhook_secret",
        "cfbl_address",
        "dkim_dir",
        "throttles",
        "retry_hours",
        "soft_bounces",
    ):
        assert getattr(read, name) == getattr(plain, name), name
    assert held["secrets"]["bounces_url"]["file"] == "/dev/null"
    sources = {volume.partition(":")[0] for volume in held["services"]["bulk"]["volumes"]}
    assert sources <= set(held["volumes"])


def test_what_is_given_reaches_the_services(here: dict[str, str]) -> None:
    held = compose(
        KIT_RETRY_HOURS="24", KIT_DKIM_DIR="./secrets/dkim", KIT_THROTTLES="orange.fr=5", KIT_SOFT_BOUNCES="3/10"
    )
    read = settings(held, "bulk", here)
    assert (read.retry_hours, read.throttles, read.soft_bounces) == (24, "orange.fr=5", (3, 10))
    assert read.dkim_dir == Path(here["/run/dkim"])
    assert "./secrets/dkim:/run/dkim:ro" in held["services"]["bulk"]["volumes"]


def test_bounces_are_taken_only_where_they_are_asked_for(here: dict[str, str]) -> None:
    held = compose()
    lmtp = held["services"]["lmtp"]
    assert lmtp["profiles"] == ["bounces"]
    assert lmtp["command"] == ["python", "-m", "pipeline.delivery.bounces.lmtp"]
    port = settings(held, "lmtp", here).lmtp.rpartition(":")[2]
    assert lmtp["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert settings(held, "web", here).lmtp == ""
