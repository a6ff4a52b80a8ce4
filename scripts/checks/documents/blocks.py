"""What the documents say: their blocks of code, the command lines in them, and the commands within sentences.

Nothing is run here; reader.py does that."""

import dataclasses
import pathlib
import re
import shlex


@dataclasses.dataclass(frozen=True)
class Line:
    """One command with the lines that continue it; `number` is that of its first line."""

    document: str
    number: int
    text: str

    def __str__(self):
        return f"{self.document}:{self.number}: {self.text}"


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block; `number` is the line of its first line."""

    document: str
    number: int
    language: str
    text: str

    def lines(self):
        """The commands of a block of shell."""
        found, waiting, first, open_loops = [], [], None, 0
        for number, raw in enumerate(self.text.splitlines(), self.number):
            text = without_comment(raw)
            if not text and not waiting:
                continue
            first = first or number
            waiting.append(text)
            word = text.split()[0] if text else ""
            open_loops += (word in ("for", "while", "until", "if")) - len(re.findall(r"(?:^|;)\s*(?:done|fi)\b", text))
            if open_loops > 0 or text.endswith("\\"):
                continue
            found.append(Line(self.document, first, joined(waiting)))
            waiting, first = [], None
        assert not waiting, f"{self.document}:{first}: this command does not end"
        return found


def joined(lines):
    """A command of several lines: continued ones become one, those of a loop stay apart."""
    text = "\n".join(lines)
    return re.sub(r"\s*\\\n\s*", " ", text).strip()


def without_comment(line):
    """A line of shell without the comment at its end."""
    quote = ""
    for place, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place].rstrip()
    return line.rstrip()


def blocks(document, text):
    """The fenced blocks of a document, in order."""
    found, language, first, content = [], None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.fullmatch(r"```(\w*)\s*", line)
        if fence and language is None:
            language, first, content = fence[1], number + 1, []
        elif fence:
            found.append(Block(document, first, language, "\n".join(content)))
            language = None
        elif language is not None:
            content.append(line)
    assert language is None, f"{document}:{first}: this block does not end"
    return found


def spans(document, text):
    """What stands between backticks in sentences and tables."""
    found, is_inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            is_inside = not is_inside
        elif not is_inside:
            found += [Line(document, number, span) for span in re.findall(r"`([^`]+)`", line)]
    return found


def read_all(root):
    """The text of every document that tells what to type, by its name."""
    patterns = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/**/*.md", "deploy/**/*.md"]
    paths = sorted({path for pattern in patterns for path in pathlib.Path(root).glob(pattern)})
    return {str(path.relative_to(root)): path.read_text() for path in paths}


def words_of(command):
    """The words of a command as a shell parts them, without settings before it; nothing where it is no command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def commands_of(line):
    """The commands of a line, each as words: what pipes and `&&` part."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()\n")
    lexer.whitespace_split = True
    lexer.whitespace = " \t\r"
    found, words, is_target = [], [], False
    for word in lexer:
        if re.fullmatch(r"[<>]+&?", word):
            is_target = True
        elif re.fullmatch(r"[|&;()\n]+", word):
            found.append(words)
            words = []
        elif is_target:
            is_target = False
        elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
            words.append(word)
    return [words for words in [*found, words] if words]
