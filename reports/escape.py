"""Text that others wrote, made harmless to show.

A file name, a statement or a message may hold escape sequences that move the cursor, or marks
that reorder what stands on a line ("Trojan Source", Boucher and Anderson 2021). A report must
show such characters, not obey them.
"""

from __future__ import annotations

import re
import unicodedata

TAB = "    "

# Cc: controls, ESC among them. Cf: bidirectional marks, zero-width characters, tags. Cs: half a
# surrogate pair, which no encoding can write. Zl, Zp: line breaks that a terminal doesn't show.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_ASCII_SPELLINGS = str.maketrans(
    {
        "ᵀ": "^T",
        "⊤": "^T",
        "·": "*",
        "⋅": "*",
        "×": "x",
        "⊙": "(*)",
        "∘": "o",
        "−": "-",
        "–": "-",
        "—": "-",
        "∑": "sum",
        "Σ": "Sum",
        "∏": "prod",
        "∂": "d",
        "∇": "grad ",
        "≠": "!=",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "→": "->",
        "∞": "inf",
        "′": "'",
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "…": "...",
        "√": "sqrt",
        "σ": "sigma",
        "²": "^2",
        "³": "^3",
    }
)


def is_unsafe(character: str) -> bool:
    """Tell whether a single character can't be shown as it is.

    Args:
        character: one code point.

    Returns:
        True for controls, format characters (bidirectional and zero-width ones), lone
        surrogates, and the line and paragraph separators.
    """
    return unicodedata.category(character) in _UNSAFE_CATEGORIES


def escaped(character: str) -> str:
    r"""Spell a code point as Python and JSON do: ``\x1b``, ``\u202e``, ``\U000e0041``."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    """Make a text of one line safe to show: line breaks become spaces, the rest is escaped.

    Args:
        text: any text, of any origin.

    Returns:
        The text with runs of line breaks and tabs as one space, stripped at both ends, and with
        each unsafe character spelt out.
    """
    return " ".join(line.strip() for line in visible_lines(text) if line.strip())


def visible_lines(text: str) -> list[str]:
    """Make a text of several lines safe to show, keeping its lines and its indentation.

    Args:
        text: any text, of any origin.

    Returns:
        The lines without their ends; tabs are four spaces, unsafe characters are spelt out. A
        carriage return alone is no line end: it could hide what stands before it, so it's spelt
        out too.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return [_spelt_out(line.replace("\t", TAB)).rstrip() for line in lines]


def shown(text: str) -> str:
    """Make a text safe to show and change nothing else: spaces and line ends stay.

    Args:
        text: any text, of any origin.

    Returns:
        The text; tabs are four spaces, unsafe characters but line feeds are spelt out.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_spelt_out(line.replace("\t", TAB)) for line in lines)


def code_lines(text: str) -> list[str]:
    """Make lines of code safe to show, without the indentation that they have in their file.

    Args:
        text: lines of code; empty ones at both ends are left out.

    Returns:
        The lines; what all of them are indented by is taken away.
    """
    lines = visible_lines(text)
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines]


def clipped(text: str, limit: int) -> str:
    """Cut a text that is too long for what is to hold it, and say how much is missing.

    Args:
        text: any text.
        limit: how many characters of it are kept at most.

    Returns:
        The text itself, or its beginning and a note of the form ``… (12 more characters)``.
    """
    left_out = len(text) - limit
    return text if left_out <= 0 else f"{text[:limit]}… ({left_out} more characters)"


def ascii_only(text: str) -> str:
    r"""Spell a safe text in ASCII, for terminals that can't show more.

    Args:
        text: a text from :func:`visible` or :func:`visible_lines`.

    Returns:
        The usual signs of mathematics in their ASCII spelling (``ᵀ`` is ``^T``), all others
        as escapes.
    """
    if text.isascii():
        return text
    spelt = text.translate(_ASCII_SPELLINGS)
    return "".join(c if c.isascii() else escaped(c) for c in spelt)


def longest_run(text: str, character: str) -> int:
    """Return the length of the longest run of ``character`` in ``text``."""
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)


def _spelt_out(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    return "".join(escaped(c) if is_unsafe(c) else c for c in line)
