"""An assistant that was given an address and nothing else: the official client registers, has its user asked, refreshes its
tokens, and asks again when a tool needs more. Arguments: the generation of the client, the server's address. Prints a line
{"visit"} for each page that the user is to see, reads a line with the address to which the page led, and prints {"told"} at
the end."""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

GENERATION, URL = sys.argv[1:]

if GENERATION == "first":
    import httpx as http
    from mcp import ClientSession
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.auth import OAuthClientMetadata
else:
    import httpx2 as http
    from mcp import Client
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


class Storage:
    tokens = client = None
    kept = 0

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.kept += 1

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


visits = 0


async def visit(url: str) -> None:
    global visits
    visits += 1
    print(json.dumps({"visit": url}), flush=True)


async def led():
    line = await asyncio.to_thread(sys.stdin.readline)
    led = {name: values[0] for name, values in parse_qs(urlsplit(line.strip()).query).items()}
    if GENERATION == "first":
        return led["code"], led.get("state")
    return AuthorizationCodeResult(code=led["code"], state=led.get("state"), iss=led.get("iss"))


async def talk(list_tools, call_tool, storage: Storage, provider: OAuthClientProvider) -> dict:
    told = {"tools": sorted(tool.name for tool in (await list_tools()).tools)}
    await call_tool("get_memories", {"limit": 5})
    before, kept = storage.tokens, storage.kept
    provider.context.token_expiry_time = time.time() - 1
    await call_tool("get_memories", {"limit": 5})
    told["refreshed"] = storage.kept == kept + 1 and storage.tokens.access_token != before.access_token
    told["visits before"] = visits
    created = await call_tool("create_memory", {"content": f"User allowed the {GENERATION}"})
    structured = created.structuredContent if GENERATION == "first" else created.structured_content
    told["created"] = structured["memory"]["content"]
    told["visits"] = visits
    return told


async def main() -> dict:
    storage = Storage()
    metadata = OAuthClientMetadata(
        client_name="Test Assistant",
        redirect_uris=["http://127.0.0.1:33418/callback"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(
        URL, metadata, storage, redirect_handler=visit, callback_handler=led
    )
    client = http.AsyncClient(auth=provider, timeout=60)
    if GENERATION == "first":
        async with client, streamable_http_client(URL, http_client=client) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                return await talk(session.list_tools, session.call_tool, storage, provider)
    async with client, Client(streamable_http_client(URL, http_client=client)) as session:
        return await talk(session.list_tools, session.call_tool, storage, provider)


print(json.dumps({"told": asyncio.run(main())}))
