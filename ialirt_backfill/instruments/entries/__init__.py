"""Tables of TOML become instruments: forms, axes, columns, fields, and the instrument of them all.

Every key is looked at, and what is wrong is noted with the place it stands at, so that a person is told of all of it at
once. What is noted is then left out, and the reading goes on.
"""
