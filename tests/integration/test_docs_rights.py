"""What `secret`, `attach`, `detach` and `inject` need, by the reference: that, and no less."""

import pytest

from cluster.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "rights.md"
FLAGS = ("--docker-server=ghcr.io", "--docker-username=me")
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {serviceAccountName: build}\n"


def told():
    """What is done → (on what, verbs)."""
    part = PAGE.read_text().partition("<!-- needs:begin -->")[2].partition("<!-- needs:end")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.strip().split("\n")]
    return {what: (on, verbs.split(", ")) for what, on, verbs in rows[2:]}


class Deed:
    """Something that is done with rights, in a namespace.

    Args:
        regcred: runs it.
        world: the namespace.
        folder: where the files are.
    """

    def __init__(self, regcred, world, folder):
        self._regcred, self.world, self._folder = regcred, world, folder
        (folder / "pod.yaml").write_text(POD)

    def run(self, *args, rights):
        """Whether it could be done."""
        where = ("-n", self.world.namespace, "--kubeconfig", str(self.world.user(rights)))
        done = self._regcred(*args, *where, cwd=self._folder, check=None)
        assert b"internal" not in done.stderr
        return done.returncode == 0 and b"cannot get" not in done.stderr

    def secret_makes_one(self, rights):
        self.world.cluster.kubectl(
            "delete", "secret", "robot", "-n", self.world.namespace, "--ignore-not-found"
        )
        return self.run("secret", "robot", *FLAGS, "--docker-password=one", rights=rights)

    def secret_changes_one(self, rights):
        self._regcred(
            "secret", "robot", *FLAGS, "--docker-password=one", "-n", self.world.namespace
        )
        return self.run("secret", "robot", *FLAGS, "--docker-password=two", rights=rights)

    def by_name(self, rights):
        return self._on_and_off("--serviceaccount=default", rights=rights)

    def by_glob(self, rights):
        return all(
            self._on_and_off(how, rights=rights)
            for how in ("--all", "--serviceaccount=def*", "--selector=!no")
        )

    def _on_and_off(self, how, rights):
        """Both have to do as well, or as badly."""
        who = ("robot", how)
        on = self.run("attach", *who, rights=rights)
        self._regcred("attach", *who, "-n", self.world.namespace)
        off = self.run("detach", *who, rights=rights)
        self._regcred("detach", *who, "-n", self.world.namespace)
        assert on == off
        return on

    def live(self, rights):
        args = ("inject", "--secret=more", "-f", "pod.yaml", "--live")
        return self.run(*args, "--keep-serviceaccount-secrets", rights=rights)


DEEDS = {
    "`secret` makes one": Deed.secret_makes_one,
    "`secret` changes one": Deed.secret_changes_one,
    "`attach` and `detach` of ServiceAccounts by name": Deed.by_name,
    "`attach` and `detach` with `--all`, a glob or labels": Deed.by_glob,
    "`inject --live`": Deed.live,
}


@pytest.mark.parametrize("what", DEEDS)
def test_these_rights_and_no_less(what, regcred, world, tmp_path):
    assert told().keys() == DEEDS.keys()
    on, verbs = told()[what]
    world.with_list("build", "old")
    deed = Deed(regcred, world, tmp_path)
    assert DEEDS[what](deed, {on: tuple(verbs)})
    for verb in verbs:
        left = tuple(each for each in verbs if each != verb)
        # An account without any right would be no test of one that is missing.
        assert not DEEDS[what](deed, {on: left or ("watch",)}), f"needs no {verb}"
