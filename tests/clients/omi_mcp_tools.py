"""The tools of the published omi-mcp, against the server whose address is the argument; the key is in OMI_API_KEY.
Prints the names of the tools, then reads a call a line, {"tool", "arguments"}, and answers a line to each: {"data"}
or {"error"}."""

import asyncio
import json
import sys

import omi_mcp.api_client
from fastmcp import Client
from fastmcp.exceptions import ToolError
from omi_mcp.server import mcp

omi_mcp.api_client.BASE_URL = f"{sys.argv[1]}/v1/dev/user"


async def answer(client: Client, call: dict) -> dict:
    try:
        return {"data": (await client.call_tool(call["tool"], call["arguments"])).data}
    except ToolError as error:
        return {"error": str(error)}


async def main() -> None:
    async with Client(mcp) as client:
        print(json.dumps(sorted(tool.name for tool in await client.list_tools())), flush=True)
        for line in sys.stdin:
            print(json.dumps(await answer(client, json.loads(line))), flush=True)


asyncio.run(main())
