"""Who imports whom in the workspace: crates, modules, depth and cycles. Usage: import_graph.py [CRATE] [--check]

Without a crate: one line per crate with its modules, imports, depth and import cycles. With one: each module and what it imports.
--check exits with 1 when there is a cycle that EXPECTED does not name. A module is a file; a folder's parent counts as its own file.
A child that names its parent is not counted: in Rust that is how a folder shares its types."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES = ["core", "inflate", "source", "lake", "engine", "sim", "mtdh"]

# Cycles that stay, each with the reason.
EXPECTED: dict[str, str] = {}


def modules(crate: str) -> dict[str, Path]:
    source = ROOT / "crates" / crate / "src"
    names = {}
    for file in sorted(source.rglob("*.rs")):
        parts = list(file.relative_to(source).with_suffix("").parts)
        names["::".join(parts) if parts not in (["lib"], ["main"]) else "crate"] = file
    return names


def product_code(file: Path) -> str:
    text = re.sub(r"(?m)^\s*//.*$", "", file.read_text())
    return text.split("#[cfg(test)]")[0]


def paths(text: str) -> list[str]:
    """Every path of a `use`, with its braces opened, and every path written in code."""
    found = []

    def opened(tree: str, prefix: str) -> None:
        tree = tree.strip()
        match = re.match(r"^((?:\w+::)*)\{(.*)\}$", tree, re.S)
        if not match:
            found.append(prefix + tree.split(" as ")[0])
            return
        depth, part = 0, ""
        for letter in match[2] + ",":
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                if part.strip():
                    opened(part, prefix + match[1])
                part = ""
            else:
                part += letter

    for tree in re.findall(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);", text):
        opened(tree, "")
    found += re.findall(r"\b(?:crate|super)(?:::\w+)+", text)
    return found


def imports(crate: str) -> dict[str, set[str]]:
    files = modules(crate)
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        own = [] if name == "crate" else name.split("::")
        targets = set()
        for path in paths(product_code(file)):
            parts = path.split("::")
            base = list(own)
            if parts[0] == "crate":
                base, parts = [], parts[1:]
            elif parts[0] in ("super", "self"):
                while parts and parts[0] == "super":
                    base, parts = base[:-1], parts[1:]
                parts = parts[1:] if parts and parts[0] == "self" else parts
            elif "::".join(own + parts[:1]) not in files:
                continue
            whole = base + parts
            for end in range(len(whole), 0, -1):
                target = "::".join(whole[:end])
                if target in files:
                    is_ancestor = name.startswith(target + "::")
                    if target != name and not is_ancestor:
                        targets.add(target)
                    break
        graph[name] = targets
    return graph


def components(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    parts: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            part = []
            while True:
                part.append(stack.pop())
                if part[-1] == node:
                    break
            parts.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return parts


def depth(graph: dict[str, set[str]]) -> int:
    """Floors of the graph, a cycle being one."""
    parts = components(graph)
    of = {node: number for number, part in enumerate(parts) for node in part}
    floors: dict[int, int] = {}
    for number, part in enumerate(parts):
        below = {of[target] for node in part for target in graph[node]} - {number}
        floors[number] = 1 + max((floors[other] for other in below), default=0)
    return max(floors.values())


def main() -> int:
    sys.setrecursionlimit(10_000)
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    unexpected = 0
    for crate in arguments or CRATES:
        graph = imports(crate)
        cycles = [part for part in components(graph) if len(part) > 1]
        edges = sum(len(targets) for targets in graph.values())
        print(f"{crate}: {len(graph)} modules, {edges} imports, {depth(graph)} floors, {len(cycles)} cycles")
        for cycle in cycles:
            name = f"{crate}: " + ", ".join(cycle)
            print(f"  cycle: {', '.join(cycle)}" + (f" ({EXPECTED[name]})" if name in EXPECTED else ""))
            unexpected += name not in EXPECTED
        if arguments:
            for node, targets in sorted(graph.items()):
                print(f"  {node} -> {', '.join(sorted(targets)) or '-'}")
    if "--check" in sys.argv and unexpected:
        print(f"{unexpected} import cycles that nobody defends", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
