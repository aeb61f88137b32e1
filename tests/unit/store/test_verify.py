from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundle_maker import ORIGIN, Maker, private, public, rewrite

import quanheng
from quanheng.errors import Invalid, NotFound
from quanheng.store import bundle as form
from quanheng.store import merkle
from quanheng.store.bundle import KeyLink, OutputProof
from quanheng.store.canonical import canonical_json
from quanheng.store.canonical_zip import write_zip
from quanheng.store.checkpoint import Checkpoint, format_signed
from quanheng.store.digest import sha256_digest
from quanheng.store.ed25519 import fingerprint
from quanheng.store.manifest import Layer
from quanheng.store.verify import main, render, verify_bundle

KEY = fingerprint(public(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def maker():
    return Maker().build()


@pytest.fixture(scope="module")
def good(folder, maker):
    maker.write(folder / "good.zip")
    return folder / "good.zip"


def failing(found):
    return {check.code for check in found.checks if check.ok is False}


def said(found, code):
    check = next(check for check in found.checks if check.code == code)
    return " | ".join(f"{problem.where}: {problem.text.en}" for problem in check.problems)


def test_a_good_bundle(good, maker):
    found = verify_bundle(good, KEY)
    assert failing(found) == set()
    assert found.ok and found.key_compared and found.exit_code == 0
    facts = found.facts
    assert (facts.mode, facts.origin, facts.fingerprint) == ("open", ORIGIN, KEY)
    assert (facts.log_size, facts.signed_since) == (len(maker.log), "2026-01-01T00:01:00.000000Z")
    assert len(facts.artifacts) == len(maker.manifests) == 5
    assert facts.witness == () and facts.roots == (maker.assessment,)
    detail = {check.code: check.detail.en for check in found.checks}
    assert detail["assessment"] == "2 rules, 4 counts recomputed"
    assert "1 external" in detail["layers"]
    assert "NOT VERIFIED" not in render(found, "en") and "VERIFIED." in render(found, "en")
    assert "no outside witness" in render(found, "en") and "没有外部见证" in render(found, "zh")
    json.dumps(found.to_json())


def test_without_a_key_it_says_so(good):
    found = verify_bundle(good, None)
    assert found.ok and not found.key_compared
    assert next(check for check in found.checks if check.code == "key").ok is None
    for language, sentence in (("en", "THE KEY WAS NOT COMPARED"), ("zh", "未比对密钥")):
        text = render(found, language)
        assert sentence in text and KEY in text
    assert "VERIFIED." not in render(found, "en") and "验证通过。" not in render(found, "zh")


def test_another_key(good):
    found = verify_bundle(good, fingerprint(public(2)))
    assert failing(found) == {"key"}
    assert found.exit_code == 7 and not found.key_compared
    assert render(found, "zh").splitlines()[-1] == "验证未通过：内容完好，但不是由预期的密钥签名。"
    assert render(found, "en").splitlines()[-1] == "NOT VERIFIED: intact, but not signed by the expected key."
    for bad in ("", "abc", KEY[7:], KEY.upper()):
        with pytest.raises(Invalid) as caught:
            verify_bundle(good, bad)
        assert caught.value.code == "bad_fingerprint"


def test_sealed(folder):
    maker = Maker(mode="sealed").build()
    maker.write(folder / "sealed.zip")
    found = verify_bundle(folder / "sealed.zip", KEY)
    assert found.ok
    detail = {check.code: check.detail for check in found.checks}
    assert detail["assessment"].en == "2 rules, 3 counts recomputed; 1 not recomputed: sealed"
    assert "封存" in detail["assessment"].zh


def test_rotation(folder):
    maker = Maker(keys=(1, 2, 3)).build()
    maker.write(folder / "rotated.zip")
    for trusted in (1, 2, 3):
        found = verify_bundle(folder / "rotated.zip", fingerprint(public(trusted)))
        assert found.ok and found.key_compared
    assert "rotated 2 times" in render(verify_bundle(folder / "rotated.zip", KEY), "en")


def test_a_chain_that_nobody_signed(folder):
    maker = Maker(keys=(1, 2)).build()
    for number, signature in enumerate(
        (None, private(2).sign(form.ROTATION_STATEMENT + public(2)), private(1).sign(public(2)))
    ):
        links = (KeyLink(public(1)), KeyLink(public(2), KEY, signature))
        maker.write(folder / f"chain{number}.zip", keys=links)
        assert "key" in failing(verify_bundle(folder / f"chain{number}.zip", KEY))
    maker.write(folder / "chain.zip", keys=(KeyLink(public(2)),))
    assert "key" in failing(verify_bundle(folder / "chain.zip", KEY))


def test_a_checkpoint_by_a_key_before_the_trusted_one_does_not_count(folder):
    maker = Maker(keys=(1, 2), checkpoint_key=1).build()
    maker.write(folder / "old.zip")
    assert verify_bundle(folder / "old.zip", KEY).ok
    assert failing(verify_bundle(folder / "old.zip", fingerprint(public(2)))) == {"checkpoint"}
    maker = Maker(checkpoint_key=9).build()
    maker.write(folder / "foreign.zip")
    assert failing(verify_bundle(folder / "foreign.zip", KEY)) == {"checkpoint"}


def test_key_artifacts_must_say_the_same(folder):
    maker = Maker(keys=(1, 2)).build()
    links = maker.key_links()
    said_so = {"algorithm": "ed25519", **{k: v for k, v in links[1].to_json().items() if k != "artifact"}}
    right = maker.artifact("key/v1", said_so)
    wrong = maker.artifact("key/v1", {**said_so, "public_key": public(5).hex()})
    other = maker.artifact("files/v1", said_so)
    for artifact, problems in ((right, set()), (wrong, {"key"}), (other, {"key"})):
        chosen = {d: m for d, m in maker.manifests.items() if d not in {right, wrong, other} - {artifact}}
        link = KeyLink(links[1].public_key, links[1].replaces, links[1].signature, artifact)
        maker.write(folder / "key.zip", keys=(links[0], link), manifests=chosen)
        assert failing(verify_bundle(folder / "key.zip", KEY)) == problems


def test_withdrawn(folder):
    maker = Maker().build()
    text = [digest for digest, data in maker.layers.items() if b"some text" in data]
    kept = {digest: data for digest, data in maker.layers.items() if digest not in text}
    maker.write(folder / "withdrawn.zip", layers=kept, withdrawn=(maker.withdraw(maker.corpus),))
    found = verify_bundle(folder / "withdrawn.zip", KEY)
    assert found.ok
    assert found.facts.withdrawn == ((maker.corpus, sha256_digest(b"the reason on record")),)
    assert f"withdrawn: {maker.corpus}" in render(found, "en")
    rows = [digest for digest, data in maker.layers.items() if b'"verdict"' in data]
    kept = {digest: data for digest, data in maker.layers.items() if digest not in rows}
    maker.write(folder / "withdrawn.zip", layers=kept, withdrawn=(maker.withdraw(maker.verdicts),))
    found = verify_bundle(folder / "withdrawn.zip", KEY)
    assert found.ok
    assert "1 not recomputed: withdrawn" in render(found, "en")


def blob_with(files, part):
    return next(name for name, data in files.items() if name.startswith(form.BLOBS) and part in data)


def edit(name, change):
    def apply(files):
        value = json.loads(files[name])
        change(value)
        files[name] = canonical_json(value)

    return apply


def swap(part, old, new):
    def apply(files):
        name = blob_with(files, part)
        files[name] = files[name].replace(old, new)

    return apply


def remove(part):
    def apply(files):
        del files[part if part in files else blob_with(files, part.encode())]

    return apply


def entry_outcome(files):
    name = form.entry_name(6)
    files[name] = files[name].replace(b'"outcome":"done"', b'"outcome":"failed"')


def extra_blob(files):
    files[form.BLOBS + sha256_digest(b"stowaway")[7:]] = b"stowaway"


ENTRY = form.entry_name(1)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (swap(b"some text", b"some", b"same"), "blobs", "have digest"),
        (swap(b'"verdict":"pass"', b'"verdict":"pass"', b'"verdict":"fail"'), "blobs", "have digest"),
        (swap(b'"artifactType":"corpus/v1"', b"jsonl", b"jsonm"), "blobs", "have digest"),
        (swap(b'"artifactType":"corpus/v1"', b'"schemaVersion":2', b'"schemaVersion":3'), "manifests", "damaged"),
        (swap(b'"types"', b'"documents":3', b'"documents":4'), "blobs", "have digest"),
        (swap(b'"types"', b'"documents":3', b'"documents": 3'), "configs", "size"),
        (remove("some text"), "layers", "'data/part-0.jsonl' is missing"),
        (remove('"artifactType":"corpus/v1"'), "lineage", "not in the bundle"),
        (remove(ENTRY), "inclusion", "do not belong together"),
        (entry_outcome, "outputs", "no entry of the log"),
        (entry_outcome, "inclusion", "not proved to stand"),
        (extra_blob, "blobs", "no artifact of the bundle points at it"),
        (lambda files: files.update({"notes.txt": b""}), "files", "no bundle has such a file"),
        (lambda files: files.update({"oci-layout": b"{}"}), "manifests", "not the OCI layout"),
        (edit("index.json", lambda v: v["manifests"].clear()), "manifests", "does not name the roots"),
        (edit("log/proofs.json", lambda v: v["entries"][f"{1:012}"].pop()), "inclusion", "not proved to stand"),
        (edit("log/proofs.json", lambda v: v["outputs"].clear()), "outputs", "no entry of the log"),
        (edit("log/proofs.json", lambda v: v.pop("outputs")), "outputs", "fields are not those"),
        (edit("log/proofs.json", lambda v: v["entries"].update({"1": 5})), "inclusion", "fields are not those"),
        (edit("keys.json", lambda v: v["keys"].append({})), "key", "fields are not those"),
        (edit("keys.json", lambda v: v["keys"].clear()), "signature", "not the one that bundle.json names"),
        (edit("bundle.json", lambda v: v.update(log_size=3)), "checkpoint", "another log or size"),
        (edit("bundle.json", lambda v: v.update(origin="quanheng/other")), "checkpoint", "another log or size"),
        (edit("bundle.json", lambda v: v.update(roots=[])), "manifests", "names no root"),
        (edit("bundle.json", lambda v: v.update(mode="sealed")), "blobs", "a layer in a sealed bundle"),
        (edit("bundle.json", lambda v: v["files"].pop("keys.json")), "files", "does not list it"),
        (edit("bundle.json", lambda v: v["files"].update(more=sha256_digest(b""))), "files", "it is missing"),
        (edit("bundle.json", lambda v: v["files"].update({"keys.json": sha256_digest(b"")})), "files", "its digest is"),
        (edit("bundle.json", lambda v: v.update(key=sha256_digest(b""))), "signature", "not the one"),
        (edit("bundle.json", lambda v: v.update(extra=1)), "signature", "fields are not those"),
        (edit("bundle.json", lambda v: v.pop("mode")), "signature", "fields are not those"),
        (edit("bundle.json", lambda v: v.update(withdrawn=[{"digest": KEY, "reason": KEY}])), "manifests", "not here"),
        (lambda files: files.update({"bundle.sig": b"0" * 128}), "signature", "does not fit"),
        (lambda files: files.update({"bundle.sig": b"\xff"}), "signature", "does not fit"),
        (lambda files: files.update({"bundle.sig": files["bundle.sig"].upper()}), "signature", "does not fit"),
        (lambda files: files.update({"bundle.json": b"[]"}), "signature", "fields are not those"),
        (lambda files: files.update({"log/checkpoint": b"x"}), "checkpoint", "damaged"),
        (remove("log/checkpoint"), "checkpoint", "no member"),
        (remove("keys.json"), "key", "no member"),
        (remove("bundle.sig"), "signature", "no member"),
        (remove("log/proofs.json"), "inclusion", "no member"),
        (remove("index.json"), "manifests", "no member"),
    ],
)  # fmt: skip
def test_a_change_signed_by_the_owner_of_the_key_is_found(good, tmp_path, change, code, says):
    rewrite(good, tmp_path / "bad.zip", change)
    found = verify_bundle(tmp_path / "bad.zip", KEY)
    assert code in failing(found)
    assert says in said(found, code), said(found, code)
    assert found.exit_code == 7
    assert "NOT VERIFIED" in render(found, "en") and "验证未通过" in render(found, "zh")
    json.dumps(found.to_json())


