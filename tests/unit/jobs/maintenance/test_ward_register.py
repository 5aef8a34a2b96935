"""The register of wards: what a file may look like, and what is told of one that cannot be used."""

from __future__ import annotations

import io

import pytest

from jobs.maintenance.ward_register import RegisterError, Stay, read_register, under_pseudonyms


def read(text: str) -> list[Stay]:
    return read_register(io.StringIO(text), "ward.csv")


def test_a_line_says_where_a_patient_lies() -> None:
    assert read("patient_id,ward,bed,name\np-1,A,12,Anna B.\np-2,A,,\n") == [
        {"patient_id": "p-1", "ward": "A", "bed": "12", "name": "Anna B."},
        {"patient_id": "p-2", "ward": "A"},
    ]


def test_a_file_of_a_french_spreadsheet_is_read_as_well() -> None:
    """It begins with a mark of its encoding, has semicolons, and ends with lines of nothing but these."""
    assert read("\ufeffpatient_id;ward\np-1; Cardiologie, 2e \n;\n\n".replace(", 2e", " 2e")) == [
        {"patient_id": "p-1", "ward": "Cardiologie 2e"}
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the columns are missing. Begin with the line: patient_id,ward,bed,name"),
        ("patient_id,room\np-1,A", "line 1: the columns are patient_id,room"),
        ("patient_id,ward,ward\np-1,A,B", "line 1: the columns are"),
        ("patient_id,ward\np-1,", "line 2: ward is missing"),
        ("patient_id,ward\np-1,A\n,A", "line 3: patient_id is missing"),
        ("patient_id,ward\np-1,A\np-2,A\np-1,B", "line 4: p-1 is in the file twice"),
        ("patient_id,ward\np-1,A,B", "line 2: there are more values than columns"),
        (f"patient_id,ward\np-1,{'A' * 65}", "line 2: ward has more than 64 characters"),
        ('patient_id,ward\np-1,"A,B"', "line 2: ward has a character that it must not have"),
        ("patient_id,ward\n", "names no patient, which would shut everybody out"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line_and_a_remedy(text: str, told: str) -> None:
    with pytest.raises(RegisterError) as caught:
        read(text)
    assert told in str(caught.value)
    assert str(caught.value).startswith("ward.csv")
    assert "\n" not in str(caught.value)


def test_of_many_faults_the_first_are_told_and_the_rest_counted() -> None:
    with pytest.raises(RegisterError, match=r"line 21: ward is missing; and 5 more\. Mend these lines\.$"):
        read("patient_id,ward\n" + "".join(f"p-{number},\n" for number in range(25)))


def test_with_pseudonyms_a_register_is_kept_under_them_and_may_hold_no_names() -> None:
    stays = read("patient_id,ward\np-1,A")
    assert under_pseudonyms(stays, str.upper, "ward.csv") == [{"patient_id": "P-1", "ward": "A"}]
    with pytest.raises(RegisterError, match="Leave out the column name"):
        under_pseudonyms(read("patient_id,ward,name\np-1,A,Anna"), str.upper, "ward.csv")
