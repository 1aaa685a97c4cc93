"""Loading the object that a user names: ``path/to/file.py:Name`` or ``package.module:Name``."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from backproof.errors import UsageError
from backproof.spec.errors import near

_FORMS = "name a subject as path/to/file.py:Name or package.module:Name"
# More names than these help nobody to find the right one.
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Loaded:
    """An object that a user named.

    Attributes:
        object: the object itself.
        module: the module that it was looked up in.
        file: the module's source file, if it has one.
        name: its name in the module; dotted for a member of a class.
        label: what reports call it, such as ``layers.py:Dense``.
    """

    object: Any
    module: ModuleType
    file: str | None
    name: str
    label: str


def load(address: str) -> Loaded:
    """Import the module of an address and look its name up.

    Args:
        address: ``path/to/file.py:Name`` or ``package.module:Name``; the name may be dotted. The
            file's folder is on ``sys.path`` during the import, so that its siblings can be
            imported.

    Raises:
        UsageError: the address has no name, the file or module does not exist, importing it
            fails, or it has no such name.
    """
    where, colon, name = address.rpartition(":")
    # A Windows drive letter is no module: C:\layers.py has no name after its colon.
    if not colon or not name or not where or "/" in name or "\\" in name:
        raise UsageError(f"'{address}' names no object", _named_what(address))
    if where.endswith(".py") or "/" in where or "\\" in where:
        module = _module_of_file(Path(where))
        label = f"{Path(where).name}:{name}"
    else:
        module = _module_by_name(where)
        label = f"{where}:{name}"
    file = getattr(module, "__file__", None)
    found = _lookup(module, name, where)
    return Loaded(found, module, file, name, label)


def _named_what(address: str) -> str:
    path = Path(address.rstrip(":"))
    if path.suffix == ".py" and path.is_file():
        found = _defined_in(path)
        if found:
            return f"{_FORMS}; {path.name} defines {', '.join(found)}"
    return _FORMS


def _defined_in(path: Path) -> list[str]:
    """The classes and functions of a file, read without running it."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.findall(r"^(?:class|def)\s+(\w+)", text, re.MULTILINE)


# ---------------------------------------------------------------- modules


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        missing = "is a folder" if path.is_dir() else "does not exist"
        folder = path.parent if path.parent.is_dir() else None
        names = near(path.name, (p.name for p in folder.glob("*.py"))) if folder else []
        hint = f"near names there are {', '.join(names)}" if names else _FORMS
        raise UsageError(f"the file '{path}' {missing}", hint)
    path = path.resolve()
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    private = f"_backproof_subject_{digest}_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(private, path, loader=_Fresh(private, str(path)))
    if spec is None or spec.loader is None:
        raise UsageError(f"'{path}' is no Python file", _FORMS)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name while it is still being made.
    sys.modules[private] = module
    # Tracebacks and statements quote the file as it is now, not as an earlier load saw it.
    linecache.cache.pop(str(path), None)
    with _first_on_path(path.parent):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[private]
            raise _import_failed(str(path), path.name, error) from error
    return module


class _Fresh(SourceFileLoader):
    """Compiles a file as it is: bytecode of another text may have the same size and second."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file's text now."""
        return self.source_to_code(self.get_data(self.path), self.path)


# Ends the name of a module that was made from another text.
_OTHER_TEXT = "__with_another_text"


def without_text(loaded: Loaded) -> None:
    """Undo what ``with_text`` left: what quotes the file shows it as it is on the disk again."""
    sys.modules.pop(loaded.module.__name__ + _OTHER_TEXT, None)
    linecache.cache.pop(loaded.file or "", None)


def with_text(loaded: Loaded, text: str) -> Loaded:
    """The same object of a new module, made from another text in place of its file's.

    The file stays as it is; what quotes it shows the other text from now on.

    Raises:
        UsageError: there is no file, the text cannot be run, or it does not define the name.
    """
    if loaded.file is None:
        raise UsageError(f"{loaded.label} has no file")
    path, name = Path(loaded.file), loaded.module.__name__ + _OTHER_TEXT
    module = ModuleType(name)
    module.__file__ = loaded.file
    module.__package__ = loaded.module.__package__
    sys.modules[name] = module
    # Without a time of change an entry is never read from the disk again.
    linecache.cache[loaded.file] = (len(text), None, text.splitlines(keepends=True), loaded.file)
    with _first_on_path(path.parent):
        try:
            exec(compile(text, loaded.file, "exec"), vars(module))
        except (Exception, SystemExit) as error:
            raise _import_failed(loaded.file, path.name, error) from error
    found = _lookup(module, loaded.name, path.name)
    return Loaded(found, module, loaded.file, loaded.name, loaded.label)


def _module_by_name(name: str) -> ModuleType:
    try:
        # A console script does not have the current folder on its path, as `python -m` has.
        with _first_on_path(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        absent = error.name or name
        if name == absent or name.startswith(f"{absent}."):
            hint = f"{_FORMS}; a module has to be importable from here"
            raise UsageError(f"there is no module named '{absent}'", hint) from None
        raise _import_failed(_file_of(name), name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(_file_of(name), name, error) from error


def _file_of(module: str) -> str:
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            return spec.origin
    return ""


@contextlib.contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def _import_failed(file: str, shown: str, error: BaseException) -> UsageError:
    """What a person needs of the traceback: the lines of his own file, and the exception."""
    lines = [f"'{shown}' cannot be imported"]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        text = (error.text or linecache.getline(error.filename, error.lineno)).strip()
        lines.append(f"  {Path(error.filename).name}:{error.lineno}: `{text}`")
    for frame in traceback.extract_tb(error.__traceback__):
        if file and Path(frame.filename) == Path(file):
            lines.append(f"  {shown}:{frame.lineno}: in {frame.name}: `{frame.line}`")
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    lines.append(f"  {type(error).__name__}: {message}".rstrip(": "))
    return UsageError("\n".join(lines), _import_help(error))


# Frameworks by the modules that they are imported as; Keras without a choice asks for the last.
_EXTRAS = {"torch": "torch", "keras": "keras", "sklearn": "sklearn", "tensorflow": "keras"}


def _import_help(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = _EXTRAS.get(error.name.partition(".")[0])
        if extra is not None:
            return f"pip install 'backproof[{extra}]'"
        return f"install '{error.name}', or put it beside the file"
    return ""


# ---------------------------------------------------------------- names


def _lookup(module: ModuleType, name: str, where: str) -> Any:
    found: Any = module
    place = where
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = [n for n in dir(found) if not n.startswith("__")]
            own = [n for n in known if _is_own(module, getattr(found, n, None))]
            own.sort(key=lambda n: _order(getattr(found, n)))
            names = near(part, own) or [*own, *near(part, known)][:_LISTED]
            hint = f"known there: {', '.join(names)}" if names else ""
            raise UsageError(f"'{place}' has no name '{part}'", hint) from None
        place = f"{place}:{part}" if place == where else f"{place}.{part}"
    return found


def _order(value: Any) -> int:
    """Classes first, then functions, then the rest."""
    return 0 if inspect.isclass(value) else 1 if inspect.isroutine(value) else 2


def _is_own(module: ModuleType, value: Any) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__
