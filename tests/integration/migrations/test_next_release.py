"""Two releases at one database: the next one, made of this one and a migration more, and a way back."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import worker
from worker import migrations
from worker.database import Database, schema
from worker.errors import SchemaError

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "NEXT", "HEAD", None, None


def upgrade():
    op.add_column("job", sa.Column("later", sa.Text()))
    MARK


def downgrade():
    op.drop_column("job", "later")
"""
MARK = "op.execute(\"INSERT INTO schema_compatibility VALUES ('HEAD')\")"
HEAD = migrations.HEAD
NEXT = f"{int(HEAD) + 1:04d}"
REQUIRE = """
import sys
from worker.database import Database, schema
from worker.errors import WorkerError
try:
    schema.require_fit(Database(sys.argv[1]))
except WorkerError as error:
    print(int(error.exit_code), error, "|", error.hint)
"""
UPGRADE = (
    "import sys; from worker.database import Database, schema; print(*schema.upgrade(Database(sys.argv[1])))"
)


class NextRelease:
    """The code of the next release, in a folder of its own."""

    def __init__(self, folder: Path, *, mark: str) -> None:
        """Copy this release and add a migration, which may mark this one as fit for its schema."""
        source = Path(worker.__file__).parent
        shutil.copytree(source, folder / "worker", ignore=shutil.ignore_patterns("__pycache__"))
        migration = MIGRATION.replace("MARK", mark).replace("HEAD", HEAD).replace("NEXT", NEXT)
        (folder / f"worker/migrations/versions/{NEXT}_next.py").write_text(migration, encoding="utf-8")
        init = folder / "worker/migrations/__init__.py"
        init.write_text(init.read_text(encoding="utf-8").replace(f'"{HEAD}"', f'"{NEXT}"'), encoding="utf-8")
        self._folder = folder

    def run(self, code: str, url: str) -> str:
        """Run a line of it in a process of its own, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code, url], cwd=self._folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def test_the_next_release_refuses_this_schema_until_it_is_migrated(tmp_path: Path, database_url: str) -> None:
    """It is behind: exit 78, both revisions, and the command; afterwards it runs."""
    following = NextRelease(tmp_path / "next", mark="pass")

    refused = following.run(REQUIRE, database_url)
    upgraded = following.run(UPGRADE, database_url)

    assert refused.startswith(f"78 the database's schema is at {HEAD}, this release needs {NEXT} | ")
    assert "envoy-worker db upgrade" in refused
    assert upgraded == f"{HEAD} {NEXT}"
    assert following.run(REQUIRE, database_url) == ""


@pytest.mark.parametrize(("mark", "fits"), [(MARK, True), ("pass", False)])
def test_a_rollback_of_the_code_starts_where_the_migration_says_so(
    mark: str, fits: bool, tmp_path: Path, database_url: str
) -> None:
    """This release runs on the next one's schema if that migration marked it as fit, and only then."""
    NextRelease(tmp_path / "next", mark=mark).run(UPGRADE, database_url)
    database = Database(database_url)

    if fits:
        schema.require_fit(database)
        assert schema.upgrade(database) == (NEXT, NEXT)
    else:
        with pytest.raises(SchemaError, match=rf"at {NEXT}, which is newer than this release \({HEAD}\)"):
            schema.require_fit(database)
    database.dispose()
