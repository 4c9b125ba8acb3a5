"""A season's folder of fiches, read whole: every fiche that can be published, every fault of those that cannot."""

from __future__ import annotations

import dataclasses
import errno
import re
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.content import images, sandbox, tree, walk
from pipeline.content.errors import ContentError, Fault
from pipeline.content.fiche import Fiche, Image, Rules
from pipeline.content.names import SLUG

MOST_BYTES = 64 * 1024
"""The largest file of text that is read."""
GLOSSARY = "glossaire.md"
_NAME = re.compile(rf"(?P<number>[0-9]{{2,3}})-(?P<slug>{SLUG})\.md")


@dataclass(frozen=True, slots=True)
class Library:
    """What a folder holds. ``broken`` has the faults of each fiche that is not in ``fiches``, by slug; ``faults`` has all of
    them, and those of no fiche. ``images``: sha256 → bytes to serve. Paths are ``<season>/<kind>/<file>``."""

    fiches: dict[str, Fiche]
    faults: tuple[Fault, ...]
    broken: dict[str, tuple[Fault, ...]]
    images: dict[str, bytes] = field(repr=False)
    glossary: tree.Document | None = field(repr=False)


@dataclass(slots=True)
class _Draft:
    """A file on its way: its fiche, when the text alone has no fault, and what was found so far."""

    path: str
    slug: str
    fiche: Fiche | None
    faults: list[Fault]
    markdown: str = ""

    def fault(self, near: str, name: str, message: str, mend: str) -> None:
        self.faults.append(Fault(self.path, line_of(self.markdown, near), name, message, mend))


def read(folder: Path, rules: Rules) -> Library:
    """Read ``folder`` (``fiches/<season>``): every fiche, the images they show, and the glossary.

    Never raises for what the files hold: see :attr:`Library.faults`.

    Raises:
        ContentError: ``folder`` is not a folder.
        SandboxError: the process that reads the texts does not start.
    """
    if not folder.is_dir():
        fault = Fault(
            rules.season,
            0,
            "",
            "le dossier des fiches n’existe pas.",
            f"Créer « {folder.name} » dans le dossier des fiches.",
        )
        raise ContentError([fault])
    found: list[Fault] = []
    drafts = [_draft(path, folder, rules) for path in _files(folder, rules, found)]
    _twins(drafts)
    slugs = {draft.slug for draft in drafts}
    pictures: dict[str, bytes] = {}
    fiches: dict[str, Fiche] = {}
    for draft in drafts:
        if draft.fiche is not None:
            _links(draft, draft.fiche, slugs)
            shown = _images(draft, draft.fiche, folder / Path(draft.path).relative_to(rules.season).parent, pictures)
            if not draft.faults:
                fiches[draft.slug] = dataclasses.replace(draft.fiche, images=shown)
    glossary = _glossary(folder, rules, slugs, found)
    broken: dict[str, tuple[Fault, ...]] = {}
    for draft in drafts:
        found += draft.faults
        if draft.faults:
            broken[draft.slug] = (*broken.get(draft.slug, ()), *sorted(draft.faults))
    order = list(rules.kinds)
    ordered = sorted(fiches.items(), key=lambda item: (order.index(item[1].kind), item[1].number, item[0]))
    used = {image.sha256 for fiche in fiches.values() for image in fiche.images}
    return Library(
        fiches=dict(ordered),
        faults=tuple(sorted(found)),
        broken=broken,
        images={digest: pictures[digest] for digest in sorted(used)},
        glossary=glossary,
    )


def check(text: str, path: str, rules: Rules, *, folder: Path | None = None) -> Fiche:
    """Check one text as if it stood at ``path`` (``<season>/<kind>/NN-slug.md``).

    Links to other fiches are not checked: that takes a whole library. The images are those of ``folder``; without one, the
    fiche has none.

    Raises:
        ContentError: with every fault.
        SandboxError: the process that reads the text does not start.
    """
    text = _newlines(text)
    fault = _too_much(text, path)
    if fault:
        raise ContentError([fault])
    fiche, faults = sandbox.read_fiche(text, path, rules)
    if fiche is None:
        raise ContentError(faults)
    draft = _Draft(path, fiche.slug, fiche, [], text)
    shown = _images(draft, fiche, folder, {}) if folder else ()
    if draft.faults:
        raise ContentError(draft.faults)
    return dataclasses.replace(fiche, images=shown)


def line_of(text: str, near: str) -> int:
    """Return the line, from 1, on which ``near`` first stands in ``text`` (line feeds before it do not count); 0 when it does not."""
    at = text.find(near) if near else -1
    if at < 0:
        return 0
    return text.count("\n", 0, at + len(near) - len(near.lstrip("\n"))) + 1


def _files(folder: Path, rules: Rules, found: list[Fault]) -> list[Path]:
    """Return the Markdown files of the season's kinds, in order; what stands elsewhere is a fault."""
    files: list[Path] = []
    for entry in sorted(folder.iterdir()):
        path = f"{rules.season}/{entry.name}"
        if entry.name.startswith(".") or entry.name == GLOSSARY:
            continue
        if entry.is_dir() and entry.name not in rules.kinds:
            known = ", ".join(rules.kinds)
            found.append(
                Fault(
                    path, 0, "", "ce dossier n’est pas une sorte de fiche de la saison.", f"Sortes connues : {known}."
                )
            )
        elif entry.is_symlink():
            found.append(Fault(path, 0, "", "est un lien vers un autre endroit.", "Mettre les fichiers eux-mêmes."))
        elif entry.is_dir():
            files += [
                file for file in sorted(entry.iterdir()) if file.suffix == ".md" and not file.name.startswith(".")
            ]
        elif entry.suffix == ".md":
            found.append(
                Fault(path, 0, "", "ce fichier n’est pas à sa place.", "Le ranger dans le dossier de sa sorte.")
            )
    return files


