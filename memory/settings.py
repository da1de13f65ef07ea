"""Settings, read once at the door: arguments, then `HARK_…` in the environment, then `settings.toml`, then defaults."""

import os
from pathlib import Path
from typing import Any, cast

from platformdirs import user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from memory.errors import SettingsFault


class Settings(BaseSettings):
    """Everything that can be set; each field is `HARK_<NAME>` in the environment and `name = …` in the file."""

    model_config = SettingsConfigDict(env_prefix="HARK_", extra="ignore", env_ignore_empty=True)

    store: str = Field(default_factory=lambda: str(user_data_path("harkback", appauthor=False) / "store"))
    """The store: a directory."""
    backup: str = ""
    """The folder of backups; empty for one beside the store, `<store>-backups`."""
    workspace: str = "default"
    """Whose records are read and written."""
    embedder: str = "static"
    """What makes vectors: `static`, or the name of another file of `indexers/embedders`, a colon, and a model."""
    openai_api_key: SecretStr = SecretStr("")
    """What the server of an `openai_compatible` embedder asks for; never kept with a store and never logged."""
    reranker: str = "none"
    """What looks again at the best hits of a search: `none`, or `cross_encoder:` and a model or a folder."""
    token_required: bool = False
    """Whether the service lets nobody in without a token, also on this machine."""
    allowed_hosts: list[str] = Field(default_factory=list)
    """Names by which the service may be called, beside those of this machine."""
    allowed_origins: list[str] = Field(default_factory=list)
    """Other pages that may ask the service, such as https://notes.example."""
    wait_seconds: float = Field(default=10.0, ge=0)
    """How long a save waits for other processes' saves."""
    redact: bool = True
    """Whether secrets are taken out of text before it is written."""
    derived: str = "all"
    """What imports draw from histories: `all`, `none`, or kinds with commas between, such as `commits,tests`; a kind with
    `-` before it is left out, such as `-links,-facts`. See docs/import.md."""
    keep_source: str = "auto"
    """Whether what imported files held is kept, compressed: `auto` (of programs that delete theirs), `all`, `none`."""
    archive_after_days: int = Field(default=0, ge=0, le=365_000)
    """Sessions in which nothing was said for so long are archived by themselves; 0 for never."""
    deleted_retention_days: int = Field(default=0, ge=0, le=365_000)
    """What was deleted longer ago is cleared for good by itself; 0 for never."""
    change_retention_days: int = Field(default=30, ge=0)
    """How long the change log is kept; the last 100,000 changes are kept in any case."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the file behind the environment."""
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=settings_file()),
        )


def settings_file() -> Path:
    """Give the path of the settings file; it need not exist."""
    return user_config_path("harkback", appauthor=False) / "settings.toml"


def wants_colour() -> bool:
    """Say whether colours are welcome on a terminal (no-color.org)."""
    return "NO_COLOR" not in os.environ


def is_debugging() -> bool:
    """Say whether a fault of the program itself is to be shown with where it lies."""
    return bool(os.environ.get("HARK_DEBUG"))


def expanded(place: str) -> Path | None:
    """Give a place such as `$CODEX_HOME/sessions` or `~/notes` as a path.

    Returns:
        An absolute path; None when the variable is not set, is empty, or names no absolute path.
    """
    variable, _, rest = place.partition("/")
    if variable.startswith("$"):
        value = os.environ.get(variable[1:], "")
        place = f"{value}/{rest}" if rest and value else value
    found = Path(os.path.expanduser(place))  # noqa: PTH111 - an unknown home stays `~`, and raises nothing
    return found if place and found.is_absolute() else None


def processors() -> int:
    """Give how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def read_settings(**arguments: object) -> Settings:
    """Read the settings; an argument that is None counts as not given.

    Raises:
        SettingsFault: The file is not valid TOML, or a value is not what its field takes.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Settings(**cast(Any, given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsFault(
            f"setting {name}: {first['msg']}, got {first['input']!r}; look at HARK_{name.upper()} and {settings_file()}"
        ) from error
    except (SettingsError, ValueError, OSError) as error:
        raise SettingsFault(f"{settings_file()}: cannot be read ({error}); mend it or move it away") from error
