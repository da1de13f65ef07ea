"""What is written in other languages, and what programs write, is found by the words that people look for it with."""

import unicodedata
from contextlib import contextmanager

import pytest

from memory import Memory

SAID = {
    "zh1": "明天的会议改到下午三点，请提前准备材料",
    "zh2": "数据库连接池已满，需要增加最大连接数",
    "zh3": "用户登录失败是因为令牌已过期",
    "zh4": "我们决定把缓存放在北京的服务器上",
    "ja1": "データベースの接続がタイムアウトしました",
    "ja2": "来週の東京出張は中止になりました",
    "ja3": "りんごとみかんを買ってきてください",
    "ja4": "サーバーの再起動は夜中に行います",
    "ko1": "데이터베이스 연결이 끊어졌습니다",
    "ko2": "내일 회의는 오후 세 시에 시작합니다",
    "ko3": "비밀번호를 바꾸고 다시 로그인하세요",
    "fr1": "Le café de la gare ouvre à huit heures",
    "fr2": "La réunion a été déplacée à l'hôtel près de la forêt",
    "es1": "El niño perdió su mochila en la estación de Málaga",
    "de1": "Auf der Autobahn gilt jetzt eine Höchstgeschwindigkeitsbegrenzung",
    "de2": "Die Straße vor dem Gebäude wird im Frühling gesperrt",
    "de3": "Der Schlüssel für die Wohnungstür liegt bei Müllers",
    "de4": "Das Donaudampfschiff fährt heute nicht",
    "ru1": "Сервер базы данных перезагрузили вчера ночью",
    "ru2": "Книга о программировании лежит на столе",
    "ru3": "Поезд в Москву отправляется с третьего пути",
    "el1": "Η συνάντηση μεταφέρθηκε στην Αθήνα",
    "el2": "Ο κωδικός πρόσβασης άλλαξε χθες",
    "ar1": "تم تغيير كلمة المرور بعد الاجتماع",
    "ar2": "القطار يصل إلى القاهرة في المساء",
    "he1": "הפגישה נדחתה ליום שלישי",
    "he2": "השרת הופעל מחדש אחרי התקלה",
    "th1": "การประชุมถูกเลื่อนไปเป็นวันอังคาร",
    "th2": "รหัสผ่านของเซิร์ฟเวอร์หมดอายุแล้ว",
    "tr1": "İstanbul'daki toplantı ertelendi",
    "pl1": "Zażółć gęślą jaźń, powiedział Łukasz",
    "wide": "注文番号はＡＢＣ１２３です、ｻｰﾋﾞｽ窓口へ",
    "emoji": "deploy went out 🚀 and nothing burned",
    "emoji2": "the tests are red 🔥 again",
    "english": "we will meet on Monday to talk about the budget",
}


@contextmanager
def holding(folder, texts, role, is_indexed):
    """A memory that holds texts; in the index, or not yet."""
    with Memory.open(folder / "store") as memory:
        session = memory.sessions.create(title="All sorts")
        with memory._follower.held():
            rows = [{"role": role, "content": text, "id": name} for name, text in texts.items()]
            memory.messages.append_many(session.id, rows)
            if is_indexed:
                memory.catch_up()
            yield memory


@pytest.fixture(scope="module", params=["indexed", "tail"])
def said(tmp_path_factory, request):
    """Messages in many languages."""
    with holding(tmp_path_factory.mktemp("said"), SAID, "user", request.param == "indexed") as memory:
        yield memory


def first(memory, query, mode):
    hits = memory.search(query, mode=mode, limit=3).hits
    return hits[0].id if hits else None


