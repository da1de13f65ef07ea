"""Secrets that are known by what stands beside them: a name, a header, a flag, a URL."""

from memory.redaction_rules import SECRET, Rule, told
from memory.redaction_values import (
    is_key,
    is_packed_pair,
    is_password,
    is_random,
    is_secret_of_environment,
    is_told_password,
)

_PW = r"(?:password|passwd|passphrase|passcode|pwd)"
_KEY = (
    r"(?:client[_-]?secret|api[_-]?key|secret[_-]?(?:access[_-]?)?key|access[_-]?token|auth[_-]?token|refresh[_-]?token|"
    r"bearer[_-]?token|bot[_-]?token|session[_-]?token|id[_-]?token|access[_-]?key|account[_-]?key|shared[_-]?key|"
    r"subscription[_-]?key|private[_-]?key|auth[_-]?key|master[_-]?key|signing[_-]?key|encryption[_-]?key|app[_-]?secret|"
    r"webhook[_-]?secret|signing[_-]?secret|jwt[_-]?secret|consumer[_-]?secret)"
)
_WORD = r"(?:(?:^|[^A-Za-z]|[a-z0-9]_)(?:secret|token|credentials?|auth))"
"""Names that stand for other things, too."""
_IS = r"""["'`\]\\)]*\s{0,20}(?::\s{0,4}[A-Za-z]{1,20}\s{0,4})?(?:=>|:=|[:=])\s{0,20}"""
_OPEN, _CLOSE = r"""\\*["'`]""", r"""\\*["'`]"""
_HELD = r"""[^\s"'`\\<>\[\]{}]"""
"""What stands between quotes."""
_BARE = r"""[^\s"'`\\<>\[\]{}(),;|&]"""
"""What stands without."""
_TOLD = (
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY|AUTH_KEY|ENCRYPTION_KEY|CREDENTIALS?)"
)
_PLAIN = r"""[^\s"'`\\<>\[\]{}(),;]"""
"""What stands behind a colon, up to the end of the line or the sentence."""
_BEHIND = r"""(?:[\s"'`\\,;|&)]|[.:]?(?:[\s"'`\\]|$))"""
_SPACE = r"(?:\s|\\[nrt])"

