"""`python -m config`: look at the configuration, check it, make a token, write the generated pages."""

import argparse
import sys
from pathlib import Path

from config.credentials import make_token
from config.loading import ConfigError, get_value, load
from config.reference import sections, write_page, write_template, write_toml
from config.settings import Settings, Token
from config.values import MASK, mask_password

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m config", description=__doc__)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the TOML file (default: QUEUECORE_CONFIG)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("show", help="print the settings that hold, secrets masked (this is the default)")
    commands.add_parser("check", help="say whether the configuration is right; exit code 2 when not")
    token = commands.add_parser("token", help="make a token and print what to paste into the configuration")
    token.add_argument("name", help="what the token is called in logs")
    token.add_argument("owner", help="whose jobs it makes and sees")
    token.add_argument("--role", choices=("user", "operator"), default="user")
    commands.add_parser("write", help="write docs/configuration.md and config/production.toml")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "token":
                print(_describe_token(*make_token(options.name, options.owner, role=options.role)))
            case "write":
                (ROOT / "docs" / "configuration.md").write_text(write_page(), "utf-8")
                (ROOT / "config" / "production.toml").write_text(write_template(), "utf-8")
            case "check":
                load(options.config)
                print("The configuration is right.")
            case _:
                print(show(load(options.config)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def show(settings: Settings) -> str:
    """Write the settings as TOML, secrets masked."""
    blocks = []
    for section, _, keys in sections():
        lines = [f"[{section}]"] if section else []
        for key in keys:
            value = get_value(settings, key.name)
            if key.name == "auth.tokens":
                lines += [_token_table(entry, sha256=MASK) for entry in value] or ["tokens = []"]
            elif key.name == "redis_url":
                lines.append(f"{key.field} = {write_toml(key, mask_password(value))}")
            else:
                secret = key.option.secret and value
                lines.append(f"{key.field} = {write_toml(key, MASK if secret else value)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _describe_token(secret: str, token: Token) -> str:
    return (
        f"The token, shown only now; give it to {token.owner}:\n\n    {secret}\n\n"
        "Paste into the configuration file, in which [auth] says required = true:\n\n"
        + _token_table(token, sha256=token.sha256)
    )


def _token_table(token: Token, *, sha256: str) -> str:
    return (
        f'[[auth.tokens]]\nname = "{token.name}"\nowner = "{token.owner}"\nsha256 = "{sha256}"\n'
        f'role = "{token.role}"'
    )


if __name__ == "__main__":
    sys.exit(main())
