"""OpenAI's Python client against `graft serve`: ask_openai.py CHAT ENCODER, the addresses of a server with one place and no queue whose adapter "tuned"
calls a tool, and of an encoder. Prints what came as JSON; openai.test.ts says what it has to be."""

import asyncio
import json
import sys

import openai

chat_url, encoder_url = sys.argv[1:]
client = openai.OpenAI(base_url=chat_url, api_key="none", max_retries=5)
create = client.chat.completions.create
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "warm",
            "description": "Warmth",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
]


def user(text):
    return [{"role": "user", "content": text}]


def chat():
    answer = create(model="model", messages=user("Who are you?"), temperature=0, max_completion_tokens=24)
    return {"text": answer.choices[0].message.content, "usage": answer.usage.model_dump(), "model": answer.model}


def stream():
    with create(
        model="model",
        messages=user("Who are you?"),
        temperature=0,
        max_completion_tokens=24,
        stream=True,
        stream_options={"include_usage": True},
    ) as chunks:
        parts = list(chunks)
    pieces = [part.choices[0].delta.content or "" for part in parts if part.choices]
    return {"text": "".join(pieces), "pieces": len(pieces), "usage": parts[-1].usage.model_dump()}


def tools():
    question = user("Is it warm in Oslo?")
    asked = {"model": "tuned", "temperature": 0, "max_completion_tokens": 60, "tools": TOOLS}
    message = create(messages=question, **asked).choices[0].message
    [call] = message.tool_calls
    answer = create(messages=[*question, message, {"role": "tool", "tool_call_id": call.id, "content": "7"}], **asked)
    with client.chat.completions.stream(messages=question, **asked) as events:
        for _ in events:
            pass
        streamed = events.get_final_completion().choices[0].message.tool_calls
    return {
        "name": call.function.name,
        "arguments": json.loads(call.function.arguments),
        "answer": answer.choices[0].message.content,
        "streamed": [json.loads(one.function.arguments) for one in streamed],
    }


def as_json():
    asked = user("Describe the owl as JSON")
    answer = create(model="model", messages=asked, temperature=0, max_completion_tokens=80, response_format={"type": "json_object"})
    return json.loads(answer.choices[0].message.content)


def logprobs():
    answer = create(
        model="model", messages=user("What are you?"), temperature=0, max_completion_tokens=6, logprobs=True, top_logprobs=3
    )
    tokens = answer.choices[0].logprobs.content
    return {
        "text": answer.choices[0].message.content,
        "tokens": "".join(one.token for one in tokens),
        "likeliest": all(one.logprob == one.top_logprobs[0].logprob and len(one.top_logprobs) == 3 for one in tokens),
        "highest": max(one.logprob for one in tokens),
    }


def stop():
    def ask(**more):
        return client.completions.create(model="model", prompt="The owl", temperature=0, max_tokens=12, **more).choices[0]

    whole = ask()
    cut = whole.text[5:8]
    stopped = ask(stop=["unheard", cut])
    return {"text": stopped.text, "wanted": whole.text[: whole.text.index(cut)], "reason": stopped.finish_reason}


def seed():
    def draw(number):
        answer = create(model="model", messages=user("Tell me"), temperature=1.5, seed=number, max_completion_tokens=16)
        return answer.choices[0].message.content

    return [draw(7), draw(7), draw(8)]


def cancelled():
    chunks = create(model="model", messages=user("Who are you?"), temperature=0, stream=True)
    first = next(iter(chunks)).choices[0].delta.role
    chunks.close()
    # The place is free again, at the latest when the client has waited as it is told.
    return {"role": first, "next": chat()["text"]}


def busy():
    async def ask(number):
        asking = openai.AsyncOpenAI(base_url=chat_url, api_key="none", max_retries=0)
        try:
            await asking.chat.completions.create(model="model", messages=user(f"Question {number}"), max_completion_tokens=24)
            return {"status": 200}
        except openai.RateLimitError as error:
            return {"status": error.status_code, "code": error.code, "after": error.response.headers["retry-after"]}

    async def together():
        return await asyncio.gather(*(ask(number) for number in range(6)))

    return asyncio.run(together())


def refused():
    told = []
    for more in ({"model": "oak"}, {"model": "model", "max_tokens": 5000}, {"model": "model", "frequency_penalty": 1}):
        try:
            create(messages=user("Hi"), **more)
        except openai.APIStatusError as error:
            told.append([type(error).__name__, error.status_code, error.code, error.param])
    return told


def embeddings():
    encoder = openai.OpenAI(base_url=encoder_url, api_key="none")
    texts = ["The garden", "An owl by night"]
    # The client asks for base64 unless a form is named.
    forms = [encoder.embeddings.create(model="mean", input=texts, **form).data for form in ({}, {"encoding_format": "float"})]
    return [[one.embedding for one in form] for form in forms]


CASES = [chat, stream, tools, as_json, logprobs, stop, seed, cancelled, busy, refused, embeddings]
print(json.dumps({"models": [one.id for one in client.models.list()], **{case.__name__: case() for case in CASES}}))
