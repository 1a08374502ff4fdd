"""Put structlog and the libraries' logging onto one chain and one stream."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from worker.clock import to_millisecond
from worker.logs.known import KnownSecrets
from worker.logs.output import Output
from worker.logs.redaction import FAILED, Redactor
from worker.logs.rendering import console_line, is_terminal, is_unicode, json_line
from worker.visible import visible

# At DEBUG these write headers, URLs and whole rows; at INFO a line per request or run.
QUIET = ("httpx", "httpcore", "hpack", "h2", "sqlalchemy", "psycopg", "apscheduler", "alembic")

_visible = lru_cache(maxsize=1024)(visible)
_known = KnownSecrets()
_redactor = Redactor(_known)


def configure(
    *,
    format: Literal["auto", "json", "console"] = "auto",  # noqa: A002 -- the setting's own name
    level: str = "info",
    stream: TextIO | None,
    secrets: Iterable[str] = (),
) -> None:
    """Write every event from now on to *stream*: our own, the libraries', and warnings.

    May be called again; loggers that modules already hold follow.  *secrets* are masked for good.
    """
    for secret in secrets:
        _known.add(secret, lasting=True)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    output = Output(stream)
    as_json = format == "json" or (format == "auto" and not is_terminal(stream))
    to_json = partial(json_line, ascii_only=not is_unicode(stream))
    finish = Finish(to_json if as_json else console_line(stream), output)
    start: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, _stamp]
    structlog.configure(
        processors=[*start, finish],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,  # a cached logger would keep a stream that is closed
    )
    _configure_libraries(start, finish, output, threshold)


def add_secret(value: str) -> None:
    """Mask *value* from now on, as tokens are refreshed; only the newest 2,000 are kept."""
    _known.add(value)


def mask_text(text: str) -> str:
    """Return *text* without secrets, e-mails and phone numbers, cut where it is long."""
    return _redactor.text(text)


class Finish:
    """The end of the chain: exception to text, redaction, one line.  Never raises."""

    def __init__(self, render: Callable[[Mapping[str, Any]], str], output: Output) -> None:
        """Write lines by *render*; count what *output* dropped in a field."""
        self._render = render
        self._output = output

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Return the line of one event."""
        stamp = {"ts": event.get("ts"), "level": event.get("level")}
        try:
            event = structlog.processors.format_exc_info(logger, method, event)
            if self._output.dropped:
                event["logs_dropped"] = self._output.dropped
            return self._render(self._fields(event))
        except Exception:  # noqa: BLE001 -- a line that cannot be made must not stop the work it tells of
            return self._render({**stamp, "event": FAILED})

    def _fields(self, event: EventDict) -> dict[str, Any]:
        plain = {key: event.pop(key) for key in ("ts", "level") if key in event}
        # A field's name is the code's own; where it is not, it is shown like any other text.
        return plain | {_visible(key): value for key, value in _redactor.fields(event).items()}


class LibraryHandler(logging.Handler):
    """Hands the records of the standard library's logging to our output."""

    def __init__(self, output: Output, formatter: logging.Formatter) -> None:
        """Format each record by the chain."""
        super().__init__()
        self.setFormatter(formatter)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; one that cannot be formatted is dropped and counted."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 -- logging's own promise: never raise into the caller
            self._output.dropped += 1
        else:
            self._output.line(line)


def _configure_libraries(start: list[Processor], finish: Finish, output: Output, threshold: int) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*start, _name_library],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, finish],
    )
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LibraryHandler):
            root.removeHandler(handler)
    root.addHandler(LibraryHandler(output, formatter))
    root.setLevel(threshold)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


def _stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["ts"] = to_millisecond(datetime.now(UTC))
    return event


def _name_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    return event
