"""Whether the words of a command are known: verbs and flags of mtdh by its own help, scripts and their flags by their text, and
tests by their names. For commands that stand within a sentence, and for lines that are not run."""

import functools
import pathlib
import re
import subprocess

from blocks import words_of
from stage import PROGRAM, ROOT

# Flags of programs that are not ours.
FOREIGN_FLAGS = {"--array", "--build-arg", "--dist", "--durations", "--nocapture", "--test-threads", "--upgrade"}
# Words used before, which the program reads and its help does not list.
OLD_FLAGS = {"--mode", "--exchanges", "--env-file", "--log-level"}
# Scripts that are no more, named where it is told what took their place.
GONE = re.compile(r"(\./)?deploylocal/|deploytest_|run_fixed_local|run_validation_tests|compare_binance|real_validation"
                  r"|validate_(timestamp|aggregation)_|run_missing_data|check_missing_data|config\.py|instrument_registry")
INTERPRETERS = {"python", "python3", ".venv/bin/python", "bash"}


@functools.cache
def help_of(*verb):
    """Subcommands and flags of a verb, as its help lists them."""
    text = subprocess.run([PROGRAM, *verb, "--help"], capture_output=True, text=True, check=True).stdout
    # The program's own help has its verbs in groups, before the options.
    commands = re.search(r"^Commands:\n((?: +.*\n|\n(?= {2}))+)", text, re.M) if verb else re.match(r"((?s:.*?))^Options:", text, re.M)
    names = set(re.findall(r"^ {2}([\w-]+)", commands[1], re.M)) if commands else set()
    flags = set()
    for pair in re.findall(r"^ {2,8}(?:(-\w)(?:, )?)?(--[\w-]+)?", text, re.M):
        flags |= {flag for flag in pair if flag}
    return names, flags


def every_verb(*verb):
    """Every verb with its subcommands, as tuples."""
    found = [verb]
    for name in sorted(help_of(*verb)[0] - {"help"}):
        found += every_verb(*verb, name)
    return found


@functools.cache
def every_flag():
    """The flags of all verbs."""
    return OLD_FLAGS.union(*(help_of(*verb)[1] for verb in every_verb()))


def is_placeholder(word):
    """Words that stand for others: `VERB`, `…`, `--metrics-…`."""
    return "…" in word or re.fullmatch(r"[A-Z][A-Z_]*", word) is not None


def wrong_in_mtdh(words):
    """What is not known in the words after `mtdh`."""
    verb = []
    while words and words[0] in help_of(*verb)[0]:
        verb.append(words[0])
        words = words[1:]
    if not verb and words and not words[0].startswith("-") and not is_placeholder(words[0]):
        return f"mtdh has no verb `{words[0]}`"
    known = help_of(*verb)[1] if verb else every_flag()
    for word in words:
        flag = word.split("=")[0]
        if re.match(r"--?[a-zA-Z]", flag) and flag not in known | OLD_FLAGS and not is_placeholder(flag):
            return f"mtdh {' '.join(verb)} has no flag `{flag}`"
    return None


@functools.cache
def script_at(name):
    """The path of a script of this project, by its path or its bare name; nothing where there is none."""
    if "/" in name:
        path = ROOT / name
        return path if path.is_file() else next(iter(ROOT.glob(f"deploy/**/{name}")), None)
    found = [path for folder in ("scripts", "deploy") for path in (ROOT / folder).rglob(name)]
    return found[0] if found else None


@functools.cache
def script_text(path):
    """The text of a script and of those beside it, which it may share its flags with."""
    return "\n".join(other.read_text() for other in sorted(path.parent.iterdir()) if other.suffix in (".sh", ".py", ".sbatch"))


def wrong_in_script(name, words):
    """What is not known of a script's call."""
    if GONE.match(name):
        return None
    path = script_at(name)
    if path is None:
        return f"there is no {name}"
    own = path.read_text() if path.suffix == ".py" else script_text(path)
    for word in words[: words.index("--")] if "--" in words else words:
        flag = word.split("=")[0]
        if flag.startswith("--") and not re.search(rf"{flag}(?![\w-])", own) and flag not in every_flag():
            return f"{name} has no flag `{flag}`"
    if "--" in words and path.name == "mtdh-vm.sh":
        return wrong_in_mtdh(words[words.index("--") + 1:])
    return None


