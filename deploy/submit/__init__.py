"""From a checkout to a running job: preparation of the machine and submission to Spark."""
