"""Importing files: what goes in, what changes, what stays."""

from collections.abc import Callable

import pytest

from worker.intake import FileRefused, ImportReport, Problem

Import = Callable[..., tuple[ImportReport, list[Problem]]]
Stored = Callable[[str], list[tuple[object, ...]]]

HEADER = "connection,external_id,invitee_name,location,expected_arrival_at,notes"
TWO = f"""{HEADER}
acme,1,Jane Doe,Berlin,2026-03-02T15:00:00Z,Bring ID
acme,2,Zoé Moreau,Berlin,2026-03-02T16:00:00+01:00,
"""


def test_good_lines_become_pending_invites(import_text: Import, stored: Stored) -> None:
    """Each line is one row, which the worker then sees as pending."""
    report, problems = import_text(TWO)

    assert (report.created, report.rejected, problems) == (2, 0, [])
    assert stored("external_id, invitee_name, notes, status, revision") == [
        ("1", "Jane Doe", "Bring ID", "pending", 1),
        ("2", "Zoé Moreau", None, "pending", 1),
    ]


def test_a_second_import_changes_nothing(import_text: Import, stored: Stored) -> None:
    """The external id makes every import repeatable."""
    import_text(TWO)

    report, _ = import_text(TWO)

    assert (report.created, report.changed, report.unchanged) == (0, 0, 2)
    assert stored("revision") == [(1,), (1,)]


def test_every_column_comes_back_as_it_was_and_repeats(import_text: Import, stored: Stored) -> None:
    """Times with fractions, custom fields, composed letters and switches compare equal the next time."""
    line = (
        '{"connection": "acme", "external_id": 1, "invitee_name": "Zoe\\u0301", "invitee_email": "z@x.y",'
        ' "location": "Berlin", "flow": 200001, "host_employee_id": 300001, "host_email": "m@x.y",'
        ' "expected_arrival_at": "2026-03-02T15:00:00.123987Z", "expected_departure_at": "2026-03-02T15:01Z",'
        ' "notes": "a\\r\\nb", "custom_fields": {"b": 2, "a": "x"}, "send_email": true, "wanted": "absent"}'
    )
    import_text(line, name="visits.jsonl")

    report, problems = import_text(line, name="visits.jsonl")

    assert (report.unchanged, problems) == (1, [])
    assert stored("external_id, invitee_name, flow, notes, wanted, revision") == [
        ("1", "Zoé", "200001", "a\nb", "absent", 1)
    ]


def test_changed_content_updates_the_row_and_raises_its_revision(import_text: Import, stored: Stored) -> None:
    """Only the row that differs is touched."""
    import_text(TWO)

    report, _ = import_text(TWO.replace("Bring ID", "Bring a badge"))

    assert (report.created, report.changed, report.unchanged) == (0, 1, 1)
    assert stored("notes, revision") == [("Bring a badge", 2), (None, 1)]


def test_bad_lines_are_reported_by_line_and_column_and_the_good_ones_go_in(
    import_text: Import, stored: Stored
) -> None:
    """All that is wrong with a line is said; a line counts once."""
    report, problems = import_text(
        f"{HEADER}\n,1,{'x' * 10_000},Berlin,2026-02-31T10:00Z,\n"
        "acme,2,Jane,Berlin,2026-03-02T15:00Z,\nacme,3\n"
    )

    assert (report.created, report.rejected) == (1, 2)
    assert [(problem.line, problem.column) for problem in problems] == [
        (2, "connection"),
        (2, "invitee_name"),
        (2, "expected_arrival_at"),
        (4, None),
    ]
    assert stored("external_id") == [("2",)]


def test_an_identical_repeat_is_skipped_and_another_content_is_an_error(
    import_text: Import, stored: Stored
) -> None:
    """The first line of an external id stays; a later one that differs names it."""
    first = "acme,1,Jane,Berlin,2026-03-02T15:00Z,"
    report, problems = import_text("\n".join([HEADER, first, first, first.replace("Jane", "John")]))

    assert (report.created, report.repeated, report.rejected) == (1, 1, 1)
    assert [(problem.line, problem.column) for problem in problems] == [(4, "external_id")]
    assert "line 2" in problems[0].message
    assert stored("invitee_name") == [("Jane",)]


def test_an_external_id_belongs_to_its_connection(import_text: Import, stored: Stored) -> None:
    """Two customers' visits may have the same key, in one file or in two."""
    import_text(f"{HEADER}\nacme,1,Jane,Berlin,2026-03-02T15:00Z,\n")
    both = "\n".join([HEADER, *(f"{name},1,John,Berlin,2026-03-02T15:00Z," for name in ("acme", "globex"))])

    report, problems = import_text(both)

    assert (report.created, report.changed, problems) == (1, 1, [])
    assert sorted(stored("connection, invitee_name, revision"), key=str) == [
        ("acme", "John", 2),
        ("globex", "John", 1),
    ]


