"""The floor: a bare loop over aiohttp, httpx or the openai SDK; no journal, no checks, no retries of its own."""

import asyncio
import json
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
URL = job["url"] + "/chat/completions"


def body(number):
    messages = [{"role": "user", "content": f"Write question {number}."}]
    return {"model": "mock-model", "messages": messages, "seed": number + 1, "max_tokens": 64}


async def with_aiohttp(one):
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(number):
            async with session.post(URL, json=body(number), timeout=aiohttp.ClientTimeout(total=5)) as reply:
                reply.raise_for_status()
                return (await reply.json())["choices"][0]["message"]["content"]

        await one(ask)


async def with_httpx(one):
    import httpx

    limits = httpx.Limits(max_connections=job["in_flight"], max_keepalive_connections=job["in_flight"])
    async with httpx.AsyncClient(limits=limits, timeout=5) as client:

        async def ask(number):
            reply = await client.post(URL, json=body(number))
            reply.raise_for_status()
            return reply.json()["choices"][0]["message"]["content"]

        await one(ask)


async def with_openai(one):
    import openai

    async with openai.AsyncOpenAI(base_url=job["url"], api_key="none", timeout=5) as client:

        async def ask(number):
            reply = await client.chat.completions.create(**body(number))
            return reply.choices[0].message.content

        await one(ask)


async def main():
    delivered = 0
    start = time.perf_counter()

    async def every(ask):
        nonlocal delivered
        numbers = iter(range(job["records"]))

        async def worker():
            nonlocal delivered
            for number in numbers:
                try:
                    said = await ask(number)
                    good = "text" in json.loads(said)
                except Exception:  # noqa: BLE001 - whatever the client raises, the record is not delivered
                    continue
                delivered += good

        await asyncio.gather(*(worker() for _ in range(job["in_flight"])))

    await {"aiohttp": with_aiohttp, "httpx": with_httpx, "openai": with_openai}[job["client"]](every)
    answer = {"delivered": delivered, "seconds": time.perf_counter() - start}
    Path(job["answer"]).write_text(json.dumps(answer))


asyncio.run(main())
