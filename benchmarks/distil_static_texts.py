"""Gather the texts that the static embedder is trained on, in pairs whose halves belong together.

Nothing here comes from a set that recall is measured on. A pair is (short side, long side): a summary and its
function, a title and its paragraph, a question and its answer. `docs/embedder.md` describes the sources.
"""

import ast
import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from zlib import crc32

Pair = tuple[str, str]

LONG_CHARACTERS = 420
"""Where a text is cut before the teacher reads it; it reads 96 tokens of it. Untuned."""

LIMITS = {"functions": 26000, "packages": 7000, "manuals": 6000, "transcripts": 7000, "chat": 8000}
"""How many pairs are taken of each source, those with the smallest CRC-32. Untuned."""

_NAMES = "Anna Ben Carla David Elena Farid Grace Hiro Ines Jonas Kavita Liam Maria Nora Omar Paula Quinn Rosa Sam Tara".split()
_WHEN = (
    "yesterday;last week;last Friday;two days ago;on 3 May;in June 2022;this morning;last month;over the weekend;"
    "during the holidays;a few years ago;after work;on my birthday;in 2019;next month;on Tuesday"
).split(";")
_WITH = (
    "with my sister;with a friend;with the kids;on my own;with my partner;with my dad;with some colleagues;;;".split(
        ";"
    )
)
_SIDE = (
    "It was so much fun!;I was pretty nervous at first.;How have you been?;That made my day.;Thanks for asking!;"
    "I am really proud of it.;What about you?;It reminded me of my childhood.;It was harder than I thought.;"
    "Here is a picture of it.;I hope it works out.;You should try it some time.;;;;"
).split(";")
_DEEDS = """bought|buy|a used guitar,a road bike,a new camera,running shoes
bought|buy|a tent,a red car,a house near the lake,plane tickets
visited|visit|the art museum,my grandparents,Italy,a pottery studio
visited|visit|the national park,the doctor,an animal shelter,Tokyo
started|start|a new job,a podcast,yoga classes,painting
started|start|a vegetable garden,therapy,learning Spanish,a small business
finished|finish|a novel,my degree,a marathon,the basement renovation
finished|finish|a quilt,a screenplay,my first song,an online course
adopted|adopt|a puppy,two kittens,a rescue dog,a turtle
adopted|adopt|a parrot,a rabbit,a vegan diet,a healthier routine
cooked|cook|lasagna,chicken curry,a birthday cake,pancakes
cooked|cook|roast vegetables,sushi,chocolate cookies,soup
joined|join|a book club,a support group,the soccer team,a choir
joined|join|a gym,a volunteer program,a dance class,a hiking group
lost|lose|my job,my wallet,the match,ten pounds
lost|lose|my grandmother,my phone,a tennis tournament,my notes
watched|watch|a documentary about the ocean,the baseball game,a fantasy movie,the sunset
watched|watch|a play,a cooking show,the fireworks,a concert
read|read|a book about history,a mystery novel,a poem,an article about climate
read|read|a biography,a letter from my mother,a guide to investing,comics
met|meet|a famous actor,my new neighbor,an old classmate,my mentor
met|meet|a nutritionist,a lawyer,the band,my future wife
painted|paint|a landscape,the kitchen,a portrait of my dog,a mural
painted|paint|sunflowers,the fence,an abstract piece,a lake at sunrise
planned|plan|a road trip,our wedding,a camping weekend,a surprise party
planned|plan|a fundraiser,the family reunion,a move to Boston,a study schedule
fixed|fix|the car engine,a leaking roof,my bicycle,an old radio
fixed|fix|the washing machine,a broken fence,the game console,the heater
won|win|a chess tournament,a scholarship,first prize for a drawing,a cooking contest
won|win|the local election,a video game tournament,an award at work,a raffle
organized|organize|a charity run,a beach cleanup,a workshop for teenagers,a food drive
organized|organize|a game night,a photo exhibition,a conference talk,a picnic
hurt|hurt|my knee,my back,my ankle while hiking,my shoulder at the gym
hurt|hurt|my wrist,my finger while cooking,my neck,my foot
applied for|apply for|a visa,a mortgage,a research grant,an internship
applied for|apply for|adoption,a position as a teacher,citizenship,a bank loan
decided on|decide on|the blue wallpaper,a monthly budget,the northern route,a vegetarian menu
decided on|decide on|a smaller apartment,the morning shift,a savings plan,a name for the baby
worries about|worry about|money,her health,an exam,the deadline
worries about|worry about|his father,sleep,the weather,losing friends
enjoys|enjoy|swimming in the sea,playing the violin,board games,bird watching
enjoys|enjoy|jazz music,woodworking,surfing,photography
wants|want|a promotion,more time with family,to travel to Japan,a quiet place to study
wants|want|to open a bakery,to write a memoir,a bigger garden,to learn the piano"""
_ASK = (
    "When did {n} {base} {x}?;What did {n} {base} {w}?;Who did {n} {base} {x} with?;Did {n} {base} {x}?;"
    "What does {n} think about {x}?;How did {n} {base} {x}?;Why did {n} {base} {x}?;Where did {n} {base} {x}?;"
    "what was that about {x} again;{x}"
).split(";")
_SAY = (
    "{n}: I {past} {x} {w} {c}. {s};{n}: {s} {w} I {past} {x} {c}.;{o}: Hey {n}, I heard that you {past} {x}! {s};"
    "{n}: Guess what, {w} we {past} {x}! {s};{n}: {s} By the way, I {past} {x} {c} {w}."
).split(";")
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_QUERY = "{};python {};how to {};how to {} in python;python {} example;python function to {};{} python".split(";")