def test_a_good_line_goes_in_after_a_bad_one_of_the_same_external_id(import_text: Import) -> None:
    """A line that was refused is not in the way of its correction."""
    report, _ = import_text(
        f"{HEADER}\nacme,1,,Berlin,2026-03-02T15:00Z,\nacme,1,J,Berlin,2026-03-02T15:00Z,\n"
    )

    assert (report.created, report.rejected) == (1, 1)


def test_a_dry_run_counts_the_same_and_writes_nothing(import_text: Import, stored: Stored) -> None:
    """What would be created, changed and refused is known before."""
    import_text(TWO)
    before = stored("external_id, notes, revision")
    more = TWO.replace("Bring ID", "Badge") + "acme,3,J,Berlin,2026-03-02T15:00Z,\nacme,4,,,,\n"

    rehearsed = import_text(more, dry_run=True)

    assert stored("external_id, notes, revision") == before
    assert rehearsed == import_text(more)
    assert (rehearsed[0].created, rehearsed[0].changed, rehearsed[0].unchanged) == (1, 1, 1)


def test_the_connection_given_fills_the_column_and_another_one_is_an_error(
    import_text: Import, stored: Stored
) -> None:
    """A file for one customer does not slip into another's."""
    report, problems = import_text(
        f"{HEADER}\n,1,J,Berlin,2026-03-02T15:00Z,\n acme ,2,J,Berlin,2026-03-02T15:00Z,\n"
        "globex,3,J,Berlin,2026-03-02T15:00Z,\n",
        connection="acme",
    )

    assert (report.created, report.rejected) == (2, 1)
    assert [(problem.line, problem.column) for problem in problems] == [(4, "connection")]
    assert stored("connection") == [("acme",), ("acme",)]


@pytest.mark.usefixtures("berlin")
def test_connections_that_are_not_there_are_accepted_and_named(import_text: Import) -> None:
    """The invites wait for their connection; the caller is told once for each."""
    line = "J,Berlin,2026-03-02T15:00Z,"

    report, _ = import_text(f"{HEADER}\nacme,1,{line}\nglobex,1,{line}\nglobex,2,{line}\n")

    assert report.created == 3
    assert report.unknown_connections == {"globex"}


@pytest.mark.usefixtures("berlin")
def test_local_times_are_settled_by_the_locations_zone(import_text: Import, stored: Stored) -> None:
    """The location is an id, a name in any case, or the connection's default."""
    places = ["Berlin", " berlin ", "1", "Singapore", ""]
    lines = [f"acme,{number},J,{place},2026-07-15 10:00," for number, place in enumerate(places)]

    report, problems = import_text("\n".join([HEADER, *lines]))

    assert (report.created, problems) == (5, [])
    hours = [str(row[0]).replace(" ", "T")[11:13] for row in stored("expected_arrival_at")]
    assert hours == ["08", "08", "08", "02", "02"]


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("place", ["Atlantis", "Annex", "Nowhere"])
def test_a_local_time_where_the_zone_is_not_known_is_refused(import_text: Import, place: str) -> None:
    """Unknown, ambiguous between zones, or without a zone in Envoy: an offset is asked for."""
    report, problems = import_text(
        f"{HEADER}\nacme,1,J,{place},2026-07-15 10:00,\nacme,2,J,3,2026-07-15 10:00,\n"
    )

    assert (report.created, report.rejected) == (1, 1)
    assert (problems[0].line, problems[0].column) == (2, "expected_arrival_at")
    assert "write an offset" in problems[0].message


def test_a_refused_file_leaves_the_database_alone(import_text: Import, stored: Stored) -> None:
    """A wrong header is found before the first line goes in."""
    with pytest.raises(FileRefused, match=r"visits\.csv:1: .*did you mean invitee_name"):
        import_text(TWO.replace("invitee_name", "invite_name"))

    assert stored("external_id") == []


def test_no_problem_quotes_what_a_line_holds(import_text: Import) -> None:
    """Messages go to terminals and logs; visitors' data must not."""
    lines = [
        "acme,1,Secretname\0,Berlin,2026-03-02T15:00Z,",
        "acme,2,Secretname,Berlin,secret-time,",
        '"Secretname',
        "Secretname",
        "acme,3,Secretname,Berlin,2026-03-02 15:00,Secretname",
    ]

    report, problems = import_text("\n".join([HEADER, *lines]))

    assert report.rejected == 5
    assert not any("secret" in str(problem).lower() for problem in problems)
