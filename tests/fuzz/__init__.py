"""Fuzz targets: every parser that meets text of others, and what has to hold whatever that text is.

A target takes bytes. hypothesis makes them from the seeds in ``seeds/`` (`tests.fuzz.mutation`;
``make check`` and ``make soak`` say how many, ``tests/unit/fuzz``), and atheris by what the code
does with them: ``make fuzz ARGS='image -max_total_time=60'``. What either finds becomes a test
beside the parser's own tests.
"""