CONTEXTS: tuple[Rule, ...] = (
    # the value between quotes: JSON, code, JSON inside JSON
    told(
        "password passwd passphrase passcode pwd",
        rf"{_PW}{_IS}{_OPEN}({_HELD}{{7,200}}){_CLOSE}",
        gate=rf"{_PW}{_IS}{_OPEN}{_HELD}*[0-9!@#$%^&*+?~]",
        check=is_password,
    ),
    told(
        "secret token key",
        rf"{_KEY}{_IS}{_OPEN}({_HELD}{{8,300}}){_CLOSE}",
        gate=rf"{_KEY}{_IS}{_OPEN}{_HELD}*[0-9]",
        check=is_random,
    ),
    told(
        "secret token credential auth",
        rf"{_WORD}{_IS}{_OPEN}({_HELD}{{16,300}}){_CLOSE}",
        gate=rf"(?:secret|token|credentials?|auth){_IS}{_OPEN}{_HELD}*[0-9]",
        check=is_key,
    ),
    # variables of a shell, in `.env` files, in Docker files
    told(
        "export set env",
        rf"(?:export|setx?|env|arg)\s+(?:-\w+\s+)*\w{{0,60}}{_TOLD}\w{{0,40}}\s*[= ]\s*(?:\\*[\"'`])?({_HELD}{{8,300}})",
        check=is_secret_of_environment,
    ),
    Rule.cased(
        "PASSWORD PASSWD PASSPHRASE SECRET TOKEN KEY CREDENTIAL PWD PASS",
        rf"(?:PASSWORD|PASSWD|PWD|PASS)\s?=\s?({_BARE}{{7,200}})",
        gate=rf"(?:PASSWORD|PASSWD|PWD|PASS)\s?=\s?{_BARE}*[0-9!@#$%^&*+?~]",
        check=is_password,
    ),
    Rule.cased(
        "PASSWORD PASSWD PASSPHRASE SECRET TOKEN KEY CREDENTIAL",
        rf"{_TOLD}[A-Z0-9_]{{0,40}}\s?=\s?(?:\\*[\"'`])?({_BARE}{{12,300}})",
        gate=rf"{_TOLD}[A-Z0-9_]*\s?=\s?(?:\\*[\"'`])?{_BARE}*[0-9]",
        check=is_random,
    ),
    Rule.cased(
        "KEY TOKEN",
        rf"_(?:KEY|TOKEN|SECRET|AUTH|PAT)=({_BARE}{{20,300}})",
        gate=rf"_(?:KEY|TOKEN|SECRET|AUTH|PAT)={_BARE}*[0-9]",
        check=is_key,
    ),
    # YAML, ini, properties, connection strings, netrc
    told(
        "password passwd passphrase pwd",
        rf"{_PW}:[ \t]+({_PLAIN}{{6,199}}[^\s\"'`\\<>\[\]{{}}(),;.:]){_BEHIND}",
        gate=rf"{_PW}:[ \t]+{_PLAIN}*[0-9!@#$%^&*+?~]",
        check=is_told_password,
    ),
    told(
        "password passwd passphrase pwd",
        rf"{_PW}[ \t]{{0,2}}=[ \t]{{0,2}}({_BARE}{{7,200}}){_BEHIND}",
        gate=rf"{_PW}[ \t]{{0,2}}=[ \t]{{0,2}}{_BARE}*[0-9!@#$%^&*+?~]",
        check=is_told_password,
    ),
    told(
        "secret token key credential auth",
        rf"(?:{_KEY}|{_WORD})[ \t]{{0,4}}[:=][ \t]{{0,4}}({_BARE}{{16,400}}){_BEHIND}",
        gate=rf"(?:{_KEY}|secret|token|credentials?|auth)[ \t]{{0,4}}[:=][ \t]{{0,4}}{_BARE}*[0-9]",
        check=is_key,
    ),
    told(
        "login user",
        rf"(?:login|user)[ \t]+\S{{1,100}}{_SPACE}+password[ \t]+({_BARE}{{6,200}})",
        check=is_password,
    ),
    told(
        "password passwd passphrase",
        rf"{_PW}\s+(?:is|was|are|for\s\S{{1,60}}\sis)\s*:?\s+{_OPEN}({_HELD}{{7,100}}){_CLOSE}",
        check=is_password,
    ),
    told(
        "password passphrase",
        rf"{_PW}\s+(?:is|was)\s*:?\s+([A-Za-z0-9!@#$%^&*+?~]{{8,60}}){_BEHIND}",
        gate=rf"{_PW}\s+(?:is|was)\s*:?\s+[A-Za-z0-9!@#$%^&*+?~]*[0-9!@#$%^&*+?~]",
        check=is_told_password,
    ),
    # flags
    told(
        "--",
        rf"--(?:[a-z]+-)*(?:password|passwd|passphrase|pass|pwd)(?:[ \t]+|=|\\*[\"'],\s*)(?:\\*[\"'`])?({_HELD}{{6,200}})",
        gate=r"--(?:[a-z]+-)*(?:password|passwd|passphrase|pass|pwd)(?:[ \t]+|=|\\*[\"'],\s*)[\"'`\\]*"
        rf"{_HELD}*[0-9!@#$%^&*+?~]",
        check=is_password,
    ),
    told(
        "--",
        r"--(?:[a-z]+-)*(?:token|secret|api-?key|access-?key|secret-?key|auth-?key|client-secret|key)"
        rf"(?:[ \t]+|=|\\*[\"'],\s*)(?:\\*[\"'`])?({_HELD}{{16,400}})",
        gate=r"--(?:[a-z]+-)*(?:token|secret|key|api-?key|[a-z]+key)(?:[ \t]+|=|\\*[\"'],\s*)[\"'`\\]*"
        rf"{_HELD}*[0-9]",
        check=is_key,
    ),
    told(
        "mysql mariadb sshpass redis-cli mongo psql mysqldump docker podman registry ftp 7z unzip zip",
        r"(?:mysql\w*|mariadb\w*|sshpass|mongo\w*|(?:docker|podman|helm\sregistry)\slogin|7z|unzip|zip)[^\n|;&\\]{0,120}?"
        rf"\s-[pP]\s?[\"'`]?({_HELD}{{6,100}})",
        check=is_password,
    ),
    told("redis-cli", rf"redis-cli[^\n|;&\\]{{0,120}}?\s-a\s+[\"'`]?({_HELD}{{6,100}})", check=is_password),
    told(
        "curl wget http https",
        rf"(?:curl|wget|https?)[^\n|;&]{{0,200}}?\s(?:-u\s?|--user[ =]|-a\s)\\*[\"'`]?[^\s:\"'`]{{0,100}}:({_HELD}{{6,200}})",
        check=is_password,
    ),
    # headers
    told("bearer", r"bearer\s+([A-Za-z0-9._~+/=-]{20,2000})", gate=r"bearer\s+[A-Za-z0-9._~+/=-]*[0-9]", check=is_key),
    told(
        "authorization",
        rf"authorization{_IS}(?:{_OPEN})?basic\s+([A-Za-z0-9+/=_-]{{8,400}})",
        gate=rf"authorization{_IS}[\\\"'`]*basic\s+[A-Za-z0-9+/=_-]{{8}}",
        check=is_packed_pair,
    ),
    told(
        "authorization",
        rf"authorization{_IS}(?:\\*[\"'`])?(?:(?:token|api-?key|key|digest|bot|splunk|genie-?key|snowflake\s?token=?)\s+)?"
        r"(?:token=)?[\"'`]?([A-Za-z0-9._~+/=-]{16,800})",
        gate=rf"authorization{_IS}[^\n]{{0,40}}[A-Za-z0-9._~+/=-]{{16}}",
        check=is_key,
    ),
    told(
        "x- api-key -token private-token apikey -key",
        r"(?:x-[a-z-]{0,40}(?:key|token|secret|auth|signature)|api-?key|private-token|job-token|deploy-token|"
        rf"subscription-key|dd-api-key|dd-application-key){_IS}(?:\\*[\"'`])?([A-Za-z0-9._~+/=-]{{12,800}})",
        gate=rf"(?:key|token|secret|auth|[-_]signature){_IS}[\\\"'`]*[A-Za-z0-9._~+/=-]*[0-9]",
        check=is_random,
    ),
    told(
        "cookie",
        rf"cookie{_IS}[^\n]{{0,400}}?(?:sess[a-z_-]{{0,20}}|sid|[a-z_.-]{{0,20}}sid|auth[a-z_-]{{0,20}}|[a-z_-]{{0,20}}token|jwt)="
        r"([A-Za-z0-9._~+/%=-]{16,2000})",
        check=is_key,
    ),
    # URLs and connection strings
    told(
        "://",
        r"://[^\s/:@\"'`<>\\]{0,200}:([^\s/@\"'`<>$\[{\\]{3,200})@[\w.\[-]",
        gate=r"://[^\s/:@\"'`<>\\]*:[^\s/@\"'`<>$\[{\\]{3,}@",
    ),
    told(
        "= %3d",
        r"[?&;](?:amp;)?(?:[a-z]{0,20}[_-])?(?:password|passwd|pwd|pass)(?:=|%3d)([^\s\"'`<>&;#\\\[\]{}()]{6,200})",
        gate=r"[?&;](?:amp;)?(?:[a-z]*[_-])?(?:password|passwd|pwd|pass)(?:=|%3d)[^\s\"'`<>&;#\\\[\]{}()]*[0-9!@$%^*+?~]",
        check=is_password,
    ),
    told(
        "= %3d",
        r"[?&](?:amp;)?(?:[a-z]{0,20}[_-])?(?:api_?key|apikey|key|token|access_?token|auth|auth_?token|secret|client_secret|"
        r"sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token|hmac|jwt|credential)(?:=|%3d)"
        r"([^\s\"'`<>&;#\\\[\]{}()]{12,2000})",
        gate=r"[?&](?:amp;)?[a-z_-]*(?:key|token|auth|secret|sig|signature|hmac|jwt|credential)(?:=|%3d)"
        r"[^\s\"'`<>&;#\\\[\]{}()]*[0-9]",
        check=is_random,
    ),
    Rule.cased("Key=", r"(?:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{40,}={0,2})"),
    Rule.cased("sig=", r"[?&]sig=([A-Za-z0-9%+/=]{40,})"),
    told(
        "aws",
        r"aws.{0,20}?(?:secret|session)[\w .-]{0,30}\\*[\"']?\s*[:=]+>?\s*\\*[\"'`]?([A-Za-z0-9/+=]{40,1200})",
        check=is_key,
    ),
)
"""In the order in which they are tried, behind the rules for what a secret itself looks like."""
_HEADER = r"(?:[\xa8-\xbf]|\xd9(?s:.)|\xda(?s:.)(?s:.))"
"""How a packed text of 8 characters or more begins."""
KEYED = (
    rf"(?i:{_PW}{_HEADER}{_HELD}*[0-9!@#$%^&*+?~])|(?i:(?:{_KEY}|secret|token|credentials?|auth|--(?:[a-z]+-)*key){_HEADER}{_HELD}*[0-9])"
    rf"|(?i:(?:key|token|secret|[-_]signature){_HEADER}[A-Za-z0-9._~+/=-]*[0-9])|(?i:authorization{_HEADER}[A-Za-z0-9+/=_. -]{{12}})"
)
"""The gate for values that stand under a telling name: in a packed value a text follows its name, but for a header."""
assert all(rule.kind == SECRET for rule in CONTEXTS)
