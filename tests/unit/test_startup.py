"""What a process loads before it works."""

import subprocess
import sys

SERVICE = "import worker.service, worker.intake, worker.retention, jobs.push_invites, sys;"
LOADED = "print([name for name in sys.modules if name.split('.')[0] == 'psycopg'])"


def test_a_worker_on_sqlite_never_loads_postgresqls_driver() -> None:
    """It takes a tenth of a second and ten megabytes."""
    run = subprocess.run(
        [sys.executable, "-c", SERVICE + LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"
