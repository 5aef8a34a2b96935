"""Step 2 of the ladder: rules that hold within the file, each seen to fail on a planted defect."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Final

import pytest

from tests.unit.kibana import invariants, plants
from tests.unit.kibana.invariants import Faults
from tests.unit.kibana.reading import Objects

Rule = Callable[[Objects], Faults]
Plant = Callable[[Objects], None]

PLANTS: Final[dict[Rule, tuple[Plant, ...]]] = {
    invariants.type_and_id_are_unique: (plants.repeated_object,),
    invariants.reference_names_are_unique_in_an_object: (
        plants.repeated_reference,
        plants.repeated_reference_in_a_panel,
    ),
    invariants.every_reference_is_closed_within_the_file: (plants.missing_view, plants.foreign_reference_in_a_panel),
    invariants.panel_index_is_unique_and_that_of_the_grid: (plants.other_grid_index, plants.repeated_panel_index),
    invariants.every_panel_lies_within_the_grid: (plants.panel_beyond_the_edge,),
    invariants.no_panels_overlap: (plants.panel_upon_another,),
    invariants.every_visualization_is_of_a_known_type: (plants.unknown_visualization,),
    invariants.column_order_names_each_column_once: (plants.column_without_order, plants.order_without_column),
    invariants.buckets_come_before_figures: (plants.figure_first,),
    invariants.every_column_says_what_it_is: (plants.column_without_label,),
    invariants.every_count_has_a_source_field: (plants.count_of_nothing,),
    invariants.every_accessor_is_a_column_of_its_own_layer: (
        plants.metric_of_no_column,
        plants.colour_of_no_column,
        plants.table_of_no_column,
    ),
    invariants.drawn_layers_are_the_layers_of_data: (plants.drawing_without_data, plants.data_without_drawing),
    invariants.every_column_that_a_column_names_exists: (plants.order_by_no_column, plants.reference_to_no_column),
    invariants.every_layer_has_its_reference_in_the_panel_and_on_the_dashboard: (
        plants.layer_without_reference_in_the_panel,
        plants.layer_without_reference_on_the_dashboard,
        plants.layer_with_two_views,
    ),
    invariants.every_control_has_its_reference: (plants.control_without_reference, plants.control_of_another_view),
    invariants.every_control_bears_its_own_id: (plants.control_with_another_id,),
    invariants.no_reference_is_unused: (plants.unused_reference, plants.unused_reference_in_a_panel),
}
PLANTED: Final = [(rule, plant) for rule, found in PLANTS.items() for plant in found]


@pytest.mark.parametrize("rule", PLANTS, ids=lambda rule: rule.__name__)
def test_the_committed_file_keeps_the_rule(objects: Objects, rule: Rule) -> None:
    assert list(rule(objects)) == []


@pytest.mark.parametrize(("rule", "plant"), PLANTED, ids=lambda function: function.__name__)
def test_a_planted_defect_breaks_the_rule(objects: Objects, rule: Rule, plant: Plant) -> None:
    damaged = copy.deepcopy(objects)
    plant(damaged)
    assert list(rule(damaged))


def test_every_rule_has_a_planted_defect() -> None:
    rules = {
        rule
        for name, rule in inspect.getmembers(invariants, inspect.isfunction)
        if rule.__module__ == invariants.__name__ and not name.startswith("_")
    }
    assert rules == set(PLANTS)
