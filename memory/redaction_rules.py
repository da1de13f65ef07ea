"""What secrets look like: one rule a documented format, each with words without which it is not tried.

The formats are those that the providers document for their keys and tokens, or print in their error messages. Patterns
are written in the syntax that Python and RE2 share, without looking around, so that all of them together can be asked
for in one pass (`memory/redaction.py`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from memory.redaction_values import is_packed_private_key

SECRET = "secret"  # noqa: S105 - a kind
"""The kind of what is known by its surroundings alone: wherever it stands, its placeholder is the same."""
PRIVATE_KEY = "private_key"
GATE_CHARACTERS = 20
"""Of a key behind its mark, that the gate asks for at most. Untuned."""


def _any(value: str) -> bool:
    return True


@dataclass(frozen=True)
class Rule:
    """One kind of secret."""

    kind: str
    """What stands in the placeholder."""
    needs: tuple[str, ...]
    """The rule is tried on a text that holds one of these, as they stand or, for `ignores_case`, in lower case."""
    written: str
    """The pattern; group 1 is the secret, without a group all of the match is."""
    gate: str
    """A pattern that is found, perhaps in part, wherever the rule's is found."""
    ignores_case: bool = False
    is_word: bool = False
    """Whether the match must not begin or end inside a word, or stand in the middle of base64."""
    check: Callable[[str], bool] = _any
    """What the secret must be like, beside fitting the pattern."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, made when it is first asked for."""
        return re.compile(self.written, re.ASCII | (re.IGNORECASE if self.ignores_case else 0))

    @classmethod
    def cased(cls, needs: str, pattern: str, gate: str = "", check: Callable[[str], bool] = _any) -> "Rule":
        """Make a rule for a value whose name is written as it is given here."""
        return cls(SECRET, tuple(needs.split()), pattern, gate or _open_ended(pattern), check=check)


def told(needs: str, pattern: str, gate: str = "", check: Callable[[str], bool] = _any) -> Rule:
    """Make a rule for a value that something beside it tells of, in small letters or large ones."""
    return Rule(SECRET, tuple(needs.split()), pattern, f"(?i:{gate or _open_ended(pattern)})", True, check=check)


def _rule(kind: str, needs: str, pattern: str, gate: str = "") -> Rule:
    # whether it begins inside a word is asked of each match: a pattern that begins with a letter is found much faster
    return Rule(kind, tuple(needs.split()), rf"{pattern}(?![A-Za-z0-9])", gate or _open_ended(pattern), is_word=True)


def _block(needs: str, pattern: str, gate: str, check: Callable[[str], bool] = _any) -> Rule:
    return Rule(PRIVATE_KEY, (needs,), pattern, gate, check=check)


def _open_ended(pattern: str) -> str:
    """Let repetitions go on, since bytes are counted and not characters, and ask for a key's beginning alone."""
    loose = re.sub(r"\{(\d+),\d+\}", r"{\1,}", pattern)
    return re.sub(r"\{(\d+),?\}$", lambda found: f"{{{min(int(found[1]), GATE_CHARACTERS)}}}", loose)


_KEY_LINE = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"

