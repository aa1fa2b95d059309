"""FHIRPath, as much of it as the profile tables need, over plain JSON.

An expression yields nodes: values, each with the concrete FHIRPath where it stands. Understood are
`a.b`, `a[0]`, `a | b`, `%variable`, `$this`, `'literal'`, `true`, `where(a=b)`, `where(a)`,
`extension(url)`, `resolve()`, `ofType(Type)`, `first()`, `empty()`, `repeat(a)`. Elements have
their JSON names (`valueQuantity`). `a=b` holds where any of a is any of b, `a>=b` where any date of
a is on or after any of b, as far as both say. Two are ours: `unread()`, those at or below which
nothing has been read so far, and `answers(linkId)`, the values that answer the items of that linkId,
at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class Node(NamedTuple):
    """A value, and where it stands."""

    value: Any
    path: str


Nodes = list[Node]


class Scope(Protocol):
    """What an expression may look at beside its own nodes."""

    variables: dict[str, Nodes]
    roots: dict[str, Node]

    def resolve(self, reference: Node) -> Nodes:
        """Follow a Reference; one that leads nowhere is a fault."""

    def unread(self, nodes: Nodes) -> Nodes:
        """Return the nodes at or below which nothing was read so far."""


ROOTS = ("Bundle", "MessageHeader")

Find = Callable[[Scope, Nodes], Nodes]

_TOKEN = re.compile(r"('[^']*'|[%$]?[A-Za-z][\w-]*|\d+|>=|[().=|\[\]])")


def compile_path(expression: str) -> Find:
    """Compile an expression.

    Raises:
        ValueError: it is not one, in words.
    """
    parser = _Parser(expression)
    find = parser.union()
    if parser.tokens:
        raise ValueError(f"goes on with `{parser.tokens[0]}`, where nothing may follow")
    return find


def elements(nodes: Nodes, name: str) -> Nodes:
    """Return an element of each node: each item of a list is a node of its own."""
    found: Nodes = []
    for value, path in nodes:
        inner = value.get(name) if isinstance(value, dict) else None
        if isinstance(inner, list):
            found += [
                Node(item, f"{path}.{name}[{index}]")
                for index, item in enumerate(inner)
                if item is not None
            ]
        elif inner is not None:
            found.append(Node(inner, f"{path}.{name}"))
    return found


class _Parser:
    """Recursive descent; each method takes its tokens and returns a function."""

    def __init__(self, expression: str) -> None:
        self.tokens: list[str] = []
        rest = expression.strip()
        while rest:
            found = _TOKEN.match(rest)
            if not found:
                raise ValueError(f"has no meaning from `{rest}` on")
            self.tokens.append(found[1])
            rest = rest[found.end() :].lstrip()

    def union(self) -> Find:
        paths = [self.path()]
        while self.taken("|"):
            paths.append(self.path())
        if len(paths) == 1:
            return paths[0]
        return lambda scope, nodes: [found for path in paths for found in path(scope, nodes)]

    def path(self) -> Find:
        steps = [self.root()]
        while self.tokens and self.tokens[0] in (".", "["):
            steps.append(self.step() if self.take() == "." else self.index())

        def find(scope: Scope, nodes: Nodes) -> Nodes:
            for step in steps:
                nodes = step(scope, nodes)
            return nodes

        return find

    def root(self) -> Find:
        start = self.tokens[0] if self.tokens else ""
        if start[:1] not in ("'", "%") and start not in ("true", "$this", *ROOTS):
            return self.step()
        self.take()
        if start == "$this":
            return lambda _scope, nodes: nodes
        if start in ROOTS:
            return lambda scope, _nodes: [scope.roots[start]]
        if start.startswith("%"):
            return lambda scope, _nodes: scope.variables.get(start, [])
        constant = [Node(start == "true" or start.strip("'"), "")]
        return lambda _scope, _nodes: constant

    def step(self) -> Find:
        name = self.take()
        if not self.taken("("):
            return lambda _scope, nodes: elements(nodes, name)
        if name not in _FUNCTIONS:
            raise ValueError(f"has no function `{name}`; there are {', '.join(_FUNCTIONS)}")
        function = _FUNCTIONS[name](self)
        self.expect(")")
        return function

    def index(self) -> Find:
        number = int(self.take())
        self.expect("]")
        return lambda _scope, nodes: nodes[number : number + 1]

    def where(self) -> Find:
        left = self.path()
        test = next((test for sign, test in _TESTS.items() if self.taken(sign)), None)
        right = self.path() if test else None

        def holds(scope: Scope, node: Node) -> bool:
            found = left(scope, [node])
            if test is None or right is None:
                return any(value is not False for value, _ in found)
            wanted = [value for value, _ in right(scope, [node])]
            return any(test(value, other) for value, _ in found for other in wanted)

        return lambda scope, nodes: [node for node in nodes if holds(scope, node)]

    def extension(self) -> Find:
        url = self.path()

        def find(scope: Scope, nodes: Nodes) -> Nodes:
            wanted = [value for value, _ in url(scope, nodes)]
            found = elements(nodes, "extension")
            return [e for e in found if isinstance(e.value, dict) and e.value.get("url") in wanted]

        return find

    def answers(self) -> Find:
        link = self.path()

        def find(scope: Scope, nodes: Nodes) -> Nodes:
            wanted = [value for value, _ in link(scope, nodes)]
            return [found for node in nodes for found in _answers(node, wanted)]

        return find

    def of_type(self) -> Find:
        wanted = self.take()
        return lambda _scope, nodes: [
            node
            for node in nodes
            if isinstance(node.value, dict) and node.value.get("resourceType") == wanted
        ]

    def resolve(self) -> Find:
        return lambda scope, nodes: [found for node in nodes for found in scope.resolve(node)]

    def first(self) -> Find:
        return lambda _scope, nodes: nodes[:1]

    def repeat(self) -> Find:
        deeper = self.path()

        def find(scope: Scope, nodes: Nodes) -> Nodes:
            found: Nodes = []
            while nodes := deeper(scope, nodes):
                found += nodes
            return found

        return find

    def empty(self) -> Find:
        return lambda _scope, nodes: [Node(not nodes, "")]

    def unread(self) -> Find:
        return lambda scope, nodes: scope.unread(nodes)

    def take(self) -> str:
        if not self.tokens:
            raise ValueError("ends too early")
        return self.tokens.pop(0)

    def taken(self, token: str) -> bool:
        return bool(self.tokens) and self.tokens[0] == token and bool(self.tokens.pop(0))

    def expect(self, token: str) -> None:
        if not self.taken(token):
            raise ValueError(f"lacks a `{token}`")


def _answers(holder: Node, wanted: list[Any]) -> Nodes:
    """Return the values of the answers below what has items: a response, an item, an answer."""
    found: Nodes = []
    for item in elements([holder], "item"):
        answers = elements([item], "answer")
        if isinstance(item.value, dict) and item.value.get("linkId") in wanted:
            for value, path in answers:
                names = value if isinstance(value, dict) else ()
                found += [Node(value[n], f"{path}.{n}") for n in names if n.startswith("value")]
        for inner in (item, *answers):
            found += _answers(inner, wanted)
    return found


def _same(value: Any, other: Any) -> bool:
    """Tell whether two values are equal; two objects only if they are one, which is cheap."""
    return value is other or (not isinstance(value, (dict, list)) and bool(value == other))


def _not_before(value: Any, other: Any) -> bool:
    """Tell whether a date is on or after another; of a partial one, whether it may be."""
    if not isinstance(value, str) or not isinstance(other, str):
        return False
    both = min(len(value), len(other), len("2026-11-18"))
    return value[:both] >= other[:both]


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {"=": _same, ">=": _not_before}

_FUNCTIONS: Mapping[str, Callable[[_Parser], Find]] = {
    "where": _Parser.where,
    "extension": _Parser.extension,
    "answers": _Parser.answers,
    "resolve": _Parser.resolve,
    "ofType": _Parser.of_type,
    "first": _Parser.first,
    "empty": _Parser.empty,
    "repeat": _Parser.repeat,
    "unread": _Parser.unread,
}
