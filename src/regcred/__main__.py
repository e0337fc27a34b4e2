"""``python -m regcred``: the same program as the ``regcred`` command."""

from regcred.cli.main import main

if __name__ == "__main__":
    main()
