"""What can go wrong with an endpoint, each as one clear error. The codes are stable."""

from __future__ import annotations

from quanheng.errors import Corrupt, Forbidden, Invalid, NotFound, QuanhengError, Unavailable

#: A service's own words are quoted up to this many characters.
QUOTE_CHARACTERS = 200
#: What a reply should be, in English and Chinese.
CHAT = ("a chat completion", "对话补全结果")
EMBEDDINGS = ("the embeddings of the texts", "各段文本的向量")
#: After these errors no further question has a chance: the run stops, and what was answered stays cached.
STOPS_RUN = frozenset({"endpoint_down", "endpoint_refused_auth"})


def quote(text: str) -> str:
    """Return the beginning of `text` on one line, without anything unprintable."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= QUOTE_CHARACTERS else line[:QUOTE_CHARACTERS] + "…"


def down(url: str, why: str) -> Unavailable:
    """Return the error for a service that cannot be reached, or says that it cannot serve."""
    return Unavailable(
        f"the endpoint {url} cannot be reached: {why}",
        f"无法连接模型服务 {url}：{why}",
        hint=(
            "Check that the service runs and the address is right, then run again; answers already given are kept.",
            "请确认服务已启动、地址正确，然后重新运行；已得到的回答会保留。",
        ),
        code="endpoint_down",
    )


def slow(url: str, seconds: float) -> Unavailable:
    """Return the error for an answer that did not come in time."""
    return Unavailable(
        f"the endpoint {url} gave no whole answer within {seconds:g} s",
        f"模型服务 {url} 在 {seconds:g} 秒内没有给出完整回答",
        hint=("Allow more time, or ask for fewer tokens.", "请延长时限，或减少生成的 token 数。"),
        code="endpoint_slow",
    )


def rubbish(url: str, what: str, expected: tuple[str, str] = CHAT) -> Unavailable:
    """Return the error for a reply that is not what an OpenAI-compatible service sends; `expected`: en and zh."""
    return Unavailable(
        f"the endpoint {url} did not send {expected[0]}: {quote(what)}",
        f"模型服务 {url} 返回的不是{expected[1]}：{quote(what)}",
        hint=(
            "Check that the address is the base of an OpenAI-compatible service, usually ending in /v1.",
            "请确认地址是兼容 OpenAI 接口的服务的根地址，通常以 /v1 结尾。",
        ),
        code="endpoint_rubbish",
    )


def throttled(url: str, wait_s: float | None) -> Unavailable:
    """Return the error for a service that keeps saying "too many requests"; `wait_s`: what it asks to wait."""
    en = f"; it asks to wait {wait_s:.0f} s" if wait_s is not None else ""
    zh = f"；要求等待 {wait_s:.0f} 秒" if wait_s is not None else ""
    return Unavailable(
        f"the endpoint {url} limits the rate of requests (429){en}",
        f"模型服务 {url} 限制请求频率（429）{zh}",
        hint=(
            "Run again later or with less concurrency; answers already given are kept.",
            "请稍后重新运行，或降低并发数；已得到的回答会保留。",
        ),
        code="endpoint_throttled",
    )


def refused_auth(url: str, status: int) -> Forbidden:
    """Return the error for a key that is missing or not accepted."""
    return Forbidden(
        f"the endpoint {url} does not accept the key ({status})",
        f"模型服务 {url} 不接受该密钥（{status}）",
        hint=(
            "Put a valid key into an environment variable and give its name.",
            "请把有效密钥放入环境变量，并给出该变量的名称。",
        ),
        code="endpoint_refused_auth",
    )


def refused(url: str, status: int, body: str) -> Invalid:
    """Return the error for a service that serves no request as it is set up: no such model, no balance left."""
    said_en, said_zh = (f": {quote(body)}", f"：{quote(body)}") if body.strip() else ("", "")
    return Invalid(
        f"the endpoint {url} refuses to serve ({status}){said_en}",
        f"模型服务 {url} 拒绝提供服务（{status}）{said_zh}",
        hint=(
            "Check the address, the model name and the balance of the account, then run again; answers already given "
            "are kept.",
            "请检查地址、模型名称和账户余额，然后重新运行；已得到的回答会保留。",
        ),
        code="endpoint_refused",
    )


def rejected(url: str, status: int, body: str) -> Invalid:
    """Return the error for a request that the service understood and turned down."""
    said_en, said_zh = (f": {quote(body)}", f"：{quote(body)}") if body.strip() else ("", "")
    return Invalid(
        f"the endpoint {url} rejected the request ({status}){said_en}",
        f"模型服务 {url} 拒绝了该请求（{status}）{said_zh}",
        hint=(
            "Check the model name, the decoding settings, the account and the length of the text; a service may also "
            "turn down what a text says.",
            "请检查模型名称、解码参数、账户状态和文本长度；也可能是服务拒绝了文本的内容。",
        ),
        code="endpoint_rejected",
    )


def not_served_here(model: str) -> Unavailable:
    """Return the error for a local model whose server does not run on this machine now."""
    return Unavailable(
        f"the local model {quote(model)} is not served on this machine now",
        f"本地模型 {quote(model)} 当前没有在本机提供服务",
        hint=(
            "A local model answers on its own machine only: use the setting executor = local, or register an endpoint "
            "by its address.",
            "本地模型只在所在机器上应答：请使用设置 executor = local，或按网络地址登记端点。",
        ),
        code="not_served_here",
    )


def no_key(name: str) -> NotFound:
    """Return the error for an environment variable that is not set."""
    return NotFound(
        f"the environment variable {name!r} that should hold the key is not set",
        f"应存放密钥的环境变量 {name!r} 没有设置",
        hint=(f"Set it: export {name}=…", f"请设置：export {name}=…"),
        code="no_key",
    )


def whose_key(common: str, own: str) -> NotFound:
    """Return the error for a common key where the endpoints are of several services."""
    return NotFound(
        f"the endpoints are of several services, so none is sent the key in {common}; {own} is not set",
        f"各端点属于不同的服务，因此不会向它们发送 {common} 中的密钥；而 {own} 没有设置",
        hint=(
            f"Give each its own: export {own}=…; an empty one where it needs no key.",
            f"请分别设置：export {own}=…；不需要密钥的，设为空。",
        ),
        code="no_key",
    )


def extra_missing(what_en: str, what_zh: str, extra: str) -> Unavailable:
    """Return the error for an optional package that is not installed."""
    return Unavailable(
        f"{what_en} is not installed",
        f"没有安装{what_zh}",
        hint=(f"Install it: pip install 'quanheng[{extra}]'", f"请安装：pip install 'quanheng[{extra}]'"),
        code="extra_missing",
    )


def weights_differ(path: str, expected: str, found: str) -> Corrupt:
    """Return the error for a model file that is not the one its artifact names."""
    return Corrupt(
        f"the model file {path} has digest {found}, not {expected}",
        f"模型文件 {path} 的摘要值是 {found}，不是 {expected}",
        hint=(
            "Put the right file there again; a half-written file is replaced by the demonstration.",
            "请重新放入正确的文件；演示会自动替换未写完的文件。",
        ),
        code="weights_differ",
    )


def local_failed(why: str) -> Unavailable:
    """Return the error for a local model that did not start."""
    return Unavailable(
        f"the local model did not start: {quote(why)}",
        f"本地模型未能启动：{quote(why)}",
        hint=(
            "Check that the file is a whole GGUF model, the chat template is valid, and there is memory for it.",
            "请确认文件是完整的 GGUF 模型、对话模板有效，且内存足够。",
        ),
        code="local_model_failed",
    )


def engine_differs(expected: str, found: str) -> Invalid:
    """Return the error for a local engine of another version than the endpoint states."""
    return Invalid(
        f"the endpoint states engine {expected}, installed is {found}",
        f"该端点记录的引擎是 {expected}，已安装的是 {found}",
        hint=(
            "Make a new endpoint with the installed engine, or install the stated one.",
            "请用已安装的引擎新建端点，或安装所记录的版本。",
        ),
        code="engine_differs",
    )


def stops_run(error: QuanhengError) -> bool:
    """Return whether after `error` no further question has a chance."""
    return error.code in STOPS_RUN