def gather(data: Path, packages: list[Path]) -> dict[str, list[Pair]]:
    """Gather the pairs of every source, in an order that depends on their text alone.

    Args:
        data: The unpacked shared data: `transcripts-large/` is read, and of `recall/` the functions of CoSQA, only to
            leave out any that an installed package holds too.
        packages: Folders of installed Python packages, the standard library's among them.
    """
    measured = _letters((data / "recall/cosqa/code_idx_map.txt").read_text(encoding="utf-8").replace("\\n", " "))
    sources: dict[str, Callable[[], Iterator[Pair]]] = {
        "functions": lambda: (pair for folder in packages for pair in functions(folder, measured)),
        "packages": lambda: (pair for folder in packages for pair in readmes(folder)),
        "manuals": lambda: manuals(Path("/usr/share/man")),
        "transcripts": lambda: transcripts(data),
        "chat": lambda: chat(LIMITS["chat"]),
    }
    return {name: _take(pairs(), LIMITS[name]) for name, pairs in sources.items()}


def functions(folder: Path, measured: str) -> Iterator[Pair]:
    """Pair the first sentence of each documented function, worded as a web query, with its code.

    A function is left out when the first 60 letters and digits of its docstring stand in `measured`.
    """
    for source, tree in _modules(folder, 3):
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                summary = " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
                known = _letters(text.split("\n\n")[0])[:60] in measured
                if 15 < len(summary) < 160 and summary.isascii() and not known:
                    code = dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
                    yield _as_query(summary, node.name), code


def readmes(folder: Path) -> Iterator[Pair]:
    """Pair neighbouring paragraphs of the packages' descriptions and of the docstrings of modules and classes."""
    for path in sorted(folder.glob("*.dist-info/METADATA")):
        yield from _neighbours(path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[2])
    for _, tree in _modules(folder, 8):
        for node in [tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))]:
            if text := ast.get_docstring(node):
                yield from _neighbours(text)


def manuals(folder: Path) -> Iterator[Pair]:
    """Pair what a manual page is about with its paragraphs, three a page."""
    for path in sorted(folder.glob("man[1-8]/*.gz")):
        page = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        name = re.search(r'^\.S[Hh] "?NAME"?\n((?:.+\n){1,3}?)\.', page, re.M)
        rest = re.split(r"^\.S[Hh] .*$", page, flags=re.M)
        if name and " - " in (title := _roff(name[1])):
            paragraphs = [p for s in rest[2:] for p in map(_roff, re.split(r"^\.(?:PP?|sp|TP.*)$", s, flags=re.M))]
            good = [p for p in paragraphs if len(p) > 80 and "Free Software" not in p]
            for paragraph in good[:3]:
                yield title[:160], paragraph


