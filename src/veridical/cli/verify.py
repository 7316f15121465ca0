"""`veridical verify`: not one byte changed, and who says so."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("folder", type=given.SOURCE)
@click.option("--key", type=given.SOURCE, help="Trust this public key, and no other, for this check.")
def verify(folder: Path, key: Path | None) -> None:
    """Check the signature of a release and every byte of it.

    FOLDER is a release, or the run around it. Exit code 0 when all is as it was signed by a trusted key, else 2.
    """
    from veridical.core.errors import SpecError
    from veridical.store.keys import KeyRing, PublicKey
    from veridical.store.manifest import release_folder
    from veridical.store.manifest import verify as verify_release

    ring = KeyRing.default()
    trusted = ring.trusted()
    if key is not None:
        if not key.is_file():
            raise SpecError("there is no such file", where=str(key), fix="give the signer's public key")
        only = PublicKey(key.read_bytes())
        trusted = {only.key_id: only}
    verified = verify_release(release_folder(folder), trusted)
    name = "this user" if ring.exists and ring.signing_key().public.key_id == verified.key_id else ""
    name = name or ring.names().get(verified.key_id, "") or "a trusted key"
    method, verdict = verified.predicate["method"], verified.predicate["verdict"]
    click.echo(f"as signed   {len(verified.files)} files, every byte")
    click.echo(f"signed by   {name} ({verified.key_id})")
    seed = "" if method["seed"] is None else f", seed {method['seed']}"
    click.echo(f"made        {verified.predicate['made_at']} by {method['engine']}{seed}")
    click.echo(f"gates       {verdict['outcome']} ({verdict['gate_set']})")
    for waiver in verified.predicate["waivers"]:
        click.echo(f"waived      {waiver['check']} by {waiver['by']}: {waiver['because']}")
