"""MathML that came with a report, let through only as far as it's plain mathematics.

A report may be read from a file that somebody else wrote, so that what it calls MathML is not
trusted: it's parsed, and written again with the elements and attributes of a list.
"""

from __future__ import annotations

from xml.etree import ElementTree

from markupsafe import Markup, escape

from backproof.reports.escape import visible

_LONGEST = 20_000
_DEEPEST = 60
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"

# Presentation elements of MathML Core (W3C, 2025), without those that link or embed.
_ELEMENTS = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mpadded"}
    | {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"}
)
_ATTRIBUTES = frozenset(
    {"display", "mathvariant", "stretchy", "fence", "separator", "form", "lspace", "rspace"}
    | {"width", "accent", "movablelimits", "linethickness", "largeop", "symmetric"}
)


def plain(text: str) -> Markup | None:
    """Return a formula that a page can hold as it is.

    Args:
        text: what claims to be one ``math`` element.

    Returns:
        The element, or None where it's no well-formed MathML, is too long or too deep, or has an
        element that isn't on the list; attributes that aren't are left out.
    """
    # No document type: with one, a short text can stand for a long one.
    if len(text) > _LONGEST or "<!" in text or "<?" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    if _name(root) != "math" or not _is_plain(root, 0):
        return None
    return _written(root)


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).removeprefix(_NAMESPACE)


def _is_plain(element: ElementTree.Element, depth: int) -> bool:
    if depth > _DEEPEST or _name(element) not in _ELEMENTS:
        return False
    return all(_is_plain(inner, depth + 1) for inner in element)


def _written(element: ElementTree.Element) -> Markup:
    name = _name(element)
    attributes = Markup("").join(
        Markup(' {}="{}"').format(key, visible(value))
        for key, value in element.attrib.items()
        if key in _ATTRIBUTES
    )
    parts = [escape(_shown(element.text))]
    for inner in element:
        parts += [_written(inner), escape(_shown(inner.tail))]
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), attributes, Markup("").join(parts))


def _shown(text: str | None) -> str:
    # Invisible operators (U+2061 to U+2064) belong to mathematics: they neither hide nor reorder.
    return "".join(c if "\u2061" <= c <= "\u2064" else visible(c) for c in text or "")