@functools.cache
def tests_of(package, target):
    """The names of the tests of a test program, as `module::name`; nothing where there is no such program."""
    folder = ROOT / "crates" / package.removeprefix("mtdh-") / "tests" / target
    if not folder.is_dir():
        return None
    names = set()
    for path in folder.rglob("*.rs"):
        module = "" if path.stem in ("main", "mod") else f"{path.stem}::"
        names |= {module + name for name in re.findall(r"^\s*(?:async )?fn (\w+)\(", path.read_text(), re.M)}
    return names


def wrong_in_cargo(words):
    """What is not known of a call of cargo: the package, the test program, or a filter that fits no test."""
    if words[:1] == ["run"] and "--" in words:
        return wrong_in_mtdh(words[words.index("--") + 1:])
    words = words[: words.index("--")] if "--" in words else words
    if "-p" not in words:
        return None
    package = words[words.index("-p") + 1]
    if not (ROOT / "crates" / package.removeprefix("mtdh-")).is_dir():
        return f"there is no package {package}"
    if "--test" not in words:
        return None
    target, *filters = words[words.index("--test") + 1:]
    names = tests_of(package, target)
    if names is None:
        return f"{package} has no test program {target}"
    for text in filters:
        if not is_placeholder(text) and not any(text in name for name in names):
            return f"no test of {package}, {target}, has `{text}` in its name"
    return None


def wrong_in_pytest(words):
    """What is not known of a call of pytest: a file, a test in it, or a flag."""
    known = FOREIGN_FLAGS | set(re.findall(r'addoption\("(--[\w-]+)"', (ROOT / "scripts/checks/conftest.py").read_text()))
    for word in words:
        if word.startswith("--") and word.split("=")[0] not in known:
            return f"pytest has no flag `{word}` here"
        if word.startswith("scripts/"):
            path, _, test = word.partition("::")
            if not (ROOT / path).exists():
                return f"there is no {path}"
            if test and f"def {test.split('[')[0]}(" not in (ROOT / path).read_text():
                return f"{path} has no test {test}"
    return None


def wrong_in_words(words):
    """What is not known of a command; nothing for programs that are not ours."""
    if not words:
        return None
    first, *rest = words
    if first == "mtdh":
        return wrong_in_mtdh(rest)
    if first == "cargo":
        return wrong_in_cargo(rest)
    if first == "-p":
        return wrong_in_cargo(words)
    if first in INTERPRETERS and rest[:2] == ["-m", "pytest"]:
        return wrong_in_pytest(rest[2:])
    if first in INTERPRETERS:
        return wrong_in_script(rest[0], rest[1:]) if rest and not rest[0].startswith("-") else None
    is_ours = first.startswith(("scripts/", "deploy/", ".ci/")) or re.fullmatch(r"[\w/-]+\.(sh|py)", first)
    if is_ours and pathlib.PurePath(first).suffix in (".sh", ".py", ".sbatch", ""):
        return None if (ROOT / first).is_dir() else wrong_in_script(first, rest)
    return None


def wrong_in_span(span):
    """What is not known of words between backticks."""
    words = words_of(span.text)
    if words and words[0].startswith("--") and len(words[0]) > 2:
        known = every_flag() | FOREIGN_FLAGS
        flags = [word.split("=")[0] for word in words if word.startswith("--")]
        unknown = [flag for flag in flags if flag not in known and not is_placeholder(flag) and not in_scripts(flag)]
        return f"nothing has a flag `{unknown[0]}`" if unknown else None
    return wrong_in_words(words)


@functools.cache
def in_scripts(flag):
    """Whether a script of this project knows a flag."""
    paths = [path for folder in ("scripts", "deploy") for path in (ROOT / folder).rglob("*")
             if path.suffix in (".sh", ".py") and path.name != "test_documents.py"]
    return any(re.search(rf"{flag}(?![\w-])", path.read_text()) for path in paths)
