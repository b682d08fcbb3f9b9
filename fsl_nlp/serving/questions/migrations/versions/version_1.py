"""Questions, feedback, dismissed texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "fsl_nlp_questions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("time", time, nullable=False, index=True),
        sa.Column("bot", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("text_b", sa.Text),
        sa.Column("text_key", sa.String(32), nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("in_scope", sa.Float),
        sa.Column("alternatives", sa.JSON, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
    )
    op.create_index("fsl_nlp_questions_of_bot", "fsl_nlp_questions", ["bot", "time"])
    op.create_index("fsl_nlp_questions_text", "fsl_nlp_questions", ["text_key"])
    op.create_table(
        "fsl_nlp_feedback",
        sa.Column("question", sa.String(32), primary_key=True),
        sa.Column("time", time, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("comment", sa.Text, nullable=False),
    )
    op.create_table(
        "fsl_nlp_dismissed",
        sa.Column("bot", sa.Text, primary_key=True),
        sa.Column("text_key", sa.String(32), primary_key=True),
        sa.Column("time", time, nullable=False),
    )
