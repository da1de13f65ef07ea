"""What secrets look like: one rule a documented format, each with words without which it is not tried.

The formats are those that the providers document for their keys and tokens, or print in their error messages.
"""

import re
from dataclasses import dataclass

LONG_WORD = 12
"""Characters of the shortest word that can hold a key with its mark."""


@dataclass(frozen=True)
class Rule:
    """One kind of secret."""

    kind: str
    """What stands in the placeholder."""
    needs: tuple[str, ...]
    """The rule is tried on a text that holds one of these, as they stand or, for `ignores_case`, in lower case."""
    pattern: re.Pattern[str]
    """Group 1 is the secret; without a group all of the match is."""
    ignores_case: bool = False
    has_spaces: bool = False
    """Whether what it looks for may be cut by white space; otherwise only words of LONG_WORD characters are looked at."""
    is_word: bool = False
    """Whether the match must not begin or end inside a word."""


def _rule(kind: str, needs: str, pattern: str) -> Rule:
    # whether it begins inside a word is asked of each match: a pattern that begins with a letter is found much faster
    return Rule(kind, tuple(needs.split()), re.compile(rf"{pattern}(?![A-Za-z0-9])"), is_word=True)


def _named(kind: str, needs: str, pattern: str) -> Rule:
    return Rule(kind, tuple(needs.split()), re.compile(pattern, re.IGNORECASE), ignores_case=True, has_spaces=True)


_VALUE = r"""["'`]?([^\s"'`;,<>\[\]{}()$\\|]{8,200})"""
_RANDOM = r"""["'`]?((?=[^\s"'`]*[0-9])(?=[^\s"'`]*[A-Za-z])[A-Za-z0-9+/=_.~!@#%^&*-]{12,200})"""

