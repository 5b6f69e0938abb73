"""The command of a pasted AWS CLI line: its prompt, its variables, and the AWS CLI's own options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stsnb.errors import AssumeRoleError
from stsnb.sts.arn import shorten

# What the last word of a shell's prompt ends with.
_PROMPT_ENDS = ("$", "%", ">", "❯", "!")  # noqa: RUF001
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
# Options about the AWS CLI's own output, of which there is none here; whether they take a value.
_OUTPUT_OPTIONS = {
    "--output": True,
    "--query": True,
    "--color": True,
    "--cli-binary-format": True,
    "--cli-error-format": True,
    "--no-cli-pager": False,
    "--no-paginate": False,
    "--cli-auto-prompt": False,
    "--no-cli-auto-prompt": False,
}
_REMOVE_INPUT = "Pass its values as options, such as --role-arn and --role-session-name."
_REMOVE_TIMEOUT = "Remove it: boto3's own timeouts apply."
# The AWS CLI's other options: whether they take a value, and what to do instead.
_UNSUPPORTED = {
    "--endpoint-url": (True, "Set AWS_ENDPOINT_URL_STS in the environment, or endpoint_url in the profile."),
    "--ca-bundle": (True, "Set AWS_CA_BUNDLE in the environment, or ca_bundle in the profile."),
    "--no-verify-ssl": (
        False,
        "Set AWS_CA_BUNDLE in the environment, or ca_bundle in the profile, to the server's certificate.",
    ),
    "--no-sign-request": (
        False,
        "Remove it, or pass --web-identity-token-file to assume the role without AWS credentials.",
    ),
    "--debug": (False, "Remove it, and turn on Python's logging instead."),
    "--v2-debug": (False, "Remove it."),
    "--cli-read-timeout": (True, _REMOVE_TIMEOUT),
    "--cli-connect-timeout": (True, _REMOVE_TIMEOUT),
    "--cli-input-json": (True, _REMOVE_INPUT),
    "--cli-input-yaml": (True, _REMOVE_INPUT),
    "--generate-cli-skeleton": (False, "Run %assume_role? to list the options."),
    "--version": (False, "Remove it."),
}
# Environment variables before the command that are options here; of two for one option the later wins: as in
# botocore AWS_DEFAULT_PROFILE over AWS_PROFILE, as in the AWS CLI AWS_REGION over AWS_DEFAULT_REGION.
_OPTION_OF_VARIABLE = {
    "AWS_PROFILE": "--profile",
    "AWS_DEFAULT_PROFILE": "--profile",
    "AWS_DEFAULT_REGION": "--region",
    "AWS_REGION": "--region",
}
_OUTPUT_VARIABLES = frozenset({"AWS_PAGER", "AWS_DEFAULT_OUTPUT", "AWS_CLI_AUTO_PROMPT"})


@dataclass
class Command:
    """The beginning of a pasted line: ``AWS_PROFILE=p aws --region r sts assume-role``.

    Parameters
    ----------
    length : int
        How many words it has; 0 where there is none.
    variables : dict of str to str
        The environment variables set before ``aws``.
    words : list of str
        The options between ``aws`` and ``assume-role``, with their values.
    program : str
        ``aws`` or ``awslocal``; empty where there is none.
    other : str or None
        The command if it is another one than ``aws sts assume-role``.
    """

    length: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    program: str = ""
    other: str | None = None

    def options(self) -> list[str]:
        """Return the magic's options that it stands for; those of the line itself come later, and win."""
        found = []
        for name, option in _OPTION_OF_VARIABLE.items():
            if name in self.variables:
                found.append(f"{option}={self.variables[name]}")
        return found + without_output_options(self.words, refuse=False)

    def check(self, environ: Mapping[str, str]) -> None:
        """Refuse what can't be done here.

        Parameters
        ----------
        environ : mapping
            The user's environment.

        Raises
        ------
        stsnb.AssumeRoleError
        """
        if self.other is not None:
            raise AssumeRoleError(
                f"{shorten(self.other)} is not aws sts assume-role.", "Run it in a cell of its own, as !aws …"
            )
        for name, value in self.variables.items():
            if name in _OPTION_OF_VARIABLE and not value:
                raise AssumeRoleError(f"{name} is empty.", "Set it to a name, or remove it.")
            if name not in _OPTION_OF_VARIABLE and name not in _OUTPUT_VARIABLES:
                raise AssumeRoleError(
                    f"Can't set {name} in the line.",
                    "Set it in os.environ before you run %assume_role, and remove it here.",
                )
        if self.program == "awslocal" and not {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} & set(environ):
            raise AssumeRoleError(
                "awslocal calls LocalStack, but no endpoint is set in this kernel.",
                'Set os.environ["AWS_ENDPOINT_URL"] = "http://localhost:4566" first.',
            )
        without_output_options(self.words)