SPOKEN = [
    ("会议", "zh1"), ("数据库连接", "zh2"), ("令牌过期", "zh3"), ("北京", "zh4"), ("缓存", "zh4"),
    ("東京", "ja2"), ("データベース", "ja1"), ("東京の出張", "ja2"), ("りんご", "ja3"), ("再起動", "ja4"), ("サーバー", "ja4"),
    ("데이터베이스", "ko1"), ("회의", "ko2"), ("비밀번호", "ko3"), ("비밀번호는", "ko3"), ("내일 회의", "ko2"),
    ("cafe", "fr1"), ("café", "fr1"), ("CAFÉ", "fr1"), ("reunion hotel", "fr2"), ("foret", "fr2"), ("nino", "es1"),
    ("Malaga", "es1"), ("estacion", "es1"),
    ("Höchstgeschwindigkeit", "de1"), ("Hoechstgeschwindigkeit", "de1"), ("Geschwindigkeit", "de1"),
    ("Geschwindigkeitsbegrenzung", "de1"), ("Strasse", "de2"), ("Straße", "de2"), ("STRASSE", "de2"), ("Gebaeude", "de2"),
    ("Fruehling", "de2"), ("Schluessel", "de3"), ("schlussel", "de3"), ("Muellers", "de3"), ("Dampfschiff", "de4"),
    ("Donaudampf", "de4"), ("Wohnung", "de3"),
    ("сервер", "ru1"), ("СЕРВЕР", "ru1"), ("книги", "ru2"), ("программирование", "ru2"), ("Москва", "ru3"), ("поезда", "ru3"),
    ("συναντηση", "el1"), ("ΣΥΝΑΝΤΗΣΗ", "el1"), ("Αθήνα", "el1"), ("Αθηνα", "el1"), ("κωδικός", "el2"), ("κωδικος", "el2"),
    ("القاهرة", "ar2"), ("قطار", "ar2"), ("كلمة المرور", "ar1"), ("الِاجتماع", "ar1"),
    ("הפגישה", "he1"), ("פגישה", "he1"), ("שרת", "he2"), ("שלישי", "he1"),
    ("ประชุม", "th1"), ("รหัสผ่าน", "th2"), ("เซิร์ฟเวอร์", "th2"),
    ("istanbul", "tr1"), ("İstanbul", "tr1"), ("toplanti", "tr1"), ("Lukasz", "pl1"), ("gesla", "pl1"),
    ("ABC123", "wide"), ("ＡＢＣ１２３", "wide"), ("サービス", "wide"), ("ｻｰﾋﾞｽ", "wide"), ("窓口", "wide"),
    ("🚀", "emoji"), ("deploy 🚀", "emoji"), ("🔥", "emoji2"),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(("query", "found"), SPOKEN)
def test_a_word_of_any_language_finds_its_text(said, query, found, mode):
    assert first(said, query, mode) == found


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(
    ("query", "found"), [("café", "fr1"), ("Frühling", "de2"), ("データベース", "ja1"), ("회의", "ko2")]
)
def test_a_query_of_base_letters_and_marks_finds_the_same(said, query, found, mode):
    assert first(said, unicodedata.normalize("NFD", query), mode) == found


CODE = {
    "rust": "error[E0277]: the trait bound `Cart: Serialize` is not satisfied",
    "rust2": "error[E0308]: mismatched types, expected `u32`",
    "node": "Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete]",
    "node2": "Error: connect ECONNRESET 10.0.0.7:6379",
    "go": "panic: runtime error: index out of range [5] with length 5\n\ngoroutine 1 [running]:",
    "go2": "panic: runtime error: invalid memory address or nil pointer dereference",
    "py": 'Traceback (most recent call last):\n  File "/srv/app/billing/invoice_total.py", line 88, in add_vat\nKeyError: \'rate\'',
    "py2": 'Traceback (most recent call last):\n  File "/srv/app/mail/send_letter.py", line 12, in send\nKeyError: \'to\'',
    "java": "Exception in thread \"main\" java.lang.NullPointerException\n\tat com.acme.shop.CartService.checkout(CartService.java:142)",
    "cpp": "it returns a std::vector<int> by value, so nothing dangles",
    "cpp2": "it returns a std::map by reference",
    "csharp": "the old client is written in C# and stays so",
    "dotnet": "they moved the service to .NET last spring",
    "clang": "the firmware is plain C without a runtime",
    "git": "commit with --no-verify only when the hook itself is broken",
    "git2": "verify the signature before you commit",
    "version": "upgraded the parser to 1.2.3 because of the leak",
    "version2": "upgraded the parser to 1.3.2, which brought it back",
    "hash": "the regression came with 3f9c2a7be01d4c5596aa10f2b8e7d6c4a3b2f1e0",
    "hash2": "the fix is 9b1e04cd72aa5f8812bb90e1c7f6d5a4b3c2e1f0",
    "hex": "the breakpoint is at 0x7ffdeadbeef0, in the allocator",
    "camel": "renamed getUserProfile to loadAccountDetails",
    "snake": "max_retry_count is read from the environment",
    "path": "the setting lives in src/config/database_pool.yaml",
    "path2": "the log lies in C:\\Users\\ann\\AppData\\harbor.log",
    "option": "run it with -Xmx4g or it runs out of heap",
    "url": "docs are at https://docs.example.org/guide/install.html#linux",
    "uuid": "request 550e8400-e29b-41d4-a716-446655440000 timed out",
    "env": "set DATABASE_URL before you start it",
    "scoped": "we pinned @acme/ui-kit in package.json",
    "exit": "the container died with exit code 137",
    "exit2": "the container died with exit code 139",
}  # fmt: skip


@pytest.fixture(scope="module", params=["indexed", "tail"])
def written(tmp_path_factory, request):
    """Messages that programs wrote, or that are about programs."""
    with holding(tmp_path_factory.mktemp("written"), CODE, "assistant", request.param == "indexed") as memory:
        yield memory


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("E0277", "rust"), ("error[E0277]", "rust"), ("e0277", "rust"), ("ECONNREFUSED 127.0.0.1:5432", "node"),
        ("ECONNREFUSED", "node"), ("127.0.0.1:5432", "node"), ("127.0.0.1", "node"), ("5432", "node"), ("10.0.0.7", "node2"),
        ("panic: runtime error: index out of range [5] with length 5", "go"), ("index out of range", "go"),
        ("nil pointer dereference", "go2"), ("TCPConnectWrap.afterConnect", "node"), ("afterConnect", "node"),
        ('File "/srv/app/billing/invoice_total.py", line 88, in add_vat', "py"), ("invoice_total.py:88", "py"),
        ("add_vat", "py"), ("KeyError: 'rate'", "py"), ("KeyError: 'to'", "py2"),
        ("at com.acme.shop.CartService.checkout(CartService.java:142)", "java"), ("CartService", "java"),
        ("CartService.java:142", "java"), ("NullPointerException", "java"), ("null pointer exception", "java"),
        ("std::vector<int>", "cpp"), ("std::vector", "cpp"), ("std::map", "cpp2"), ("C#", "csharp"), ("c#", "csharp"),
        (".NET", "dotnet"), (".net service", "dotnet"), ("--no-verify", "git"), ("commit --no-verify", "git"),
        ("no-verify", "git"), ("1.2.3", "version"), ("v1.2.3", "version"), ("1.3.2", "version2"), ("parser 1.2.3", "version"),
        ("3f9c2a7", "hash"), ("9b1e04c", "hash2"), ("9B1E04CD", "hash2"), ("0x7ffdeadbeef0", "hex"), ("7ffdeadbeef0", "hex"),
        ("getUserProfile", "camel"), ("userProfile", "camel"), ("user profile", "camel"), ("account details", "camel"),
        ("load_account_details", "camel"), ("max_retry_count", "snake"), ("retry count", "snake"), ("maxRetryCount", "snake"),
        ("src/config/database_pool.yaml", "path"), ("database_pool.yaml", "path"), ("config/database_pool", "path"),
        ("database pool", "path"), ("harbor.log", "path2"), ("C:\\Users\\ann\\AppData\\harbor.log", "path2"),
        ("AppData", "path2"), ("-Xmx4g", "option"), ("Xmx4g", "option"), ("docs.example.org", "url"),
        ("https://docs.example.org/guide/install.html", "url"), ("install.html#linux", "url"),
        ("550e8400-e29b-41d4-a716-446655440000", "uuid"), ("550e8400", "uuid"), ("DATABASE_URL", "env"),
        ("$DATABASE_URL", "env"), ("database url", "env"), ("@acme/ui-kit", "scoped"), ("ui-kit", "scoped"),
        ("exit code 137", "exit"), ("137", "exit"), ("139", "exit2"),
    ],
)  # fmt: skip
def test_what_a_program_wrote_is_found_as_it_was_pasted(written, query, found, mode):
    assert first(written, query, mode) == found