def test_a_change_without_the_key_is_found(good, tmp_path):
    rewrite(good, tmp_path / "bad.zip", lambda files: files.update({"extra/report.html": b"all is well"}), key=None)
    assert failing(verify_bundle(tmp_path / "bad.zip", KEY)) == {"signature"}
    rewrite(good, tmp_path / "bad.zip", lambda files: files.update({"extra/report.html": b"all is well"}), key=2)
    assert failing(verify_bundle(tmp_path / "bad.zip", KEY)) == {"signature"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r["results"][0].update(verdict="conforms"), "gives fails"),
        (lambda r: r["results"][0].update(value="0.970000"), "its value is"),
        (lambda r: r["results"][0]["bound"].update(value="0.960000"), "the exact one"),
        (lambda r: r["results"][1]["k"]["counts"][0].update(pointer="/documents"), "gives 3"),
        (lambda r: r["results"][1]["k"]["counts"][0].update(artifact=sha256_digest(b"")), "not in the bundle"),
        (lambda r: r["results"][0]["k"]["counts"][0].update(layer="w.jsonl"), "no layer"),
        (lambda r: r["results"][0]["k"]["counts"][0].update(where={"verdict": "fail"}), "gives 2"),
        (lambda r: r.update(overall="conforms"), "the overall verdict"),
        (lambda r: r["tally"].update(conforms=2), "the tally says"),
        (lambda r: r.pop("results"), "no results"),
    ],
)
def test_an_assessment_that_does_not_follow(folder, monkeypatch, change, says):
    results = Maker.results

    def wrong(self):
        found = results(self)
        change(found)
        return found

    monkeypatch.setattr(Maker, "results", wrong)
    maker = Maker().build()
    maker.write(folder / "wrong.zip")
    found = verify_bundle(folder / "wrong.zip", KEY)
    assert failing(found) == {"assessment"}
    assert says in said(found, "assessment")
    assert maker.assessment in said(found, "assessment")


