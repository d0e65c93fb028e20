"""What a person sees, with rich: progress, plan, summary and reports. `cli` alone imports this room.

Results go to standard output; progress, failures and logging go to standard error.
"""
