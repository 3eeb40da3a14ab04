"""An engine as a service: an HTTP API, a page for people, metrics, and what keeps them up under load and abuse.

``app.py`` puts it together; ``routes.py`` says what is asked where, ``answers.py`` what requests and answers hold.
``service.py`` lets them be answered by ``searching.py`` and ``changes.py``; ``pool.py`` bounds what runs at once,
``guard.py`` what comes in; ``problems.py`` says what went wrong, ``metrics.py`` counts, ``server.py`` listens. The
page's files are in ``page/``.
"""