def test_lineage_log_and_proofs_must_be_complete(folder):
    maker = Maker().build()
    without = {d: m for d, m in maker.manifests.items() if d != maker.source}
    maker.write(folder / "x.zip", manifests=without)
    found = verify_bundle(folder / "x.zip", KEY)
    assert failing(found) == {"lineage"} and maker.source in said(found, "lineage")
    unlogged = Maker().build()
    unlogged.assessment = unlogged.artifact("report/v1", {}, [unlogged.assessment], log=False)
    unlogged.write(folder / "x.zip")
    found = verify_bundle(folder / "x.zip", KEY)
    assert failing(found) == {"outputs"} and unlogged.assessment in said(found, "outputs")
    path = maker.contents().outputs[maker.batch[7]].path
    for proof in (OutputProof(0, 7, ()), OutputProof(99, 7, ()), OutputProof(1, 8, path)):
        maker.write(folder / "x.zip", outputs={maker.batch[7]: proof})
        assert failing(verify_bundle(folder / "x.zip", KEY)) == {"outputs"}


def test_an_entry_of_another_log_is_found(folder):
    maker = Maker().build()
    contents = maker.contents()
    leaves = [merkle.leaf_hash(b"other"), *[merkle.leaf_hash(entry) for entry in maker.log[1:]]]
    note = format_signed(
        Checkpoint(ORIGIN, len(leaves), merkle.root_of(leaves)), name=ORIGIN, public_key=public(1), sign=private(1).sign
    )
    maker.write(folder / "x.zip", checkpoint=note)
    assert failing(verify_bundle(folder / "x.zip", KEY)) == {"inclusion"}
    assert len(contents.entries) == 5


