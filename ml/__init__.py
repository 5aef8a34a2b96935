"""Model side without Spark: features, training data, prediction and the registry of model bundles."""
