"""Activity: counted by days in UTC, and drawn as a calendar."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Memory
from memory.api.web.timeline import LEVELS, calendar, span
from memory.collections.activity import MOST_DAYS, Day
from memory.errors import InvalidInput, UnknownRecord


def said(memory, session, *times):
    return memory.messages.append_many(
        session.id, [{"role": "user", "content": "x", "created_at": datetime.fromisoformat(each)} for each in times]
    )


def counted(days):
    return [(each.date.isoformat(), each.messages, each.sessions) for each in days]


def test_messages_are_counted_by_days_in_utc(memory, session):
    other = memory.sessions.create(title="Another")
    said(memory, session, "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-02T23:59:59.999999Z")
    said(memory, other, "2026-03-03T01:00:00+02:00", "2026-03-05T12:00:00Z")
    days = memory.messages.activity(after=date(2026, 3, 1), before=date(2026, 3, 5))
    assert counted(days) == [("2026-03-01", 1, 1), ("2026-03-02", 3, 2)]


def test_a_year_up_to_today_is_counted_unless_asked_otherwise(memory, session):
    now = datetime.now(UTC)
    said(memory, session, now.isoformat(), (now - timedelta(days=400)).isoformat())
    assert counted(memory.messages.activity()) == [(now.date().isoformat(), 1, 1)]


def test_a_project_is_counted_with_those_below_it(memory):
    for project in ("web", "web/api", "shop"):
        said(memory, memory.sessions.create(project=project), "2026-03-02T10:00:00Z")
    below = memory.projects.find("web/api")
    memory.projects.update(below.id, parent_id=memory.projects.find("web").id)
    asked = {"after": date(2026, 3, 1), "before": date(2026, 4, 1)}
    assert counted(memory.messages.activity(project="web", **asked)) == [("2026-03-02", 2, 2)]
    assert counted(memory.messages.activity(project=["web/api", "shop"], **asked)) == [("2026-03-02", 2, 2)]
    assert counted(memory.messages.activity(project="unknown", **asked)) == []
    assert counted(memory.messages.activity(project=[], **asked)) == []


def test_a_session_is_counted_with_what_was_said_before_its_fork(memory, session):
    first, *_ = said(memory, session, "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z")
    fork = memory.sessions.fork(session.id, at=first.id)
    said(memory, fork, "2026-03-04T10:00:00Z")
    asked = {"after": date(2026, 3, 1), "before": date(2026, 4, 1)}
    assert counted(memory.messages.activity(session_id=fork.id, **asked)) == [
        ("2026-03-02", 1, 1),
        ("2026-03-04", 1, 1),
    ]
    assert counted(memory.messages.activity(session_id=session.id, **asked)) == [
        ("2026-03-02", 1, 1),
        ("2026-03-03", 1, 1),
    ]


def test_what_was_deleted_and_what_others_have_is_not_counted(tmp_path):
    with Memory.open(tmp_path / "store") as memory, Memory.open(tmp_path / "store", workspace="other") as other:
        one, two = (each.sessions.create(id=name) for each, name in ((memory, "a"), (other, "b")))
        said(other, two, "2026-03-02T10:00:00Z")
        gone, _ = said(memory, one, "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z")
        memory.messages.delete(gone.id)
        asked = {"after": date(2026, 3, 1), "before": date(2026, 4, 1)}
        assert counted(memory.messages.activity(**asked)) == [("2026-03-02", 1, 1)]
        memory.sessions.delete(one.id)
        assert memory.messages.activity(**asked) == []
        assert memory.messages.active_between() is None


def test_days_before_1970_are_days(memory, session):
    said(
        memory, session, "1969-12-31T23:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z", "0099-05-05T05:05:05Z"
    )
    asked = {"after": date(1969, 12, 30), "before": date(1970, 1, 2)}
    wanted = [("1969-12-31", 2, 1), ("1970-01-01", 1, 1)]
    assert counted(memory.messages.activity(**asked)) == wanted
    assert counted(memory.messages.activity(session_id=session.id, **asked)) == wanted
    assert memory.messages.active_between() == (date(99, 5, 5), date(1970, 1, 1))


def test_a_time_stands_for_its_day_in_utc(memory, session):
    said(memory, session, "2026-03-02T10:00:00Z")
    late = datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=5)))
    assert counted(memory.messages.activity(after=late, before=date(2026, 3, 2))) == []
    assert counted(memory.messages.activity(after=late, before=date(2026, 3, 3))) == [("2026-03-02", 1, 1)]


def test_what_cannot_be_counted_is_said(memory, session):
    with pytest.raises(InvalidInput, match="ask for fewer"):
        memory.messages.activity(after=date(1800, 1, 1), before=date(2000, 1, 1))
    with pytest.raises(InvalidInput, match="not both"):
        memory.messages.activity(project="web", session_id=session.id)
    with pytest.raises(UnknownRecord):
        memory.messages.activity(session_id="none")
    assert memory.messages.activity(after=date(2026, 3, 2), before=date(2026, 3, 1)) == []
    assert MOST_DAYS < 200 * 365


def test_counting_reads_the_index_alone(memory):
    memory.messages.activity()
    plan = memory.store.database.rows(
        "explain query plan select count(distinct m.session_number) from message m where m.workspace_number = 1"
        " and m.deleted_at is null and m.created_at >= 0 and m.created_at < 9"
    )
    assert "USING COVERING INDEX message_by_created_at" in " ".join(str(row[3]) for row in plan)


def test_a_store_from_before_gets_the_index(tmp_path):
    def indexes(memory):
        return {row[1] for row in memory.store.database.rows("pragma index_list(message)")}

    with Memory.open(tmp_path / "store") as memory:
        wanted = indexes(memory)
        memory.store.database.rows("drop index message_by_created_at_workspace_deleted_at_session")
        memory.store.database.rows("update kind_table set version = 1 where kind = 'message'")
    with Memory.open(tmp_path / "store") as memory:
        assert indexes(memory) == wanted


def test_a_session_is_entered_at_a_date(memory, session):
    said(memory, session, "2026-03-02T10:00:00Z", "2026-03-04T10:00:00Z", "2026-03-03T10:00:00Z")

    def at(after):
        return [each.seq for each in memory.messages.list(session.id, after=after, limit=1).items]

    assert at(datetime(2026, 3, 3, tzinfo=UTC)) == [2]
    assert at(datetime(2026, 3, 9, tzinfo=UTC)) == []


def day(at, messages, sessions=1):
    return Day(date=date.fromisoformat(at), messages=messages, sessions=sessions)


def test_a_calendar_has_a_column_a_week_and_a_row_a_weekday():
    drawn = calendar([], date(2026, 3, 4), weeks=3)
    assert (drawn.first, drawn.last, len(drawn.cells)) == (date(2026, 2, 16), date(2026, 3, 4), 17)
    assert drawn.first.weekday() == 0
    for cell in drawn.cells:
        column, row = divmod((cell.date - drawn.first).days, 7)
        assert (cell.x - drawn.cells[0].x, cell.y - drawn.cells[0].y) == (column * 14, row * 14)
        assert cell.x + 11 <= drawn.width
        assert cell.y + 11 <= drawn.height


def test_a_year_is_53_weeks_and_names_its_months():
    drawn = calendar([], date(2026, 11, 20))
    assert (drawn.first, len(drawn.cells)) == (date(2025, 11, 17), 369)
    assert [word.text for word in drawn.months] == "Dec|Jan 2026|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov".split("|")
    assert [word.text for word in drawn.weekdays] == ["Mon", "Wed", "Fri"]
    assert [month.name for month in drawn.by_month][:3] == ["2025-11", "2025-12", "2026-01"]


def test_a_cell_says_what_was_said_on_its_day():
    drawn = calendar(
        [day("2026-03-02", 1), day("2026-03-03", 1_200, 3), day("2020-01-01", 5)], date(2026, 3, 4), weeks=1
    )
    assert [cell.name for cell in drawn.cells] == [
        "1 message in 1 session on 2026-03-02",
        "1,200 messages in 3 sessions on 2026-03-03",
        "no messages on 2026-03-04",
    ]
    assert (drawn.messages, drawn.days) == (1_201, 2)
    assert [(month.messages, month.days, month.last) for month in drawn.by_month] == [(1_201, 2, date(2026, 3, 4))]


def test_levels_are_quarters_of_the_counts_that_days_have():
    days = [day(f"2026-03-{place + 2:02}", messages) for place, messages in enumerate([1, 2, 3, 4, 5, 6, 7, 900])]
    drawn = calendar(days, date(2026, 3, 10), weeks=2)
    assert [cell.level for cell in drawn.cells] == [1, 1, 2, 2, 3, 3, 4, 4, 0]
    alike = calendar([day("2026-03-02", 7), day("2026-03-03", 7)], date(2026, 3, 4), weeks=1)
    assert [cell.level for cell in alike.cells] == [1, 1, 0]
    one = calendar([day("2026-03-02", 1), day("2026-03-03", 1), day("2026-03-04", 9)], date(2026, 3, 4), weeks=1)
    assert [cell.level for cell in one.cells] == [1, 1, 3]


@given(
    st.dictionaries(st.dates(date(2025, 1, 1), date(2026, 12, 31)), st.integers(0, 10**9)),
    st.dates(date(2025, 6, 1), date(2026, 12, 31)),
)
def test_any_activity_can_be_drawn(counts, last):
    drawn = calendar([Day(date=at, messages=count, sessions=1) for at, count in counts.items()], last)
    assert span(last)[0] == drawn.first
    inside = {at: count for at, count in counts.items() if drawn.first <= at <= last}
    assert drawn.messages == sum(inside.values()) == sum(month.messages for month in drawn.by_month)
    for cell in drawn.cells:
        assert (cell.level == 0) == (cell.messages == 0)
        assert cell.level <= LEVELS
    ordered = sorted(drawn.cells, key=lambda cell: cell.messages)
    assert [cell.level for cell in ordered] == sorted(cell.level for cell in drawn.cells)
