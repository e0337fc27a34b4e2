import gzip
import hashlib
import io
import json
import os
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from cluster import ocilayout


def blob(files, descriptor):
    """A blob, which is what its descriptor says."""
    content = files["blobs/" + descriptor["digest"].replace(":", "/")]
    assert descriptor["size"] == len(content)
    assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content


@given(
    program=st.binary(max_size=2000),
    path=st.from_regex(r"/[a-z]{1,20}(/[a-z]{1,20})?", fullmatch=True),
    labels=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3),
)
def test_layout_holds_the_program(program, path, labels):
    files = ocilayout.layout(program, path=path, architecture="amd64", name="n:1", labels=labels)
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"] == {"io.containerd.image.name": "n:1"}
    manifest = json.loads(blob(files, described))
    config = json.loads(blob(files, manifest["config"]))
    assert config["config"] == {"Entrypoint": [path], "Labels": labels}
    tar = gzip.decompress(blob(files, manifest["layers"][0]))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(tar).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(tar)) as layer:
        (entry,) = layer.getmembers()
        assert (f"/{entry.name}", entry.mode) == (path, 0o755)
        assert layer.extractfile(entry).read() == program


def test_same_arguments_same_bytes():
    first, second = (
        ocilayout.layout(b"program", path="/app", architecture="arm64") for _ in range(2)
    )
    assert first == second
    assert ocilayout.archive(first) == ocilayout.archive(second)


def test_folder_and_archive_hold_the_same(tmp_path):
    files = ocilayout.layout(b"program", path="/app", architecture="amd64")
    ocilayout.write_folder(files, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(ocilayout.archive(files))) as archive:
        packed = {entry.name: archive.extractfile(entry).read() for entry in archive}
    assert packed == files
    assert {path: (tmp_path / path).read_bytes() for path in files} == files


def test_image_of_several_layers():
    layers = [ocilayout.Layer.of(content) for content in (b"lower", b"upper")]
    files = ocilayout.image(layers, config={"User": "1:1"}, architecture="arm64")
    (described,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(files, described))
    config = json.loads(blob(files, manifest["config"]))
    assert (config["architecture"], config["config"]) == ("arm64", {"User": "1:1"})
    unpacked = [gzip.decompress(blob(files, layer)) for layer in manifest["layers"]]
    assert unpacked == [b"lower", b"upper"]
    digests = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in unpacked]
    assert config["rootfs"]["diff_ids"] == digests
    assert [ocilayout.Layer.unpacked(layer.packed) for layer in layers] == layers


def test_folder_as_a_layer_has_neither_times_nor_owners(tmp_path):
    made = []
    for name, order in (("one", "ab"), ("two", "ba")):
        root = tmp_path / name
        (root / "opt/app/empty").mkdir(parents=True)
        for file in order:
            (root / "opt/app" / file).write_text(file)
            os.utime(root / "opt/app" / file, (1, 1) if name == "one" else None)
        (root / "opt/app/a").chmod(0o755)
        (root / "opt/app/link").symlink_to("/opt/app/a")
        (root / "opt/other").write_text("left out")
        made.append(ocilayout.folder_tar(root, ["opt/app"]))
    assert made[0] == made[1]
    with tarfile.open(fileobj=io.BytesIO(made[0])) as tar:
        found = {entry.name: entry for entry in tar}
        assert list(found) == [
            "opt",
            "opt/app",
            "opt/app/a",
            "opt/app/b",
            "opt/app/empty",
            "opt/app/link",
        ]
        assert {(e.uid, e.gid, e.uname, e.mtime) for e in found.values()} == {(0, 0, "", 0)}
        assert found["opt/app/a"].mode & 0o777 == 0o755
        assert found["opt/app/link"].linkname == "/opt/app/a"
        assert tar.extractfile("opt/app/b").read() == b"b"
