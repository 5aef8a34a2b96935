"""How fast patients are simulated: ``python -m benchmarks.simulate_patients``. A day of 15-minute readings of each."""

from __future__ import annotations

import argparse
import statistics
import time

from conf.times import HOUR_US
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Simulation

EPOCH_US = 1_740_787_200_000_000  # 2025-03-01
INTERVAL_US = HOUR_US // 4


def simulate(patients: int, readings: int, seed: int) -> float:
    """Return the seconds it takes to draw the patients and step through all readings, each tick thrown away."""
    began_s = time.perf_counter()
    simulation = Simulation(draw_patients(patients, seed), Plan(seed, EPOCH_US, INTERVAL_US))
    for _ in range(readings):
        simulation.step()
    return time.perf_counter() - began_s


def main() -> None:
    """Parse the command line and print the median rate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_patients", description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--readings", type=int, default=96, help="of each patient (default 96)")
    parser.add_argument("--repetitions", type=int, default=3)
    chosen = parser.parse_args()
    times_s = [simulate(chosen.patients, chosen.readings, seed) for seed in range(chosen.repetitions)]
    median_s = statistics.median(times_s)
    rate = chosen.patients * chosen.readings / median_s
    print(f"{chosen.patients:,} patients x {chosen.readings} readings: median {median_s:.1f} s, {rate:,.0f} readings/s")
    print(f"all runs: {', '.join(f'{seconds:.1f} s' for seconds in times_s)}")


if __name__ == "__main__":
    main()
