"""The whole system on one machine, with a live summary in the terminal; run by ``./spark-submit.sh``."""
