"""`python -m veridical` is `veridical`."""

from veridical.cli.main import main

if __name__ == "__main__":
    main()
