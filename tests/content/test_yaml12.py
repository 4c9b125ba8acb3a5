from __future__ import annotations

import pytest

from pipeline.content import yaml12
from pipeline.content.yaml12 import Mapping, Scalar, Sequence, YamlError


def values(text: str) -> dict[str, object]:
    root = yaml12.read(text)
    assert isinstance(root, Mapping)
    return {key: node.value for key, node in root.entries.items() if isinstance(node, Scalar)}


def test_the_core_schema_of_yaml_1_2_decides_types() -> None:
    text = "a: no\nb: yes\nc: on\nd: 2020-01-22\ne: 012\nf: true\ng: ~\nh: '7'\ni: 1_000\nj: 12:30:45\nk: 1.5\n"
    assert values(text) == {
        "a": "no", "b": "yes", "c": "on", "d": "2020-01-22", "e": 12, "f": True, "g": None, "h": "7",
        "i": "1_000", "j": "12:30:45", "k": 1.5,
    }  # fmt: skip


def test_every_value_knows_its_line() -> None:
    root = yaml12.read("a: 1\nb:\n  - x\n  - y\n", first_line=2)
    assert isinstance(root, Mapping)
    assert root.lines == {"a": 2, "b": 3}
    items = root.entries["b"]
    assert isinstance(items, Sequence)
    assert [item.line for item in items.items] == [4, 5]


def test_a_repeated_key_is_told_with_its_line() -> None:
    root = yaml12.read("a: 1\nb: 2\na: 3\n")
    assert isinstance(root, Mapping)
    assert root.repeated == (("a", 3),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x 1\nb: *x\n", 1),
        ("a: 1\nb: *x\n", 2),
        ("a: !!str 1\n", 1),
        ("a: ! 1\n", 1),
        ("a: !!python/object/apply:os.system [x]\n", 1),
        ("%YAML 1.1\n---\na: 1\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 'x\n", 1),
        ("a: [1, 2\nb: 3\n", 2),
        ("? [a]\n: b\n", 1),
        ("a: \x00\n", 1),
        ("a: 1\n\tb: 2\n", 2),
        ("[" * 50_000, 1),
        ("{" * 50_000, 1),
        ("- " * 50_000, 1),
        ("? " * 50_000, 1),
    ],
)
def test_what_makes_yaml_dangerous_or_ambiguous_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(YamlError) as caught:
        yaml12.read(text)
    assert caught.value.mend
    assert caught.value.line in (line, line + 1)