def test_an_entry_whose_outputs_do_not_add_up(folder):
    maker = Maker().build()
    maker.log[-1] = maker.log[-1].replace(b'"count":1', b'"count":2')
    maker.write(folder / "x.zip")
    found = verify_bundle(folder / "x.zip", KEY)
    assert failing(found) == {"outputs"} and "do not add up" in said(found, "outputs")


def test_a_layer_of_another_size_is_found(folder):
    maker = Maker().build()
    maker.layers[sha256_digest(b"four")] = b"four"
    layer = Layer(sha256_digest(b"four"), 5, "text/plain", "four.txt")
    maker.assessment = maker.artifact("files/v1", {}, [maker.assessment], external=[layer])
    maker.write(folder / "x.zip")
    found = verify_bundle(folder / "x.zip", KEY)
    assert failing(found) == {"layers"} and "has 4 bytes, not 5" in said(found, "layers")


def test_no_bundle(tmp_path):
    write_zip(tmp_path / "other.zip", {"a": b""})
    with pytest.raises(Invalid) as caught:
        verify_bundle(tmp_path / "other.zip", None)
    assert caught.value.code == "not_a_bundle"
    (tmp_path / "text").write_bytes(b"hello " * 20)
    with pytest.raises(Invalid):
        verify_bundle(tmp_path / "text", None)
    with pytest.raises(NotFound):
        verify_bundle(tmp_path / "missing", None)


