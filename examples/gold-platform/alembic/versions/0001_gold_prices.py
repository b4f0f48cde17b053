"""One price of gold by currency and day."""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gold_prices",
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("price", sa.Numeric(14, 4), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("currency", "day", name="gold_prices_pkey"),
        sa.CheckConstraint("price > 0", name="gold_prices_price_positive"),
    )


def downgrade() -> None:
    op.drop_table("gold_prices")
