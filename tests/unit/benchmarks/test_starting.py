from __future__ import annotations

from benchmarks.starting import ALL, PREDICTION, QUERIES, plot, steps_of

SAID = [
    (100.0, ""),
    (101.0, "[1/4] Python environment .venv: there"),
    (101.0, "[2/4] Python packages ..."),
    (102.0, "[3/4] Spark, Kafka and Elasticsearch jars ..."),
    (112.0, "[3/4] Spark, Kafka and Elasticsearch jars: done in 10 s"),
    (131.0, "[2/4] Python packages: done in 30 s"),
    (132.0, "Kafka and Elasticsearch ..."),
    (137.0, "  Elasticsearch: starting"),
    (142.5, "Kafka and Elasticsearch: ready in 10 s"),
    (143.0, "Site at http://127.0.0.1:43211/ ..."),
    (145.0, "Site at http://127.0.0.1:43211/: ready in 2 s"),
    (145.0, "First model (simulated patients, a minute or two) ..."),
    (205.0, "First model (simulated patients, a minute or two): ready in 60 s"),
    (207.0, "0:02 waiting for the stream; readings 0 (0/s)"),
]


def test_steps_take_what_lies_between_their_beginning_and_their_end() -> None:
    steps = steps_of(SAID, started_s=220.0, predicted_s=228.5)
    assert steps == {
        "Spark, Kafka and Elasticsearch jars": 10.0,
        "Python packages": 30.0,
        "Kafka and Elasticsearch": 10.5,
        "Site": 2.0,
        "First model": 60.0,
        QUERIES: 15.0,
        PREDICTION: 8.5,
        ALL: 128.5,
    }


def test_a_start_that_finds_all_prepared_has_the_steps_of_the_stream_alone() -> None:
    assert steps_of(SAID[:2], started_s=110.0, predicted_s=112.0) == {QUERIES: 10.0, PREDICTION: 2.0, ALL: 12.0}


def test_the_plot_shows_each_step_cold_and_those_that_there_were_warm() -> None:
    (axes,) = plot({"First model": 60.0, ALL: 128.5}, [{ALL: 30.0}, {ALL: 32.0}]).axes
    assert [text.get_text() for text in axes.texts] == ["60.0", "128.5", "", "31.0"]
