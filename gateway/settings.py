"""The only reader of the environment. Every limit is a field with its unit and reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class RoleLimits(BaseModel):
    """Limits of one role, where they differ from everybody's. Units and meaning are the fields' of the same name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query_seconds: float | None = Field(default=None, gt=0)
    sandbox_memory_mb: int | None = Field(default=None, ge=16)
    max_result_rows: int | None = Field(default=None, ge=1)
    max_result_mb: int | None = Field(default=None, ge=1)
    max_json_rows: int | None = Field(default=None, ge=1)
    rows_per_day: int | None = Field(default=None, ge=1)
    concurrent_queries: int | None = Field(default=None, ge=1)


class Settings(BaseSettings):
    """From arguments, then `GATEWAY_…` variables, then `gateway.toml`, then these defaults."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_",
        toml_file="gateway.toml",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path(".gateway")
    """Control database, wrapped keys, extracts."""
    policies: Path = Path("policies")
    """A proposal; `serve` decides by the activated bundle in the control database."""
    database_url: str = ""
    """Control database; empty: SQLite in the home."""
    sources: Path = Path("sources.yaml")
    """Binds source names to connections: `core: {url: "sqlite:///bank.db"}`."""
    kek_file: Path | None = None
    """Key-encryption key; None: `<home>.kek` beside the home, never inside it. Projects' own lie beside it."""
    vault_url: str = ""
    """Projects' keys in the transit engine of a Vault or OpenBao: https, or http to loopback. Empty: files."""
    vault_token_file: Path | None = None
    """The gateway's token there; its owner's only, read at each use."""
    vault_ca_file: Path | None = None
    """PEM; no other authority is trusted for the vault. None: the system's."""
    vault_mount: str = "transit"
    """Where the vault has its transit engine."""
    url: str = "http://127.0.0.1:8080"
    """Clients: where the gateway runs."""
    token: str = Field(default="", repr=False)
    """Clients: the caller's API token."""
    environment: str = "dev"
    """What this gateway serves: `prod` refuses to run as root."""

    max_sql_bytes: int = 65_536
    """Longer SQL is a mistake or an attack on the planner."""
    max_sql_nodes: int = 5_000
    """Tree nodes; some rewrites are quadratic in them."""
    max_sql_depth: int = 100
    """Nesting."""
    max_scans: int = 32
    """Tables in one query; a sandbox child has this many sockets from its spawn."""
    max_output_columns: int = 1_000
    """Columns of an answer."""
    max_json_rows: int = 10_000
    """JSON costs a hundred times Arrow; larger answers are told to take another format."""
    max_result_rows: int = Field(default=10_000_000, ge=1)
    """Of one interactive answer in any format."""
    max_result_mb: int = Field(default=2_048, ge=1)
    """Encoded size of one interactive answer; more is an extract."""
    role_limits: dict[str, RoleLimits] = {}
    """Other values for a role's people: `query_seconds`, `sandbox_memory_mb` (at most everybody's), `max_result_rows`,
    `max_result_mb`, `max_json_rows`, `rows_per_day`, `concurrent_queries`. Of several roles (those of the token itself)
    the strictest value counts, and a role without one counts with everybody's.
    In `gateway.toml`: `[role_limits.intern]`; as a variable: `{"intern": {"query_seconds": 5}}`."""

    query_seconds: float = 30.0
    """Wall clock of one interactive query, from its access entry to its last byte."""
    stall_seconds: float = Field(default=10.0, gt=0)
    """A client that takes no byte of its answer for so long loses it; counted in halves of a second."""
    extract_seconds: float = 3_600.0
    """Wall clock of one attempt at an extract."""
    extract_cpu_seconds: int = 3_600
    """Of an attempt's sandbox child."""
    extract_memory_mb: int = 512
    """DuckDB's own limit in an extract's child; released rows beyond it go to a folder of the attempt."""
    extract_spill_mb: int = 20_480
    """Largest size of that folder."""
    rows_per_day: int = Field(default=10_000, ge=1)
    """Rows of one dataset that one principal may take interactively in a day; more is an extract."""
    sandbox_memory_mb: int = 512
    """DuckDB's own limit in a child."""
    sandbox_address_space_mb: int = 1_200
    """On top of what the child maps once it is locked; ends what ignores the limit above."""
    sandbox_cpu_seconds: int = 120
    """Of one child over its whole life."""
    sandbox_warm_children: int = 2
    """Spawned ahead, bound to nobody yet."""
    sandbox_max_children: int = 16
    """Bound and warm together."""
    sandbox_queries_per_child: int = 50
    """Then it is replaced."""
    sandbox_idle_seconds: float = 60.0
    """A bound child waits this long for its principal's next query."""
    sandbox_kernel_isolation: Literal["required", "accept_none"] = "required"
    """`accept_none`: run although the kernel offers no seccomp. Say so in your threat model."""

    detection_workers: int = Field(default=2, ge=1, le=64)
    """Processes that look for personal data in texts and tables; started with the first text, not before."""
    detection_value_ms: float = Field(default=50.0, gt=0)
    """Of a processor, for one text, and as much again for each 1,000 characters that a language model reads; a slower
    one is removed whole."""
    detection_memory_mb: int = Field(default=1_024, ge=64)
    """Of one such process, on top of what it maps once its models are loaded; at half of it, it is replaced."""
    detection_idle_seconds: float = Field(default=60.0, gt=0)
    """Such a process waits this long for the next text, then ends."""
    text_models: dict[str, str] = {}
    """Language models that find names of people in texts, installed packages by language: `{"en": "…"}`. A language
    without one is served by rules and lists, and `strict` removes the words that they cannot explain."""
    recognizers_file: Path | None = None
    """The site's own recognizers, in Presidio's YAML. None: there are none."""
    lexicon_file: Path | None = None
    """The site's own words for names of columns, YAML; they come before the gateway's. None: there are none."""

    worker_in_serve: bool = True
    """`serve` makes extracts too; false where `gateway worker` does it in processes of its own."""
    schedule_seconds: float = 60.0
    """How often the scheduler looks at models' freshness and reports finished jobs."""
    openlineage_file: Path | None = None
    """Lineage events are appended to it, a JSON line each."""
    openlineage_url: str = ""
    """Lineage events are posted to it: https, or http to loopback."""
    webhook_urls: tuple[str, ...] = ()
    """Told of stale models and ended extracts: https, or http to loopback."""
    webhook_secret_file: Path | None = None
    """Signs webhook calls; `whsec_…`."""
    outgoing_networks: tuple[str, ...] = ()
    """Private networks that events and webhooks may be sent to, in CIDR form."""

    profile_rows: int = Field(default=1_000, ge=1, le=100_000)
    """A catalog scan samples at most so many rows of a table."""
    profile_tables: int = Field(default=1_000, ge=1)
    """A catalog scan samples at most so many tables."""
    profile_columns: int = Field(default=50_000, ge=1)
    """Of all tables that a catalog scan samples: each is named in its access entry."""
    profile_seconds: float = Field(default=1_800.0, gt=0)
    """Wall clock of one catalog scan."""

    threshold_subjects: int = Field(default=10, ge=5)
    """A group of fewer distinct data subjects is not shown; 5 is the floor."""
    release_window_hours: int = Field(default=24, ge=1)
    """Guarded answers of one dataset stay about one filter for this long."""

    reidentify_values: int = Field(default=1_000, ge=1, le=100_000)
    """Distinct pseudonyms of one case of re-identification; more is no case but a copy of the register."""
    reidentify_cases_per_day: int = Field(default=10, ge=1)
    """Cases that one principal may propose, and results that he may take, in 24 hours."""

    requests_per_minute: int = Field(default=600, ge=1)
    """Per principal; stands before the audit, so that denials cannot flood it."""
    concurrent_queries: int = Field(default=4, ge=1)
    """Per principal."""
    lease_seconds: int = 30
    """Of a gateway instance; renewed at a third of it."""
    recheck_seconds: float = 5.0
    """A running stream asks again whether its grant, credential and lease hold."""
    audit_reserve_mb: int = 64
    """Free space on the log's volume below which no access entry is accepted, so that outcomes still fit."""
    database_lock_seconds: float = 10.0
    """Waiting for the log's head."""

    @model_validator(mode="after")
    def _roles_have_no_more_memory(self) -> Self:
        """A child is started before it is known for whom; its engine's limit can then only be lowered."""
        for name, limits in self.role_limits.items():
            if (limits.sandbox_memory_mb or 0) > self.sandbox_memory_mb:
                raise ValueError(f"role_limits.{name}.sandbox_memory_mb is above sandbox_memory_mb")
        return self

    @property
    def control_database_url(self) -> str:
        """SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'control.db'}"

    @property
    def kek_path(self) -> Path:
        """Where the key-encryption key lies."""
        home = self.home.absolute()
        return self.kek_file or home.with_name(home.name + ".kek")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see the docstring
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - KEKs and passwords are file references
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No .env file: a secret in a working folder ends up in a commit."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def operator_name() -> str:
    """`operator:<os user>`, the principal of host commands."""
    import pwd

    return f"operator:{pwd.getpwuid(os.geteuid()).pw_name}"
