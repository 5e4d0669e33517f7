"""The reference, made from the docstrings of public names."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from autograd_lite.textbook.numpy_source import full_name
from nn import Module
from nn.members import Members

PACKAGES = ("autograd_lite", "nn", "nn.init", "nn.datasets", "nn.estimators", "viz")
MODULES = ("autograd_lite.tensor.", "collections.abc.", "numpy.typing.", "typing.", "builtins.")
WIDTH = 96
"""Letters of a signature that stand in one line."""
SECTION = re.compile(r"^(Args|Raises|Returns|Attributes):$", re.M)
EQUATION = re.compile(r"[^ ]+ = ")


def pages() -> dict[str, str]:
    """One page a package, with an entry for each public name."""
    texts = {f"api/{package}": _page(package) for package in PACKAGES}
    names = [name.partition("/")[2] for name in texts]
    texts["api/index"] = "\n".join(
        ["# Reference", "", "```{toctree}", ":maxdepth: 1", "", *names, "```", ""]
    )
    return texts


def _page(package: str) -> str:
    module = importlib.import_module(package)
    public = getattr(module, "__all__", None)
    if public is None:
        own = vars(module).items()
        public = [name for name, x in own if inspect.isfunction(x) and x.__module__ == package]
    parts = [f"# {package}", inspect.getdoc(module) or ""]
    for name in sorted(public, key=str.lower):
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        parts.append(_entry(f"{package}.{name}", value))
    return "\n\n".join(parts) + "\n"


def _entry(name: str, value: Any) -> str:
    parts = [f"## {name}", f"```python\n{_signature(name, value)}\n```", _document(value)]
    if inspect.isclass(value):
        for own, member in sorted(_members(value).items()):
            function = member.fget if isinstance(member, property) else member
            if own.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
                continue
            shown = own if isinstance(member, property) else _signature(own, function)
            parts += [f"### {name.rpartition('.')[2]}.{own}", f"```python\n{shown}\n```"]
            parts.append(_document(function))
    return "\n\n".join(parts)


def _members(kind: type[Any]) -> dict[str, Any]:
    """What a class has, and what modules have of the base that finds what is in them."""
    return {**(vars(Members) if kind is Module else {}), **vars(kind)}


def _signature(name: str, value: Any) -> str:
    if not callable(value):
        return name
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    given = [x for x in signature.parameters.values() if x.annotation != "Never"]
    parameters = [x.replace(**_shown(x)) for x in given]
    result = Written(signature.return_annotation)
    if result.text in ("None", "Never", "Self") or signature.return_annotation is signature.empty:
        result = signature.empty
    text = f"{name}{signature.replace(parameters=parameters, return_annotation=result)}"
    if len(text) <= WIDTH:
        return text
    start, end = str(signature.replace(parameters=[], return_annotation=result)).split(")", 1)
    lines = [f"    {parameter}," for parameter in parameters]
    kinds = [parameter.kind for parameter in parameters]
    if inspect.Parameter.VAR_POSITIONAL not in kinds and inspect.Parameter.KEYWORD_ONLY in kinds:
        lines.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "    *,")
    return "\n".join([name + start, *lines, ")" + end])


class Written:
    """What stands in a signature as it is written in the source."""

    def __init__(self, value: Any) -> None:
        text = value if isinstance(value, str) else inspect.formatannotation(value)
        for module in MODULES:
            text = text.replace(module, "")
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown(parameter: inspect.Parameter) -> dict[str, Any]:
    """Annotation and default, as far as they tell a reader something."""
    shown: dict[str, Any] = {}
    if parameter.annotation is not parameter.empty:
        shown["annotation"] = Written(parameter.annotation)
    if parameter.default is parameter.empty:
        return shown
    if isinstance(parameter.default, type):
        shown["default"] = Written(full_name(parameter.default))
    elif len(repr(parameter.default)) > 40 or repr(parameter.default).startswith("<"):
        shown["default"] = Written("...")
    return shown


def _document(value: Any) -> str:
    """A docstring as Markdown: sections as lists, examples as code."""
    parts, kind = [], ""
    for block in re.split(r"\n\n", inspect.getdoc(value) or ""):
        found = SECTION.match(block)
        if found:
            parts.append(f"**{found[1]}**\n\n" + _listed(block[found.end() :]))
        elif block.startswith(">>>"):
            parts.append(f"```pycon\n{block}\n```")
        elif block.startswith("    "):
            parts.append(_listed("\n" + block) if kind else f"```text\n{block}\n```")
        elif "\n" in block and all(EQUATION.match(line) for line in block.split("\n")):
            parts.append(f"```text\n{block}\n```")
        else:
            parts.append(_escaped(block))
        kind = found[1] if found else ""
    return "\n\n".join(parts)


def _listed(text: str) -> str:
    """Entries `name: text`, of which the further lines are indented, as a list."""
    lines = inspect.cleandoc(text).split("\n")
    entries: list[str] = []
    for line in lines:
        if line.startswith(" ") and entries:
            entries[-1] += " " + line.strip()
        elif line:
            entries.append(line)
    shown = []
    for entry in entries:
        name, colon, rest = entry.partition(":")
        plain = colon and re.fullmatch(r"[\w, ]+", name)
        shown.append(f"- `{name}`:{_escaped(rest)}" if plain else f"- {_escaped(entry)}")
    return "\n".join(shown)


def _escaped(text: str) -> str:
    """Text whose asterisks, underscores and dollars are no marks, but within backquotes."""
    parts = text.split("`")
    marks = re.compile(r"([*_$<\[\]|\\])")
    return "`".join(marks.sub(r"\\\1", x) if i % 2 == 0 else x for i, x in enumerate(parts))
