"""The options of the commands about the program itself: config and completion."""

from dataclasses import dataclass
from typing import Optional

from ialirt_backfill.options.fields import option


@dataclass(frozen=True, kw_only=True)
class ConfigOptions:
    """Show each setting's value and where it came from, secrets hidden.

    A setting is looked for on the command line, in the environment, in ./ialirt-backfill.toml and in the user's
    ialirt-backfill.toml, in this order.
    """

    json: bool = option(False, "one JSON object on standard output")


SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, kw_only=True)
class CompletionOptions:
    """Print the script that completes commands and options in a shell.

    bash: ialirt-backfill completion bash > ~/.local/share/bash-completion/completions/ialirt-backfill
    zsh:  ialirt-backfill completion zsh > a folder of your $fpath/_ialirt-backfill
    fish: ialirt-backfill completion fish > ~/.config/fish/completions/ialirt-backfill.fish
    """

    shell: Optional[str] = option(None, f"one of {', '.join(SHELLS)}", flags=["shell"], choices=SHELLS)
