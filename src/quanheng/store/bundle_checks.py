"""The checks on a bundle, one function each, in the order in which they lean on each other.

Each returns an `Outcome`: what was looked at, and every problem with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quanheng.errors import Corrupt, NotFound, QuanhengError, Text
from quanheng.store import assessment_check, ed25519, merkle
from quanheng.store import bundle as form
from quanheng.store.bundle_reading import Artifact, Bundle, Problem
from quanheng.store.canonical import JSON
from quanheng.store.checkpoint import verify_signed
from quanheng.store.digest import PREFIX, parse_digest
from quanheng.store.manifest import Layer, Manifest


@dataclass(frozen=True)
class Outcome:
    """What a check looked at, in a few words, and what it found wrong. `compared`: False when there was no key.

    `other_key`: the keys are in order, and the expected one is not among them.
    """

    detail: Text
    problems: list[Problem] = field(default_factory=list)
    compared: bool = True
    other_key: bool = False


def check_signature(bundle: Bundle, key: str | None) -> Outcome:
    """The last key of keys.json, which bundle.json names, signed bundle.json."""
    signing = bundle.keys[-1] if bundle.keys else None
    detail = Text(f"key {bundle.header.key}", f"密钥 {bundle.header.key}")
    if signing is None or signing.fingerprint != bundle.header.key:
        text = Text(
            "the last of these keys is not the one that bundle.json names", "最后一个密钥不是 bundle.json 所指的密钥"
        )
        return Outcome(detail, [Problem(form.KEYS, text)])
    signature = bundle.zip.read(form.SIGNATURE)
    expected_form = signature.decode("ascii", "replace")
    valid = (
        len(signature) == 2 * ed25519.SIGNATURE_BYTES
        and all(char in "0123456789abcdef" for char in expected_form)
        and ed25519.verify(
            signing.public_key, form.BUNDLE_STATEMENT + bundle.header_bytes, bytes.fromhex(expected_form)
        )
    )
    if valid:
        return Outcome(detail)
    text = Text("the signature does not fit bundle.json", "签名与 bundle.json 不符")
    return Outcome(detail, [Problem(form.SIGNATURE, text)])


def check_key(bundle: Bundle, key: str | None) -> Outcome:
    """Each key was signed for by the one before; the expected key is the signing one or an earlier one."""
    problems = list(_chain_problems(bundle))
    known = [link.fingerprint for link in bundle.keys]
    if key is None:
        text = Text(
            f"NOT COMPARED: no --key was given. The bundle names {bundle.header.key}; compare it with what the"
            " sender published",
            f"未比对：没有给出 --key。材料包所用密钥为 {bundle.header.key}，请与提供者公布的指纹核对",
        )
        return Outcome(text, problems, compared=False)
    if key not in known:
        text = Text(f"it was not signed by {key}, nor by a key that followed it", f"不是由 {key} 或其后继密钥签名")
        return Outcome(Text(key, key), [*problems, Problem(form.KEYS, text)], other_key=not problems)
    if steps := len(known) - 1 - known.index(key):
        return Outcome(Text(f"{key}, rotated {steps} times since", f"{key}，此后轮换 {steps} 次"), problems)
    return Outcome(Text(f"{key}, as expected", f"{key}，与预期一致"), problems)


def check_files(bundle: Bundle, key: str | None) -> Outcome:
    """Every file has the digest that bundle.json gives it, and there is no file besides."""
    problems: list[Problem] = []
    present = set(bundle.zip.names) - {form.BUNDLE, form.SIGNATURE}
    for name in sorted(present | set(bundle.header.files)):
        expected = bundle.header.files.get(name)
        if expected is None:
            problems.append(Problem(name, Text("bundle.json does not list it", "bundle.json 未列出该文件")))
        elif name not in present:
            problems.append(Problem(name, Text("it is missing", "文件缺失")))
        elif (found := bundle.digest_of(name)) != expected:
            problems.append(
                Problem(name, Text(f"its digest is {found}, not {expected}", f"摘要值为 {found}，应为 {expected}"))
            )
    problems += [
        Problem(name, Text("no bundle has such a file", "材料包不应有此文件")) for name in bundle.strange_files()
    ]
    return Outcome(Text(f"files: {len(present)}", f"{len(present)} 个文件"), problems)


def check_blobs(bundle: Bundle, key: str | None) -> Outcome:
    """Every blob is named by its own digest, and something points at it."""
    problems: list[Problem] = []
    for digest in sorted(bundle.blobs):
        name = form.BLOBS + digest.removeprefix(PREFIX)
        if (found := bundle.digest_of(name)) != digest:
            problems.append(Problem(name, Text(f"its bytes have digest {found}", f"内容的摘要值为 {found}")))
        elif digest not in bundle.allowed_blobs:
            text = Text(
                "no artifact of the bundle points at it, or it is a layer in a sealed bundle",
                "没有制品指向它，或封存的材料包中出现了数据层",
            )
            problems.append(Problem(name, text))
    return Outcome(Text(f"blobs: {len(bundle.blobs)}", f"{len(bundle.blobs)} 个数据块"), problems)


def check_manifests(bundle: Bundle, key: str | None) -> Outcome:
    """Every manifest is canonical, and the OCI index names exactly the roots."""
    problems = list(bundle.walk.manifest_problems)
    artifacts = bundle.walk.artifacts
    roots = {root: artifacts[root].manifest for root in bundle.header.roots if root in artifacts}
    if not bundle.header.roots:
        problems.append(Problem(form.BUNDLE, Text("it names no root artifact", "没有根制品")))
    if bundle.zip.read(form.OCI_LAYOUT) != form.OCI_LAYOUT_BYTES:
        problems.append(Problem(form.OCI_LAYOUT, Text("it is not the OCI layout file", "不是 OCI 布局文件")))
    if len(roots) == len(bundle.header.roots) and bundle.zip.read(form.INDEX) != form.index_bytes(roots):
        problems.append(Problem(form.INDEX, Text("it does not name the roots", "与根制品不一致")))
    for digest in bundle.header.withdrawn:
        if digest not in artifacts:
            problems.append(
                Problem(form.BUNDLE, Text(f"withdrawn {digest} is not here", f"已撤回的 {digest} 不在其中"))
            )
    return Outcome(Text(f"artifacts: {len(artifacts)}", f"{len(artifacts)} 个制品"), problems)


def check_configs(bundle: Bundle, key: str | None) -> Outcome:
    """Every config is the one its manifest names, and says how the artifact was made."""
    count = sum(artifact.config is not None for artifact in bundle.walk.artifacts.values())
    return Outcome(Text(f"configs: {count}", f"{count} 份配置"), bundle.walk.config_problems)


def check_layers(bundle: Bundle, key: str | None) -> Outcome:
    """In an open bundle every layer is there with its size, but for external and withdrawn ones."""
    problems: list[Problem] = []
    here = external = withdrawn = 0
    for artifact in bundle.walk.artifacts.values():
        for layer in artifact.manifest.layers:
            if layer.is_external:
                external += 1
            elif bundle.header.mode == "sealed":
                continue
            elif layer.digest in bundle.blobs:
                here += 1
                problems += _size_problem(bundle, artifact.digest, layer)
            elif artifact.digest in bundle.header.withdrawn:
                withdrawn += 1
            else:
                text = Text(f"its layer {layer.title!r} is missing", f"缺少其数据层 {layer.title!r}")
                problems.append(Problem(artifact.digest, text))
    if bundle.header.mode == "sealed":
        return Outcome(Text("sealed: contents are not in the bundle", "封存：不含内容"), problems)
    return Outcome(
        Text(
            f"{here} layers, {external} external (not read), {withdrawn} withdrawn",
            f"{here} 个数据层，{external} 个外部（未读取），{withdrawn} 个已撤回",
        ),
        problems,
    )


def check_lineage(bundle: Bundle, key: str | None) -> Outcome:
    """Every artifact that another was made from is in the bundle."""
    links = sum(len(artifact.inputs) for artifact in bundle.walk.artifacts.values())
    return Outcome(Text(f"{links} links", f"{links} 条血缘关系"), bundle.walk.lineage_problems)


def check_outputs(bundle: Bundle, key: str | None) -> Outcome:
    """Every artifact is an output of an entry with outcome "done" that is in the bundle."""
    entries, problems = bundle.entries[0], list(bundle.entries[1])
    made = {digest for entry in entries.values() if entry.outcome == "done" for digest in entry.digests or ()}
    for digest, proof in bundle.outputs.items():
        entry = entries.get(proof.entry)
        leaf = merkle.leaf_hash(digest.encode("utf-8"))
        if (
            entry is None
            or entry.outcome != "done"
            or not merkle.verify_inclusion(
                leaf, proof.index, entry.count, proof.path, bytes.fromhex(parse_digest(entry.root))
            )
        ):
            text = Text(
                f"{digest} is not proved to be an output of entry {proof.entry}",
                f"{digest} 未被证明为第 {proof.entry} 条的产出",
            )
            problems.append(Problem(form.PROOFS, text))
        else:
            made.add(digest)
    for digest in bundle.walk.artifacts:
        if digest not in made:
            text = Text("no entry of the log says that it was made", "没有任何存证条目记录其产生")
            problems.append(Problem(digest, text))
    return Outcome(Text(f"entries: {len(entries)}", f"{len(entries)} 条存证"), problems)


def check_inclusion(bundle: Bundle, key: str | None) -> Outcome:
    """Every entry stands in the log that the checkpoint sums up, at the index it is named by."""
    checkpoint = bundle.checkpoint.checkpoint
    problems: list[Problem] = []
    for index in sorted(set(bundle.entry_names) | set(bundle.inclusion)):
        name = form.entry_name(index)
        if index not in bundle.entry_names or index not in bundle.inclusion:
            problems.append(Problem(name, Text("entry and proof do not belong together", "条目与证明不对应")))
            continue
        leaf = merkle.leaf_hash(bundle.zip.read(name))
        if not merkle.verify_inclusion(leaf, index, checkpoint.size, bundle.inclusion[index], checkpoint.root):
            problems.append(Problem(name, Text("it is not proved to stand in the log", "未被证明在存证之中")))
    detail = Text(
        f"entries: {len(bundle.entry_names)}, in a log of {checkpoint.size}",
        f"共 {checkpoint.size} 条存证中的 {len(bundle.entry_names)} 条",
    )
    return Outcome(detail, problems)


def check_checkpoint(bundle: Bundle, key: str | None) -> Outcome:
    """The head of the log is signed by the expected key or one that followed it, and is the one bundle.json names."""
    checkpoint = bundle.checkpoint.checkpoint
    problems: list[Problem] = []
    known = [link.fingerprint for link in bundle.keys]
    trusted = bundle.keys[known.index(key) :] if key in known else bundle.keys
    # A later key never vouches for an earlier one, so keys before the expected one do not count.
    if not any(_is_signed_by(bundle, link) for link in trusted):
        text = Text("no trusted key signed it", "没有可信密钥的有效签名")
        problems.append(Problem(form.CHECKPOINT, text))
    if (checkpoint.origin, checkpoint.size) != (bundle.header.origin, bundle.header.log_size):
        text = Text("bundle.json names another log or size", "bundle.json 所载的来源或条数不同")
        problems.append(Problem(form.CHECKPOINT, text))
    root = PREFIX + checkpoint.root.hex()
    return Outcome(
        Text(f"{checkpoint.size} entries, root {root}", f"{checkpoint.size} 条，存证根哈希 {root}"), problems
    )


def check_assessments(bundle: Bundle, key: str | None) -> Outcome:
    """Counts, values, bounds and verdicts of every assessment follow from what lies in the bundle."""
    problems: list[Problem] = []
    results = recomputed = 0
    skipped: dict[Text, int] = {}
    evidence = _BundleEvidence(bundle)
    for artifact in bundle.walk.artifacts.values():
        if artifact.manifest.kind != assessment_check.KIND or artifact.config is None:
            continue
        finding = assessment_check.check_assessment(artifact.config, evidence)
        results, recomputed = results + finding.results, recomputed + finding.recomputed
        for reason, count in finding.not_recomputed.items():
            skipped[reason] = skipped.get(reason, 0) + count
        problems += [Problem(f"{artifact.digest} {p.rule}".strip(), p.text) for p in finding.problems]
    rest_en = "".join(f"; {count} not recomputed: {reason.en}" for reason, count in skipped.items())
    rest_zh = "".join(f"；{count} 项未重算：{reason.zh}" for reason, count in skipped.items())
    detail = Text(
        f"{results} rules, {recomputed} counts recomputed{rest_en}",
        f"{results} 条规则，重算 {recomputed} 项计数{rest_zh}",
    )
    return Outcome(detail, problems)


Check = Callable[[Bundle, str | None], Outcome]
#: Code, title, function; "zip" comes before them, when the file is opened.
CHECKS: tuple[tuple[str, Text, Check], ...] = (
    ("signature", Text("the bundle is signed", "材料包签名"), check_signature),
    ("key", Text("the key is the expected one", "签名密钥"), check_key),
    ("files", Text("every file is unchanged", "文件完整"), check_files),
    ("blobs", Text("blobs are named by their digest", "数据块与摘要一致"), check_blobs),
    ("manifests", Text("manifests are well formed", "制品清单"), check_manifests),
    ("configs", Text("configs match their manifests", "制品配置"), check_configs),
    ("layers", Text("contents are complete", "内容齐全"), check_layers),
    ("lineage", Text("lineage is complete", "血缘完整"), check_lineage),
    ("outputs", Text("every artifact was made by a logged step", "每个制品均有存证"), check_outputs),
    ("inclusion", Text("entries stand in the log", "条目在存证之中"), check_inclusion),
    ("checkpoint", Text("the head of the log is signed", "存证检查点签名"), check_checkpoint),
    ("assessment", Text("verdicts follow from the counts", "结论由计数得出"), check_assessments),
)


class _BundleEvidence:
    """The way from an assessment to what it was counted in."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def config(self, digest: str) -> JSON:
        return self._artifact(digest).config

    def rows(self, digest: str, layer: str) -> Iterable[bytes] | Text:
        found = _layer(self._artifact(digest).manifest, layer)
        if found is None:
            raise NotFound(f"{digest} has no layer {layer!r}", f"{digest} 没有数据层 {layer!r}")
        if found.digest in self._bundle.blobs and self._bundle.header.mode == "open":
            return self._bundle.rows(found.digest)
        if self._bundle.header.mode == "sealed":
            return Text("sealed", "封存")
        if found.is_external:
            return Text("external", "外部数据层")
        if digest in self._bundle.header.withdrawn:
            return Text("withdrawn", "已撤回")
        raise NotFound(f"layer {layer!r} of {digest} is missing", f"缺少 {digest} 的数据层 {layer!r}")

    def _artifact(self, digest: str) -> Artifact:
        found = self._bundle.walk.artifacts.get(digest)
        if found is None or found.config is None:
            raise NotFound(f"{digest} was counted in, but is not in the bundle", f"计数来源 {digest} 不在材料包中")
        return found


