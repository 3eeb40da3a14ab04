"""An engine as a service: an HTTP API, a page for people, metrics, and what keeps them up under load and abuse.

``app.py`` puts it together; ``answers.py`` is what a request and an answer hold, ``searching.py`` asks the engine for
them and ``changes.py`` changes its documents; ``pool.py`` bounds what runs at once, ``guard.py`` what comes in,
``problems.py`` says what went wrong, ``metrics.py`` counts; ``server.py`` listens. The page's files are in ``page/``.
"""
