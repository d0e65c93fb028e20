"""To be imported by every flow before all else: in a sentence, where `flows` or `ledger` are another program's."""

from __future__ import annotations

from ialirt_backfill.neighbours import refuse_stranger

refuse_stranger("flows")
refuse_stranger("ledger")
