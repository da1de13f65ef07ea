"""The picture of the graph: the same each time, inside its frame, nothing over anything else, and only text in it."""

import math
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.api.web.graph_picture import LABEL, MOST_ARROWS, MOST_NODES, TALL, WIDE, picture
from memory.collections.graph import Neighbourhood
from memory.kinds.relationship import Relationship

AT = datetime(2026, 3, 2, tzinfo=UTC)


def around(refs, arrows):
    made = [
        Relationship(id=str(place), created_at=AT, updated_at=AT, source=source, target=target, type=type)
        for place, (source, target, type) in enumerate(arrows)
    ]
    return Neighbourhood(refs=refs, relationships=made)


def star(count, distance=1):
    refs = {"file:a.py": 0} | {f"file:{place}.py": 1 + place % distance for place in range(count)}
    return around(refs, [("file:a.py", f"file:{place}.py", "code_code") for place in range(count)])


def by_ref(drawn):
    return {node.ref: node for node in drawn.nodes}


@pytest.mark.parametrize("count", [0, 1, 2, 7, 30, 59, 500])
@pytest.mark.parametrize("distance", [1, 3, 6])
def test_nodes_are_inside_and_their_names_do_not_overlap(count, distance):
    drawn = picture(star(count, distance), "file:a.py", {})
    for node in drawn.nodes:
        assert WIDE / 2 <= node.x <= drawn.width - WIDE / 2
        assert 10 <= node.y <= drawn.height - 30
    for one, other in combinations(drawn.nodes, 2):
        assert math.hypot(one.x - other.x, one.y - other.y) >= TALL * 0.9
        assert abs(one.x - other.x) >= WIDE * 0.9 or abs(one.y - other.y) >= TALL * 0.9, (one, other)


def test_the_focus_is_in_the_middle_and_what_is_nearer_is_further_inside():
    drawn = picture(star(40, 3), "file:a.py", {})
    middle = by_ref(drawn)["file:a.py"]
    assert (middle.x, middle.y) == (drawn.width / 2, drawn.height / 2)

    def ring(node):
        return math.hypot((node.x - middle.x) / 150, (node.y - middle.y) / 95)

    for nearer, further in ((1, 2), (2, 3)):
        outermost = max(ring(node) for node in drawn.nodes if node.distance == nearer)
        assert outermost < min(ring(node) for node in drawn.nodes if node.distance == further)


def test_the_same_neighbourhood_in_another_order_gives_the_same_nodes():
    one = star(80, 4)
    other = Neighbourhood(refs=dict(reversed(one.refs.items())), relationships=one.relationships)
    assert picture(one, "file:a.py", {}) == picture(other, "file:a.py", {})


def test_the_nearest_and_most_related_are_drawn_and_the_others_counted():
    refs = {"a": 0} | {f"n{place}": 1 for place in range(100)} | {"far": 2}
    arrows = [("a", f"n{place}", "t") for place in range(100)] + [("n99", "far", "t"), ("n98", "n97", "t")]
    drawn = picture(around(refs, arrows), "a", {})
    assert (len(drawn.nodes), drawn.left_out) == (MOST_NODES, 102 - MOST_NODES)
    assert {"n97", "n98", "n99"} <= by_ref(drawn).keys()
    assert "far" not in by_ref(drawn)
    assert {end for arrow in drawn.arrows for end in (arrow.source, arrow.target)} <= by_ref(drawn).keys()


def test_what_is_related_stands_on_the_same_side():
    refs = {"a": 0, "b": 1, "c": 1, "d": 1, "e": 1, "b2": 2, "d2": 2}
    arrows = [("a", each, "t") for each in "bcde"] + [("b", "b2", "t"), ("d", "d2", "t")]
    nodes = by_ref(picture(around(refs, arrows), "a", {}))
    for outer, inner, other in (("b2", "b", "d"), ("d2", "d", "b")):
        assert math.dist((nodes[outer].x, nodes[outer].y), (nodes[inner].x, nodes[inner].y)) < math.dist(
            (nodes[outer].x, nodes[outer].y), (nodes[other].x, nodes[other].y)
        )


