"""What an assistant does that knows no network: it talks to a program of its own, which stands for the server. Arguments:
the program and what it is called with. Prints what it was told, as JSON."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(program: str, *arguments: str) -> dict:
    bridge = StdioServerParameters(command=program, args=list(arguments), env=dict(os.environ))
    async with stdio_client(bridge) as (read, write), ClientSession(read, write) as session:
        begun = await session.initialize()
        told = {"revision": begun.protocolVersion, "server": begun.serverInfo.name}
        told["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
        created = await session.call_tool("create_memory", {"content": "User asked over a bridge"})
        told["created"] = created.structuredContent["memory"]["content"]
        found = await session.call_tool("get_memories", {"limit": 500})
        told["memories"] = [memory["content"] for memory in found.structuredContent["memories"]]
        return told


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
