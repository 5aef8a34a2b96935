"""Searches that more than one part asks: small functions over a `client.Search`, plain values in and out.

What one page alone asks stands with it: `webapp.board.sections`, `webapp.audit.search`.

User text reaches a query only as the value of a ``term``, ``terms`` or ``prefix`` on a keyword, or between the two
asterisks of a ``wildcard`` with its operators escaped; names of fields, sorts and indices are constants. Documents come
back as they are stored. Whatever goes wrong is a `client.SearchUnavailable`.
"""
