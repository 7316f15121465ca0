"""`veridical keys`: whose signature goes on a release, and whose are trusted."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.group()
def keys() -> None:
    """Make, show and trust signing keys (Ed25519, in ~/.config/veridical/keys or $VERIDICAL_HOME/keys)."""


@keys.command()
def init() -> None:
    """Make a signing key, unless there is one; its file is readable by you alone."""
    from veridical.store.keys import KeyRing

    ring = KeyRing.default()
    known = ring.exists
    key = ring.signing_key()
    click.echo(f"{'there is a key already' if known else 'made a signing key'}: {key.public.key_id}")
    click.echo(f"private     {key.path}  (keep it; whoever has it can sign as you)")
    click.echo(f"public      {ring.public_path}  (give it to those who verify)")


@keys.command()
def show() -> None:
    """Show the own key's id and all keys that are trusted."""
    from veridical.store.keys import KeyRing

    ring = KeyRing.default()
    names = ring.names()
    own = ring.signing_key().public.key_id if ring.exists else None
    if own is None:
        click.echo("no signing key yet: veridical keys init")
    for key_id in ring.trusted():
        click.echo(f"{key_id}  {'own key' if key_id == own else names.get(key_id) or 'trusted'}")
    if own is not None:
        click.echo(f"public key  {ring.public_path}")


@keys.command()
@click.argument("file", type=given.SOURCE)
@click.option("--name", default="", help="Whose it is.")
def trust(file: Path, name: str) -> None:
    """Trust the public key in FILE. Compare its id with its owner's by another way first."""
    from veridical.store.keys import KeyRing

    click.echo(f"trusted     {KeyRing.default().trust(file, name=name)}")


@keys.command()
@click.argument("key_id")
def distrust(key_id: str) -> None:
    """Trust a key no longer."""
    from veridical.store.keys import KeyRing

    KeyRing.default().distrust(key_id)
    click.echo(f"no longer trusted  {key_id}")
