"""A HAPI server over the datastore: it answers from files and ledger alone, never asks I-ALiRT, and never writes.

`hapi` is its pure core: a request in, the pieces of an answer out. What may be asked is in `requests`, what there is to
be had in `datasets` and `holdings`, how rows become bytes in `values` and `formats`. `server` puts HTTP around it.

Source: the HAPI specification, version 3.3 (github.com/hapi-server/data-specification).
"""