def test_the_damaged_file_is_named(good, tmp_path, maker):
    data = bytearray(good.read_bytes())
    place = data.index(b"some text")
    data[place] ^= 4
    (tmp_path / "bad.zip").write_bytes(data)
    found = verify_bundle(tmp_path / "bad.zip", KEY)
    layer = next(digest for digest, content in maker.layers.items() if b"some text" in content)
    assert failing(found) == {"zip"} and found.facts is None
    assert form.blob_name(layer) in said(found, "zip") and "at byte" in said(found, "zip")
    assert [check.ok for check in found.checks[1:]] == [None] * 12
    assert "not checked" in render(found, "en")


def test_hostile_names_do_not_steer_the_terminal(folder, monkeypatch):
    results = Maker.results

    def hostile(self):
        found = results(self)
        found["results"][0].update(rule="\x1b[2J\u202eVERIFIED", verdict="conforms")
        return found

    monkeypatch.setattr(Maker, "results", hostile)
    Maker().build().write(folder / "x.zip")
    text = render(verify_bundle(folder / "x.zip", KEY), "en")
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b[2J" in text


def run(*arguments, flags=("-I",)):
    source = str(Path(quanheng.__file__).parents[1])
    code = (
        f"import sys, runpy; sys.path.insert(0, {source!r}); sys.argv[0] = 'verify';"
        "runpy.run_module('quanheng.store.verify', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, *flags, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env={"LANG": "C.UTF-8"})


def test_the_standard_library_is_enough(good):
    # -S: no site-packages, so that nothing but the standard library and this package can be imported.
    done = run(good, "--key", KEY, flags=("-I", "-S"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("VERIFIED.")


def test_the_command_as_documented(good, tmp_path):
    documented = [sys.executable, "-I", "-m", "quanheng.store.verify", str(good), "--key", KEY, "--lang", "zh"]
    done = subprocess.run(
        documented, capture_output=True, text=True, encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1"}
    )
    if "No module named" in done.stderr:
        pytest.skip("quanheng is not installed in this environment")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("验证通过。")


def test_exit_codes_and_json(good, tmp_path, capsys):
    assert main([str(good), "--key", KEY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert main([str(good), "--lang", "en"]) == 0
    assert "NOT COMPARED" in capsys.readouterr().out
    assert main([str(good), "--key", fingerprint(public(2))]) == 7
    assert main([str(good), "--key", "abc"]) == 2
    (tmp_path / "text").write_text("hello")
    capsys.readouterr()
    assert main([str(tmp_path / "text"), "--lang", "zh"]) == 2
    assert "不是 zip 文件" in capsys.readouterr().err
    assert main([str(tmp_path / "missing"), "--json"]) == 3
    assert json.loads(capsys.readouterr().err)["code"] == "no_such_file"
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_an_ascii_terminal_does_not_stop_it(good):
    code = (
        "import sys; sys.stdout.reconfigure(encoding='ascii');"
        "from quanheng.store.verify import main; main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(good), "--lang", "zh"], capture_output=True)
    assert done.returncode == 0 and done.stderr == b""


def test_every_flipped_byte_of_a_small_bundle(tmp_path):
    maker = Maker(mode="sealed")
    maker.batch = [sha256_digest(b"")] * 8
    maker.assessment = maker.artifact("note/v1", {})
    maker.write(tmp_path / "small.zip", outputs={}, extra={})
    assert verify_bundle(tmp_path / "small.zip", KEY).ok
    path = tmp_path / "small.zip"
    with path.open("r+b", buffering=0) as stream:
        original = stream.read()
        for position, byte in enumerate(original):
            os.pwrite(stream.fileno(), bytes([byte ^ 1 << position % 8]), position)
            found = verify_bundle(path, KEY)
            assert not found.ok and "at byte" in said(found, "zip")
            os.pwrite(stream.fileno(), bytes([byte]), position)
    assert verify_bundle(path, KEY).ok