RULES = (
    # blocks first, so that what lies inside one is not marked piecemeal
    Rule(
        "private_key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?!-----BEGIN)[\s\S]{1,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s\\]{40,})"
        ),
        has_spaces=True,
    ),
    _rule("jwt", "eyJ", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    Rule(
        "url_password",
        ("://",),
        re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@\"'`<>]{0,200}:([^\s/@\"'`<>$\[{]{3,200})@[\w.\[-]"),
    ),
    _rule("anthropic", "sk-ant-", r"sk-ant-[a-z0-9]+-[\w-]{20,}"),
    _rule("openrouter", "sk-or-", r"sk-or-v1-[0-9a-f]{32,}"),
    _rule("openai", "sk-proj- sk-svcacct- sk-admin-", r"sk-(?:proj|svcacct|admin)-[\w-]{20,}"),
    _rule("openai", "sk-", r"sk-[A-Za-z0-9]{32,}"),
    _rule("github", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,255}"),
    _rule("github", "github_pat_", r"github_pat_\w{22,255}"),
    _rule(
        "gitlab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- glffct- gloas-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct|oas)-[\w.-]{20,}",
    ),
    _rule("aws", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _named(
        "aws_secret",
        "aws",
        r"aws.{0,20}?(?:secret|session)[\w .-]{0,30}[\"']?\s*[:=]+>?\s*[\"'`]?([A-Za-z0-9/+=]{40,})",
    ),
    _rule("google", "AIza", r"AIza[\w-]{35}"),
    _rule("google_oauth", "ya29.", r"ya29\.[\w-]{20,}"),
    _rule("google_client", "GOCSPX-", r"GOCSPX-[\w-]{20,}"),
    _rule("firebase", "AAAA", r"AAAA[\w-]{7}:[\w-]{120,}"),
    _rule("slack", "xox", r"xox[abeoprs]-[\w-]{10,}"),
    _rule("slack", "xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{20,}"),
    _rule("slack_webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/-]{20,})"),
    _rule("stripe", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    _rule("stripe_webhook", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _rule("huggingface", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _rule("huggingface", "api_org_", r"api_org_[A-Za-z0-9]{30,}"),
    _rule("groq", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    _rule("replicate", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _rule("perplexity", "pplx-", r"pplx-[A-Za-z0-9]{40,}"),
    _rule("xai", "xai-", r"xai-[A-Za-z0-9]{60,}"),
    _rule("langsmith", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    _rule("npm", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _rule("pypi", "pypi-", r"pypi-AgE[\w-]{50,}"),
    _rule("rubygems", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _rule("crates", "cio", r"cio[A-Za-z0-9]{32}"),
    _rule("nuget", "oy2", r"oy2[a-z0-9]{43}"),
    _rule("clojars", "CLOJARS_", r"CLOJARS_[a-z0-9]{60}"),
    _rule("docker", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _rule("digitalocean", "dop_v1_ doo_v1_ dor_v1_ dot_v1_", r"do[oprt]_v1_[a-f0-9]{64}"),
    _rule("sendgrid", "SG.", r"SG\.[\w-]{20,24}\.[\w-]{40,}"),
    _rule("twilio", "SK", r"SK[0-9a-f]{32}"),
    _rule("mailgun", "key-", r"key-[0-9a-f]{32}"),
    _rule("mailchimp", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    _rule("resend", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    _rule("brevo", "xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _rule("discord_webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/(\d{15,}/[\w-]{40,})"),
    _rule("discord", "M N O", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"),
    _rule("telegram", ":AA", r"\d{8,10}:AA[\w-]{32,34}"),
    _rule("linear", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    _rule("notion", "secret_ ntn_", r"(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})"),
    _rule("airtable", "pat", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    _rule("figma", "figd_", r"figd_[\w-]{40,}"),
    _rule("asana", "1/ 2/", r"[12]/\d{10,}(?:/\d{10,})?:[a-f0-9]{32}"),
    _rule("postman", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _rule("newrelic", "NRAK- NRJS- NRII- NRIQ-", r"NR(?:AK|JS|II|IQ)-[\w-]{19,}"),
    _rule("databricks", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    _rule("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    _rule("vault", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{24,}"),
    _rule("terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _rule("pulumi", "pul-", r"pul-[a-f0-9]{40}"),
    _rule("planetscale", "pscale_", r"pscale_(?:tkn|oauth|pw)_[\w.=-]{32,}"),
    _rule("supabase", "sbp_ sb_secret_", r"(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,})"),
    _rule("neon", "npg_", r"npg_[A-Za-z0-9]{12,}"),
    _rule("cloudflare", "v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    _rule("fly", "fo1_ fm1_ fm2_ fm1a_ fm1r_ fm2a_ fm2r_", r"(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{60,})"),
    _rule("netlify", "nfp_", r"nfp_[A-Za-z0-9]{36}"),
    _rule("heroku", "HRKU-", r"HRKU-[\w-]{36,}"),
    _rule("tailscale", "tskey-", r"tskey-[a-z]+-[\w-]{20,}"),
    _rule("shopify", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _rule("square", "sq0 EAAA", r"(?:sq0[a-z]{3}-[\w-]{22,43}|EAAA[\w-]{60})"),
    _rule("braintree", "access_token$", r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"),
    _rule("flutterwave", "FLWSECK", r"FLWSECK(?:_TEST)?-[a-h0-9]{12,}-X"),
    _rule("grafana", "glsa_ glc_", r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})"),
    _rule("sentry", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _rule("dynatrace", "dt0c01.", r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _rule("atlassian", "ATATT3 ATCTT3", r"AT[AC]TT3[\w=-]{60,}"),
    _rule("dropbox", "sl.", r"sl\.[\w-]{130,}"),
    _rule(
        "launchdarkly",
        "sdk- api- mob-",
        r"(?:sdk|api|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ),
    _rule("prefect", "pnu_", r"pnu_[A-Za-z0-9]{36}"),
    _rule("age", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _rule("1password", "ops_eyJ", r"ops_eyJ[A-Za-z0-9+/=]{100,}"),
    _rule("readme", "rdme_", r"rdme_[a-z0-9]{60,}"),
    _rule("easypost", "EZAK EZTK", r"EZ[AT]K[A-Za-z0-9]{54}"),
    Rule(
        "azure",
        ("AccountKey=", "SharedAccessKey="),
        re.compile(r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})"),
    ),
    Rule("azure_sas", ("sig=",), re.compile(r"[?&]sig=([A-Za-z0-9%+/=]{40,})")),
    _named("bearer", "bearer", r"bearer\s+([A-Za-z0-9._~+/=-]{20,})"),
    _named("basic", "basic ", r"authorization[\"']?\s*[:=]\s*[\"']?basic\s+([A-Za-z0-9+/=]{12,})"),
    Rule(
        "assignment",
        ("export ", "set ", "SET ", "ENV "),
        re.compile(
            r"(?:export|set|SET|ENV)\s+\w*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|APIKEY|PRIVATE_KEY|ACCESS_KEY|CREDENTIALS?)"
            rf"\w*\s*[= ]\s*{_VALUE}"
        ),
        has_spaces=True,
    ),
    Rule(
        "assignment",
        ("PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY"),
        re.compile(r"\b[A-Z][A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|APIKEY|ACCESS_KEY)[A-Z0-9_]*=" + _RANDOM),
        has_spaces=True,
    ),
    _named(
        "assignment",
        "password passwd passphrase client_secret api_key apikey api-key secret_key access_token auth_token",
        r"[\"']?(?:password|passwd|passphrase|client_secret|api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token)[\"']"
        r"\s*:\s*[\"']((?=[^\"']*[0-9])[^\"'\s$<>{}\[\]]{8,200})[\"']",
    ),
)
"""In the order in which they are tried."""
