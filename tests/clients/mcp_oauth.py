"""What an assistant does without a key, with the official MCP client of either generation. The server's address is the argument.
Prints the address that its user is to open, reads where the user was led back, and prints what it was told, as JSON."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlparse

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

try:
    import httpx2 as httpx
    from mcp import Client
    from mcp.shared.auth import AuthorizationCodeResult
except ImportError:
    import httpx
    from mcp import ClientSession

    Client = None


class Memory:
    """Keeps what the client would keep on the disk."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def ask(address: str) -> None:
    print(address, flush=True)


async def answered():
    line = await asyncio.to_thread(sys.stdin.readline)
    told = {name: values[0] for name, values in parse_qs(urlparse(line.strip()).query).items()}
    if Client:
        return AuthorizationCodeResult(code=told["code"], state=told["state"], iss=told["iss"])
    return told["code"], told["state"]


async def main(url: str) -> dict:
    memory = Memory()
    about = OAuthClientMetadata(client_name="Assistant of Python", redirect_uris=["http://localhost:3030/callback"])
    auth = OAuthClientProvider(url, about, memory, redirect_handler=ask, callback_handler=answered)

    async def use(list_tools, call_tool) -> dict:
        told = {"tools": [tool.name for tool in (await list_tools()).tools]}
        first = memory.tokens
        # An hour later.
        auth.context.token_expiry_time = 1
        await call_tool("get_memories", {})
        told["refreshed"] = memory.tokens.access_token != first.access_token
        # The user has not allowed this: it asks for more.
        result = await call_tool("create_memory", {"content": "User grows tomatoes"})
        told["created"] = json.loads(result.content[0].text)["memory"]["content"]
        told["scope"] = memory.tokens.scope
        return told

    async with httpx.AsyncClient(auth=auth, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        if Client:
            async with Client(transport) as client:
                return await use(client.list_tools, client.call_tool)
        async with transport as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await use(session.list_tools, session.call_tool)


print(json.dumps(asyncio.run(main(sys.argv[1]))))