def prompt_length(words: Sequence[str]) -> int:
    """Count the words of a shell's prompt before a pasted command.

    Parameters
    ----------
    words : sequence of str
        The words of a line, operators included.

    Returns
    -------
    int
        0 where no whole command follows: a profile or an alias may be called ``$``.
    """
    for length in range(1, min(len(words), 5)):
        if words[length - 1].endswith(_PROMPT_ENDS) and find_command(words[length:]).program:
            return length
    return 0


def find_command(words: Sequence[str]) -> Command:
    """Find the command that a pasted line begins with, without a prompt.

    Parameters
    ----------
    words : sequence of str
        The words of a line.

    Returns
    -------
    Command
        Without a program where the command is not whole: a profile or an alias may be called ``aws``.
    """
    words = [*(word.removeprefix("!") for word in words[:1]), *words[1:]]
    start = int(words[:1] == ["env"] and bool(words[1:]) and bool(_ASSIGNMENT.match(words[1])))
    variables = {}
    while start < len(words) and _ASSIGNMENT.match(words[start]):
        name, _, variables[name] = words[start].partition("=")
        start += 1
    found = _program(words, start, variables)
    if found is not None:
        return found
    # Without the command, only AWS's variables can't be a role.
    return Command(start, variables) if all(name.startswith("AWS_") for name in variables) else Command()


def _program(words: Sequence[str], start: int, variables: dict[str, str]) -> Command | None:
    if start >= len(words):
        return None
    file = re.split(r"[\\/]", words[start])[-1].lower()
    program = re.sub(r"\.(exe|cmd)$", "", file)
    if program not in ("aws", "awslocal"):
        return None
    options: list[str] = []
    expected = ["sts", "assume-role"]
    position = start + 1
    while position < len(words) and expected:
        word = words[position]
        position += 1
        if (takes := takes_value(word.partition("=")[0])) is not None:
            options.append(word)
            if takes and "=" not in word and position < len(words):
                options.append(words[position])
                position += 1
        elif word == expected[0]:
            del expected[0]
        elif expected == ["assume-role"] and not word.startswith("-"):
            return Command(position, variables, program=program, other=f"aws sts {word}")
        else:
            return None
    return None if expected else Command(position, variables, options, program)


def takes_value(option: str) -> bool | None:
    """Whether an option that the AWS CLI takes with each command has a value.

    Parameters
    ----------
    option : str
        For example ``--output``.

    Returns
    -------
    bool or None
        None if it is not one of them.
    """
    if option in _OUTPUT_OPTIONS:
        return _OUTPUT_OPTIONS[option]
    return (
        _UNSUPPORTED[option][0]
        if option in _UNSUPPORTED
        else {"--profile": True, "--region": True}.get(option)
    )


def without_output_options(words: Sequence[str], *, refuse: bool = True) -> list[str]:
    """Leave out the options about the AWS CLI's output.

    Parameters
    ----------
    words : sequence of str
        The words of a line.
    refuse : bool
        Whether to refuse options that can't be followed here.

    Returns
    -------
    list of str

    Raises
    ------
    stsnb.AssumeRoleError
        For an option that can't be followed, with what to do instead.
    """
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif name in _OUTPUT_OPTIONS:
            skip = _OUTPUT_OPTIONS[name] and not equals
        elif name in _UNSUPPORTED and refuse:
            raise AssumeRoleError(f"%assume_role can't use {name}.", _UNSUPPORTED[name][1])
        else:
            kept.append(word)
    return kept
