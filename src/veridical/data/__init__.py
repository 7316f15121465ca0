"""Real data that ships in the package, with its attribution: Adult census (CC BY 4.0, see NOTICE)."""