RULES: tuple[Rule, ...] = (
    # blocks first, so that what lies inside one is not marked piecemeal
    _block(
        "PRIVATE KEY",
        rf"-----BEGIN {_KEY_LINE}-----"
        rf"(?:(?:(?!-----BEGIN)[\s\S]){{1,20000}}?-----END {_KEY_LINE}-----|[A-Za-z0-9+/=\s\\]{{40,}})",
        rf"-----BEGIN {_KEY_LINE}-----",
    ),
    _block(
        "PRIVATE KEY ----",
        r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----(?:[\s\S]{1,20000}?---- END SSH2 ENCRYPTED PRIVATE KEY ----|[\s\S]{40,20000})",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
    ),
    _block(
        "PuTTY-User-Key-File-",
        r"Private-Lines: \d+(?:\s|\\[nr])+((?:[A-Za-z0-9+/=]{4,}(?:\s|\\[nr])*)+)",
        r"Private-Lines: \d",
    ),
    _block("LS0tLS1CRUdJTi", r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,}={0,2}", "LS0tLS1CRUdJTi", is_packed_private_key),
    _rule("jwt", "eyJ", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
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
    _rule("mailchimp", "-us", r"[0-9a-f]{32}-us\d{1,2}", r"[0-9a-f]-us\d"),
    _rule("resend", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    _rule("brevo", "xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _rule("discord_webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/(\d{15,}/[\w-]{40,})"),
    _rule("discord", ".", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}", r"\.[\w-]{6}\.[\w-]{27}"),
    _rule("telegram", ":AA", r"\d{8,10}:AA[\w-]{32,34}", r":AA[\w-]{8}"),
    _rule("linear", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    _rule("notion", "secret_ ntn_", r"(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})"),
    _rule("airtable", "pat", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    _rule("figma", "figd_", r"figd_[\w-]{40,}"),
    _rule("asana", "1/ 2/", r"[12]/\d{10,}(?:/\d{10,})?:[a-f0-9]{32}", r"[12]/\d{10}"),
    _rule("postman", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _rule("newrelic", "NRAK- NRJS- NRII- NRIQ-", r"NR(?:AK|JS|II|IQ)-[\w-]{19,}"),
    _rule("databricks", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    _rule("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    _rule("vault", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{24,}"),
    _rule("terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}", r"\.atlasv1\.[\w-]{60}"),
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
    _rule("openai", "sk-None- sk-service-", r"sk-(?:None|service)-[\w-]{20,}"),
    _rule("langfuse", "sk-lf-", r"sk-lf-[0-9a-f]{8}-[0-9a-f-]{27}"),
    _rule("cerebras", "csk-", r"csk-[a-z0-9]{40,}"),
    _rule("elevenlabs", "sk_", r"sk_[0-9a-f]{48}"),
    _rule("nvidia", "nvapi-", r"nvapi-[\w-]{60,}"),
    _rule("together", "tgp_v1_", r"tgp_v1_[\w-]{40,}"),
    _rule("fireworks", "fw_", r"fw_[A-Za-z0-9]{22,}"),
    _rule("pinecone", "pcsk_ pckey_", r"pc(?:sk|key)_[A-Za-z0-9_]{40,}"),
    _rule("tavily", "tvly-", r"tvly-(?:dev-|prod-)?[A-Za-z0-9-]{28,}"),
    _rule("firecrawl", "fc-", r"fc-[0-9a-f]{32}"),
    _rule("jina", "jina_", r"jina_[A-Za-z0-9_-]{50,}"),
    _rule("llamaindex", "llx-", r"llx-[A-Za-z0-9]{40,}"),
    _rule("e2b", "e2b_", r"e2b_[0-9a-f]{40}"),
    _rule("runpod", "rpa_", r"rpa_[A-Z0-9]{40,}"),
    _rule("wandb", "wandb_v1_", r"wandb_v1_[\w-]{40,}"),
    _rule("logfire", "pylf_v", r"pylf_v\d_[a-z]{2}_[A-Za-z0-9]{40,}"),
    _rule("posthog", "phx_", r"phx_[A-Za-z0-9]{40,}"),
    _rule("cloudflare", "cfk_ cfut_ cfat_", r"cf(?:k|ut|at)_[A-Za-z0-9]{40,}"),
    _rule("vercel", "vcp_ vci_ vca_ vcr_ vck_", r"vc[piark]_[A-Za-z0-9]{24,}"),
    _rule("render", "rnd_", r"rnd_[A-Za-z0-9]{28,}"),
    _rule("hubspot", "pat-na pat-eu pat-ap", r"pat-(?:na|eu|ap)\d-[0-9a-f]{8}-[0-9a-f-]{27}"),
    _rule(
        "plaid",
        "access-sandbox- access-production- access-development-",
        r"access-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f-]{27}",
    ),
    _rule("razorpay", "rzp_live_ rzp_test_", r"rzp_(?:live|test)_[A-Za-z0-9]{14,}"),
    _rule("duffel", "duffel_live_ duffel_test_", r"duffel_(?:test|live)_[\w-]{40,}"),
    _rule("shippo", "shippo_live_ shippo_test_", r"shippo_(?:live|test)_[a-f0-9]{40}"),
    _rule("frameio", "fio-u-", r"fio-u-[\w-]{60,}"),
    _rule("facebook", "EAAC EAAM EAAG EAAB", r"EAA[CMGB][A-Za-z0-9]{100,}"),
    _rule("mailersend", "mlsn.", r"mlsn\.[a-f0-9]{60,}"),
    _rule("contentful", "CFPAT-", r"CFPAT-[\w-]{40,}"),
    _rule("mapbox", "sk.eyJ", r"sk\.eyJ[\w-]{50,}\.[\w-]{20,}"),
    _rule("bitbucket", "ATBB", r"ATBB[A-Za-z0-9]{24,32}"),
    _rule("trello", "ATTA", r"ATTA[a-f0-9]{60,}"),
    _rule("clickup", "pk_", r"pk_\d{6,10}_[A-Z0-9]{30,}"),
    _rule("typeform", "tfp_", r"tfp_[\w.-]{50,}"),
    _rule("circleci", "CCIPAT_ CCIPRJ_", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{18,}_[a-f0-9]{40}"),
    _rule("buildkite", "bkua_", r"bkua_[a-f0-9]{40}"),
    _rule("sonarqube", "sqp_ sqa_ squ_", r"sq[pau]_[a-f0-9]{40}"),
    _rule("snyk", "snyk_uat. snyk_sat.", r"snyk_[us]at\.[a-f0-9]{8}\.[\w.-]{40,}"),
    _rule("sourcegraph", "sgp_", r"sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}"),
    _rule("jfrog", "AKCp cmVmdGtuOj", r"(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtuOj[A-Za-z0-9+/=]{40,})"),
    _rule("harness", "pat. sat.", r"[ps]at\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}", r"[ps]at\.[\w-]{22}\."),
    _rule("openshift", "sha256~", r"sha256~[\w-]{43}"),
    _rule("scalingo", "tk-us-", r"tk-us-[\w-]{48}"),
    _rule("infracost", "ico-", r"ico-[A-Za-z0-9]{32}"),
    _rule("octopus", "API-", r"API-[A-Z0-9]{26,}"),
    _rule("maxmind", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", r"_mmk"),
    _rule("adobe", "p8e-", r"p8e-[A-Za-z0-9]{32}"),
    _rule("alibaba", "LTAI", r"LTAI[A-Za-z0-9]{20}"),
    _rule("tencent", "AKID", r"AKID[A-Za-z0-9]{32}"),
    _rule("scaleway", "SCW", r"SCW[A-Z0-9]{17}"),
    _rule("yandex", "AQVN", r"AQVN[\w-]{35,38}"),
    _rule("azure_app", "Q~", r"[\w.~]{3}\dQ~[\w.~-]{31,34}", r"\dQ~[\w.~-]{8}"),
    _rule("azure_devops", "AZDO", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", r"AZDO[A-Za-z0-9]{4}"),
    _rule("clickhouse", "4b1d", r"4b1d[A-Za-z0-9]{38}"),
    _rule("dbt", "dbtc_ dbtu_", r"dbt[cu]_[\w-]{40,}"),
    _rule("defined", "dnkey-", r"dnkey-[\w=-]{26}-[\w=-]{52}"),
    _rule("1password", "A3-", r"A3-[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"),
    _rule("settlemint", "sm_aat_ sm_pat_ sm_sat_", r"sm_[aps]at_[A-Za-z0-9]{16}"),
    _rule("gitlab", "glwt- GR1348941", r"(?:glwt-|GR1348941)[\w-]{20,}"),
    _rule("teams_webhook", "/IncomingWebhook/", r"webhook\.office\.com/webhookb2/([\w@/-]{80,})"),
    _rule("twitter", "AAAAAAAAAA", r"A{18}"),
    _rule("jwt", "ZXlKaGJHY2lPa", r"ZXlKaGJHY2lPa[A-Za-z0-9+/_-]{60,}={0,2}"),
)
"""What a secret itself looks like, in the order in which they are tried."""
