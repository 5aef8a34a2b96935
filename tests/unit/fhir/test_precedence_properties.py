"""The laws of precedence, whatever the statements."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir.precedence import Statement, StatementKind, in_force, readings_of, unretracted
from fhir.readings import FIRST_DATED_VERSION

names = st.sampled_from([None, "a", "b", "c"])
versions = st.sampled_from([0, 2, 3, 4, FIRST_DATED_VERSION, FIRST_DATED_VERSION + 1])
kinds = st.sampled_from(
    [StatementKind.PRESSURE] * 4 + [StatementKind.HEART_RATE, StatementKind.RETRACTION, StatementKind.WITHDRAWAL]
)


@st.composite
def histories(draw: st.DrawFn) -> list[Statement]:
    """Draw what arrives of one patient: few names, instants and versions, so that everything collides."""
    history = []
    for number in range(draw(st.integers(1, 9))):
        kind = draw(kinds)
        is_pressure = kind is StatementKind.PRESSURE
        systolic = draw(st.integers(100, 200)) if is_pressure else None
        rate = 70.0 if kind is StatementKind.HEART_RATE else None
        history.append(
            Statement(
                kind,
                draw(st.integers(0, 2)),
                number,
                draw(names),
                is_pressure and draw(st.booleans()),
                systolic,
                None if systolic is None else systolic - 40,
                rate,
                number,
                0 if kind is StatementKind.RETRACTION else draw(versions),
                draw(names) if is_pressure else None,
                draw(st.sampled_from([None, "left", "right"])) if is_pressure else None,
            )
        )
    return history


def numbers(statements: list[Statement]) -> set[int]:
    return {statement.number for statement in statements}


@settings(max_examples=200, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_only_what_is_said_counts_not_how_it_is_listed(history: list[Statement], random) -> None:  # type: ignore[no-untyped-def]
    listed = random.sample(history, len(history))
    assert numbers(in_force(listed)) == numbers(in_force(history))
    assert readings_of(listed) == readings_of(history)


@settings(max_examples=200, deadline=None)
@given(histories(), st.permutations(range(9)))
def test_arrival_plays_no_part_among_versions_that_compare(history: list[Statement], arrival: list[int]) -> None:
    versions_of_one = [
        statement._replace(name="a", partner=None, version=2 + statement.number)
        for statement in history
        if statement.kind is not StatementKind.RETRACTION
    ]
    otherwise = [statement._replace(order=arrival[statement.number]) for statement in versions_of_one]
    newest = versions_of_one[-1:]
    expected = numbers([statement for statement in newest if statement.kind is not StatementKind.WITHDRAWAL])
    assert numbers(in_force(versions_of_one)) == numbers(in_force(otherwise)) == expected


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 2))
def test_retraction_by_name_takes_the_name_out_of_history_whenever_it_arrives(
    history: list[Statement], name: str, order: int, instant: int
) -> None:
    retraction = Statement(StatementKind.RETRACTION, instant, order, name, False, None, None, None, -1)
    without = [
        statement for statement in history if name not in statement.names or statement.kind is StatementKind.RETRACTION
    ]
    assert in_force([*history, retraction]) == in_force([retraction, *history]) == in_force([*without, retraction])


@settings(max_examples=200, deadline=None)
@given(histories())
def test_neither_retractions_nor_withdrawals_ever_stand_and_nothing_older_than_them(history: list[Statement]) -> None:
    withdrawals = [
        statement for statement in unretracted(history) if statement.kind is StatementKind.WITHDRAWAL and statement.name
    ]
    for standing in in_force(history):
        assert standing.kind in (StatementKind.PRESSURE, StatementKind.HEART_RATE)
        for withdrawal in withdrawals:
            if withdrawal.name in standing.names:
                same_way = (withdrawal.version >= FIRST_DATED_VERSION) == (standing.version >= FIRST_DATED_VERSION)
                newer = bool(withdrawal.version) and same_way and standing.version > withdrawal.version
                superseded = withdrawal not in _not_outdated(history)
                assert newer or superseded or (standing.corrected and standing.order >= withdrawal.order)


def _not_outdated(history: list[Statement]) -> list[Statement]:
    """Return the withdrawals that no newer version of theirs has overtaken."""
    said = unretracted(history)
    return [
        statement
        for statement in said
        if not any(
            other.version > statement.version > 0
            and (other.version >= FIRST_DATED_VERSION) == (statement.version >= FIRST_DATED_VERSION)
            and set(other.names) & set(statement.names)
            for other in said
        )
    ]


@settings(max_examples=200, deadline=None)
@given(histories())
def test_what_is_in_force_stays_so_when_it_is_all_that_is_known(history: list[Statement]) -> None:
    standing = in_force(history)
    assert in_force(standing) == standing
