"""Problems with a solution that runs and tests that would notice if it did not."""
