"""What PostgreSQL rolled back for another's sake is done again, whoever writes."""

import ast
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

import worker
from tests.acceptance.installation import wait_until
from worker.database import Database
from worker.database.repeating import TIMES, repeated
from worker.errors import DatabaseConflict
from worker.intake import import_file
from worker.invites import moves

HEAD = "connection,external_id,invitee_name,location,expected_arrival_at\n"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
ALONE = {
    "worker/database/engine.py": "it is what begins transactions",
    "worker/demo/acts.py": "the demo's own file, where there are no conflicts",
}

Work = Callable[[Database], object]
