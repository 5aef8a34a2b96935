from __future__ import annotations

import pytest

from demo.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--exit-after", "0"], "invalid positive number value: '0'"),
        (["--exit-after", "nan"], "invalid positive number value: 'nan'"),
        (["--exit-after", "5", "stream"], "invalid choice: 'stream'"),
        (["--patients", "many"], "invalid int value: 'many'"),
        (["--history", "long"], "'long' is not a duration"),
    ],
)
def test_an_unfit_option_ends_with_the_usage_exit_code(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
