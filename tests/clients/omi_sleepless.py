"""The published omi-cli that never sleeps between its tries. With --lose-first-answer before its arguments, the first
answer gets lost on its way: the server has done its work, the client sees a time-out."""

import sys
import time

import httpx

time.sleep = lambda seconds: None

if sys.argv[1] == "--lose-first-answer":
    del sys.argv[1]
    send = httpx.Client.request
    lost = []

    def lose_first(client, *arguments, **more):
        answer = send(client, *arguments, **more)
        if lost:
            return answer
        lost.append(answer)
        raise httpx.ReadTimeout("the answer was lost")

    httpx.Client.request = lose_first

from omi_cli.main import main  # noqa: E402

main()
