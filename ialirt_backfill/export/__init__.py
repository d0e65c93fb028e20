"""Days written elsewhere, in the forms that others work with: Parquet, a file for each instrument and month.

A month's file is written again where one of its days has changed. It says itself which content of which days it holds,
and the ledger remembers it as well; where the two differ, the file is right. docs/export.md tells the rest.
"""