def transcripts(data: Path) -> Iterator[Pair]:
    """Pair questions with answers, and neighbouring paragraphs, of agents' sessions that nothing is measured on."""
    measured = {each for path in (data / "transcripts").rglob("*.json*") for each in _session_ids(path)}
    for path in sorted((data / "transcripts-large").rglob("*.jsonl")):
        if measured.isdisjoint(_session_ids(path)):
            question = ""
            for role, text in _said(path):
                if role == "user":
                    question = text
                elif question:
                    yield question[:LONG_CHARACTERS], text[:LONG_CHARACTERS]
                    question = ""
                yield from _neighbours(text)


def chat(count: int) -> Iterator[Pair]:
    """Make up questions about everyday life and what somebody said that answers them."""
    dice = random.Random(0)
    deeds = [line.split("|") for line in _DEEDS.splitlines()]
    for _ in range(count):
        past, base, things = dice.choice(deeds)
        words = {"past": past, "base": base, "x": dice.choice(things.split(","))}
        words |= {"n": dice.choice(_NAMES), "o": dice.choice(_NAMES), "w": dice.choice(_WHEN)}
        words |= {"c": dice.choice(_WITH), "s": dice.choice(_SIDE)}
        yield " ".join(dice.choice(_ASK).format(**words).split()), " ".join(dice.choice(_SAY).format(**words).split())


def _modules(folder: Path, one_in: int) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if crc32(inside.as_posix().encode()) % one_in or {"site-packages", "test", "tests"} & set(inside.parts):
            continue
        try:
            source = path.read_text(encoding="utf-8")
            if '"""' in source and len(source) < 400_000:
                yield source, ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue


def _take(pairs: Iterator[Pair], count: int) -> list[Pair]:
    cut = {(a[:LONG_CHARACTERS].strip(), b[:LONG_CHARACTERS].strip()) for a, b in pairs}
    good = [pair for pair in cut if min(map(len, pair)) > 3 and pair[0] != pair[1]]
    return sorted(good, key=lambda pair: (crc32("\n".join(pair).encode("utf-8", "replace")), pair))[:count]


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _as_query(summary: str, name: str) -> str:
    choice = crc32(summary.encode())
    if choice % 8 == 0:
        return "python " + " ".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)).lower()
    if choice % 8 == 1:
        return summary
    return _QUERY[choice // 8 % len(_QUERY)].format((summary[0].lower() + summary[1:]).replace("`", ""))


def _neighbours(text: str) -> Iterator[Pair]:
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", text[:20_000])]
    good = [each for each in paragraphs if len(each) > 30 and sum(map(str.isalpha, each)) > 0.6 * len(each)]
    for first, second in zip(good[:30:2], good[1:30:2], strict=False):
        yield (first, second) if len(first) < len(second) else (second, first)


def _roff(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.startswith((".\\", "'", ".TH", ".if", ".ie", ".nh", ".ad")))
    plain = " ".join(re.sub(r"^\.[A-Za-z]+ ?", "", line) for line in lines)
    plain = re.sub(r"\\f(?:\[\w*\]|\(..|.)|\\[&/,:%|^]|\\\*\(..|\\s[-+]?\d+", "", plain)
    plain = (
        plain.replace("\\-", "-").replace("\\(aq", "'").replace("\\(cq", "'").replace('\\"', '"').replace("\\e", "\\")
    )
    return " ".join(re.sub(r"\\\(..", " ", plain).split())


def _session_ids(path: Path) -> set[str]:
    # A forked session holds its parent's turns under a name of its own, so the ids inside count as well as the name.
    inside = re.findall(
        rf'"(?:sessionId|session_id|forked_from_id|id)":\s*"({_UUID})"', path.read_text("utf-8", "replace")
    )
    return {*inside, *re.findall(_UUID, path.name)}


def _said(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        said = record.get("payload") if record.get("type") == "response_item" else record.get("message")
        if (
            record.get("type") == "summary"
            or not isinstance(said, dict)
            or said.get("role") not in ("user", "assistant")
        ):
            continue
        content = said.get("content")
        parts = [{"text": content}] if isinstance(content, str) else content or []
        for part in parts:
            text = part.get("text") or part.get("thinking") if isinstance(part, dict) else None
            if isinstance(text, str) and len(text) > 20 and not text.lstrip().startswith("<"):
                yield said["role"], text.encode("utf-8", "replace").decode("utf-8")
