"""What needs a registry only: no cluster has to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.demo.acts import Act
from cluster.demo.files import deployment, write
from cluster.demo.place import PASSWORD

if TYPE_CHECKING:
    from cluster.demo.place import Place


def _no_login(place: Place) -> None:
    place.shell.show(f"regcred check {place.image}", exits=1)


def _secret(place: Place) -> None:
    login = f"--docker-server={place.registry} --docker-username={place.username}"
    place.shell.show(
        f"regcred secret regcred \\\n    {login} \\\n"
        f"    --password-stdin --dry-run=client -o yaml < {PASSWORD} > secret.yaml"
    )
    place.shell.show("sed 's/json: .*/json: (not for the screen)/' secret.yaml")
    place.shell.show(f"regcred check --secret-file secret.yaml {place.image}")


def _wrong_tag(place: Place) -> None:
    place.shell.show(f"regcred check --secret-file secret.yaml \\\n    {place.absent}", exits=1)


def _inject(place: Place) -> None:
    write(place, "web.yaml", deployment(place.image, place.node))
    place.shell.show("regcred inject --secret regcred -f web.yaml --diff")


ACTS = (
    Act(
        "A. Will this image be pulled? The registry is asked as kubelet would ask it",
        "Nobody is logged in, so the answer is no. The exit code says it to scripts.",
        _no_login,
    ),
    Act(
        "B. A pull Secret as a file, and the same question with it",
        "The flags are those of kubectl create secret docker-registry, and so is every byte of the"
        " Secret. The password comes from stdin: it is in no list of processes.",
        _secret,
    ),
    Act(
        "C. A tag that nobody has pushed",
        "The login is right and the Pod would wait in ImagePullBackOff all the same. It is known"
        " before the deploy.",
        _wrong_tag,
    ),
    Act(
        "D. The Secret's name, written into a manifest",
        "For those who deploy from Git. Every other byte stays, comments too.",
        _inject,
    ),
)
