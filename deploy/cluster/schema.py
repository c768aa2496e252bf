"""Manifests against the schemas of Kubernetes, strictly: a field that it does not know is a fault."""

import kubernetes_validate  # type: ignore[import-untyped]

from cluster.manifests import Manifest, Manifests, name_of

# The oldest and the newest that we promise; all that lies between knows at least as much as the oldest.
VERSIONS = ("1.29", "1.37")


def faults(manifests: Manifests, versions: tuple[str, ...] = VERSIONS) -> list[str]:
    """What is wrong with Kubernetes' own kinds, a sentence each."""
    return [fault for version in versions for one in manifests if (fault := _fault(one, version))]


def _fault(manifest: Manifest, version: str) -> str:
    where = f"{manifest['kind']} {name_of(manifest)} in Kubernetes {version}"
    try:
        kubernetes_validate.validate(dict(manifest), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{where}: /{'/'.join(map(str, error.path))} {error.message[:300]}"
    except kubernetes_validate.SchemaNotFoundError:
        return f"{where}: there is no schema of {manifest['apiVersion']} {manifest['kind']}"
    return ""