def _layer(manifest: Manifest, title: str) -> Layer | None:
    return next((layer for layer in manifest.layers if layer.title == title), None)


def _size_problem(bundle: Bundle, digest: str, layer: Layer) -> list[Problem]:
    found = bundle.zip.size(form.blob_name(layer.digest))
    if found == layer.size:
        return []
    text = Text(
        f"its layer {layer.title!r} has {found} bytes, not {layer.size}",
        f"数据层 {layer.title!r} 为 {found} 字节，应为 {layer.size}",
    )
    return [Problem(digest, text)]


def _chain_problems(bundle: Bundle) -> Iterable[Problem]:
    """Yield what is wrong with the rotation chain, and where a key artifact says something else."""
    for before, link in zip(bundle.keys, bundle.keys[1:], strict=False):
        message = form.ROTATION_STATEMENT + link.public_key
        if link.replaces != before.fingerprint or not ed25519.verify(before.public_key, message, link.signature or b""):
            text = Text(
                f"{link.fingerprint} is not signed for by {before.fingerprint}",
                f"{link.fingerprint} 未得到 {before.fingerprint} 的签名认可",
            )
            yield Problem(form.KEYS, text)
    for link in bundle.keys:
        artifact = bundle.walk.artifacts.get(link.artifact) if link.artifact else None
        if link.artifact is None or artifact is None:
            continue  # a missing key artifact is a lineage problem
        said = artifact.config or {}
        if artifact.manifest.kind != "key/v1" or any(
            said.get(name) != value for name, value in link.to_json().items() if name != "artifact"
        ):
            yield Problem(link.artifact, Text("it says something else about its key", "对密钥的记载不一致"))


def _is_signed_by(bundle: Bundle, link: form.KeyLink) -> bool:
    try:
        verify_signed(bundle.checkpoint.to_text(), link.public_key)
    except Corrupt:
        return False
    return True


def run_check(check: Check, bundle: Bundle, key: str | None) -> Outcome:
    """Return the outcome; a file that cannot be read becomes its problem."""
    try:
        return check(bundle, key)
    except QuanhengError as error:
        return Outcome(Text("not completed", "未能完成"), [Problem(form.BUNDLE, error.text)])