def test_arrows_run_from_edge_to_edge_and_beside_each_other():
    drawn = picture(around({"a": 0, "b": 1}, [("a", "b", "x"), ("b", "a", "y"), ("a", "a", "self")]), "a", {})
    nodes = by_ref(drawn)
    there, back = drawn.arrows
    assert math.dist((there.x1, there.y1), (nodes["a"].x, nodes["a"].y)) == pytest.approx(10, abs=1)
    assert math.dist((there.x2, there.y2), (nodes["b"].x, nodes["b"].y)) == pytest.approx(8, abs=1)
    assert math.dist((there.x1, there.y1), (back.x2, back.y2)) >= 3


def test_arrows_beyond_what_can_be_seen_are_counted():
    drawn = picture(around({"a": 0, "b": 1}, [("a", "b", str(place)) for place in range(500)]), "a", {})
    assert (len(drawn.arrows), drawn.arrows_left_out) == (MOST_ARROWS, 500 - MOST_ARROWS)


@pytest.mark.parametrize(
    ("ref", "kind", "label", "href"),
    [
        (
            "file:/home/ada/kiosk/printer.py",
            "file",
            "printer.py",
            "/graph?ref=file%3A%2Fhome%2Fada%2Fkiosk%2Fprinter.py",
        ),
        ("file:C:\\src\\a.py", "file", "a.py", "/graph?ref=file%3AC%3A%5Csrc%5Ca.py"),
        ("session:s/1?", "session", "Pick a port", "/sessions/s%2F1%3F"),
        ("message:m1", "message", "m1", "/messages/m1"),
        ("learning:l1", "learning", "l1", "/learnings/l1"),
        ("project:p1", "project", "p1", "/graph?ref=project%3Ap1"),
        ("url:https://a.example/b", "url", "a.example/b", "/graph?ref=url%3Ahttps%3A%2F%2Fa.example%2Fb"),
        ("the printer of the kiosk", "name", "the printer of th…", "/graph?ref=the%20printer%20of%20the%20kiosk"),
        ("session:", "name", "session:", "/graph?ref=session%3A"),
    ],
)
def test_a_node_has_a_kind_a_short_name_and_a_page(ref, kind, label, href):
    [node] = picture(around({ref: 0}, []), ref, {"session:s/1?": "Pick a port"}).nodes
    assert (node.kind, node.label, node.href) == (kind, label, href)


HOSTILE = [
    "<script>alert(1)</script>",
    'file:"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "url:javascript:alert(1)",
    "session:../../api/sessions",
    "file:invoice\u202egpj.exe",
    "file:\x1b[31m",
    "x" * 8_000,
    "session:..",
]


@pytest.mark.parametrize("ref", HOSTILE)
def test_a_hostile_reference_is_text_and_its_links_stay_here(ref):
    drawn = picture(around({"a": 0, ref: 1}, [("a", ref, ref[:200])]), "a", {})
    node = by_ref(drawn)[ref]
    assert node.href.startswith(("/sessions/", "/graph?ref="))
    assert not set("<>\"' :\x1b\u202e") & set(node.href)
    assert ".." not in node.href.split("/")
    assert not set("\x1b\u202e") & set(node.name + node.label + drawn.arrows[0].type)
    assert len(node.label) <= LABEL


names = st.sampled_from([f"n{place}" for place in range(90)])


@given(
    st.dictionaries(names, st.integers(1, 6), max_size=90),
    st.lists(st.tuples(names, names, st.sampled_from("xyz")), max_size=120),
)
def test_any_neighbourhood_can_be_drawn(refs, arrows):
    drawn = picture(around({"n0": 0} | refs, arrows), "n0", {})
    assert len(drawn.nodes) + drawn.left_out == len({"n0", *refs})
    assert len({(node.x, node.y) for node in drawn.nodes}) == len(drawn.nodes)
