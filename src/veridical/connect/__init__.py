"""Where data comes from and goes to: files, dataframes, databases."""
