"""A probe of many images: a process of its own (``python probing.py FILE``).

FILE is JSON: ``images``, and ``username`` and ``password`` for all of them.
"""

import asyncio
import gc
import json
import sys
from pathlib import Path

from regcred.core.credential import Credential, Password
from regcred.core.image import parse_image
from regcred.core.platform import Platform
from regcred.registry.prober import Prober


async def probe(job: dict) -> None:
    credential = Credential("", job["username"], Password(job["password"]))
    async with Prober(env={}) as prober:
        answers = await asyncio.gather(
            *(
                prober.probe(parse_image(image), credential, Platform("linux", "amd64"))
                for image in job["images"]
            )
        )
    assert all(answer.reason == "Ok" for answer in answers), answers


if __name__ == "__main__":
    asyncio.run(probe(json.loads(Path(sys.argv[1]).read_bytes())))
    gc.freeze()  # as regcred's own programs end
