"""The floor: requests sent 64 at a time over bare aiohttp, and nothing else done.

A process of its own (``python floor.py FILE [TOLD]``). FILE is JSON: ``server``, the PEM files
``ca``, ``certificate`` and ``key``, and ``requests``, each with method, path, content type and
body. TOLD is a file for when the first was about to leave (``began``, by `time.monotonic`), and the
seconds that a processor was busy with all of them (``cpu``), as JSON.
"""

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path

import aiohttp

CONCURRENCY = 64


async def send(job: dict) -> None:
    tls = ssl.create_default_context(cafile=job["ca"])
    tls.load_cert_chain(job["certificate"], job["key"])
    requests = iter(job["requests"])

    async def work(session: aiohttp.ClientSession) -> None:
        for method, path, content_type, body in requests:
            async with session.request(
                method,
                job["server"] + path,
                data=json.dumps(body).encode(),
                headers={"Content-Type": content_type},
                ssl=tls,
            ) as response:
                content = await response.read()
                assert response.status in (200, 201), content

    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(CONCURRENCY):
            group.create_task(work(session))


if __name__ == "__main__":
    work = json.loads(Path(sys.argv[1]).read_bytes())
    began, spent = time.monotonic(), time.process_time()
    asyncio.run(send(work))
    told = {"began": began, "cpu": time.process_time() - spent}
    for file in sys.argv[2:]:
        Path(file).write_text(json.dumps(told))
