"""A group of commands, each in its own module that is imported when needed. Knows no command."""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module
from inspect import cleandoc

import click


class CommandGroup(click.Group):
    """The commands of a package: its module `x`, with a click command named `x`, is the command `x`.

    So `curate check` imports neither the other commands nor their dependencies, and a new command is one file.
    """

    def __init__(self, package: str, help: str) -> None:
        super().__init__(
            help=cleandoc(help),
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
        )
        self._package = package
        self.params.append(
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_say_version,
                help="Show the version and exit.",
            )
        )

    @property
    def all_commands(self) -> dict[str, click.Command]:
        """Every command by name: imports all of them."""
        found = {name: self.get_command(None, name) for name in self.modules()}
        return {name: command for name, command in found.items() if command is not None}

    def list_commands(self, ctx: click.Context | None) -> list[str]:
        """Names of all commands, in alphabetical order."""
        return list(self.all_commands)

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:
        """The command with that name, or None if there is none."""
        module = self.modules().get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(module), module.rpartition(".")[2], None)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, which can't suggest commands that are not imported yet."""
        if self.get_command(ctx, args[0]) is None:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if close:
                ctx.fail(f"No such command '{args[0]}'; did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)

    def modules(self) -> dict[str, str]:
        """The full names of the modules that may hold commands, by the names of these, in alphabetical order."""
        names = sorted(module.name for module in pkgutil.iter_modules(import_module(self._package).__path__))
        return {name: f"{self._package}.{name}" for name in names}


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from curate import __version__

        click.echo(f"texsieve, version {__version__}")
        ctx.exit()
