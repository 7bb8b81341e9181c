"""First tables.

Forward only: a log is not taken back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    _log()
    _search()
    _policy()
    _running()


def _table(name: str, *columns: sa.schema.SchemaItem, key: tuple[str, ...], **options: bool) -> sa.Table:
    return op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), **options)


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _index(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _bytes(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]


def _log() -> None:
    _table("audit_entry", _index("idx"), *_bytes("leaf"), key=("idx",))
    _table("audit_payload", _index("idx"), *_bytes("salt", "payload"), key=("idx",))
    _table(
        "audit_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        _number("number"),
        *_bytes("hashes"),
        key=("level", "number"),
    )
    _table("audit_checkpoint", _index("size"), _number("previous"), *_text("note"), key=("size",))
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        _number("size"),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "size": 0}])
    _table("audit_open", _index("idx"), *_text("receipt", "instance"), key=("idx",))


def _search() -> None:
    _table(
        "audit_search",
        _index("idx"),
        *_text("kind", "receipt"),
        _number("time"),
        *_text("principal", "purpose", "action", "code"),
        sa.Column("result", sa.Text()),
        _number("access_index", nullable=True),
        *_text("instance"),
        key=("idx",),
    )
    for columns in (("receipt",), ("time",), ("principal", "idx"), ("purpose", "idx")):
        op.create_index(f"ix_audit_search_{'_'.join(columns)}", "audit_search", list(columns))
    for column, some in (
        ("result", "result IS NOT NULL"),
        ("access_index", "access_index IS NOT NULL"),
        ("action", "kind = 'event'"),
    ):
        op.create_index(
            f"ix_audit_search_{column}_idx",
            "audit_search",
            [column, "idx"],
            sqlite_where=sa.text(some),
            postgresql_where=sa.text(some),
        )
    _search_parts()


def _search_parts() -> None:
    columns = ("idx", "dataset", "column_name", "level", "grant_id")
    _table("audit_search_column", _number("idx"), *_text(*columns[1:]), key=columns, sqlite_with_rowid=False)
    _table("audit_search_dataset", _number("idx"), *_text("dataset"), key=("idx", "dataset"), sqlite_with_rowid=False)
    for table, indexed in (
        ("audit_search_column", ("dataset", "column_name", "idx")),
        ("audit_search_column", ("level", "idx")),
        ("audit_search_column", ("grant_id", "idx")),
        ("audit_search_dataset", ("dataset", "idx")),
    ):
        op.create_index(f"ix_{table}_{'_'.join(indexed)}", table, list(indexed))


def _policy() -> None:
    _table(
        "api_token",
        *_text("id"),
        *_bytes("secret_sha256"),
        *_text("principal"),
        sa.Column("roles", sa.JSON(), nullable=False),
        *_text("environment"),
        _number("created"),
        _number("expires"),
        _number("revoked", nullable=True),
        key=("id",),
    )
    files = sa.Column("files", sa.JSON(), nullable=False)
    activation = (_number("activated_at"), *_text("activated_by"))
    _table("policy_bundle", _index("sequence"), *_text("digest"), files, *activation, key=("sequence",))
    document = sa.Column("document", sa.JSON(), nullable=False)
    granting = (_number("expires"), _number("granted_at"), *_text("granted_by"))
    _table("dynamic_grant", *_text("id"), document, *granting, key=("id",))
    _table(
        "dynamic_grant_revocation",
        *_text("grant_id"),
        _number("revoked_at"),
        *_text("revoked_by"),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["dynamic_grant.id"], name="fk_dynamic_grant_revocation_grant_id_dynamic_grant"
        ),
        key=("grant_id",),
    )


def _running() -> None:
    _table("gateway_instance", *_text("id"), _number("lease_until"), key=("id",))
    _table(
        "release_window", *_text("dataset"), _number("window_start"), *_text("cell"), key=("dataset", "window_start")
    )
