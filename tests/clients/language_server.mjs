// An OpenAI-shaped chat endpoint over a real, small model: json_schema by a grammar, json_object, and streams.
//
//   node language_server.mjs FOLDER      with model.gguf and node_modules/; prints "listening on http://127.0.0.1:PORT",
//                                        ends when standard input does
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(process.argv[2]);
const library = pathToFileURL(join(folder, "node_modules/node-llama-cpp/dist/index.js"));
const { getLlama, LlamaChat, LlamaLogLevel } = await import(library);

const MOST_TOKENS = 160;
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: join(folder, "model.gguf") });
const context = await model.createContext({ contextSize: 2048, threads: 1 });
const sequence = context.getSequence();
const chat = new LlamaChat({ contextSequence: sequence });

const history = (messages) => messages.map(({ role, content }) =>
    role === "system" ? { type: "system", text: content }
    : role === "user" ? { type: "user", text: content }
    : { type: "model", response: [content] });

async function grammarOf(format) {
    if (format?.type === "json_schema") return await llama.createGrammarForJsonSchema(format.json_schema.schema);
    if (format?.type === "json_object") return await llama.getGrammarFor("json");
    return undefined;
}

// One after the other: there is one sequence.
let turn = Promise.resolve();
function inTurn(work) {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
}

async function complete(body, signal, tell) {
    const before = sequence.tokenMeter.getState();
    const { response } = await chat.generateResponse([...history(body.messages), { type: "model", response: [] }], {
        grammar: await grammarOf(body.response_format),
        maxTokens: MOST_TOKENS, temperature: 0, signal, stopOnAbortSignal: true, onTextChunk: tell,
    });
    const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(before);
    return { response, usage: {
        prompt_tokens: usedInputTokens, completion_tokens: usedOutputTokens, total_tokens: usedInputTokens + usedOutputTokens } };
}

async function answer(request, reply) {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = JSON.parse(text);
    const gone = new AbortController();
    reply.on("close", () => gone.abort());
    const piece = (delta, finish_reason = null) => ({
        id: "c", object: "chat.completion.chunk", model: body.model, choices: [{ index: 0, delta, finish_reason }] });
    if (body.stream) {
        reply.writeHead(200, { "content-type": "text/event-stream" });
        const send = (data) => reply.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
        send(piece({ role: "assistant", content: "" }));
        const { usage } = await inTurn(() => complete(body, gone.signal, (content) => send(piece({ content }))));
        send(piece({}, "stop"));
        if (body.stream_options?.include_usage) send({ ...piece({}), choices: [], usage });
        send("[DONE]");
        reply.end();
    } else {
        const { response, usage } = await inTurn(() => complete(body, gone.signal));
        const choices = [{ index: 0, message: { role: "assistant", content: response }, finish_reason: "stop" }];
        reply.writeHead(200, { "content-type": "application/json" });
        reply.end(JSON.stringify({ id: "c", object: "chat.completion", model: body.model, choices, usage }));
    }
}

const server = createServer((request, reply) => {
    if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
        reply.writeHead(404).end();
        return;
    }
    answer(request, reply).catch((error) => {
        if (!reply.headersSent) reply.writeHead(400, { "content-type": "application/json" });
        reply.end(JSON.stringify({ error: { message: String(error.message ?? error) } }));
    });
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
