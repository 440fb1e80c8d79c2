"""The same as mcp_bridge.py with the second generation of the official client, which speaks the newest revision when the
mode is "auto", and agrees on an older one when it is "legacy". Arguments: the mode, the server's address."""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(mode: str, url: str, key: str) -> dict:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30)
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        told = {"revision": client.protocol_version, "server": client.server_info.name}
        told["tools"] = sorted(tool.name for tool in (await client.list_tools()).tools)
        created = await client.call_tool("create_memory", {"content": f"User asked with {mode}"})
        told["created"] = created.structured_content["memory"]["content"]
        found = await client.call_tool("get_memories", {"limit": 500})
        told["memories"] = [memory["content"] for memory in found.structured_content["memories"]]
        return told


print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], os.environ["OMI_MCP_KEY"]))))
