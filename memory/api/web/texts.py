"""Text of others made fit to be shown: what is invisible or reorders other characters becomes visible."""

import re
import unicodedata

_JOINING = (
    "\u0600-\u061b\u061d-\u08ff\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1700-\u17b3\u17b6-\u180a\u1810-\u18af\u1900-\u1cff"
    "\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
"""Scripts in which a joiner or a non-joiner changes how letters are written: Arabic, Indic and south-east Asian ones."""
_PICTURE = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"
_REGIONS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f" for region in ("gbeng", "gbsct", "gbwls")
)
"""The flags that Unicode spells with tag characters; any other run of them hides a message."""
_LEGITIMATE = re.compile(
    f"(?<=\U0001f3f4)(?:{_REGIONS})"
    f"|(?:(?<=[{_PICTURE}])|(?<=[{_PICTURE}]\ufe0f))\u200d(?=[{_PICTURE}])"
    f"|(?<=[{_JOINING}])[\u200c\u200d]"
    # one variation selector behind a sign that has variants
    f"|(?<=[{_PICTURE}#*0-9\u00a9\u00ae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299])[\ufe0e\ufe0f]"
    "|(?<=[\u1810-\u18aa])[\u180b-\u180d\u180f]"
    "|(?<=[\u2200-\u22ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af])[\ufe00-\ufe02\U000e0100-\U000e01ef]"
)
_DOUBTFUL = re.compile(
    "[\U000e0000-\U000e007f]+"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0080-\U000e0fff]"
)
_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: "␡"}
_LINE_END = re.compile(r"\r\n?")


def visible(text: str) -> str:
    """Write characters that cannot be seen, or that reorder others, as signs such as `␛` and `[U+202E]`.

    Joiners and variation selectors stay where a script or a picture needs them; line ends become `\\n`. All else is the
    very text. What comes out comes out of it unchanged.
    """
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    return text.translate(_CONTROLS) if text.isascii() else _DOUBTFUL.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    legitimate = _LEGITIMATE.match(found.string, found.start())
    if legitimate and legitimate.end() == found.end():
        return found[0]
    return "".join(_CONTROLS.get(ord(each)) or f"[U+{ord(each):04X}]" for each in found[0])


def shortened(text: str, length: int) -> str:
    """Give the beginning of a text in one line of at most `length` characters, made `visible`; `…` says that more follows.

    It is not cut inside what is read as one character: before an accent, in a joined picture, in a flag.
    """
    most = length + 64
    line = " ".join(text.split(None, most + 1)[: most + 1])
    shown = visible(line[:most])
    if len(shown) <= length:
        return shown
    end = max(length - 1, 0)
    while end and _is_inside(shown, end):
        end -= 1
    return shown[: end or max(length - 1, 0)].rstrip() + "…"


def _is_inside(text: str, place: int) -> bool:
    """Say whether a place lies inside what is read as one character."""
    before, behind = text[place - 1], text[place]
    if unicodedata.category(behind) in ("Mn", "Me", "Mc", "Cf") or "\u1160" <= behind <= "\u11ff":
        return True
    if before == "\u200d" or "\U0001f3fb" <= behind <= "\U0001f3ff":
        return True
    first = place
    while first and _is_regional(text[first - 1]):
        first -= 1
    return _is_regional(behind) and (place - first) % 2 == 1


def _is_regional(character: str) -> bool:
    """Say whether it is half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"
