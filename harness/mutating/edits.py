"""Changes of a source text by the positions of its syntax tree: all other lines stay in place."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

# What binds as tightly as a name: no brackets are needed around it.
_ATOMS = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Call,
    ast.Constant,
    ast.List,
    ast.Dict,
    ast.ListComp,
)


@dataclass(frozen=True, slots=True)
class Edit:
    """Another text for a part of a source.

    Attributes:
        start: the first byte of the part, counted in UTF-8.
        end: the byte after its last one.
        text: what stands there instead.
    """

    start: int
    end: int
    text: str


class Source:
    """A source text with its syntax tree.

    Args:
        text: of a module that Python can parse.

    Raises:
        SyntaxError, ValueError: Python cannot parse it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._bytes = text.encode()
        self._starts = [0]
        for line in self._bytes.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The first byte of a node and the byte after its last one."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """A node as its author wrote it, without brackets around it."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def operand(self, node: ast.expr) -> str:
        """A node as it may stand in any expression: in brackets, unless it binds tightly."""
        text = self.segment(node)
        # A number is no atom before a dot, but -2 and 2 .T are written by nobody.
        return text if isinstance(node, _ATOMS) else f"({text})"

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """The edit that puts a text in the place of a node."""
        return Edit(*self.span(node), text)

    def stands_alone(self, node: ast.expr) -> bool:
        """Whether a node is in brackets already, or a whole argument or right side."""
        if isinstance(self.parents.get(node), (ast.stmt, ast.keyword)):
            return True
        start, end = self.span(node)
        before, after = self._bytes[:start].rstrip(), self._bytes[end:].lstrip()
        return before.endswith((b"(", b"[", b",")) and after.startswith((b")", b"]", b","))

    def apply(self, edits: Sequence[Edit]) -> str:
        """The text with edits that do not overlap."""
        found = self._bytes
        for edit in sorted(edits, key=lambda e: e.start, reverse=True):
            found = found[: edit.start] + edit.text.encode() + found[edit.end :]
        return found.decode()

    def lines(self, first: int, last: int) -> str:
        """Whole lines, counted from 1, the last one included."""
        return "\n".join(self.text.split("\n")[first - 1 : last])
