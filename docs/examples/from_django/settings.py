"""The least that Django needs; the database is the worker's, as DATABASE_URL names it."""

import os

from psycopg.conninfo import conninfo_to_dict

URL = os.environ["DATABASE_URL"]
if URL.startswith("sqlite:///"):
    DATABASE = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": URL.removeprefix("sqlite:///"),
        "OPTIONS": {"timeout": 10},
    }
else:
    options = conninfo_to_dict(URL)
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname"),
        "OPTIONS": options,
    }
DATABASES = {"default": DATABASE}
INSTALLED_APPS = ["bookings"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
