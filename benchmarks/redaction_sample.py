"""A labelled sample for `redaction.py`: planted secrets in everyday surroundings, and look-alikes that are none.

Everything is made up from a seed; nothing here opens anything. Marks of keys are put together from pieces, so that no
scanner takes this file for a leak.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEX, ALNUM = "0123456789abcdef", string.ascii_letters + string.digits
LOWER, UPPER, DIGITS = string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits, string.digits
BASE64 = ALNUM + "+/"
WORDS = "harbor kettle violin garden margin pepper window lantern basket copper meadow saddle timber walnut".split()

# name: what a key is put together from; a text stands as it is, a pair is letters and how many
KEYS: dict[str, tuple[object, ...]] = {
    "anthropic": ("sk-", "ant-api03-", (ALNUM + "_-", 90), "AA"),
    "openai": ("sk-", "proj-", (ALNUM + "_-", 70), "Zz"),
    "openai, old": ("sk-", (ALNUM, 48)),
    "openrouter": ("sk-", "or-v1-", (HEX, 64)),
    "langfuse": ("sk-", "lf-", (HEX, 8), "-", (HEX, 4), "-4", (HEX, 3), "-a", (HEX, 3), "-", (HEX, 12)),
    "github": ("gh", "p_", (ALNUM, 36)),
    "github, fine-grained": ("github", "_pat_", (ALNUM, 22), "_", (ALNUM, 59)),
    "gitlab": ("gl", "pat-", (ALNUM, 20)),
    "aws": ("AK", "IA", ("ABCDEFGHJKLMNPQRSTUVWXYZ234567", 16)),
    "google": ("AI", "za", (ALNUM, 35)),
    "slack": ("xo", "xb-", (DIGITS, 12), "-", (DIGITS, 12), "-", (ALNUM, 24)),
    "stripe": ("sk", "_live_", (ALNUM, 24)),
    "huggingface": ("h", "f_", (ALNUM, 34)),
    "groq": ("gs", "k_", (ALNUM, 52)),
    "replicate": ("r", "8_", (ALNUM, 37)),
    "perplexity": ("pp", "lx-", (ALNUM, 48)),
    "xai": ("x", "ai-", (ALNUM, 80)),
    "langsmith": ("ls", "v2_pt_", (HEX, 32), "_", (HEX, 10)),
    "nvidia": ("nv", "api-", (ALNUM + "_-", 63), "x"),
    "tavily": ("tv", "ly-dev-", (ALNUM, 32)),
    "pinecone": ("pc", "sk_", (ALNUM, 60)),
    "elevenlabs": ("sk", "_", (HEX, 48)),
    "firecrawl": ("f", "c-", (HEX, 32)),
    "npm": ("np", "m_", (ALNUM, 36)),
    "pypi": ("py", "pi-AgEIcHlwaS5vcmc", (ALNUM + "_-", 80), "w"),
    "rubygems": ("ruby", "gems_", (HEX, 48)),
    "crates": ("ci", "o", (ALNUM, 32)),
    "nuget": ("oy", "2", (LOWER, 43)),
    "docker": ("dck", "r_pat_", (ALNUM, 27)),
    "digitalocean": ("do", "p_v1_", (HEX, 64)),
    "cloudflare": ("cf", "ut_", (ALNUM, 48)),
    "vercel": ("vc", "p_", (ALNUM, 56)),
    "netlify": ("nf", "p_", (ALNUM, 36)),
    "heroku": ("HR", "KU-AA", (ALNUM, 58)),
    "fly": ("fo", "1_", (ALNUM, 43)),
    "render": ("rn", "d_", (ALNUM, 32)),
    "supabase": ("sb", "p_", (HEX, 40)),
    "neon": ("np", "g_", (ALNUM, 12)),
    "planetscale": ("pscale", "_tkn_", (ALNUM, 43)),
    "sendgrid": ("S", "G.", (ALNUM, 22), ".", (ALNUM, 43)),
    "twilio": ("S", "K", (HEX, 32)),
    "mailgun": ("ke", "y-", (HEX, 32)),
    "mailchimp": ((HEX, 32), "-us", "12"),
    "resend": ("r", "e_", (ALNUM, 8), "_", (ALNUM, 24)),
    "discord": ("M", (ALNUM, 25), ".", (ALNUM, 6), ".", (ALNUM, 32)),
    "telegram": (("123456789", 9), ":A", "A", (ALNUM, 33)),
    "linear": ("li", "n_api_", (ALNUM, 40)),
    "notion": ("nt", "n_", (DIGITS, 11), (ALNUM, 35)),
    "airtable": ("pa", "t", (ALNUM, 14), ".", (HEX, 64)),
    "figma": ("fi", "gd_", (ALNUM + "_-", 39), "b"),
    "postman": ("PM", "AK-", (HEX, 24), "-", (HEX, 34)),
    "new relic": ("NR", "AK-", (UPPER, 27)),
    "databricks": ("da", "pi", (HEX, 32)),
    "doppler": ("dp", ".pt.", (ALNUM, 43)),
    "vault": ("hv", "s.", (ALNUM, 90)),
    "terraform": ((ALNUM, 14), ".atlas", "v1.", (ALNUM, 64)),
    "pulumi": ("pu", "l-", (HEX, 40)),
    "tailscale": ("ts", "key-auth-", (ALNUM, 12), "CNTRL-", (ALNUM, 32)),
    "shopify": ("shp", "at_", (HEX, 32)),
    "square": ("sq", "0atp-", (ALNUM, 22)),
    "grafana": ("gl", "sa_", (ALNUM, 32), "_", (HEX, 8)),
    "sentry": ("snt", "ryu_", (HEX, 64)),
    "atlassian": ("ATA", "TT3x", (ALNUM, 180), "=", (UPPER, 8)),
    "hubspot": ("pat", "-na1-", (HEX, 8), "-", (HEX, 4), "-4", (HEX, 3), "-b", (HEX, 3), "-", (HEX, 12)),
    "sonarqube": ("sq", "p_", (HEX, 40)),
    "circleci": ("CCI", "PAT_", (ALNUM, 22), "_", (HEX, 40)),
    "openshift": ("sha", "256~", (ALNUM, 43)),
    "azure app": ((ALNUM, 3), "8", "Q~", (ALNUM, 34)),
    "alibaba": ("LT", "AI", (ALNUM, 20)),
    "posthog": ("ph", "x_", (ALNUM, 43)),
    "age": ("AGE-", "SECRET-KEY-1", ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "1password": ("ops", "_eyJ", (ALNUM, 260)),
    "jwt": ("ey", "JhbGciOiJIUzI1NiJ9", ".ey", "JzdWIiOiJoYXJib3IiLCJuIjo0NzExfQ", ".", (ALNUM + "_-", 42), "x"),
}

# surroundings of a key: what agents and people write, and what tools print
AROUND: dict[str, str] = {
    "prose": "here is the key for staging: {}, please do not commit it.",
    "code": "client = Client(\n    base_url=BASE,\n    credential='{}',\n)\n",
    "shell": "$ curl -sS https://api.example.net/v1/items -H 'X-Thing: {}' | jq .items\n",
    "export": "export SERVICE_TOKEN={}\nmake deploy\n",
    "env file": "PORT=8470\nSERVICE_KEY={}\nDEBUG=0\n",
    "tool output": "     3\tservice:\n     4\t  url: https://x.example\n     5\t  value: {}\n     6\t  retries: 3\n",
    "json": '{{"name": "harbor", "value": "{}", "enabled": true}}',
    "json in json": '{{\\"name\\": \\"harbor\\", \\"value\\": \\"{}\\"}}',
    "escaped lines": "first line\\n{}\\nthird line",
    "url": "GET https://api.example.net/v1/items?limit=10&token={}&page=2 200 12ms",
    "diff": "@@ -1,3 +1,3 @@\n-VALUE = 'old'\n+VALUE = '{}'\n",
    "here-doc": "cat > .env <<'EOF'\nMODE=live\nVALUE={}\nEOF\n",
}


@dataclass(frozen=True)
class Case:
    """One text of the sample."""

    kind: str
    """Of the secret, or what the look-alike looks like."""
    around: str
    text: str
    secrets: tuple[str, ...] = ()
    """None for a look-alike."""


def planted(seed: int, each: int = 1) -> Iterator[Case]:
    """Yield texts that hold a secret: every key in every surrounding, and every context, `each` times."""
    chance = random.Random(seed)
    for _ in range(each):
        for kind, pieces in KEYS.items():
            for around, frame in AROUND.items():
                key = made(chance, pieces)
                yield Case(kind, around, frame.format(key), (key,))
        for kind, makers in CONTEXTS.items():
            for maker in makers:
                for _ in range(3):
                    text, secret = maker(chance)
                    yield Case(kind, "as it is", text, (secret,))
                    # and the same as an agent's log holds it
                    yield Case(kind, "in JSON", json.dumps({"output": text}), (json.dumps(secret)[1:-1],))


def look_alikes(seed: int, each: int = 1) -> Iterator[Case]:
    """Yield texts that hold nothing secret, every kind 40 times, `each` times."""
    chance = random.Random(seed + 1)
    for _ in range(each * 40):
        for kind, makers in NOTHING.items():
            yield Case(kind, "look-alike", chance.choice(makers)(chance))


def made(chance: random.Random, pieces: tuple[object, ...]) -> str:
    """Put a key together."""
    return "".join(piece if isinstance(piece, str) else letters(chance, *piece) for piece in pieces)  # type: ignore[misc]


def letters(chance: random.Random, of: str, count: int) -> str:
    """Give random letters."""
    return "".join(chance.choice(of) for _ in range(count))


def password(chance: random.Random) -> str:
    """Give a password as people make them: a word, digits, often a sign."""
    word = chance.choice(WORDS)
    return chance.choice(
        [
            f"{word.capitalize()}{chance.randrange(100, 9999)}!",
            f"{word}{chance.choice('-_.')}{chance.choice(WORDS)}{chance.randrange(10, 99)}",
            letters(chance, ALNUM, 8) + "7a" + letters(chance, ALNUM + "!#%^*+", 6),
            f"{word[:2]}{chance.randrange(10, 99)}{word[2:].upper()}{chance.choice('!@#%')}{letters(chance, ALNUM, 3)}",
        ]
    )


def token(chance: random.Random, count: int = 40) -> str:
    """Give a token without a mark."""
    return letters(chance, chance.choice([HEX, ALNUM]), count - 4) + "4f9a"


def _key_block(chance: random.Random, name: str, lines: int = 20) -> str:
    body = "\n".join(letters(chance, BASE64, 64) for _ in range(lines))
    return f"-----BEGIN {name}-----\n{body}\n{letters(chance, BASE64, 30)}==\n-----END {name}-----"


def _block(name: str) -> Callable[[random.Random], tuple[str, str]]:
    def maker(chance: random.Random) -> tuple[str, str]:
        block = _key_block(chance, name)
        return f"$ cat id_key\n{block}\n$ ls\n", block.splitlines()[5]

    return maker


def _packed_block(chance: random.Random) -> tuple[str, str]:
    packed = base64.b64encode(_key_block(chance, "RSA PRIVATE" + " KEY").encode()).decode()
    return f"users:\n- name: admin\n  user:\n    client-key-data: {packed}\n", packed


def _putty(chance: random.Random) -> tuple[str, str]:
    lines = [letters(chance, BASE64, 64) for _ in range(8)]
    head = "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: ann\nPublic-Lines: 1\nAAAAB3NzaC1yc2E=\n"
    body = "\n".join(lines)
    return f"{head}Private-Lines: 8\n{body}\nPrivate-MAC: {letters(chance, HEX, 64)}\n", lines[4]


FRAMES: dict[str, list[str]] = {}
"""Surroundings of what only its surroundings tell, `@@` for the secret; filled below."""


def _with(make: Callable[..., str], *frames: str) -> list[Callable[[random.Random], tuple[str, str]]]:
    def maker_of(frame: str) -> Callable[[random.Random], tuple[str, str]]:
        def maker(chance: random.Random) -> tuple[str, str]:
            secret = make(chance)
            return frame.replace("@@", secret), secret

        return maker

    FRAMES.setdefault(make.__name__, []).extend(frames)
    return [maker_of(frame) for frame in frames]


def _pair(chance: random.Random) -> str:
    return base64.b64encode(f"ann:{password(chance)}".encode()).decode()


CONTEXTS: dict[str, list[Callable[[random.Random], tuple[str, str]]]] = {
    "private key": [_block(f"{name}PRIVATE" + " KEY") for name in ("", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ")]
    + [_block("PGP PRIVATE" + " KEY BLOCK"), _putty, _packed_block],
    "password in a URL": _with(
        lambda chance: password(chance).replace("@", "x").replace("#", "y").replace("!", "z"),
        "postgres://harbor:@@@db.example.net:5432/harbor",
        "redis://:@@@cache.example.net:6379/0",
        "mongodb+srv://app:@@@cluster0.example.net/?retryWrites=true",
        "git clone https://ann:@@@git.example.net/harbor.git",
        "amqps://user:@@@mq.example.net/vhost",
        "curl 'https://x.example.net/login?user=ann&password=@@&next=/'",
    ),
    "token in a URL": _with(
        token,
        "GET /v1/items?api_key=@@&limit=5 HTTP/1.1",
        "https://maps.example.net/tile?z=3&key=@@",
        "https://store.example.net/o/report.csv?X-Amz-Expires=900&X-Amz-Signature=@@",
        "wss://live.example.net/socket?access_token=@@",
    ),
    "header": _with(
        token,
        "Authorization: Bearer @@",
        "curl -H 'Authorization: Bearer @@' https://api.example.net",
        "Authorization: Token @@",
        '-H "x-api-key: @@" \\\n',
        "headers = {'X-Auth-Token': '@@'}",
        "PRIVATE-TOKEN: @@",
        '{"headers": {"Authorization": "Bearer @@", "Accept": "*/*"}}',
        "Cookie: theme=dark; sessionid=@@; lang=en",
    ),
    "basic": _with(_pair, "Authorization: Basic @@", '"Authorization": "Basic @@"'),
    "shell variable": _with(
        password,
        "export DB_PASSWORD=@@",
        "export DB_PASSWORD='@@'",
        "ENV ADMIN_PASSWORD=@@",
        "set SMTP_PASSWORD=@@",
        "DB_PASSWORD=@@ python manage.py migrate",
    )
    + _with(token, "export HARBOR_API_KEY=@@", "HARBOR_SECRET=@@", 'CLIENT_SECRET="@@"', "AWS_SECRET_ACCESS_KEY=@@"),
    "configuration": _with(
        password,
        "database:\n  host: db\n  user: harbor\n  password: @@\n  port: 5432\n",
        "[smtp]\nuser = ann\npassword = @@\n",
        "spring.datasource.password=@@",
        "machine git.example.net login ann password @@\n",
        "Server=db;Database=harbor;User Id=sa;Password=@@;Encrypt=true",
        "host=db user=harbor password=@@ dbname=harbor",
    )
    + _with(token, "users:\n- name: ann\n  user:\n    token: @@\n", "api_key: @@\n", "aws_secret_access_key = @@\n"),
    "code": _with(
        password,
        'connect(host="db", user="ann", password="@@")',
        "const config = { user: 'ann', password: '@@' };",
        '{"username": "ann", "password": "@@"}',
        'os.environ["DB_PASSWORD"] = "@@"',
    )
    + _with(
        token,
        'API_KEY = "@@"',
        'api_key="@@",',
        '{"client_id": "harbor", "client_secret": "@@"}',
        'private readonly secretKey: string = "@@";',
        '"auth": {"token": "@@"}',
    ),
    "flag": _with(
        password,
        "mysql -u root -p@@ harbor < dump.sql",
        "sshpass -p '@@' ssh ann@host.example.net uptime",
        "tool login --user ann --password @@",
        "tool login --password='@@'",
        "curl -u ann:@@ https://git.example.net/api/v4/user",
        "docker login -u ann -p @@ registry.example.net",
        "redis-cli -h cache.example.net -a @@ ping",
    )
    + _with(token, "tool deploy --token @@ --region eu", "tool --api-key=@@ list", "gh auth --with --access-token @@"),
    "prose": _with(password, "the password is `@@`, change it later", "log in as ann, the admin password is: '@@'"),
}


def _of(*frames: str) -> list[Callable[[random.Random], str]]:
    def maker_of(frame: str) -> Callable[[random.Random], str]:
        def maker(chance: random.Random) -> str:
            uuid = "-".join(letters(chance, HEX, count) for count in (8, 4, 4, 4, 12))
            values = {
                "<HASH>": letters(chance, HEX, 40),
                "<SHA256>": letters(chance, HEX, 64),
                "<SHORT>": letters(chance, HEX, 8),
                "<UUID>": uuid,
                "<B64>": letters(chance, BASE64, 400),
                "<URL64>": letters(chance, ALNUM + "-_", 600),
                "<B64_44>": letters(chance, BASE64, 43) + "=",
                "<B64_88>": letters(chance, BASE64, 86) + "==",
                "<WORD>": chance.choice(WORDS),
                "<OTHER>": chance.choice(WORDS),
                "<N>": str(chance.randrange(2, 9000)),
            }
            text = frame
            for name, value in values.items():
                text = text.replace(name, value)
            return text

        return maker

    return [maker_of(frame) for frame in frames]


NOTHING: dict[str, list[Callable[[random.Random], str]]] = {
    "git hash": _of(
        "commit <HASH>\nAuthor: Ann <ann@example.net>\n", "HEAD is now at <SHORT> Pin <WORD>",
        "index <SHORT>..<SHORT> 100644",
        "key: cache-<WORD>-<SHA256>", "uses: actions/checkout@<HASH>",
    ),
    "uuid": _of(
        '"uuid": "<UUID>", "parentUuid": "<UUID>"', "session <UUID> started", "request_id=<UUID> took <N> ms",
        "id: toolu_<UUID>",
    ),
    "lock file": _of(
        '"integrity": "sha512-<B64_88>"', 'hash = "sha256:<SHA256>"', "    --hash=sha256:<SHA256>",
        "github.com/x/<WORD> v1.<N>.0 h1:<B64_44>",
        '"resolved": "https://registry.example.net/<WORD>/-/<WORD>-1.<N>.0.tgz"',
    ),
    "base64": _of(
        '<img src="data:image/png;base64,iVBORw0KGgo<B64>">', '"data": "<B64>"', '"signature": "EoQECkYICxgC<B64>"',
        '"encrypted_content": "gAAAAAB<URL64>"', "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<B64_44> ann@harbor",
        "-----BEGIN CERTIFICATE-----\n<B64>\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n<B64>\n-----END PUBLIC KEY-----",
    ),
    "style and minified": _of(
        ".token-<WORD>{color:#<SHORT>;padding:<N>px}.css-1a2b3c{margin:0}",
        "!function(e,t){var n=t[e],r=n.token||n.secret;return r?r(e):0}()",
        "a.sk-<WORD>-<OTHER>-container-wrapper-of-things{}",
        "var tokenizer=e.key||t.api,password=function(e){return n(e)};",
    ),
    "model": _of(
        "model: claude-sonnet-4-5-20250929", '"model": "gpt-4o-mini-2024-07-18"', "token: <|endoftext|>",
        "tokenizer: bert-base-uncased-<N>",
    ),
    "placeholder": _of(
        "OPENAI_API_KEY=sk-...", "export API_KEY=your-api-key", "Authorization: Bearer <token>",
        'api_key = "YOUR_API_KEY"',
        "password: changeme", "TOKEN=xxxxxxxxxxxxxxxx", 'password="${DB_PASSWORD}"',
        "https://user:$PASSWORD@db.example.net/x",
        "Authorization: Bearer $TOKEN", "password: ${{ secrets.DB_PASSWORD_2 }}", '"api_key": "<your key 1>"',
        "sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "github_pat_xxxxxxxxxxxxxxxxxxxxxxxx", 'password = "example-password-1"',
        "postgres://user:[password]@localhost/db",
    ),
    "look-up": _of(
        'token = os.environ["X_TOKEN_2"]', "password = getpass.getpass()", "api_key=settings.api_key_v2",
        "const token = await getToken2(session)",
        "secret = config.secrets[0]", "token: process.env.TOKEN_2", "password=self._password2,",
        "apiKey: import.meta.env.VITE_KEY_1",
        "export TOKEN=$(cat /run/secrets/token1)", 'headers["Authorization"] = f"Bearer {token1}"',
        "tokens = tokens[:512]", "key = sha256(data).hexdigest()",
    ),
    "test constant": _of(
        'password = "correct horse battery"', 'token="some-token"', "password='test-password'",
        'secret = "dummy_secret"', 'api_key="fake-key"',
        '"token": "identifier"', "PASSWORD = 'password'", 'token = "test_token_1"', 'login("ann", "wrong")',
    ),
    "numbers": _of(
        "max_tokens: <N>", "input_tokens=<N> output_tokens=<N>", '"token_count": <N>', "TOKEN_LIMIT=<N>",
        "pwd=/home/ann/<WORD>", "the token count is <N> tokens",
        "password_min_length: 12", "auth: 2026-02-01T10:00:00Z", "secretVersion: v1.<N>.0",
    ),
    "names": _of(
        "secretName: <WORD>-<OTHER>-tls-1", "see docs/auth/token-refresh-2.md", "git@github.com:ann/<WORD>.git",
        "http://localhost:8470/api?x=1&page=<N>",
        "from auth.tokens2 import read_token", "npm_config_registry and npm_lifecycle_event",
        "the basic idea: authorization is checked twice",
        "re_<WORD>_<OTHER> and pat_<WORD>", "hf_hub_download(repo_id='<WORD>/<OTHER>')",
        "task-<WORD>-risk-<OTHER>-disk-<WORD>-<N>", "mkdir -p src/<WORD>1/<OTHER>2",
        "https://x.example.net/a?key=<WORD>&sort=<OTHER>", "cp -p <WORD>1.txt <OTHER>2.txt",
        "ssh -p 2222 ann@host1.example.net", "nextPageToken: null, sort: id2",
    ),
}  # fmt: skip
