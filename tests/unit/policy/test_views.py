"""A view is an allow-list: what it does not name does not leave, whatever the view."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.views import cut_to
from schemas.fields import MODELS
from tests.builders import a_review, changed
from tests.unit.policy.canaries import canary, leaves, paths_of

KINDS = list(MODELS)
DOCUMENTS = {kind: canary(kind) for kind in KINDS}
LEAVES = {kind: sorted(paths_of(MODELS[kind])) for kind in KINDS}
PRECISIONS = {"child.birthDate": "year-month", "child.address.postcode": "outward"}


@st.composite
def fields(draw: st.DrawFn, kind: str) -> list[str]:
    """Return paths of a kind's model: leaves, and whole branches above them."""
    paths = draw(st.lists(st.sampled_from(LEAVES[kind]), max_size=8))
    return [".".join(path.split(".")[: draw(st.integers(1, 4))]) for path in paths]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(KINDS))
def test_nothing_outside_a_view_ever_leaves(data: st.DataObject, kind: str) -> None:
    document = copy.deepcopy(DOCUMENTS[kind])
    named, cut = data.draw(fields(kind)), data.draw(fields(kind))
    blurred = data.draw(st.lists(st.sampled_from(sorted(PRECISIONS)), unique=True))
    view = cut_to(document, dict.fromkeys(named) | {one: PRECISIONS[one] for one in blurred}, cut)

    def below(path: str, some: list[str]) -> bool:
        return any(path == one or path.startswith(one + ".") for one in some)

    whole = leaves(document)
    for path, value in leaves(view):
        assert below(path, [*named, *blurred])
        assert not below(path, cut)
        assert path in blurred or (path, value) in whole
    assert document == DOCUMENTS[kind], "cutting a view changes nothing in the document"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(KINDS))
def test_everything_that_a_view_names_and_the_sender_stated_leaves(
    data: st.DataObject, kind: str
) -> None:
    document = DOCUMENTS[kind]
    named = data.draw(fields(kind))
    view = leaves(cut_to(document, dict.fromkeys(named)))
    for (path, value), count in leaves(document).items():
        if any(path == one or path.startswith(one + ".") for one in named):
            assert view[path, value] == count


def test_less_than_the_whole_is_given_where_a_view_says_so() -> None:
    view = cut_to(
        a_review(), {"child.birthDate": "year-month", "child.address.postcode": "outward"}
    )
    assert view == {"child": {"birthDate": "2024-05", "address": {"postcode": "CH65"}}}


def test_a_precision_is_not_lost_where_the_branch_above_is_named_too() -> None:
    for names in (
        {"child.address": None, "child.address.postcode": "outward"},
        {"child.address.postcode": "outward", "child.address": None},
    ):
        view = cut_to(a_review(), names)
        assert view["child"]["address"]["postcode"] == "CH65"


def test_a_birth_date_of_which_only_the_year_is_known_stays_a_year() -> None:
    message = changed(a_review(), "child.birthDate", "2024")
    assert cut_to(message, {"child.birthDate": "year-month"}) == {"child": {"birthDate": "2024"}}


def test_where_nothing_was_stated_nothing_is_shown_not_even_an_empty_place() -> None:
    """Empty places would say how many there are."""
    people = [{"name": "Sam Ashdown"}, {"name": "Alex Ashdown"}]
    message = changed(a_review(), "child.responsiblePeople", people)
    assert cut_to(message, {"child.responsiblePeople.phone": None, "child.upn": None}) == {}
