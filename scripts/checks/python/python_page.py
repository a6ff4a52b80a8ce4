"""The reference page of the Python package, made of its docstrings: `MTDH_WRITE_DOCS=1 python -m pytest test_api_docs.py` writes it."""

import inspect
import re

import mtdh

HEAD = """# Python

Generated from the docstrings of the package. [How to use it](../how-to/python.md), [times and the two clocks](times.md).

- `import mtdh` needs no other package. A method that needs one imports it, and says which extra brings it.
- `help(mtdh.Lake)` and editors show the same, with examples. Types: `py.typed`.

## What each library gets

| column | pyarrow | polars | pandas | NumPy |
|---|---|---|---|---|
| numbers, times | in place | in place | copied; alone in its table: in place | in place for one batch without null, else joined |
| categories (`instrument_key`, `side`, …) | in place, dictionary | converted, `Categorical` | converted, `category` | objects |
| texts (`id`) | in place | in place by `polars()`, else converted; `String` | converted | objects |
| flags (`is_snapshot`) | in place | `Boolean` | `bool` | `bool`, a byte each |

## Who verifies

| | read by | a damaged page |
|---|---|---|
| `polars()`, `pandas()`, `arrow()`, `numpy()`, `table()`, iteration | mtdh | raises `DamagedObject` |
| `reader()`, `pyarrow.table(rows)`, `polars.DataFrame(rows)`, DuckDB's `from rows` | mtdh | that library's error, with mtdh's text |
| `lazy()`, `duckdb()`, `sql()` of a folder; `paths()` | the library itself | an error or **other values**; `verify=True`: `DamagedObject` before |
| `lazy()`, `duckdb()`, `sql()` of a bucket | mtdh | the library's error, with mtdh's text |
"""


def summary(thing):
    """The first paragraph of a docstring, in one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def call(name, thing):
    """A name with its arguments, without types."""
    if isinstance(thing, property):
        return name
    thing = getattr(thing, "__func__", thing)
    arguments, is_marked = [], False
    for argument in inspect.signature(thing).parameters.values():
        if argument.name == "self":
            continue
        if argument.kind is argument.KEYWORD_ONLY and not is_marked:
            is_marked = True
            arguments.append("*")
        stars = "**" if argument.kind is argument.VAR_KEYWORD else ""
        default = "" if argument.default is argument.empty else f"={argument.default!r}"
        arguments.append(f"{stars}{argument.name}{default}")
    return f"{name}({', '.join(arguments)})"


def table(rows):
    return "\n".join(f"| `{name}` | {text} |" for name, text in rows)


def of_class(kind):
    """A class: its docstring without the examples, and its methods."""
    text = re.split(r"^>>> ", inspect.getdoc(kind), maxsplit=1, flags=re.M)[0].strip()
    own = [base for base in kind.__mro__ if base is kind or base.__name__.startswith("_")]  # what a class is written in parts as
    members = [(name, value) for base in own for name, value in vars(base).items() if not name.startswith("_") and (callable(value) or isinstance(value, property))]
    methods = table((call(name, value), summary(value)) for name, value in members)
    return f"## {kind.__name__}\n\n{text}\n" + (f"\n| | |\n|---|---|\n{methods}\n" if methods else "")


def page():
    """The whole page."""
    public = [(name, getattr(mtdh, name)) for name in mtdh.__all__]
    functions = [(name, thing) for name, thing in public if not inspect.isclass(thing)]
    classes = [thing for _, thing in public if inspect.isclass(thing) and not issubclass(thing, BaseException)]
    errors = [thing for _, thing in public if inspect.isclass(thing) and issubclass(thing, BaseException)]
    classes.sort(key=lambda kind: [kind is not mtdh.Lake, kind is not mtdh.Rows, kind is not mtdh.Table])
    also = lambda kind: ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    parts = [HEAD, "## Functions\n\n| | |\n|---|---|\n" + table((call(name, thing), summary(thing)) for name, thing in functions) + "\n"]
    parts += [of_class(kind) for kind in classes]
    parts.append("## Exceptions\n\nEach `Error` has `hint`: what can be done in one line, or None.\n\n| | also | |\n|---|---|---|\n"
                 + "\n".join(f"| `{kind.__name__}` | {also(kind)} | {summary(kind)} |" for kind in errors) + "\n")
    return "\n".join(parts)
