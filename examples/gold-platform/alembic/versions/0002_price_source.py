"""Where a price comes from. The default keeps a service of the version before working while both run."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gold_prices", sa.Column("source", sa.String(64), nullable=False, server_default="manual"))


def downgrade() -> None:
    op.drop_column("gold_prices", "source")
