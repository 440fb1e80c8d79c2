"""What an assistant does with the official MCP client: the server's address is the argument, the key is in
OMI_MCP_KEY. Prints what it was told, as JSON."""

import asyncio
import json
import os
import sys

import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, key: str) -> dict:
    http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30)
    async with http, streamable_http_client(url, http_client=http) as (read, write, _):
        async with ClientSession(read, write) as session:

            async def call(tool: str, **arguments) -> dict:
                result = await session.call_tool(tool, arguments)
                assert not result.isError, result
                return json.loads(result.content[0].text)

            told = {"server": (await session.initialize()).serverInfo.name}
            told["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
            told["created"] = await call("create_memory", content="User grows tomatoes")
            told["memories"] = await call("get_memories")
            told["conversations"] = await call("get_conversations", limit=5)
            newest = told["conversations"]["conversations"][0]["id"]
            told["conversation"] = await call("get_conversation_by_id", conversation_id=newest)
            try:
                await call("get_conversation_by_id", conversation_id="00000000-0000-4000-8000-000000000000")
            except McpError as error:
                told["absent"] = error.error.code
            return told


print(json.dumps(asyncio.run(main(sys.argv[1], os.environ["OMI_MCP_KEY"]))))