def _draft(file: Path, folder: Path, rules: Rules) -> _Draft:
    path = f"{rules.season}/{file.relative_to(folder).as_posix()}"
    name = _NAME.fullmatch(file.name)
    slug = name["slug"] if name else file.stem
    text, fault = _text(file, path)
    if text is None:
        return _Draft(path, slug, None, [fault] if fault else [])
    fiche, faults = sandbox.read_fiche(text, path, rules)
    return _Draft(path, fiche.slug if fiche else slug, fiche, faults, text)


def _text(file: Path, path: str) -> tuple[str | None, Fault | None]:
    """Read one file of text: UTF-8, at most :data:`MOST_BYTES`, a byte order mark and CRLF forgiven."""
    try:
        content = images.read_plain(file, MOST_BYTES)
    except OSError as error:
        message = (
            "est un lien vers un autre fichier." if error.errno == errno.ELOOP else f"ne se lit pas ({error.strerror})."
        )
        return None, Fault(path, 0, "", message, "Mettre le fichier lui-même à sa place.")
    if content is None:
        return None, _size_fault(path)
    try:
        text = _newlines(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, Fault(path, line, "", "le fichier n’est pas en UTF-8.", "L’enregistrer de nouveau en UTF-8.")
    return text, None


def _newlines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _too_much(text: str, path: str) -> Fault | None:
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return _size_fault(path)
    return None


def _size_fault(path: str) -> Fault:
    return Fault(
        path, 0, "", f"le fichier pèse plus de {MOST_BYTES // 1024} ko.", "Une fiche a 1 000 mots : la raccourcir."
    )


def _twins(drafts: list[_Draft]) -> None:
    """Two fiches of a season never share a number or a slug, whatever their kinds."""
    first: dict[tuple[str, str | int], _Draft] = {}
    for draft in drafts:
        name = _NAME.fullmatch(draft.path.rpartition("/")[2])
        if not name:
            continue
        for what, value in (("number", int(name["number"])), ("slug", name["slug"])):
            other = first.setdefault((what, value), draft)
            if other is not draft:
                word = "le numéro" if what == "number" else "le slug"
                for one, two in ((draft, other), (other, draft)):
                    one.fault(
                        f"\n{what}:", what, f"{word} {value} est aussi celui de « {two.path} ».", "En changer un."
                    )


def _links(draft: _Draft, fiche: Fiche, slugs: set[str]) -> None:
    for slug in fiche.see_also:
        if slug not in slugs:
            draft.fault("\nsee_also:", "see_also", f"aucune fiche ne s’appelle « {slug} ».", _nearest(slug, slugs))
    for node in walk.links_and_figures((fiche.body.blocks, fiche.body.footnotes)):
        if isinstance(node, tree.Link) and node.href.startswith("fiche:"):
            slug = node.href.removeprefix("fiche:")
            if slug not in slugs:
                draft.fault(node.href, "texte", f"aucune fiche ne s’appelle « {slug} ».", _nearest(slug, slugs))


def _nearest(slug: str, slugs: set[str]) -> str:
    import difflib  # noqa: PLC0415 - only for a fault

    close = difflib.get_close_matches(slug, sorted(slugs), 1)
    return f"Vouliez-vous écrire « {close[0]} » ?" if close else "Corriger le slug, ou retirer le renvoi."


def _images(draft: _Draft, fiche: Fiche, folder: Path, pictures: dict[str, bytes]) -> tuple[Image, ...]:
    shown: dict[str, Image] = {}
    for node in walk.links_and_figures((fiche.body.blocks, fiche.body.footnotes)):
        if isinstance(node, tree.Figure) and node.src not in shown:
            try:
                image, content = images.load(folder, node.src)
            except images.ImageError as error:
                draft.fault(f"({node.src}", "texte", f"l’image « {node.src} » {error.message}", error.mend)
                continue
            shown[node.src] = image
            pictures[image.sha256] = content
    return tuple(shown.values())


def _glossary(folder: Path, rules: Rules, slugs: set[str], found: list[Fault]) -> tree.Document | None:
    path = f"{rules.season}/{GLOSSARY}"
    if not (folder / GLOSSARY).exists() and not (folder / GLOSSARY).is_symlink():
        return None
    text, fault = _text(folder / GLOSSARY, path)
    if text is None:
        found += [fault] if fault else []
        return None
    document, faults = sandbox.read_glossary(text, path)
    found += faults
    for node in walk.links_and_figures(document) if document else ():
        if isinstance(node, tree.Figure):
            found.append(Fault(path, line_of(text, node.src), "texte", "le glossaire montre une image.", "La retirer."))
        elif isinstance(node, tree.Link) and node.href.startswith("fiche:") and node.href[6:] not in slugs:
            slug = node.href[6:]
            line = line_of(text, node.href)
            found.append(Fault(path, line, "texte", f"aucune fiche ne s’appelle « {slug} ».", _nearest(slug, slugs)))
    return document
