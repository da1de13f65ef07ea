"""Learnings, read in other orders than that of their list."""


def test_the_learnings_that_were_changed_last_and_the_newest_of_each_project(memory):
    old, other, _, newest = (memory.learnings.add("fact", text, project=text[0]) for text in ("a1", "b1", "a2", "a3"))
    memory.learnings.update(old.id, content="a1, changed")

    assert [each.id for each in memory.learnings.last_changed(limit=2)] == [old.id, newest.id]
    assert {each.id for each in memory.learnings.one_a_project()} == {newest.id, other.id}
    assert [each.id for each in memory.learnings.one_a_project(project="b")] == [other.id]
