"""Where the demo happens: on a cluster that it brings up, or on one of the person's own.

For one's own:

* ``REGCRED_DEMO_CONTEXT``: a context of the kubeconfig;
* ``REGCRED_DEMO_IMAGE``: a private image, which the nodes can pull with a login only;
* ``REGCRED_DEMO_USERNAME``, ``REGCRED_DEMO_PASSWORD``: the login; the password is asked for on a
  terminal when it is not set;
* ``REGCRED_DEMO_NODE``: a node for the Pod, with the node's network; for clusters without a
  scheduler or a Pod network.

There it keeps to a namespace of its own: what takes rights on the whole cluster is left out.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.paths import write_private
from regcred.core.logins.image import parse_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluster.demo.shell import Shell
    from cluster.demo.whole import Whole

PASSWORD, NEW_PASSWORD = "password.txt", "new-password.txt"
"""Files of the shell's folder: commands read passwords from them."""


@dataclass(frozen=True)
class Place:
    """An image that needs a login, and a namespace whose Pods have none.

    Args:
        shell: runs commands; its folder has the password in the file `PASSWORD`.
        namespace: the namespace; it exists once `bring_up` has returned.
        image: the private image.
        username: who may pull it.
        bring_up: prints what there is to wait for, and returns when the cluster can be used.
        glance: prints a line on what goes on beside the story, if anything does.
        whole: what can be done where the whole cluster is the demo's; None where it is not.
        node: the node for the Pods, with the node's network; empty for the scheduler's choice.
        flags: what every command needs to find the cluster, with a space before them.
        how_to_use: lines for a person to whom the place is left.
    """

    shell: Shell
    namespace: str
    image: str
    username: str
    bring_up: Callable[[], None]
    glance: Callable[[], None] = lambda: None
    whole: Whole | None = None
    node: str = ""
    flags: str = ""
    how_to_use: tuple[str, ...] = ()

    @property
    def registry(self) -> str:
        """Where the image is, as it stands under ``auths``."""
        return parse_image(self.image).domain

    @property
    def absent(self) -> str:
        """A tag of the image's repository that is not there."""
        parsed = parse_image(self.image)
        return f"{parsed.domain}/{parsed.path}:no-such-tag"

    @property
    def there(self) -> str:
        """Flags for the cluster and the namespace."""
        return f"-n {self.namespace}{self.flags}"


def with_programs(env: Mapping[str, str], *folders: Path) -> dict[str, str]:
    """With `regcred` of this environment, and what `folders` hold, first on PATH."""
    first = (Path(sys.executable).parent, *folders)
    return {**env, "PATH": os.pathsep.join([*map(str, first), env.get("PATH", os.defpath)])}


def write_password(folder: Path, password: str, name: str = PASSWORD) -> None:
    """Put a password where commands read it."""
    write_private(folder / name, password)
